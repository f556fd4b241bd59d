//! Documents: Cohere's are objects of whatever fields the caller likes, all of which the model reads;
//! those of the model are texts with a title.

use serde::Serialize;
use serde_json::value::RawValue;
use weir_model::{Content, Losses, Media, MediaSource, Rejection};

use super::UNKNOWN;
use crate::json::read::{Object, Path, Value};

/// The fields in which a document's own words usually stand.
const TEXTS: [&str; 3] = ["text", "snippet", "content"];

/// A document, which may be a plain text.
pub(super) fn document(value: Value<'_, '_>, losses: &mut Losses) -> Result<Content, Rejection> {
    if value.is_string() {
        return Ok(text(value.string()?.into_owned(), None));
    }
    let mut document = value.object()?;
    let id = document.read_string("id")?;
    let content = document.require("data", |v| match v.is_string() {
        true => Ok(text(v.string()?.into_owned(), None)),
        false => v.object().map(read),
    })?;
    document.lose_rest(UNKNOWN, losses);
    let Content::Document(mut media) = content else {
        return Ok(content);
    };
    match (id, &media.name) {
        (Some(id), Some(name)) if id != *name => {
            let place = Path::Field(&value.path, "id").to_string();
            losses.add(place, "it goes by its title");
        }
        (id, _) => media.name = media.name.or(id),
    }
    Ok(Content::Document(media))
}

/// The title is the title. If one of the usual fields is all the rest, it is the text; else the text
/// names every field, as Cohere's prompt does.
fn read(data: Object<'_, '_>) -> Content {
    let mut fields = data.into_fields();
    let words = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
    let title = fields
        .iter()
        .position(|(key, raw)| key == "title" && words(raw).is_some());
    let title = title.and_then(|at| words(fields.remove(at).1));
    if let [(key, raw)] = &fields[..]
        && TEXTS.contains(&&**key)
        && let Some(words) = words(raw)
    {
        return text(words, title);
    }
    let lines = fields.iter().map(|(key, raw)| {
        let value = words(raw).unwrap_or_else(|| raw.get().to_owned());
        format!("{key}: {value}")
    });
    text(lines.collect::<Vec<_>>().join("\n"), title)
}

fn text(text: String, name: Option<String>) -> Content {
    Content::Document(Media {
        source: MediaSource::Text(text),
        media_type: Some(String::from("text/plain")),
        name,
        detail: None,
    })
}

/// A document for Cohere.
#[derive(Debug, Serialize)]
pub(super) struct SentDocument<'a> {
    data: SentFields<'a>,
}

#[derive(Debug, Serialize)]
struct SentFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    text: &'a str,
}

impl<'a> SentDocument<'a> {
    /// The document, if it is a text.
    pub(super) fn of(media: &'a Media) -> Option<SentDocument<'a>> {
        let MediaSource::Text(text) = &media.source else {
            return None;
        };
        let title = media.name.as_deref();
        Some(SentDocument {
            data: SentFields { title, text },
        })
    }
}
