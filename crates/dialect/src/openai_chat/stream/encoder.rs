//! Events to chunks, each a complete frame.

use std::borrow::Cow;

use serde::Serialize;
use weir_model::{Cx, Delta, Event, Json, Opened, Usage};

use super::super::finish;
use super::super::reasoning::SentDetail;
use super::super::response::{SentLogprobs, annotation, completion_id};
use super::super::usage::SentUsage;
use super::{DONE, rejection};
use crate::json::write;
use crate::{StreamEncoder, sse};

/// Encodes one streamed answer.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    include_usage: bool,
    model: String,
    /// What all chunks begin with, up to the field `choices`; empty until the answer begins.
    head: Vec<u8>,
    choices: Vec<Choice>,
    usage: Option<Usage>,
    ended: bool,
}

#[derive(Debug, Default)]
struct Choice {
    index: u32,
    /// Whether its first delta, which names the role, was sent.
    begun: bool,
    /// How many tool calls, and how many entries of `reasoning_details`, it has so far.
    calls: u32,
    details: usize,
    /// By their index.
    blocks: Vec<Block>,
}

#[derive(Debug)]
enum Block {
    Plain,
    /// Kept until it closes, because its proof covers all of it.
    Reasoning {
        text: String,
        signature: String,
    },
    Call {
        index: u32,
        empty: bool,
    },
}

#[derive(Serialize)]
struct Head<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
}

#[derive(Serialize)]
struct SentChoice<'a> {
    index: u32,
    delta: SentDelta<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<SentLogprobs<'a>>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct SentDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<[SentDetail<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<[Cow<'a, Json>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[SentCall<'a>; 1]>,
}

/// `id`, `type` and the name stand in a call's first piece only.
#[derive(Serialize)]
struct SentCall<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    function: SentFunction<'a>,
}

#[derive(Serialize)]
struct SentFunction<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &Event, cx: &Cx<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, created, .. } => self.start(id.as_deref(), *created, cx),
            Event::Open { choice, kind, .. } => self.open(*choice, kind, out),
            Event::Delta {
                choice,
                block,
                delta,
                logprobs,
            } => self.delta((*choice, *block), delta, logprobs, out),
            Event::Close { choice, block } => self.close(*choice, *block, out),
            Event::Finish { choice, finish } => {
                let word = finish::word(finish.reason).0;
                self.chunk(*choice, SentDelta::default(), None, Some(word), out);
            }
            Event::Usage(usage) => self.usage.get_or_insert_default().merge(usage),
            Event::Ping | Event::Opaque { .. } => {}
            Event::End => self.end(out),
            Event::Failed(failure) => {
                self.ended = true;
                out.extend(rejection(failure));
            }
        }
    }
}

impl Encoder {
    pub(in super::super) fn new(include_usage: bool, model: &str) -> Encoder {
        Encoder {
            include_usage,
            model: model.to_owned(),
            head: Vec::new(),
            choices: Vec::new(),
            usage: None,
            ended: false,
        }
    }

    fn start(&mut self, id: Option<&str>, created: Option<i64>, cx: &Cx<'_>) {
        self.head = write::to_vec(&Head {
            id: &completion_id(id, cx),
            object: "chat.completion.chunk",
            created: created.unwrap_or(cx.now_s),
            model: &self.model,
        });
        // The closing brace: more fields follow.
        self.head.pop();
    }

    fn open(&mut self, choice: u32, kind: &Opened, out: &mut Vec<u8>) {
        let state = self.choice(choice);
        let mut delta = SentDelta::default();
        let block = match kind {
            Opened::Text | Opened::Refusal | Opened::Opaque { .. } => Block::Plain,
            Opened::Reasoning => Block::Reasoning {
                text: String::new(),
                signature: String::new(),
            },
            Opened::RedactedReasoning { data } => {
                delta.reasoning_details = Some([SentDetail::encrypted(state.details, data)]);
                state.details += 1;
                Block::Plain
            }
            Opened::ToolCall { id, name } => {
                let index = state.calls;
                state.calls += 1;
                delta.tool_calls = Some([SentCall {
                    index,
                    id: Some(id),
                    r#type: Some("function"),
                    function: SentFunction {
                        name: Some(name),
                        arguments: "",
                    },
                }]);
                Block::Call { index, empty: true }
            }
        };
        state.blocks.push(block);
        if delta.reasoning_details.is_some() || delta.tool_calls.is_some() {
            self.chunk(choice, delta, None, None, out);
        }
    }

