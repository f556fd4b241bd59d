//! Token usage on the wire, both ways.

use serde::Serialize;
use weir_model::Usage;

use crate::json::walk::Walk;
use crate::openai::scalar::count;

/// Reads a usage report, as far as it can be read; the inner option is `None` for what is no object.
pub(super) fn read(walk: &mut Walk<'_>) -> Option<Option<Usage>> {
    if !walk.begins(b'{') {
        return walk.skip().map(|_| None);
    }
    let mut usage = Usage::default();
    walk.object(|walk, key| {
        match key {
            b"input_tokens" => usage.input_tokens = count(walk.raw()?),
            b"output_tokens" => usage.output_tokens = count(walk.raw()?),
            b"input_tokens_details" => walk.object(|walk, key| {
                match key {
                    b"cached_tokens" => usage.cache_read_tokens = count(walk.raw()?),
                    b"cache_write_tokens" => usage.cache_write_tokens = count(walk.raw()?),
                    _ => return walk.skip().map(drop),
                }
                Some(())
            })?,
            b"output_tokens_details" => walk.object(|walk, key| {
                match key {
                    b"reasoning_tokens" => usage.reasoning_tokens = count(walk.raw()?),
                    _ => return walk.skip().map(drop),
                }
                Some(())
            })?,
            _ => return walk.skip().map(drop),
        }
        Some(())
    })?;
    // What was cached was input, and what was thought was output, whatever the report adds up.
    let cached = usage
        .cache_read_tokens
        .saturating_add(usage.cache_write_tokens);
    usage.input_tokens = usage.input_tokens.max(cached);
    usage.output_tokens = usage.output_tokens.max(usage.reasoning_tokens);
    Some(Some(usage))
}

/// A usage report as clients expect it.
#[derive(Debug, Serialize)]
pub(super) struct SentUsage {
    input_tokens: u64,
    input_tokens_details: SentInput,
    output_tokens: u64,
    output_tokens_details: SentOutput,
    total_tokens: u64,
}

#[derive(Debug, Serialize)]
struct SentInput {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Debug, Serialize)]
struct SentOutput {
    reasoning_tokens: u64,
}

impl From<&Usage> for SentUsage {
    fn from(usage: &Usage) -> SentUsage {
        SentUsage {
            input_tokens: usage.input_tokens,
            input_tokens_details: SentInput {
                cached_tokens: usage.cache_read_tokens,
                cache_write_tokens: usage.cache_write_tokens,
            },
            output_tokens: usage.output_tokens,
            output_tokens_details: SentOutput {
                reasoning_tokens: usage.reasoning_tokens,
            },
            total_tokens: usage.total_tokens(),
        }
    }
}
