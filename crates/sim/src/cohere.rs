//! Cohere's v2 chat wire, written by hand.
//!
//! Shapes: <https://docs.cohere.com/reference/chat>. It reads leniently and never refuses a request.

use serde_json::{Value, json};

use crate::{
    turn::{Answer, Call, Finish, Prompt, Tool, Usage, words},
    wire::{Frame, Part, count_words, text_of},
};

/// What Cohere's own prompt around the messages takes, in tokens that are not billed.
const TEMPLATE: u64 = 64;

fn list(value: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The text of a tool's result, documents included.
fn result_of(message: &Value) -> String {
    let documents = list(&message["content"]).filter_map(|part| part["document"].get("data"));
    let said = documents.map(|data| match data {
        Value::String(text) => text.clone(),
        data => data["text"]
            .as_str()
            .map_or(data.to_string(), str::to_owned),
    });
    let text = text_of(&message["content"]);
    let said = std::iter::once(text)
        .chain(said)
        .filter(|text| !text.is_empty());
    said.collect::<Vec<_>>().join("\n")
}

pub(crate) fn read(body: &Value) -> Prompt {
    let messages = &body["messages"];
    let user = list(messages).rfind(|message| message["role"] == "user");
    let last = list(messages).next_back();
    let result = last.filter(|message| message["role"] == "tool");
    let offered = list(&body["tools"]).map(|tool| &tool["function"]);
    let tools = offered
        .filter(|_| body["tool_choice"] != "NONE")
        .map(|function| Tool {
            name: function["name"].as_str().unwrap_or_default().to_owned(),
            schema: function["parameters"].clone(),
            custom: false,
        });
    let limit = body["max_tokens"].as_u64();
    Prompt {
        text: user
            .map(|user| text_of(&user["content"]))
            .unwrap_or_default(),
        result: result.map(result_of),
        input_tokens: ["messages", "documents", "tools"]
            .iter()
            .map(|key| count_words(&body[*key]))
            .sum(),
        tools: tools.collect(),
        forced: body["tool_choice"] == "REQUIRED",
        schema: body["response_format"].get("json_schema").cloned(),
        max_tokens: limit.and_then(|n| usize::try_from(n).ok()),
        stop: list(&body["stop_sequences"])
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        choices: 1,
        logprobs: (body["logprobs"] == true).then_some(0),
        documents: match body["citation_options"]["mode"].as_str() {
            Some("OFF" | "DISABLED") => Vec::new(),
            _ => list(&body["documents"]).cloned().collect(),
        },
        ..Prompt::default()
    }
}

fn usage_json(usage: &Usage) -> Value {
    json!({
        "billed_units": {"input_tokens": usage.input, "output_tokens": usage.output},
        "tokens": {"input_tokens": usage.input + TEMPLATE, "output_tokens": usage.output},
        "cached_tokens": usage.cache_read,
    })
}

fn finish_word(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop => "COMPLETE",
        Finish::Sequence(_) => "STOP_SEQUENCE",
        Finish::Length => "MAX_TOKENS",
        Finish::Calls => "TOOL_CALL",
    }
}

fn id(prompt: &Prompt) -> String {
    format!(
        "{:08x}-0000-4000-8000-{:012x}",
        prompt.seed >> 32,
        prompt.seed & 0xffff_ffff
    )
}

fn call_json(call: &Call) -> Value {
    let function = json!({"name": call.name, "arguments": call.arguments});
    json!({"id": format!("{}_{}", call.name, call.id), "type": "function", "function": function})
}

/// Every document is cited once, for the whole answer.
fn citations(prompt: &Prompt, answer: &Answer) -> Vec<Value> {
    let text = answer.text();
    let cited = prompt.documents.iter().enumerate();
    let cite = |(at, document): (usize, &Value)| {
        let given = document["id"].as_str();
        let id = given.map_or_else(|| format!("doc:{at}"), str::to_owned);
        let mut data = document
            .get("data")
            .cloned()
            .unwrap_or(json!({"text": document}));
        data["id"] = id.as_str().into();
        let source = json!({"type": "document", "id": id, "document": data});
        json!({"start": 0, "end": text.chars().count(), "text": text, "sources": [source],
            "type": "TEXT_CONTENT"})
    };
    cited
        .filter(|_| !text.is_empty() && answer.calls.is_empty())
        .map(cite)
        .collect()
}

/// A piece of text with how likely it was.
fn logprob(piece: &str) -> Value {
    json!({"text": piece, "token_ids": [1], "logprobs": [-0.125]})
}

/// What is said before a call is its plan.
fn is_plan(answer: &Answer) -> bool {
    !answer.calls.is_empty()
}

