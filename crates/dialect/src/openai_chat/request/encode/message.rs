//! Messages for the upstream. Tool results directly follow the turn that called, each as a message
//! of its own; what tools answer besides text follows in a user message.

use std::borrow::Cow;
use std::collections::BTreeMap;

use weir_model::{Block, Content, Losses, MediaSource, Message, Quirks, Role, ToolResult};

use super::wire::{
    SentAudio, SentCall, SentCalled, SentContent, SentFile, SentImage, SentMessage, SentPart,
};
use crate::openai::body::CACHE_CONTROL;
use crate::openai::media::Address;
use crate::openai_chat::call_ids::fitting;

/// Between one thought and the next.
const BREAK: &str = "\n\n";

/// Between texts that become one string. vLLM and llama.cpp put the same between text parts where
/// a model's template takes strings only, so the model reads what it would read of parts.
const LINE: &str = "\n";

pub(super) fn encode<'a>(
    messages: &'a [Message],
    quirks: &'a Quirks,
    losses: &mut Losses,
) -> Vec<SentMessage<'a>> {
    let mut encoder = Encoder {
        out: Vec::with_capacity(messages.len()),
        quirks,
        losses,
    };
    let mut index = 0;
    while let Some(message) = messages.get(index) {
        let first = index;
        index += 1;
        match message.role {
            Role::System => encoder.speech("system", first, message),
            Role::Developer if quirks.developer_as_system => {
                encoder.speech("system", first, message);
            }
            Role::Developer => encoder.speech("developer", first, message),
            Role::Assistant => encoder.assistant(first, message),
            Role::User => {
                let users = messages[first..]
                    .iter()
                    .take_while(|m| m.role == Role::User);
                index = first + users.count();
                encoder.users(first, &messages[first..index]);
            }
        }
    }
    encoder.out
}

/// Where a block stands: message and block.
type Place = (usize, usize);

struct Encoder<'a, 'l> {
    out: Vec<SentMessage<'a>>,
    quirks: &'a Quirks,
    losses: &'l mut Losses,
}

