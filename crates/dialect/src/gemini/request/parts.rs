//! Parts to blocks, for requests and answers alike. Parts of an unknown kind are carried as they came.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use weir_model::{Block, Content, Losses, Media, MediaSource, Payload, Rejection};

use super::super::signature::{self, Place};
use super::super::wire::{OPAQUE, camel};
use crate::json::read::{Object, Path, Value};

/// Why a field that other vendors lack is lost.
pub(super) const GEMINI_ONLY: &str = "only Gemini has it";
/// Why a field that we do not know is lost.
pub(super) const UNKNOWN: &str = "unknown field";

/// A part, and the signature that stands on it.
pub(in super::super) struct Piece {
    pub(in super::super) said: Said,
    pub(in super::super) signature: Option<String>,
}

/// What a part says.
pub(in super::super) enum Said {
    Text(String),
    Thought(String),
    /// A call, whose id Google mostly leaves out.
    Call {
        id: Option<String>,
        name: String,
        arguments: String,
    },
    /// A tool's answer, likewise.
    Result {
        id: Option<String>,
        name: String,
        content: Vec<Block>,
        is_error: bool,
    },
    Other(Content),
    /// Nothing at all, not even a kind.
    Nothing,
}

/// Reads a part.
///
/// # Errors
/// An invalid-request rejection that names the field.
pub(in super::super) fn piece(
    value: Value<'_, '_>,
    losses: &mut Losses,
) -> Result<Piece, Rejection> {
    let mut object = camel(value.object()?);
    let signature = object.read_string("thoughtSignature")?;
    let signature =
        signature.filter(|signature| !signature.is_empty() && !signature::is_skip(signature));
    let thought = object.read("thought", |v| v.boolean())?.unwrap_or(false);
    object.lose("partMetadata", GEMINI_ONLY, losses);
    let mut noted = Losses::default();
    let said = if let Some(text) = object.read_string("text")? {
        if thought {
            Said::Thought(text)
        } else {
            Said::Text(text)
        }
    } else if let Some(said) = object.read("functionCall", |v| call(v, losses))? {
        said
    } else if let Some(said) = object.read("functionResponse", |v| result(v, losses))? {
        said
    } else if let Some(media) = media(&mut object, &mut noted)? {
        match kept(media) {
            Some(content) => {
                losses.extend(noted);
                Said::Other(content)
            }
            None => return Ok(opaque("video", value).into()),
        }
    } else if let Some((kind, _)) = object.clone().into_fields().first() {
        return Ok(opaque(kind, value).into());
    } else if signature.is_some() {
        Said::Text(String::new())
    } else {
        Said::Nothing
    };
    object.lose_rest(UNKNOWN, losses);
    Ok(Piece { said, signature })
}

/// A part as it came, its signature in it.
fn opaque(kind: &str, value: Value<'_, '_>) -> Content {
    Content::Opaque {
        kind: format!("{OPAQUE}{kind}"),
        json: value.json(),
    }
}

impl From<Content> for Piece {
    fn from(content: Content) -> Piece {
        Piece {
            said: Said::Other(content),
            signature: None,
        }
    }
}

/// Adds what a signature stands on, and the signature as reasoning beside it: ahead of a call, which
/// is useless without, and behind anything else, as streams send it.
pub(super) fn push(blocks: &mut Vec<Block>, content: Content, signature: Option<&str>) {
    let place = match &content {
        Content::ToolCall(_) => Place::Call,
        Content::Reasoning { .. } => Place::Thought,
        _ => Place::Text,
    };
    let proof = signature.map(|wire| signature::read(wire, place));
    match (content, place) {
        (Content::Reasoning { text, .. }, _) => {
            think(blocks, text);
            prove(blocks, proof);
        }
        (call, Place::Call) => {
            prove(blocks, proof);
            blocks.push(call.into());
        }
        (Content::Text { text, .. }, _) if text.is_empty() => prove_alone(blocks, proof),
        (content, _) => {
            blocks.push(content.into());
            prove_alone(blocks, proof);
        }
    }
}

