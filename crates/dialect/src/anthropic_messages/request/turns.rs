//! The conversation as Anthropic takes it: leading system text apart, turns of one role merged,
//! tool results first in a user's turn, thinking first in the model's, nothing empty.
//!
//! A turn of the model may come first: the vendor no longer refuses it.

use std::borrow::Cow;

use serde::Serialize;
use weir_model::{
    Block, Capabilities, Content, Dialect, Losses, Media, MediaSource, Message, Rejection, Role,
    ToolCall, ToolResult, is_sealed,
};

use super::super::wire::{Citing, Input, Mark, OPAQUE, Part, Source, is_citation};

/// Why the thinking of others is lost.
const FOREIGN: &str = "only the vendor that thought it takes it back";

/// Whether a signature may be Anthropic's: it is not sealed, and does not name another vendor.
fn is_own(signature: &str) -> bool {
    let signer = Dialect::signer(signature);
    !is_sealed(signature) && signer.is_none_or(|by| by == Dialect::AnthropicMessages)
}

/// One entry of `messages`.
#[derive(Debug, Serialize)]
pub(super) struct Turn<'a> {
    pub(super) role: &'static str,
    pub(super) content: Vec<Part<'a>>,
}

/// A conversation in Anthropic's shape.
#[derive(Debug, Default)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Part<'a>>,
    pub(super) turns: Vec<Turn<'a>>,
    /// Whether it names files uploaded earlier, which takes a beta header.
    pub(super) names_files: bool,
    /// Cache marks inside blocks that are carried as they are.
    pub(super) fixed_marks: usize,
    /// Later system text that waits for the end of the user's turn.
    waiting: Vec<(String, Part<'a>)>,
}

/// Builds the conversation.
///
/// # Errors
/// An invalid-request rejection when nothing is said.
pub(super) fn build<'a>(
    messages: &'a [Message],
    capabilities: &Capabilities,
    losses: &mut Losses,
) -> Result<Conversation<'a>, Rejection> {
    let mut all = Conversation::default();
    for (at, message) in messages.iter().enumerate() {
        let path = format!("messages[{at}]");
        if message.name.is_some() {
            losses.add(format!("{path}.name"), "Anthropic has no names of speakers");
        }
        let parts = all.parts(message, &path, losses);
        if parts.is_empty() {
            continue;
        }
        match message.role {
            Role::User => {
                for (path, _) in &all.waiting {
                    losses.add(path.as_str(), "system text moves behind the user's turn");
                }
                all.say("user", parts);
            }
            Role::Assistant => {
                all.release(losses);
                all.say("assistant", parts);
            }
            Role::System | Role::Developer if all.turns.is_empty() => all.system.extend(parts),
            Role::System | Role::Developer if capabilities.mid_system => {
                let parts = parts.into_iter().map(|part| (path.clone(), part));
                all.waiting.extend(parts);
            }
            Role::System | Role::Developer => {
                for part in parts {
                    all.wrap(&path, part, losses);
                }
            }
        }
    }
    all.release(losses);
    if all.turns.is_empty() {
        let last = all.system.pop().ok_or_else(|| {
            Rejection::invalid("messages: at least one message with content is required.")
                .with_param("messages")
        })?;
        losses.add(
            "messages",
            "a user's turn is required: the last system text is sent as one",
        );
        all.say("user", vec![last]);
    }
    for turn in &mut all.turns {
        match turn.role {
            "user" => turn
                .content
                .sort_by_key(|part| !matches!(part, Part::ToolResult { .. })),
            // A turn that begins with thinking came from the vendor: its order is its own.
            _ if !turn.content.first().is_some_and(Part::is_thinking) => {
                turn.content.sort_by_key(|part| !part.is_thinking());
            }
            _ => {}
        }
    }
    Ok(all)
}

impl<'a> Conversation<'a> {
    /// Has the documents cited: Anthropic takes all of them or none.
    pub(super) fn cite_documents(&mut self) {
        for part in self.turns.iter_mut().flat_map(|turn| &mut turn.content) {
            let parts = match part {
                Part::ToolResult { content, .. } => &mut content[..],
                part => std::slice::from_mut(part),
            };
            for part in parts {
                if let Part::Document { citations, .. } = part {
                    *citations = Some(Citing { enabled: true });
                }
            }
        }
    }

    /// Takes away what a model that cannot continue a turn refuses, or what no model takes at the
    /// end of a turn to be continued.
    pub(super) fn settle_prefill(&mut self, can_continue: bool, losses: &mut Losses) {
        let Some(last) = self
            .turns
            .last_mut()
            .filter(|turn| turn.role == "assistant")
        else {
            return;
        };
        if let Some(Part::Text { text, .. }) = last.content.last_mut() {
            match text {
                Cow::Borrowed(text) => *text = text.trim_end(),
                Cow::Owned(text) => text.truncate(text.trim_end().len()),
            }
        }
        if !can_continue {
            losses.add(
                "messages",
                "the model cannot continue its own turn: it is asked to in words",
            );
            self.say("user", vec![Part::text("Continue.")]);
        }
    }

