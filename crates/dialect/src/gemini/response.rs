//! Whole answers, both ways: <https://ai.google.dev/api/generate-content#generatecontentresponse>.
//! An answer without candidates is never taken for an empty one, but where the prompt was blocked.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use weir_model::{
    Block, Choice, Content, Cx, Event, Finish, FinishReason, Json, Kind, Losses, Operation,
    Rejection, Response, fold,
};

use super::logprobs::Logprobs;
use super::spoken::Spoken;
use super::stream::Decoder;
use super::usage::{UsageIn, UsageOut};
use super::wire::{Args, Call, OPAQUE, Own, Part};
use super::{failure, finish};
use crate::json::walk::Walk;
use crate::json::write;
use crate::{Decoded, Receipt, StreamDecoder};

/// Decodes a whole answer, which is a stream of one frame.
///
/// # Errors
/// The vendor's failure when the body holds one, else `Kind::Malformed`.
pub(super) fn decode(body: &[u8], cx: &Cx<'_>) -> Result<Response, Rejection> {
    // Also tells a failure, and a body that is no answer.
    read_receipt(Operation::Chat, body)?;
    let (mut decoder, mut events) = (Decoder::default(), Vec::new());
    decoder.decode("", body, cx, &mut events);
    if events.is_empty() {
        let (id, model, created) = (None, None, None);
        events.push(Event::Start { id, model, created });
    }
    fold(events)
}

/// The answer makes no sense.
pub(super) fn malformed(why: impl std::fmt::Display) -> Rejection {
    let message = "The upstream's answer is not one of generateContent.";
    Rejection::upstream(Kind::Malformed, message).with_private(why.to_string())
}

/// What accounting needs of an answer.
#[derive(Default)]
struct Ended<'a> {
    candidates: Option<Vec<EndedCandidate<'a>>>,
    searches: u64,
    blocked: bool,
    usage: Option<&'a [u8]>,
    tokens: bool,
    error: Option<&'a [u8]>,
    model: Option<Range<usize>>,
}

#[derive(Default)]
struct EndedCandidate<'a> {
    index: Option<u64>,
    reason: Cow<'a, str>,
    called: bool,
}

