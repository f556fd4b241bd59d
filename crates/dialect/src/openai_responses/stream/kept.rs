//! What was said so far: the frame that ends an item holds it whole, and so does the last of all.

use std::borrow::Cow;

use serde_json::value::{RawValue, to_raw_value};
use weir_model::{Delta, Json};

use super::super::carried::{Input, Kind, Origin};
use super::super::proof;
use super::super::response::{SentItem, SentPart, SentSummary, annotation};
use super::frame::{Frame, Sink};

/// What a block or annotation takes besides its text, in bytes.
pub(super) const OVERHEAD: usize = 256;

#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Message(Vec<Part>),
    Thought {
        text: String,
        signature: String,
    },
    Call(Call),
    /// Complete.
    Done(Box<RawValue>),
}

/// A call of what a function stands for.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) origin: Origin,
    pub(super) arguments: String,
    /// Of a custom tool.
    pub(super) input: Input,
}

#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) refusal: bool,
    pub(super) text: String,
    pub(super) annotations: Vec<Json>,
    pub(super) logprobs: Vec<Json>,
    pub(super) closed: bool,
}

impl Part {
    pub(super) fn sent(&self) -> SentPart<'_> {
        match self.refusal {
            true => SentPart::Refusal {
                refusal: &self.text,
            },
            false => SentPart::OutputText {
                text: &self.text,
                annotations: self.annotations.iter().map(Cow::Borrowed).collect(),
                logprobs: &self.logprobs,
            },
        }
    }
}

impl Item {
    /// As it is sent; `None` when it was already.
    pub(super) fn sent(&self, status: &'static str) -> Option<Box<RawValue>> {
        let id = &self.id;
        let sent = match &self.content {
            Content::Message(parts) => {
                let parts: Vec<_> = parts.iter().map(Part::sent).collect();
                to_raw_value(&SentItem::message(id, &parts, status))
            }
            Content::Thought { text, signature } => {
                let summary = [SentSummary { text }];
                let begun = status == "in_progress";
                to_raw_value(&SentItem::Reasoning {
                    id,
                    summary: if begun { &[] } else { &summary },
                    encrypted_content: (!signature.is_empty()).then(|| proof::to_client(signature)),
                })
            }
            Content::Call(call) => to_raw_value(&SentItem::call(
                (id, &call.id),
                &call.origin,
                &call.arguments,
                || call.input.text.as_str().into(),
                status,
            )),
            Content::Done(_) => return None,
        };
        // Our own types, which JSON can express.
        sent.ok()
    }
}

impl Call {
    /// Takes more of the arguments, and says so.
    pub(super) fn grow<'a>(
        &'a mut self,
        id: &'a str,
        at: usize,
        more: &'a str,
    ) -> Option<Frame<'a>> {
        self.arguments.push_str(more);
        let (kind, delta) = match self.origin.kind {
            Kind::Function => ("response.function_call_arguments.delta", more),
            Kind::Custom => {
                let from = self.input.push(more);
                (
                    "response.custom_tool_call_input.delta",
                    &self.input.text[from..],
                )
            }
            Kind::Hosted(_) => return None,
        };
        (!delta.is_empty()).then(|| Frame {
            delta: Some(delta),
            ..Frame::of_item(kind, id, at)
        })
    }

    /// Says what is left to say of the arguments, and that they are complete.
    pub(super) fn close(&mut self, id: &str, at: usize, sink: &mut Sink, out: &mut Vec<u8>) {
        match self.origin.kind {
            Kind::Function => {
                if self.arguments.is_empty()
                    && let Some(frame) = self.grow(id, at, "{}")
                {
                    sink.write(out, frame);
                }
                let done = Frame {
                    name: Some(&self.origin.name),
                    arguments: Some(&self.arguments),
                    ..Frame::of_item("response.function_call_arguments.done", id, at)
                };
                sink.write(out, done);
            }
            Kind::Custom => {
                let from = self.input.end();
                let text = self.input.text.as_str();
                if from < text.len() {
                    let delta = Frame {
                        delta: Some(&text[from..]),
                        ..Frame::of_item("response.custom_tool_call_input.delta", id, at)
                    };
                    sink.write(out, delta);
                }
                let done = Frame {
                    input: Some(text),
                    ..Frame::of_item("response.custom_tool_call_input.done", id, at)
                };
                sink.write(out, done);
            }
            Kind::Hosted(_) => {}
        }
    }
}

impl Part {
    /// Keeps a source that this dialect can show; returns its bytes.
    pub(super) fn cite(&mut self, delta: &Delta) -> usize {
        let Delta::Citation(source) = delta else {
            return 0;
        };
        let Some(source) = annotation(source) else {
            return 0;
        };
        let bytes = OVERHEAD + source.get().len();
        self.annotations.push(source.into_owned());
        bytes
    }

    /// Takes more, and says so.
    pub(super) fn grow<'a>(
        &'a mut self,
        id: &'a str,
        place: (usize, usize),
        delta: &'a Delta,
        logprobs: &'a [Json],
    ) -> Option<Frame<'a>> {
        Some(match delta {
            Delta::Text(more) => {
                self.text.push_str(more);
                Frame {
                    delta: Some(more),
                    logprobs: Some(logprobs),
                    ..Frame::of_part("response.output_text.delta", id, place)
                }
            }
            Delta::Refusal(more) => {
                self.text.push_str(more);
                Frame {
                    delta: Some(more),
                    ..Frame::of_part("response.refusal.delta", id, place)
                }
            }
            Delta::Citation(source) if annotation(source).is_some() => Frame {
                annotation: self.annotations.last(),
                annotation_index: Some(self.annotations.len() - 1),
                ..Frame::of_part("response.output_text.annotation.added", id, place)
            },
            _ => return None,
        })
    }

    pub(super) fn close(
        &mut self,
        id: &str,
        place: (usize, usize),
        sink: &mut Sink,
        out: &mut Vec<u8>,
    ) {
        self.closed = true;
        sink.write(
            out,
            match self.refusal {
                true => Frame {
                    refusal: Some(&self.text),
                    ..Frame::of_part("response.refusal.done", id, place)
                },
                false => Frame {
                    text: Some(&self.text),
                    logprobs: Some(&self.logprobs),
                    ..Frame::of_part("response.output_text.done", id, place)
                },
            },
        );
        sink.write(
            out,
            Frame {
                part: Some(self.sent()),
                ..Frame::of_part("response.content_part.done", id, place)
            },
        );
    }
}
