//! Shapes that stand both in requests and in answers, ready to serialise, and the words that both
//! sides share. They borrow from the model and never change what they carry.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use weir_model::Json;

use crate::json::read::Object;

/// How the kinds of our opaque blocks begin when they came from this dialect.
pub(super) const OPAQUE: &str = "gemini:";

/// One part of a turn.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Part<'a> {
    Own(Box<Own<'a>>),
    Opaque(&'a Json),
}

/// A part with what we know of it. One of the fields but `thought` and the signature is there.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Own<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_data: Option<File<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_call: Option<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_response: Option<CallResult<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) media_resolution: Option<Resolution>,
}

impl<'a> Own<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Own<'a> {
        Own {
            text: Some(text.into()),
            ..Own::default()
        }
    }

    pub(super) fn thought(text: impl Into<Cow<'a, str>>) -> Own<'a> {
        Own {
            thought: true,
            ..Own::text(text)
        }
    }

    /// Whether it says nothing and is signed.
    pub(super) fn is_only_signed(&self) -> bool {
        let silent = self.text.as_deref() == Some("");
        silent && !self.thought && self.thought_signature.is_some()
    }

    pub(super) fn signed(self, signature: Option<Cow<'a, str>>) -> Own<'a> {
        Own {
            thought_signature: signature,
            ..self
        }
    }
}

impl<'a> From<Own<'a>> for Part<'a> {
    fn from(own: Own<'a>) -> Part<'a> {
        Part::Own(Box::new(own))
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    pub(super) mime_type: &'a str,
    pub(super) data: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mime_type: Option<&'a str>,
    pub(super) file_uri: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Resolution {
    pub(super) level: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Call<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) args: Args<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct CallResult<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) response: Output,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<Part<'a>>,
}

/// What a tool answered, which must be an object.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Output {
    Object(Json),
    /// Google's own names of what is no object.
    Named {
        #[serde(skip_serializing_if = "Option::is_none")]
        output: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Json>,
    },
}

/// The arguments of a tool call, which must be an object.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Args<'a> {
    Object(&'a RawValue),
    /// What the model wrote instead of an object.
    Wrapped {
        #[serde(rename = "_raw")]
        raw: &'a str,
    },
}

impl<'a> Args<'a> {
    /// Nothing at all counts as the empty object.
    pub(super) fn new(arguments: &'a str) -> Args<'a> {
        let text = match arguments.trim() {
            "" => "{}",
            text => text,
        };
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) if raw.get().starts_with('{') => Args::Object(raw),
            _ => Args::Wrapped { raw: arguments },
        }
    }
}

/// The object's fields by Google's own names: clients may write `snake_case` as well.
pub(crate) fn camel<'a, 'p>(object: Object<'a, 'p>) -> Object<'a, 'p> {
    object.renamed(|key| key.contains('_').then(|| camel_case(key)))
}

/// `snake_case` as `snakeCase`; what begins with the bar stays.
fn camel_case(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    let mut letters = key.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('_', Some(next)) if next.is_ascii_lowercase() && !out.is_empty() => {
                out.push(next.to_ascii_uppercase());
                letters.next();
            }
            _ => out.push(letter),
        }
    }
    out
}

/// Whether a model is one of those that check signatures, take media in a tool's answer and combine
/// tools with a schema: Gemini 3 and whatever comes after it.
/// <https://ai.google.dev/gemini-api/docs/gemini-3>
pub(super) fn is_newer(model: &str) -> bool {
    let older = ["gemini-1", "gemini-2", "gemini-pro", "gemma"];
    !older.iter().any(|name| model.contains(name))
}
