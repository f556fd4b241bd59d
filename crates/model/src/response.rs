//! What a model answers, whole.

use serde::Serialize;

use crate::{Block, Json, Usage};

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Response {
    /// The vendor's id of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The model that the vendor says has answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// When, in seconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// One answer per choice, in order.
    pub choices: Vec<Choice>,
    /// What was used; `None` when the vendor did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The service tier that served it, by the vendor's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
}

impl Response {
    /// How many bytes of text it has, as [`crate::Delta::text_len`] counts them.
    pub fn text_len(&self) -> usize {
        let blocks = self.choices.iter().flat_map(|choice| &choice.blocks);
        blocks.map(|block| block.content.text_len()).sum()
    }
}

/// One of the answers asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Choice {
    /// What was said, in order.
    pub blocks: Vec<Block>,
    /// Why it ended; `None` when the vendor did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<Finish>,
    /// Log probabilities of the tokens: the vendor's objects, one JSON array element each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<Json>,
}

/// Why an answer ended: our word, and the vendor's own beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finish {
    /// Our word.
    pub reason: FinishReason,
    /// The vendor's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native: Option<String>,
    /// Which stop text ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_sequence: Option<String>,
}

impl Finish {
    /// A finish without the vendor's own word.
    pub fn new(reason: FinishReason) -> Finish {
        Finish {
            reason,
            native: None,
            stop_sequence: None,
        }
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model was done, or wrote a stop text.
    Stop,
    /// The token bound was reached.
    Length,
    /// The model waits for tools.
    ToolCalls,
    /// The vendor's filter cut it.
    ContentFilter,
    /// The model declined.
    Refusal,
    /// The vendor paused a long turn; send the answer back to go on.
    Pause,
    /// The context window is full.
    ContextWindow,
    /// A word of the vendor that we do not know; see [`Finish::native`].
    Other,
}

impl FinishReason {
    /// The name used in metrics and the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
            FinishReason::ToolCalls => "tool_calls",
            FinishReason::ContentFilter => "content_filter",
            FinishReason::Refusal => "refusal",
            FinishReason::Pause => "pause",
            FinishReason::ContextWindow => "context_window",
            FinishReason::Other => "other",
        }
    }
}
