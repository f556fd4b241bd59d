//! The wires that the simulator speaks for turns, behind one type.
//!
//! [`play`] joins reading, composing and pacing; everything here is free of IO.

use std::time::Duration;

use serde_json::Value;

use crate::{
    agent, anthropic, cohere, gemini, openai,
    reply::{End, Reply, Step},
    responses,
    script::Script,
    turn::{Answer, Finish, Prompt, compose, hash},
};

/// A vendor's wire format for turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// OpenAI `POST /v1/chat/completions`.
    Chat,
    /// OpenAI `POST /v1/completions`.
    Completions,
    /// Anthropic `POST /v1/messages`.
    Messages,
    /// Google `POST /v1beta/models/{model}:generateContent`, model and stream put into the body.
    Generate,
    /// OpenAI `POST /v1/responses`.
    Responses,
    /// Cohere `POST /v2/chat`.
    Cohere,
}

/// What a frame of a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first frame: role, or `message_start`.
    Open,
    /// Text, reasoning, tool calls, and the events around them.
    Content,
    /// The finish reason: `finish_reason`, or `message_delta`.
    Finish,
    /// Usage in a chunk of its own (OpenAI).
    Usage,
    /// The end mark: `[DONE]`, or `message_stop`.
    Done,
}

/// A server-sent event with its final blank line, ending lines by `\n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is for.
    pub part: Part,
    /// Its text.
    pub text: String,
}

impl Wire {
    /// Reads a request body, leniently: what has the wrong type counts as absent.
    #[must_use]
    pub fn read(self, body: &Value) -> Prompt {
        let mut prompt = match self {
            Self::Chat => openai::read_chat(body),
            Self::Completions => openai::read_completions(body),
            Self::Messages => anthropic::read(body),
            Self::Generate => gemini::read(body),
            Self::Responses => responses::read(body),
            Self::Cohere => cohere::read(body),
        };
        prompt.model = body["model"].as_str().unwrap_or_default().to_owned();
        prompt.seed = hash(0, body.to_string().as_bytes());
        prompt.stream = body["stream"] == true;
        prompt
    }

    /// The answer as one JSON document.
    #[must_use]
    pub fn whole(self, prompt: &Prompt, answer: &Answer) -> String {
        match self {
            Self::Chat => openai::chat(prompt, answer),
            Self::Completions => openai::completion(prompt, answer),
            Self::Messages => anthropic::message(prompt, answer),
            Self::Generate => gemini::whole(prompt, answer),
            Self::Responses => responses::whole(prompt, answer),
            Self::Cohere => cohere::whole(prompt, answer),
        }
    }

    /// The answer as a stream of events.
    #[must_use]
    pub fn frames(self, prompt: &Prompt, answer: &Answer) -> Vec<Frame> {
        match self {
            Self::Chat => openai::chat_frames(prompt, answer),
            Self::Completions => openai::completion_frames(prompt, answer),
            Self::Messages => anthropic::frames(prompt, answer),
            Self::Generate => gemini::frames(prompt, answer),
            Self::Responses => responses::frames(prompt, answer),
            Self::Cohere => cohere::frames(prompt, answer),
        }
    }

    /// The body of an error as the vendor words it for `status`. `code` overrides OpenAI's
    /// `error.code`; `context_length_exceeded` also has its own message on both wires.
    #[must_use]
    pub fn error(self, status: u16, code: Option<&str>, message: Option<&str>) -> String {
        match self {
            Self::Chat | Self::Completions | Self::Responses => {
                openai::error(status, code, message)
            }
            Self::Messages => anthropic::error(status, code, message),
            Self::Generate => gemini::error(status, code, message),
            Self::Cohere => cohere::error(status, code, message),
        }
    }

    /// The name of the response header that carries a request id.
    #[must_use]
    pub fn id_header(self) -> &'static str {
        if self == Self::Messages {
            "request-id"
        } else {
            "x-request-id"
        }
    }
}