impl<'a> Ended<'a> {
    fn read(walk: &mut Walk<'a>) -> Option<Ended<'a>> {
        let mut ended = Ended::default();
        if !walk.begins(b'{') {
            return None;
        }
        walk.object(|walk, key| {
            match key {
                b"candidates" => ended.read_candidates(walk)?,
                b"promptFeedback" => ended.blocked = blocks(walk)?,
                b"usageMetadata" => ended.usage = Some(walk.raw()?),
                b"totalTokens" => ended.tokens = walk.skip().map(|_| true)?,
                b"error" => ended.error = Some(walk.raw()?),
                b"modelVersion" if walk.begins(b'"') => ended.model = Some(walk.skip()?),
                _ => return walk.skip().map(drop),
            }
            Some(())
        })?;
        Some(ended)
    }

    fn read_candidates(&mut self, walk: &mut Walk<'a>) -> Option<()> {
        if !walk.begins(b'[') {
            return None;
        }
        let (mut candidates, mut searches) = (Vec::new(), 0);
        walk.array(|walk| {
            let mut candidate = EndedCandidate::default();
            walk.object(|walk, key| {
                match key {
                    b"index" => candidate.index = serde_json::from_slice(walk.raw()?).ok(),
                    b"finishReason" => candidate.reason = walk.text()?,
                    b"content" => candidate.called = calls_a_tool(walk)?,
                    b"groundingMetadata" => searches += searched(walk)?,
                    _ => return walk.skip().map(drop),
                }
                Some(())
            })?;
            candidates.push(candidate);
            Some(())
        })?;
        self.candidates = Some(candidates);
        self.searches = searches;
        Some(())
    }

    /// Why the answer with the least index ended, as the decoder sees it.
    fn finish(&self) -> Option<FinishReason> {
        let candidates = self.candidates.iter().flatten().enumerate();
        let indexed = candidates.map(|(at, c)| (c.index.unwrap_or(at as u64), c));
        let Some(first) = indexed.clone().map(|(index, _)| index).min() else {
            return self.blocked.then_some(FinishReason::ContentFilter);
        };
        let mut called = false;
        for (_, candidate) in indexed.filter(|(index, _)| *index == first) {
            called |= candidate.called;
            if let Some(reason) = reason(&candidate.reason) {
                return Some(finish::read(reason, called).reason);
            }
        }
        None
    }
}

/// A reason that says something.
pub(super) fn reason(word: &str) -> Option<&str> {
    let word = Some(word).filter(|word| !word.is_empty());
    word.filter(|word| *word != "FINISH_REASON_UNSPECIFIED")
}

fn blocks(feedback: &mut Walk<'_>) -> Option<bool> {
    let mut blocked = false;
    feedback.object(|walk, key| {
        blocked |= key == b"blockReason";
        walk.skip().map(drop)
    })?;
    Some(blocked)
}

fn searched(grounding: &mut Walk<'_>) -> Option<u64> {
    let mut count = 0;
    grounding.object(|walk, key| match key {
        b"webSearchQueries" => walk.array(|query| {
            count += 1;
            query.skip().map(drop)
        }),
        _ => walk.skip().map(drop),
    })?;
    Some(count)
}

fn calls_a_tool(content: &mut Walk<'_>) -> Option<bool> {
    let mut called = false;
    content.object(|walk, key| match key {
        b"parts" => walk.array(|part| {
            let (mut says, mut calls) = (false, false);
            part.object(|walk, key| {
                says |= key == b"text";
                calls |= matches!(key, b"functionCall" | b"function_call");
                walk.skip().map(drop)
            })?;
            called |= calls && !says;
            Some(())
        }),
        _ => walk.skip().map(drop),
    })?;
    Some(called)
}

/// Reads what accounting needs from a whole answer.
///
/// # Errors
/// The vendor's failure when the body holds one, else `Kind::Malformed`.
pub(super) fn read_receipt(operation: Operation, body: &[u8]) -> Result<Receipt, Rejection> {
    let ended = Walk::through(body, Ended::read)
        .ok_or_else(|| malformed("the body is not JSON of the right shape"))?;
    if let Some(error) = ended.error {
        let error = serde_json::from_slice::<&RawValue>(error).map_err(malformed)?;
        return Err(failure::under_200(error));
    }
    if operation == Operation::CountTokens {
        // A count bills nothing.
        return match ended.tokens {
            true => Ok(Receipt::default()),
            false => Err(malformed("no totalTokens")),
        };
    }
    if ended.candidates.is_none() && !ended.blocked {
        return Err(malformed("no candidates"));
    }
    let usage = ended.usage.map(serde_json::from_slice::<UsageIn>);
    let usage = usage.transpose().map_err(malformed)?;
    Ok(Receipt {
        usage: usage.map(|usage| usage.total(ended.searches)),
        finish: ended.finish(),
        model_span: ended.model,
    })
}

/// An answer, or a piece of a streamed one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    pub(super) candidates: Vec<Candidate<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage_metadata: Option<UsageOut>,
    pub(super) model_version: &'a str,
    pub(super) response_id: &'a str,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    pub(super) content: Turn<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finish_reason: Option<&'static str>,
    pub(super) index: u32,
    #[serde(flatten)]
    pub(super) sources: Sources,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs_result: Option<Logprobs>,
}

#[derive(Default, Serialize)]
pub(super) struct Turn<'a> {
    pub(super) parts: Vec<Part<'a>>,
    pub(super) role: Model,
}

/// The one who answers.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Model {
    #[default]
    Model,
}

/// What Google says of its sources; the citations of a text in the model.
#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Sources {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) grounding_metadata: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) citation_metadata: Option<Json>,
}

