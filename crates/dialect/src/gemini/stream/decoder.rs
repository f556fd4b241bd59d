//! Frames to events. Whatever comes in, the events keep the laws of the grammar; a stream that is cut
//! or corrupt fails, and no ending is made up for it.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use weir_model::{Cx, Delta, Event, Json, Losses, Opened, Rejection};

use super::super::logprobs::Logprobs;
use super::super::request::{Piece, Said, piece};
use super::super::response::{malformed, reason};
use super::super::signature::{self, Place};
use super::super::usage::UsageIn;
use super::super::wire::OPAQUE;
use super::super::{failure, finish};
use crate::StreamDecoder;
use crate::json::read::{Object, Path, Value};
use crate::json::scan;

/// Most candidates in one answer; Google gives 8.
const MOST_CANDIDATES: usize = 128;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow)]
    candidates: Option<Vec<CandidateIn<'a>>>,
    prompt_feedback: Option<Feedback>,
    usage_metadata: Option<UsageIn>,
    model_version: Option<String>,
    response_id: Option<String>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CandidateIn<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    content: Option<ContentIn<'a>>,
    finish_reason: Option<String>,
    logprobs_result: Option<Logprobs>,
    #[serde(borrow)]
    grounding_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    citation_metadata: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContentIn<'a> {
    #[serde(borrow)]
    parts: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Grounding {
    web_search_queries: Option<Vec<IgnoredAny>>,
}

/// Decodes the frames of a stream.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    started: bool,
    ended: bool,
    /// Searches that were run so far.
    searches: u64,
    candidates: Vec<Candidate>,
}

#[derive(Debug, Default)]
struct Candidate {
    index: u32,
    /// The next block's index.
    next: u32,
    /// The text or reasoning that grows; there is one at most.
    open: Option<(u32, Growing)>,
    called: bool,
    finished: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growing {
    Text,
    Reasoning,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, _: &str, data: &[u8], cx: &Cx<'_>, out: &mut Vec<Event>) {
        let data = data.trim_ascii();
        // Not Google's, but what some servers shaped like it end with.
        if self.ended || data.is_empty() || data == b"[DONE]" {
            return;
        }
        // Validated once, not string by string; and a vendor's broken byte costs one character.
        let data =
            str::from_utf8(data).map_or_else(|_| String::from_utf8_lossy(data), Cow::Borrowed);
        let outcome = match serde_json::from_str::<Chunk<'_>>(&data) {
            Ok(chunk) => self.chunk(chunk, cx, out),
            Err(error) => Err(malformed(error)),
        };
        if let Err(rejection) = outcome {
            self.fail(rejection, out);
        }
    }

    fn finish(&mut self, _: &Cx<'_>, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        if self.candidates.is_empty() || self.candidates.iter().any(|c| !c.finished) {
            return self.fail(malformed("the stream ended without a finishReason"), out);
        }
        self.ended = true;
        out.push(Event::End);
    }

    fn model_span(&self, data: &[u8]) -> Option<Range<usize>> {
        scan::find_field(data, "modelVersion").filter(|span| data[span.start] == b'"')
    }
}

impl Decoder {
    fn chunk(
        &mut self,
        chunk: Chunk<'_>,
        cx: &Cx<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        if let Some(error) = chunk.error {
            return Err(failure::under_200(error));
        }
        let candidates = chunk.candidates.unwrap_or_default();
        let blocked = chunk.prompt_feedback.and_then(|f| f.block_reason);
        let silent = candidates.is_empty() && blocked.is_none() && chunk.usage_metadata.is_none();
        if !self.started && !silent {
            self.started = true;
            out.push(Event::Start {
                id: chunk.response_id.filter(|id| !id.is_empty()),
                model: chunk.model_version.filter(|model| !model.is_empty()),
                created: None,
            });
        }
        for (wire, at) in candidates.iter().zip(0..) {
            let searched = wire.grounding_metadata.map_or(0, searches);
            self.searches = self.searches.saturating_add(searched);
            self.candidate(wire.index.unwrap_or(at))?
                .take(wire, cx, out)?;
        }
        if let Some(word) = blocked.filter(|_| self.candidates.is_empty()) {
            self.candidate(0)?.block(&word, out);
        }
        let usage = chunk.usage_metadata;
        out.extend(usage.map(|usage| Event::Usage(usage.total(self.searches))));
        Ok(())
    }

    fn candidate(&mut self, index: u32) -> Result<&mut Candidate, Rejection> {
        let known = self.candidates.iter().position(|c| c.index == index);
        if known.is_none() {
            if self.candidates.len() == MOST_CANDIDATES {
                return Err(malformed("too many candidates"));
            }
            self.candidates.push(Candidate {
                index,
                ..Candidate::default()
            });
        }
        let at = known.unwrap_or(self.candidates.len() - 1);
        Ok(&mut self.candidates[at])
    }

    fn fail(&mut self, rejection: Rejection, out: &mut Vec<Event>) {
        self.ended = true;
        out.push(Event::Failed(rejection));
    }
}

fn searches(grounding: &RawValue) -> u64 {
    let read = serde_json::from_str::<Grounding>(grounding.get()).unwrap_or_default();
    read.web_search_queries
        .map_or(0, |queries| queries.len() as u64)
}

