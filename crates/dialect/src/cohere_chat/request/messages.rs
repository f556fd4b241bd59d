//! Messages of all roles. Tool results become blocks of user messages, those of one turn together.

use weir_model::{Block, Content, Json, Losses, Message, Rejection, Role, ToolCall, ToolResult};

use super::super::OPAQUE;
use super::UNKNOWN;
use super::documents::document;
use crate::json::read::{Object, Path, Value};
use crate::openai::media::media;
use crate::openai::read::{each, one_of};

/// The conversation, which must not be empty.
pub(super) fn conversation(
    list: Value<'_, '_>,
    losses: &mut Losses,
) -> Result<Vec<Message>, Rejection> {
    let mut messages = Vec::new();
    // Whether the last message holds tool results only.
    let mut in_results = false;
    each(list, |v| {
        let mut object = v.object()?;
        let role = object.require("role", |v| {
            one_of(v, &["system", "user", "assistant", "tool"])
        })?;
        let (role, blocks) = match role.as_str() {
            "tool" => {
                let result = result(&mut object, losses)?;
                match messages.last_mut() {
                    Some(Message { blocks, .. }) if in_results => blocks.push(result),
                    _ => messages.push(said(Role::User, vec![result])),
                }
                in_results = true;
                object.lose_rest(UNKNOWN, losses);
                return Ok(());
            }
            "assistant" => (Role::Assistant, assistant(&mut object, losses)?),
            role => {
                let blocks = object.require("content", |v| content(v, losses))?;
                let is_user = role == "user";
                (if is_user { Role::User } else { Role::System }, blocks)
            }
        };
        object.lose_rest(UNKNOWN, losses);
        messages.push(said(role, blocks));
        in_results = false;
        Ok(())
    })?;
    match messages.is_empty() {
        true => Err(list.invalid("must hold at least one message")),
        false => Ok(messages),
    }
}

fn said(role: Role, blocks: Vec<Block>) -> Message {
    Message {
        role,
        blocks,
        name: None,
    }
}

fn result(message: &mut Object<'_, '_>, losses: &mut Losses) -> Result<Block, Rejection> {
    Ok(Content::ToolResult(ToolResult {
        call_id: message.require_string("tool_call_id")?,
        content: message.require("content", |v| content(v, losses))?,
        is_error: false,
    })
    .into())
}

/// A string, or a list of parts. An empty string has none.
fn content(value: Value<'_, '_>, losses: &mut Losses) -> Result<Vec<Block>, Rejection> {
    if value.is_string() {
        let text = value.string()?;
        let text = Some(text).filter(|text| !text.is_empty());
        return Ok(text.map(Block::text).into_iter().collect());
    }
    if !value.is_array() {
        return Err(value.wrong("a string or an array of content parts"));
    }
    each(value, |v| part(v, losses))
}

fn part(value: Value<'_, '_>, losses: &mut Losses) -> Result<Block, Rejection> {
    let mut part = value.object()?;
    let kind = part.require_string("type")?;
    let content = match kind.as_str() {
        "text" => Block::text(part.require_string("text")?).content,
        "thinking" => Content::Reasoning {
            text: part.require_string("thinking")?,
            signature: None,
        },
        "image_url" => part.require("image_url", |v| {
            let mut image = v.object()?;
            let mut media = image.require("url", media)?;
            media.detail = image.read_string("detail")?;
            image.lose_rest(UNKNOWN, losses);
            Ok(Content::Image(media))
        })?,
        "document" => part.require("document", |v| document(v, losses))?,
        _ => Content::Opaque {
            kind: format!("{OPAQUE}{kind}"),
            json: value.json(),
        },
    };
    if !matches!(content, Content::Opaque { .. }) {
        part.lose_rest(UNKNOWN, losses);
    }
    Ok(content.into())
}

/// In the order in which the model said it: what it thought and said, its plan, its calls.
fn assistant(message: &mut Object<'_, '_>, losses: &mut Losses) -> Result<Vec<Block>, Rejection> {
    let given = message.read("content", |v| content(v, losses))?;
    let plan = message.read_string("tool_plan")?;
    let calls = message.read("tool_calls", |v| each(v, |v| call(v, losses)))?;
    if given.is_none() && plan.is_none() && calls.is_none() {
        // It was taken and found missing, so this names it.
        message.require("content", |_| Ok(()))?;
    }
    let mut blocks = given.unwrap_or_default();
    blocks.extend(plan.filter(|plan| !plan.is_empty()).map(Block::text));
    let cited = message.read("citations", |v| each(v, |v| Ok(v.json())))?;
    cite(&mut blocks, cited.unwrap_or_default(), message.path, losses);
    blocks.extend(calls.into_iter().flatten());
    Ok(blocks)
}

/// The citations of a message stand on its first text.
fn cite(blocks: &mut [Block], cited: Vec<Json>, message: Path<'_>, losses: &mut Losses) {
    if cited.is_empty() {
        return;
    }
    let texts = blocks
        .iter_mut()
        .find_map(|block| match &mut block.content {
            Content::Text { citations, .. } => Some(citations),
            _ => None,
        });
    match texts {
        Some(citations) => citations.extend(cited),
        None => {
            let place = Path::Field(&message, "citations").to_string();
            losses.add(place, "there is no text that they are for");
        }
    }
}

fn call(value: Value<'_, '_>, losses: &mut Losses) -> Result<Block, Rejection> {
    let mut call = value.object()?;
    let id = call.require_string("id")?;
    call.read("type", |v| one_of(v, &["function"]))?;
    let (name, arguments) = call.require("function", |v| {
        let mut function = v.object()?;
        let name = function.require_string("name")?;
        let arguments = function.read_string("arguments")?.unwrap_or_default();
        function.lose_rest(UNKNOWN, losses);
        Ok((name, arguments))
    })?;
    call.lose_rest(UNKNOWN, losses);
    let call = ToolCall {
        id,
        name,
        arguments,
    };
    Ok(Content::ToolCall(call).into())
}
