//! Forms, read by hand and strictly: a form that is cut, or whose parts have no name, is refused.

use http::HeaderMap;

use crate::refusal::{Checked, Refusal};

/// A part of a form.
pub(crate) struct Part<'a> {
    pub(crate) name: String,
    pub(crate) file: Option<String>,
    pub(crate) value: &'a [u8],
}

fn split<'a>(text: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let found = memchr::memmem::find(text, at)?;
    Some((&text[..found], &text[found + at.len()..]))
}

/// The parts of a form.
pub(crate) fn parts<'a>(headers: &HeaderMap, body: &'a [u8]) -> Checked<Vec<Part<'a>>> {
    let kind = headers.get("content-type").and_then(|v| v.to_str().ok());
    let boundary = kind
        .filter(|kind| kind.starts_with("multipart/form-data"))
        .and_then(|kind| kind.split_once("boundary="))
        .map(|(_, boundary)| boundary.trim_matches('"'));
    let Some(boundary) = boundary else {
        let message = "Invalid Content-Type header, expected multipart/form-data.";
        return Err(Refusal::invalid(message).code("unsupported_content_type"));
    };
    let cut = || Refusal::invalid("Could not parse multipart form");
    let delimiter = format!("--{boundary}").into_bytes();
    let (_, mut rest) = split(body, &delimiter).ok_or_else(cut)?;
    let between = [b"\r\n", delimiter.as_slice()].concat();
    let mut found = Vec::new();
    while !rest.starts_with(b"--") {
        let (part, after) = split(rest, &between).ok_or_else(cut)?;
        let (head, value) = split(part, b"\r\n\r\n").ok_or_else(cut)?;
        let head = String::from_utf8_lossy(head).into_owned();
        let get = |key: &str| {
            let (_, after) = head.split_once(&format!("; {key}=\""))?;
            Some(after.split('"').next().unwrap_or_default().to_owned())
        };
        found.push(Part {
            name: get("name").ok_or_else(cut)?,
            file: get("filename"),
            value,
        });
        rest = after;
    }
    Ok(found)
}

/// The text of a field.
pub(crate) fn text<'a>(parts: &'a [Part<'_>], name: &str) -> Option<&'a str> {
    let part = parts.iter().find(|p| p.name == name && p.file.is_none())?;
    std::str::from_utf8(part.value).ok()
}