    /// Whether the model waits for tool results in a turn that does not begin with thinking, which
    /// forbids thinking by budget.
    pub(super) fn calls_tools_unthinking(&self) -> bool {
        let last = self.turns.iter().rfind(|turn| turn.role == "assistant");
        let answered = self.turns.last().is_some_and(|turn| {
            let mut parts = turn.content.iter();
            parts.any(|part| matches!(part, Part::ToolResult { .. }))
        });
        answered && last.is_some_and(|turn| !turn.content.first().is_some_and(Part::is_thinking))
    }

    fn say(&mut self, role: &'static str, parts: Vec<Part<'a>>) {
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => turn.content.extend(parts),
            _ => self.turns.push(Turn {
                role,
                content: parts,
            }),
        }
    }

    /// Lets waiting system text go: behind a user's turn by its own role, else as a user's text.
    /// <https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages>
    fn release(&mut self, losses: &mut Losses) {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return;
        }
        if self.turns.last().is_some_and(|turn| turn.role == "user") {
            self.say(
                "system",
                waiting.into_iter().map(|(_, part)| part).collect(),
            );
        } else {
            for (path, part) in waiting {
                self.wrap(&path, part, losses);
            }
        }
    }

    fn wrap(&mut self, path: &str, part: Part<'a>, losses: &mut Losses) {
        let Part::Text {
            text,
            cache_control,
            ..
        } = part
        else {
            return;
        };
        let reason = "later system text is sent as a user's, in <system> tags";
        losses.add(format!("{path}.role"), reason);
        let part = Part::Text {
            text: format!("<system>\n{text}\n</system>").into(),
            citations: Vec::new(),
            cache_control,
        };
        self.say("user", vec![part]);
    }

    fn parts(&mut self, message: &'a Message, path: &str, losses: &mut Losses) -> Vec<Part<'a>> {
        let blocks = message.blocks.iter().enumerate();
        blocks
            .filter_map(|(at, block)| {
                let path = format!("{path}.content[{at}]");
                self.part(block, message.role, &path, losses)
            })
            .collect()
    }

    fn part(
        &mut self,
        block: &'a Block,
        role: Role,
        path: &str,
        losses: &mut Losses,
    ) -> Option<Part<'a>> {
        let cache_control = block.cache.map(Mark::from);
        let system = matches!(role, Role::System | Role::Developer);
        let lost = match (&block.content, role) {
            (Content::Text { text, citations }, _) => {
                return text_part(text, citations, cache_control, path, losses);
            }
            (Content::Refusal { text }, _) => {
                return text_part(text, &[], cache_control, path, losses);
            }
            _ if system => "system text is all that stands here",
            (Content::Reasoning { text, signature }, Role::Assistant) => match signature {
                Some(signature) if is_own(signature) => {
                    return Some(Part::Thinking {
                        thinking: text,
                        signature,
                    });
                }
                Some(_) => FOREIGN,
                None => "thinking without a signature cannot be sent back",
            },
            (Content::RedactedReasoning { data }, Role::Assistant) => {
                if is_own(data) {
                    return Some(Part::RedactedThinking { data });
                }
                FOREIGN
            }
            (Content::ToolCall(call), Role::Assistant) => {
                return Some(call_part(call, cache_control, path, losses));
            }
            (Content::ToolResult(result), Role::User) => {
                return Some(self.result_part(result, cache_control, path, losses));
            }
            (Content::Image(media), Role::User) => {
                return self.image(media, cache_control, path, losses);
            }
            (Content::Document(media), Role::User) => {
                return self.document(media, cache_control, path, losses);
            }
            (Content::Opaque { kind, json }, _) if kind.starts_with(OPAQUE) => {
                self.fixed_marks += usize::from(block.cache.is_some());
                return Some(Part::Opaque(json));
            }
            (Content::Opaque { .. }, _) => "only its own vendor understands it",
            (Content::Audio(_), _) => "Anthropic takes no sound",
            _ => "Anthropic does not take it from this role",
        };
        losses.add(path, lost);
        None
    }

    fn result_part(
        &mut self,
        result: &'a ToolResult,
        cache_control: Option<Mark>,
        path: &str,
        losses: &mut Losses,
    ) -> Part<'a> {
        let blocks = result.content.iter().enumerate();
        let content = blocks
            .filter_map(|(at, block)| {
                let path = format!("{path}.content[{at}]");
                if matches!(block.content, Content::ToolResult(_)) {
                    losses.add(path, "a tool's result holds no other");
                    return None;
                }
                self.part(block, Role::User, &path, losses)
            })
            .collect();
        Part::ToolResult {
            tool_use_id: tool_id(&result.call_id),
            content,
            is_error: result.is_error,
            cache_control,
        }
    }

    fn image(
        &mut self,
        media: &'a Media,
        cache_control: Option<Mark>,
        path: &str,
        losses: &mut Losses,
    ) -> Option<Part<'a>> {
        if media
            .detail
            .as_deref()
            .is_some_and(|detail| detail != "auto")
        {
            losses.add(format!("{path}.detail"), "Anthropic chooses the resolution");
        }
        let source = match &media.source {
            MediaSource::Base64(data) => match image_type(data, media.media_type.as_deref()) {
                Some(media_type) => Source::Base64 { media_type, data },
                None => {
                    losses.add(path, "Anthropic takes png, jpeg, gif and webp");
                    return None;
                }
            },
            MediaSource::Text(_) => {
                losses.add(path, "text is no image");
                return None;
            }
            MediaSource::Url(_) | MediaSource::FileId(_) => {
                self.remote(&media.source, path, losses)?
            }
        };
        Some(Part::Image {
            source,
            cache_control,
        })
    }

    fn document(
        &mut self,
        media: &'a Media,
        cache_control: Option<Mark>,
        path: &str,
        losses: &mut Losses,
    ) -> Option<Part<'a>> {
        let source = match &media.source {
            MediaSource::Text(data) => Source::Text {
                media_type: "text/plain",
                data,
            },
            MediaSource::Base64(data) => {
                // "%PDF-" in base64.
                let is_pdf = data.starts_with("JVBERi0")
                    || media.media_type.as_deref() == Some("application/pdf");
                if !is_pdf {
                    losses.add(path, "Anthropic takes PDF and plain text");
                    return None;
                }
                Source::Base64 {
                    media_type: "application/pdf",
                    data,
                }
            }
            MediaSource::Url(_) | MediaSource::FileId(_) => {
                self.remote(&media.source, path, losses)?
            }
        };
        Some(Part::Document {
            source,
            title: media.name.as_deref().filter(|name| !name.is_empty()),
            citations: None,
            cache_control,
        })
    }

    /// A source that the vendor fetches.
    fn remote(
        &mut self,
        source: &'a MediaSource,
        path: &str,
        losses: &mut Losses,
    ) -> Option<Source<'a>> {
        match source {
            MediaSource::Url(url) => Some(Source::Url { url }),
            // OpenAI's ids begin so; Anthropic's with `file_`.
            MediaSource::FileId(file_id) if file_id.starts_with("file-") => {
                losses.add(path, "a file that was uploaded to another vendor");
                None
            }
            MediaSource::FileId(file_id) => {
                self.names_files = true;
                Some(Source::File { file_id })
            }
            MediaSource::Base64(_) | MediaSource::Text(_) => None,
        }
    }
}