/// More of a thought that is not signed yet, or another one.
fn think(blocks: &mut Vec<Block>, more: String) {
    if let Some(Content::Reasoning {
        text,
        signature: None,
    }) = blocks.last_mut().map(|block| &mut block.content)
    {
        return text.push_str(&more);
    }
    let signature = None;
    blocks.push(
        Content::Reasoning {
            text: more,
            signature,
        }
        .into(),
    );
}

/// Signs the thought that came last, or one without words.
fn prove(blocks: &mut Vec<Block>, proof: Option<String>) {
    match blocks.last_mut().map(|block| &mut block.content) {
        Some(Content::Reasoning { signature, .. }) if signature.is_none() => *signature = proof,
        _ => prove_alone(blocks, proof),
    }
}

fn prove_alone(blocks: &mut Vec<Block>, proof: Option<String>) {
    blocks.extend(proof.map(|signature| {
        Block::from(Content::Reasoning {
            text: String::new(),
            signature: Some(signature),
        })
    }));
}

fn call(value: Value<'_, '_>, losses: &mut Losses) -> Result<Said, Rejection> {
    let mut object = camel(value.object()?);
    let arguments = object.read("args", |v| match v.is_object() {
        true => Ok(v.text().to_owned()),
        false => Err(v.wrong("an object")),
    })?;
    let said = Said::Call {
        id: object.read_string("id")?.filter(|id| !id.is_empty()),
        name: object.read_string("name")?.unwrap_or_default(),
        arguments: arguments.unwrap_or_else(|| "{}".to_owned()),
    };
    object.lose_rest(GEMINI_ONLY, losses);
    Ok(said)
}

fn result(value: Value<'_, '_>, losses: &mut Losses) -> Result<Said, Rejection> {
    let mut object = camel(value.object()?);
    let output = object.read("response", output)?;
    let (text, is_error) = output.unwrap_or_default();
    let mut content: Vec<Block> = text.map(Block::text).into_iter().collect();
    object.read("parts", |parts| {
        each(parts, |part| {
            let mut object = camel(part.object()?);
            let kept = media(&mut object, losses)?.and_then(kept);
            content.push(kept.unwrap_or_else(|| opaque("video", part)).into());
            Ok(())
        })
    })?;
    let said = Said::Result {
        id: object.read_string("id")?.filter(|id| !id.is_empty()),
        name: object.require_string("name")?,
        content,
        is_error,
    };
    object.lose_rest(GEMINI_ONLY, losses);
    Ok(said)
}

/// What Google calls a tool's answer, and what its SDKs do.
const OUTPUT: [&str; 2] = ["output", "result"];

/// The text of a tool's answer, and whether it is an error: by Google's own convention, where the
/// object holds nothing else.
fn output(value: Value<'_, '_>) -> Result<(Option<String>, bool), Rejection> {
    let fields = value.object()?.into_fields();
    let (said, is_error) = match &*fields {
        [] => return Ok((None, false)),
        [(key, said)] if OUTPUT.contains(&&**key) && said.get().starts_with('"') => (*said, false),
        [(key, said)] if key == "error" => (*said, true),
        _ => return Ok((Some(value.text().to_owned()), false)),
    };
    let said = Value::new(said, value.path);
    let text = match said.is_string() {
        true => said.string()?.into_owned(),
        false => said.text().to_owned(),
    };
    Ok((Some(text), is_error))
}

