//! Events to frames. Texts that follow each other are one part of the content: clients look for all
//! of the answer in one.

use serde::Serialize;
use weir_model::{Cx, Delta, Event, Finish, Json, Opened, Usage};

use super::super::citation::{Citation, Place};
use super::super::finish;
use super::super::logprobs::{self, Item};
use super::super::response::{CITATION, answer_id};
use super::super::usage::SentUsage;
use super::{Ending, rejection};
use crate::json::write;
use crate::{StreamEncoder, sse};

/// Encodes one streamed answer; of several choices, the first.
#[derive(Debug, Default)]
pub(in super::super) struct Encoder {
    /// By their index.
    blocks: Vec<Block>,
    /// The part of the content that has begun and not ended.
    part: Option<Part>,
    /// How many parts, tool calls and citations were begun.
    parts: usize,
    calls: usize,
    citations: usize,
    finish: Option<Finish>,
    usage: Option<Usage>,
    ended: bool,
}

#[derive(Debug)]
enum Block {
    /// Its text, and the citations for it, which name what they stand on when it is known whole.
    Text {
        said: String,
        citations: Vec<Json>,
    },
    Thinking,
    Call {
        index: usize,
        empty: bool,
    },
    Other,
}

/// A part of the content.
#[derive(Clone, Copy, Debug)]
struct Part {
    thinking: bool,
    /// How many characters it has.
    length: usize,
}

/// An event, in the order of the vendor's fields.
#[derive(Serialize)]
struct Frame<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Item>,
}