fn text_part<'a>(
    text: &'a str,
    citations: &'a [weir_model::Json],
    cache_control: Option<Mark>,
    path: &str,
    losses: &mut Losses,
) -> Option<Part<'a>> {
    if text.trim().is_empty() {
        if cache_control.is_some() {
            losses.add(
                format!("{path}.cache_control"),
                "a blank text cannot be marked",
            );
        }
        return None;
    }
    let known: Vec<_> = citations.iter().filter(|c| is_citation(c)).collect();
    if known.len() < citations.len() {
        losses.add(format!("{path}.citations"), "not in Anthropic's shape");
    }
    Some(Part::Text {
        text: text.into(),
        citations: known,
        cache_control,
    })
}

fn call_part<'a>(
    call: &'a ToolCall,
    cache_control: Option<Mark>,
    path: &str,
    losses: &mut Losses,
) -> Part<'a> {
    let input = Input::new(&call.arguments);
    if matches!(input, Input::Wrapped { .. }) {
        let reason = "the arguments are no JSON object: sent as {\"_raw\": ...}";
        losses.add(format!("{path}.arguments"), reason);
    }
    Part::ToolUse {
        id: tool_id(&call.id),
        name: &call.name,
        input,
        cache_control,
    }
}

/// The id as Anthropic takes it, `[a-zA-Z0-9_-]+`. Equal ids stay equal and different ones
/// different, without a table: what must change gets a hash of the original.
fn tool_id(id: &str) -> Cow<'_, str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.chars().all(fits) {
        return Cow::Borrowed(id);
    }
    // FNV-1a, 64 bits.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let clean = id.chars().take(24).map(|c| if fits(c) { c } else { '_' });
    Cow::Owned(format!("{}_{hash:016x}", clean.collect::<String>()))
}

/// The media type of an image by its first bytes, else as declared, where Anthropic takes it. The
/// bytes win, because the vendor compares them.
fn image_type<'a>(data: &str, declared: Option<&'a str>) -> Option<&'a str> {
    let magic = [
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGOD", "image/gif"),
        ("UklGR", "image/webp"),
    ];
    let sniffed = magic.iter().find(|(start, _)| data.starts_with(start));
    match (sniffed, declared) {
        (Some((_, media_type)), _) => Some(media_type),
        (None, Some("image/jpg")) => Some("image/jpeg"),
        (None, Some(t @ ("image/png" | "image/jpeg" | "image/gif" | "image/webp"))) => Some(t),
        (None, _) => None,
    }
}
