//! Content blocks to the model, for requests and answers alike. Blocks of an unknown type are
//! carried as they came.

use std::borrow::Cow;

use weir_model::{
    Block, CacheMark, CacheTtl, Content, Json, Losses, Media, MediaSource, Rejection, ToolCall,
    ToolResult,
};

use super::super::wire::OPAQUE;
use crate::json::read::{Object, Path, Value};

/// Why a field that other vendors lack is lost.
pub(super) const ANTHROPIC_ONLY: &str = "only Anthropic has it";
/// Why a field that we do not know is lost.
pub(super) const UNKNOWN: &str = "unknown field";

/// What a content block can be.
pub(in super::super) enum Piece {
    /// Part of the message that it stands in.
    Block(Block),
    /// System instructions that take effect here.
    System(Vec<Block>),
}

/// How deep blocks nest: a text in a document in a tool's result in a message.
const MOST_DEEP: u8 = 2;

/// Reads a content block of a message.
///
/// # Errors
/// An invalid-request rejection that names the field.
pub(in super::super) fn piece(
    value: Value<'_, '_>,
    losses: &mut Losses,
) -> Result<Piece, Rejection> {
    piece_at(value, 0, losses)
}

fn piece_at(value: Value<'_, '_>, depth: u8, losses: &mut Losses) -> Result<Piece, Rejection> {
    if depth > MOST_DEEP {
        return Err(value.invalid("blocks do not nest so deep"));
    }
    let mut object = value.object()?;
    let kind = object.require_string("type")?;
    let cache = mark(&mut object, losses)?;
    let content = match kind.as_str() {
        "text" => text(&mut object)?,
        "thinking" => Content::Reasoning {
            text: object.read_string("thinking")?.unwrap_or_default(),
            signature: object.read_string("signature")?.filter(|s| !s.is_empty()),
        },
        "redacted_thinking" => Content::RedactedReasoning {
            data: object.require_string("data")?,
        },
        "tool_use" => tool_use(&mut object, losses)?,
        "tool_result" if depth == 0 => tool_result(&mut object, losses)?,
        "image" => Content::Image(object.require("source", |v| image_source(v, losses))?),
        "document" => document(&mut object, depth, losses)?,
        "search_result" => search_result(&mut object, depth, losses)?,
        "mid_conv_system" if depth == 0 => return system(object, cache, losses),
        "tool_result" | "mid_conv_system" => {
            return Err(value.invalid("this block cannot stand here"));
        }
        _ => {
            let content = Content::Opaque {
                kind: format!("{OPAQUE}{kind}"),
                json: value.json(),
            };
            return Ok(Piece::Block(Block { content, cache }));
        }
    };
    object.lose_rest(UNKNOWN, losses);
    Ok(Piece::Block(Block { content, cache }))
}

/// Reads the blocks of a field where a string stands for one text block.
pub(super) fn blocks(value: Value<'_, '_>, losses: &mut Losses) -> Result<Vec<Block>, Rejection> {
    blocks_at(value, 1, losses)
}

fn blocks_at(
    value: Value<'_, '_>,
    depth: u8,
    losses: &mut Losses,
) -> Result<Vec<Block>, Rejection> {
    if value.is_string() {
        return Ok(vec![Block::text(value.string()?)]);
    }
    let mut blocks = Vec::new();
    for (at, raw) in value.array()?.into_iter().enumerate() {
        let item = Value::new(raw, Path::Index(&value.path, at));
        match piece_at(item, depth, losses)? {
            Piece::Block(block) => blocks.push(block),
            Piece::System(system) => blocks.extend(system),
        }
    }
    Ok(blocks)
}

/// Takes a cache mark.
pub(super) fn mark(
    object: &mut Object<'_, '_>,
    losses: &mut Losses,
) -> Result<Option<CacheMark>, Rejection> {
    object.read("cache_control", |value| {
        let mut object = value.object()?;
        object.require("type", |v| match &*v.string()? {
            "ephemeral" => Ok(()),
            _ => Err(v.invalid("expected \"ephemeral\"")),
        })?;
        let ttl = object.read("ttl", |v| match &*v.string()? {
            "5m" => Ok(CacheTtl::FiveMinutes),
            "1h" => Ok(CacheTtl::OneHour),
            _ => Err(v.invalid("expected \"5m\" or \"1h\"")),
        })?;
        object.lose_rest(UNKNOWN, losses);
        Ok(CacheMark { ttl })
    })
}

/// Takes a field that means nothing to others; a loss unless it says what holds anyway.
pub(super) fn lose_unless(
    object: &mut Object<'_, '_>,
    key: &str,
    without_effect: &[&str],
    losses: &mut Losses,
) {
    if let Some(raw) = object.take(key) {
        let compact: String = raw.get().split_ascii_whitespace().collect();
        if !without_effect.contains(&compact.as_str()) {
            let path = Path::Field(&object.path, key).to_string();
            losses.add(path, ANTHROPIC_ONLY);
        }
    }
}

