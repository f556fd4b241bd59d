//! Content: a string, or a list of parts.

use weir_model::{Block, Content, Losses, Media, MediaSource, Rejection};

use crate::json::read::Value;
use crate::openai::media::{media, plain};
use crate::openai::read::{UNKNOWN, cache_mark, each};

/// The blocks of a message's content. An empty string has none.
pub(super) fn content(value: Value<'_, '_>, losses: &mut Losses) -> Result<Vec<Block>, Rejection> {
    if value.is_string() {
        let text = value.string()?;
        return Ok(match &*text {
            "" => Vec::new(),
            text => vec![Block::text(text)],
        });
    }
    if !value.is_array() {
        return Err(value.wrong("a string or an array of content parts"));
    }
    each(value, |v| part(v, losses))
}

fn part(value: Value<'_, '_>, losses: &mut Losses) -> Result<Block, Rejection> {
    let mut part = value.object()?;
    let kind = part.require_string("type")?;
    let cache = cache_mark(&mut part, losses)?;
    let content = match kind.as_str() {
        "text" => Block::text(part.require_string("text")?).content,
        "refusal" => Content::Refusal {
            text: part.require_string("refusal")?,
        },
        "image_url" => Content::Image(part.require("image_url", |v| image(v, losses))?),
        "input_audio" => Content::Audio(part.require("input_audio", |v| audio(v, losses))?),
        "file" => Content::Document(part.require("file", |v| file(v, losses))?),
        _ => {
            let json = value.json();
            let content = Content::Opaque { kind, json };
            return Ok(Block { content, cache });
        }
    };
    part.lose_rest(UNKNOWN, losses);
    Ok(Block { content, cache })
}

/// An image's address, in an object or, as Mistral has it, alone.
fn image(value: Value<'_, '_>, losses: &mut Losses) -> Result<Media, Rejection> {
    if value.is_string() {
        return media(value);
    }
    let mut image = value.object()?;
    let mut media = image.require("url", media)?;
    media.detail = image.read_string("detail")?;
    image.lose_rest(UNKNOWN, losses);
    Ok(media)
}

fn audio(value: Value<'_, '_>, losses: &mut Losses) -> Result<Media, Rejection> {
    let mut audio = value.object()?;
    let data = audio.require("data", |v| v.payload())?;
    let format = audio.require_string("format")?;
    audio.lose_rest(UNKNOWN, losses);
    Ok(Media {
        source: MediaSource::Base64(data),
        media_type: Some(match format.as_str() {
            "mp3" => String::from("audio/mpeg"),
            other => format!("audio/{other}"),
        }),
        name: None,
        detail: None,
    })
}

fn file(value: Value<'_, '_>, losses: &mut Losses) -> Result<Media, Rejection> {
    let mut file = value.object()?;
    let name = file.read_string("filename")?;
    let given = file.read("file_data", media)?;
    let id = file.read_string("file_id")?;
    file.lose_rest(UNKNOWN, losses);
    let mut media = match (given, id) {
        (Some(media), _) => media,
        (None, Some(id)) => plain(MediaSource::FileId(id)),
        (None, None) => return Err(value.invalid("needs `file_data` or `file_id`")),
    };
    media.name = name;
    Ok(media)
}
