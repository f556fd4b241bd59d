//! One turn, free of any wire: what was asked ([`Prompt`]) and what is answered ([`Answer`]).
//!
//! [`compose`] is a pure function of the two.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{agent::Task, schema::sample, script::Script};

const LOREM: &str = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor \
    incididunt ut labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation \
    ullamco laboris nisi ut aliquip ex ea commodo consequat.";
const UNICODE: &str = "Grüße, \u{4f60}\u{597d} \u{1f469}\u{200d}\u{1f680} \
    \u{1f1ea}\u{1f1fa} na\u{ef}ve e\u{301} line\u{2028}sep para\u{2029}sep \"quoted\" back\\slash\ttab\nnewline \
    \u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{10348} end";
const REASONING: &str = "The user wants an answer. I consider what was asked, and then I answer:";
/// Pieces of a sized answer, in bytes, unless `chunks` says otherwise.
const PIECE_BYTES: usize = 16 << 10;

/// A tool on offer.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// The JSON schema of its arguments.
    pub schema: Value,
    /// It takes free text: the schema's only property (OpenAI's custom tools).
    pub custom: bool,
}

/// What a request asks, read leniently from either wire.
#[derive(Clone, Debug, Default)]
pub struct Prompt {
    /// The model as the request names it.
    pub model: String,
    /// Hash of the whole request; ids derive from it.
    pub seed: u64,
    /// The text of the last user message.
    pub text: String,
    /// The text of the last tool result, when it ends the conversation.
    pub result: Option<String>,
    /// Words in everything sent.
    pub input_tokens: u64,
    /// Tools that may be called.
    pub tools: Vec<Tool>,
    /// A tool must be called.
    pub forced: bool,
    /// The schema that the answer has to fit.
    pub schema: Option<Value>,
    /// Words allowed in the answer.
    pub max_tokens: Option<usize>,
    /// Stop sequences.
    pub stop: Vec<String>,
    /// The answer is to be streamed.
    pub stream: bool,
    /// A stream is to end with a usage chunk (OpenAI wire).
    pub include_usage: bool,
    /// How many alternatives are asked for (OpenAI wire).
    pub choices: usize,
    /// Number of alternatives per token, when log probabilities are asked for (OpenAI wire).
    pub logprobs: Option<usize>,
    /// What a coding agent is to do, for `agent`.
    pub task: Option<Task>,
    /// Documents that the answer cites (Cohere wire).
    pub documents: Vec<Value>,
}

/// Reasoning that precedes an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thought {
    /// What was thought.
    pub text: String,
    /// [`sign`] of the text.
    pub signature: String,
    /// Data of a redacted block that follows, if any.
    pub redacted: Option<String>,
}

/// A tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// 22 characters of `[a-zA-Z0-9]`, without the wire's prefix.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// A JSON object as text; of a custom tool, free text.
    pub arguments: String,
    /// The tool takes free text.
    pub custom: bool,
}

/// Why an answer ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It is complete.
    Stop,
    /// This stop sequence was about to be written.
    Sequence(String),
    /// `max_tokens` was reached.
    Length,
    /// Tools were called.
    Calls,
}

/// Token counts; `input` includes cache reads and writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Everything read, cached or not.
    pub input: u64,
    /// Everything written, reasoning included.
    pub output: u64,
    /// Of the output, reasoning.
    pub reasoning: u64,
    /// Of the input, read from cache.
    pub cache_read: u64,
    /// Of the input, written to cache.
    pub cache_write: u64,
}

/// What the simulator says.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Reasoning before the text.
    pub thought: Option<Thought>,
    /// The text, one piece per streamed delta.
    pub pieces: Vec<String>,
    /// Tool calls after the text.
    pub calls: Vec<Call>,
    /// Argument deltas of parallel calls take turns.
    pub interleave: bool,
    /// Why it ends; absent for `no_finish`.
    pub finish: Option<Finish>,
    /// Token counts; absent for `no_usage`.
    pub usage: Option<Usage>,
    /// Usage so far goes on every chunk.
    pub usage_each: bool,
}

impl Answer {
    /// The text in one piece.
    #[must_use]
    pub fn text(&self) -> String {
        self.pieces.concat()
    }
}

/// Splits text into tokens; their concatenation is the text.
#[must_use]
pub fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut inside = false;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() && inside {
            words.push(&text[start..at]);
            start = at;
        }
        inside = !c.is_whitespace();
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

/// FNV-1a, enough to make ids and signatures that depend on every byte.
pub(crate) fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = bytes.iter().fold(start, |h, b| {
        (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3)
    });
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// The signature that the simulator gives to reasoning: base64 of 32 bytes that depend on every
/// byte of `text`. Keyless: it detects change, not forgery.
#[must_use]
pub fn sign(text: &str) -> String {
    let bytes: Vec<u8> = (1..=4)
        .flat_map(|n| hash(n, text.as_bytes()).to_be_bytes())
        .collect();
    STANDARD.encode(bytes)
}

