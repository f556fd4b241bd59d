//! A vendor's whole answer, in full or only what accounting needs.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;
use weir_model::{
    Block, Choice, Content, Cx, Finish, Json, Operation, Rejection, Response, ToolCall, Usage,
};

use super::super::wire::{self, Answer, Count, Said, Text, filled, text};
use super::super::{failure, finish, reasoning, usage};
use super::malformed;
use crate::Receipt;
use crate::json::scan;

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

/// A time that vendors write as 0 where they have none.
pub(in super::super) fn created(count: Option<Count>) -> Option<i64> {
    count
        .and_then(|count| i64::try_from(count.0).ok())
        .filter(|created| *created > 0)
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
    choices: Option<&'a [u8]>,
    /// Whether there are the vectors of an embedding answer.
    data: bool,
    usage: Option<Usage>,
    error: Option<&'a [u8]>,
    model: Option<Range<usize>>,
}

impl<'a> Ended<'a> {
    fn read(body: &'a [u8]) -> Option<Ended<'a>> {
        simdutf8::basic::from_utf8(body).ok()?;
        let mut ended = Ended::default();
        scan::each_field(body, |key, value| match key {
            b"choices" => ended.choices = Some(&body[value]),
            b"data" => ended.data = true,
            b"usage" => ended.usage = usage::read(&body[value]),
            b"error" => ended.error = Some(&body[value]),
            b"model" => ended.model = Some(value),
            _ => {}
        })?;
        Some(ended)
    }
}

/// How a choice ended.
#[derive(Default)]
struct EndedChoice<'a> {
    index: u64,
    reason: Cow<'a, str>,
    called: bool,
    usage: Option<Usage>,
}

impl<'a> EndedChoice<'a> {
    fn read(raw: &'a [u8]) -> Option<EndedChoice<'a>> {
        let mut ended = EndedChoice::default();
        scan::each_field(raw, |key, value| {
            let value = &raw[value];
            match key {
                b"index" => ended.index = usage::count(value),
                b"finish_reason" => ended.reason = scan::string(value).unwrap_or_default(),
                b"message" => ended.called = calls_a_tool(value),
                b"usage" => ended.usage = usage::read(value),
                _ => {}
            }
        })?;
        Some(ended)
    }
}

fn calls_a_tool(message: &[u8]) -> bool {
    let mut called = false;
    scan::each_field(message, |key, value| match key {
        b"function_call" => called = true,
        b"tool_calls" => {
            let calls = &message[value];
            scan::each_element(calls, |call| {
                called |= has_function(&calls[call]);
                Some(())
            });
        }
        _ => {}
    });
    called
}

fn has_function(call: &[u8]) -> bool {
    let mut found = false;
    scan::each_field(call, |key, _| {
        found |= matches!(key, b"function" | b"custom")
    });
    found
}

pub(in super::super) fn read_receipt(
    operation: Operation,
    body: &[u8],
) -> Result<Receipt, Rejection> {
    let not_an_answer = || malformed(NOT_AN_ANSWER, "not a JSON object of the expected shape");
    let ended = Ended::read(body).ok_or_else(not_an_answer)?;
    let answered = match operation {
        Operation::Embedding => ended.data,
        _ => ended.choices.is_some(),
    };
    if ended.error.is_some() || !answered {
        let error = ended.error.map(serde_json::from_slice::<&RawValue>);
        return Err(no_answer(error.and_then(Result::ok), body));
    }
    let mut first: Option<EndedChoice<'_>> = None;
    let mut usage = ended.usage;
    if let Some(choices) = ended.choices {
        scan::each_element(choices, |choice| {
            let choice = EndedChoice::read(&choices[choice])?;
            usage = usage.or(choice.usage);
            if first
                .as_ref()
                .is_none_or(|first| choice.index < first.index)
            {
                first = Some(choice);
            }
            Some(())
        })
        .ok_or_else(not_an_answer)?;
    }
    let ended_with = first.filter(|choice| !choice.reason.is_empty());
    Ok(Receipt {
        usage,
        finish: ended_with.map(|choice| finish::read(&choice.reason, choice.called).reason),
        model_span: ended.model.filter(|span| body[span.start] == b'"'),
    })
}
