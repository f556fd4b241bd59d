//! Token counts. Anthropic's `input_tokens` leave out what the cache gave or took; ours hold it
//! all: <https://platform.claude.com/docs/en/build-with-claude/prompt-caching>.

use serde::{Deserialize, Serialize};
use weir_model::Usage;

/// `usage` as it is received, whole or in a stream; also one of its `iterations`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct UsageIn {
    #[serde(rename = "type")]
    kind: Option<String>,
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
    server_tool_use: Option<ServerToolUse>,
    iterations: Option<Vec<UsageIn>>,
    /// The tier that served the request.
    pub(super) service_tier: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: u64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct ServerToolUse {
    web_fetch_requests: u64,
    web_search_requests: u64,
}

impl From<&UsageIn> for Usage {
    fn from(wire: &UsageIn) -> Usage {
        let mut usage = Usage::default();
        wire.add_to(&mut usage);
        // Steps that compact the conversation are billed on top of the totals; the other steps are
        // part of them, or another model's.
        for step in wire.iterations.iter().flatten() {
            if step.kind.as_deref() == Some("compaction") {
                step.add_to(&mut usage);
            }
        }
        usage
    }
}

impl UsageIn {
    fn add_to(&self, usage: &mut Usage) {
        let creation = self.cache_creation.unwrap_or_default();
        let long = creation.ephemeral_1h_input_tokens;
        let lifetimes = creation.ephemeral_5m_input_tokens.saturating_add(long);
        let write = self.cache_creation_input_tokens.unwrap_or(0).max(lifetimes);
        let read = self.cache_read_input_tokens.unwrap_or(0);
        let plain = self.input_tokens.unwrap_or(0);
        let input = plain.saturating_add(read).saturating_add(write);
        let thinking = self
            .output_tokens_details
            .unwrap_or_default()
            .thinking_tokens;
        let searches = self.server_tool_use.unwrap_or_default().web_search_requests;
        for (total, more) in [
            (&mut usage.input_tokens, input),
            (&mut usage.cache_read_tokens, read),
            (&mut usage.cache_write_tokens, write),
            (&mut usage.cache_write_1h_tokens, long),
            (&mut usage.output_tokens, self.output_tokens.unwrap_or(0)),
            (&mut usage.reasoning_tokens, thinking),
            (&mut usage.web_searches, searches),
        ] {
            *total = total.saturating_add(more);
        }
    }
}

/// `usage` as it is sent.
#[derive(Debug, Default, Serialize)]
pub(super) struct UsageOut<'a> {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<CacheCreation>,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_tool_use: Option<ServerToolUse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

impl<'a> UsageOut<'a> {
    /// Takes our totals apart again. A tier that Anthropic does not know is left out.
    pub(super) fn new(usage: &Usage, service_tier: Option<&'a str>) -> UsageOut<'a> {
        let write = usage.cache_write_tokens;
        let long = usage.cache_write_1h_tokens;
        UsageOut {
            input_tokens: usage
                .input_tokens
                .saturating_sub(usage.cache_read_tokens)
                .saturating_sub(write),
            cache_creation_input_tokens: write,
            cache_read_input_tokens: usage.cache_read_tokens,
            cache_creation: (write > 0).then(|| CacheCreation {
                ephemeral_5m_input_tokens: write.saturating_sub(long),
                ephemeral_1h_input_tokens: long,
            }),
            output_tokens: usage.output_tokens,
            output_tokens_details: (usage.reasoning_tokens > 0).then_some(OutputDetails {
                thinking_tokens: usage.reasoning_tokens,
            }),
            server_tool_use: (usage.web_searches > 0).then_some(ServerToolUse {
                web_fetch_requests: 0,
                web_search_requests: usage.web_searches,
            }),
            service_tier: service_tier
                .filter(|tier| ["standard", "priority", "batch"].contains(tier)),
        }
    }
}
