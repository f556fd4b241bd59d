//! Messages as items: what a turn of the model holds stands in its order, each tool result is an
//! item of its own, and the first system text becomes `instructions`.

use std::borrow::Cow;

use weir_model::{Block, Content, Losses, Media, MediaSource, Message, Quirks, Role, ToolResult};

use super::super::super::proof::{self, OWN};
use super::wire::{SentContent, SentItem, SentPart, SentSummary};
use crate::openai::body::CACHE_CONTROL;
use crate::openai::media::Address;

/// `instructions` and `input`, of which the latter is never empty.
pub(super) fn encode<'a>(
    messages: &'a [Message],
    quirks: &'a Quirks,
    losses: &mut Losses,
) -> (Option<&'a str>, Vec<SentItem<'a>>) {
    let mut encoder = Encoder {
        out: Vec::with_capacity(messages.len()),
        losses,
    };
    let instructions = instructions(messages);
    for (index, message) in messages.iter().enumerate() {
        if index == 0 && instructions.is_some() {
            encoder.note_cache(&message.blocks[0]);
            continue;
        }
        let role = match message.role {
            Role::System => "system",
            Role::Developer if quirks.developer_as_system => "system",
            Role::Developer => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        encoder.message(index, role, message);
    }
    (instructions, encoder.out)
}

/// The first message, where it is one system text and others follow.
fn instructions(messages: &[Message]) -> Option<&str> {
    let [first, _, ..] = messages else {
        return None;
    };
    match first.blocks.as_slice() {
        [
            Block {
                content: Content::Text { text, citations },
                ..
            },
        ] if first.role == Role::System && !text.is_empty() && citations.is_empty() => Some(text),
        _ => None,
    }
}

/// Where a block stands: message and block.
type Place = (usize, usize);

struct Encoder<'a, 'l> {
    out: Vec<SentItem<'a>>,
    losses: &'l mut Losses,
}

impl<'a> Encoder<'a, '_> {
    fn message(&mut self, index: usize, role: &'static str, message: &'a Message) {
        if message.name.is_some() {
            let reason = "the Responses API has no names of speakers";
            self.losses.add(format!("messages[{index}].name"), reason);
        }
        let before = self.out.len();
        let mut parts = Vec::new();
        for (at, block) in message.blocks.iter().enumerate() {
            self.note_cache(block);
            let place = (index, at);
            if let Some(item) = self.item(place, role, &block.content) {
                self.say(role, &mut parts);
                self.out.extend(item);
            } else {
                parts.extend(self.part(place, role == "assistant", &block.content));
            }
        }
        self.say(role, &mut parts);
        if self.out.len() == before && !matches!(role, "assistant") {
            let content = SentContent::new(Vec::new());
            self.out.push(SentItem::Message { role, content });
        }
    }

    /// What was said so far, as a message.
    fn say(&mut self, role: &'static str, parts: &mut Vec<SentPart<'a>>) {
        if !parts.is_empty() {
            let content = SentContent::new(std::mem::take(parts));
            self.out.push(SentItem::Message { role, content });
        }
    }

    /// A block that is no part of a message: its item, which is missing when it cannot be carried.
    fn item(
        &mut self,
        place: Place,
        role: &'static str,
        content: &'a Content,
    ) -> Option<Option<SentItem<'a>>> {
        Some(match (content, role) {
            (Content::ToolCall(call), "assistant") => Some(SentItem::FunctionCall {
                call_id: &call.id,
                name: &call.name,
                arguments: match call.arguments.as_str() {
                    "" => "{}",
                    arguments => arguments,
                },
            }),
            (Content::ToolResult(result), "user") => Some(self.result(place, result)),
            (Content::Reasoning { text, signature }, "assistant") => {
                let summary = vec![SentSummary { text }];
                self.thought(summary, signature.as_deref())
            }
            (Content::RedactedReasoning { data }, "assistant") => {
                self.thought(Vec::new(), Some(data))
            }
            (Content::Opaque { kind, json }, _) if kind.starts_with(OWN) => {
                Some(SentItem::Opaque(json))
            }
            _ => return None,
        })
    }

    /// Earlier reasoning, where it is OpenAI's own.
    fn thought(
        &mut self,
        summary: Vec<SentSummary<'a>>,
        proof: Option<&'a str>,
    ) -> Option<SentItem<'a>> {
        let own = proof.and_then(proof::to_upstream);
        if own.is_none() {
            let reason = "OpenAI takes back only what it has encrypted itself";
            self.losses.add("messages[].reasoning", reason);
        }
        own.map(|encrypted_content| SentItem::Reasoning {
            summary,
            encrypted_content,
        })
    }

    fn result(&mut self, place: Place, result: &'a ToolResult) -> SentItem<'a> {
        let mut parts = Vec::new();
        if result.is_error {
            let field = format!("messages[{}].content[{}].is_error", place.0, place.1);
            let reason = "OpenAI has no such mark; the text begins with `Error:`";
            self.losses.add(field, reason);
            parts.push(SentPart::InputText {
                text: "Error:".into(),
            });
        }
        for block in &result.content {
            self.note_cache(block);
            parts.extend(self.part(place, false, &block.content));
        }
        SentItem::FunctionCallOutput {
            call_id: &result.call_id,
            output: SentContent::new(parts),
        }
    }

    /// A block as a content part; `None` when it is empty or cannot be carried.
    fn part(&mut self, place: Place, of_model: bool, content: &'a Content) -> Option<SentPart<'a>> {
        let reason = match content {
            Content::Text { text, citations } => {
                if !citations.is_empty() {
                    self.losses
                        .add("messages[].citations", "OpenAI takes none back");
                }
                let text = Cow::Borrowed(text.as_str());
                return (!text.is_empty()).then_some(match of_model {
                    true => SentPart::OutputText { text },
                    false => SentPart::InputText { text },
                });
            }
            Content::Refusal { text } if of_model => {
                return Some(SentPart::Refusal { refusal: text });
            }
            Content::Image(media) if !of_model => {
                let detail = media.detail.as_deref().unwrap_or("auto");
                match Address::of_image(media) {
                    Some(image_url) => return Some(SentPart::InputImage { image_url, detail }),
                    None => "OpenAI cannot take it from there",
                }
            }
            Content::Document(media) if !of_model => match file(media) {
                Some(part) => return part,
                None => "OpenAI cannot take it from there",
            },
            Content::Audio(_) => "the Responses API takes no sound",
            Content::Opaque { kind, .. } => {
                let reason = format!("`{kind}` has no place in OpenAI's items");
                self.lose(place, reason);
                return None;
            }
            _ => "has no place in a message of this role",
        };
        self.lose(place, reason);
        None
    }

    fn note_cache(&mut self, block: &Block) {
        if block.cache.is_some() {
            self.losses.add(CACHE_CONTROL.0, CACHE_CONTROL.1);
        }
    }

    fn lose(&mut self, (message, block): Place, reason: impl Into<Cow<'static, str>>) {
        let field = format!("messages[{message}].content[{block}]");
        self.losses.add(field, reason);
    }
}

/// A document: a text, which may be empty, or a file. File ids name files at another vendor.
fn file(media: &Media) -> Option<Option<SentPart<'_>>> {
    let filename = media.name.as_deref();
    Some(match &media.source {
        MediaSource::Text(text) => {
            let text = match filename {
                Some(name) => format!("{name}\n{text}").into(),
                None => Cow::Borrowed(text.as_str()),
            };
            (!text.is_empty()).then_some(SentPart::InputText { text })
        }
        MediaSource::Base64(data) => {
            let media_type = media.media_type.as_deref().unwrap_or("application/pdf");
            Some(SentPart::InputFile {
                filename: Some(filename.unwrap_or("document")),
                file_data: Some(Address::Data { media_type, data }),
                file_url: None,
            })
        }
        MediaSource::Url(url) => Some(SentPart::InputFile {
            filename: None,
            file_data: None,
            file_url: Some(url),
        }),
        MediaSource::FileId(_) => return None,
    })
}
