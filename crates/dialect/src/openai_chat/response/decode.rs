//! A vendor's whole answer, in full or only what accounting needs.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;
use weir_model::{Block, Choice, Content, Cx, Finish, Json, Rejection, Response, ToolCall, Usage};

use super::super::wire::{self, Answer, Said, Text, filled, text};
use super::super::{finish, reasoning, usage};
use super::malformed;
use crate::Receipt;
use crate::json::walk::Walk;
use crate::openai::failure;
use crate::openai::scalar::{self, created};

const NOT_AN_ANSWER: &str = "The provider's answer could not be understood.";

pub(in super::super) fn decode(body: &[u8], cx: &Cx<'_>) -> Result<Response, Rejection> {
    let answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|error| malformed(NOT_AN_ANSWER, error))?;
    let usage = answer.usage();
    let Some(mut choices) = answer.choices.filter(|_| answer.error.is_none()) else {
        return Err(no_answer(answer.error, body));
    };
    choices.sort_by_key(|choice| choice.index.unwrap_or_default().0);
    Ok(Response {
        id: filled(&answer.id),
        model: filled(&answer.model),
        created: created(answer.created),
        choices: choices
            .iter()
            .map(|wire| choice(wire, cx))
            .collect::<Result<_, _>>()?,
        usage,
        service_tier: filled(&answer.service_tier),
    })
}

/// Why a body under 200 holds no answer.
fn no_answer(error: Option<&RawValue>, body: &[u8]) -> Rejection {
    error
        .map(failure::under_200)
        .or_else(|| failure::bare(body))
        .unwrap_or_else(|| malformed(NOT_AN_ANSWER, "the body holds no answer"))
}

fn choice(wire: &wire::Choice<'_>, cx: &Cx<'_>) -> Result<Choice, Rejection> {
    let nothing = Said::default();
    let said = wire.message.as_deref().unwrap_or(&nothing);
    let details = said.reasoning_details.as_deref().unwrap_or_default();
    let mut blocks = reasoning::blocks(details, said.reasoning_text())
        .map_err(|error| malformed(NOT_AN_ANSWER, error))?;
    let words = said.content.as_ref().map_or("", |words| &words.text);
    let words = if words.is_empty() {
        text(&wire.text)
    } else {
        words
    };
    if !words.is_empty() {
        let citations = said.annotations.iter().flatten();
        blocks.push(Content::Text {
            text: words.to_owned(),
            citations: citations.copied().map(Json::from).collect(),
        });
    }
    if let Some(text) = filled(&said.refusal) {
        blocks.push(Content::Refusal { text });
    }
    if let Some(audio) = said.audio {
        blocks.push(Content::Opaque {
            kind: String::from("audio"),
            json: Json::from(audio),
        });
    }
    let calls = said.tool_calls.iter().flatten();
    let calls = calls.map(|call| (&call.id, &call.function));
    let calls: Vec<_> = calls.chain([(&None, &said.function_call)]).collect();
    let before = blocks.len();
    for (id, function) in calls {
        if let Some(function) = function {
            blocks.push(Content::ToolCall(ToolCall {
                id: filled(id).unwrap_or_else(|| cx.ids.mint("call_")),
                name: text(&function.name).to_owned(),
                arguments: function.arguments().into_owned(),
            }));
        }
    }
    let called = blocks.len() > before;
    Ok(Choice {
        blocks: blocks.into_iter().map(Block::from).collect(),
        finish: ending(&wire.finish_reason, called),
        logprobs: wire::logprobs(wire.logprobs),
    })
}

fn ending(native: &Option<Text<'_>>, called: bool) -> Option<Finish> {
    match text(native) {
        "" => None,
        native => Some(finish::read(native, called)),
    }
}

/// What accounting needs of an answer.
#[derive(Default)]
struct Ended<'a> {
    choices: Option<Choices<'a>>,
    usage: Option<Usage>,
    error: Option<&'a [u8]>,
    model: Option<Range<usize>>,
}

/// What accounting needs of the choices: how the one with the least index ended.
#[derive(Default)]
struct Choices<'a> {
    first: Option<EndedChoice<'a>>,
    usage: Option<Usage>,
}

#[derive(Default)]
struct EndedChoice<'a> {
    index: u64,
    reason: Cow<'a, str>,
    called: bool,
}

impl<'a> Ended<'a> {
    fn read(walk: &mut Walk<'a>) -> Option<Ended<'a>> {
        let mut ended = Ended::default();
        walk.object(|walk, key| {
            match key {
                b"choices" => ended.choices = Some(Choices::read(walk)?),
                b"usage" => ended.usage = usage::read(walk)?,
                b"error" => ended.error = Some(walk.raw()?),
                b"model" if walk.begins(b'"') => ended.model = Some(walk.skip()?),
                _ => return walk.skip().map(drop),
            }
            Some(())
        })?;
        Some(ended)
    }
}

impl<'a> Choices<'a> {
    fn read(walk: &mut Walk<'a>) -> Option<Choices<'a>> {
        let mut choices = Choices::default();
        if !walk.begins(b'[') {
            return None;
        }
        walk.array(|walk| {
            if !walk.begins(b'{') {
                return None;
            }
            let choice = choices.read_one(walk)?;
            let least = choices
                .first
                .as_ref()
                .is_none_or(|f| choice.index < f.index);
            if least {
                choices.first = Some(choice);
            }
            Some(())
        })?;
        Some(choices)
    }

    fn read_one(&mut self, walk: &mut Walk<'a>) -> Option<EndedChoice<'a>> {
        let mut ended = EndedChoice::default();
        walk.object(|walk, key| {
            match key {
                b"index" => ended.index = scalar::count(walk.raw()?),
                b"finish_reason" => ended.reason = walk.text()?,
                b"message" => ended.called = calls_a_tool(walk)?,
                b"usage" => self.usage = self.usage.or(usage::read(walk)?),
                _ => return walk.skip().map(drop),
            }
            Some(())
        })?;
        Some(ended)
    }
}

fn calls_a_tool(message: &mut Walk<'_>) -> Option<bool> {
    let mut called = false;
    message.object(|walk, key| match key {
        b"tool_calls" => walk.array(|call| {
            call.object(|walk, key| {
                called |= matches!(key, b"function" | b"custom");
                walk.skip().map(drop)
            })
        }),
        _ => {
            called |= key == b"function_call";
            walk.skip().map(drop)
        }
    })?;
    Some(called)
}

pub(in super::super) fn read_receipt(body: &[u8]) -> Result<Receipt, Rejection> {
    let ended = Walk::through(body, Ended::read)
        .ok_or_else(|| malformed(NOT_AN_ANSWER, "the body is not JSON of the right shape"))?;
    if ended.error.is_some() || ended.choices.is_none() {
        let error = ended.error.map(serde_json::from_slice::<&RawValue>);
        return Err(no_answer(error.and_then(Result::ok), body));
    }
    let choices = ended.choices.unwrap_or_default();
    let first = choices.first.filter(|choice| !choice.reason.is_empty());
    Ok(Receipt {
        usage: ended.usage.or(choices.usage),
        finish: first.map(|choice| finish::read(&choice.reason, choice.called).reason),
        model_span: ended.model,
    })
}
