//! The vendor's whole answer, in full or only what accounting needs.

use std::borrow::Cow;

use serde_json::value::RawValue;
use weir_model::{Block, Choice, Content, Cx, Finish, Json, Rejection, Response, ToolCall, Usage};

use super::super::wire::{self, Answer, Message};
use super::super::{OPAQUE, failure, finish, logprobs, name, usage};
use super::{CITATION, malformed};
use crate::Receipt;
use crate::json::walk::Walk;
use crate::openai::scalar::{filled, text};

/// Decodes a whole answer.
///
/// # Errors
/// The vendor's failure when the body holds one, else `Kind::Malformed`.
pub(in super::super) fn decode(body: &[u8], cx: &Cx<'_>) -> Result<Response, Rejection> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(malformed)?;
    let Some(message) = answer.message.0 else {
        return Err(no_answer(body));
    };
    let called = message.tool_calls.iter().flatten().next().is_some();
    let finish = ending(text(&answer.finish_reason), called)?;
    let tokens = answer.logprobs.iter().flatten();
    let choice = Choice {
        blocks: blocks(&message, cx)?,
        finish,
        logprobs: tokens.filter_map(|item| logprobs::read(item)).collect(),
    };
    Ok(Response {
        id: filled(&answer.id),
        choices: vec![choice],
        usage: wire::usage(answer.usage),
        ..Response::default()
    })
}

fn no_answer(body: &[u8]) -> Rejection {
    failure::under_200(body).unwrap_or_else(|| malformed("no message"))
}

fn ending(word: &str, called: bool) -> Result<Option<Finish>, Rejection> {
    let word = Some(word).filter(|word| !word.is_empty());
    word.map(|word| finish::read(word, called, "")).transpose()
}

/// In the order in which a stream tells them: content, plan, calls. Citations stand on the text that
/// they are for.
fn blocks(message: &Message<'_>, cx: &Cx<'_>) -> Result<Vec<Block>, Rejection> {
    let mut contents = Vec::new();
    for raw in message.content.iter().flatten() {
        contents.push(content(raw)?);
    }
    let plan = contents.len();
    contents.extend(filled(&message.tool_plan).map(|text| Block::text(text).content));
    let mut homeless = Vec::new();
    for raw in message.citations.iter().flatten() {
        match home(&mut contents, plan, raw) {
            Some(citations) => citations.push(Json::from(*raw)),
            None => homeless.push(Content::Opaque {
                kind: CITATION.to_owned(),
                json: Json::from(*raw),
            }),
        }
    }
    contents.extend(homeless);
    for call in message.tool_calls.iter().flatten() {
        let function = call.function.0.as_ref();
        let called = function.map_or("", |function| text(&function.name));
        contents.push(Content::ToolCall(ToolCall {
            id: filled(&call.id).unwrap_or_else(|| cx.ids.mint("call_")),
            name: name::unescape(called).into_owned(),
            arguments: function
                .map(|function| function.arguments().into_owned())
                .unwrap_or_default(),
        }));
    }
    Ok(contents.into_iter().map(Block::from).collect())
}

fn content(raw: &RawValue) -> Result<Content, Rejection> {
    let part: wire::Content<'_> = serde_json::from_str(raw.get()).map_err(malformed)?;
    Ok(match (text(&part.r#type), &part.text, &part.thinking) {
        ("text" | "", Some(words), _) => Block::text(words.0.clone()).content,
        ("thinking" | "", _, Some(words)) => Content::Reasoning {
            text: words.0.to_string(),
            signature: None,
        },
        (kind, ..) => Content::Opaque {
            kind: format!("{OPAQUE}{kind}"),
            json: Json::from(raw),
        },
    })
}

/// Where a citation belongs: the text that it names, or the only one.
fn home<'c>(
    contents: &'c mut [Content],
    plan: usize,
    citation: &RawValue,
) -> Option<&'c mut Vec<Json>> {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Of {
        r#type: Option<String>,
        content_index: Option<usize>,
    }
    let of: Of = serde_json::from_str(citation.get()).unwrap_or_default();
    let is_text = |content: &Content| matches!(content, Content::Text { .. });
    let at = match of.r#type.as_deref() {
        Some("PLAN") => plan,
        Some("THINKING_CONTENT") => return None,
        _ => match of.content_index {
            Some(at) if contents.get(at).is_some_and(is_text) => at,
            _ => contents.iter().position(is_text)?,
        },
    };
    match contents.get_mut(at)? {
        Content::Text { citations, .. } => Some(citations),
        _ => None,
    }
}

/// What accounting needs of an answer.
#[derive(Default)]
struct Ended<'a> {
    reason: Cow<'a, str>,
    answered: bool,
    called: bool,
    usage: Option<Usage>,
}

impl<'a> Ended<'a> {
    fn read(walk: &mut Walk<'a>) -> Option<Ended<'a>> {
        let mut ended = Ended::default();
        walk.object(|walk, key| {
            match key {
                b"finish_reason" => ended.reason = walk.text()?,
                b"usage" => ended.usage = usage::read(walk)?,
                b"message" => ended.read_message(walk)?,
                _ => return walk.skip().map(drop),
            }
            Some(())
        })?;
        Some(ended)
    }

    fn read_message(&mut self, message: &mut Walk<'_>) -> Option<()> {
        self.answered = message.begins(b'{');
        self.called = false;
        message.object(|walk, key| match key {
            b"tool_calls" => walk.array(|call| {
                self.called = true;
                call.skip().map(drop)
            }),
            _ => walk.skip().map(drop),
        })
    }
}

/// Reads what accounting needs from a whole answer. Cohere's answers name no model.
///
/// # Errors
/// The vendor's failure when the body holds one, else `Kind::Malformed`.
pub(in super::super) fn read_receipt(body: &[u8]) -> Result<Receipt, Rejection> {
    let ended = Walk::through(body, Ended::read)
        .ok_or_else(|| malformed("the body is not JSON of the right shape"))?;
    if !ended.answered {
        return Err(no_answer(body));
    }
    let finish = ending(&ended.reason, ended.called)?;
    Ok(Receipt {
        usage: ended.usage,
        finish: finish.map(|finish| finish.reason),
        model_span: None,
    })
}
