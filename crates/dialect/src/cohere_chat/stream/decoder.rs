//! Frames to events. Runs on every frame of the native lane too, so it parses once and borrows what
//! it can.

use std::ops::Range;

use serde_json::value::RawValue;
use weir_model::{Cx, Delta, Event, Finish, FinishReason, Json, Opened, Rejection};

use super::super::response::{CITATION, malformed};
use super::super::wire::{self, Call, Content, Frame, Piece};
use super::super::{failure, finish, logprobs, name};
use super::DONE;
use crate::StreamDecoder;
use crate::openai::scalar::{Count, filled, text};

/// Most tool calls in one answer, and most citations that wait for the end of a block.
const MOST: usize = 1024;

/// Decodes the events of a chat.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    started: bool,
    /// Whether the message has ended; the stream may say more.
    finished: bool,
    ended: bool,
    /// The next block's index.
    next: u32,
    /// The content that grows; there is one at most.
    open: Option<Open>,
    /// Calls that have not ended, and whether there was any.
    calls: Vec<(Option<Count>, u32)>,
    called: usize,
    /// Citations that stand for no text, until the content that is open ends.
    homeless: Vec<Json>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    block: u32,
    kind: Kind,
    /// Whether Cohere has ended it. A text stays open for its citations until something else comes.
    over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Plan,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, _event: &str, data: &[u8], cx: &Cx<'_>, out: &mut Vec<Event>) {
        let data = data.trim_ascii();
        if self.ended || data.is_empty() {
            return;
        }
        if data == DONE {
            return self.end(out);
        }
        // A vendor's broken byte costs one character.
        let data = String::from_utf8_lossy(data);
        let outcome = match serde_json::from_str(&data) {
            Ok(frame) => self.frame(frame, data.as_bytes(), cx, out),
            Err(error) => Err(malformed(error)),
        };
        if let Err(rejection) = outcome {
            self.fail(rejection, out);
        }
    }

    fn finish(&mut self, _: &Cx<'_>, out: &mut Vec<Event>) {
        if !self.ended {
            self.end(out);
        }
    }

    /// Cohere's streams name no model.
    fn model_span(&self, _: &[u8]) -> Option<Range<usize>> {
        None
    }
}

