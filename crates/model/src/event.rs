//! The stream grammar: what a streamed answer is made of. [`crate::Laws`] checks its laws.

use serde::Serialize;

use crate::{Finish, Json, Rejection, Usage};

/// One step of a streamed answer.
///
/// Laws: `Start` comes first and once. A `Delta` stands in an open block and fits its kind. Each
/// block is opened once and closed once, before the `Finish` of its choice; each choice that was
/// opened finishes at most once, and exactly once before `End`. `Usage` comes before `End`. The
/// last event is `End` or `Failed`, once.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The answer begins.
    Start {
        /// The vendor's id of the answer.
        id: Option<String>,
        /// The model that answers.
        model: Option<String>,
        /// When, in seconds since the Unix epoch.
        created: Option<i64>,
    },
    /// A block begins.
    Open {
        /// Which answer, from 0.
        choice: u32,
        /// Which block of that answer, from 0 in order of opening.
        block: u32,
        /// What it will hold.
        kind: Opened,
    },
    /// A block grows.
    Delta {
        /// Which answer.
        choice: u32,
        /// Which open block.
        block: u32,
        /// By what.
        delta: Delta,
        /// Log probabilities of these tokens: the vendor's objects.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        logprobs: Vec<Json>,
    },
    /// A block is complete.
    Close {
        /// Which answer.
        choice: u32,
        /// Which open block.
        block: u32,
    },
    /// An answer is complete.
    Finish {
        /// Which answer.
        choice: u32,
        /// Why.
        finish: Finish,
    },
    /// A report of what was used so far; the largest figure of each class counts.
    Usage(Usage),
    /// The vendor is alive.
    Ping,
    /// Something only its own dialect understands.
    Opaque {
        /// The vendor's name of the thing.
        kind: String,
    },
    /// The stream ended as it should.
    End,
    /// The stream ended in an error.
    Failed(Rejection),
}

/// What a new block will hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Opened {
    /// Text.
    Text,
    /// Readable reasoning.
    Reasoning,
    /// Reasoning that only the vendor can read; complete at once.
    RedactedReasoning {
        /// Opaque.
        data: String,
    },
    /// A tool call, whose arguments follow.
    ToolCall {
        /// Names the call.
        id: String,
        /// The tool.
        name: String,
    },
    /// A refusal in words.
    Refusal,
    /// Something only its own dialect understands; its deltas are not shown.
    Opaque {
        /// The vendor's name of the thing.
        name: String,
        /// As it came.
        json: Json,
    },
}

/// How a block grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delta {
    /// More text, in a text block.
    Text(String),
    /// A source for the text so far, in a text block: the vendor's own object.
    Citation(Json),
    /// More reasoning, in a reasoning block.
    Reasoning(String),
    /// The vendor's proof, in a reasoning block.
    Signature(String),
    /// More of the arguments' JSON text, in a tool call.
    Arguments(String),
    /// More words, in a refusal.
    Refusal(String),
}

impl Delta {
    /// How many bytes of text it adds to the answer; signatures and citations add none.
    pub fn text_len(&self) -> usize {
        match self {
            Delta::Text(t) | Delta::Reasoning(t) | Delta::Arguments(t) | Delta::Refusal(t) => {
                t.len()
            }
            Delta::Citation(_) | Delta::Signature(_) => 0,
        }
    }

    /// Whether it may stand in a block of this kind.
    pub fn fits(&self, kind: &Opened) -> bool {
        matches!(
            (self, kind),
            (Delta::Text(_) | Delta::Citation(_), Opened::Text)
                | (Delta::Reasoning(_) | Delta::Signature(_), Opened::Reasoning)
                | (Delta::Arguments(_), Opened::ToolCall { .. })
                | (Delta::Refusal(_), Opened::Refusal)
        )
    }
}
