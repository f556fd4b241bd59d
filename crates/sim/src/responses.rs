//! OpenAI's wire for responses, written by hand: items, and a stream that tells of each.
//!
//! Shapes: <https://platform.openai.com/docs/api-reference/responses/object> and its streaming
//! events. It reads leniently and never refuses a request.

use serde_json::{Value, json};

use crate::{
    turn::{Answer, Call, Finish, Prompt, Tool, words},
    wire::{Frame, Part, count_words, text_of},
};

/// `created_at` of everything, seconds since 1970: the simulator has no clock.
const CREATED: u64 = 1_780_000_000;

pub(crate) fn read(body: &Value) -> Prompt {
    let input = &body["input"];
    let items = input.as_array().map(Vec::as_slice).unwrap_or_default();
    let user = items.iter().rfind(|item| item["role"] == "user");
    let text = match input {
        Value::String(text) => text.clone(),
        _ => user
            .map(|item| text_of(&item["content"]))
            .unwrap_or_default(),
    };
    let result = items.last();
    let result = result.filter(|item| {
        item["type"] == "function_call_output" || item["type"] == "custom_tool_call_output"
    });
    let choice = &body["tool_choice"];
    let named = choice["name"].as_str();
    let tools = offered(body).filter_map(|tool| {
        let name = tool["name"].as_str()?.to_owned();
        let custom = tool["type"] == "custom";
        let kind = custom || tool["type"] == "function";
        let wanted = kind && choice != "none" && named.is_none_or(|named| named == name);
        let free = || json!({"properties": {"input": {"type": "string"}}, "required": ["input"]});
        wanted.then(|| Tool {
            name,
            schema: if custom {
                free()
            } else {
                tool["parameters"].clone()
            },
            custom,
        })
    });
    let sent = ["instructions", "input", "tools"].iter();
    let limit = body["max_output_tokens"].as_u64();
    Prompt {
        text,
        result: result.map(|item| text_of(&item["output"])),
        input_tokens: sent.map(|key| count_words(&body[key])).sum(),
        tools: tools.collect(),
        forced: choice == "required" || named.is_some(),
        schema: body["text"]["format"].get("schema").cloned(),
        max_tokens: limit.and_then(|n| usize::try_from(n).ok()),
        ..Prompt::default()
    }
}

/// The tools of a request: at its top, in items of their own, and in namespaces.
fn offered(body: &Value) -> impl Iterator<Item = &Value> {
    let at_the_top = body["tools"].as_array().into_iter().flatten();
    let items = body["input"].as_array().into_iter().flatten();
    let more = items.filter(|item| item["type"] == "additional_tools");
    let more = more.flat_map(|item| item["tools"].as_array().into_iter().flatten());
    at_the_top
        .chain(more)
        .flat_map(|tool| match &tool["tools"] {
            Value::Array(inner) => inner.iter(),
            _ => std::slice::from_ref(tool).iter(),
        })
}

/// The answer to `POST /v1/responses/input_tokens`.
#[must_use]
pub fn input_tokens(body: &Value) -> String {
    let tokens = read(body).input_tokens;
    json!({"object": "response.input_tokens", "input_tokens": tokens}).to_string()
}

/// What one item of the output is, and how it is streamed.
enum Item<'a> {
    /// The data that only the vendor can read comes after what it thought.
    Thought {
        text: &'a str,
        proof: &'a str,
    },
    Hidden {
        proof: &'a str,
    },
    Message(&'a [String]),
    Call(&'a Call),
}

fn items(answer: &Answer) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    if let Some(thought) = &answer.thought {
        items.push(Item::Thought {
            text: &thought.text,
            proof: &thought.signature,
        });
        let hidden = thought.redacted.iter();
        items.extend(hidden.map(|proof| Item::Hidden { proof }));
    }
    if !answer.pieces.is_empty() {
        items.push(Item::Message(&answer.pieces));
    }
    items.extend(answer.calls.iter().map(Item::Call));
    items
}

impl Item<'_> {
    fn id(&self, prompt: &Prompt, at: usize) -> String {
        let prefix = match self {
            Item::Thought { .. } | Item::Hidden { .. } => "rs",
            Item::Message(_) => "msg",
            Item::Call(call) if call.custom => "ctc",
            Item::Call(_) => "fc",
        };
        format!("{prefix}_{:016x}{at}", prompt.seed)
    }

    fn json(&self, id: &str, done: bool) -> Value {
        let status = if done { "completed" } else { "in_progress" };
        match self {
            Item::Thought { text, proof } if done => {
                let summary = json!([{"type": "summary_text", "text": text}]);
                json!({"id": id, "type": "reasoning", "summary": summary, "encrypted_content": proof})
            }
            Item::Thought { proof, .. } | Item::Hidden { proof } => {
                json!({"id": id, "type": "reasoning", "summary": [], "encrypted_content": proof})
            }
            Item::Message(pieces) => {
                let content: Vec<Value> =
                    done.then(|| part(&pieces.concat())).into_iter().collect();
                json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
            }
            Item::Call(call) => {
                let arguments = if done { call.arguments.as_str() } else { "" };
                let (kind, field) = call_words(call);
                json!({"id": id, "type": kind, "status": status, "name": call.name,
                    "call_id": format!("call_{}", call.id), field: arguments})
            }
        }
    }
}