#[derive(Serialize)]
struct Message<'a> {
    message: Piece<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Piece<'a> {
    Content(Content<'a>),
    ToolCalls(Called<'a>),
    Citations(Citation<'a>),
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(flatten)]
    words: Words<'a>,
}

/// `id`, `type` and the name stand in a call's first piece only.
#[derive(Serialize)]
struct Called<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Words<'a> {
    Text(&'a str),
    Thinking(&'a str),
}

impl<'a> Words<'a> {
    fn new(thinking: bool, words: &'a str) -> Words<'a> {
        match thinking {
            true => Words::Thinking(words),
            false => Words::Text(words),
        }
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &Event, cx: &Cx<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, .. } => start(&answer_id(id.as_deref(), cx), out),
            Event::Open {
                choice: 0, kind, ..
            } => self.open(kind, out),
            Event::Delta {
                choice: 0,
                block,
                delta,
                logprobs,
            } => self.delta(*block, delta, logprobs, out),
            Event::Close { choice: 0, block } => self.close(*block, out),
            Event::Finish { choice: 0, finish } => self.finish = Some(finish.clone()),
            Event::Usage(usage) => self.usage.get_or_insert_default().merge(usage),
            Event::End => self.end(out),
            Event::Failed(failure) => {
                self.ended = true;
                out.extend(rejection(failure));
            }
            _ => {}
        }
    }
}

impl Encoder {
    fn open(&mut self, kind: &Opened, out: &mut Vec<u8>) {
        let block = match kind {
            Opened::Text | Opened::Refusal => Block::Text {
                said: String::new(),
                citations: Vec::new(),
            },
            Opened::Reasoning => Block::Thinking,
            Opened::ToolCall { id, name } => {
                self.end_part(out);
                let index = self.calls;
                self.calls += 1;
                let call = Called {
                    id: Some(id),
                    r#type: Some("function"),
                    function: Function {
                        name: Some(name),
                        arguments: "",
                    },
                };
                emit("tool-call-start", index, Some(Piece::ToolCalls(call)), out);
                Block::Call { index, empty: true }
            }
            Opened::Opaque { name, json } if name == CITATION => {
                self.cite(Citation::Own(json), out);
                Block::Other
            }
            Opened::RedactedReasoning { .. } | Opened::Opaque { .. } => Block::Other,
        };
        self.blocks.push(block);
    }

    fn delta(&mut self, block: u32, delta: &Delta, logprobs: &[Json], out: &mut Vec<u8>) {
        match (delta, self.blocks.get_mut(block as usize)) {
            (Delta::Text(more) | Delta::Refusal(more), Some(Block::Text { said, .. })) => {
                said.push_str(more);
                self.say(false, more, logprobs, out);
            }
            (Delta::Citation(citation), Some(Block::Text { citations, .. })) => {
                citations.push(citation.clone());
            }
            (Delta::Reasoning(more), Some(Block::Thinking)) => self.say(true, more, &[], out),
            (Delta::Arguments(more), Some(Block::Call { index, empty })) => {
                *empty &= more.is_empty();
                arguments(*index, more, out);
            }
            _ => {}
        }
    }

    /// More of the content, each token with its log probability in an event of its own, as Cohere
    /// has them.
    fn say(&mut self, thinking: bool, words: &str, logprobs: &[Json], out: &mut Vec<u8>) {
        if words.is_empty() && logprobs.is_empty() {
            return;
        }
        if self.part.is_none_or(|part| part.thinking != thinking) {
            self.end_part(out);
            self.part = Some(Part {
                thinking,
                length: 0,
            });
            self.parts += 1;
            let kind = if thinking { "thinking" } else { "text" };
            let content = Content {
                r#type: Some(kind),
                words: Words::new(thinking, ""),
            };
            let piece = Some(Piece::Content(content));
            emit("content-start", self.parts - 1, piece, out);
        }
        if let Some(part) = &mut self.part {
            part.length += words.chars().count();
        }
        let mut items = logprobs.iter().map(logprobs::item);
        let first = items.next();
        let pieces = [(words, first)].into_iter();
        for (words, item) in pieces.chain(items.map(|item| ("", Some(item)))) {
            let words = Words::new(thinking, words);
            let content = Content {
                r#type: None,
                words,
            };
            let frame = Frame {
                r#type: "content-delta",
                index: Some(self.parts - 1),
                delta: Some(Message {
                    message: Piece::Content(content),
                }),
                logprobs: item,
            };
            send(&frame, out);
        }
    }

    /// A call without arguments gets the empty object, because clients parse what they were sent.
    fn close(&mut self, block: u32, out: &mut Vec<u8>) {
        let Some(slot) = self.blocks.get_mut(block as usize) else {
            return;
        };
        match std::mem::replace(slot, Block::Other) {
            Block::Text { said, citations } => {
                let length = self.part.map_or(0, |part| part.length);
                let place = Place {
                    content_index: self.parts.saturating_sub(1),
                    before: length.saturating_sub(said.chars().count()),
                    text: &said,
                };
                for citation in citations.iter().filter(|_| !said.is_empty()) {
                    if let Some(citation) = Citation::new(citation, place) {
                        self.cite(citation, out);
                    }
                }
            }
            Block::Call { index, empty } => {
                if empty {
                    arguments(index, "{}", out);
                }
                emit("tool-call-end", index, None, out);
            }
            Block::Thinking | Block::Other => {}
        }
    }

    fn cite(&mut self, citation: Citation<'_>, out: &mut Vec<u8>) {
        let index = self.citations;
        self.citations += 1;
        emit(
            "citation-start",
            index,
            Some(Piece::Citations(citation)),
            out,
        );
        emit("citation-end", index, None, out);
    }

    fn end_part(&mut self, out: &mut Vec<u8>) {
        if self.part.take().is_some() {
            emit("content-end", self.parts - 1, None, out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.ended = true;
        self.end_part(out);
        let ending = Ending {
            error: None,
            finish_reason: self.finish.as_ref().map(|finish| finish::word(finish).0),
            usage: self.usage.as_ref().map(SentUsage::from),
        };
        ending.write(out);
    }
}

fn start(id: &str, out: &mut Vec<u8>) {
    let mut start = br#"{"id":"#.to_vec();
    write::append(&mut start, id);
    start.extend_from_slice(
        br#","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}"#,
    );
    sse::write_event(out, "message-start", &start);
}

fn arguments(index: usize, more: &str, out: &mut Vec<u8>) {
    let call = Called {
        id: None,
        r#type: None,
        function: Function {
            name: None,
            arguments: more,
        },
    };
    emit("tool-call-delta", index, Some(Piece::ToolCalls(call)), out);
}

fn emit(kind: &'static str, index: usize, piece: Option<Piece<'_>>, out: &mut Vec<u8>) {
    let frame = Frame {
        r#type: kind,
        index: Some(index),
        delta: piece.map(|message| Message { message }),
        logprobs: None,
    };
    send(&frame, out);
}

/// Written in place: this runs for every piece of an answer.
fn send(frame: &Frame<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(frame.r#type.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    write::append(out, frame);
    out.extend_from_slice(b"\n\n");
}
