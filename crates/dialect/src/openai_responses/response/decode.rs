//! A vendor's whole answer, in full or only what accounting needs.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;
use weir_model::{Block, Choice, Content, Cx, Json, Operation, Rejection, Response, Usage};

use super::super::wire::{Answer, Item, Part, is_call, is_search};
use super::super::{finish, usage};
use super::malformed;
use crate::Receipt;
use crate::json::walk::Walk;
use crate::openai::failure;
use crate::openai::scalar::{created, filled, text};

const NOT_AN_ANSWER: &str = "The provider's answer could not be understood.";

pub(in super::super) fn decode(body: &[u8], cx: &Cx<'_>) -> Result<Response, Rejection> {
    let unreadable = |error: serde_json::Error| malformed(NOT_AN_ANSWER, error);
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    let Some(output) = answer.output.as_ref().filter(|_| answer.error.is_none()) else {
        return Err(no_answer(answer.error, body));
    };
    let mut said = Said::default();
    for raw in output {
        said.add(Item::read(raw).map_err(unreadable)?, cx);
    }
    let finish = finish::read(text(&answer.status), answer.incomplete(), said.called);
    Ok(Response {
        id: filled(&answer.id),
        model: filled(&answer.model),
        created: created(answer.created_at),
        usage: answer.usage(said.searches),
        choices: vec![Choice {
            blocks: said.blocks,
            finish: Some(finish),
            logprobs: said.logprobs,
        }],
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

/// The output so far.
#[derive(Default)]
struct Said {
    blocks: Vec<Block>,
    logprobs: Vec<Json>,
    called: bool,
    searches: u64,
}

impl Said {
    fn add(&mut self, item: Item<'_>, cx: &Cx<'_>) {
        match item {
            Item::Message(parts) => parts.iter().for_each(|part| self.part(part)),
            Item::Reasoning(reasoning) => self.blocks.extend(reasoning.content().map(Block::from)),
            Item::Call(call) => {
                let call = call.content(|| cx.ids.mint("call_"));
                self.blocks.push(Content::ToolCall(call).into());
                self.called = true;
            }
            Item::Opaque(item) => {
                self.called |= item.called;
                self.searches += u64::from(item.searched);
                let (kind, json) = (item.kind, item.json);
                self.blocks.push(Content::Opaque { kind, json }.into());
            }
        }
    }

    fn part(&mut self, part: &Part<'_>) {
        let carried = |list: &Option<Vec<&RawValue>>| -> Vec<Json> {
            let list = list.iter().flatten();
            list.copied().map(Json::from).collect()
        };
        if text(&part.kind) == "refusal" {
            let text = text(&part.refusal).to_owned();
            self.blocks.push(Content::Refusal { text }.into());
            return;
        }
        self.logprobs.extend(carried(&part.logprobs));
        let content = Content::Text {
            text: text(&part.text).to_owned(),
            citations: carried(&part.annotations),
        };
        self.blocks.push(content.into());
    }
}

/// What accounting needs of an answer.
#[derive(Default)]
struct Ended<'a> {
    /// Whether there is an output; of a count of tokens, whether there is that.
    answered: bool,
    called: bool,
    searches: u64,
    status: Cow<'a, str>,
    incomplete: Cow<'a, str>,
    usage: Option<Usage>,
    error: Option<&'a [u8]>,
    model: Option<Range<usize>>,
}

impl<'a> Ended<'a> {
    fn read(walk: &mut Walk<'a>, operation: Operation) -> Option<Ended<'a>> {
        let mut ended = Ended::default();
        let counts = operation == Operation::CountTokens;
        walk.object(|walk, key| {
            match key {
                b"output" if !counts => ended.output(walk)?,
                b"input_tokens" if counts => ended.answered = walk.skip().map(|_| true)?,
                b"status" => ended.status = walk.text()?,
                b"incomplete_details" => walk.object(|walk, key| {
                    match key {
                        b"reason" => ended.incomplete = walk.text()?,
                        _ => return walk.skip().map(drop),
                    }
                    Some(())
                })?,
                b"usage" => ended.usage = usage::read(walk)?,
                b"error" => ended.error = Some(walk.raw()?),
                b"model" if walk.begins(b'"') => ended.model = Some(walk.skip()?),
                _ => return walk.skip().map(drop),
            }
            Some(())
        })?;
        Some(ended)
    }

    fn output(&mut self, walk: &mut Walk<'a>) -> Option<()> {
        if !walk.begins(b'[') {
            return None;
        }
        self.answered = true;
        walk.array(|walk| {
            if !walk.begins(b'{') {
                return None;
            }
            let (mut kind, mut action) = (Cow::default(), Cow::default());
            walk.object(|walk, key| {
                match key {
                    b"type" => kind = walk.text()?,
                    b"action" => action = action_of(walk)?,
                    _ => return walk.skip().map(drop),
                }
                Some(())
            })?;
            self.called |= is_call(kind.as_bytes());
            self.searches += u64::from(kind == "web_search_call" && is_search(&action));
            Some(())
        })
    }
}

/// The type of an action, whatever stands there.
fn action_of<'a>(walk: &mut Walk<'a>) -> Option<Cow<'a, str>> {
    if !walk.begins(b'{') {
        return walk.skip().map(|_| "unknown".into());
    }
    let mut kind = Cow::default();
    walk.object(|walk, key| {
        match key {
            b"type" => kind = walk.text()?,
            _ => return walk.skip().map(drop),
        }
        Some(())
    })?;
    Some(kind)
}

pub(in super::super) fn read_receipt(
    operation: Operation,
    body: &[u8],
) -> Result<Receipt, Rejection> {
    let ended = Walk::through(body, |walk| Ended::read(walk, operation))
        .ok_or_else(|| malformed(NOT_AN_ANSWER, "the body is not JSON of the right shape"))?;
    if ended.error.is_some() || !ended.answered {
        let error = ended.error.map(serde_json::from_slice::<&RawValue>);
        return Err(no_answer(error.and_then(Result::ok), body));
    }
    if operation == Operation::CountTokens {
        // A count bills nothing.
        return Ok(Receipt::default());
    }
    let finish = finish::read(&ended.status, &ended.incomplete, ended.called);
    Ok(Receipt {
        usage: ended.usage.map(|usage| Usage {
            web_searches: ended.searches,
            ..usage
        }),
        finish: Some(finish.reason),
        model_span: ended.model,
    })
}
