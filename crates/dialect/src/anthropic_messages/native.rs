//! The native lane: reads the head of a client's body and says which edits make the body fit the
//! target. Looks below the top level only for thinking that the target would refuse.

mod thinking;

use weir_model::{Losses, Operation, Quirks, Rejection};

use crate::Head;
use crate::json::scan::{self, TopLevel};
use crate::json::splice::Splices;
use crate::json::write;

/// Reads the head of a chat or token-count request.
///
/// # Errors
/// An invalid-request rejection that names the field.
pub(super) fn read_head(operation: Operation, body: &[u8]) -> Result<Head<'_>, Rejection> {
    let fields = scan::top_level(body)?;
    let Some(span) = fields.find(body, "model") else {
        return Err(no_model());
    };
    let model_span = span.value.clone();
    let model =
        scan::string(&body[model_span.clone()]).ok_or_else(|| wrong("model", "a string"))?;
    if model.is_empty() {
        return Err(no_model());
    }
    let max_output_tokens = match operation {
        Operation::CountTokens => None,
        _ => field(&fields, body, "max_tokens", "a whole number from 0")?,
    };
    Ok(Head {
        body,
        model,
        model_span,
        stream: field(&fields, body, "stream", "true or false")?.unwrap_or(false),
        stream_usage: true,
        max_output_tokens,
        fields,
    })
}

/// The edits that make a client's own body fit the target.
pub(super) fn edits(head: &Head<'_>, upstream_model: &str, quirks: &Quirks) -> (Splices, Losses) {
    let (mut splices, mut losses) = (Splices::default(), Losses::default());
    if head.model != upstream_model {
        splices.replace(head.model_span.clone(), write::string(upstream_model));
    }
    apply_quirks(head.body, &head.fields, quirks, &mut splices, &mut losses);
    if let Some(part) = &quirks.signed_thinking
        && upstream_model.contains(part)
    {
        thinking::drop_unsigned(head, quirks, &mut splices, &mut losses);
    }
    (splices, losses)
}

/// Drops and renames top-level fields of `body` as the provider needs it. The model's name and the
/// messages stay: without them there is no request.
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
        key != "model" && key != "messages" && quirks.drop.iter().any(|drop| *drop == key)
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

/// The refusal of a request without a model.
pub(super) fn no_model() -> Rejection {
    missing("model", "Name the model that shall answer.")
}

/// "Field required", with what to do about it.
pub(super) fn missing(field: &str, advice: &str) -> Rejection {
    Rejection::invalid(format!("{field}: Field required. {advice}")).with_param(field)
}

fn wrong(field: &str, expected: &str) -> Rejection {
    Rejection::invalid(format!("`{field}`: expected {expected}.")).with_param(field)
}

/// A field of a plain type; `None` when absent or null.
fn field<T: serde::de::DeserializeOwned>(
    fields: &TopLevel,
    body: &[u8],
    name: &str,
    expected: &str,
) -> Result<Option<T>, Rejection> {
    fields.get(body, name).map_or(Ok(None), |raw| {
        serde_json::from_slice(raw).map_err(|_| wrong(name, expected))
    })
}
