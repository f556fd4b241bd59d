//! Events to frames for clients that know one open block at a time. Blocks that others interleave
//! wait for their turn, up to a bound; the end waits for usage; exactly one ending is written.

use std::collections::VecDeque;

use serde::Serialize;
use weir_model::{Cx, Delta, Event, Finish, Kind, Opened, Rejection, Usage};

use super::super::failure::ErrorBody;
use super::super::response::{MessageOut, message_id, stop_reason};
use super::super::usage::UsageOut;
use super::super::wire::{Input, OPAQUE, Part, is_citation};
use crate::StreamEncoder;
use crate::json::write;
use crate::sse;

/// Most bytes that wait for another block to close.
const MOST_WAITING: usize = 16 << 20;

/// What a block or delta that waits takes besides its text, in bytes.
const OVERHEAD: usize = 64;

/// Encodes one streamed answer.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    model: String,
    phase: Phase,
    /// The answer that is written.
    choice: Option<u32>,
    /// The block that is being written, and its index on the wire unless it is hidden.
    current: Option<(u32, Option<u32>)>,
    /// The next index on the wire.
    next: u32,
    /// The proof of a thought without words, until more follows: agents take the last block of an
    /// answer for what it says, and this vendor's never ends with a thought.
    unsaid: Option<String>,
    waiting: VecDeque<Waiting>,
    /// Bytes in `waiting`.
    held: usize,
    finish: Option<Finish>,
    usage: Usage,
    json: Vec<u8>,
}

#[derive(Debug)]
enum Phase {
    Before,
    /// The stream has begun; `message_start` waits for the usage that may follow at once.
    Begun(Option<String>),
    Running,
    Ended,
}

/// A block that another one keeps from being written.
#[derive(Debug)]
struct Waiting {
    block: u32,
    kind: Opened,
    deltas: Vec<Delta>,
    closed: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Frame<'a> {
    MessageStart {
        message: MessageOut<'a>,
    },
    ContentBlockStart {
        index: u32,
        content_block: Part<'a>,
    },
    ContentBlockDelta {
        index: u32,
        delta: DeltaOut<'a>,
    },
    ContentBlockStop {
        index: u32,
    },
    MessageDelta {
        delta: StopOut<'a>,
        usage: UsageOut<'a>,
    },
    MessageStop,
    Ping,
}

impl Frame<'_> {
    fn event(&self) -> &'static str {
        match self {
            Frame::MessageStart { .. } => "message_start",
            Frame::ContentBlockStart { .. } => "content_block_start",
            Frame::ContentBlockDelta { .. } => "content_block_delta",
            Frame::ContentBlockStop { .. } => "content_block_stop",
            Frame::MessageDelta { .. } => "message_delta",
            Frame::MessageStop => "message_stop",
            Frame::Ping => "ping",
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum DeltaOut<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    Input { partial_json: &'a str },
    #[serde(rename = "citations_delta")]
    Citation { citation: &'a weir_model::Json },
}

#[derive(Serialize)]
struct StopOut<'a> {
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
}

/// The frame that ends a stream in an error.
pub(in super::super) fn rejection(rejection: &Rejection, request_id: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let body = write::to_vec(&ErrorBody::new(rejection, request_id));
    sse::write_event(&mut out, "error", &body);
    out
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &Event, cx: &Cx<'_>, out: &mut Vec<u8>) {
        match (&self.phase, event) {
            (Phase::Ended, _) => {}
            (Phase::Before, Event::Start { id, .. }) => {
                self.phase = Phase::Begun(Some(message_id(id.as_deref(), cx)));
            }
            (_, Event::Usage(usage)) => self.usage.merge(usage),
            (_, Event::Failed(failure)) => self.fail(failure, out),
            (Phase::Before, Event::Ping) => self.write(&Frame::Ping, out),
            _ => {
                self.begin(cx, out);
                self.step(event, cx, out);
            }
        }
    }
}

impl Encoder {
    /// An encoder of an answer by what the client calls `model`.
    pub(in super::super) fn new(model: &str) -> Encoder {
        Encoder {
            model: model.to_owned(),
            phase: Phase::Before,
            choice: None,
            current: None,
            next: 0,
            unsaid: None,
            waiting: VecDeque::new(),
            held: 0,
            finish: None,
            usage: Usage::default(),
            json: Vec::with_capacity(256),
        }
    }

