//! The conversation as Cohere takes it: system text first, each tool result as a message of its own
//! right after the turn that called, text documents apart, nothing empty.

use std::borrow::Cow;

use serde::Serialize;
use weir_model::{
    Block, Content, Json, Losses, Media, MediaSource, Message, Rejection, Role, ToolResult,
};

use super::super::citation::is_own;
use super::super::response::SentCall;
use super::super::{OPAQUE, name};
use super::documents::SentDocument;
use super::encode::NO_MARKS;
use crate::openai::body::CACHE_CONTROL;
use crate::openai::media::Address;

/// One entry of `messages`.
#[derive(Debug, Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub(super) enum Turn<'a> {
    System {
        content: Words<'a>,
    },
    User {
        content: Words<'a>,
    },
    Assistant {
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<Words<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tool_plan: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<SentCall<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<&'a Json>,
    },
    Tool {
        tool_call_id: &'a str,
        content: Words<'a>,
    },
}

/// One string where that says it all.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Words<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Part<'a> {
    Own(Own<'a>),
    Opaque(&'a Json),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Own<'a> {
    Text { text: Cow<'a, str> },
    Thinking { thinking: &'a str },
    ImageUrl { image_url: Image<'a> },
    Document { document: SentDocument<'a> },
}

#[derive(Debug, Serialize)]
pub(super) struct Image<'a> {
    url: Address<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl<'a> Words<'a> {
    /// The parts, of which there is at least one.
    fn of(mut parts: Vec<Part<'a>>) -> Words<'a> {
        match parts.pop() {
            Some(Part::Own(Own::Text { text })) if parts.is_empty() => Words::Text(text),
            last => {
                parts.extend(last);
                Words::Parts(parts)
            }
        }
    }
}

fn text<'a>(text: impl Into<Cow<'a, str>>) -> Part<'a> {
    Part::Own(Own::Text { text: text.into() })
}

/// A conversation in Cohere's shape.
pub(super) struct Conversation<'a, 'l> {
    pub(super) turns: Vec<Turn<'a>>,
    pub(super) documents: Vec<SentDocument<'a>>,
    losses: &'l mut Losses,
}

/// Builds the conversation.
///
/// # Errors
/// An invalid-request rejection when nothing is said.
pub(super) fn build<'a, 'l>(
    messages: &'a [Message],
    losses: &'l mut Losses,
) -> Result<Conversation<'a, 'l>, Rejection> {
    let mut all = Conversation {
        turns: Vec::with_capacity(messages.len() + 1),
        documents: Vec::new(),
        losses,
    };
    let leads = |message: &&Message| matches!(message.role, Role::System | Role::Developer);
    let leading = messages.iter().take_while(leads).count();
    let mut system = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let path = format!("messages[{at}]");
        if message.name.is_some() {
            let reason = "Cohere has no names of speakers";
            all.losses.add(format!("{path}.name"), reason);
        }
        match message.role {
            Role::System | Role::Developer if at < leading => {
                system.extend(all.parts(message, &path));
            }
            Role::System | Role::Developer => all.later_system(message, &path),
            Role::User => all.user(message, &path),
            Role::Assistant => all.assistant(message, &path),
        }
    }
    if all.turns.is_empty() {
        let last = system.pop().ok_or_else(|| {
            Rejection::invalid("messages: at least one message with content is required.")
                .with_param("messages")
        })?;
        let reason = "a user's turn is required: the last system text is sent as one";
        all.losses.add("messages", reason);
        let content = Words::of(vec![last]);
        all.turns.push(Turn::User { content });
    }
    if !system.is_empty() {
        let content = Words::of(system);
        all.turns.insert(0, Turn::System { content });
    }
    Ok(all)
}

impl<'a> Conversation<'a, '_> {
    /// Cohere takes system text at the beginning only.
    fn later_system(&mut self, message: &'a Message, path: &str) {
        let mut parts = self.parts(message, path);
        if parts.is_empty() {
            return;
        }
        let reason = "later system text is sent as a user's, in <system> tags";
        self.losses.add(format!("{path}.role"), reason);
        for part in &mut parts {
            if let Part::Own(Own::Text { text }) = part {
                *text = format!("<system>\n{text}\n</system>").into();
            }
        }
        self.turns.push(Turn::User {
            content: Words::of(parts),
        });
    }

    /// Tool results first; what they hold besides text and documents follows as the user's.
    fn user(&mut self, message: &'a Message, path: &str) {
        let mut moved = Vec::new();
        for (at, block) in message.blocks.iter().enumerate() {
            if let Content::ToolResult(result) = &block.content {
                self.note_cache(block);
                self.result(result, &format!("{path}.content[{at}]"), &mut moved);
            }
        }
        moved.extend(self.parts(message, path));
        if !moved.is_empty() {
            self.turns.push(Turn::User {
                content: Words::of(moved),
            });
        }
    }

    fn result(&mut self, result: &'a ToolResult, path: &str, moved: &mut Vec<Part<'a>>) {
        let mut parts = Vec::new();
        if result.is_error {
            let reason = "Cohere has no such mark; the text begins with `Error:`";
            self.losses.add(format!("{path}.is_error"), reason);
            parts.push(text("Error:"));
        }
        for block in &result.content {
            self.note_cache(block);
            match &block.content {
                Content::Document(media) => match SentDocument::of(media) {
                    Some(document) => parts.push(Part::Own(Own::Document { document })),
                    None => self.lose(path, "Cohere takes documents as text only"),
                },
                content => match self.part(content, Role::User, path) {
                    Some(part @ Part::Own(Own::Text { .. })) => parts.push(part),
                    Some(other) => {
                        let reason = "Cohere takes text and documents from tools; the rest follows \
                                      as the user's";
                        self.lose(path, reason);
                        let from = format!("From the result of tool call {}:", result.call_id);
                        moved.extend([text(from), other]);
                    }
                    None => {}
                },
            }
        }
        let content = match parts.is_empty() {
            true => Words::Text(Cow::Borrowed("")),
            false => Words::of(parts),
        };
        self.turns.push(Turn::Tool {
            tool_call_id: &result.call_id,
            content,
        });
    }

    fn assistant(&mut self, message: &'a Message, path: &str) {
        let (mut parts, mut plan) = (Vec::new(), String::new());
        let (mut tool_calls, mut cited) = (Vec::new(), Vec::new());
        let is_call = |block: &Block| matches!(block.content, Content::ToolCall(_));
        let calls = message.blocks.iter().any(is_call);
        for (at, block) in message.blocks.iter().enumerate() {
            self.note_cache(block);
            let path = format!("{path}.content[{at}]");
            match &block.content {
                Content::ToolCall(call) => {
                    let mut sent = SentCall::new(call, name::escape(&call.name));
                    if sent.wrap() {
                        let reason = "the arguments are no JSON: sent as {\"_raw\": ...}";
                        self.losses.add(format!("{path}.arguments"), reason);
                    }
                    tool_calls.push(sent);
                }
                Content::Text { text, citations } if calls => {
                    self.cite((text, citations), &path, &mut cited);
                    plan.push_str(text);
                }
                Content::Refusal { text } if calls => plan.push_str(text),
                Content::Text {
                    text: said,
                    citations,
                } => {
                    self.cite((said, citations), &path, &mut cited);
                    self.say(&mut parts, said);
                }
                Content::Refusal { text: said } => self.say(&mut parts, said),
                Content::Reasoning { text, signature } => {
                    if signature.is_some() {
                        let reason = "means nothing to another vendor";
                        self.losses.add(format!("{path}.signature"), reason);
                    }
                    if !text.is_empty() {
                        parts.push(Part::Own(Own::Thinking { thinking: text }));
                    }
                }
                other => parts.extend(self.part(other, Role::Assistant, &path)),
            }
        }
        if parts.is_empty() && tool_calls.is_empty() {
            return;
        }
        self.turns.push(Turn::Assistant {
            content: (!parts.is_empty()).then(|| Words::of(parts)),
            tool_plan: (!plan.is_empty()).then_some(plan),
            tool_calls,
            citations: cited,
        });
    }

    /// The blocks of an answer are one text, cut where something was cited.
    fn say(&mut self, parts: &mut Vec<Part<'a>>, said: &'a str) {
        match parts.last_mut() {
            Some(Part::Own(Own::Text { text })) => text.to_mut().push_str(said),
            _ if said.is_empty() => {}
            _ => parts.push(text(said)),
        }
    }

    fn cite(
        &mut self,
        (text, citations): (&str, &'a [Json]),
        path: &str,
        cited: &mut Vec<&'a Json>,
    ) {
        let known = cited.len();
        let own = citations.iter().filter(|citation| is_own(citation));
        cited.extend(own.filter(|_| !text.is_empty()));
        if cited.len() - known < citations.len() {
            let reason = "Cohere takes only its own back, for a text";
            self.losses.add(format!("{path}.citations"), reason);
        }
    }

    /// What a message says besides tool results and documents, which are put aside.
    fn parts(&mut self, message: &'a Message, path: &str) -> Vec<Part<'a>> {
        let mut parts = Vec::with_capacity(message.blocks.len());
        for (at, block) in message.blocks.iter().enumerate() {
            let path = format!("{path}.content[{at}]");
            match &block.content {
                Content::ToolResult(_) => continue,
                Content::Document(media) if message.role == Role::User => {
                    self.document(media, &path);
                }
                content => parts.extend(self.part(content, message.role, &path)),
            }
            self.note_cache(block);
        }
        parts
    }

    fn document(&mut self, media: &'a Media, path: &str) {
        match SentDocument::of(media) {
            Some(document) => self.documents.push(document),
            None => {
                self.note_name(media, path);
                self.lose(path, "Cohere takes documents as text only");
            }
        }
    }

    fn note_name(&mut self, media: &Media, path: &str) {
        if media.name.is_some() {
            let reason = "Cohere has names for texts only";
            self.losses.add(format!("{path}.name"), reason);
        }
    }

    /// A block as a part of content; `None` when it is empty or cannot be carried.
    fn part(&mut self, content: &'a Content, role: Role, path: &str) -> Option<Part<'a>> {
        let spoken = matches!(role, Role::User | Role::Assistant);
        match content {
            Content::Text { text: said, .. } | Content::Refusal { text: said } => {
                return (!said.is_empty()).then(|| text(said));
            }
            Content::Image(media) if role == Role::User => {
                self.note_name(media, path);
                if let Some(url) = Address::of_image(media).filter(|_| is_reachable(media)) {
                    let detail = media.detail.as_deref();
                    let image_url = Image { url, detail };
                    return Some(Part::Own(Own::ImageUrl { image_url }));
                }
                self.lose(path, "Cohere cannot take it from there");
            }
            Content::Opaque { kind, json } if spoken && kind.starts_with(OPAQUE) => {
                return Some(Part::Opaque(json));
            }
            Content::Opaque { kind, .. } => {
                self.lose(path, format!("`{kind}` has no place in Cohere's messages"));
            }
            Content::RedactedReasoning { .. } => {
                self.lose(path, "only the vendor that thought it can read it");
            }
            Content::Audio(_) => self.lose(path, "Cohere's chat takes no sound"),
            _ => self.lose(path, "has no place in a message of this role"),
        }
        None
    }

    fn note_cache(&mut self, block: &Block) {
        if block.cache.is_some() {
            self.losses.add(CACHE_CONTROL.0, NO_MARKS);
        }
    }

    fn lose(&mut self, path: &str, reason: impl Into<Cow<'static, str>>) {
        self.losses.add(path, reason);
    }
}

/// Data, or an address of the web.
fn is_reachable(media: &Media) -> bool {
    match &media.source {
        MediaSource::Url(url) => !url.starts_with("gs://"),
        _ => true,
    }
}
