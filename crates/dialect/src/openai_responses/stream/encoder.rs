//! Events to frames. Every item keeps its place and id from its first frame to its last, and the
//! last frame holds the whole answer again, so what was said is kept until then, up to a bound.

use serde_json::value::{RawValue, to_raw_value};
use weir_model::{Cx, Delta, Event, FinishReason, Json, Kind, Opened, Rejection, Request, Usage};

use super::super::carried::{Carried, Input};
use super::super::echo::Echo;
use super::super::finish;
use super::super::proof::{self, OWN};
use super::super::response::{SentItem, SentResponse, SentSummary, call_prefix, response_id};
use super::frame::{Frame, Sink};
use super::kept::{Call, Content, Item, OVERHEAD, Part};
use crate::StreamEncoder;

/// Most bytes of an answer, because its last frame repeats them all.
const MOST_BYTES: usize = 16 << 20;

/// Encodes one streamed answer.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    model: String,
    echo: Echo,
    carried: Carried,
    id: String,
    created_at: i64,
    sink: Sink,
    ended: bool,
    /// The answer that is written.
    choice: Option<u32>,
    items: Vec<Item>,
    /// Where the message stands to which the next text belongs.
    message: Option<usize>,
    /// By their index: item, and part of it. What is not shown has no item.
    blocks: Vec<(usize, usize)>,
    /// Those that closed, until it is known whether the answer was cut there.
    closing: Vec<u32>,
    /// Bytes of the answer so far.
    held: usize,
    finish: FinishReason,
    usage: Option<Usage>,
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &Event, cx: &Cx<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        // Of several answers, a client sees the first to begin.
        if let Some(choice) = choice_of(event)
            && choice != *self.choice.get_or_insert(choice)
        {
            return;
        }
        if matches!(event, Event::Open { .. } | Event::Delta { .. }) {
            self.close_all(out);
        }
        match event {
            Event::Start { id, created, .. } => self.start(id.as_deref(), *created, cx, out),
            Event::Open { kind, .. } => self.open(kind, cx, out),
            Event::Delta {
                block,
                delta,
                logprobs,
                ..
            } => self.delta(*block, delta, logprobs, out),
            Event::Close { block, .. } => self.closing.push(*block),
            Event::Finish { finish, .. } => {
                self.finish = finish.reason;
                self.close_all(out);
            }
            Event::Usage(usage) => self.usage.get_or_insert_default().merge(usage),
            Event::Ping | Event::Opaque { .. } => {}
            Event::End => self.end(out),
            Event::Failed(failure) => self.fail(failure, out),
        }
        if self.held > MOST_BYTES && !self.ended {
            let message = "The answer is too long to be repeated as a whole at its end.";
            self.fail(&Rejection::upstream(Kind::Malformed, message), out);
        }
    }
}

impl Encoder {
    /// An encoder of an answer to a request by what the client calls `model`.
    pub(in super::super) fn new(request: &Request, model: &str) -> Encoder {
        Encoder {
            model: model.to_owned(),
            echo: Echo::of(request),
            carried: Carried::of(request),
            id: String::new(),
            created_at: 0,
            sink: Sink::default(),
            ended: false,
            choice: None,
            items: Vec::new(),
            message: None,
            blocks: Vec::new(),
            closing: Vec::new(),
            held: 0,
            finish: FinishReason::Stop,
            usage: None,
        }
    }

    fn start(&mut self, id: Option<&str>, created: Option<i64>, cx: &Cx<'_>, out: &mut Vec<u8>) {
        self.id = response_id(id, cx);
        self.created_at = created.unwrap_or(cx.now_s);
        let response = SentResponse::new(&self.id, &self.model, self.created_at, &self.echo);
        for kind in ["response.created", "response.in_progress"] {
            self.sink.write(
                out,
                Frame {
                    r#type: kind,
                    response: Some(&response),
                    ..Frame::default()
                },
            );
        }
    }