    /// Writes `message_start`, once.
    fn begin(&mut self, cx: &Cx<'_>, out: &mut Vec<u8>) {
        let id = match &mut self.phase {
            Phase::Before => None,
            Phase::Begun(id) => id.take(),
            Phase::Running | Phase::Ended => return,
        };
        let id = id.unwrap_or_else(|| message_id(None, cx));
        self.phase = Phase::Running;
        let model = std::mem::take(&mut self.model);
        let message = MessageOut {
            id: &id,
            role: "assistant",
            model: &model,
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage: UsageOut::new(&self.usage, None),
        };
        self.write(&Frame::MessageStart { message }, out);
    }

    fn step(&mut self, event: &Event, cx: &Cx<'_>, out: &mut Vec<u8>) {
        // Of several answers, an Anthropic client sees the first to begin.
        if let Some(choice) = choice_of(event)
            && choice != *self.choice.get_or_insert(choice)
        {
            return;
        }
        match event {
            Event::Open { block, kind, .. } => {
                if self.current.is_none() {
                    self.open(*block, kind, cx, out);
                } else {
                    self.waiting.push_back(Waiting {
                        block: *block,
                        kind: kind.clone(),
                        deltas: Vec::new(),
                        closed: false,
                    });
                    self.hold(OVERHEAD + kind_len(kind), out);
                }
            }
            Event::Delta { block, delta, .. } => match self.current {
                Some((current, _)) if current == *block => self.grow(delta, out),
                _ => self.keep(*block, delta, out),
            },
            Event::Close { block, .. } => match self.current {
                Some((current, _)) if current == *block => {
                    self.close(out);
                    self.drain(false, cx, out);
                }
                _ => {
                    if let Some(waiting) = self.waiting(*block) {
                        waiting.closed = true;
                    }
                }
            },
            Event::Finish { finish, .. } => {
                self.finish.get_or_insert_with(|| finish.clone());
            }
            Event::Ping => self.write(&Frame::Ping, out),
            Event::End => self.end(cx, out),
            _ => {}
        }
    }

    fn open(&mut self, block: u32, kind: &Opened, cx: &Cx<'_>, out: &mut Vec<u8>) {
        if let Some(proof) = self.unsaid.take() {
            self.thought(&proof, out);
            self.close(out);
        }
        if matches!(kind, Opened::Reasoning) && self.next > 0 {
            self.unsaid = Some(String::new());
            self.current = Some((block, None));
            return;
        }
        self.start(block, kind, cx, out);
    }

    /// Begins a thought with the proof that came ahead of its words.
    fn thought(&mut self, proof: &str, out: &mut Vec<u8>) {
        let index = self.next;
        self.next += 1;
        let content_block = Part::Thinking {
            thinking: "",
            signature: "",
        };
        let block = self.current.map_or(0, |(block, _)| block);
        self.current = Some((block, Some(index)));
        let frame = Frame::ContentBlockStart {
            index,
            content_block,
        };
        self.write(&frame, out);
        if !proof.is_empty() {
            self.grow(&Delta::Signature(proof.to_owned()), out);
        }
    }

    fn start(&mut self, block: u32, kind: &Opened, cx: &Cx<'_>, out: &mut Vec<u8>) {
        let minted;
        let content_block = match kind {
            Opened::Text | Opened::Refusal => Part::text(""),
            Opened::Reasoning => Part::Thinking {
                thinking: "",
                signature: "",
            },
            Opened::RedactedReasoning { data } => Part::RedactedThinking { data },
            Opened::ToolCall { id, name } => {
                minted = if id.is_empty() {
                    cx.ids.mint("toolu_")
                } else {
                    id.clone()
                };
                Part::ToolUse {
                    id: minted.into(),
                    name,
                    input: Input::new(""),
                    cache_control: None,
                }
            }
            Opened::Opaque { name, json } if name.starts_with(OPAQUE) => Part::Opaque(json),
            Opened::Opaque { .. } => {
                self.current = Some((block, None));
                return;
            }
        };
        let index = self.next;
        self.next += 1;
        self.current = Some((block, Some(index)));
        let frame = Frame::ContentBlockStart {
            index,
            content_block,
        };
        self.write(&frame, out);
    }

