//! A whole answer for a client, and the shapes that its stream has in common with it.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use weir_model::{Block, Choice, Content, Cx, FinishReason, Json, Losses, Response, Usage};

use super::super::finish;
use super::super::proof::{self, OWN};
use super::super::usage::SentUsage;
use crate::Decoded;
use crate::json::write;

pub(in super::super) fn encode(response: &Response, cx: &Cx<'_>) -> Decoded<Vec<u8>> {
    let mut losses = Losses::default();
    for at in 1..response.choices.len() {
        losses.add(format!("choices[{at}]"), "OpenAI gives one answer here");
    }
    let choice = response.choices.first();
    let mut output = Output {
        cx,
        losses: &mut losses,
        items: Vec::new(),
        parts: Vec::new(),
        logprobs: choice.map_or(&[], |choice| &choice.logprobs),
    };
    for (at, block) in choice.iter().flat_map(|choice| &choice.blocks).enumerate() {
        output.add(at, block);
    }
    output.end_message();
    let items = output.items;
    let finish = choice.and_then(|choice| finish_of(choice, &mut losses));
    let model = response.model.as_deref().unwrap_or_default();
    let id = response_id(response.id.as_deref(), cx);
    let mut sent = SentResponse::new(&id, model, response.created.unwrap_or(cx.now_s));
    sent.end(
        finish.unwrap_or(FinishReason::Stop),
        response.usage.as_ref(),
    );
    sent.output = &items;
    sent.service_tier = response.service_tier.as_deref();
    Decoded {
        value: write::to_vec(&sent),
        losses,
    }
}

fn finish_of(choice: &Choice, losses: &mut Losses) -> Option<FinishReason> {
    let finish = choice.finish.as_ref()?;
    let words = finish::words(finish.reason);
    if !words.whole {
        let reason = format!("{} is sent as `{}`", finish.reason.name(), words.status);
        losses.add("finish_reason", reason);
    }
    if finish.stop_sequence.is_some() {
        let reason = "OpenAI does not say which stop text it was";
        losses.add("stop_sequence", reason);
    }
    Some(finish.reason)
}

/// The id that clients see: the vendor's own where it has OpenAI's form.
pub(in super::super) fn response_id(id: Option<&str>, cx: &Cx<'_>) -> String {
    match id {
        Some(id) if id.starts_with("resp_") => id.to_owned(),
        _ => cx.ids.mint("resp_"),
    }
}

/// A citation in the shape that this dialect shows, if it can be.
pub(in super::super) fn annotation(citation: &Json) -> Option<Cow<'_, Json>> {
    match is_annotation(citation) {
        true => Some(Cow::Borrowed(citation)),
        false => crate::openai::annotation::of(citation, false).map(Cow::Owned),
    }
}

fn is_annotation(citation: &Json) -> bool {
    #[derive(serde::Deserialize)]
    struct Kind {
        r#type: String,
        url_citation: Option<serde::de::IgnoredAny>,
    }
    let kind = serde_json::from_str::<Kind>(citation.get());
    kind.is_ok_and(|kind| match kind.r#type.as_str() {
        // That of Chat Completions is an object inside.
        "url_citation" => kind.url_citation.is_none(),
        other => matches!(
            other,
            "file_citation" | "container_file_citation" | "file_path"
        ),
    })
}

/// The items of an answer.
struct Output<'a, 'c> {
    cx: &'c Cx<'c>,
    losses: &'c mut Losses,
    items: Vec<Box<RawValue>>,
    /// Parts of the message that grows.
    parts: Vec<SentPart<'a>>,
    /// Those of the whole answer, for its first text.
    logprobs: &'a [Json],
}