    fn delta(
        &mut self,
        (choice, block): (u32, u32),
        delta: &Delta,
        logprobs: &[Json],
        out: &mut Vec<u8>,
    ) {
        let refused = matches!(delta, Delta::Refusal(_));
        let mut sent = SentDelta::default();
        let state = self.choice(choice).blocks.get_mut(block as usize);
        match (delta, state) {
            (Delta::Text(text), _) => sent.content = Some(text),
            (Delta::Refusal(text), _) => sent.refusal = Some(text),
            (Delta::Citation(source), _) => match annotation(source) {
                Some(source) => sent.annotations = Some([source]),
                None => return,
            },
            (Delta::Reasoning(more), Some(Block::Reasoning { text, .. })) => {
                text.push_str(more);
                sent.reasoning_content = Some(more);
            }
            (Delta::Signature(more), Some(Block::Reasoning { signature, .. })) => {
                return signature.push_str(more);
            }
            (Delta::Arguments(more), Some(Block::Call { index, empty })) => {
                *empty &= more.is_empty();
                sent.tool_calls = Some([SentCall::more(*index, more)]);
            }
            _ => return,
        }
        let logprobs = SentLogprobs::of(logprobs, refused);
        self.chunk(choice, sent, logprobs, None, out);
    }

    /// A signed block is sent once more, whole, with its signature; a call without arguments gets
    /// the empty object, because clients parse what they were sent.
    fn close(&mut self, choice: u32, block: u32, out: &mut Vec<u8>) {
        let state = self.choice(choice);
        let Some(slot) = state.blocks.get_mut(block as usize) else {
            return;
        };
        match std::mem::replace(slot, Block::Plain) {
            Block::Reasoning { text, signature } if !signature.is_empty() => {
                let detail = SentDetail::readable(state.details, &text, Some(&signature));
                state.details += 1;
                let delta = SentDelta {
                    reasoning_details: Some([detail]),
                    ..SentDelta::default()
                };
                self.chunk(choice, delta, None, None, out);
            }
            Block::Call { index, empty: true } => {
                let delta = SentDelta {
                    tool_calls: Some([SentCall::more(index, "{}")]),
                    ..SentDelta::default()
                };
                self.chunk(choice, delta, None, None, out);
            }
            _ => {}
        }
    }

    fn chunk(
        &mut self,
        choice: u32,
        mut delta: SentDelta<'_>,
        logprobs: Option<SentLogprobs<'_>>,
        finish_reason: Option<&'static str>,
        out: &mut Vec<u8>,
    ) {
        let state = self.choice(choice);
        if !state.begun {
            state.begun = true;
            delta.role = Some("assistant");
        }
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b",\"choices\":[");
        let index = choice;
        write::append(
            out,
            &SentChoice {
                index,
                delta,
                logprobs,
                finish_reason,
            },
        );
        out.push(b']');
        if self.include_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.ended = true;
        if let Some(usage) = self.usage.filter(|_| self.include_usage) {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b",\"choices\":[],\"usage\":");
            write::append(out, &SentUsage::from(&usage));
            out.extend_from_slice(b"}\n\n");
        }
        sse::write_data(out, DONE);
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        let known = self.choices.iter().position(|choice| choice.index == index);
        let at = known.unwrap_or_else(|| {
            self.choices.push(Choice {
                index,
                ..Choice::default()
            });
            self.choices.len() - 1
        });
        &mut self.choices[at]
    }
}

impl<'a> SentCall<'a> {
    fn more(index: u32, arguments: &'a str) -> SentCall<'a> {
        SentCall {
            index,
            id: None,
            r#type: None,
            function: SentFunction {
                name: None,
                arguments,
            },
        }
    }
}