    /// Writes more of the current block.
    fn grow(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        match (&mut self.unsaid, delta) {
            (Some(proof), Delta::Signature(more)) => return proof.push_str(more),
            (Some(proof), Delta::Reasoning(_)) => {
                let proof = std::mem::take(proof);
                self.unsaid = None;
                self.thought(&proof, out);
            }
            _ => {}
        }
        let Some((_, Some(index))) = self.current else {
            return;
        };
        let delta = match delta {
            Delta::Text(text) | Delta::Refusal(text) => DeltaOut::Text { text },
            Delta::Reasoning(thinking) => DeltaOut::Thinking { thinking },
            Delta::Signature(signature) => DeltaOut::Signature { signature },
            Delta::Arguments(partial_json) => DeltaOut::Input { partial_json },
            Delta::Citation(citation) if is_citation(citation) => DeltaOut::Citation { citation },
            Delta::Citation(_) => return,
        };
        self.write(&Frame::ContentBlockDelta { index, delta }, out);
    }

    /// The block that waits; they stand in the order of their numbers.
    fn waiting(&mut self, block: u32) -> Option<&mut Waiting> {
        let at = self
            .waiting
            .binary_search_by_key(&block, |w| w.block)
            .ok()?;
        self.waiting.get_mut(at)
    }

    /// Keeps a delta until its block may be written.
    fn keep(&mut self, block: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some(waiting) = self.waiting(block) else {
            return;
        };
        let mut bytes = delta_len(delta);
        match (waiting.deltas.last_mut(), delta) {
            (Some(Delta::Arguments(text)), Delta::Arguments(more))
            | (Some(Delta::Text(text)), Delta::Text(more))
            | (Some(Delta::Reasoning(text)), Delta::Reasoning(more))
            | (Some(Delta::Refusal(text)), Delta::Refusal(more)) => text.push_str(more),
            _ => {
                bytes += OVERHEAD;
                waiting.deltas.push(delta.clone());
            }
        }
        self.hold(bytes, out);
    }

    fn hold(&mut self, bytes: usize, out: &mut Vec<u8>) {
        self.held += bytes;
        if self.held > MOST_WAITING {
            let message = "The answer has too much in parallel to be put in order.";
            self.fail(&Rejection::upstream(Kind::Malformed, message), out);
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if let Some((_, Some(index))) = self.current.take() {
            self.write(&Frame::ContentBlockStop { index }, out);
        }
    }

    /// Writes what waits, up to a block that is still growing; all of it when `whole`.
    fn drain(&mut self, whole: bool, cx: &Cx<'_>, out: &mut Vec<u8>) {
        while let Some(waiting) = self.waiting.pop_front() {
            self.held -= OVERHEAD + kind_len(&waiting.kind);
            self.open(waiting.block, &waiting.kind, cx, out);
            for delta in &waiting.deltas {
                self.held -= OVERHEAD + delta_len(delta);
                self.grow(delta, out);
            }
            if !waiting.closed && !whole {
                return;
            }
            self.close(out);
        }
    }

    fn end(&mut self, cx: &Cx<'_>, out: &mut Vec<u8>) {
        self.close(out);
        self.drain(true, cx, out);
        let finish = self.finish.take();
        let frame = Frame::MessageDelta {
            delta: StopOut {
                stop_reason: finish.as_ref().map_or("end_turn", stop_reason),
                stop_sequence: finish.as_ref().and_then(|f| f.stop_sequence.as_deref()),
            },
            usage: UsageOut::new(&self.usage, None),
        };
        self.write(&frame, out);
        self.write(&Frame::MessageStop, out);
        self.phase = Phase::Ended;
    }

    fn fail(&mut self, failure: &Rejection, out: &mut Vec<u8>) {
        out.extend_from_slice(&rejection(failure, ""));
        self.phase = Phase::Ended;
        self.waiting.clear();
    }

    fn write(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) {
        self.json.clear();
        write::append(&mut self.json, frame);
        sse::write_event(out, frame.event(), &self.json);
    }
}

fn choice_of(event: &Event) -> Option<u32> {
    match event {
        Event::Open { choice, .. }
        | Event::Delta { choice, .. }
        | Event::Close { choice, .. }
        | Event::Finish { choice, .. } => Some(*choice),
        _ => None,
    }
}

/// The bytes of what a block opens with.
fn kind_len(kind: &Opened) -> usize {
    match kind {
        Opened::RedactedReasoning { data } => data.len(),
        Opened::ToolCall { id, name } => id.len() + name.len(),
        Opened::Opaque { json, .. } => json.get().len(),
        Opened::Text | Opened::Reasoning | Opened::Refusal => 0,
    }
}

/// The bytes of a delta, signatures and citations included.
fn delta_len(delta: &Delta) -> usize {
    match delta {
        Delta::Citation(source) => source.get().len(),
        Delta::Signature(proof) => proof.len(),
        text => text.text_len(),
    }
}
