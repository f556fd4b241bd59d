//! Whose answer a body is, told by its own words: for answers to requests that nobody read, as those
//! of batches and of what passes through untouched.

use weir_model::{Dialect, Operation, Usage};

use crate::json::scan::string;
use crate::json::walk::Walk;
use crate::{openai_operations, upstream, vectors};

/// What an answer of a known dialect says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sniffed {
    /// The model that answered, as its vendor names it.
    pub model: Option<String>,
    /// What was used.
    pub usage: Option<Usage>,
}

/// Reads a whole answer; `None` when it is in no dialect that tells usage.
pub fn sniff(body: &[u8]) -> Option<Sniffed> {
    let receipt = match spoken(body)? {
        (Some(dialect), operation) => upstream(dialect).read_receipt(operation, body),
        (None, Operation::Embedding) => vectors::read_receipt(body),
        (None, operation) => openai_operations::read_receipt(operation, body),
    };
    let receipt = receipt.ok()?;
    let model = receipt.model_span.and_then(|span| string(&body[span]));
    Some(Sniffed {
        model: model.map(|model| model.into_owned()),
        usage: receipt.usage,
    })
}

/// The dialect of a stream, by the data of one of its first frames.
pub fn sniff_frame(data: &[u8]) -> Option<Dialect> {
    let marks = Marks::read(data)?;
    Some(match (&*marks.object, &*marks.kind) {
        ("chat.completion.chunk", _) => Dialect::OpenAiChat,
        (_, "message_start") => Dialect::AnthropicMessages,
        (_, "message-start") => Dialect::CohereChat,
        (_, kind) if kind.starts_with("response.") => Dialect::OpenAiResponses,
        _ if marks.candidates => Dialect::Gemini,
        _ => return None,
    })
}

/// `None` in the place of the dialect for what is no chat.
fn spoken(body: &[u8]) -> Option<(Option<Dialect>, Operation)> {
    let marks = Marks::read(body)?;
    let chat = |dialect| Some((Some(dialect), Operation::Chat));
    match (&*marks.object, &*marks.kind) {
        ("chat.completion" | "text_completion", _) => chat(Dialect::OpenAiChat),
        ("response", _) => chat(Dialect::OpenAiResponses),
        (_, "message") => chat(Dialect::AnthropicMessages),
        _ if marks.candidates => chat(Dialect::Gemini),
        ("", "") if marks.finished => chat(Dialect::CohereChat),
        ("list", _) if marks.usage => Some((None, Operation::Embedding)),
        ("", "") if marks.usage => Some((None, Operation::ImageGeneration)),
        _ => None,
    }
}

/// The words by which dialects are told apart.
#[derive(Default)]
struct Marks {
    object: String,
    kind: String,
    candidates: bool,
    /// Why it ended, at the top.
    finished: bool,
    usage: bool,
}

impl Marks {
    fn read(body: &[u8]) -> Option<Marks> {
        Walk::through(body, |walk| {
            let mut marks = Marks::default();
            if !walk.begins(b'{') {
                return None;
            }
            walk.object(|walk, key| match key {
                b"object" => walk.text().map(|text| marks.object = text.into_owned()),
                b"type" => walk.text().map(|text| marks.kind = text.into_owned()),
                b"candidates" | b"usageMetadata" => {
                    marks.candidates = true;
                    walk.skip().map(drop)
                }
                b"finish_reason" => {
                    marks.finished = true;
                    walk.skip().map(drop)
                }
                b"usage" => {
                    marks.usage = true;
                    walk.skip().map(drop)
                }
                _ => walk.skip().map(drop),
            })?;
            Some(marks)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_tell_their_dialect() {
        let read = |body: &str| {
            let sniffed = sniff(body.as_bytes())?;
            let usage = sniffed.usage.unwrap_or_default();
            Some((sniffed.model?, usage.input_tokens, usage.output_tokens))
        };
        for body in [
            r#"{"object":"chat.completion","model":"m","choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
            r#"{"object":"response","status":"completed","model":"m","output":[],"usage":{"input_tokens":3,"output_tokens":4}}"#,
            r#"{"type":"message","model":"m","role":"assistant","content":[],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":4}}"#,
            r#"{"modelVersion":"m","candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4}}"#,
        ] {
            assert_eq!(read(body), Some(("m".into(), 3, 4)), "{body}");
        }
        let vectors = r#"{"object":"list","data":[],"model":"m","usage":{"prompt_tokens":3}}"#;
        assert_eq!(read(vectors), Some(("m".into(), 3, 0)));
        for other in [
            "",
            "[]",
            "{}",
            r#"{"object":"assistant","model":"m"}"#,
            "RIFF",
        ] {
            assert_eq!(sniff(other.as_bytes()), None, "{other}");
        }
        // Cohere's answers name no model.
        let cohere = br#"{"id":"a","message":{"role":"assistant"},"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":3,"output_tokens":4}}}"#;
        let usage = sniff(cohere).unwrap().usage.unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens), (3, 4));
        let start = sniff_frame(br#"{"type":"message-start","id":"a"}"#);
        assert_eq!(start, Some(Dialect::CohereChat));
        let frame = br#"{"type":"message_start","message":{}}"#;
        assert_eq!(sniff_frame(frame), Some(Dialect::AnthropicMessages));
        assert_eq!(sniff_frame(br#"{"type":"thread.created"}"#), None);
    }
}