/// The answer of `script` to `prompt`.
#[must_use]
pub fn compose(script: &Script, prompt: &Prompt) -> Answer {
    let calls = calls(script, prompt);
    let said = if calls.is_empty() || script.is("preface") {
        text(script, prompt)
    } else {
        String::new()
    };
    let thought = (script.base == "thinking" || script.is("think")).then(|| {
        let text = format!("{REASONING} {}", prompt.text);
        let redacted = script
            .is("redact")
            .then(|| sign(&format!("redacted {text}")));
        Thought {
            signature: sign(&text),
            text,
            redacted,
        }
    });
    let (pieces, mut finish) = cut(script, prompt, &said);
    if !calls.is_empty() {
        finish = Finish::Calls;
    }
    let count = |text: &str| words(text).len() as u64;
    let reasoning = thought.as_ref().map_or(0, |t| count(&t.text));
    let spoken: u64 = pieces.iter().map(|p| count(p)).sum();
    let called: u64 = calls.iter().map(|c| 1 + count(&c.arguments)).sum();
    let input = script.number("in").unwrap_or(prompt.input_tokens);
    let cache_read = script.number("cached").unwrap_or(0).min(input);
    let usage = Usage {
        input,
        output: script.number("out").unwrap_or(reasoning + spoken + called),
        reasoning,
        cache_read,
        cache_write: script
            .number("cache_write")
            .unwrap_or(0)
            .min(input - cache_read),
    };
    Answer {
        thought,
        pieces,
        calls,
        interleave: script.is("interleave"),
        finish: (!script.is("no_finish")).then_some(finish),
        usage: (!script.is("no_usage")).then_some(usage),
        usage_each: script.is("usage_each"),
    }
}

fn calls(script: &Script, prompt: &Prompt) -> Vec<Call> {
    if let Some(task) = &prompt.task {
        let next = task.next(&prompt.tools).into_iter();
        return next
            .map(|(tool, arguments)| call(prompt, 0, tool, &arguments))
            .collect();
    }
    let asked = script
        .count("calls")
        .unwrap_or(usize::from(script.base == "tools"));
    if prompt.tools.is_empty() || (prompt.result.is_some() && !prompt.forced) {
        return Vec::new();
    }
    let count = asked.max(usize::from(prompt.forced));
    let offered = prompt.tools.iter().cycle().take(count).enumerate();
    let arguments = |tool: &Tool| {
        if script.is("empty") {
            Value::Object(serde_json::Map::new())
        } else {
            sample(&tool.schema)
        }
    };
    offered
        .map(|(at, tool)| call(prompt, at, tool, &arguments(tool)))
        .collect()
}

fn call(prompt: &Prompt, at: usize, tool: &Tool, arguments: &Value) -> Call {
    let (high, low) = (
        hash(prompt.seed, &at.to_be_bytes()),
        hash(prompt.seed, b"call") as u32,
    );
    let free = arguments.as_object().and_then(|map| map.values().next());
    let free = free.filter(|_| tool.custom).and_then(Value::as_str);
    Call {
        id: format!("{high:016x}{:06x}", low >> 8),
        name: tool.name.clone(),
        arguments: free.map_or_else(|| arguments.to_string(), str::to_owned),
        custom: tool.custom,
    }
}

fn text(script: &Script, prompt: &Prompt) -> String {
    if let (Some(task), None) = (&prompt.task, &prompt.schema) {
        return task.report(&prompt.tools);
    }
    let said = match script.base.as_str() {
        "lorem" | "stall" | "reset" => LOREM,
        "unicode" => UNICODE,
        "json" | "agent" => {
            let schema = prompt.schema.as_ref();
            return schema.map_or_else(|| r#"{"ok":true}"#.to_owned(), |s| sample(s).to_string());
        }
        _ => prompt.result.as_deref().unwrap_or(&prompt.text),
    };
    if said.trim().is_empty() {
        "(nothing)".to_owned()
    } else {
        said.to_owned()
    }
}

/// Applies `size`, `chunks`, stop sequences and `max_tokens`.
fn cut(script: &Script, prompt: &Prompt, said: &str) -> (Vec<String>, Finish) {
    if let Some(size) = script.count("size") {
        let filler: String = LOREM
            .chars()
            .chain(" ".chars())
            .cycle()
            .take(size)
            .collect();
        let step = script
            .count("chunks")
            .map_or(PIECE_BYTES, |n| size.div_ceil(n.max(1)))
            .max(1);
        let pieces = (0..size)
            .step_by(step)
            .map(|at| filler[at..(at + step).min(size)].to_owned());
        return (pieces.collect(), Finish::Stop);
    }
    if let Some(count) = script.count("chunks").filter(|_| !said.is_empty()) {
        let spaced = format!("{said} ");
        let source = words(spaced.trim_start());
        // The trailing space is a token of its own; glue it to the next round's first word instead.
        let source = &source[..source.len() - 1];
        let pieces = (0..count).map(|at| {
            let word = source[at % source.len()];
            if at > 0 && at % source.len() == 0 {
                format!(" {word}")
            } else {
                word.to_owned()
            }
        });
        return (pieces.collect(), Finish::Stop);
    }
    let stopped = prompt.stop.iter().filter(|s| !s.is_empty());
    let stopped = stopped
        .filter_map(|s| said.find(s.as_str()).map(|at| (at, s)))
        .min();
    let kept = stopped.map_or(said, |(at, _)| &said[..at]);
    let all = words(kept);
    let limit = prompt.max_tokens.unwrap_or(usize::MAX);
    let finish = match stopped {
        _ if all.len() > limit => Finish::Length,
        Some((_, sequence)) => Finish::Sequence(sequence.clone()),
        None => Finish::Stop,
    };
    (
        all.into_iter().take(limit).map(str::to_owned).collect(),
        finish,
    )
}

#[cfg(test)]
mod tests;
