//! What several shapes have alike in their requests: lists of texts, and what to say when an input
//! is more than a text.

use std::borrow::Cow;

use weir_model::{Embedded, EmbeddedPart, EmbeddingRequest, Number, Rejection};

use crate::Head;
use crate::json::read::Value;
use crate::json::scan;
use crate::openai::read::each;

/// One text, or a list of what `read` reads.
pub(super) fn one_or_more<'a, T>(
    value: Value<'a, '_>,
    mut read: impl FnMut(Value<'a, '_>) -> Result<T, Rejection>,
) -> Result<Vec<T>, Rejection> {
    if value.is_array() {
        return several(value, read);
    }
    if !value.is_string() {
        return Err(value.wrong("a string or an array"));
    }
    Ok(vec![read(value)?])
}

/// A list that is not empty.
pub(super) fn several<'a, T>(
    value: Value<'a, '_>,
    read: impl FnMut(Value<'a, '_>) -> Result<T, Rejection>,
) -> Result<Vec<T>, Rejection> {
    let found = each(value, read)?;
    match found.is_empty() {
        true => Err(value.invalid("must not be empty")),
        false => Ok(found),
    }
}

/// A text as an input.
pub(super) fn text(value: Value<'_, '_>) -> Result<Embedded, Rejection> {
    Ok(Embedded::Text(value.string()?.into_owned()))
}

/// One input of a list of parts: a text is no list.
pub(super) fn of_parts(mut parts: Vec<EmbeddedPart>) -> Embedded {
    match (parts.len(), parts.pop()) {
        (1, Some(EmbeddedPart::Text(text))) => Embedded::Text(text),
        (_, last) => {
            parts.extend(last);
            Embedded::Parts(parts)
        }
    }
}

/// The texts of a request, for a vendor that takes nothing else.
///
/// # Errors
/// A refusal that says what was asked beside text.
pub(super) fn texts(request: &EmbeddingRequest) -> Result<Vec<Cow<'_, str>>, Rejection> {
    request.inputs.iter().map(as_text).collect()
}

/// An input as text.
pub(super) fn as_text(input: &Embedded) -> Result<Cow<'_, str>, Rejection> {
    match input {
        Embedded::Text(text) => Ok(text.into()),
        Embedded::Tokens(_) => Err(no_tokens()),
        Embedded::Parts(parts) => {
            let mut texts = Vec::with_capacity(parts.len());
            for part in parts {
                match part {
                    EmbeddedPart::Text(text) => texts.push(text.as_str()),
                    EmbeddedPart::Media(_) => {
                        let message = "The vendor of this model makes vectors of text alone, and \
                                       the request holds a picture.";
                        return Err(Rejection::invalid(message));
                    }
                }
            }
            Ok(texts.join("\n").into())
        }
    }
}

/// The refusal of tokens.
pub(super) fn no_tokens() -> Rejection {
    Rejection::invalid(
        "The vendor of this model takes text, and `input` holds tokens of another vendor's \
         vocabulary. Send the text itself.",
    )
    .with_param("input")
}

/// The one kind of number that is asked for.
///
/// # Errors
/// A refusal when it is several, or not among `given`.
pub(super) fn one_kind(request: &EmbeddingRequest, given: &[Number]) -> Result<Number, Rejection> {
    let asked = match request.numbers[..] {
        [] => Some(Number::Float),
        [one] => Some(one),
        _ => None,
    };
    asked.filter(|asked| given.contains(asked)).ok_or_else(|| {
        let words: Vec<_> = given.iter().map(|number| number.name()).collect();
        let several = if words.len() > 1 { "one of " } else { "" };
        Rejection::invalid(format!(
            "The vendor of this model gives vectors of {several}`{}`; ask for that.",
            words.join("`, `")
        ))
    })
}

/// Whether an input is an object, as in a request with pictures.
pub(super) fn holds_objects(head: &Head<'_>) -> bool {
    let Some(input) = head.fields.find(head.body, "input") else {
        return false;
    };
    let first = scan::elements(head.body, input.value.clone()).next();
    first.is_some_and(|first| head.body[first].starts_with(b"{"))
}
