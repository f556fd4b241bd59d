//! Whole answers: decoded, encoded, and read for accounting.
//! <https://platform.openai.com/docs/api-reference/chat/object>

mod decode;
mod encode;

use std::borrow::Cow;

use serde::Deserialize;
use weir_model::{Cx, Json, Kind, Rejection};

use crate::openai::annotation;

pub(super) use decode::{decode, read_receipt};
pub(super) use encode::{SentLogprobs, encode};

/// The id that clients see: the vendor's own where it has OpenAI's form.
pub(super) fn completion_id(id: Option<&str>, cx: &Cx<'_>) -> String {
    match id {
        Some(id) if id.starts_with("chatcmpl-") => id.to_owned(),
        _ => cx.ids.mint("chatcmpl-"),
    }
}

/// A citation in the shape that this dialect shows, if it can be.
pub(super) fn annotation(citation: &Json) -> Option<Cow<'_, Json>> {
    match is_annotation(citation) {
        true => Some(Cow::Borrowed(citation)),
        false => annotation::of(citation, true).map(Cow::Owned),
    }
}

fn is_annotation(citation: &Json) -> bool {
    #[derive(Deserialize)]
    struct Kind {
        r#type: String,
        /// Responses has its fields beside the type.
        url_citation: Option<serde::de::IgnoredAny>,
    }
    let kind = serde_json::from_str::<Kind>(citation.get());
    kind.is_ok_and(|kind| kind.r#type == "url_citation" && kind.url_citation.is_some())
}

/// The refusal of an answer that makes no sense.
pub(super) fn malformed(message: &'static str, private: impl ToString) -> Rejection {
    Rejection::upstream(Kind::Malformed, message).with_private(private.to_string())
}

#[cfg(test)]
mod tests;
