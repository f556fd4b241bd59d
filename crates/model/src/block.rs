//! Blocks: the pieces that messages and answers are made of.

use serde::Serialize;

use crate::{Json, Payload};

/// One piece of a message or an answer, with the prompt-cache mark that stood on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Block {
    /// What the piece is.
    #[serde(flatten)]
    pub content: Content,
    /// "Cache the prompt up to and including this block."
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheMark>,
}

impl Block {
    /// A block of text without a cache mark.
    pub fn text(text: impl Into<String>) -> Block {
        Content::Text {
            text: text.into(),
            citations: Vec::new(),
        }
        .into()
    }
}

impl From<Content> for Block {
    fn from(content: Content) -> Block {
        Block {
            content,
            cache: None,
        }
    }
}

/// The kinds of piece.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// Plain text; `citations` are the vendor's own objects, carried as they came.
    Text {
        /// The text.
        text: String,
        /// Sources for the text, in the shape of the dialect they were decoded from.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<Json>,
    },
    /// What the model thought, and the vendor's proof that it thought so.
    Reasoning {
        /// The readable part; empty when the vendor withholds it.
        text: String,
        /// Opaque; must travel back byte for byte, or the block must be dropped.
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// Reasoning that only the vendor can read.
    RedactedReasoning {
        /// Opaque; must travel back byte for byte.
        data: String,
    },
    /// The model asks for a tool to be run.
    ToolCall(ToolCall),
    /// The caller's answer to a tool call.
    ToolResult(ToolResult),
    /// A picture.
    Image(Media),
    /// A sound clip.
    Audio(Media),
    /// A PDF or text document.
    Document(Media),
    /// The model declines, in words.
    Refusal {
        /// The words.
        text: String,
    },
    /// Something only its own dialect understands (a server tool's call or result, say).
    Opaque {
        /// The vendor's name of the thing, for the loss report.
        kind: String,
        /// As it came.
        json: Json,
    },
}

impl Content {
    /// How many bytes of text a model wrote in it; signatures, citations and media have none.
    pub fn text_len(&self) -> usize {
        match self {
            Content::Text { text, .. }
            | Content::Reasoning { text, .. }
            | Content::Refusal { text } => text.len(),
            Content::ToolCall(call) => call.arguments.len(),
            _ => 0,
        }
    }

    /// How many bytes of base64 stand in it.
    pub(crate) fn media_len(&self) -> usize {
        match self {
            Content::Image(media) | Content::Audio(media) | Content::Document(media) => {
                match &media.source {
                    MediaSource::Base64(data) => data.len(),
                    _ => 0,
                }
            }
            Content::ToolResult(result) => {
                let blocks = result.content.iter();
                blocks.map(|block| block.content.media_len()).sum()
            }
            _ => 0,
        }
    }
}

/// A tool call by the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToolCall {
    /// Names the call; its result refers to it. At most 40 characters of `[a-zA-Z0-9_-]` when minted here.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments as the model wrote them: normally a JSON object, but models do err.
    pub arguments: String,
}

/// The result of a tool call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolResult {
    /// The call that this answers.
    pub call_id: String,
    /// Text, images or documents. May be empty.
    pub content: Vec<Block>,
    /// Whether the tool failed.
    pub is_error: bool,
}

/// A picture, sound or document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Media {
    /// Where the bytes are.
    pub source: MediaSource,
    /// IANA media type such as `image/png`; unknown for most URLs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// File name or title, where the dialect has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Wanted resolution (`low`, `high`, `auto`), where the dialect has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Where a medium's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSource {
    /// Standard base64, without the `data:` prefix.
    Base64(Payload),
    /// An address that the vendor fetches.
    Url(String),
    /// A file uploaded to the vendor earlier.
    FileId(String),
    /// Plain text, for documents.
    Text(String),
}

/// A prompt-cache mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CacheMark {
    /// How long the cached prefix should live; the vendor's default when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<CacheTtl>,
}

/// How long a cached prefix lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheTtl {
    /// Five minutes.
    FiveMinutes,
    /// One hour.
    OneHour,
}
