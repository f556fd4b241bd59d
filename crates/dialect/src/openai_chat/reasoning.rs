//! `reasoning_details`: reasoning together with the vendor's proof of it, in the shape that
//! OpenRouter gave it. A client that sends Weir's assistant message back keeps thinking signatures.
//! <https://openrouter.ai/docs/guides/best-practices/reasoning-tokens>

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use weir_model::{Content, Json};

use super::wire::{Count, Text, filled, text};

/// One entry as vendors and clients send it: often a mere piece of a block.
#[derive(Debug, Deserialize)]
pub(super) struct Detail<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Text<'a>>,
    pub(super) index: Option<Count>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    summary: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
}

/// What an entry says.
pub(super) enum Entry {
    /// More of a readable block.
    Readable {
        text: String,
        signature: Option<String>,
    },
    /// A block that only the vendor can read.
    Encrypted(String),
    /// An entry of a type that we do not know.
    Unknown(String),
}

impl Detail<'_> {
    pub(super) fn entry(&self) -> Entry {
        match text(&self.kind) {
            "reasoning.text" => Entry::Readable {
                text: filled(&self.text).unwrap_or_default(),
                signature: filled(&self.signature),
            },
            "reasoning.summary" => Entry::Readable {
                text: filled(&self.summary).unwrap_or_default(),
                signature: None,
            },
            "reasoning.encrypted" => Entry::Encrypted(filled(&self.data).unwrap_or_default()),
            other => Entry::Unknown(other.to_owned()),
        }
    }
}

/// The blocks of a list of entries. Clients that only append what they were streamed send one
/// block in several entries: those with the same `index` belong together. `plain` is the same
/// reasoning without proofs, and counts where no entry can be read.
pub(super) fn blocks(
    details: &[&RawValue],
    plain: &str,
) -> Result<Vec<Content>, serde_json::Error> {
    let mut blocks: Vec<Content> = Vec::new();
    let mut last = None;
    for raw in details {
        let detail: Detail<'_> = serde_json::from_str(raw.get())?;
        let same_block = detail.index.is_some() && detail.index == last;
        last = detail.index;
        match (detail.entry(), blocks.last_mut()) {
            (
                Entry::Readable { text, signature },
                Some(Content::Reasoning {
                    text: so_far,
                    signature: proof,
                }),
            ) if same_block => {
                so_far.push_str(&text);
                if let Some(more) = signature {
                    proof.get_or_insert_default().push_str(&more);
                }
            }
            (Entry::Readable { text, signature }, _) => {
                blocks.push(Content::Reasoning { text, signature });
            }
            (Entry::Encrypted(data), _) => blocks.push(Content::RedactedReasoning { data }),
            (Entry::Unknown(kind), _) => blocks.push(Content::Opaque {
                kind,
                json: Json::from(*raw),
            }),
        }
    }
    let readable =
        |block: &Content| matches!(block, Content::Reasoning { text, .. } if !text.is_empty());
    if !plain.is_empty() && !blocks.iter().any(readable) {
        let text = plain.to_owned();
        let signature = None;
        blocks.insert(0, Content::Reasoning { text, signature });
    }
    Ok(blocks)
}

/// One entry as Weir sends it: always a whole block. `index` counts the entries of a message, which
/// openai-python needs to put a streamed list together.
#[derive(Debug, Serialize)]
pub(super) struct SentDetail<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
}

impl<'a> SentDetail<'a> {
    pub(super) fn readable(index: usize, text: &'a str, signature: Option<&'a str>) -> Self {
        SentDetail {
            kind: "reasoning.text",
            index,
            text: Some(text),
            signature,
            data: None,
        }
    }

    pub(super) fn encrypted(index: usize, data: &'a str) -> Self {
        SentDetail {
            kind: "reasoning.encrypted",
            index,
            text: None,
            signature: None,
            data: Some(data),
        }
    }
}
