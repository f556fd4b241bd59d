//! Frames to events. Whatever comes in, the events keep the laws of the grammar; a stream that is
//! cut, corrupt or out of order fails, and no ending is made up for it.
//!
//! Blocks that only Anthropic understands open when they are complete, so that they are carried
//! with what was streamed into them.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;
use weir_model::{Cx, Delta, Event, Finish, FinishReason, Json, Kind, Opened, Rejection, Usage};

use super::super::failure::{self, ErrorIn};
use super::super::response;
use super::super::usage::UsageIn;
use super::held::Held;
use crate::StreamDecoder;
use crate::json::scan;

/// Most blocks open at a time.
const MOST_OPEN: usize = 256;

/// Decodes one streamed answer.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    state: State,
    open: Vec<Open>,
    /// The number of the next block to open.
    next: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before `message_start`.
    #[default]
    Waiting,
    Running,
    /// The reason to stop has come.
    Finished,
    /// Nothing follows.
    Ended,
}

/// A block that the vendor has opened.
#[derive(Debug)]
struct Open {
    index: u64,
    /// Our number; of no meaning while the block is held.
    block: u32,
    kind: OpenKind,
}

#[derive(Debug)]
enum OpenKind {
    Text,
    Thinking,
    RedactedThinking,
    /// The input that it opened with, until arguments are streamed.
    Tool(Option<String>),
    Held(Held),
}

/// A string that is borrowed where it has no escapes.
#[derive(Clone, Debug, Default, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Kinded<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Text<'a>,
}

/// Any event.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Text<'a>,
    #[serde(default)]
    index: u64,
    #[serde(borrow)]
    delta: Option<DeltaIn<'a>>,
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    message: Option<MessageIn>,
    usage: Option<UsageIn>,
    error: Option<ErrorIn>,
}

#[derive(Deserialize)]
struct MessageIn {
    id: Option<String>,
    model: Option<String>,
    usage: Option<UsageIn>,
}

#[derive(Deserialize)]
struct BlockIn<'a> {
    id: Option<String>,
    name: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    data: Option<String>,
}

#[derive(Deserialize)]
struct DeltaIn<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Text<'a>,
    text: Option<String>,
    partial_json: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    #[serde(borrow)]
    citation: Option<&'a RawValue>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    encrypted_content: Option<&'a RawValue>,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &str, data: &[u8], _cx: &Cx<'_>, out: &mut Vec<Event>) {
        if self.state == State::Ended {
            return;
        }
        if let Err(rejection) = self.frame(event, data, out) {
            self.state = State::Ended;
            out.push(Event::Failed(rejection));
        }
    }

    fn finish(&mut self, _cx: &Cx<'_>, out: &mut Vec<Event>) {
        let last = match self.state {
            State::Ended => return,
            State::Finished => Event::End,
            State::Waiting | State::Running => {
                let message = "The upstream closed the stream before the answer was complete.";
                Event::Failed(Rejection::upstream(Kind::Malformed, message))
            }
        };
        self.state = State::Ended;
        out.push(last);
    }

    fn model_span(&self, data: &[u8]) -> Option<Range<usize>> {
        // In text, the quotes would be escaped.
        memchr::memmem::find(data, b"\"message_start\"")?;
        let message = scan::top_level_of_answer(data)?
            .find(data, "message")?
            .value
            .clone();
        let inner = &data[message.clone()];
        let model = scan::top_level_of_answer(inner)?
            .find(inner, "model")?
            .value
            .clone();
        inner[model.clone()]
            .starts_with(b"\"")
            .then(|| message.start + model.start..message.start + model.end)
    }
}

