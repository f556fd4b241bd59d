//! Whole answers, both ways: <https://platform.claude.com/docs/en/api/messages>. An answer that is
//! not a message is never taken for an empty one.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use weir_model::{
    Block, Choice, Content, Cx, Finish, FinishReason, Json, Kind, Losses, Operation, Rejection,
    Response, Usage,
};

use super::failure::{self, ErrorIn};
use super::request::{Piece, piece};
use super::usage::{UsageIn, UsageOut};
use super::wire::{Input, OPAQUE, Part, is_citation};
use crate::json::read::{Path, Value};
use crate::json::{scan, write};
use crate::{Decoded, Receipt};

/// The vendor's reasons to stop, and ours. The first of each of ours is how we say it.
/// <https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons>
const STOP_REASONS: [(&str, FinishReason); 8] = [
    ("end_turn", FinishReason::Stop),
    ("stop_sequence", FinishReason::Stop),
    ("max_tokens", FinishReason::Length),
    ("tool_use", FinishReason::ToolCalls),
    ("refusal", FinishReason::Refusal),
    ("pause_turn", FinishReason::Pause),
    ("compaction", FinishReason::Pause),
    ("model_context_window_exceeded", FinishReason::ContextWindow),
];

/// Why an answer ended, in our words.
pub(super) fn finish(stop_reason: String, stop_sequence: Option<String>) -> Finish {
    let known = STOP_REASONS.iter().find(|(word, _)| *word == stop_reason);
    Finish {
        reason: known.map_or(FinishReason::Other, |(_, reason)| *reason),
        native: Some(stop_reason),
        stop_sequence,
    }
}

/// Why an answer ended, in the vendor's words; its own word where it is one.
pub(super) fn stop_reason(finish: &Finish) -> &'static str {
    let native = finish.native.as_deref();
    let same = STOP_REASONS.iter().find(|(word, _)| native == Some(*word));
    let reason = match finish.reason {
        FinishReason::Stop if finish.stop_sequence.is_some() => return "stop_sequence",
        FinishReason::ContentFilter => FinishReason::Refusal,
        reason => reason,
    };
    let ours = STOP_REASONS.iter().find(|(_, ours)| *ours == reason);
    same.or(ours).map_or("end_turn", |(word, _)| word)
}

#[derive(Deserialize)]
struct MessageIn<'a> {
    id: Option<String>,
    model: Option<String>,
    #[serde(borrow)]
    content: Option<Vec<&'a RawValue>>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    usage: Option<UsageIn>,
    error: Option<ErrorIn>,
}

/// Decodes a whole answer.
///
/// # Errors
/// The vendor's failure when the body holds one, else `Kind::Malformed`.
pub(super) fn decode(body: &[u8]) -> Result<Response, Rejection> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(malformed("not an object"));
    }
    let wire: MessageIn<'_> = serde_json::from_slice(body).map_err(malformed)?;
    if let Some(error) = wire.error {
        return Err(failure::from_answer(error));
    }
    let content = wire.content.ok_or_else(|| malformed("no content"))?;
    let mut blocks = Vec::with_capacity(content.len());
    for (at, raw) in content.into_iter().enumerate() {
        let value = Value::new(raw, Path::Index(&Path::Root, at));
        // What a block of an answer has beyond the model says nothing to a client.
        match piece(value, &mut Losses::default()).map_err(malformed)? {
            Piece::Block(block) => blocks.push(block),
            Piece::System(system) => blocks.extend(system),
        }
    }
    Ok(Response {
        id: wire.id,
        model: wire.model,
        created: None,
        choices: vec![Choice {
            blocks,
            finish: wire
                .stop_reason
                .map(|word| finish(word, wire.stop_sequence)),
            logprobs: Vec::new(),
        }],
        usage: wire.usage.as_ref().map(Usage::from),
        service_tier: wire.usage.and_then(|usage| usage.service_tier),
    })
}

/// Reads what accounting needs from a whole answer.
///
/// # Errors
/// The vendor's failure when the body holds one, else `Kind::Malformed`.
pub(super) fn read_receipt(operation: Operation, body: &[u8]) -> Result<Receipt, Rejection> {
    let top = scan::top_level_of_answer(body).ok_or_else(|| malformed("not an object"))?;
    let field = |key| top.get(body, key).filter(|raw| *raw != b"null");
    if let Some(error) = field("error") {
        let error = serde_json::from_slice(error).unwrap_or_default();
        return Err(failure::from_answer(error));
    }
    if operation == Operation::CountTokens {
        // A count bills nothing.
        return match field("input_tokens").map(serde_json::from_slice::<u64>) {
            Some(Ok(_)) => Ok(Receipt::default()),
            _ => Err(malformed("no input_tokens")),
        };
    }
    field("content").ok_or_else(|| malformed("no content"))?;
    let usage = field("usage").map(serde_json::from_slice::<UsageIn>);
    let reason = field("stop_reason").and_then(scan::string);
    let model = top.find(body, "model").map(|span| span.value.clone());
    Ok(Receipt {
        usage: usage
            .transpose()
            .map_err(malformed)?
            .as_ref()
            .map(Usage::from),
        finish: reason.map(|word| finish(word.into_owned(), None).reason),
        model_span: model.filter(|span| body[span.clone()].starts_with(b"\"")),
    })
}

