//! Chunks to events. Runs on every chunk of the native lane too, so it parses once, borrows what
//! it can, and allocates for what it emits.

use std::borrow::Cow;

use weir_model::{Cx, Delta, Event, Finish, FinishReason, Json, Kind, Opened, Rejection};

use super::super::finish;
use super::super::reasoning::{Detail, Entry};
use super::super::response::malformed;
use super::super::wire::{self, Answer, Count, Function, Said, Text, filled, text};
use super::DONE;
use crate::StreamDecoder;
use crate::json::scan;
use crate::openai::failure;
use crate::openai::scalar::created;

/// Most choices in one answer; OpenAI gives 128.
const MOST_CHOICES: usize = 128;

/// Most tool calls in one choice.
const MOST_CALLS: usize = 1024;

/// The place of a legacy function call among tool calls.
const LEGACY: Option<Count> = Some(Count(u64::MAX));

/// Decodes chunks of chat and of legacy completions.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    started: bool,
    ended: bool,
    choices: Vec<Choice>,
}

#[derive(Debug, Default)]
struct Choice {
    index: u32,
    /// The next block's index.
    next: u32,
    /// The text, refusal or reasoning that grows; there is one at most.
    open: Option<Open>,
    /// Tool calls stay open until the choice finishes, because their pieces may alternate.
    calls: Vec<Call>,
    /// Whether reasoning has come as plain text: then the text of `reasoning_details` repeats it.
    plain: bool,
    finished: bool,
}

#[derive(Debug)]
struct Open {
    block: u32,
    kind: OpenKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpenKind {
    Text,
    Refusal,
    /// Which entry of `reasoning_details` it is, once its signature has come.
    Reasoning {
        signed: Option<Count>,
    },
}

#[derive(Debug)]
struct Call {
    index: Option<Count>,
    id: String,
    block: u32,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &str, data: &[u8], cx: &Cx<'_>, out: &mut Vec<Event>) {
        let data = data.trim_ascii();
        if self.ended || data.is_empty() {
            return;
        }
        if data == DONE {
            return self.done(out);
        }
        // Validated once, not string by string; and a vendor's broken byte costs one character.
        let data =
            str::from_utf8(data).map_or_else(|_| String::from_utf8_lossy(data), Cow::Borrowed);
        let outcome = match serde_json::from_str(&data) {
            Ok(answer) => self.chunk(event, answer, &data, cx, out),
            Err(error) => Err(malformed(
                "The provider sent a chunk that is not valid.",
                error,
            )),
        };
        if let Err(rejection) = outcome {
            self.fail(rejection, out);
        }
    }

    fn finish(&mut self, _: &Cx<'_>, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        if !self.choices.is_empty() && self.choices.iter().all(|choice| choice.finished) {
            return self.done(out);
        }
        let message = "The provider closed its stream before the answer was complete.";
        self.fail(malformed(message, "no finish_reason and no [DONE]"), out);
    }

    fn model_span(&self, data: &[u8]) -> Option<std::ops::Range<usize>> {
        scan::find_field(data, "model").filter(|span| data[span.start] == b'"')
    }
}

impl Decoder {
    fn chunk(
        &mut self,
        event: &str,
        answer: Answer<'_>,
        data: &str,
        cx: &Cx<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        if let Some(error) = answer.error {
            return Err(failure::under_200(error));
        }
        let usage = answer.usage();
        let choices = answer.choices.unwrap_or_default();
        if choices.is_empty() && usage.is_none() {
            return self.aside(event, text(&answer.object), data, out);
        }
        if !self.started {
            self.started = true;
            out.push(Event::Start {
                id: filled(&answer.id),
                model: filled(&answer.model),
                created: created(answer.created),
            });
        }
        for wire in &choices {
            self.choice(wire.index)?.take(wire, cx, out)?;
        }
        out.extend(usage.map(Event::Usage));
        Ok(())
    }

    /// A frame without choices and usage: an error in another shape, or something of the vendor's
    /// own, such as Azure's first chunk with the findings of its prompt filter.
    fn aside(
        &self,
        event: &str,
        object: &str,
        data: &str,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        if event == "error" || object == "error" {
            let unreadable = || malformed("The provider reported an error.", "not readable");
            return Err(failure::bare(data.as_bytes()).unwrap_or_else(unreadable));
        }
        if self.started {
            let kind = if event.is_empty() { object } else { event };
            out.push(Event::Opaque {
                kind: kind.to_owned(),
            });
        }
        Ok(())
    }

