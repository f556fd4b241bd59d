//! A whole answer for a client.

use std::borrow::Cow;

use serde::Serialize;
use weir_model::{Block, Choice, Content, Cx, Json, Losses, Response, ToolCall};

use super::super::finish;
use super::super::reasoning::SentDetail;
use super::super::usage::SentUsage;
use super::{annotation, completion_id};
use crate::Decoded;
use crate::json::write;

pub(in super::super) fn encode(response: &Response, cx: &Cx<'_>) -> Decoded<Vec<u8>> {
    let mut losses = Losses::default();
    let choices = response.choices.iter().enumerate();
    let answer = SentAnswer {
        id: completion_id(response.id.as_deref(), cx),
        object: "chat.completion",
        created: response.created.unwrap_or(cx.now_s),
        model: response.model.as_deref().unwrap_or_default(),
        choices: choices
            .map(|(index, choice)| SentChoice::new(index, choice, &mut losses))
            .collect(),
        usage: response.usage.as_ref().map(SentUsage::from),
        service_tier: response.service_tier.as_deref(),
    };
    Decoded {
        value: write::to_vec(&answer),
        losses,
    }
}

#[derive(Serialize)]
struct SentAnswer<'a> {
    id: String,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: Vec<SentChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<SentUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

#[derive(Serialize)]
struct SentChoice<'a> {
    index: usize,
    message: SentMessage<'a>,
    logprobs: Option<SentLogprobs<'a>>,
    finish_reason: Option<&'static str>,
}

/// Log probabilities of a choice or of a piece of one.
#[derive(Serialize)]
pub(in super::super) struct SentLogprobs<'a> {
    content: Option<&'a [Json]>,
    refusal: Option<&'a [Json]>,
}

impl<'a> SentLogprobs<'a> {
    /// `None` when there are none.
    pub(in super::super) fn of(tokens: &'a [Json], refused: bool) -> Option<Self> {
        let of = |wanted: bool| (wanted == refused).then_some(tokens);
        (!tokens.is_empty()).then(|| SentLogprobs {
            content: of(false),
            refusal: of(true),
        })
    }
}

/// The field's names for what OpenAI's own message lacks are `reasoning_content` and
/// `reasoning_details`; both are absent where there was no reasoning.
#[derive(Default, Serialize)]
struct SentMessage<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Cow<'a, Json>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<SentDetail<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<SentCall<'a>>,
}

#[derive(Serialize)]
struct SentCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: SentFunction<'a>,
}

#[derive(Serialize)]
struct SentFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> From<&'a ToolCall> for SentCall<'a> {
    fn from(call: &'a ToolCall) -> Self {
        SentCall {
            id: &call.id,
            r#type: "function",
            function: SentFunction {
                name: &call.name,
                arguments: match call.arguments.as_str() {
                    "" => "{}",
                    arguments => arguments,
                },
            },
        }
    }
}

impl<'a> SentChoice<'a> {
    fn new(index: usize, choice: &'a Choice, losses: &mut Losses) -> Self {
        let mut message = SentMessage {
            role: "assistant",
            ..SentMessage::default()
        };
        for (block, piece) in choice.blocks.iter().enumerate() {
            if let Err(reason) = message.add(piece) {
                losses.add(format!("choices[{index}].blocks[{block}]"), reason);
            }
        }
        let mut finish_reason = None;
        if let Some(finish) = &choice.finish {
            let (word, whole) = finish::word(finish.reason);
            finish_reason = Some(word);
            if !whole {
                let reason = format!("{} is sent as `{word}`", finish.reason.name());
                losses.add(format!("choices[{index}].finish_reason"), reason);
            }
            if finish.stop_sequence.is_some() {
                let reason = "OpenAI does not say which stop text it was";
                losses.add(format!("choices[{index}].stop_sequence"), reason);
            }
        }
        let refused = message.content.is_none() && message.refusal.is_some();
        SentChoice {
            index,
            message,
            logprobs: SentLogprobs::of(&choice.logprobs, refused),
            finish_reason,
        }
    }
}

impl<'a> SentMessage<'a> {
    /// Adds a block; what of it cannot be shown is the error.
    fn add(&mut self, block: &'a Block) -> Result<(), &'static str> {
        match &block.content {
            Content::Text { text, citations } => {
                self.content.get_or_insert_default().push_str(text);
                let shown = citations.iter().filter_map(annotation);
                let known = self.annotations.len();
                self.annotations.extend(shown);
                if self.annotations.len() - known < citations.len() {
                    return Err("its citations have no place in OpenAI's annotations");
                }
            }
            Content::Refusal { text } => self.refusal.get_or_insert_default().push_str(text),
            Content::Reasoning { text, signature } => {
                if !text.is_empty() {
                    self.reasoning_content
                        .get_or_insert_default()
                        .push_str(text);
                }
                if let Some(signature) = signature {
                    let index = self.reasoning_details.len();
                    let detail = SentDetail::readable(index, text, Some(signature));
                    self.reasoning_details.push(detail);
                }
            }
            Content::RedactedReasoning { data } => {
                let index = self.reasoning_details.len();
                self.reasoning_details
                    .push(SentDetail::encrypted(index, data));
            }
            Content::ToolCall(call) => self.tool_calls.push(call.into()),
            Content::ToolResult(_)
            | Content::Image(_)
            | Content::Audio(_)
            | Content::Document(_)
            | Content::Opaque { .. } => return Err("has no place in OpenAI's answers"),
        }
        Ok(())
    }
}
