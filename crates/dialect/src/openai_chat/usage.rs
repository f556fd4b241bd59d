//! Token usage on the wire, both ways. The only place that knows how vendors of this dialect
//! differ in what they count.

use serde::{Deserialize, Serialize};
use weir_model::Usage;

use super::wire::Count;

/// A usage report. <https://platform.openai.com/docs/api-reference/chat/object>
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireUsage {
    prompt_tokens: Count,
    completion_tokens: Count,
    total_tokens: Count,
    prompt_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
    /// DeepSeek's name of cached tokens.
    prompt_cache_hit_tokens: Count,
    /// Moonshot's.
    cached_tokens: Count,
    /// Perplexity's searches.
    num_search_queries: Count,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Count,
    cache_write_tokens: Count,
    audio_tokens: Count,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Count,
    audio_tokens: Count,
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Usage {
        let input = wire.prompt_tokens_details.unwrap_or_default();
        let output = wire.completion_tokens_details.unwrap_or_default();
        let cached = [
            input.cached_tokens,
            wire.prompt_cache_hit_tokens,
            wire.cached_tokens,
        ];
        let cache_read_tokens = cached.map(|c| c.0).into_iter().max().unwrap_or(0);
        let cache_write_tokens = input.cache_write_tokens.0;
        // What was cached was input, even where the report leaves it out of `prompt_tokens`.
        let from_cache = cache_read_tokens.saturating_add(cache_write_tokens);
        let input_tokens = wire.prompt_tokens.0.max(from_cache);
        // xAI and Gemini leave reasoning out of `completion_tokens`, but not out of the total.
        let beyond_input = wire.total_tokens.0.saturating_sub(input_tokens);
        Usage {
            input_tokens,
            cache_read_tokens,
            cache_write_tokens,
            cache_write_1h_tokens: 0,
            input_audio_tokens: input.audio_tokens.0,
            output_tokens: wire.completion_tokens.0.max(beyond_input),
            reasoning_tokens: output.reasoning_tokens.0,
            output_audio_tokens: output.audio_tokens.0,
            web_searches: wire.num_search_queries.0,
        }
    }
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