    fn choice(&mut self, index: Option<Count>) -> Result<&mut Choice, Rejection> {
        let index = u32::try_from(index.unwrap_or_default().0).unwrap_or(u32::MAX);
        let at = match self.choices.iter().position(|choice| choice.index == index) {
            Some(at) => at,
            None if self.choices.len() < MOST_CHOICES => {
                self.choices.push(Choice {
                    index,
                    ..Choice::default()
                });
                self.choices.len() - 1
            }
            None => return Err(malformed("The provider sent too many choices.", index)),
        };
        Ok(&mut self.choices[at])
    }

    /// The vendor says that it is done. A choice without a reason gets none of ours.
    fn done(&mut self, out: &mut Vec<Event>) {
        if self.choices.is_empty() {
            let message = "The provider ended its stream without an answer.";
            return self.fail(malformed(message, "[DONE] came before any choice"), out);
        }
        for choice in self.choices.iter_mut().filter(|choice| !choice.finished) {
            choice.finish(Finish::new(FinishReason::Other), out);
        }
        self.ended = true;
        out.push(Event::End);
    }

    fn fail(&mut self, rejection: Rejection, out: &mut Vec<Event>) {
        self.ended = true;
        out.push(Event::Failed(rejection));
    }
}

impl Choice {
    fn take(
        &mut self,
        wire: &wire::Choice<'_>,
        cx: &Cx<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        if self.finished {
            return Ok(());
        }
        let logprobs = wire::logprobs(wire.logprobs);
        match &wire.delta {
            Some(said) => self.said(said, logprobs, cx, out)?,
            None => self.text(OpenKind::Text, text(&wire.text), logprobs, out),
        }
        match text(&wire.finish_reason) {
            "" => {}
            // OpenRouter's word for an answer that broke off.
            "error" => {
                let message = "The provider broke off the answer.";
                return Err(Rejection::upstream(Kind::UpstreamFailed, message));
            }
            native => self.finish(finish::read(native, !self.calls.is_empty()), out),
        }
        Ok(())
    }

    fn said(
        &mut self,
        said: &Said<'_>,
        mut logprobs: Vec<Json>,
        cx: &Cx<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let thought = said.reasoning_text();
        if !thought.is_empty() {
            self.plain = true;
            self.reasoning(thought, None, out);
        }
        for raw in said.reasoning_details.iter().flatten() {
            let detail = serde_json::from_str(raw.get()).map_err(|error| {
                malformed("The provider sent a chunk that is not valid.", error)
            })?;
            self.detail(&detail, out);
        }
        if let Some(words) = &said.content {
            self.text(
                OpenKind::Text,
                &words.text,
                std::mem::take(&mut logprobs),
                out,
            );
        }
        if let Some(Text(words)) = &said.refusal {
            self.text(OpenKind::Refusal, words, logprobs, out);
        }
        self.cite(said, out);
        for call in said.tool_calls.iter().flatten() {
            self.call(call.index, text(&call.id), call.function.as_ref(), cx, out)?;
        }
        if said.function_call.is_some() {
            self.call(LEGACY, "", said.function_call.as_ref(), cx, out)?;
        }
        if said.audio.is_some() {
            out.push(Event::Opaque {
                kind: String::from("audio"),
            });
        }
        Ok(())
    }

    /// More text or refusal. Tokens without text may still have log probabilities.
    fn text(&mut self, kind: OpenKind, words: &str, logprobs: Vec<Json>, out: &mut Vec<Event>) {
        if words.is_empty() && logprobs.is_empty() {
            return;
        }
        let (opened, delta) = match kind {
            OpenKind::Refusal => (Opened::Refusal, Delta::Refusal(words.to_owned())),
            _ => (Opened::Text, Delta::Text(words.to_owned())),
        };
        let block = match &self.open {
            Some(open) if open.kind == kind => open.block,
            _ => self.open(kind, opened, out),
        };
        out.push(Event::Delta {
            choice: self.index,
            block,
            delta,
            logprobs,
        });
    }

    /// More reasoning; `detail` is the entry of `reasoning_details` that it stands in. What follows
    /// a signature is another block.
    fn reasoning(&mut self, words: &str, detail: Option<Count>, out: &mut Vec<Event>) {
        let block = match &self.open {
            Some(Open {
                block,
                kind: OpenKind::Reasoning { signed },
            }) if signed.is_none() || words.is_empty() && *signed == detail => *block,
            _ => self.open(OpenKind::Reasoning { signed: None }, Opened::Reasoning, out),
        };
        if !words.is_empty() {
            self.push(block, Delta::Reasoning(words.to_owned()), out);
        }
    }

