//! What the gateway must know of a request: one shallow scan, for all operations of the dialect.

use serde_json::value::RawValue;
use weir_model::Rejection;

use crate::Head;
use crate::json::read::{Path, Value};
use crate::json::scan::{self, TopLevel};

/// The refusal of a request without a model.
pub(super) fn no_model() -> Rejection {
    Rejection::invalid("You must name a model in the field `model`.").with_param("model")
}

pub(super) fn read(body: &[u8]) -> Result<Head<'_>, Rejection> {
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
    let stream_usage = match value(body, &fields, "stream_options") {
        Some(options) => options
            .object()?
            .read("include_usage", |v| v.boolean())?
            .unwrap_or(false),
        None => false,
    };
    let bound = value(body, &fields, "max_completion_tokens")
        .or_else(|| value(body, &fields, "max_tokens"));
    Ok(Head {
        body,
        model,
        model_span,
        stream,
        stream_usage,
        max_output_tokens: bound.map(|bound| bound.count()).transpose()?,
        fields,
    })
}

/// A field of the body; `None` when it is absent or null.
fn value<'a, 'p>(body: &'a [u8], fields: &TopLevel, key: &'p str) -> Option<Value<'a, 'p>> {
    let raw: &RawValue = serde_json::from_slice(fields.get(body, key)?).ok()?;
    (raw.get() != "null").then(|| Value::new(raw, Path::Field(&Path::Root, key)))
}