    fn open(&mut self, kind: &Opened, cx: &Cx<'_>, out: &mut Vec<u8>) {
        self.held += OVERHEAD;
        let place = match kind {
            Opened::Text => self.open_part(false, cx, out),
            Opened::Refusal => self.open_part(true, cx, out),
            _ => {
                self.end_message(out);
                self.open_item(kind, cx, out)
            }
        };
        self.blocks.push(place);
    }

    fn open_part(&mut self, refusal: bool, cx: &Cx<'_>, out: &mut Vec<u8>) -> (usize, usize) {
        let at = match self.message {
            Some(at) => at,
            None => {
                let content = Content::Message(Vec::new());
                self.add(cx.ids.mint("msg_"), content, out)
            }
        };
        self.message = Some(at);
        let Item {
            id,
            content: Content::Message(parts),
        } = &mut self.items[at]
        else {
            return (at, 0);
        };
        let part = Part {
            refusal,
            ..Part::default()
        };
        let place = (at, parts.len());
        self.sink.write(
            out,
            Frame {
                part: Some(part.sent()),
                ..Frame::of_part("response.content_part.added", id, place)
            },
        );
        parts.push(part);
        place
    }

    fn open_item(&mut self, kind: &Opened, cx: &Cx<'_>, out: &mut Vec<u8>) -> (usize, usize) {
        let at = match kind {
            Opened::Reasoning => {
                let content = Content::Thought {
                    text: String::new(),
                    signature: String::new(),
                };
                let at = self.add(cx.ids.mint("rs_"), content, out);
                self.sink.write(
                    out,
                    Frame {
                        thought: Some(SentSummary { text: "" }),
                        ..Frame::of_summary(
                            "response.reasoning_summary_part.added",
                            &self.items[at].id,
                            at,
                        )
                    },
                );
                at
            }
            Opened::ToolCall { id, name } => {
                let origin = self.carried.origin(name);
                let item_id = cx.ids.mint(call_prefix(origin.kind));
                let call = Call {
                    id: match id.as_str() {
                        "" => cx.ids.mint("call_"),
                        id => id.to_owned(),
                    },
                    origin,
                    arguments: String::new(),
                    input: Input::default(),
                };
                self.add(item_id, Content::Call(call), out)
            }
            Opened::RedactedReasoning { data } => {
                self.held += data.len();
                let id = cx.ids.mint("rs_");
                let item = to_raw_value(&SentItem::Reasoning {
                    id: &id,
                    summary: &[],
                    encrypted_content: Some(proof::to_client(data)),
                });
                self.add_whole(item.ok(), out)
            }
            Opened::Opaque { name, json } if name.starts_with(OWN) => {
                self.held += json.get().len();
                self.add_whole(to_raw_value(json).ok(), out)
            }
            Opened::Opaque { .. } | Opened::Text | Opened::Refusal => {
                return (usize::MAX, 0);
            }
        };
        (at, 0)
    }

    /// Begins an item.
    fn add(&mut self, id: String, content: Content, out: &mut Vec<u8>) -> usize {
        let at = self.items.len();
        let item = Item { id, content };
        if let Some(sent) = item.sent("in_progress") {
            self.sink.item(out, "response.output_item.added", at, &sent);
        }
        self.items.push(item);
        at
    }

    /// An item that is complete as it begins.
    fn add_whole(&mut self, item: Option<Box<RawValue>>, out: &mut Vec<u8>) -> usize {
        let at = self.items.len();
        let content = match item {
            None => return usize::MAX,
            Some(item) => {
                self.sink.item(out, "response.output_item.added", at, &item);
                self.sink.item(out, "response.output_item.done", at, &item);
                Content::Done(item)
            }
        };
        let id = String::new();
        self.items.push(Item { id, content });
        at
    }

