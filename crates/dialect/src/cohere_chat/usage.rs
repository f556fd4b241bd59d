//! Token counts. `billed_units` is what the account pays for; `tokens` also has what Cohere's own
//! prompt around the messages takes: <https://docs.cohere.com/docs/rate-limits>. Ours are the billed
//! ones, where both are told.

use serde::Serialize;
use weir_model::Usage;

use crate::json::walk::Walk;
use crate::openai::scalar::count;

/// Reads a usage report, as far as it can be read; the inner option is `None` for what is no object.
pub(super) fn read(walk: &mut Walk<'_>) -> Option<Option<Usage>> {
    if !walk.begins(b'{') {
        return walk.skip().map(|_| None);
    }
    let (mut billed, mut all) = (Units::default(), Units::default());
    let mut cached = 0;
    walk.object(|walk, key| match key {
        b"billed_units" => billed.read(walk),
        b"tokens" => all.read(walk),
        b"cached_tokens" => {
            cached = count(walk.raw()?);
            Some(())
        }
        _ => walk.skip().map(drop),
    })?;
    let input_tokens = billed.input.or(all.input).unwrap_or(0);
    Some(Some(Usage {
        input_tokens,
        cache_read_tokens: cached.min(input_tokens),
        output_tokens: billed.output.or(all.output).unwrap_or(0),
        web_searches: billed.searches,
        ..Usage::default()
    }))
}

#[derive(Default)]
struct Units {
    input: Option<u64>,
    output: Option<u64>,
    searches: u64,
}

impl Units {
    fn read(&mut self, walk: &mut Walk<'_>) -> Option<()> {
        walk.object(|walk, key| {
            match key {
                b"input_tokens" => self.input = Some(count(walk.raw()?)),
                b"output_tokens" => self.output = Some(count(walk.raw()?)),
                b"search_units" => self.searches = count(walk.raw()?),
                _ => return walk.skip().map(drop),
            }
            Some(())
        })
    }
}

/// A usage report as clients expect it.
#[derive(Debug, Serialize)]
pub(super) struct SentUsage {
    billed_units: SentBilled,
    tokens: SentTokens,
    #[serde(skip_serializing_if = "is_zero")]
    cached_tokens: u64,
}

#[derive(Debug, Serialize)]
struct SentBilled {
    #[serde(flatten)]
    tokens: SentTokens,
    #[serde(skip_serializing_if = "is_zero")]
    search_units: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct SentTokens {
    input_tokens: u64,
    output_tokens: u64,
}

impl From<&Usage> for SentUsage {
    fn from(usage: &Usage) -> SentUsage {
        let tokens = SentTokens {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
        };
        SentUsage {
            billed_units: SentBilled {
                tokens,
                search_units: usage.web_searches,
            },
            tokens,
            cached_tokens: usage.cache_read_tokens,
        }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
