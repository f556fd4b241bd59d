//! A block that only Anthropic understands, while it is streamed: carried as it came, with what was
//! streamed into it put in its place.

use serde_json::value::RawValue;
use weir_model::{Json, Opened};

use super::super::wire::OPAQUE;
use crate::json::scan;
use crate::json::splice::Splices;

/// Most bytes streamed into one block; what is over is cut, and the block then no JSON.
const MOST: usize = 8 << 20;

/// The block so far.
#[derive(Debug)]
pub(super) struct Held {
    kind: String,
    json: String,
    input: String,
    content: Option<String>,
    encrypted_content: Option<String>,
}

impl Held {
    /// A block of the vendor's type `kind`.
    pub(super) fn new(kind: &str, raw: &RawValue) -> Held {
        Held {
            kind: format!("{OPAQUE}{kind}"),
            json: raw.get().to_owned(),
            input: String::new(),
            content: None,
            encrypted_content: None,
        }
    }

    /// Takes a delta: the input of a server tool piece by piece, the other fields whole.
    pub(super) fn grow(
        &mut self,
        input: Option<&str>,
        content: Option<&RawValue>,
        encrypted_content: Option<&RawValue>,
    ) {
        let room = MOST.saturating_sub(self.input.len());
        let input = input.unwrap_or_default();
        self.input.push_str(input.get(..room).unwrap_or(input));
        for (field, value) in [
            (&mut self.content, content),
            (&mut self.encrypted_content, encrypted_content),
        ] {
            if let Some(value) = value {
                *field = Some(value.get().to_owned());
            }
        }
    }

    /// The block with what was streamed into it; `None` when that is no JSON object.
    pub(super) fn complete(self) -> Option<Opened> {
        let input = Some(self.input).filter(|input| !input.is_empty());
        let top = scan::top_level_of_answer(self.json.as_bytes())?;
        let mut splices = Splices::default();
        for (key, value) in [
            ("input", input),
            ("content", self.content),
            ("encrypted_content", self.encrypted_content),
        ] {
            let Some(value) = value else { continue };
            match top.find(self.json.as_bytes(), key) {
                Some(span) => splices.replace(span.value.clone(), value),
                None => splices.append_field(&top, &format!("\"{key}\":{value}")),
            }
        }
        let json = splices.apply(&self.json.into_bytes().into());
        Some(Opened::Opaque {
            name: self.kind,
            json: String::from_utf8(json.into()).ok().and_then(Json::parse)?,
        })
    }
}