pub(crate) fn whole(prompt: &Prompt, answer: &Answer) -> String {
    let thought = answer.thought.iter();
    let mut content: Vec<Value> = thought
        .map(|thought| json!({"type": "thinking", "thinking": thought.text}))
        .collect();
    let mut message = json!({"role": "assistant"});
    if is_plan(answer) {
        message["tool_plan"] = answer.text().into();
        message["tool_calls"] = answer.calls.iter().map(call_json).collect();
    } else {
        content.push(json!({"type": "text", "text": answer.text()}));
    }
    if !content.is_empty() {
        message["content"] = content.into();
    }
    let cited = citations(prompt, answer);
    if !cited.is_empty() {
        message["citations"] = cited.into();
    }
    let finish = answer.finish.as_ref().map(finish_word);
    let mut json = json!({"id": id(prompt), "message": message, "finish_reason": finish});
    if let Some(usage) = &answer.usage {
        json["usage"] = usage_json(usage);
    }
    if prompt.logprobs.is_some() {
        json["logprobs"] = answer.pieces.iter().map(|piece| logprob(piece)).collect();
    }
    json.to_string()
}

/// The frames of a stream so far.
struct Frames(Vec<Frame>);

impl Frames {
    fn push(&mut self, part: Part, mut event: Value, message: Value) {
        if !message.is_null() {
            event["delta"] = json!({ "message": message });
        }
        let kind = event["type"].as_str().unwrap_or_default();
        let text = format!("event: {kind}\ndata: {event}\n\n");
        self.0.push(Frame { part, text });
    }

    /// A part of the content, in pieces.
    fn content<'a>(
        &mut self,
        (index, kind): (usize, &str),
        pieces: impl Iterator<Item = &'a str>,
        likely: bool,
    ) {
        let start = json!({"type": "content-start", "index": index});
        let empty = json!({"content": {"type": kind, kind: ""}});
        self.push(Part::Content, start, empty);
        for piece in pieces {
            let mut delta = json!({"type": "content-delta", "index": index});
            if likely {
                delta["logprobs"] = logprob(piece);
            }
            self.push(Part::Content, delta, json!({"content": {kind: piece}}));
        }
    }

    fn end(&mut self, kind: &str, index: usize) {
        self.push(
            Part::Content,
            json!({"type": kind, "index": index}),
            Value::Null,
        );
    }
}

pub(crate) fn frames(prompt: &Prompt, answer: &Answer) -> Vec<Frame> {
    let mut frames = Frames(Vec::new());
    let start = json!({"type": "message-start", "id": id(prompt)});
    let empty = json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
    frames.push(Part::Open, start, empty);
    let mut index = 0;
    if let Some(thought) = &answer.thought {
        frames.content((index, "thinking"), words(&thought.text).into_iter(), false);
        frames.end("content-end", index);
        index += 1;
    }
    let pieces = answer.pieces.iter().map(String::as_str);
    if is_plan(answer) {
        for piece in pieces {
            let delta = json!({"type": "tool-plan-delta"});
            frames.push(Part::Content, delta, json!({ "tool_plan": piece }));
        }
    } else {
        frames.content((index, "text"), pieces, prompt.logprobs.is_some());
        for (at, citation) in citations(prompt, answer).into_iter().enumerate() {
            let start = json!({"type": "citation-start", "index": at});
            frames.push(Part::Content, start, json!({ "citations": citation }));
            frames.end("citation-end", at);
        }
        frames.end("content-end", index);
    }
    for (at, call) in answer.calls.iter().enumerate() {
        let mut head = call_json(call);
        head["function"]["arguments"] = "".into();
        let start = json!({"type": "tool-call-start", "index": at});
        frames.push(Part::Content, start, json!({ "tool_calls": head }));
        let letters: Vec<char> = call.arguments.chars().collect();
        for piece in letters.chunks(5) {
            let more: String = piece.iter().collect();
            let more = json!({"tool_calls": {"function": {"arguments": more}}});
            let delta = json!({"type": "tool-call-delta", "index": at});
            frames.push(Part::Content, delta, more);
        }
        frames.end("tool-call-end", at);
    }
    if let Some(finish) = &answer.finish {
        let mut delta = json!({"finish_reason": finish_word(finish)});
        if let Some(usage) = &answer.usage {
            delta["usage"] = usage_json(usage);
        }
        let end = json!({"type": "message-end", "delta": delta});
        frames.push(Part::Finish, end, Value::Null);
    }
    let text = "data: [DONE]\n\n".to_owned();
    frames.0.push(Frame {
        part: Part::Done,
        text,
    });
    frames.0
}

/// The body of an error.
pub(crate) fn error(status: u16, code: Option<&str>, message: Option<&str>) -> String {
    let usual = match status {
        401 => "invalid api token",
        402 => {
            "Please add or update your payment method at https://dashboard.cohere.com/billing?tab=payment to continue"
        }
        404 => {
            "model 'xyz' not found, make sure the correct model ID was used and that you have access to the model."
        }
        422 => "invalid request: the combination of fields is not valid.",
        429 => "You are past the per minute request limit, please wait and try again later.",
        498 => "invalid request: a blocked token was found in the request or response.",
        499 => "request cancelled by user",
        500.. => "internal server error, this has been reported to our developers.",
        _ => "invalid request: all elements in history must have a message.",
    };
    let coded = (code == Some("context_length_exceeded")).then_some(
        "too many tokens: size limit exceeded by 808 tokens. Try using shorter or fewer inputs.",
    );
    let message = message.or(coded).unwrap_or(usual);
    json!({"id": "00000000-0000-4000-8000-000000000000", "message": message}).to_string()
}
