//! What a translation may know besides the bytes: the time, fresh ids, and what the target can do.

use std::cell::Cell;

/// The context of one translation. Filled by the gateway, so that dialects stay pure.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'a> {
    /// Seconds since the Unix epoch.
    pub now_s: i64,
    /// Mints ids.
    pub ids: &'a IdMint,
    /// How the provider departs from its dialect.
    pub quirks: &'a Quirks,
    /// What the upstream model can do.
    pub capabilities: &'a Capabilities,
}

/// Mints ids that are unique in one call and stable for one seed.
#[derive(Debug)]
pub struct IdMint {
    seed: u128,
    next: Cell<u32>,
}

impl IdMint {
    /// Ids derived from `seed`, which is random per call.
    pub fn new(seed: u128) -> IdMint {
        IdMint {
            seed,
            next: Cell::new(0),
        }
    }

    /// The next id: `prefix` and 24 characters of `[0-9a-z]`.
    pub fn mint(&self, prefix: &str) -> String {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghijkmnpqrstuvwx";
        let count = self.next.get();
        self.next.set(count.wrapping_add(1));
        // Multiplying by an odd number keeps ids of one seed distinct and looks unrelated.
        let mut bits = (self.seed ^ u128::from(count))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            .rotate_left(64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let mut id = String::with_capacity(prefix.len() + 24);
        id.push_str(prefix);
        for _ in 0..24 {
            id.push(char::from(DIGITS[(bits >> 123) as usize]));
            bits <<= 5;
        }
        id
    }
}

/// How a provider departs from its dialect. Shipped as data in the catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Top-level request fields that the provider refuses: removed before sending, as a named loss.
    pub drop: Vec<String>,
    /// Top-level request fields under another name: `(standard, theirs)`.
    pub rename: Vec<(String, String)>,
    /// `developer` messages must be sent as `system`.
    pub developer_as_system: bool,
    /// Message content must be one string, not a list of parts.
    pub string_content: bool,
    /// The message field in which earlier reasoning is sent back (`reasoning_content`, `reasoning`);
    /// not sent at all when `None`.
    pub reasoning_field: Option<String>,
    /// A message that carries reasoning in another field than that is refused: it is removed, as a
    /// named loss.
    pub refuses_reasoning: bool,
    /// Ids of tool calls must be nine letters and digits; others are replaced.
    pub short_call_ids: bool,
    /// JSON-schema output is not supported; `json_object` is sent instead, as a named loss.
    pub no_json_schema: bool,
    /// Models with this in their name take earlier thinking back only when it is signed; all of
    /// them when it is empty. Thinking without a signature is removed, as a named loss.
    pub signed_thinking: Option<String>,
    /// Answers of the Responses API are not stored there.
    pub keeps_no_responses: bool,
}

/// What an upstream model can do. `Default` is a model about which nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Most input and output tokens together.
    pub context_window: Option<u64>,
    /// Most output tokens.
    pub max_output_tokens: Option<u64>,
    /// How thinking is asked for.
    pub reasoning: ReasoningControl,
    /// Whether sampling parameters (temperature, top_p, top_k) are refused.
    pub no_sampling: bool,
    /// Whether `temperature` and `top_p` are refused together.
    pub temperature_xor_top_p: bool,
    /// Whether the answer can be shaped by a JSON schema natively.
    pub json_schema: bool,
    /// Whether an assistant message may come last, to be continued.
    pub no_prefill: bool,
    /// Whether system messages may stand in mid-conversation.
    pub mid_system: bool,
}

/// How thinking is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReasoningControl {
    /// The model is not known to think: ask as the client asked.
    #[default]
    Unknown,
    /// The model does not think.
    None,
    /// By a budget of tokens.
    Budget,
    /// By an effort, the model decides the rest.
    Adaptive,
    /// By an effort word.
    Effort,
}