/// The answer makes no sense.
pub(super) fn malformed(why: impl std::fmt::Display) -> Rejection {
    let message = "The upstream's answer is not a message of the Messages API.";
    Rejection::upstream(Kind::Malformed, message).with_private(why.to_string())
}

/// A message, whole or as a stream begins.
#[derive(Serialize)]
#[serde(tag = "type", rename = "message")]
pub(super) struct MessageOut<'a> {
    pub(super) id: &'a str,
    pub(super) role: &'static str,
    pub(super) model: &'a str,
    pub(super) content: Vec<Part<'a>>,
    pub(super) stop_reason: Option<&'a str>,
    pub(super) stop_sequence: Option<&'a str>,
    pub(super) usage: UsageOut<'a>,
}

/// An id that looks like Anthropic's: the given one, or a fresh one.
pub(super) fn message_id(id: Option<&str>, cx: &Cx<'_>) -> String {
    match id {
        Some(id) if id.starts_with("msg_") => id.to_owned(),
        _ => cx.ids.mint("msg_"),
    }
}

/// Encodes a whole answer.
pub(super) fn encode(response: &Response, cx: &Cx<'_>) -> Decoded<Vec<u8>> {
    let mut losses = Losses::default();
    for at in 1..response.choices.len() {
        losses.add(format!("choices[{at}]"), "Anthropic gives one answer");
    }
    let mut content = Vec::new();
    let choice = response.choices.first();
    for (at, block) in choice.iter().flat_map(|c| &c.blocks).enumerate() {
        content.extend(part(block, &format!("content[{at}]"), &mut losses));
    }
    // Agents take the last block of an answer for what it says; this vendor's is never a thought.
    if let [_, .., Part::Thinking { thinking: "", .. }] = &content[..] {
        content.pop();
        losses.add(
            "reasoning.signature",
            "an answer does not end with a thought",
        );
    }
    if choice.is_some_and(|choice| !choice.logprobs.is_empty()) {
        losses.add("logprobs", "Anthropic has none");
    }
    let finish = choice.and_then(|choice| choice.finish.as_ref());
    let usage = response.usage.unwrap_or_default();
    let message = MessageOut {
        id: &message_id(response.id.as_deref(), cx),
        role: "assistant",
        model: response.model.as_deref().unwrap_or_default(),
        content,
        stop_reason: finish.map(stop_reason),
        stop_sequence: finish.and_then(|finish| finish.stop_sequence.as_deref()),
        usage: UsageOut::new(&usage, response.service_tier.as_deref()),
    };
    Decoded {
        value: write::to_vec(&message),
        losses,
    }
}

fn part<'a>(block: &'a Block, path: &str, losses: &mut Losses) -> Option<Part<'a>> {
    let plain = |text: &'a str, citations: Vec<&'a Json>| Part::Text {
        text: text.into(),
        citations,
        cache_control: None,
    };
    Some(match &block.content {
        Content::Text { text, citations } => {
            let known: Vec<_> = citations.iter().filter(|c| is_citation(c)).collect();
            if known.len() < citations.len() {
                losses.add(format!("{path}.citations"), "not in Anthropic's shape");
            }
            plain(text, known)
        }
        Content::Refusal { text } => plain(text, Vec::new()),
        Content::Reasoning { text, signature } => Part::Thinking {
            thinking: text,
            signature: signature.as_deref().unwrap_or_default(),
        },
        Content::RedactedReasoning { data } => Part::RedactedThinking { data },
        Content::ToolCall(call) => {
            let input = Input::new(&call.arguments);
            if matches!(input, Input::Wrapped { .. }) {
                let reason = "the arguments are no JSON object: sent as {\"_raw\": ...}";
                losses.add(format!("{path}.input"), reason);
            }
            Part::ToolUse {
                id: call.id.as_str().into(),
                name: &call.name,
                input,
                cache_control: None,
            }
        }
        Content::Opaque { kind, json } if kind.starts_with(OPAQUE) => Part::Opaque(json),
        Content::Opaque { .. }
        | Content::ToolResult(_)
        | Content::Image(_)
        | Content::Audio(_)
        | Content::Document(_) => {
            losses.add(path, "Anthropic's answers hold no such block");
            return None;
        }
    })
}