impl Decoder {
    fn frame(
        &mut self,
        frame: Frame<'_>,
        data: &[u8],
        cx: &Cx<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let kind = text(&frame.r#type);
        if kind.is_empty() || kind == "error" {
            return Err(failure::under_200(data).unwrap_or_else(|| malformed("no type")));
        }
        if self.finished {
            return Ok(());
        }
        if !self.started {
            if !(kind.ends_with("-start") || kind.ends_with("-delta") || kind == "message-end") {
                return Ok(());
            }
            self.started = true;
            out.push(Event::Start {
                id: filled(&frame.id),
                model: None,
                created: None,
            });
        }
        let delta = frame.delta.0.unwrap_or_default();
        let piece = delta.message.0.unwrap_or_default();
        match kind {
            "message-start" => {}
            "content-start" | "content-delta" => {
                let starts = kind == "content-start";
                let content = piece.content.0.unwrap_or_default();
                self.content(starts, &content, frame.logprobs, out);
            }
            "content-end" => self.content_ends(out),
            "tool-plan-delta" => {
                let words = text(&piece.tool_plan);
                self.grow(Kind::Plan, words, Vec::new(), out);
            }
            "tool-call-start" => self.call_starts(frame.index, &piece, cx, out)?,
            "tool-call-delta" => self.call_grows(frame.index, &piece, out),
            "tool-call-end" => self.call_ends(frame.index, out),
            "citation-start" => self.cite(piece.citations, out)?,
            "citation-end" => {}
            "message-end" => {
                let word = text(&delta.finish_reason);
                self.message_ends(word, text(&delta.error), delta.usage, out)?;
            }
            _ => out.push(Event::Opaque {
                kind: kind.to_owned(),
            }),
        }
        Ok(())
    }

    fn content(
        &mut self,
        starts: bool,
        content: &Content<'_>,
        logprobs: Option<&RawValue>,
        out: &mut Vec<Event>,
    ) {
        let kind = match (&content.thinking, text(&content.r#type)) {
            (_, "thinking") | (Some(_), "") => Kind::Thinking,
            (_, "text" | "") => Kind::Text,
            (_, kind) => {
                let kind = kind.to_owned();
                return out.push(Event::Opaque { kind });
            }
        };
        let words = match kind {
            Kind::Thinking => text(&content.thinking),
            _ => text(&content.text),
        };
        if starts {
            self.close(out);
            self.open(kind, out);
        }
        let logprobs = logprobs.and_then(logprobs::read).into_iter().collect();
        self.grow(kind, words, logprobs, out);
    }

    /// More of a text; tokens without text may still have log probabilities.
    fn grow(&mut self, kind: Kind, words: &str, logprobs: Vec<Json>, out: &mut Vec<Event>) {
        if words.is_empty() && logprobs.is_empty() {
            return;
        }
        let block = match self.open {
            Some(open) if open.kind == kind && !open.over => open.block,
            _ => self.open(kind, out),
        };
        let words = words.to_owned();
        out.push(Event::Delta {
            choice: 0,
            block,
            delta: match kind {
                Kind::Thinking => Delta::Reasoning(words),
                Kind::Text | Kind::Plan => Delta::Text(words),
            },
            logprobs,
        });
    }

    fn content_ends(&mut self, out: &mut Vec<Event>) {
        match &mut self.open {
            Some(open) if open.kind != Kind::Thinking => open.over = true,
            _ => self.close(out),
        }
    }

    fn call_starts(
        &mut self,
        index: Option<Count>,
        piece: &Piece<'_>,
        cx: &Cx<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        if self.called == MOST {
            return Err(malformed("too many tool calls"));
        }
        self.called += 1;
        self.close(out);
        let nothing = Call::default();
        let call = piece.tool_calls.0.as_ref().unwrap_or(&nothing);
        let called = call.function.0.as_ref();
        let called = called.map_or("", |function| text(&function.name));
        let opened = Opened::ToolCall {
            id: filled(&call.id).unwrap_or_else(|| cx.ids.mint("call_")),
            name: name::unescape(called).into_owned(),
        };
        let block = self.begin(opened, out);
        self.calls.push((index, block));
        self.call_grows(index, piece, out);
        Ok(())
    }

    fn call_grows(&mut self, index: Option<Count>, piece: &Piece<'_>, out: &mut Vec<Event>) {
        let call = piece.tool_calls.0.as_ref();
        let function = call.and_then(|call| call.function.0.as_ref());
        let arguments = function.map(wire::Function::arguments).unwrap_or_default();
        if let Some(at) = self.known_call(index)
            && !arguments.is_empty()
        {
            out.push(Event::Delta {
                choice: 0,
                block: self.calls[at].1,
                delta: Delta::Arguments(arguments.into_owned()),
                logprobs: Vec::new(),
            });
        }
    }

    fn call_ends(&mut self, index: Option<Count>, out: &mut Vec<Event>) {
        if let Some(at) = self.known_call(index) {
            let (_, block) = self.calls.remove(at);
            out.push(Event::Close { choice: 0, block });
        }
    }

    /// The call of an index; the latest where there is none.
    fn known_call(&self, index: Option<Count>) -> Option<usize> {
        let mut calls = self.calls.iter();
        calls.rposition(|(known, _)| index.is_none() || *known == index)
    }

    fn cite(&mut self, citation: Option<&RawValue>, out: &mut Vec<Event>) -> Result<(), Rejection> {
        let Some(citation) = citation.map(Json::from).filter(Json::is_object) else {
            return Ok(());
        };
        match self.open {
            Some(open) if open.kind != Kind::Thinking => out.push(Event::Delta {
                choice: 0,
                block: open.block,
                delta: Delta::Citation(citation),
                logprobs: Vec::new(),
            }),
            _ if self.homeless.len() == MOST => return Err(malformed("too many citations")),
            _ => self.homeless.push(citation),
        }
        Ok(())
    }

    fn message_ends(
        &mut self,
        word: &str,
        error: &str,
        usage: Option<&RawValue>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let word = match (word, error) {
            // An error without the word for it.
            ("" | "COMPLETE", said) if !said.is_empty() => "ERROR",
            (word, _) => word,
        };
        let finish = match word {
            "" => Finish::new(FinishReason::Other),
            word => finish::read(word, self.called > 0, error)?,
        };
        self.close(out);
        let calls = std::mem::take(&mut self.calls).into_iter();
        out.extend(calls.map(|(_, block)| Event::Close { choice: 0, block }));
        out.push(Event::Finish { choice: 0, finish });
        out.extend(wire::usage(usage).map(Event::Usage));
        self.finished = true;
        Ok(())
    }

    fn open(&mut self, kind: Kind, out: &mut Vec<Event>) -> u32 {
        self.close(out);
        let opened = match kind {
            Kind::Thinking => Opened::Reasoning,
            Kind::Text | Kind::Plan => Opened::Text,
        };
        let block = self.begin(opened, out);
        self.open = Some(Open {
            block,
            kind,
            over: false,
        });
        block
    }

    /// Ends what is open, and gives the citations that waited for it blocks of their own.
    fn close(&mut self, out: &mut Vec<Event>) {
        if let Some(open) = self.open.take() {
            let block = open.block;
            out.push(Event::Close { choice: 0, block });
        }
        for json in std::mem::take(&mut self.homeless) {
            let name = CITATION.to_owned();
            let block = self.begin(Opened::Opaque { name, json }, out);
            out.push(Event::Close { choice: 0, block });
        }
    }

    fn begin(&mut self, kind: Opened, out: &mut Vec<Event>) -> u32 {
        let block = self.next;
        self.next += 1;
        out.push(Event::Open {
            choice: 0,
            block,
            kind,
        });
        block
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        if !self.finished {
            return self.fail(malformed("the stream ended before its message did"), out);
        }
        self.ended = true;
        out.push(Event::End);
    }

    fn fail(&mut self, rejection: Rejection, out: &mut Vec<Event>) {
        self.ended = true;
        out.push(Event::Failed(rejection));
    }
}
