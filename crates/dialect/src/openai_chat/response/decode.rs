//! A vendor's whole answer, in full or only what accounting needs.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use weir_model::{
    Block, Choice, Content, Cx, Finish, Json, Operation, Rejection, Response, ToolCall,
};

use super::super::usage::WireUsage;
use super::super::wire::{self, Answer, Count, Said, Text, filled, text};
use super::super::{failure, finish, reasoning};
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

/// What accounting needs: everything else is skipped, not built.
#[derive(Deserialize)]
struct Ended<'a> {
    #[serde(borrow)]
    choices: Option<Vec<EndedChoice<'a>>>,
    /// The vectors of an embedding answer.
    data: Option<IgnoredAny>,
    usage: Option<WireUsage>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct EndedChoice<'a> {
    index: Option<Count>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    message: Option<Called>,
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Called {
    tool_calls: Option<Vec<EndedCall>>,
    function_call: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct EndedCall {
    #[serde(alias = "custom")]
    function: Option<IgnoredAny>,
}

pub(in super::super) fn read_receipt(
    operation: Operation,
    body: &[u8],
) -> Result<Receipt, Rejection> {
    let ended: Ended<'_> =
        serde_json::from_slice(body).map_err(|error| malformed(NOT_AN_ANSWER, error))?;
    let answered = match operation {
        Operation::Embedding => ended.data.is_some(),
        _ => ended.choices.is_some(),
    };
    if ended.error.is_some() || !answered {
        return Err(no_answer(ended.error, body));
    }
    let choices = ended.choices.unwrap_or_default();
    let usage = ended
        .usage
        .or_else(|| choices.iter().find_map(|choice| choice.usage));
    let first = choices
        .iter()
        .min_by_key(|choice| choice.index.unwrap_or_default().0);
    let finish = first.and_then(|choice| {
        let called = choice.message.as_ref().is_some_and(|message| {
            let mut calls = message.tool_calls.iter().flatten();
            message.function_call.is_some() || calls.any(|call| call.function.is_some())
        });
        ending(&choice.finish_reason, called)
    });
    let model_span = scan::find_field(body, "model").filter(|span| body[span.start] == b'"');
    Ok(Receipt {
        usage: usage.map(Into::into),
        finish: finish.map(|finish| finish.reason),
        model_span,
    })
}
