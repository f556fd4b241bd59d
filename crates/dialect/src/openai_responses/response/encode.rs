//! A whole answer for a client.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use weir_model::{Block, Choice, Content, Cx, FinishReason, Json, Losses, Request, Response};

use super::super::carried::{Carried, unwrapped};
use super::super::echo::Echo;
use super::super::finish;
use super::super::proof::{self, OWN};
use super::sent::{SentItem, SentPart, SentResponse, SentSummary, call_prefix};
use crate::Decoded;
use crate::json::write;

pub(in super::super) fn encode(
    response: &Response,
    request: &Request,
    cx: &Cx<'_>,
) -> Decoded<Vec<u8>> {
    let mut losses = Losses::default();
    for at in 1..response.choices.len() {
        losses.add(format!("choices[{at}]"), "OpenAI gives one answer here");
    }
    let choice = response.choices.first();
    let finish = choice.and_then(|choice| finish_of(choice, &mut losses));
    let blocks = choice.map_or(&[][..], |choice| &choice.blocks);
    let mut output = Output {
        cx,
        losses: &mut losses,
        carried: Carried::of(request),
        items: Vec::new(),
        parts: Vec::new(),
        logprobs: choice.map_or(&[], |choice| &choice.logprobs),
    };
    // What was cut is the last item, and so the one that the last block is in.
    let cut = finish.map_or(COMPLETED, |reason| finish::words(reason).status);
    for (at, block) in blocks.iter().enumerate() {
        let last = at + 1 == blocks.len();
        output.add(at, block, if last { cut } else { COMPLETED });
    }
    output.end_message(cut);
    let items = output.items;
    let model = response.model.as_deref().unwrap_or_default();
    let id = response_id(response.id.as_deref(), cx);
    let echo = Echo::of(request);
    let created = response.created.unwrap_or(cx.now_s);
    let mut sent = SentResponse::new(&id, model, created, &echo);
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
    carried: Carried,
    items: Vec<Box<RawValue>>,
    /// Parts of the message that grows.
    parts: Vec<SentPart<'a>>,
    /// Those of the whole answer, for its first text.
    logprobs: &'a [Json],
}

/// The status of an item that was not cut.
const COMPLETED: &str = "completed";

impl<'a> Output<'a, '_> {
    fn add(&mut self, at: usize, block: &'a Block, status: &'static str) {
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
                let origin = self.carried.origin(&call.name);
                let id = self.cx.ids.mint(call_prefix(origin.kind));
                let input = || unwrapped(&call.arguments).into();
                let arguments = arguments(&call.arguments);
                let ids = (id.as_str(), call_id);
                self.item(&SentItem::call(ids, &origin, arguments, input, status));
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
        self.end_message(COMPLETED);
        // Our own types, which JSON can express.
        self.items.extend(to_raw_value(item));
    }

    fn end_message(&mut self, status: &'static str) {
        if self.parts.is_empty() {
            return;
        }
        let parts = std::mem::take(&mut self.parts);
        let id = self.cx.ids.mint("msg_");
        let message = SentItem::message(&id, &parts, status);
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
