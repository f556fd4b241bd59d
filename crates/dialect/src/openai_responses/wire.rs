//! What vendors answer, borrowed from their bytes. Lenient: unknown fields are passed over and
//! nulls are absent.

use serde_json::value::RawValue;
use weir_model::{Content, Json, ToolCall, Usage};

use super::proof::{self, OWN};
use super::usage;
use crate::json::walk::Walk;
use crate::openai::scalar::{Count, Text, filled, text};

/// A whole answer, or what frames of a stream say of it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) model: Option<Text<'a>>,
    pub(super) created_at: Option<Count>,
    #[serde(borrow)]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) incomplete_details: Option<Incomplete<'a>>,
    #[serde(borrow)]
    pub(super) output: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) service_tier: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

impl Answer<'_> {
    /// What was used, with the searches that were run.
    pub(super) fn usage(&self, searches: u64) -> Option<Usage> {
        let raw = self.usage?.get().as_bytes();
        let usage = Walk::through(raw, usage::read).flatten()?;
        Some(Usage {
            web_searches: searches,
            ..usage
        })
    }

    /// Why it is incomplete; empty when it does not say.
    pub(super) fn incomplete(&self) -> &str {
        let details = self.incomplete_details.as_ref();
        details.map_or("", |details| text(&details.reason))
    }
}

/// Why an answer is incomplete.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Incomplete<'a> {
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

/// An item of the output, as far as its type goes.
pub(super) enum Item<'a> {
    Message(Vec<Part<'a>>),
    Reasoning(Reasoning<'a>),
    Call(Call<'a>),
    /// An item that OpenAI alone understands, as it came.
    Opaque(Opaque),
}

/// An item that OpenAI alone understands.
pub(super) struct Opaque {
    /// Its type, marked as OpenAI's.
    pub(super) kind: String,
    pub(super) json: Json,
    /// Whether the client has to run it, and whether it is a search that is billed.
    pub(super) called: bool,
    pub(super) searched: bool,
}

/// A part of a message: text or refusal.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Part<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) refusal: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) annotations: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(super) logprobs: Option<Vec<&'a RawValue>>,
}

/// What was thought.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Reasoning<'a> {
    #[serde(borrow)]
    summary: Option<Vec<Thought<'a>>>,
    #[serde(borrow)]
    content: Option<Vec<Thought<'a>>>,
    #[serde(borrow)]
    encrypted_content: Option<Text<'a>>,
}

#[derive(Debug, serde::Deserialize)]
struct Thought<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

/// Between two parts of one thought.
pub(super) const BREAK: &str = "\n\n";

impl Reasoning<'_> {
    /// The summary, or else the thought itself; `None` when neither is shown.
    pub(super) fn text(&self) -> Option<String> {
        let parts = [&self.summary, &self.content].into_iter().flatten();
        let parts = parts.into_iter().find(|parts| !parts.is_empty())?;
        let parts: Vec<_> = parts.iter().map(|part| text(&part.text)).collect();
        Some(parts.join(BREAK))
    }

    /// The proof, for the model.
    pub(super) fn proof(&self) -> Option<String> {
        filled(&self.encrypted_content).map(|proof| proof::from_upstream(&proof))
    }

    /// The block; `None` when there is nothing in it.
    pub(super) fn content(&self) -> Option<Content> {
        match (self.text(), self.proof()) {
            (Some(text), signature) => Some(Content::Reasoning { text, signature }),
            (None, Some(data)) => Some(Content::RedactedReasoning { data }),
            (None, None) => None,
        }
    }
}

/// A call of a function.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    call_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
}

impl Call<'_> {
    /// The call; one without an id of its own goes by that of its item, or by `minted`.
    pub(super) fn content(&self, minted: impl FnOnce() -> String) -> ToolCall {
        let id = filled(&self.call_id).or_else(|| filled(&self.id));
        ToolCall {
            id: id.unwrap_or_else(minted),
            name: text(&self.name).to_owned(),
            arguments: text(&self.arguments).to_owned(),
        }
    }
}

#[derive(serde::Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    action: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Vec<Part<'a>>>,
}

impl<'a> Item<'a> {
    pub(super) fn read(raw: &'a RawValue) -> Result<Item<'a>, serde_json::Error> {
        let json = raw.get();
        let Kind { kind, action } = serde_json::from_str(json)?;
        Ok(match text(&kind) {
            "message" => {
                let message: Message<'_> = serde_json::from_str(json)?;
                Item::Message(message.content.unwrap_or_default())
            }
            "reasoning" => Item::Reasoning(serde_json::from_str(json)?),
            "function_call" => Item::Call(serde_json::from_str(json)?),
            kind => Item::Opaque(Opaque {
                kind: format!("{OWN}{kind}"),
                json: Json::from(raw),
                called: is_call(kind.as_bytes()),
                searched: kind == "web_search_call"
                    && action.is_none_or(|action| {
                        let action: Option<Kind<'_>> = serde_json::from_str(action.get()).ok();
                        action.is_some_and(|action| is_search(text(&action.kind)))
                    }),
            }),
        })
    }
}

/// Whether an item of this type waits for the client to run something.
pub(super) fn is_call(kind: &[u8]) -> bool {
    matches!(kind, b"function_call" | b"custom_tool_call")
}

/// Whether what a web search did is billed as one: opening a page is not.
pub(super) fn is_search(action: &str) -> bool {
    matches!(action, "" | "search")
}