impl Decoder {
    fn frame(&mut self, event: &str, data: &[u8], out: &mut Vec<Event>) -> Result<(), Rejection> {
        if !data.trim_ascii_start().starts_with(b"{") {
            return Err(corrupt("no object"));
        }
        let frame = match serde_json::from_slice::<Frame<'_>>(data) {
            Ok(frame) => frame,
            // An event that we do not know may use our names for other shapes.
            Err(error) => {
                return match serde_json::from_slice::<Kinded<'_>>(data) {
                    Ok(kinded) if !is_known(&kinded.kind.0) => {
                        self.pass_over(&kinded.kind.0, out);
                        Ok(())
                    }
                    _ => Err(corrupt(error)),
                };
            }
        };
        let kind = match &*frame.kind.0 {
            "" => Cow::Borrowed(event),
            kind => Cow::Borrowed(kind),
        };
        match &*kind {
            "content_block_delta" => self.grow(frame.index, frame.delta, out),
            "content_block_start" => self.open(frame.index, frame.content_block, out),
            "content_block_stop" => self.stop(frame.index, out),
            "message_start" => self.start(frame.message, out),
            "message_delta" => self.conclude(frame.delta, frame.usage, out),
            "message_stop" => self.end(out),
            "ping" => {
                out.push(Event::Ping);
                Ok(())
            }
            "error" => Err(failure::from_answer(frame.error.unwrap_or_default())),
            other => {
                self.pass_over(other, out);
                Ok(())
            }
        }
    }

    /// Shows that something unknown came; before the start, nothing may be shown.
    fn pass_over(&self, kind: &str, out: &mut Vec<Event>) {
        if self.state != State::Waiting {
            out.push(Event::Opaque {
                kind: kind.to_owned(),
            });
        }
    }

    fn start(&mut self, message: Option<MessageIn>, out: &mut Vec<Event>) -> Result<(), Rejection> {
        // Some gateways send it twice.
        if self.state != State::Waiting {
            return Ok(());
        }
        let message = message.ok_or_else(|| corrupt("message_start without a message"))?;
        self.state = State::Running;
        out.push(Event::Start {
            id: message.id,
            model: message.model,
            created: None,
        });
        out.extend(
            message
                .usage
                .as_ref()
                .map(|usage| Event::Usage(usage.into())),
        );
        Ok(())
    }

    fn open(
        &mut self,
        index: u64,
        raw: Option<&RawValue>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let raw = raw.ok_or_else(|| corrupt("content_block_start without a block"))?;
        if self.state != State::Running {
            return Err(corrupt("a block outside of the message"));
        }
        if self.open.len() == MOST_OPEN || self.find(index).is_some() {
            return Err(corrupt("too many blocks, or one opened twice"));
        }
        let kinded: Kinded<'_> = serde_json::from_str(raw.get()).map_err(corrupt)?;
        let read = || serde_json::from_str::<BlockIn<'_>>(raw.get()).map_err(corrupt);
        let (kind, opened, first) = match &*kinded.kind.0 {
            "text" => {
                let text = read()?.text.unwrap_or_default();
                (
                    OpenKind::Text,
                    Opened::Text,
                    [Some(Delta::Text(text)), None],
                )
            }
            "thinking" => {
                let block = read()?;
                let first = [
                    block.thinking.map(Delta::Reasoning),
                    block
                        .signature
                        .filter(|s| !s.is_empty())
                        .map(Delta::Signature),
                ];
                (OpenKind::Thinking, Opened::Reasoning, first)
            }
            "redacted_thinking" => {
                let data = read()?.data.unwrap_or_default();
                let opened = Opened::RedactedReasoning { data };
                (OpenKind::RedactedThinking, opened, [None, None])
            }
            "tool_use" => {
                let block = read()?;
                let (Some(id), Some(name)) = (block.id, block.name) else {
                    return Err(corrupt("a tool call without id or name"));
                };
                let input = block.input.map_or("{}", RawValue::get).to_owned();
                let opened = Opened::ToolCall { id, name };
                (OpenKind::Tool(Some(input)), opened, [None, None])
            }
            "" => return Err(corrupt("a block without a type")),
            other => {
                let kind = OpenKind::Held(Held::new(other, raw));
                let block = self.next;
                self.open.push(Open { index, block, kind });
                return Ok(());
            }
        };
        let block = self.number(opened, out);
        self.open.push(Open { index, block, kind });
        for delta in first.into_iter().flatten() {
            push(block, delta, out);
        }
        Ok(())
    }

    fn grow(
        &mut self,
        index: u64,
        delta: Option<DeltaIn<'_>>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let at = self
            .find(index)
            .ok_or_else(|| corrupt("a delta without its block"))?;
        let delta = delta.ok_or_else(|| corrupt("content_block_delta without a delta"))?;
        let open = &mut self.open[at];
        let delta = match (&mut open.kind, &*delta.kind.0) {
            (OpenKind::Held(held), _) => {
                let DeltaIn {
                    partial_json,
                    content,
                    encrypted_content,
                    ..
                } = delta;
                held.grow(partial_json.as_deref(), content, encrypted_content);
                None
            }
            (OpenKind::Text, "text_delta") => delta.text.map(Delta::Text),
            (OpenKind::Text, "citations_delta") => {
                delta.citation.map(|raw| Delta::Citation(Json::from(raw)))
            }
            (OpenKind::Thinking, "thinking_delta") => delta.thinking.map(Delta::Reasoning),
            (OpenKind::Thinking, "signature_delta") => delta
                .signature
                .filter(|s| !s.is_empty())
                .map(Delta::Signature),
            (OpenKind::Tool(input), "input_json_delta") => {
                let arguments = delta.partial_json.filter(|more| !more.is_empty());
                if arguments.is_some() {
                    *input = None;
                }
                arguments.map(Delta::Arguments)
            }
            (_, kind) if kind.is_empty() || is_known_delta(kind) => {
                return Err(corrupt("a delta that does not fit its block"));
            }
            (_, other) => {
                self.pass_over(other, out);
                return Ok(());
            }
        };
        if let Some(delta) = delta {
            push(open.block, delta, out);
        }
        Ok(())
    }

    fn stop(&mut self, index: u64, out: &mut Vec<Event>) -> Result<(), Rejection> {
        if let Some(at) = self.find(index) {
            let open = self.open.remove(at);
            self.close(open, out)?;
        }
        Ok(())
    }

    fn close(&mut self, open: Open, out: &mut Vec<Event>) -> Result<(), Rejection> {
        let block = match open.kind {
            OpenKind::Held(held) => {
                let opened = held
                    .complete()
                    .ok_or_else(|| corrupt("a block that is no JSON"))?;
                self.number(opened, out)
            }
            OpenKind::Tool(Some(input)) => {
                push(open.block, Delta::Arguments(input), out);
                open.block
            }
            _ => open.block,
        };
        out.push(Event::Close { choice: 0, block });
        Ok(())
    }

    fn conclude(
        &mut self,
        delta: Option<DeltaIn<'_>>,
        usage: Option<UsageIn>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        if self.state == State::Waiting {
            return Err(corrupt("message_delta before message_start"));
        }
        out.extend(usage.as_ref().map(|usage| Event::Usage(Usage::from(usage))));
        let Some(delta) = delta else { return Ok(()) };
        let (Some(word), State::Running) = (delta.stop_reason, self.state) else {
            return Ok(());
        };
        self.finish_with(response::finish(word, delta.stop_sequence), out)
    }

    fn finish_with(&mut self, finish: Finish, out: &mut Vec<Event>) -> Result<(), Rejection> {
        for open in std::mem::take(&mut self.open) {
            self.close(open, out)?;
        }
        self.state = State::Finished;
        out.push(Event::Finish { choice: 0, finish });
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Rejection> {
        match self.state {
            State::Waiting => return Err(corrupt("message_stop before message_start")),
            // The vendor ended the message itself, but did not say why.
            State::Running => self.finish_with(Finish::new(FinishReason::Other), out)?,
            State::Finished | State::Ended => {}
        }
        self.state = State::Ended;
        out.push(Event::End);
        Ok(())
    }

    fn find(&self, index: u64) -> Option<usize> {
        self.open.iter().position(|open| open.index == index)
    }

    /// Opens the next block of ours.
    fn number(&mut self, kind: Opened, out: &mut Vec<Event>) -> u32 {
        let block = self.next;
        self.next += 1;
        out.push(Event::Open {
            choice: 0,
            block,
            kind,
        });
        block
    }
}

/// Adds a delta, unless it is empty.
fn push(block: u32, delta: Delta, out: &mut Vec<Event>) {
    let says_something = delta.text_len() > 0;
    if says_something || matches!(delta, Delta::Citation(_) | Delta::Signature(_)) {
        out.push(Event::Delta {
            choice: 0,
            block,
            delta,
            logprobs: Vec::new(),
        });
    }
}

fn is_known(event: &str) -> bool {
    matches!(
        event,
        "" | "message_start"
            | "content_block_start"
            | "content_block_delta"
            | "content_block_stop"
            | "message_delta"
            | "message_stop"
            | "ping"
            | "error"
    )
}

fn is_known_delta(kind: &str) -> bool {
    matches!(
        kind,
        "text_delta"
            | "citations_delta"
            | "thinking_delta"
            | "signature_delta"
            | "input_json_delta"
    )
}

fn corrupt(why: impl std::fmt::Display) -> Rejection {
    let message = "The upstream sent an event that does not fit the stream.";
    Rejection::upstream(Kind::Malformed, message).with_private(why.to_string())
}
