//! Vectors as lists of numbers and as base64 of little-endian ones. What is already as wanted is not
//! touched; a list that was base64 has the shortest digits that give the same bytes again.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use weir_model::{Json, Kind, Number, Rejection, Vector};

/// The vector as a list.
///
/// # Errors
/// `Kind::Malformed` when it is not what its vendor says; so for [`packed`].
pub(super) fn list(vector: &Vector, number: Number) -> Result<Cow<'_, Json>, Rejection> {
    match vector {
        Vector::List(json) => Ok(Cow::Borrowed(json)),
        Vector::Packed(text) => {
            let bytes = STANDARD.decode(text).map_err(|_| malformed())?;
            unpacked(&bytes, number)
                .map(Cow::Owned)
                .ok_or_else(malformed)
        }
    }
}

/// The vector as base64.
pub(super) fn packed(vector: &Vector, number: Number) -> Result<Cow<'_, str>, Rejection> {
    match vector {
        Vector::Packed(text) => Ok(Cow::Borrowed(text)),
        Vector::List(json) => {
            let bytes = bytes(json, number).map_err(|_| malformed())?;
            Ok(Cow::Owned(STANDARD.encode(bytes)))
        }
    }
}

fn unpacked(bytes: &[u8], number: Number) -> Option<Json> {
    match number {
        Number::Float => {
            let (floats, rest) = bytes.as_chunks::<4>();
            let floats: Vec<f32> = floats
                .iter()
                .map(|four| f32::from_le_bytes(*four))
                .collect();
            let whole = rest.is_empty() && floats.iter().all(|float| float.is_finite());
            whole.then(|| json(&floats)).flatten()
        }
        Number::Int8 | Number::Binary => {
            let signed: Vec<i8> = bytes.iter().map(|byte| byte.cast_signed()).collect();
            json(&signed)
        }
        Number::Uint8 | Number::Ubinary => json(bytes),
    }
}

fn bytes(list: &Json, number: Number) -> serde_json::Result<Vec<u8>> {
    Ok(match number {
        Number::Float => {
            let floats: Vec<f32> = serde_json::from_str(list.get())?;
            floats.into_iter().flat_map(f32::to_le_bytes).collect()
        }
        Number::Int8 | Number::Binary => {
            let signed: Vec<i8> = serde_json::from_str(list.get())?;
            signed.into_iter().map(i8::cast_unsigned).collect()
        }
        Number::Uint8 | Number::Ubinary => serde_json::from_str(list.get())?,
    })
}

fn json<T: Serialize + ?Sized>(numbers: &T) -> Option<Json> {
    Json::parse(serde_json::to_string(numbers).ok()?)
}

/// How many numbers a vector has; `None` when that cannot be told.
pub(super) fn length(vector: &Vector, number: Number) -> Option<usize> {
    match vector {
        Vector::List(json) => {
            let empty = json.get().trim_end_matches(']').trim_end().ends_with('[');
            let commas = memchr::memchr_iter(b',', json.get().as_bytes()).count();
            Some(if empty { 0 } else { commas + 1 })
        }
        Vector::Packed(text) => {
            let bytes = STANDARD.decode(text).ok()?.len();
            Some(match number {
                Number::Float => bytes / 4,
                _ => bytes,
            })
        }
    }
}

fn malformed() -> Rejection {
    let message = "The provider's vectors could not be understood.";
    Rejection::upstream(Kind::Malformed, message)
}