/// The type of the item, and the field that holds what the tool is given.
fn call_words(call: &Call) -> (&'static str, &'static str) {
    if call.custom {
        ("custom_tool_call", "input")
    } else {
        ("function_call", "arguments")
    }
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn response(prompt: &Prompt, status: &str, output: Vec<Value>) -> Value {
    json!({
        "id": format!("resp_{:016x}", prompt.seed),
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "metadata": {},
        "model": prompt.model,
        "output": output,
        "parallel_tool_calls": true,
        "service_tier": "default",
        "store": false,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": null,
    })
}

/// The answer when it is complete, and its status.
fn complete(prompt: &Prompt, answer: &Answer) -> (&'static str, Value) {
    let output = items(answer).into_iter().enumerate();
    let output = output.map(|(at, item)| item.json(&item.id(prompt, at), true));
    let cut = answer.finish == Some(Finish::Length);
    let status = if cut { "incomplete" } else { "completed" };
    let mut whole = response(prompt, status, output.collect());
    if cut {
        whole["incomplete_details"] = json!({"reason": "max_output_tokens"});
    }
    if let Some(usage) = &answer.usage {
        whole["usage"] = json!({
            "input_tokens": usage.input,
            "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
            "output_tokens": usage.output,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning},
            "total_tokens": usage.input + usage.output,
        });
    }
    (status, whole)
}

pub(crate) fn whole(prompt: &Prompt, answer: &Answer) -> String {
    complete(prompt, answer).1.to_string()
}

/// The frames of one stream, numbered.
#[derive(Default)]
struct Frames(Vec<Frame>);

impl Frames {
    fn push(&mut self, part: Part, kind: &str, mut fields: Value) {
        fields["type"] = kind.into();
        fields["sequence_number"] = self.0.len().into();
        let text = format!("event: {kind}\ndata: {fields}\n\n");
        self.0.push(Frame { part, text });
    }

    fn content(&mut self, kind: &str, place: &Value, fields: Value) {
        let mut whole = place.clone();
        if let (Value::Object(whole), Value::Object(fields)) = (&mut whole, fields) {
            whole.extend(fields);
        }
        self.push(Part::Content, &format!("response.{kind}"), whole);
    }

    fn item(&mut self, item: &Item<'_>, id: &str, at: usize) {
        let edge = json!({"output_index": at});
        let begun = json!({"item": item.json(id, false)});
        self.content("output_item.added", &edge, begun);
        match item {
            Item::Hidden { .. } => {}
            Item::Thought { text, .. } => self.thought(id, at, text),
            Item::Message(pieces) => self.message(id, at, pieces),
            Item::Call(call) => {
                let place = json!({"item_id": id, "output_index": at});
                let events = if call.custom {
                    "custom_tool_call_input"
                } else {
                    "function_call_arguments"
                };
                let letters: Vec<char> = call.arguments.chars().collect();
                for piece in letters.chunks(5) {
                    let delta = json!({"delta": piece.iter().collect::<String>()});
                    self.content(&format!("{events}.delta"), &place, delta);
                }
                let mut done = json!({call_words(call).1: call.arguments});
                if !call.custom {
                    done["name"] = json!(call.name);
                }
                self.content(&format!("{events}.done"), &place, done);
            }
        }
        let done = json!({"item": item.json(id, true)});
        self.content("output_item.done", &edge, done);
    }

    fn thought(&mut self, id: &str, at: usize, text: &str) {
        let place = json!({"item_id": id, "output_index": at, "summary_index": 0});
        let part = |text: &str| json!({"part": {"type": "summary_text", "text": text}});
        self.content("reasoning_summary_part.added", &place, part(""));
        for word in words(text) {
            self.content(
                "reasoning_summary_text.delta",
                &place,
                json!({"delta": word}),
            );
        }
        self.content("reasoning_summary_text.done", &place, json!({"text": text}));
        self.content("reasoning_summary_part.done", &place, part(text));
    }

    fn message(&mut self, id: &str, at: usize, pieces: &[String]) {
        let place = json!({"item_id": id, "output_index": at, "content_index": 0});
        self.content("content_part.added", &place, json!({"part": part("")}));
        for piece in pieces {
            let delta = json!({"delta": piece, "logprobs": []});
            self.content("output_text.delta", &place, delta);
        }
        let text = pieces.concat();
        let done = json!({"text": text, "logprobs": []});
        self.content("output_text.done", &place, done);
        self.content("content_part.done", &place, json!({"part": part(&text)}));
    }
}

pub(crate) fn frames(prompt: &Prompt, answer: &Answer) -> Vec<Frame> {
    let mut frames = Frames::default();
    let begun = json!({"response": response(prompt, "in_progress", Vec::new())});
    frames.push(Part::Open, "response.created", begun.clone());
    frames.push(Part::Open, "response.in_progress", begun);
    for (at, item) in items(answer).into_iter().enumerate() {
        frames.item(&item, &item.id(prompt, at), at);
    }
    let (status, whole) = complete(prompt, answer);
    let kind = format!("response.{status}");
    frames.push(Part::Done, &kind, json!({"response": whole}));
    frames.0
}
