//! Token usage on the wire, both ways. The only place that knows how vendors of this dialect
//! differ in what they count.

use serde::Serialize;
use weir_model::Usage;

use crate::json::walk::Walk;
use crate::openai::scalar::count;

/// Reads a usage report, as far as it can be read; the inner option is `None` for what is no object.
/// <https://platform.openai.com/docs/api-reference/chat/object>
pub(super) fn read(walk: &mut Walk<'_>) -> Option<Option<Usage>> {
    if !walk.begins(b'{') {
        return walk.skip().map(|_| None);
    }
    let mut usage = Usage::default();
    let mut total = 0;
    walk.object(|walk, key| match key {
        b"prompt_tokens" => set(&mut usage.input_tokens, walk),
        b"completion_tokens" => set(&mut usage.output_tokens, walk),
        b"total_tokens" => set(&mut total, walk),
        b"prompt_tokens_details" => input_details(walk, &mut usage),
        b"completion_tokens_details" => output_details(walk, &mut usage),
        // DeepSeek's name of cached tokens, and Moonshot's.
        b"prompt_cache_hit_tokens" | b"cached_tokens" => set(&mut usage.cache_read_tokens, walk),
        // Perplexity's searches.
        b"num_search_queries" => set(&mut usage.web_searches, walk),
        _ => walk.skip().map(drop),
    })?;
    // What was cached was input, even where the report leaves it out of `prompt_tokens`.
    let from_cache = usage
        .cache_read_tokens
        .saturating_add(usage.cache_write_tokens);
    usage.input_tokens = usage.input_tokens.max(from_cache);
    // xAI and Gemini leave reasoning out of `completion_tokens`, but not out of the total.
    let beyond_input = total.saturating_sub(usage.input_tokens);
    usage.output_tokens = usage.output_tokens.max(beyond_input);
    Some(Some(usage))
}

fn input_details(walk: &mut Walk<'_>, usage: &mut Usage) -> Option<()> {
    walk.object(|walk, key| match key {
        b"cached_tokens" => set(&mut usage.cache_read_tokens, walk),
        b"cache_write_tokens" => set(&mut usage.cache_write_tokens, walk),
        b"audio_tokens" => set(&mut usage.input_audio_tokens, walk),
        _ => walk.skip().map(drop),
    })
}

fn output_details(walk: &mut Walk<'_>, usage: &mut Usage) -> Option<()> {
    walk.object(|walk, key| match key {
        b"reasoning_tokens" => set(&mut usage.reasoning_tokens, walk),
        b"audio_tokens" => set(&mut usage.output_audio_tokens, walk),
        _ => walk.skip().map(drop),
    })
}

/// Reads a count. Several fields may say the same: the largest counts.
fn set(tokens: &mut u64, walk: &mut Walk<'_>) -> Option<()> {
    *tokens = count(walk.raw()?).max(*tokens);
    Some(())
}

/// A usage report as clients expect it.
#[derive(Debug, Serialize)]
pub(super) struct SentUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: SentInput,
    completion_tokens_details: SentOutput,
}

#[derive(Debug, Serialize)]
struct SentInput {
    cached_tokens: u64,
    cache_write_tokens: u64,
    audio_tokens: u64,
}

#[derive(Debug, Serialize)]
struct SentOutput {
    reasoning_tokens: u64,
    audio_tokens: u64,
    accepted_prediction_tokens: u64,
    rejected_prediction_tokens: u64,
}

impl From<&Usage> for SentUsage {
    fn from(usage: &Usage) -> SentUsage {
        SentUsage {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.total_tokens(),
            prompt_tokens_details: SentInput {
                cached_tokens: usage.cache_read_tokens,
                cache_write_tokens: usage.cache_write_tokens,
                audio_tokens: usage.input_audio_tokens,
            },
            completion_tokens_details: SentOutput {
                reasoning_tokens: usage.reasoning_tokens,
                audio_tokens: usage.output_audio_tokens,
                accepted_prediction_tokens: 0,
                rejected_prediction_tokens: 0,
            },
        }
    }
}