/// Takes a medium out, whichever way it is given.
fn media(object: &mut Object<'_, '_>, losses: &mut Losses) -> Result<Option<Media>, Rejection> {
    if !["inlineData", "fileData"]
        .iter()
        .any(|key| object.clone().take(key).is_some())
    {
        return Ok(None);
    }
    object.lose("videoMetadata", GEMINI_ONLY, losses);
    let detail = object.read("mediaResolution", |v| {
        let level = camel(v.object()?).read_string("level")?;
        Ok(match level.as_deref() {
            Some("MEDIA_RESOLUTION_LOW") => Some("low"),
            Some("MEDIA_RESOLUTION_HIGH") => Some("high"),
            _ => {
                losses.add(v.path.to_string(), GEMINI_ONLY);
                None
            }
        })
    })?;
    let detail = detail.flatten().map(str::to_owned);
    let mut read = |value: Value<'_, '_>, key: &str| {
        let mut object = camel(value.object()?);
        let media = Media {
            media_type: object.read_string("mimeType")?.filter(|t| !t.is_empty()),
            name: object.read_string("displayName")?,
            detail: detail.clone(),
            source: match key {
                "inlineData" => MediaSource::Base64(object.require("data", standard)?),
                _ => address(object.require_string("fileUri")?),
            },
        };
        object.lose_rest(UNKNOWN, losses);
        Ok(media)
    };
    let inline = object.read("inlineData", |v| read(v, "inlineData"))?;
    match inline {
        Some(media) => Ok(Some(media)),
        None => object.read("fileData", |v| read(v, "fileData")),
    }
}

/// Base64 in the alphabet that everybody takes: some SDKs write the other one.
fn standard(data: Value<'_, '_>) -> Result<Payload, Rejection> {
    let text = data.string()?;
    Ok(match text.contains(['-', '_']) {
        true => text.replace('-', "+").replace('_', "/").into(),
        false => data.share(&text),
    })
}

/// A file of Google's is for Google alone; everything else is an address.
fn address(uri: String) -> MediaSource {
    match uri.starts_with("gs://") || uri.contains("://generativelanguage.googleapis.com/") {
        true => MediaSource::FileId(uri),
        false => MediaSource::Url(uri),
    }
}

/// The content that the model has for a medium; it has none for films.
fn kept(mut media: Media) -> Option<Content> {
    let guessed = match &media.source {
        MediaSource::Url(url) => type_of(url),
        _ => None,
    };
    let kind = media.media_type.as_deref().or(guessed).unwrap_or_default();
    let is_film = kind.starts_with("video/") || is_youtube(&media.source);
    if is_film {
        return None;
    }
    if kind.starts_with("image/") {
        return Some(Content::Image(media));
    }
    if kind.starts_with("audio/") {
        return Some(Content::Audio(media));
    }
    if kind.starts_with("text/")
        && let MediaSource::Base64(data) = &media.source
        && let Some(text) = decoded(data)
    {
        media.source = MediaSource::Text(text);
    }
    Some(Content::Document(media))
}

fn is_youtube(source: &MediaSource) -> bool {
    let MediaSource::Url(url) = source else {
        return false;
    };
    let host = url.split("://").nth(1).unwrap_or(url);
    ["www.youtube.com/", "youtube.com/", "youtu.be/"]
        .iter()
        .any(|start| host.starts_with(start))
}

/// The media type that an address promises by its ending.
pub(super) fn type_of(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let (_, ending) = path.rsplit_once('.')?;
    Some(match &*ending.to_ascii_lowercase() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "pdf" => "application/pdf",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "txt" => "text/plain",
        _ => return None,
    })
}

/// The text in base64, in either alphabet.
pub(super) fn decoded(data: &str) -> Option<String> {
    let bytes = STANDARD.decode(data).or_else(|_| URL_SAFE.decode(data));
    String::from_utf8(bytes.ok()?).ok()
}

/// Each element of a list; Google takes one thing for a list of it.
pub(super) fn each<'a>(
    value: Value<'a, '_>,
    mut take: impl FnMut(Value<'a, '_>) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    if value.is_object() {
        return take(value);
    }
    for (at, raw) in value.array()?.into_iter().enumerate() {
        take(Value::new(raw, Path::Index(&value.path, at)))?;
    }
    Ok(())
}
