//! Citations for Cohere's clients: its own as they came, and those of other vendors in its shape.

use std::borrow::Cow;

use serde::Serialize;
use weir_model::Json;

use crate::citation::Cited;

/// Whether a citation has Cohere's own shape.
pub(super) fn is_own(citation: &Json) -> bool {
    #[derive(serde::Deserialize)]
    struct Own {
        #[expect(dead_code, reason = "only whether it is there counts")]
        sources: Vec<serde::de::IgnoredAny>,
    }
    serde_json::from_str::<Own>(citation.get()).is_ok()
}

/// One entry of `citations`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Citation<'a> {
    Own(&'a Json),
    Told {
        start: usize,
        end: usize,
        text: String,
        sources: [Source<'a>; 1],
        content_index: usize,
        r#type: &'static str,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct Source<'a> {
    r#type: &'static str,
    id: String,
    document: Document<'a>,
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<Cow<'a, str>>,
}

/// A text that is cited for: one block of the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'t> {
    /// Which part of the content it is in.
    pub(super) content_index: usize,
    /// How many characters stand before it in that part.
    pub(super) before: usize,
    /// Its text.
    pub(super) text: &'t str,
}

impl<'a> Citation<'a> {
    /// The citation in Cohere's shape; `None` when it cannot be read.
    pub(super) fn new(citation: &'a Json, place: Place<'_>) -> Option<Citation<'a>> {
        if is_own(citation) {
            return Some(Citation::Own(citation));
        }
        let cited = Cited::of(citation)?;
        let length = place.text.chars().count();
        let (start, end) = cited.span.unwrap_or((0, length));
        let end = end.min(length);
        let start = start.min(end);
        let text = place.text.chars().skip(start).take(end - start).collect();
        let names = [&cited.url, &cited.title].into_iter().flatten();
        let id = names.map(|name| name.to_string()).next();
        let id = id.unwrap_or_else(|| String::from("doc:0"));
        Some(Citation::Told {
            start: place.before + start,
            end: place.before + end,
            text,
            sources: [Source {
                r#type: "document",
                id: id.clone(),
                document: Document {
                    id,
                    title: cited.title,
                    url: cited.url,
                    snippet: cited.quote,
                },
            }],
            content_index: place.content_index,
            r#type: "TEXT_CONTENT",
        })
    }
}