impl<'a> Encoder<'a, '_> {
    /// User turns in a row: OpenAI wants every tool result before anything else is said.
    fn users(&mut self, first: usize, messages: &'a [Message]) {
        let mut moved = Vec::new();
        for (message, turn) in (first..).zip(messages) {
            for (index, block) in turn.blocks.iter().enumerate() {
                if let Content::ToolResult(result) = &block.content {
                    self.note_cache(block);
                    self.result((message, index), result, &mut moved);
                }
            }
        }
        if !moved.is_empty() {
            self.say("user", None, moved);
        }
        for (message, turn) in (first..).zip(messages) {
            let is_result = |b: &Block| matches!(b.content, Content::ToolResult(_));
            let answers = turn.blocks.iter().any(is_result);
            let parts = self.parts(message, turn);
            if !(answers && parts.is_empty()) {
                self.say("user", turn.name.as_deref(), parts);
            }
        }
    }

    fn result(&mut self, place: Place, result: &'a ToolResult, moved: &mut Vec<SentPart<'a>>) {
        let mut texts = Vec::new();
        let mut media = Vec::new();
        for block in &result.content {
            self.note_cache(block);
            match self.part(place, &block.content) {
                Some(SentPart::Text { text }) => texts.push(text),
                other => media.extend(other),
            }
        }
        if !media.is_empty() {
            self.lose(
                place,
                "OpenAI takes text only from tools; the rest follows as the user's",
            );
            let text = format!("From the result of tool call {}:", result.call_id).into();
            moved.push(SentPart::Text { text });
            moved.append(&mut media);
        }
        if result.is_error {
            let field = format!("messages[{}].content[{}].is_error", place.0, place.1);
            self.losses.add(
                field,
                "OpenAI has no such mark; the text begins with `Error:`",
            );
            texts.insert(0, Cow::Borrowed("Error:"));
        }
        self.out.push(SentMessage {
            role: "tool",
            tool_call_id: Some(fitting(&result.call_id, self.quirks)),
            content: Some(SentContent::Text(joined(texts, LINE))),
            ..SentMessage::default()
        });
    }

    /// A message of content only.
    fn speech(&mut self, role: &'static str, message: usize, turn: &'a Message) {
        let parts = self.parts(message, turn);
        self.say(role, turn.name.as_deref(), parts);
    }

    fn parts(&mut self, message: usize, turn: &'a Message) -> Vec<SentPart<'a>> {
        let mut parts = Vec::with_capacity(turn.blocks.len());
        for (index, block) in turn.blocks.iter().enumerate() {
            if !matches!(block.content, Content::ToolResult(_)) {
                self.note_cache(block);
                parts.extend(self.part((message, index), &block.content));
            }
        }
        parts
    }

    fn say(&mut self, role: &'static str, name: Option<&'a str>, parts: Vec<SentPart<'a>>) {
        let content = self.content(parts, LINE);
        self.out.push(SentMessage {
            role,
            name,
            content: Some(content),
            ..SentMessage::default()
        });
    }

    fn assistant(&mut self, message: usize, turn: &'a Message) {
        let mut parts = Vec::new();
        let mut tool_calls = Vec::new();
        let mut thoughts = Vec::new();
        for (index, block) in turn.blocks.iter().enumerate() {
            self.note_cache(block);
            match &block.content {
                Content::ToolCall(call) => tool_calls.push(SentCall {
                    id: fitting(&call.id, self.quirks),
                    r#type: "function",
                    function: SentCalled {
                        name: &call.name,
                        arguments: match call.arguments.as_str() {
                            "" => "{}",
                            arguments => arguments,
                        },
                    },
                }),
                Content::Reasoning { text, signature } => {
                    thoughts.extend(self.thought(text, signature.is_some()));
                }
                Content::Refusal { text } => parts.push(match self.quirks.string_content {
                    true => SentPart::Text { text: text.into() },
                    false => SentPart::Refusal { refusal: text },
                }),
                other => parts.extend(self.part((message, index), other)),
            }
        }
        let mut reasoning = BTreeMap::new();
        if let Some(field) = &self.quirks.reasoning_field
            && !thoughts.is_empty()
        {
            reasoning.insert(field.as_str(), thoughts.join(BREAK));
        }
        let silent = parts.is_empty() && !tool_calls.is_empty();
        // The blocks of an answer are one text, cut where something was cited.
        let content = (!silent).then(|| self.content(parts, ""));
        self.out.push(SentMessage {
            role: "assistant",
            name: turn.name.as_deref(),
            content,
            reasoning,
            tool_calls,
            ..SentMessage::default()
        });
    }

    /// Earlier reasoning, where the provider takes it back.
    fn thought(&mut self, text: &'a str, signed: bool) -> Option<&'a str> {
        if self.quirks.reasoning_field.is_none() {
            let reason = "the provider takes no earlier reasoning back";
            self.losses.add("messages[].reasoning", reason);
            return None;
        }
        if signed {
            let reason = "means nothing to another vendor";
            self.losses.add("messages[].reasoning.signature", reason);
        }
        (!text.is_empty()).then_some(text)
    }

    /// One string where that says it all, because many servers take nothing else, or where the
    /// provider wants it.
    fn content(&mut self, parts: Vec<SentPart<'a>>, between: &str) -> SentContent<'a> {
        let all_text = parts
            .iter()
            .all(|part| matches!(part, SentPart::Text { .. }));
        if !(all_text || self.quirks.string_content) {
            return SentContent::Parts(parts);
        }
        if !all_text {
            self.losses
                .add("messages[].content", "the provider takes text only");
        }
        let texts = parts.into_iter().filter_map(|part| match part {
            SentPart::Text { text } => Some(text),
            _ => None,
        });
        SentContent::Text(joined(texts.collect(), between))
    }

    /// A block as a content part; `None` when it is empty or cannot be carried.
    fn part(&mut self, place: Place, content: &'a Content) -> Option<SentPart<'a>> {
        match content {
            Content::Text { text, citations } => {
                if !citations.is_empty() {
                    self.losses
                        .add("messages[].citations", "OpenAI takes none back");
                }
                let text = Cow::Borrowed(text.as_str());
                return (!text.is_empty()).then_some(SentPart::Text { text });
            }
            Content::Image(media) => {
                if let Some(url) = Address::of_image(media) {
                    let detail = media.detail.as_deref();
                    return Some(SentPart::ImageUrl {
                        image_url: SentImage { url, detail },
                    });
                }
            }
            Content::Audio(media) => {
                if let MediaSource::Base64(data) = &media.source {
                    let format = audio_format(media.media_type.as_deref().unwrap_or_default());
                    return Some(SentPart::InputAudio {
                        input_audio: SentAudio { data, format },
                    });
                }
            }
            Content::Document(media) => match &media.source {
                MediaSource::Text(text) => {
                    if media.name.is_some() {
                        let field = format!("messages[{}].content[{}].title", place.0, place.1);
                        self.losses.add(field, "OpenAI's texts have no titles");
                    }
                    let text = Cow::Borrowed(text.as_str());
                    return (!text.is_empty()).then_some(SentPart::Text { text });
                }
                MediaSource::Base64(data) => {
                    let media_type = media.media_type.as_deref().unwrap_or("application/pdf");
                    let file = SentFile {
                        filename: media.name.as_deref().unwrap_or("document"),
                        file_data: Address::Data { media_type, data },
                    };
                    return Some(SentPart::File { file });
                }
                MediaSource::Url(_) | MediaSource::FileId(_) => {}
            },
            Content::Opaque { kind, .. } => {
                self.lose(place, format!("`{kind}` has no place in OpenAI's messages"));
                return None;
            }
            Content::RedactedReasoning { .. } => {
                let reason = "only the vendor that thought it can read it";
                self.losses.add("messages[].reasoning.redacted", reason);
                return None;
            }
            _ => {
                self.lose(place, "has no place in a message of this role");
                return None;
            }
        }
        self.lose(place, "OpenAI cannot take it from there");
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

/// Texts as one, without a copy when there is one.
fn joined<'a>(mut texts: Vec<Cow<'a, str>>, with: &str) -> Cow<'a, str> {
    match texts.len() {
        0 | 1 => texts.pop().unwrap_or_default(),
        _ => Cow::Owned(texts.join(with)),
    }
}

/// `wav` and `mp3` are what OpenAI takes; other types go by their own name.
fn audio_format(media_type: &str) -> &str {
    match media_type {
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/wav" | "audio/x-wav" | "audio/wave" | "" => "wav",
        other => other.strip_prefix("audio/").unwrap_or(other),
    }
}
