//! The conversation as Google takes it: leading system text apart, turns of one role merged, tools'
//! answers first in a user's turn, nothing empty, and every signature of Google's where it stood.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use weir_model::{
    Block, Content, Json, Losses, Media, MediaSource, Message, Rejection, Role, ToolCall,
    ToolResult,
};

use super::super::signature::{SKIP, own};
use super::super::spoken::{Spoken, join};
use super::super::wire::{
    Args, Blob, Call, CallResult, File, OPAQUE, Output, Own, Part, Resolution, is_newer,
};
use super::encode::NO_MARKS;
use super::parts::{decoded, type_of};

/// One entry of `contents`.
#[derive(Debug, Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    parts: Vec<Part<'a>>,
}

/// `systemInstruction`.
#[derive(Debug, Serialize)]
pub(super) struct System<'a> {
    pub(super) parts: Vec<Part<'a>>,
}

/// A conversation in Google's shape.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    pub(super) system: System<'a>,
    pub(super) turns: Vec<Turn<'a>>,
    /// Whether the model is a newer one, see [`is_newer`].
    newer: bool,
    /// The tools that were called, by the call's id.
    called: BTreeMap<&'a str, &'a str>,
}

/// Builds the conversation.
///
/// # Errors
/// An invalid-request rejection when nothing is said.
pub(super) fn build<'a>(
    model: &str,
    messages: &'a [Message],
    losses: &mut Losses,
) -> Result<Conversation<'a>, Rejection> {
    let mut all = Conversation {
        system: System { parts: Vec::new() },
        turns: Vec::new(),
        newer: is_newer(model),
        called: BTreeMap::new(),
    };
    for (at, message) in messages.iter().enumerate() {
        let path = format!("messages[{at}]");
        if message.name.is_some() {
            losses.add(format!("{path}.name"), "Gemini has no names of speakers");
        }
        let parts = all.parts(message, &path, losses);
        if parts.is_empty() {
            continue;
        }
        match message.role {
            Role::User => all.say("user", parts),
            Role::Assistant => all.say("model", parts),
            Role::System | Role::Developer if all.turns.is_empty() => {
                all.system.parts.extend(parts);
            }
            Role::System | Role::Developer => all.wrap(&path, parts, losses),
        }
    }
    if all.turns.is_empty() {
        let last = all.system.parts.pop().ok_or_else(|| {
            Rejection::invalid("messages: at least one message with content is required.")
                .with_param("messages")
        })?;
        losses.add(
            "messages",
            "a user's turn is required: the last system text is sent as one",
        );
        all.say("user", vec![last]);
    }
    for turn in &mut all.turns {
        if turn.role == "user" {
            turn.parts.sort_by_key(|part| !is_result(part));
        } else if all.newer {
            excuse(&mut turn.parts);
        }
    }
    Ok(all)
}

fn is_result(part: &Part<'_>) -> bool {
    matches!(part, Part::Own(own) if own.function_response.is_some())
}