fn text(object: &mut Object<'_, '_>) -> Result<Content, Rejection> {
    let citations = object.read("citations", |v| {
        Ok(v.array()?.into_iter().map(Json::from).collect())
    })?;
    Ok(Content::Text {
        text: object.require_string("text")?,
        citations: citations.unwrap_or_default(),
    })
}

fn tool_use(object: &mut Object<'_, '_>, losses: &mut Losses) -> Result<Content, Rejection> {
    lose_unless(object, "caller", &[r#"{"type":"direct"}"#], losses);
    Ok(Content::ToolCall(ToolCall {
        id: object.require_string("id")?,
        name: object.require_string("name")?,
        arguments: object.require("input", |v| {
            v.is_object()
                .then(|| v.text().to_owned())
                .ok_or_else(|| v.wrong("an object"))
        })?,
    }))
}

fn tool_result(object: &mut Object<'_, '_>, losses: &mut Losses) -> Result<Content, Rejection> {
    Ok(Content::ToolResult(ToolResult {
        call_id: object.require_string("tool_use_id")?,
        content: object
            .read("content", |v| blocks(v, losses))?
            .unwrap_or_default(),
        is_error: object.read("is_error", |v| v.boolean())?.unwrap_or(false),
    }))
}

fn document(
    object: &mut Object<'_, '_>,
    depth: u8,
    losses: &mut Losses,
) -> Result<Content, Rejection> {
    // Of all documents at once, in the head of the request.
    object.take("citations");
    object.lose("context", ANTHROPIC_ONLY, losses);
    let name = object.read_string("title")?;
    let media = object.require("source", |v| document_source(v, depth, losses))?;
    Ok(Content::Document(Media { name, ..media }))
}

fn search_result(
    object: &mut Object<'_, '_>,
    depth: u8,
    losses: &mut Losses,
) -> Result<Content, Rejection> {
    // Of all documents at once, in the head of the request.
    object.take("citations");
    object.lose("source", ANTHROPIC_ONLY, losses);
    let name = object.read_string("title")?;
    let text = object.require("content", |v| joined_text(v, depth, losses))?;
    let media = media(MediaSource::Text(text), Some("text/plain".into()));
    Ok(Content::Document(Media { name, ..media }))
}

fn system(
    mut object: Object<'_, '_>,
    cache: Option<CacheMark>,
    losses: &mut Losses,
) -> Result<Piece, Rejection> {
    let mut content = object.require("content", |v| blocks(v, losses))?;
    if let Some(last) = content.last_mut() {
        last.cache = last.cache.or(cache);
    }
    object.lose_rest(UNKNOWN, losses);
    Ok(Piece::System(content))
}

fn image_source(value: Value<'_, '_>, losses: &mut Losses) -> Result<Media, Rejection> {
    let mut object = value.object()?;
    let media = match plain_source(&mut object)? {
        Ok(media) => media,
        Err(kind) => return Err(unknown_source(value, &kind)),
    };
    object.lose_rest(UNKNOWN, losses);
    Ok(media)
}

fn document_source(
    value: Value<'_, '_>,
    depth: u8,
    losses: &mut Losses,
) -> Result<Media, Rejection> {
    let mut object = value.object()?;
    let media = match plain_source(&mut object)? {
        Ok(media) => media,
        Err(kind) if kind == "text" => media(
            MediaSource::Text(object.require_string("data")?),
            object.read_string("media_type")?,
        ),
        Err(kind) if kind == "content" => {
            let text = object.require("content", |v| joined_text(v, depth, losses))?;
            media(MediaSource::Text(text), Some("text/plain".into()))
        }
        Err(kind) => return Err(unknown_source(value, &kind)),
    };
    object.lose_rest(UNKNOWN, losses);
    Ok(media)
}

/// The sources that images and documents share; else the name of the other kind.
fn plain_source(object: &mut Object<'_, '_>) -> Result<Result<Media, String>, Rejection> {
    let source = match object.require_string("type")?.as_str() {
        "base64" => MediaSource::Base64(object.require("data", |v| v.payload())?),
        "url" => MediaSource::Url(object.require_string("url")?),
        "file" => MediaSource::FileId(object.require_string("file_id")?),
        other => return Ok(Err(other.to_owned())),
    };
    Ok(Ok(media(source, object.read_string("media_type")?)))
}

fn unknown_source(value: Value<'_, '_>, kind: &str) -> Rejection {
    value.invalid(format_args!("there is no source of type \"{kind}\" here"))
}

fn media(source: MediaSource, media_type: Option<String>) -> Media {
    Media {
        source,
        media_type,
        name: None,
        detail: None,
    }
}

/// The texts of blocks, a blank line apart; whatever else they hold is lost.
fn joined_text(value: Value<'_, '_>, depth: u8, losses: &mut Losses) -> Result<String, Rejection> {
    let blocks = blocks_at(value, depth + 1, losses)?;
    let mut texts: Vec<Cow<'_, str>> = Vec::new();
    for (at, block) in blocks.into_iter().enumerate() {
        match block.content {
            Content::Text { text, .. } => texts.push(text.into()),
            _ => losses.add(
                Path::Index(&value.path, at).to_string(),
                "only the text of this document is carried",
            ),
        }
    }
    Ok(texts.join("\n\n"))
}
