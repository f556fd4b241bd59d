//! JSON output that every SSE client can split: U+2028 and U+2029 are escaped, because some
//! clients take them for line ends.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Appends `value` as compact JSON.
pub fn append<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let mut serializer = Serializer::with_formatter(out, OneLine);
    // Writing to a Vec cannot fail, and our wire types have string keys only.
    let written = value.serialize(&mut serializer);
    debug_assert!(written.is_ok(), "a wire type that JSON cannot express");
}

/// `value` as compact JSON.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    append(&mut out, value);
    out
}

/// A JSON string literal.
pub fn string(text: &str) -> Vec<u8> {
    to_vec(text)
}

struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Both start with 0xE2 in UTF-8; most text has neither.
        let mut rest = fragment;
        while let Some(at) = rest.find(['\u{2028}', '\u{2029}']) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let escaped: &[u8] = if rest[at..].starts_with('\u{2028}') {
                b"\\u2028"
            } else {
                b"\\u2029"
            };
            writer.write_all(escaped)?;
            rest = &rest[at + '\u{2028}'.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Raw JSON may be spread over lines, which a single SSE data line cannot hold. Newlines
        // stand only between tokens there, so a space means the same.
        for part in fragment.split_inclusive(['\n', '\r']) {
            match part.strip_suffix(['\n', '\r']) {
                Some(line) => {
                    self.write_string_fragment(writer, line)?;
                    writer.write_all(b" ")?;
                }
                None => self.write_string_fragment(writer, part)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_separators_are_escaped() {
        let text = "a\u{2028}b\u{2029}c\n";
        assert_eq!(to_vec(text), br#""a\u2028b\u2029c\n""#);
        assert_eq!(
            serde_json::from_slice::<String>(&to_vec(text)).unwrap(),
            text
        );
    }

    #[test]
    fn raw_json_stays_on_one_line() {
        let raw = serde_json::value::RawValue::from_string("{\n \"a\":\r\n 1}".into()).unwrap();
        let out = String::from_utf8(to_vec(&raw)).unwrap();
        assert!(!out.contains(['\n', '\r']), "{out}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&out).unwrap()["a"],
            1
        );
    }
}
