//! Content: a string, or a list of parts.

use weir_model::{Block, Content, Losses, Media, MediaSource, Rejection};

use crate::json::read::{Object, Value};
use crate::openai::media::{media, plain};
use crate::openai::read::{UNKNOWN, cache_mark, each};

/// The blocks of a message or of a tool's output. An empty string has none.
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
        "input_text" => Block::text(part.require_string("text")?).content,
        "output_text" => {
            // Belongs to the answer that this once was.
            part.take("logprobs");
            let citations = part.read("annotations", |v| each(v, |v| Ok(v.json())))?;
            Content::Text {
                text: part.require_string("text")?,
                citations: citations.unwrap_or_default(),
            }
        }
        "refusal" => Content::Refusal {
            text: part.require_string("refusal")?,
        },
        "input_image" => Content::Image(image(value, &mut part)?),
        "input_file" => Content::Document(file(value, &mut part)?),
        _ => {
            let json = value.json();
            let content = Content::Opaque { kind, json };
            return Ok(Block { content, cache });
        }
    };
    part.lose_rest(UNKNOWN, losses);
    Ok(Block { content, cache })
}

fn image(value: Value<'_, '_>, part: &mut Object<'_, '_>) -> Result<Media, Rejection> {
    let given = part.read("image_url", media)?;
    let mut media = one(value, part, given, "`image_url` or `file_id`")?;
    media.detail = part.read_string("detail")?;
    Ok(media)
}

fn file(value: Value<'_, '_>, part: &mut Object<'_, '_>) -> Result<Media, Rejection> {
    let data = part.read("file_data", media)?;
    let url = part.read_string("file_url")?;
    let given = data.or(url.map(|url| plain(MediaSource::Url(url))));
    let mut media = one(value, part, given, "`file_data`, `file_url` or `file_id`")?;
    media.name = part.read_string("filename")?;
    media.detail = part.read_string("detail")?;
    Ok(media)
}

/// What was given, or the file of an id.
fn one(
    value: Value<'_, '_>,
    part: &mut Object<'_, '_>,
    given: Option<Media>,
    needed: &str,
) -> Result<Media, Rejection> {
    let id = part.read_string("file_id")?;
    given
        .or(id.map(|id| plain(MediaSource::FileId(id))))
        .ok_or_else(|| value.invalid(format_args!("needs {needed}")))
}
