//! OpenAI's operations beside chat (pictures, speech, transcription, moderation): where they are, what
//! their requests name, and what their answers say of usage. Their bodies travel as they are: there is
//! nothing to translate them into.

mod answer;
mod stream;

use std::borrow::Cow;

use serde_json::value::RawValue;
use weir_model::{Operation, Rejection};

pub use answer::read_receipt;
pub use stream::Decoder;

use crate::Head;
use crate::json::read::{Path, Value};
use crate::json::scan::{self, TopLevel};
use crate::openai::head::{self, no_model};

/// What OpenAI takes for a moderation that names no model.
pub const MODERATOR: &str = "omni-moderation-latest";

/// The path below the base URL; `None` for what is no operation on a model of this API.
pub(crate) fn path(operation: Operation) -> Option<&'static str> {
    Some(match operation {
        Operation::ImageGeneration => "/images/generations",
        Operation::ImageEdit => "/images/edits",
        Operation::ImageVariation => "/images/variations",
        Operation::Speech => "/audio/speech",
        Operation::Transcription => "/audio/transcriptions",
        Operation::Translation => "/audio/translations",
        Operation::Moderation => "/moderations",
        Operation::Videos => "/videos",
        _ => return None,
    })
}

/// Whether its requests are forms, because files are in them.
pub fn takes_form(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::ImageEdit
            | Operation::ImageVariation
            | Operation::Transcription
            | Operation::Translation
    )
}

/// Reads the head of a JSON request.
///
/// # Errors
/// An invalid-request rejection that names the field.
pub(crate) fn read_head(operation: Operation, body: &[u8]) -> Result<Head<'_>, Rejection> {
    if operation == Operation::Moderation {
        let fields = scan::top_level(body)?;
        if head::value(body, &fields, "model").is_none() && fields.find(body, "model").is_none() {
            return Ok(unnamed(body, fields));
        }
    }
    let mut head = head::read(body, &[])?;
    if operation == Operation::Speech {
        let format = head::value(body, &head.fields, "stream_format");
        head.stream = format.map(|format| format.string()).transpose()?.as_deref() == Some("sse");
    }
    Ok(head)
}

fn unnamed(body: &[u8], fields: TopLevel) -> Head<'_> {
    Head {
        body,
        model: Cow::Borrowed(MODERATOR),
        model_span: 0..0,
        stream: false,
        stream_usage: true,
        max_output_tokens: None,
        fields,
    }
}

/// The head of a request whose fields stand in a form: the model's name, and whether it streams.
///
/// # Errors
/// An invalid-request rejection without a model.
pub fn form_head<'a>(model: Option<&'a str>, stream: Option<&str>) -> Result<Head<'a>, Rejection> {
    let model = model
        .filter(|model| !model.is_empty())
        .ok_or_else(no_model)?;
    Ok(Head {
        model: Cow::Borrowed(model),
        stream: matches!(stream, Some("true" | "True" | "1")),
        ..unnamed(b"", TopLevel::default())
    })
}

/// A count among the request's fields, such as `n`; 1 when it is absent or none.
pub fn answers(head: &Head<'_>) -> u64 {
    let raw: Option<&RawValue> = head
        .fields
        .get(head.body, "n")
        .and_then(|raw| serde_json::from_slice(raw).ok());
    let count = raw.and_then(|raw| Value::new(raw, Path::Root).count().ok());
    count.unwrap_or(1).max(1)
}

/// The characters of a request to speak.
pub fn characters(head: &Head<'_>) -> u64 {
    let text = head.fields.get(head.body, "input").and_then(scan::string);
    text.map_or(0, |text| text.chars().count() as u64)
}

#[cfg(test)]
mod tests;
