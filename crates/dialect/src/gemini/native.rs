//! The native lane: reads the head of a client's body and says which edits make the body fit the
//! target. The path names the model and whether to stream; a body may name the model once more.

mod thoughts;

use std::borrow::Cow;
use std::ops::Range;

use weir_model::{Losses, Operation, Quirks, Rejection};

use crate::Head;
use crate::json::scan::{self, Span, TopLevel};
use crate::json::splice::Splices;
use crate::json::write;

/// Reads the head of a chat or token-count request.
///
/// # Errors
/// An invalid-request rejection that names the field.
pub(super) fn read_head(operation: Operation, body: &[u8]) -> Result<Head<'_>, Rejection> {
    let fields = scan::top_level(body)?;
    let (model, model_span) = match named(body, &fields) {
        Some(span) => {
            let model = scan::string(&body[span.clone()]);
            let model = model.ok_or_else(|| wrong("model", "a string"))?;
            (plain_name(model), span)
        }
        None => (Cow::Borrowed(""), 0..0),
    };
    let max_output_tokens = match operation {
        Operation::CountTokens => None,
        _ => bound(body, &fields)?,
    };
    Ok(Head {
        body,
        model,
        model_span,
        stream: false,
        stream_usage: true,
        max_output_tokens,
        fields,
    })
}

/// Where the body names the model.
fn named(body: &[u8], fields: &TopLevel) -> Option<Range<usize>> {
    let span = fields.find(body, "model")?.value.clone();
    (&body[span.clone()] != b"null").then_some(span)
}

/// A model's name without the collection that Google's resource names begin with.
pub(super) fn plain_name(name: Cow<'_, str>) -> Cow<'_, str> {
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.strip_prefix("models/").unwrap_or(name)),
        Cow::Owned(name) => Cow::Owned(name.strip_prefix("models/").unwrap_or(&name).to_owned()),
    }
}

/// A field by either of its names.
fn either<'t>(body: &[u8], fields: &'t TopLevel, camel: &str, snake: &str) -> Option<&'t Span> {
    let found = fields.find(body, camel);
    found.or_else(|| fields.find(body, snake))
}

fn bound(body: &[u8], fields: &TopLevel) -> Result<Option<u64>, Rejection> {
    const PATH: &str = "generationConfig.maxOutputTokens";
    let config = either(body, fields, "generationConfig", "generation_config");
    let Some(config) = config.and_then(|span| scan::object_in(body, span.value.clone())) else {
        return Ok(None);
    };
    let bound = either(body, &config, "maxOutputTokens", "max_output_tokens");
    bound.map_or(Ok(None), |span| {
        serde_json::from_slice(&body[span.value.clone()])
            .map_err(|_| wrong(PATH, "a whole number from 0"))
    })
}

/// The edits that make a client's own body fit the target.
pub(super) fn edits(head: &Head<'_>, upstream_model: &str, quirks: &Quirks) -> (Splices, Losses) {
    let (mut splices, mut losses) = (Splices::default(), Losses::default());
    // Not `head.model`: that is the path's.
    let named = scan::string(&head.body[head.model_span.clone()]);
    if named.is_some_and(|named| plain_name(named) != upstream_model) {
        let name = write::string(&format!("models/{upstream_model}"));
        splices.replace(head.model_span.clone(), name);
    }
    apply_quirks(head.body, &head.fields, quirks, &mut splices, &mut losses);
    thoughts::drop_sealed(head, upstream_model, &mut splices, &mut losses);
    (splices, losses)
}

/// Drops and renames top-level fields of `body` as the provider needs it, but for those without
/// which there is no request.
pub(super) fn apply_quirks(
    body: &[u8],
    top: &TopLevel,
    quirks: &Quirks,
    splices: &mut Splices,
    losses: &mut Losses,
) {
    let key = |at: usize| String::from_utf8_lossy(&body[top.fields[at].key.clone()]);
    let dropped = |at: usize| {
        let key = key(at);
        key != "model" && key != "contents" && quirks.drop.iter().any(|drop| *drop == key)
    };
    splices.remove_fields(top, dropped);
    for at in 0..top.fields.len() {
        if dropped(at) {
            losses.add(key(at), "the provider does not take it");
        } else if let Some((_, theirs)) = quirks.rename.iter().find(|(ours, _)| *ours == key(at)) {
            splices.replace(top.fields[at].key.clone(), theirs.as_bytes());
        }
    }
}

fn wrong(field: &str, expected: &str) -> Rejection {
    Rejection::invalid(format!("`{field}`: expected {expected}.")).with_param(field)
}
