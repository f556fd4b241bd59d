//! Frames to events. Runs on every frame of the native lane too, so it parses once, borrows what
//! it can, and allocates for what it emits. The answer as a whole is read at both ends only.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;
use weir_model::{Cx, Event, Rejection};

use super::super::finish;
use super::super::response::malformed;
use super::super::wire::{Answer, Item, Part};
use super::items::Items;
use crate::StreamDecoder;
use crate::json::scan;
use crate::openai::failure;
use crate::openai::scalar::{Count, Text, created, filled, text};

/// Decodes the frames of one answer.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    started: bool,
    ended: bool,
    items: Items,
}

/// One frame; which fields it has depends on its type.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    output_index: Option<Count>,
    content_index: Option<Count>,
    summary_index: Option<Count>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
    #[serde(borrow)]
    annotation: Option<&'a RawValue>,
    #[serde(borrow)]
    part: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// A string; anything else is empty.
fn word(raw: Option<&RawValue>) -> Cow<'_, str> {
    let text = raw.and_then(|raw| serde_json::from_str::<Text<'_>>(raw.get()).ok());
    text.map(|text| text.0).unwrap_or_default()
}

fn unreadable(error: serde_json::Error) -> Rejection {
    malformed("The provider sent a chunk that is not valid.", error)
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &str, data: &[u8], cx: &Cx<'_>, out: &mut Vec<Event>) {
        let data = data.trim_ascii();
        // Some servers end their streams as those of Chat Completions end.
        if self.ended || data.is_empty() || data == b"[DONE]" {
            return;
        }
        // Validated once, not string by string; and a vendor's broken byte costs one character.
        let data =
            str::from_utf8(data).map_or_else(|_| String::from_utf8_lossy(data), Cow::Borrowed);
        let outcome = serde_json::from_str(&data)
            .map_err(unreadable)
            .and_then(|frame| self.frame(event, &frame, &data, cx, out));
        if let Err(rejection) = outcome {
            self.fail(rejection, out);
        }
    }

    fn finish(&mut self, _: &Cx<'_>, out: &mut Vec<Event>) {
        if !self.ended {
            let message = "The provider closed its stream before the answer was complete.";
            self.fail(malformed(message, "no response.completed"), out);
        }
    }

    fn model_span(&self, data: &[u8]) -> Option<Range<usize>> {
        let response = scan::find_field(data, "response")?;
        let model = scan::find_field(&data[response.clone()], "model")?;
        let span = response.start + model.start..response.start + model.end;
        (data[span.start] == b'"').then_some(span)
    }
}

impl Decoder {
    fn frame(
        &mut self,
        event: &str,
        frame: &Frame<'_>,
        data: &str,
        cx: &Cx<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let kind = match text(&frame.kind) {
            "" => event,
            kind => kind,
        };
        match kind {
            "error" => {
                let unreadable = || malformed("The provider reported an error.", "not readable");
                let error = frame.error.map(failure::under_200);
                Err(error
                    .or_else(|| failure::bare(data.as_bytes()))
                    .unwrap_or_else(unreadable))
            }
            "response.created" | "response.in_progress" | "response.queued" => {
                let answer = answer(frame)?;
                self.start(&answer, out);
                Ok(())
            }
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled" => self.end(kind, &answer(frame)?, out),
            _ => {
                self.start(&Answer::default(), out);
                self.piece(kind, frame, cx, out)
            }
        }
    }

    /// A piece of the output.
    fn piece(
        &mut self,
        kind: &str,
        frame: &Frame<'_>,
        cx: &Cx<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let at = frame.output_index.unwrap_or_default().0;
        let part = frame.content_index.unwrap_or_default().0;
        let summary = frame.summary_index.unwrap_or_default().0;
        match kind {
            "response.output_item.added" | "response.output_item.done" => {
                let item = frame.item.ok_or_else(no_item)?;
                let item = Item::read(item).map_err(unreadable)?;
                match kind.ends_with("added") {
                    true => self.items.begin(at, &item, cx, out),
                    false => self.items.complete(at, item, cx, out),
                }
            }
            "response.content_part.added" => {
                let raw = frame.part.ok_or_else(no_item)?;
                let begun: Part<'_> = serde_json::from_str(raw.get()).map_err(unreadable)?;
                self.items.open_part(at, part, text(&begun.kind), out)
            }
            "response.content_part.done" => {
                self.items.close_part(at, part, out);
                Ok(())
            }
            "response.output_text.delta" => {
                let logprobs = frame.logprobs.filter(|raw| raw.get() != "[]");
                let words = word(frame.delta);
                self.items.text(at, part, &words, logprobs, out)
            }
            "response.output_text.done" => self.items.whole_text(at, part, &word(frame.text), out),
            "response.output_text.annotation.added" => {
                self.items.cite(at, part, frame.annotation, out);
                Ok(())
            }
            "response.refusal.delta" => self.items.refuse(at, part, &word(frame.delta), out),
            "response.refusal.done" => {
                let words = word(frame.refusal);
                self.items.whole_refusal(at, part, &words, out)
            }
            "response.function_call_arguments.delta" => {
                self.items.arguments(at, &word(frame.delta), out);
                Ok(())
            }
            "response.function_call_arguments.done" => {
                self.items.whole_arguments(at, &word(frame.arguments), out);
                Ok(())
            }
            "response.reasoning_summary_part.added" => {
                self.items.think(at, (true, summary), "", out)
            }
            "response.reasoning_summary_text.delta" => {
                self.items
                    .think(at, (true, summary), &word(frame.delta), out)
            }
            "response.reasoning_text.delta" => {
                self.items.think(at, (false, part), &word(frame.delta), out)
            }
            "response.reasoning_summary_text.done"
            | "response.reasoning_summary_part.done"
            | "response.reasoning_text.done" => Ok(()),
            other => {
                let kind = other.to_owned();
                out.push(Event::Opaque { kind });
                Ok(())
            }
        }
    }

    fn start(&mut self, answer: &Answer<'_>, out: &mut Vec<Event>) {
        if !self.started {
            self.started = true;
            out.push(Event::Start {
                id: filled(&answer.id),
                model: filled(&answer.model),
                created: created(answer.created_at),
            });
        }
    }

    fn end(
        &mut self,
        kind: &str,
        answer: &Answer<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        if let Some(error) = answer.error {
            return Err(failure::under_200(error));
        }
        if matches!(kind, "response.failed" | "response.cancelled") {
            let message = "The provider broke off the answer.";
            return Err(malformed(message, kind));
        }
        self.start(answer, out);
        let (called, searches) = self.items.end(out);
        let status = match text(&answer.status) {
            "" => kind.strip_prefix("response.").unwrap_or_default(),
            status => status,
        };
        let finish = finish::read(status, answer.incomplete(), called);
        out.push(Event::Finish { choice: 0, finish });
        out.extend(answer.usage(searches).map(Event::Usage));
        out.push(Event::End);
        self.ended = true;
        Ok(())
    }

    fn fail(&mut self, rejection: Rejection, out: &mut Vec<Event>) {
        self.ended = true;
        out.push(Event::Failed(rejection));
    }
}

fn no_item() -> Rejection {
    malformed("The provider sent a chunk that is not valid.", "no item")
}

fn answer<'a>(frame: &Frame<'a>) -> Result<Answer<'a>, Rejection> {
    let raw = frame.response.ok_or_else(no_item)?;
    serde_json::from_str(raw.get()).map_err(unreadable)
}
