//! Strings and counts as vendors write them: nulls are absent, and counts may be floats.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

/// A string, borrowed when it holds no escapes.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// The text; empty when absent.
pub(crate) fn text<'t>(text: &'t Option<Text<'_>>) -> &'t str {
    text.as_ref().map_or("", |t| &t.0)
}

/// A string that is worth keeping: vendors write "" where they have nothing to say.
pub(crate) fn filled(text: &Option<Text<'_>>) -> Option<String> {
    let text = text.as_ref()?;
    (!text.0.is_empty()).then(|| text.0.to_string())
}

/// A count; floats are cut, and null and negatives are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;

        impl Visitor<'_> for CountVisitor {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E>(self, count: u64) -> Result<Count, E> {
                Ok(Count(count))
            }

            fn visit_i64<E>(self, count: i64) -> Result<Count, E> {
                Ok(Count(u64::try_from(count).unwrap_or(0)))
            }

            fn visit_f64<E>(self, count: f64) -> Result<Count, E> {
                // Casts from floats saturate, and take NaN to zero.
                Ok(Count(count as u64))
            }

            fn visit_unit<E>(self) -> Result<Count, E> {
                Ok(Count(0))
            }
        }

        deserializer.deserialize_any(CountVisitor)
    }
}

/// A count; floats are cut, and what is none is zero.
pub(crate) fn count(raw: &[u8]) -> u64 {
    let digits = (1..=18).contains(&raw.len()) && raw.iter().all(u8::is_ascii_digit);
    if digits {
        let digits = raw.iter().map(|digit| u64::from(digit - b'0'));
        return digits.fold(0, |sum, digit| sum * 10 + digit);
    }
    serde_json::from_slice::<Count>(raw).unwrap_or_default().0
}

/// A time that vendors write as 0 where they have none.
pub(crate) fn created(count: Option<Count>) -> Option<i64> {
    count
        .and_then(|count| i64::try_from(count.0).ok())
        .filter(|created| *created > 0)
}