impl<'a> Output<'a, '_> {
    fn add(&mut self, at: usize, block: &'a Block) {
        match &block.content {
            Content::Text { text, citations } => {
                let shown = citations.iter().filter_map(annotation);
                let annotations: Vec<_> = shown.collect();
                if annotations.len() < citations.len() {
                    let reason = "its citations have no place in OpenAI's annotations";
                    self.losses.add(format!("blocks[{at}]"), reason);
                }
                let logprobs = std::mem::take(&mut self.logprobs);
                self.parts.push(SentPart::OutputText {
                    text,
                    annotations,
                    logprobs,
                });
            }
            Content::Refusal { text } => self.parts.push(SentPart::Refusal { refusal: text }),
            Content::Reasoning { text, signature } => {
                self.item(&SentItem::Reasoning {
                    id: &self.cx.ids.mint("rs_"),
                    summary: &[SentSummary { text }],
                    encrypted_content: signature.as_deref().map(proof::to_client),
                });
            }
            Content::RedactedReasoning { data } => {
                self.item(&SentItem::Reasoning {
                    id: &self.cx.ids.mint("rs_"),
                    summary: &[],
                    encrypted_content: Some(proof::to_client(data)),
                });
            }
            Content::ToolCall(call) => {
                let minted;
                let call_id = match call.id.as_str() {
                    "" => {
                        minted = self.cx.ids.mint("call_");
                        &minted
                    }
                    id => id,
                };
                self.item(&SentItem::FunctionCall {
                    id: &self.cx.ids.mint("fc_"),
                    call_id,
                    name: &call.name,
                    arguments: arguments(&call.arguments),
                    status: "completed",
                });
            }
            Content::Opaque { kind, json } if kind.starts_with(OWN) => self.item(json),
            Content::Opaque { .. }
            | Content::ToolResult(_)
            | Content::Image(_)
            | Content::Audio(_)
            | Content::Document(_) => {
                let reason = "has no place in OpenAI's answers";
                self.losses.add(format!("blocks[{at}]"), reason);
            }
        }
    }

    /// Ends the message that grows, and puts another item after it.
    fn item<T: Serialize>(&mut self, item: &T) {
        self.end_message();
        // Our own types, which JSON can express.
        self.items.extend(to_raw_value(item));
    }

    fn end_message(&mut self) {
        if self.parts.is_empty() {
            return;
        }
        let parts = std::mem::take(&mut self.parts);
        let id = self.cx.ids.mint("msg_");
        let message = SentItem::message(&id, &parts, "completed");
        self.items.extend(to_raw_value(&message));
    }
}

/// Clients parse what they were sent.
fn arguments(arguments: &str) -> &str {
    match arguments {
        "" => "{}",
        arguments => arguments,
    }
}

/// The answer itself. What it says of its request is what OpenAI assumes: the request is at the
/// client, and was not stored.
#[derive(Serialize)]
pub(in super::super) struct SentResponse<'a> {
    id: &'a str,
    object: &'static str,
    created_at: i64,
    status: &'static str,
    error: Option<()>,
    incomplete_details: Option<SentIncomplete>,
    instructions: Option<()>,
    metadata: Empty,
    model: &'a str,
    pub(in super::super) output: &'a [Box<RawValue>],
    parallel_tool_calls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) service_tier: Option<&'a str>,
    store: bool,
    temperature: Option<f64>,
    tool_choice: &'static str,
    tools: [(); 0],
    top_p: Option<f64>,
    usage: Option<SentUsage>,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct SentIncomplete {
    reason: &'static str,
}

impl<'a> SentResponse<'a> {
    /// One that has just begun.
    pub(in super::super) fn new(id: &'a str, model: &'a str, created_at: i64) -> SentResponse<'a> {
        SentResponse {
            id,
            object: "response",
            created_at,
            status: "in_progress",
            error: None,
            incomplete_details: None,
            instructions: None,
            metadata: Empty {},
            model,
            output: &[],
            parallel_tool_calls: true,
            service_tier: None,
            store: false,
            temperature: None,
            tool_choice: "auto",
            tools: [],
            top_p: None,
            usage: None,
        }
    }

    /// Says how it ended; returns its status.
    pub(in super::super) fn end(
        &mut self,
        reason: FinishReason,
        usage: Option<&Usage>,
    ) -> &'static str {
        let words = finish::words(reason);
        self.status = words.status;
        self.incomplete_details = words.incomplete.map(|reason| SentIncomplete { reason });
        self.usage = usage.map(SentUsage::from);
        self.status
    }
}

/// An item of the output.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in super::super) enum SentItem<'a> {
    Message {
        id: &'a str,
        status: &'static str,
        role: &'static str,
        content: &'a [SentPart<'a>],
    },
    Reasoning {
        id: &'a str,
        summary: &'a [SentSummary<'a>],
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<&'a str>,
    },
    FunctionCall {
        id: &'a str,
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
        status: &'static str,
    },
}

impl<'a> SentItem<'a> {
    pub(in super::super) fn message(
        id: &'a str,
        content: &'a [SentPart<'a>],
        status: &'static str,
    ) -> SentItem<'a> {
        SentItem::Message {
            id,
            status,
            role: "assistant",
            content,
        }
    }
}

/// A part of a message.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in super::super) enum SentPart<'a> {
    OutputText {
        text: &'a str,
        annotations: Vec<Cow<'a, Json>>,
        logprobs: &'a [Json],
    },
    Refusal {
        refusal: &'a str,
    },
}

/// A part of a thought.
#[derive(Serialize)]
#[serde(tag = "type", rename = "summary_text")]
pub(in super::super) struct SentSummary<'a> {
    pub(in super::super) text: &'a str,
}
