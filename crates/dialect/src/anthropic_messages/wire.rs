//! Shapes that stand both in requests and in answers, ready to serialise, and the words that both
//! sides share. They borrow from the model and never change what they carry.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use weir_model::{CacheMark, CacheTtl, Json};

/// How the kinds of our opaque blocks begin when they came from this dialect.
pub(super) const OPAQUE: &str = "anthropic:";

/// A content block.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<&'a Json>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Input<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Part<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    Image {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<Citing>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    #[serde(untagged)]
    Opaque(&'a Json),
}

impl<'a> Part<'a> {
    /// Plain text.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Part<'a> {
        Part::Text {
            text: text.into(),
            citations: Vec::new(),
            cache_control: None,
        }
    }

    /// Whether it is thinking, readable or not.
    pub(super) fn is_thinking(&self) -> bool {
        matches!(self, Part::Thinking { .. } | Part::RedactedThinking { .. })
    }

    /// Where its cache mark stands, for blocks that may have one.
    pub(super) fn mark(&mut self) -> Option<&mut Option<Mark>> {
        match self {
            Part::Text { cache_control, .. }
            | Part::ToolUse { cache_control, .. }
            | Part::ToolResult { cache_control, .. }
            | Part::Image { cache_control, .. }
            | Part::Document { cache_control, .. } => Some(cache_control),
            Part::Thinking { .. } | Part::RedactedThinking { .. } | Part::Opaque(_) => None,
        }
    }
}

/// That a document is to be cited.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Citing {
    pub(super) enabled: bool,
}

/// Where a medium's bytes are.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Url { url: &'a str },
    File { file_id: &'a str },
    Text { media_type: &'a str, data: &'a str },
}

/// The input of a tool call, which must be an object.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Input<'a> {
    Object(&'a RawValue),
    /// What the model wrote instead of an object.
    Wrapped {
        #[serde(rename = "_raw")]
        raw: &'a str,
    },
}

impl<'a> Input<'a> {
    /// Nothing at all counts as the empty object.
    pub(super) fn new(arguments: &'a str) -> Input<'a> {
        let text = match arguments.trim() {
            "" => "{}",
            text => text,
        };
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) if raw.get().starts_with('{') => Input::Object(raw),
            _ => Input::Wrapped { raw: arguments },
        }
    }
}

/// A cache mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "ephemeral")]
pub(super) struct Mark {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<&'static str>,
}

impl From<CacheMark> for Mark {
    fn from(mark: CacheMark) -> Mark {
        Mark {
            ttl: mark.ttl.map(|ttl| match ttl {
                CacheTtl::FiveMinutes => "5m",
                CacheTtl::OneHour => "1h",
            }),
        }
    }
}

/// Whether a citation is in one of Anthropic's shapes.
pub(super) fn is_citation(json: &Json) -> bool {
    #[derive(serde::Deserialize)]
    struct Shape<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
    }
    serde_json::from_str::<Shape<'_>>(json.get()).is_ok_and(|shape| {
        matches!(
            &*shape.kind,
            "char_location"
                | "page_location"
                | "content_block_location"
                | "search_result_location"
                | "web_search_result_location"
        )
    })
}