    fn delta(&mut self, block: u32, delta: &Delta, logprobs: &[Json], out: &mut Vec<u8>) {
        let Some(place) = self.blocks.get(block as usize).copied() else {
            return;
        };
        let Some(Item { id, content }) = self.items.get_mut(place.0) else {
            return;
        };
        self.held += delta.text_len();
        self.held += logprobs
            .iter()
            .map(|token| token.get().len())
            .sum::<usize>();
        let frame = match (content, delta) {
            (Content::Message(parts), delta) => {
                let Some(part) = parts.get_mut(place.1) else {
                    return;
                };
                part.logprobs.extend_from_slice(logprobs);
                self.held += part.cite(delta);
                part.grow(id, place, delta, logprobs)
            }
            (Content::Thought { text, .. }, Delta::Reasoning(more)) => {
                text.push_str(more);
                Some(Frame {
                    delta: Some(more),
                    ..Frame::of_summary("response.reasoning_summary_text.delta", id, place.0)
                })
            }
            (Content::Thought { signature, .. }, Delta::Signature(more)) => {
                self.held += more.len();
                signature.push_str(more);
                None
            }
            (Content::Call(call), Delta::Arguments(more)) => call.grow(id, place.0, more),
            _ => None,
        };
        if let Some(frame) = frame {
            self.sink.write(out, frame);
        }
    }

    fn close_all(&mut self, out: &mut Vec<u8>) {
        for block in std::mem::take(&mut self.closing) {
            self.close(block, out);
        }
    }

    fn close(&mut self, block: u32, out: &mut Vec<u8>) {
        let Some(place) = self.blocks.get(block as usize).copied() else {
            return;
        };
        let Some(Item { id, content }) = self.items.get_mut(place.0) else {
            return;
        };
        match content {
            Content::Message(parts) => {
                if let Some(part) = parts.get_mut(place.1) {
                    part.close(id, place, &mut self.sink, out);
                }
                let waits = self.message == Some(place.0) || parts.iter().any(|p| !p.closed);
                if !waits {
                    self.complete(place.0, out);
                }
                return;
            }
            Content::Thought { text, .. } => {
                self.sink.write(
                    out,
                    Frame {
                        text: Some(text),
                        ..Frame::of_summary("response.reasoning_summary_text.done", id, place.0)
                    },
                );
                self.sink.write(
                    out,
                    Frame {
                        thought: Some(SentSummary { text }),
                        ..Frame::of_summary("response.reasoning_summary_part.done", id, place.0)
                    },
                );
            }
            Content::Call(call) => call.close(id, place.0, &mut self.sink, out),
            Content::Done(_) => return,
        }
        self.complete(place.0, out);
    }

    /// Lets the next text begin a message of its own; the one before is done with its last part.
    fn end_message(&mut self, out: &mut Vec<u8>) {
        if let Some(at) = self.message.take()
            && let Content::Message(parts) = &self.items[at].content
            && parts.iter().all(|part| part.closed)
        {
            self.complete(at, out);
        }
    }

    /// Says that an item is done, and keeps it as it is.
    fn complete(&mut self, at: usize, out: &mut Vec<u8>) {
        let cut = at + 1 == self.items.len();
        let status = match finish::words(self.finish).status {
            status if cut => status,
            _ => "completed",
        };
        let Some(sent) = self.items[at].sent(status) else {
            return;
        };
        self.sink.item(out, "response.output_item.done", at, &sent);
        self.items[at].content = Content::Done(sent);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.end_message(out);
        self.ended = true;
        let items = std::mem::take(&mut self.items).into_iter();
        let output: Vec<_> = items
            .filter_map(|item| match item.content {
                Content::Done(item) => Some(item),
                _ => None,
            })
            .collect();
        let mut response = SentResponse::new(&self.id, &self.model, self.created_at, &self.echo);
        let status = response.end(self.finish, self.usage.as_ref());
        response.output = &output;
        self.sink.write(
            out,
            Frame {
                r#type: match status {
                    "incomplete" => "response.incomplete",
                    _ => "response.completed",
                },
                response: Some(&response),
                ..Frame::default()
            },
        );
    }

    fn fail(&mut self, failure: &Rejection, out: &mut Vec<u8>) {
        self.ended = true;
        out.extend(super::rejection(failure, self.sink.sequence));
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