impl Candidate {
    fn take(
        &mut self,
        wire: &CandidateIn<'_>,
        cx: &Cx<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        if self.finished {
            return Ok(());
        }
        let mut logprobs = wire
            .logprobs_result
            .as_ref()
            .map_or_else(Vec::new, Logprobs::read);
        let parts = wire
            .content
            .as_ref()
            .and_then(|content| content.parts.as_ref());
        for raw in parts.into_iter().flatten() {
            // What a part of an answer has beyond the model says nothing to a client.
            let piece = piece(Value::new(raw, Path::Root), &mut Losses::default());
            match piece.map_err(malformed)? {
                Piece {
                    said: Said::Other(_) | Said::Result { .. },
                    ..
                } => self.aside(raw, out),
                piece => self.part(piece, &mut logprobs, cx, out),
            }
        }
        self.cite("groundingMetadata", wire.grounding_metadata, out);
        self.cite("citationMetadata", wire.citation_metadata, out);
        if let Some(word) = wire.finish_reason.as_deref().and_then(reason) {
            self.finish(word, out);
        }
        Ok(())
    }

    fn part(&mut self, piece: Piece, logprobs: &mut Vec<Json>, cx: &Cx<'_>, out: &mut Vec<Event>) {
        let proof = |place| {
            let wire = piece.signature.as_deref();
            wire.map(|wire| signature::read(wire, place))
        };
        match piece.said {
            Said::Thought(text) => {
                let block = self.grow(Growing::Reasoning, out);
                if !text.is_empty() {
                    self.push(block, Delta::Reasoning(text), Vec::new(), out);
                }
                self.prove(proof(Place::Thought), out);
            }
            Said::Text(text) => {
                if !text.is_empty() {
                    let block = self.grow(Growing::Text, out);
                    self.push(block, Delta::Text(text), std::mem::take(logprobs), out);
                }
                self.prove_alone(proof(Place::Text), out);
            }
            Said::Call {
                id,
                name,
                arguments,
            } => {
                self.prove(proof(Place::Call), out);
                self.called = true;
                let id = id.unwrap_or_else(|| cx.ids.mint("call_"));
                let arguments = Delta::Arguments(arguments);
                self.whole(Opened::ToolCall { id, name }, Some(arguments), out);
            }
            Said::Other(_) | Said::Result { .. } | Said::Nothing => {}
        }
    }

    /// A part that has no block of its own, such as a picture that the model made.
    fn aside(&mut self, raw: &RawValue, out: &mut Vec<Event>) {
        let fields = Object::parse(raw.get().as_bytes()).map(Object::into_fields);
        let named = fields.unwrap_or_default().into_iter();
        let kind = named
            .map(|(key, _)| key)
            .find(|key| !key.starts_with("thought"));
        let name = format!("{OPAQUE}{}", kind.unwrap_or_default());
        let json = Json::from(raw);
        self.whole(Opened::Opaque { name, json }, None, out);
    }

    /// Signs the thought that is open, or one without words.
    fn prove(&mut self, proof: Option<String>, out: &mut Vec<Event>) {
        match (self.open, proof) {
            (Some((block, Growing::Reasoning)), Some(proof)) => {
                self.push(block, Delta::Signature(proof), Vec::new(), out);
                self.close(out);
            }
            (_, proof) => self.prove_alone(proof, out),
        }
    }

    fn prove_alone(&mut self, proof: Option<String>, out: &mut Vec<Event>) {
        if let Some(proof) = proof {
            self.whole(Opened::Reasoning, Some(Delta::Signature(proof)), out);
        }
    }

    /// What the vendor says of its sources, for the text so far; without one it has no place.
    fn cite(&mut self, key: &str, source: Option<&RawValue>, out: &mut Vec<Event>) {
        let Some(source) = source else { return };
        let json = Json::parse(format!("{{\"{key}\":{}}}", source.get()));
        match (self.open, json) {
            (Some((block, Growing::Text)), Some(json)) => {
                self.push(block, Delta::Citation(json), Vec::new(), out);
            }
            _ => out.push(Event::Opaque {
                kind: key.to_owned(),
            }),
        }
    }

    /// The prompt was blocked: an answer that was filtered before it began.
    fn block(&mut self, word: &str, out: &mut Vec<Event>) {
        let mut finish = finish::read(word, false);
        finish.reason = weir_model::FinishReason::ContentFilter;
        let choice = self.index;
        out.push(Event::Finish { choice, finish });
        self.finished = true;
    }

    fn finish(&mut self, word: &str, out: &mut Vec<Event>) {
        self.close(out);
        out.push(Event::Finish {
            choice: self.index,
            finish: finish::read(word, self.called),
        });
        self.finished = true;
    }

    /// The block that grows so, opened where another one was.
    fn grow(&mut self, kind: Growing, out: &mut Vec<Event>) -> u32 {
        if let Some((block, open)) = self.open
            && open == kind
        {
            return block;
        }
        self.close(out);
        let opened = match kind {
            Growing::Text => Opened::Text,
            Growing::Reasoning => Opened::Reasoning,
        };
        let block = self.begin(opened, out);
        self.open = Some((block, kind));
        block
    }

    /// A block that comes at once.
    fn whole(&mut self, kind: Opened, delta: Option<Delta>, out: &mut Vec<Event>) {
        self.close(out);
        let block = self.begin(kind, out);
        if let Some(delta) = delta {
            self.push(block, delta, Vec::new(), out);
        }
        let choice = self.index;
        out.push(Event::Close { choice, block });
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

    fn close(&mut self, out: &mut Vec<Event>) {
        let choice = self.index;
        out.extend(
            self.open
                .take()
                .map(|(block, _)| Event::Close { choice, block }),
        );
    }

    fn push(&self, block: u32, delta: Delta, logprobs: Vec<Json>, out: &mut Vec<Event>) {
        out.push(Event::Delta {
            choice: self.index,
            block,
            delta,
            logprobs,
        });
    }
}