    fn detail(&mut self, detail: &Detail<'_>, out: &mut Vec<Event>) {
        match detail.entry() {
            Entry::Readable {
                text: words,
                signature,
            } => {
                let words = if self.plain { "" } else { words.as_str() };
                if words.is_empty() && signature.is_none() {
                    return;
                }
                self.reasoning(words, detail.index, out);
                let (Some(signature), Some(open)) = (signature, &mut self.open) else {
                    return;
                };
                let signed = detail.index.or(Some(Count(0)));
                open.kind = OpenKind::Reasoning { signed };
                let block = open.block;
                self.push(block, Delta::Signature(signature), out);
            }
            Entry::Encrypted(data) => {
                self.close(out);
                let block = self.begin(Opened::RedactedReasoning { data }, out);
                let choice = self.index;
                out.push(Event::Close { choice, block });
            }
            Entry::Unknown(kind) => out.push(Event::Opaque { kind }),
        }
    }

    /// Sources for the text so far; without text there is nothing to cite them for.
    fn cite(&mut self, said: &Said<'_>, out: &mut Vec<Event>) {
        if let Some(Open {
            block,
            kind: OpenKind::Text,
        }) = self.open
        {
            for source in said.annotations.iter().flatten() {
                self.push(block, Delta::Citation(Json::from(*source)), out);
            }
        }
    }

    /// A tool call, or more of one.
    fn call(
        &mut self,
        index: Option<Count>,
        id: &str,
        function: Option<&Function<'_>>,
        cx: &Cx<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let name = function.map_or("", |function| text(&function.name));
        let block = match self.known_call(index, id, name) {
            Some(call) => call.block,
            None if self.calls.len() == MOST_CALLS => {
                return Err(malformed(
                    "The provider sent too many tool calls.",
                    MOST_CALLS,
                ));
            }
            None => {
                self.close(out);
                let id = match id {
                    "" => cx.ids.mint("call_"),
                    id => id.to_owned(),
                };
                let name = name.to_owned();
                let block = self.begin(
                    Opened::ToolCall {
                        id: id.clone(),
                        name,
                    },
                    out,
                );
                self.calls.push(Call { index, id, block });
                block
            }
        };
        let arguments = function.map(Function::arguments).unwrap_or_default();
        if !arguments.is_empty() {
            self.push(block, Delta::Arguments(arguments.into_owned()), out);
        }
        Ok(())
    }

    /// The call that a piece belongs to. Some vendors give every call the index 0, or none: a name
    /// with a new id, or without either, begins another call.
    fn known_call(&self, index: Option<Count>, id: &str, name: &str) -> Option<&Call> {
        let named = !name.is_empty();
        let same_place = |call: &&Call| match index {
            Some(_) => call.index == index,
            None => id.is_empty() && !named || call.id == id,
        };
        let call = self.calls.iter().rev().find(same_place)?;
        let other_id = !id.is_empty() && id != call.id;
        (!(named && other_id)).then_some(call)
    }

    fn finish(&mut self, finish: Finish, out: &mut Vec<Event>) {
        self.close(out);
        let choice = self.index;
        out.extend(self.calls.iter().map(|call| Event::Close {
            choice,
            block: call.block,
        }));
        out.push(Event::Finish { choice, finish });
        self.finished = true;
    }

    fn open(&mut self, kind: OpenKind, opened: Opened, out: &mut Vec<Event>) -> u32 {
        self.close(out);
        let block = self.begin(opened, out);
        self.open = Some(Open { block, kind });
        block
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        let choice = self.index;
        out.extend(self.open.take().map(|open| Event::Close {
            choice,
            block: open.block,
        }));
    }

    fn begin(&mut self, kind: Opened, out: &mut Vec<Event>) -> u32 {
        let block = self.next;
        self.next += 1;
        out.push(Event::Open {
            choice: self.index,
            block,
            kind,
        });
        block
    }

    fn push(&self, block: u32, delta: Delta, out: &mut Vec<Event>) {
        out.push(Event::Delta {
            choice: self.index,
            block,
            delta,
            logprobs: Vec::new(),
        });
    }
}
