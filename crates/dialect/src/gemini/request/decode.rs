//! A client's request to the model. What Google would refuse up front is refused here; limits that
//! depend on a model are left to the upstream.

use std::borrow::Cow;

use bytes::Bytes;
use weir_model::{Block, Content, Losses, Message, Rejection, Request, Role, ToolCall, ToolResult};

use super::super::native::plain_name;
use super::super::wire::camel;
use super::config;
use super::parts::{GEMINI_ONLY, Said, UNKNOWN, each, piece, push};
use super::tools;
use crate::Decoded;
use crate::json::read::{Object, Value};

/// Decodes a chat request.
///
/// # Errors
/// An invalid-request rejection that names the field.
pub(in super::super) fn decode(body: &Bytes) -> Result<Decoded<Request>, Rejection> {
    request(camel(Object::of_body(body)?))
}

/// Decodes a token-count request: `contents` alone, or a whole request in `generateContentRequest`.
///
/// # Errors
/// An invalid-request rejection that names the field.
pub(in super::super) fn decode_counted(body: &Bytes) -> Result<Decoded<Request>, Rejection> {
    let mut object = camel(Object::of_body(body)?);
    let whole = object.read("generateContentRequest", |v| request(camel(v.object()?)))?;
    whole.map_or_else(|| request(object), Ok)
}

fn request(mut object: Object<'_, '_>) -> Result<Decoded<Request>, Rejection> {
    let mut losses = Losses::default();
    let named = object.read("model", |v| v.string())?;
    let mut speech = Speech::default();
    object.read("systemInstruction", |v| speech.system(v, &mut losses))?;
    object.require("contents", |contents| {
        each(contents, |content| speech.turn(content, &mut losses))?;
        match speech.said {
            true => Ok(()),
            false => Err(contents.invalid("at least one content is required")),
        }
    })?;
    let mut request = Request {
        model: plain_name(named.unwrap_or(Cow::Borrowed(""))).into_owned(),
        messages: speech.messages,
        stream_usage: true,
        service_tier: object.read_string("serviceTier")?,
        ..Request::default()
    };
    object.read("tools", |v| {
        each(v, |tool| {
            tools::decode(tool, &mut request.tools, &mut losses)
        })
    })?;
    object.read("toolConfig", |v| {
        tools::config(v, &mut request, &mut losses)
    })?;
    object.read("generationConfig", |v| {
        config::decode(v, &mut request, &mut losses)
    })?;
    object.read("labels", |labels| {
        for (key, raw) in labels.object()?.into_fields() {
            let text = Value::new(raw, labels.path).string()?.into_owned();
            request.metadata.insert(key.into_owned(), text);
        }
        Ok(())
    })?;
    for key in [
        "safetySettings",
        "cachedContent",
        "store",
        "modelArmorConfig",
    ] {
        object.lose(key, GEMINI_ONLY, &mut losses);
    }
    object.lose_rest(UNKNOWN, &mut losses);
    Ok(Decoded {
        value: request,
        losses,
    })
}

/// The conversation so far.
#[derive(Default)]
struct Speech {
    messages: Vec<Message>,
    /// Calls in order: the tool's name, the id, and whether it was answered.
    calls: Vec<(String, String, bool)>,
    /// Whether there is a turn.
    said: bool,
}

impl Speech {
    fn system(&mut self, value: Value<'_, '_>, losses: &mut Losses) -> Result<(), Rejection> {
        let blocks = match value.is_string() {
            true => vec![Block::text(value.string()?)],
            false => {
                let mut object = camel(value.object()?);
                // Google passes over the role here.
                object.take("role");
                self.blocks(object, losses)?
            }
        };
        self.say(Role::System, blocks);
        Ok(())
    }

    fn turn(&mut self, value: Value<'_, '_>, losses: &mut Losses) -> Result<(), Rejection> {
        let mut object = camel(value.object()?);
        let role = object.read("role", |v| match &*v.string()? {
            "user" | "function" | "" => Ok(Role::User),
            "model" => Ok(Role::Assistant),
            _ => Err(v.invalid("expected \"user\" or \"model\"")),
        })?;
        let blocks = self.blocks(object, losses)?;
        self.said = true;
        self.say(role.unwrap_or(Role::User), blocks);
        Ok(())
    }

    fn say(&mut self, role: Role, blocks: Vec<Block>) {
        let name = None;
        self.messages.push(Message { role, blocks, name });
    }

    fn blocks(
        &mut self,
        mut object: Object<'_, '_>,
        losses: &mut Losses,
    ) -> Result<Vec<Block>, Rejection> {
        let mut blocks = Vec::new();
        object.read("parts", |parts| {
            each(parts, |part| {
                let piece = piece(part, losses)?;
                let content = match piece.said {
                    Said::Nothing => {
                        return Err(part.invalid("a part holds text, inlineData, or the like"));
                    }
                    said => self.content(said),
                };
                push(&mut blocks, content, piece.signature.as_deref());
                Ok(())
            })
        })?;
        object.lose_rest(UNKNOWN, losses);
        Ok(blocks)
    }

    fn content(&mut self, said: Said) -> Content {
        match said {
            Said::Text(text) => Content::Text {
                text,
                citations: Vec::new(),
            },
            Said::Thought(text) => Content::Reasoning {
                text,
                signature: None,
            },
            Said::Call {
                id,
                name,
                arguments,
            } => {
                let id = id.unwrap_or_else(|| format!("call_{}", self.calls.len()));
                self.calls.push((name.clone(), id.clone(), false));
                Content::ToolCall(ToolCall {
                    id,
                    name,
                    arguments,
                })
            }
            Said::Result {
                id,
                name,
                content,
                is_error,
            } => Content::ToolResult(ToolResult {
                call_id: self.answered(id, &name),
                content,
                is_error,
            }),
            Said::Other(content) => content,
            Said::Nothing => Block::text("").content,
        }
    }

    /// The call that a result answers: by its id, else the first of that tool that waits.
    fn answered(&mut self, id: Option<String>, name: &str) -> String {
        let asked = self
            .calls
            .iter_mut()
            .find(|(tool, call, answered)| match &id {
                Some(id) => call == id,
                None => !answered && tool == name,
            });
        match (asked, id) {
            (Some((_, call, answered)), _) => {
                *answered = true;
                call.clone()
            }
            (None, Some(id)) => id,
            (None, None) => format!("call_{name}"),
        }
    }
}
