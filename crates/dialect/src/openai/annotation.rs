//! Citations of other vendors as OpenAI's two chat APIs show theirs: a place in the text and an address.

use serde::Serialize;
use weir_model::Json;

use crate::citation::Cited;

/// What a citation says, in the fields of both APIs.
#[derive(Serialize)]
struct Page<'a> {
    start_index: usize,
    end_index: usize,
    url: &'a str,
    title: &'a str,
}

/// In an object of their own, as Chat Completions has them.
#[derive(Serialize)]
#[serde(tag = "type", rename = "url_citation")]
struct Nested<'a> {
    url_citation: Page<'a>,
}

/// Beside the type, as Responses has them.
#[derive(Serialize)]
#[serde(tag = "type", rename = "url_citation")]
struct Flat<'a> {
    #[serde(flatten)]
    page: Page<'a>,
}

/// The annotation; `None` when the source has no address, or its place in the text is not told.
pub(crate) fn of(citation: &Json, nested: bool) -> Option<Json> {
    let cited = Cited::of(citation)?;
    let (start_index, end_index) = cited.span?;
    let url = cited.url.as_deref()?;
    let page = Page {
        start_index,
        end_index,
        url,
        title: cited.title.as_deref().unwrap_or(url),
    };
    let json = match nested {
        true => serde_json::to_string(&Nested { url_citation: page }),
        false => serde_json::to_string(&Flat { page }),
    };
    Json::parse(json.ok()?)
}