impl Sources {
    /// Google's own; `None` for a citation in another shape.
    pub(super) fn of(citation: &Json) -> Option<Sources> {
        serde_json::from_str(citation.get()).ok()
    }

    fn add(&mut self, more: Sources) {
        self.grounding_metadata = more.grounding_metadata.or(self.grounding_metadata.take());
        self.citation_metadata = more.citation_metadata.or(self.citation_metadata.take());
    }
}

/// Encodes a whole answer.
pub(super) fn encode(response: &Response, cx: &Cx<'_>) -> Decoded<Vec<u8>> {
    let mut losses = Losses::default();
    let choices = response.choices.iter().enumerate();
    let candidates = choices.map(|(at, choice)| candidate(at, choice, &mut losses));
    let answer = Answer {
        candidates: candidates.collect(),
        usage_metadata: response.usage.as_ref().map(UsageOut::from),
        model_version: response.model.as_deref().unwrap_or_default(),
        response_id: &response_id(response.id.as_deref(), cx),
    };
    Decoded {
        value: write::to_vec(&answer),
        losses,
    }
}

/// The given id, or a fresh one.
pub(super) fn response_id(id: Option<&str>, cx: &Cx<'_>) -> String {
    id.map_or_else(|| cx.ids.mint(""), str::to_owned)
}

fn candidate<'a>(at: usize, choice: &'a Choice, losses: &mut Losses) -> Candidate<'a> {
    let mut spoken = Spoken::default();
    let mut sources = Sources::default();
    for (block, number) in choice.blocks.iter().zip(0..) {
        let path = format!("candidates[{at}].content.parts[{number}]");
        add(block, &path, &mut spoken, &mut sources, losses);
    }
    Candidate {
        content: Turn {
            parts: spoken.finish(),
            role: Model::Model,
        },
        // Without a word, the answer would still be going on.
        finish_reason: Some(choice.finish.as_ref().map_or("OTHER", ending)),
        index: u32::try_from(at).unwrap_or(u32::MAX),
        sources,
        logprobs_result: Logprobs::of(&choice.logprobs),
    }
}

/// Why it ended, in Google's words.
pub(super) fn ending(finish: &Finish) -> &'static str {
    finish::word(finish)
}

fn add<'a>(
    block: &'a Block,
    path: &str,
    spoken: &mut Spoken<'a>,
    sources: &mut Sources,
    losses: &mut Losses,
) {
    match &block.content {
        Content::Text { text, citations } => {
            let known: Vec<_> = citations.iter().filter_map(Sources::of).collect();
            if known.len() < citations.len() {
                losses.add(format!("{path}.citations"), "not in Gemini's shape");
            }
            known.into_iter().for_each(|more| sources.add(more));
            spoken.push(Own::text(text));
        }
        Content::Refusal { text } => spoken.push(Own::text(text)),
        Content::Reasoning { text, signature } => {
            let signature = signature.as_deref().filter(|proof| !proof.is_empty());
            spoken.thought(text, signature, true);
        }
        Content::RedactedReasoning { data } => spoken.thought("", Some(data), true),
        Content::ToolCall(call) => {
            let args = Args::new(&call.arguments);
            if matches!(args, Args::Wrapped { .. }) {
                let reason = "the arguments are no JSON object: sent as {\"_raw\": ...}";
                losses.add(format!("{path}.args"), reason);
            }
            spoken.call(Own {
                function_call: Some(Call {
                    id: &call.id,
                    name: &call.name,
                    args,
                }),
                ..Own::default()
            });
        }
        Content::Opaque { kind, json } if kind.starts_with(OPAQUE) => {
            spoken.push(Part::Opaque(json));
        }
        Content::Opaque { .. }
        | Content::ToolResult(_)
        | Content::Image(_)
        | Content::Audio(_)
        | Content::Document(_) => losses.add(path, "Gemini's answers hold no such part"),
    }
}
