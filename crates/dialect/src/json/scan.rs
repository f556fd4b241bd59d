//! One shallow pass over a JSON object: where its top-level fields stand. Nested values are
//! checked for balance and depth only, so that a large prompt costs one fast sweep.

use std::borrow::Cow;
use std::ops::Range;

use weir_model::Rejection;

/// Deepest nesting accepted, that of serde_json.
const MAX_DEPTH: usize = 128;

/// Most top-level fields accepted.
const MAX_FIELDS: usize = 256;

/// The fields of a JSON object, by the place of their keys and values in the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopLevel {
    /// In the order of the body.
    pub fields: Vec<Span>,
    /// Where the object's closing brace stands.
    pub end: usize,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The key without its quotes, escapes not resolved.
    pub key: Range<usize>,
    /// The value, without white space around it.
    pub value: Range<usize>,
}

impl TopLevel {
    /// The value of a field, by its plain key.
    pub fn get<'a>(&self, body: &'a [u8], key: &str) -> Option<&'a [u8]> {
        self.find(body, key).map(|span| &body[span.value.clone()])
    }

    /// Where a field stands, by its plain key.
    pub fn find(&self, body: &[u8], key: &str) -> Option<&Span> {
        self.fields
            .iter()
            .find(|span| &body[span.key.clone()] == key.as_bytes())
    }
}

/// Scans an object body.
///
/// # Errors
/// An invalid-request rejection when the body is empty, not UTF-8, not a JSON object, nested
/// deeper than 128 levels, or repeats a top-level key (two readers could see different requests).
pub fn top_level(body: &[u8]) -> Result<TopLevel, Rejection> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Rejection::invalid(
            "The request body is empty; send a JSON object.",
        ));
    }
    // The compat flavour tells where; it is as fast as the basic one on what is valid.
    if let Err(error) = simdutf8::compat::from_utf8(body) {
        let message = format!(
            "The request body is not valid UTF-8 at byte {}.",
            error.valid_up_to()
        );
        return Err(Rejection::invalid(message));
    }
    Scanner { body, at: 0 }
        .object()
        .map_err(|fault| Rejection::invalid(fault.message(body)))
}

/// The same for an upstream's body, without a message for a client; `None` when it is no object.
pub fn top_level_of_answer(body: &[u8]) -> Option<TopLevel> {
    simdutf8::basic::from_utf8(body).ok()?;
    Scanner { body, at: 0 }.object().ok()
}

/// Where the value of a top-level field stands in an upstream's object, by its plain key. Reads no
/// further than that field; `None` when it is absent or what stands before it is not JSON.
pub fn find_field(body: &[u8], key: &str) -> Option<Range<usize>> {
    let mut scanner = Scanner { body, at: 0 };
    scanner.space();
    scanner.expect(b'{', "a JSON object").ok()?;
    loop {
        let (name, value) = scanner.field().ok()?;
        if &body[name] == key.as_bytes() {
            return Some(value);
        }
        scanner.space();
        scanner.expect(b',', "','").ok()?;
    }
}

/// The fields of an object inside a scanned body, by their places in the whole body; `None` when
/// it is no object, or one that [`top_level`] would refuse.
pub fn object_in(body: &[u8], place: Range<usize>) -> Option<TopLevel> {
    let (body, at) = (&body[..place.end], place.start);
    Scanner { body, at }.object().ok()
}

/// The places of an array's elements inside a scanned body, in order; ends early where the array
/// is not JSON.
pub fn elements(body: &[u8], place: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let (body, at) = (&body[..place.end], place.start);
    let mut scanner = Scanner { body, at };
    let mut before = b'[';
    std::iter::from_fn(move || {
        scanner.space();
        scanner.expect(before, "an array").ok()?;
        before = b',';
        scanner.space();
        scanner.value().ok()
    })
}

/// The text of a JSON string value, quotes included in `raw`; `None` when it is no string.
pub fn string(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice::<String>(raw).ok().map(Cow::Owned)
}

/// Where the first quote stands. Most strings are short, and not worth the start-up of a vector
/// search: the first 32 bytes are compared eight at a time.
fn quote(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let (words, _) = text.as_chunks::<8>();
    for (index, word) in words.iter().take(4).enumerate() {
        let word = u64::from_le_bytes(*word) ^ (ONES * b'"' as u64);
        // The lowest bit that is set marks the lowest byte that is zero.
        let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if zeros != 0 {
            return Some(index * 8 + zeros.trailing_zeros() as usize / 8);
        }
    }
    let near = words.len().min(4) * 8;
    memchr::memchr(b'"', &text[near..]).map(|far| near + far)
}

/// Why a text cannot be scanned.
pub(super) enum Fault {
    Expected(&'static str, usize),
    TooDeep,
    TooManyFields,
    /// Where the key stands.
    Repeated(Range<usize>),
}

impl Fault {
    fn message(self, body: &[u8]) -> String {
        match self {
            Fault::Expected(what, at) => {
                format!("The request body is not valid JSON: expected {what} at byte {at}.")
            }
            Fault::TooDeep => format!("The request body is nested deeper than {MAX_DEPTH} levels."),
            Fault::TooManyFields => format!("The request body has more than {MAX_FIELDS} fields."),
            Fault::Repeated(key) => {
                let key = String::from_utf8_lossy(&body[key]);
                format!("The request body has the field `{key}` twice.")
            }
        }
    }
}

/// Goes through a JSON text.
pub(super) struct Scanner<'a> {
    pub(super) body: &'a [u8],
    pub(super) at: usize,
}