/// Newer models refuse a turn whose first call is unsigned, as it is when another model made it or
/// its client did not keep the signature.
fn excuse(parts: &mut [Part<'_>]) {
    let first = parts.iter_mut().find_map(|part| match part {
        Part::Own(own) if own.function_call.is_some() => Some(own),
        _ => None,
    });
    if let Some(call) = first
        && call.thought_signature.is_none()
    {
        call.thought_signature = Some(SKIP.into());
    }
}

impl<'a> Conversation<'a> {
    fn say(&mut self, role: &'static str, parts: Vec<Part<'a>>) {
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => {
                parts
                    .into_iter()
                    .for_each(|part| join(&mut turn.parts, part));
            }
            _ => self.turns.push(Turn { role, parts }),
        }
    }

    fn wrap(&mut self, path: &str, parts: Vec<Part<'a>>, losses: &mut Losses) {
        let reason = "later system text is sent as a user's, in <system> tags";
        losses.add(format!("{path}.role"), reason);
        let texts = parts.into_iter().filter_map(|part| match part {
            Part::Own(own) => own.text,
            Part::Opaque(_) => None,
        });
        let wrapped = texts.map(|text| Own::text(format!("<system>\n{text}\n</system>")).into());
        self.say("user", wrapped.collect());
    }

    fn parts(&mut self, message: &'a Message, path: &str, losses: &mut Losses) -> Vec<Part<'a>> {
        let mut parts = Spoken::default();
        for (at, block) in message.blocks.iter().enumerate() {
            let path = format!("{path}.content[{at}]");
            if block.cache.is_some() {
                losses.add("cache_control", NO_MARKS);
            }
            self.block(block, message.role, &path, &mut parts, losses);
        }
        parts.finish()
    }

    fn block(
        &mut self,
        block: &'a Block,
        role: Role,
        path: &str,
        parts: &mut Spoken<'a>,
        losses: &mut Losses,
    ) {
        let system = matches!(role, Role::System | Role::Developer);
        let lost = match (&block.content, role) {
            (Content::Text { text, citations }, _) => {
                if !citations.is_empty() {
                    losses.add(format!("{path}.citations"), "Gemini takes none back");
                }
                return say(text, parts);
            }
            (Content::Refusal { text }, _) => return say(text, parts),
            _ if system => "system text is all that stands here",
            (Content::Reasoning { text, signature }, Role::Assistant) => {
                if signature
                    .as_deref()
                    .is_some_and(|proof| own(proof).is_none())
                {
                    let reason = "means nothing to another vendor";
                    losses.add(format!("{path}.signature"), reason);
                }
                return parts.thought(text, signature.as_deref(), false);
            }
            (Content::RedactedReasoning { .. }, _) => "only the vendor that thought it can read it",
            (Content::ToolCall(call), Role::Assistant) => {
                return parts.call(self.call(call, path, losses));
            }
            (Content::ToolResult(result), Role::User) => {
                return self.result(result, path, parts, losses);
            }
            (Content::Image(media) | Content::Audio(media) | Content::Document(media), _) => {
                let part = self.media(&block.content, media, path, losses);
                return part.into_iter().for_each(|part| parts.push(part));
            }
            (Content::Opaque { kind, json }, _) if kind.starts_with(OPAQUE) => {
                return parts.push(Part::Opaque(json));
            }
            (Content::Opaque { .. }, _) => "only its own vendor understands it",
            _ => "Gemini does not take it from this role",
        };
        losses.add(path, lost);
    }

    fn call(&mut self, call: &'a ToolCall, path: &str, losses: &mut Losses) -> Own<'a> {
        let args = Args::new(&call.arguments);
        if matches!(args, Args::Wrapped { .. }) {
            let reason = "the arguments are no JSON object: sent as {\"_raw\": ...}";
            losses.add(format!("{path}.arguments"), reason);
        }
        self.called.insert(&call.id, &call.name);
        Own {
            function_call: Some(Call {
                id: &call.id,
                name: &call.name,
                args,
            }),
            ..Own::default()
        }
    }

    fn result(
        &mut self,
        result: &'a ToolResult,
        path: &str,
        parts: &mut Spoken<'a>,
        losses: &mut Losses,
    ) {
        let mut texts = Vec::new();
        let mut media = Vec::new();
        for (at, block) in result.content.iter().enumerate() {
            let path = format!("{path}.content[{at}]");
            match &block.content {
                Content::Text { text, .. } => texts.push(Cow::Borrowed(text.as_str())),
                Content::Image(m) | Content::Audio(m) | Content::Document(m) => {
                    match self.media(&block.content, m, &path, losses) {
                        Some(Part::Own(own)) if own.text.is_some() => texts.extend(own.text),
                        part => media.extend(part),
                    }
                }
                Content::Opaque { kind, json } if kind.starts_with(OPAQUE) => {
                    media.push(Part::Opaque(json));
                }
                _ => losses.add(path, "a tool's answer holds no such block"),
            }
        }
        let name = self.called.get(&*result.call_id).copied();
        if name.is_none() {
            losses.add(path, "no call of the conversation is known by this id");
        }
        let behind = match self.newer {
            true => Vec::new(),
            false => std::mem::take(&mut media),
        };
        if !behind.is_empty() {
            let reason = "the model takes no media from tools; they follow as the user's";
            losses.add(format!("{path}.content"), reason);
        }
        let answer = CallResult {
            id: &result.call_id,
            name: name.unwrap_or(&result.call_id),
            response: output(texts.join("\n"), result.is_error),
            parts: media,
        };
        parts.push(Own {
            function_response: Some(answer),
            ..Own::default()
        });
        behind.into_iter().for_each(|part| parts.push(part));
    }

    fn media(
        &self,
        content: &Content,
        media: &'a Media,
        path: &str,
        losses: &mut Losses,
    ) -> Option<Part<'a>> {
        let declared = media.media_type.as_deref().filter(|kind| !kind.is_empty());
        let is_text = declared.is_some_and(|kind| kind.starts_with("text/"));
        let part = match &media.source {
            MediaSource::Base64(data) if is_text && let Some(text) = decoded(data) => {
                (!text.is_empty()).then(|| Own::text(text))?
            }
            MediaSource::Text(text) => (!text.is_empty()).then(|| Own::text(text))?,
            MediaSource::Base64(data) => Own {
                inline_data: Some(Blob {
                    mime_type: declared.unwrap_or(usual(content, data)),
                    data,
                }),
                ..Own::default()
            },
            // OpenAI's ids begin so, and Anthropic's.
            MediaSource::FileId(id) if id.starts_with("file-") || id.starts_with("file_") => {
                losses.add(path, "a file that was uploaded to another vendor");
                return None;
            }
            MediaSource::Url(uri) | MediaSource::FileId(uri) => Own {
                file_data: Some(File {
                    mime_type: declared.or_else(|| type_of(uri)),
                    file_uri: uri,
                }),
                ..Own::default()
            },
        };
        if media.name.as_deref().is_some_and(|name| !name.is_empty()) {
            losses.add(format!("{path}.name"), "Gemini has no names of files here");
        }
        let level = match media.detail.as_deref() {
            _ if part.text.is_some() => None,
            Some("low") if self.newer => Some("MEDIA_RESOLUTION_LOW"),
            Some("high") if self.newer => Some("MEDIA_RESOLUTION_HIGH"),
            None | Some("auto") => None,
            Some(_) => {
                losses.add(format!("{path}.detail"), "the model chooses the resolution");
                None
            }
        };
        Some(
            Own {
                media_resolution: level.map(|level| Resolution { level }),
                ..part
            }
            .into(),
        )
    }
}

fn say<'a>(text: &'a str, parts: &mut Spoken<'a>) {
    if !text.is_empty() {
        parts.push(Own::text(text));
    }
}

/// The media type of a medium that comes without one.
fn usual(content: &Content, data: &str) -> &'static str {
    let magic = [
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGOD", "image/gif"),
        ("UklGR", "image/webp"),
    ];
    match content {
        Content::Image(_) => magic
            .iter()
            .find(|(start, _)| data.starts_with(start))
            .map_or("image/png", |(_, media_type)| media_type),
        Content::Audio(_) => "audio/wav",
        _ => "application/pdf",
    }
}

/// What a tool answered as an object: its own, or by Google's names for what is none.
fn output(text: String, is_error: bool) -> Output {
    let object = Json::parse(text.as_str()).filter(Json::is_object);
    match (is_error, object) {
        (false, Some(object)) => Output::Object(object),
        (false, None) => Output::Named {
            output: Some(text),
            error: None,
        },
        (true, object) => Output::Named {
            output: None,
            error: object.or_else(|| {
                String::from_utf8(crate::json::write::string(&text))
                    .ok()
                    .and_then(Json::parse)
            }),
        },
    }
}
