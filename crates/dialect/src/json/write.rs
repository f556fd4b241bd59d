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

/// The same, with room for `more` bytes: growing a large one would hold it twice.
pub fn to_sized_vec<T: Serialize + ?Sized>(value: &T, more: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024 + more + more / 64);
    append(&mut out, value);
    out
}

/// A JSON string literal.
pub fn string(text: &str) -> Vec<u8> {
    to_vec(text)
}

/// Where the first U+2028 or U+2029 stands.
fn separator(text: &str) -> Option<usize> {
    // Keys and most other texts are done with here.
    if text.is_ascii() {
        return None;
    }
    // Both are 0xE2 0x80 and one more in UTF-8.
    memchr::memchr_iter(0xE2, text.as_bytes()).find(|at| {
        let rest = &text.as_bytes()[*at + 1..];
        rest.starts_with(b"\x80\xA8") || rest.starts_with(b"\x80\xA9")
    })
}

struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = separator(rest) {
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
        let text = "\u{2026}a\u{2028}\u{2029}b\u{2029}c\n";
        let expected = "\"\u{2026}a\\u2028\\u2029b\\u2029c\\n\"";
        assert_eq!(to_vec(text), expected.as_bytes());
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