impl Scanner<'_> {
    fn object(&mut self) -> Result<TopLevel, Fault> {
        self.space();
        self.expect(b'{', "a JSON object")?;
        let mut found = TopLevel {
            fields: Vec::with_capacity(12),
            end: 0,
        };
        self.space();
        if self.peek() != Some(b'}') {
            self.fields(&mut found)?;
        }
        found.end = self.at;
        self.at += 1;
        self.space();
        if self.at < self.body.len() {
            return Err(Fault::Expected("the end of the body", self.at));
        }
        Ok(found)
    }

    fn fields(&mut self, found: &mut TopLevel) -> Result<(), Fault> {
        loop {
            let (key, value) = self.field()?;
            self.check_key(found, &key)?;
            found.fields.push(Span { key, value });
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => return Ok(()),
                _ => return Err(Fault::Expected("',' or '}'", self.at)),
            }
        }
    }

    /// The place of a key, without its quotes, and of its value.
    fn field(&mut self) -> Result<(Range<usize>, Range<usize>), Fault> {
        let key = self.key()?;
        Ok((key, self.value()?))
    }

    /// The place of a key, without its quotes; ends where its value begins.
    pub(super) fn key(&mut self) -> Result<Range<usize>, Fault> {
        self.space();
        let key = self.string("a field name")?;
        self.space();
        self.expect(b':', "':'")?;
        self.space();
        Ok(key.start + 1..key.end - 1)
    }

    fn check_key(&self, found: &TopLevel, key: &Range<usize>) -> Result<(), Fault> {
        if found.fields.len() == MAX_FIELDS {
            return Err(Fault::TooManyFields);
        }
        let name = &self.body[key.clone()];
        // An escaped key could spell a name that was seen before, so it is refused outright.
        let escaped = memchr::memchr(b'\\', name).is_some();
        if escaped
            || found
                .fields
                .iter()
                .any(|f| &self.body[f.key.clone()] == name)
        {
            return Err(Fault::Repeated(key.clone()));
        }
        Ok(())
    }

    /// Steps over a value.
    pub(super) fn value(&mut self) -> Result<Range<usize>, Fault> {
        match self.peek() {
            Some(b'"') => self.string("a string"),
            Some(b'{' | b'[') => self.nested(),
            Some(_) => self.scalar(),
            None => Err(Fault::Expected("a value", self.at)),
        }
    }

    /// A number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Result<Range<usize>, Fault> {
        let start = self.at;
        let rest = &self.body[start..];
        let ends = |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
        let text = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
        self.at += text.len();
        let plain = match text {
            b"true" | b"false" | b"null" => true,
            [first, rest @ ..] => {
                let counts = matches!(first, b'1'..=b'9') || (*first == b'0' && rest.is_empty());
                counts && rest.iter().all(u8::is_ascii_digit)
            }
            [] => false,
        };
        if plain {
            return Ok(start..self.at);
        }
        // The rest of the grammar is for the real parser.
        match serde_json::from_slice::<&serde_json::value::RawValue>(text) {
            Ok(_) => Ok(start..self.at),
            Err(_) => Err(Fault::Expected("a value", start)),
        }
    }

    /// An object or array, by the balance of its brackets.
    fn nested(&mut self) -> Result<Range<usize>, Fault> {
        let start = self.at;
        let mut closers = [0u8; MAX_DEPTH];
        let mut depth = 0;
        loop {
            let Some(byte) = self.peek() else {
                return Err(Fault::Expected("a closing bracket", self.at));
            };
            match byte {
                b'"' => {
                    self.string("a string")?;
                    continue;
                }
                b'{' | b'[' => {
                    let slot = closers.get_mut(depth).ok_or(Fault::TooDeep)?;
                    *slot = if byte == b'{' { b'}' } else { b']' };
                    depth += 1;
                }
                b'}' | b']' => {
                    depth -= 1;
                    if closers[depth] != byte {
                        return Err(Fault::Expected("the matching bracket", self.at));
                    }
                }
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(start..self.at);
            }
        }
    }

    /// A string, quotes included in the range.
    fn string(&mut self, what: &'static str) -> Result<Range<usize>, Fault> {
        let start = self.at;
        self.expect(b'"', what)?;
        loop {
            let Some(found) = quote(&self.body[self.at..]) else {
                return Err(Fault::Expected("a closing quote", self.body.len()));
            };
            let inside = &self.body[start + 1..self.at + found];
            self.at += found + 1;
            // Escapes are frequent in prompts, escaped quotes are not: look only at these.
            let backslashes = inside.iter().rev().take_while(|b| **b == b'\\').count();
            if backslashes % 2 == 0 {
                return Ok(start..self.at);
            }
        }
    }

    pub(super) fn space(&mut self) {
        while self
            .peek()
            .is_some_and(|b| matches!(b, b' ' | b'\n' | b'\r' | b'\t'))
        {
            self.at += 1;
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    pub(super) fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Fault> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(Fault::Expected(what, self.at))
    }
}

#[cfg(test)]
mod tests;