/// A JSON string literal.
pub(crate) fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// Counts the words of every string in `value`; keys do not count.
pub(crate) fn count_words(value: &Value) -> u64 {
    match value {
        Value::String(text) => crate::turn::words(text).len() as u64,
        Value::Array(list) => list.iter().map(count_words).sum(),
        Value::Object(map) => map.values().map(count_words).sum(),
        _ => 0,
    }
}

/// The text of a message's content: a string, or the text parts of a list.
pub(crate) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// The finish reason in the wire's words; index 0 for OpenAI, 1 for Anthropic.
pub(crate) fn finish_word(finish: &Finish) -> [&'static str; 2] {
    match finish {
        Finish::Stop => ["stop", "end_turn"],
        Finish::Sequence(_) => ["stop", "stop_sequence"],
        Finish::Length => ["length", "max_tokens"],
        Finish::Calls => ["tool_calls", "tool_use"],
    }
}

/// The reply to a turn: `fail`, a whole answer or a stream, with the script's delays. `edit` may
/// change the frames of a stream before they are paced.
#[must_use]
pub fn play(
    wire: Wire,
    body: &Value,
    script: &Script,
    edit: impl FnOnce(Vec<Frame>) -> Vec<Frame>,
) -> Reply {
    let ms = |name| script.number(name).map(Duration::from_millis);
    let mut prompt = wire.read(body);
    prompt.task = (script.base == "agent").then(|| agent::read(body));
    let id = format!("req_{:016x}", prompt.seed);
    let mut reply = if script.base == "fail" {
        let status = script.number("status").unwrap_or(500).clamp(400, 599) as u16;
        Reply::json(status, wire.error(status, script.word("code"), None))
    } else {
        let answer = compose(script, &prompt);
        if prompt.stream {
            let frames = edit(wire.frames(&prompt, &answer));
            stream(frames, script, ms("first_ms"), ms("gap_ms"))
        } else {
            let mut reply = whole(wire.whole(&prompt, &answer), script);
            let gaps = u32::try_from(answer.pieces.len()).unwrap_or(u32::MAX);
            reply.wait = ms("first_ms").unwrap_or_default()
                + ms("gap_ms")
                    .unwrap_or_default()
                    .saturating_mul(gaps.saturating_sub(1));
            reply
        }
    };
    reply.wait += ms("headers_ms").unwrap_or_default();
    if let Some(seconds) = script.number("retry_after") {
        reply = reply.with("retry-after", seconds.to_string());
    }
    reply.with(wire.id_header(), id)
}

fn end(script: &Script) -> End {
    if script.is("stall") {
        End::Stall
    } else if script.is("reset") {
        End::Reset
    } else {
        End::Complete
    }
}

fn whole(json: String, script: &Script) -> Reply {
    let mut reply = Reply::json(200, json);
    reply.end = end(script);
    if reply.end != End::Complete {
        let bytes = &reply.steps[0].bytes;
        reply.steps = [Step::now(bytes.slice(..bytes.len() / 2))].into();
        reply.sized = false;
    }
    reply
}

fn stream(
    mut frames: Vec<Frame>,
    script: &Script,
    first: Option<Duration>,
    gap: Option<Duration>,
) -> Reply {
    let end = end(script);
    if end != End::Complete {
        frames.truncate(script.count("at").unwrap_or(3));
    }
    let mut delay = first;
    let steps = frames.into_iter().map(|frame| {
        let after = if frame.part == Part::Content {
            std::mem::replace(&mut delay, gap)
        } else {
            None
        };
        Step {
            after,
            bytes: frame.text.into(),
        }
    });
    let mut reply = Reply::json(200, "");
    reply.headers = vec![(
        "content-type",
        "text/event-stream; charset=utf-8".to_owned(),
    )];
    reply = reply.with("cache-control", "no-cache");
    reply.steps = steps.collect();
    reply.end = end;
    reply.sized = false;
    reply
}

#[cfg(test)]
mod tests;
