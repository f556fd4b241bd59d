//! What the gateway must know of a request: one shallow scan.

use serde_json::value::RawValue;
use weir_model::Rejection;

use crate::Head;
use crate::json::read::{Path, Value};
use crate::json::scan::{self, TopLevel};

/// The refusal of a request without a model.
pub(crate) fn no_model() -> Rejection {
    Rejection::invalid("You must name a model in the field `model`.").with_param("model")
}

/// Reads the head of a request whose answer is bounded by the first of `bounds` that is given.
/// Usage in a stream counts as asked for.
///
/// # Errors
/// An invalid-request rejection that names the field.
pub(crate) fn read<'a>(body: &'a [u8], bounds: &[&str]) -> Result<Head<'a>, Rejection> {
    let fields = scan::top_level(body)?;
    let span = fields.find(body, "model").ok_or_else(no_model)?;
    let model_span = span.value.clone();
    let model = value(body, &fields, "model")
        .ok_or_else(no_model)?
        .string()?;
    if model.is_empty() {
        return Err(no_model());
    }
    let stream = match value(body, &fields, "stream") {
        Some(stream) => stream.boolean()?,
        None => false,
    };
    let bound = bounds.iter().find_map(|key| value(body, &fields, key));
    Ok(Head {
        body,
        model,
        model_span,
        stream,
        stream_usage: true,
        max_output_tokens: bound.map(|bound| bound.count()).transpose()?,
        fields,
    })
}

/// A field of the body; `None` when it is absent or null.
pub(crate) fn value<'a, 'p>(
    body: &'a [u8],
    fields: &TopLevel,
    key: &'p str,
) -> Option<Value<'a, 'p>> {
    let raw: &RawValue = serde_json::from_slice(fields.get(body, key)?).ok()?;
    (raw.get() != "null").then(|| Value::new(raw, Path::Field(&Path::Root, key)))
}
