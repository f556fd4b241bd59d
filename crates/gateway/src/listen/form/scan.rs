//! Goes through a form (RFC 7578) as it comes, however it is chunked, and notes where its fields stand.
//! Heads and short values are kept, the rest only passes by: what is held is bounded.

use std::ops::Range;

use memchr::memmem::Finder;
use weir_model::Rejection;

/// Most parts of a form, and the longest head of one in bytes.
const MAX_PARTS: usize = 256;
const MAX_HEAD: usize = 8 << 10;

/// Longest value that is kept, in bytes.
const MAX_VALUE: usize = 1 << 10;

/// A part of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name, without quotes.
    pub name: String,
    /// Whether it is a file.
    pub is_file: bool,
    /// Where its value stands in the body.
    pub span: Range<u64>,
    /// Its value, where that is short, no file and text.
    pub value: Option<String>,
}

/// Goes through one form.
#[derive(Debug)]
pub(super) struct Scanner {
    /// CRLF, two dashes, and the boundary.
    delimiter: Finder<'static>,
    state: State,
    /// What has come and may still be part of something.
    kept: Vec<u8>,
    /// Where `kept` begins in the body, plus 2 for the CRLF that is put before it.
    at: u64,
    short: Vec<u8>,
    fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Preamble,
    Delimited,
    Head,
    Value,
    End,
}

impl Scanner {
    /// For a form with this `Content-Type`.
    ///
    /// # Errors
    /// When the type names no boundary that is one.
    pub(super) fn new(content_type: &str) -> Result<Scanner, Rejection> {
        let boundary = content_type.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.trim().split_once('=')?;
            let named = name.eq_ignore_ascii_case("boundary");
            named.then(|| value.trim().trim_matches('"'))
        });
        let boundary = boundary.filter(|b| (1..=70).contains(&b.len()));
        let boundary = boundary.ok_or_else(|| {
            let message =
                "The `Content-Type` of the form names no `boundary` of 1 to 70 characters.";
            Rejection::invalid(message)
        })?;
        Ok(Scanner {
            delimiter: Finder::new(&format!("\r\n--{boundary}")).into_owned(),
            state: State::Preamble,
            // A form may begin with its first delimiter, which then lacks its line end.
            kept: b"\r\n".to_vec(),
            at: 0,
            short: Vec::new(),
            fields: Vec::new(),
        })
    }

    /// Whether the form has had its end.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::End
    }

    /// The fields so far; a last one may have no end yet.
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// When it is no form, or has too many or too large parts.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Rejection> {
        self.kept.extend_from_slice(piece);
        loop {
            let more = match self.state {
                State::Preamble => self.preamble()?,
                State::Delimited => self.delimited()?,
                State::Head => self.head()?,
                State::Value => self.value(),
                State::End => {
                    self.drop_kept(self.kept.len());
                    false
                }
            };
            if !more {
                return Ok(());
            }
        }
    }

    fn drop_kept(&mut self, count: usize) {
        self.kept.drain(..count);
        self.at += count as u64;
    }

    fn preamble(&mut self) -> Result<bool, Rejection> {
        let Some(found) = self.delimiter.find(&self.kept) else {
            if self.kept.len() > MAX_HEAD {
                return Err(broken("its first boundary is missing"));
            }
            return Ok(false);
        };
        self.drop_kept(found + self.delimiter.needle().len());
        self.state = State::Delimited;
        Ok(true)
    }

    fn delimited(&mut self) -> Result<bool, Rejection> {
        self.state = match self.kept.as_slice() {
            [b'\r', b'\n', ..] => State::Head,
            [b'-', b'-', ..] => State::End,
            [] | [b'\r' | b'-'] => return Ok(false),
            _ => return Err(broken("a boundary is followed by something else")),
        };
        // The head may be empty, and then the line end belongs to the blank line after it.
        Ok(true)
    }

    fn head(&mut self) -> Result<bool, Rejection> {
        let Some(end) = memchr::memmem::find(&self.kept, b"\r\n\r\n") else {
            if self.kept.len() > MAX_HEAD {
                return Err(broken("the head of a part is too large"));
            }
            return Ok(false);
        };
        if self.fields.len() == MAX_PARTS {
            return Err(broken("it has too many parts"));
        }
        let mut field = read_head(&self.kept[..end]);
        self.drop_kept(end + 4);
        field.span = self.at - 2..self.at - 2;
        self.fields.push(field);
        self.short.clear();
        // An empty value's delimiter begins with the line end that closed the head.
        self.at -= 2;
        self.kept.splice(..0, *b"\r\n");
        self.state = State::Value;
        Ok(true)
    }

    fn value(&mut self) -> bool {
        let found = self.delimiter.find(&self.kept);
        let held = self.delimiter.needle().len() - 1;
        let passed = found.unwrap_or_else(|| self.kept.len().saturating_sub(held));
        let Some(field) = self.fields.last_mut() else {
            return false;
        };
        // The two bytes put before a value are not of it.
        let own = usize::try_from((field.span.start + 2).saturating_sub(self.at)).unwrap_or(0);
        if !field.is_file && self.short.len() <= MAX_VALUE && own < passed {
            let room = MAX_VALUE + 1 - self.short.len();
            let value = &self.kept[own..passed];
            self.short
                .extend_from_slice(&value[..value.len().min(room)]);
        }
        field.span.end = (self.at + passed as u64)
            .saturating_sub(2)
            .max(field.span.start);
        if found.is_some() {
            let whole = !field.is_file && self.short.len() <= MAX_VALUE;
            field.value = whole
                .then(|| String::from_utf8(std::mem::take(&mut self.short)).ok())
                .flatten();
            self.state = State::Delimited;
        }
        let gone = found.map_or(passed, |at| at + self.delimiter.needle().len());
        self.drop_kept(gone);
        found.is_some()
    }
}

