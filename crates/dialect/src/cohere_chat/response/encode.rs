//! A whole answer for a client.

use std::borrow::Cow;

use serde::Serialize;
use weir_model::{Block, Choice, Content, Cx, Losses, Response, ToolCall};

use super::super::citation::{Citation, Place};
use super::super::finish;
use super::super::logprobs::{self, Item};
use super::super::usage::SentUsage;
use super::{CITATION, answer_id};
use crate::Decoded;
use crate::json::write;

/// Encodes a whole answer.
pub(in super::super) fn encode(response: &Response, cx: &Cx<'_>) -> Decoded<Vec<u8>> {
    let mut losses = Losses::default();
    for at in 1..response.choices.len() {
        losses.add(format!("choices[{at}]"), "Cohere gives one answer");
    }
    let nothing = Choice::default();
    let choice = response.choices.first().unwrap_or(&nothing);
    let mut message = SentMessage::default();
    for (at, block) in choice.blocks.iter().enumerate() {
        message.add(block, &format!("content[{at}]"), &mut losses);
    }
    let finish = choice.finish.as_ref().map(|finish| {
        let (word, whole) = finish::word(finish);
        if !whole {
            let reason = format!("{} is sent as `{word}`", finish.reason.name());
            losses.add("finish_reason", reason);
        }
        word
    });
    let answer = SentAnswer {
        id: answer_id(response.id.as_deref(), cx),
        finish_reason: finish,
        message,
        usage: response.usage.as_ref().map(SentUsage::from),
        logprobs: choice.logprobs.iter().map(logprobs::item).collect(),
    };
    Decoded {
        value: write::to_vec(&answer),
        losses,
    }
}

#[derive(Serialize)]
struct SentAnswer<'a> {
    id: String,
    finish_reason: Option<&'static str>,
    message: SentMessage<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<SentUsage>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logprobs: Vec<Item>,
}

#[derive(Default, Serialize)]
struct SentMessage<'a> {
    role: Assistant,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    content: Vec<Part<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<SentCall<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    citations: Vec<Citation<'a>>,
    /// Whether a call stands between the last text and the next, which is another part then.
    #[serde(skip)]
    interrupted: bool,
}

/// The one who answers.
#[derive(Default, Serialize)]
#[serde(rename_all = "snake_case")]
enum Assistant {
    #[default]
    Assistant,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    Text { text: String },
    Thinking { thinking: &'a str },
}

/// A tool call, in answers and in requests.
#[derive(Debug, Serialize)]
pub(in super::super) struct SentCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: SentFunction<'a>,
}

#[derive(Debug, Serialize)]
struct SentFunction<'a> {
    name: Cow<'a, str>,
    arguments: Cow<'a, str>,
}

impl<'a> SentCall<'a> {
    /// The call under the name that is given for it; without arguments, the empty object.
    pub(in super::super) fn new(call: &'a ToolCall, name: Cow<'a, str>) -> Self {
        SentCall {
            id: &call.id,
            r#type: "function",
            function: SentFunction {
                name,
                arguments: match call.arguments.as_str() {
                    "" => "{}".into(),
                    arguments => arguments.into(),
                },
            },
        }
    }

    /// Wraps arguments that are no JSON, as Cohere takes no others; returns whether there were such.
    pub(in super::super) fn wrap(&mut self) -> bool {
        let arguments = &mut self.function.arguments;
        let broken = serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_err();
        if broken {
            *arguments = serde_json::json!({ "_raw": arguments }).to_string().into();
        }
        broken
    }
}

impl<'a> SentMessage<'a> {
    fn add(&mut self, block: &'a Block, path: &str, losses: &mut Losses) {
        match &block.content {
            Content::Text { text, citations } => {
                let before = self.say(text);
                let place = Place {
                    content_index: self.content.len().saturating_sub(1),
                    before,
                    text,
                };
                let known = self.citations.len();
                let told = citations.iter().filter(|_| !text.is_empty());
                let told = told.filter_map(|citation| Citation::new(citation, place));
                self.citations.extend(told);
                if self.citations.len() - known < citations.len() {
                    losses.add(format!("{path}.citations"), "not in a shape that is known");
                }
            }
            Content::Refusal { text } => {
                self.say(text);
            }
            Content::Reasoning { text, signature } => {
                if signature.is_some() {
                    losses.add(format!("{path}.signature"), "Cohere's thinking has none");
                }
                if !text.is_empty() {
                    self.content.push(Part::Thinking { thinking: text });
                }
            }
            Content::ToolCall(call) => {
                self.interrupted = true;
                self.tool_calls
                    .push(SentCall::new(call, call.name.as_str().into()));
            }
            Content::Opaque { kind, json } if kind == CITATION => {
                self.citations.push(Citation::Own(json));
            }
            _ => losses.add(path, "Cohere's answers hold no such part"),
        }
    }

    /// Adds to the text: clients look for all of it in one part. Returns how many characters stand
    /// before it there.
    fn say(&mut self, more: &str) -> usize {
        if let Some(Part::Text { text }) = self.content.last_mut()
            && (!self.interrupted || more.is_empty())
        {
            let before = text.chars().count();
            text.push_str(more);
            return before;
        }
        if !more.is_empty() {
            self.interrupted = false;
            let text = more.to_owned();
            self.content.push(Part::Text { text });
        }
        0
    }
}
