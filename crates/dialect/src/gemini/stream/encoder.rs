//! Events to frames. Text and thoughts leave as they come, calls when they are whole; why the answers
//! ended stands in the last frame, with the usage.

use std::collections::{BTreeMap, VecDeque};

use weir_model::{Cx, Delta, Event, Finish, Json, Opened, Rejection, Usage};

use super::super::failure;
use super::super::logprobs::Logprobs;
use super::super::response::{Answer, Candidate, Model, Sources, Turn, ending, response_id};
use super::super::signature::{Place, own};
use super::super::usage::UsageOut;
use super::super::wire::{Args, Call, OPAQUE, Own, Part};
use crate::StreamEncoder;
use crate::json::write;
use crate::sse;

/// Encodes one streamed answer.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    model: String,
    id: String,
    choices: BTreeMap<u32, Choice>,
    usage: Option<Usage>,
    ended: bool,
    json: Vec<u8>,
}

#[derive(Debug, Default)]
struct Choice {
    /// By their index.
    blocks: Vec<Block>,
    /// Signatures that wait for the calls that they stood on.
    waiting: VecDeque<String>,
    finish: Option<Finish>,
}

#[derive(Debug)]
enum Block {
    Plain,
    Reasoning {
        signature: String,
    },
    Call {
        id: String,
        name: String,
        arguments: String,
    },
}

/// The frame that ends a stream in an error.
pub(in super::super) fn rejection(rejection: &Rejection, request_id: &str) -> Vec<u8> {
    let mut out = Vec::new();
    sse::write_data(&mut out, &failure::encode(rejection, request_id));
    out
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &Event, cx: &Cx<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, .. } => self.id = response_id(id.as_deref(), cx),
            Event::Open { choice, kind, .. } => self.open(*choice, kind, out),
            Event::Delta {
                choice,
                block,
                delta,
                logprobs,
            } => self.delta((*choice, *block), delta, logprobs, out),
            Event::Close { choice, block } => self.close(*choice, *block, out),
            Event::Finish { choice, finish } => {
                let choice = self.choices.entry(*choice).or_default();
                choice.finish = Some(finish.clone());
            }
            Event::Usage(usage) => self.usage.get_or_insert_default().merge(usage),
            Event::Ping | Event::Opaque { .. } => {}
            Event::End => self.end(out),
            Event::Failed(failure) => {
                self.ended = true;
                out.extend(rejection(failure, ""));
            }
        }
    }
}

impl Encoder {
    /// An encoder of an answer by what the client calls `model`.
    pub(in super::super) fn new(model: &str) -> Encoder {
        Encoder {
            model: model.to_owned(),
            id: String::new(),
            choices: BTreeMap::new(),
            usage: None,
            ended: false,
            json: Vec::with_capacity(256),
        }
    }

    fn open(&mut self, choice: u32, kind: &Opened, out: &mut Vec<u8>) {
        let block = match kind {
            Opened::Reasoning => Block::Reasoning {
                signature: String::new(),
            },
            Opened::ToolCall { id, name } => Block::Call {
                id: id.clone(),
                name: name.clone(),
                arguments: String::new(),
            },
            Opened::Text | Opened::Refusal | Opened::RedactedReasoning { .. } => Block::Plain,
            Opened::Opaque { .. } => Block::Plain,
        };
        self.choices.entry(choice).or_default().blocks.push(block);
        match kind {
            Opened::RedactedReasoning { data } => {
                self.part(choice, Own::thought("").signed(Some(data.into())), out);
            }
            Opened::Opaque { name, json } if name.starts_with(OPAQUE) => {
                self.part(choice, Part::Opaque(json), out);
            }
            _ => {}
        }
    }

    fn delta(
        &mut self,
        (choice, block): (u32, u32),
        delta: &Delta,
        logprobs: &[Json],
        out: &mut Vec<u8>,
    ) {
        let state = self.choices.entry(choice).or_default();
        let part = match (delta, state.blocks.get_mut(block as usize)) {
            (Delta::Text(text) | Delta::Refusal(text), _) => Own::text(text),
            (Delta::Reasoning(text), _) => Own::thought(text),
            (Delta::Signature(more), Some(Block::Reasoning { signature })) => {
                return signature.push_str(more);
            }
            (Delta::Arguments(more), Some(Block::Call { arguments, .. })) => {
                return arguments.push_str(more);
            }
            (Delta::Citation(source), _) => {
                if let Some(sources) = Sources::of(source) {
                    let candidate = Candidate {
                        index: choice,
                        sources,
                        ..Candidate::default()
                    };
                    self.write(vec![candidate], None, out);
                }
                return;
            }
            _ => return,
        };
        let candidate = Candidate {
            content: turn(vec![part.into()]),
            index: choice,
            logprobs_result: Logprobs::of(logprobs),
            ..Candidate::default()
        };
        self.write(vec![candidate], None, out);
    }

    fn close(&mut self, choice: u32, block: u32, out: &mut Vec<u8>) {
        let state = self.choices.entry(choice).or_default();
        let Some(slot) = state.blocks.get_mut(block as usize) else {
            return;
        };
        match std::mem::replace(slot, Block::Plain) {
            Block::Reasoning { signature } if !signature.is_empty() => {
                let part = match own(&signature) {
                    Some((Place::Call, proof)) => return state.waiting.push_back(proof.to_owned()),
                    Some((Place::Text, proof)) => Own::text("").signed(Some(proof.into())),
                    Some((Place::Thought, proof)) => Own::thought("").signed(Some(proof.into())),
                    None => Own::thought("").signed(Some(signature.as_str().into())),
                };
                self.part(choice, part, out);
            }
            Block::Call {
                id,
                name,
                arguments,
            } => {
                let signature = state.waiting.pop_front();
                let call = Own {
                    function_call: Some(Call {
                        id: &id,
                        name: &name,
                        args: Args::new(&arguments),
                    }),
                    ..Own::default()
                };
                self.part(choice, call.signed(signature.map(Into::into)), out);
            }
            _ => {}
        }
    }

    fn part<'a>(&mut self, choice: u32, part: impl Into<Part<'a>>, out: &mut Vec<u8>) {
        let candidate = Candidate {
            content: turn(vec![part.into()]),
            index: choice,
            ..Candidate::default()
        };
        self.write(vec![candidate], None, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.ended = true;
        let choices = std::mem::take(&mut self.choices);
        let candidates = choices.into_iter().map(|(index, choice)| {
            // A signature whose call never came stands alone.
            let lonely = choice.waiting.into_iter();
            let lonely = lonely.map(|proof| Own::text("").signed(Some(proof.into())).into());
            Candidate {
                content: turn(lonely.collect()),
                finish_reason: choice.finish.as_ref().map(ending),
                index,
                ..Candidate::default()
            }
        });
        let usage = self.usage.as_ref().map(UsageOut::from);
        self.write(candidates.collect(), usage, out);
    }

    fn write(
        &mut self,
        candidates: Vec<Candidate<'_>>,
        usage_metadata: Option<UsageOut>,
        out: &mut Vec<u8>,
    ) {
        self.json.clear();
        let answer = Answer {
            candidates,
            usage_metadata,
            model_version: &self.model,
            response_id: &self.id,
        };
        write::append(&mut self.json, &answer);
        sse::write_data(out, &self.json);
    }
}

fn turn(parts: Vec<Part<'_>>) -> Turn<'_> {
    Turn {
        parts,
        role: Model::Model,
    }
}