/// What the head of a part says.
fn read_head(head: &[u8]) -> Field {
    let head = String::from_utf8_lossy(head);
    let mut field = Field::default();
    for line in head.split("\r\n") {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if !name.trim().eq_ignore_ascii_case("content-disposition") {
            continue;
        }
        for (name, value) in parameters(value) {
            match name.to_ascii_lowercase().as_str() {
                "name" => field.name = value,
                "filename" | "filename*" => field.is_file = true,
                _ => {}
            }
        }
    }
    field
}

/// The parameters of a header's value, quotes and their escapes resolved.
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some((_, after)) = rest.split_once(';') {
        let Some((name, value)) = after.split_once('=') else {
            break;
        };
        let Some(quoted) = value.trim_start().strip_prefix('"') else {
            let end = value.find(';').unwrap_or(value.len());
            found.push((name.trim().to_owned(), value[..end].trim().to_owned()));
            rest = &value[end..];
            continue;
        };
        let mut text = String::new();
        let mut letters = quoted.char_indices();
        let mut end = quoted.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => text.extend(letters.next().map(|(_, letter)| letter)),
                letter => text.push(letter),
            }
        }
        found.push((name.trim().to_owned(), text));
        rest = &quoted[end..];
    }
    found
}

/// The refusal of what is no form.
pub(super) fn broken(why: &str) -> Rejection {
    Rejection::invalid(format!("The form cannot be read: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n\
         --b\r\ncontent-disposition: form-data; filename=\"a\\\"; name=x.wav\"; name=file\r\n\
         Content-Type: audio/wav\r\n\r\nRI\r\n--FF\r\n--\r\n--b\r\n\
         Content-Disposition: form-data; name=empty\r\n\r\n\r\n--b--\r\nafter";

    fn scanned(form: &str, size: usize) -> Result<(Vec<Field>, bool), Rejection> {
        let mut scanner = Scanner::new("multipart/form-data; charset=x; Boundary=\"b\"")?;
        for piece in form.as_bytes().chunks(size) {
            scanner.push(piece)?;
        }
        Ok((scanner.fields().to_vec(), scanner.is_over()))
    }

    #[test]
    fn fields_are_found_however_the_form_is_cut() {
        for size in 1..FORM.len() {
            let (fields, over) = scanned(FORM, size).unwrap();
            assert!(over, "{size}");
            let seen: Vec<_> = fields
                .iter()
                .map(|field| {
                    let span = field.span.start as usize..field.span.end as usize;
                    let value = field.value.as_deref();
                    (field.name.as_str(), field.is_file, &FORM[span], value)
                })
                .collect();
            let expected = [
                ("model", false, "whisper", Some("whisper")),
                ("file", true, "RI\r\n--FF\r\n--", None),
                ("empty", false, "", Some("")),
            ];
            assert_eq!(seen, expected, "{size}");
        }
    }

    #[test]
    fn what_is_no_form_is_refused_and_what_is_cut_is_not_over() {
        for end in 0..FORM.len() - "--\r\nafter".len() {
            let cut = scanned(&FORM[..end], 7);
            assert!(cut.is_ok_and(|(_, over)| !over), "{end}");
        }
        let long = "x".repeat(MAX_HEAD + 1);
        for wrong in [
            long.clone(),
            format!("--b\r\nA: {long}"),
            "--bc\r\n\r\n".to_owned(),
            format!("--b{}", "\r\n\r\n\r\nx\r\n--b".repeat(MAX_PARTS + 1)),
        ] {
            assert!(scanned(&wrong, 1000).is_err(), "{}", &wrong[..9]);
        }
        for kind in ["multipart/form-data", "multipart/form-data; boundary="] {
            assert!(Scanner::new(kind).is_err());
        }
    }

    #[test]
    fn long_values_pass_by() {
        let value = "y".repeat(MAX_VALUE + 1);
        let form = format!("--b\r\ncontent-disposition: form-data; name=p\r\n\r\n{value}\r\n--b--");
        let (fields, over) = scanned(&form, 100).unwrap();
        assert!(over && fields[0].value.is_none());
        assert_eq!(
            fields[0].span.end - fields[0].span.start,
            value.len() as u64
        );
    }
}
