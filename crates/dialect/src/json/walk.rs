//! One walk through an upstream's JSON, front to back: it descends where something is wanted and
//! steps over the rest. Builds nothing. A broken text ends it; a value of another type than the
//! wanted one is only stepped over, because vendors differ.

use std::borrow::Cow;
use std::ops::Range;

use super::scan::{Scanner, string};

/// Where a walk stands. Each method starts before a value and ends after it, or returns `None`
/// when the JSON is broken.
pub struct Walk<'a>(Scanner<'a>);

impl<'a> Walk<'a> {
    /// Walks through a whole text with `read`. `None` when that returns it, or when the text is
    /// not one JSON value in UTF-8.
    pub fn through<T>(text: &'a [u8], read: impl FnOnce(&mut Walk<'a>) -> Option<T>) -> Option<T> {
        simdutf8::basic::from_utf8(text).ok()?;
        let mut walk = Walk(Scanner { body: text, at: 0 });
        walk.0.space();
        let found = read(&mut walk)?;
        walk.0.space();
        walk.0.peek().is_none().then_some(found)
    }

    /// Goes into an object. `field` gets each key whose value is not null, and has to read that
    /// value or step over it.
    pub fn object(
        &mut self,
        mut field: impl FnMut(&mut Walk<'a>, &[u8]) -> Option<()>,
    ) -> Option<()> {
        self.each(b'{', b'}', |walk| {
            let key = walk.0.key().ok()?;
            if walk.0.peek() == Some(b'n') {
                return walk.skip().map(drop);
            }
            if walk.0.body[key.clone()].contains(&b'\\') {
                let quoted = &walk.0.body[key.start - 1..key.end + 1];
                return field(walk, string(quoted)?.as_bytes());
            }
            let body = walk.0.body;
            field(walk, &body[key])
        })
    }

    /// Goes into an array. `element` has to read each element or step over it.
    pub fn array(&mut self, mut element: impl FnMut(&mut Walk<'a>) -> Option<()>) -> Option<()> {
        self.each(b'[', b']', |walk| {
            walk.0.space();
            element(walk)
        })
    }

    /// Whether the value begins with this byte, as an object does with `{`.
    pub fn begins(&self, byte: u8) -> bool {
        self.0.peek() == Some(byte)
    }

    /// Reads a string; anything else is empty.
    pub fn text(&mut self) -> Option<Cow<'a, str>> {
        let raw = self.raw()?;
        Some(string(raw).unwrap_or_default())
    }

    /// Steps over a value, and returns it.
    pub fn raw(&mut self) -> Option<&'a [u8]> {
        let body = self.0.body;
        self.skip().map(|span| &body[span])
    }

    /// Steps over a value, and returns its place in the text.
    pub fn skip(&mut self) -> Option<Range<usize>> {
        self.0.value().ok()
    }

    /// `opener`, what `next` reads with commas between, `closer`; or something else, skipped.
    fn each(
        &mut self,
        opener: u8,
        closer: u8,
        mut next: impl FnMut(&mut Walk<'a>) -> Option<()>,
    ) -> Option<()> {
        if !self.begins(opener) {
            return self.skip().map(drop);
        }
        self.0.at += 1;
        self.0.space();
        let mut more = !self.begins(closer);
        while more {
            next(self)?;
            self.0.space();
            more = self.begins(b',');
            self.0.at += usize::from(more);
        }
        self.0.expect(closer, "a closing bracket").ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Option<Vec<String>> {
        Walk::through(text.as_bytes(), |walk| {
            let mut found = Vec::new();
            walk.object(|walk, key| match key {
                b"a" => walk.array(|walk| {
                    found.push(walk.text()?.into_owned());
                    Some(())
                }),
                _ => walk.skip().map(drop),
            })?;
            Some(found)
        })
    }

    #[test]
    fn what_is_wanted_is_found_and_the_rest_stepped_over() {
        let found = texts(r#" { "b" : {"a":["no"]}, "\u0061" : [ "x" , 5, "\ny" ] , "a":null } "#);
        assert_eq!(found.unwrap(), ["x", "", "\ny"]);
        for other in [
            "{}",
            "[]",
            "null",
            "\"a\"",
            r#"{"a":{"b":"c"}}"#,
            r#"{"a":"b"}"#,
        ] {
            assert_eq!(texts(other).unwrap(), [""; 0], "{other}");
        }
    }

    #[test]
    fn a_broken_text_is_told() {
        for broken in [
            "",
            "{",
            "{} {}",
            r#"{"a":[}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":[1 2]}"#,
            r#"{"a":1,}"#,
            r#"{"a":nil}"#,
            r#"{"a" 1}"#,
            r#"{"\x":1}"#,
        ] {
            assert_eq!(texts(broken), None, "{broken}");
        }
    }
}
