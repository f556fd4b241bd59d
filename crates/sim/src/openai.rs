//! OpenAI's wire, written by hand: chat completions, legacy completions, models.
//!
//! Shapes: <https://platform.openai.com/docs/api-reference/chat/object> and its neighbours. It reads
//! leniently and never refuses a request.

use serde_json::{Value, json};

use crate::{
    script::Behaviour,
    turn::{Answer, Call, Prompt, Tool, Usage, words},
    wire::{Frame, Part, count_words, finish_word, quote, text_of},
};

/// `created` of everything, seconds since 1970: the simulator has no clock.
const CREATED: u64 = 1_780_000_000;

pub(crate) fn read_chat(body: &Value) -> Prompt {
    let messages = body["messages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let user = messages.iter().rfind(|m| m["role"] == "user");
    let result = messages
        .last()
        .filter(|m| m["role"] == "tool")
        .map(|m| text_of(&m["content"]));
    let format = &body["response_format"];
    let choice = &body["tool_choice"];
    let named = choice["function"]["name"].as_str();
    let offered = body["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|tool| &tool["function"]);
    let tools = offered.filter_map(|function| {
        let name = function["name"].as_str()?.to_owned();
        let wanted = choice != "none" && named.is_none_or(|named| named == name);
        wanted.then(|| Tool {
            name,
            schema: function["parameters"].clone(),
            custom: false,
        })
    });
    let logprobs = body["top_logprobs"].as_u64().unwrap_or(0).min(20) as usize;
    Prompt {
        text: user.map(|m| text_of(&m["content"])).unwrap_or_default(),
        result,
        input_tokens: count_words(&body["messages"]) + count_words(&body["tools"]),
        tools: tools.collect(),
        forced: choice == "required" || named.is_some(),
        schema: format["json_schema"].get("schema").cloned(),
        logprobs: (body["logprobs"] == true).then_some(logprobs),
        ..shared(body)
    }
}

pub(crate) fn read_completions(body: &Value) -> Prompt {
    let prompt = &body["prompt"];
    let first = prompt.get(0).unwrap_or(prompt);
    Prompt {
        text: first.as_str().unwrap_or("tokens").to_owned(),
        input_tokens: count_words(prompt),
        ..shared(body)
    }
}

fn shared(body: &Value) -> Prompt {
    let limit = body["max_completion_tokens"]
        .as_u64()
        .or_else(|| body["max_tokens"].as_u64());
    let stop = match &body["stop"] {
        Value::String(one) => vec![one.clone()],
        many => many
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    };
    Prompt {
        max_tokens: limit.and_then(|n| usize::try_from(n).ok()),
        stop,
        include_usage: body["stream_options"]["include_usage"] == true,
        choices: body["n"].as_u64().unwrap_or(1).clamp(1, 128) as usize,
        ..Prompt::default()
    }
}

fn usage_json(usage: &Usage) -> String {
    format!(
        "{{\"prompt_tokens\":{},\"completion_tokens\":{},\"total_tokens\":{},\
         \"prompt_tokens_details\":{{\"cached_tokens\":{},\"audio_tokens\":0}},\
         \"completion_tokens_details\":{{\"reasoning_tokens\":{},\"audio_tokens\":0,\
         \"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}}}",
        usage.input,
        usage.output,
        usage.input + usage.output,
        usage.cache_read,
        usage.reasoning
    )
}

/// Usage of all choices together: every choice writes the same.
fn total(prompt: &Prompt, answer: &Answer) -> Option<Usage> {
    let choices = prompt.choices as u64;
    let multiply = |u: Usage| Usage {
        output: u.output * choices,
        reasoning: u.reasoning * choices,
        ..u
    };
    answer.usage.map(multiply)
}

fn finish_json(answer: &Answer) -> String {
    answer
        .finish
        .as_ref()
        .map_or("null".to_owned(), |f| quote(finish_word(f)[0]))
}

fn call_json(call: &Call) -> String {
    format!(
        "{{\"id\":\"call_{}\",\"type\":\"function\",\"function\":{{\"name\":{},\"arguments\":{}}}}}",
        call.id,
        quote(&call.name),
        quote(&call.arguments)
    )
}

/// Log probabilities of `pieces`; every token is near certain, the alternatives are made up.
fn logprobs_json(prompt: &Prompt, pieces: &[String]) -> String {
    let Some(alternatives) = prompt.logprobs.filter(|_| !pieces.is_empty()) else {
        return "null".to_owned();
    };
    let one = |token: &str, logprob: f64| json!({"token": token, "logprob": logprob, "bytes": token.as_bytes()});
    let content = pieces.iter().map(|token| {
        let mut entry = one(token, -0.125);
        entry["top_logprobs"] = (0..alternatives)
            .map(|n| {
                if n == 0 {
                    one(token, -0.125)
                } else {
                    one(&format!("{token}{n}"), -2.0 - n as f64)
                }
            })
            .collect();
        entry
    });
    json!({"content": content.collect::<Vec<_>>(), "refusal": null}).to_string()
}

pub(crate) fn chat(prompt: &Prompt, answer: &Answer) -> String {
    let text = answer.text();
    let content = if text.is_empty() {
        "null".to_owned()
    } else {
        quote(&text)
    };
    let reasoning = answer.thought.as_ref().map_or(String::new(), |t| {
        format!(",\"reasoning_content\":{}", quote(&t.text))
    });
    let calls = if answer.calls.is_empty() {
        String::new()
    } else {
        let calls: Vec<String> = answer.calls.iter().map(call_json).collect();
        format!(",\"tool_calls\":[{}]", calls.join(","))
    };
    let message = format!(
        "{{\"role\":\"assistant\",\"content\":{content}{reasoning},\"refusal\":null,\"annotations\":[]{calls}}}"
    );
    let (finish, logprobs) = (finish_json(answer), logprobs_json(prompt, &answer.pieces));
    let choices = (0..prompt.choices).map(|index| {
        format!(
            "{{\"index\":{index},\"message\":{message},\"logprobs\":{logprobs},\"finish_reason\":{finish}}}"
        )
    });
    document(
        prompt,
        answer,
        "chatcmpl",
        "chat.completion",
        &choices.collect::<Vec<_>>().join(","),
    )
}

pub(crate) fn completion(prompt: &Prompt, answer: &Answer) -> String {
    let (text, finish) = (quote(&answer.text()), finish_json(answer));
    let choices = (0..prompt.choices).map(|index| {
        format!(
            "{{\"text\":{text},\"index\":{index},\"logprobs\":null,\"finish_reason\":{finish}}}"
        )
    });
    document(
        prompt,
        answer,
        "cmpl",
        "text_completion",
        &choices.collect::<Vec<_>>().join(","),
    )
}

fn document(prompt: &Prompt, answer: &Answer, prefix: &str, object: &str, choices: &str) -> String {
    let usage =
        total(prompt, answer).map_or(String::new(), |u| format!(",\"usage\":{}", usage_json(&u)));
    format!(
        "{{\"id\":\"{prefix}-{:016x}\",\"object\":\"{object}\",\"created\":{CREATED},\"model\":{},\
         \"choices\":[{choices}]{usage},\"service_tier\":\"default\",\"system_fingerprint\":\"fp_sim\"}}",
        prompt.seed,
        quote(&prompt.model)
    )
}

/// What every chunk of one stream shares.
struct Chunks<'a> {
    prompt: &'a Prompt,
    answer: &'a Answer,
    prefix: &'static str,
    object: &'static str,
    frames: Vec<Frame>,
    written: u64,
}

impl<'a> Chunks<'a> {
    fn new(
        prompt: &'a Prompt,
        answer: &'a Answer,
        prefix: &'static str,
        object: &'static str,
    ) -> Self {
        Self {
            prompt,
            answer,
            prefix,
            object,
            frames: Vec::new(),
            written: 0,
        }
    }

    fn push(&mut self, part: Part, choices: &str, usage: Option<Usage>) {
        let so_far = || {
            let output = self.written;
            self.answer
                .usage
                .filter(|_| self.answer.usage_each)
                .map(|u| Usage { output, ..u })
        };
        let usage = match usage.or_else(so_far) {
            Some(usage) => format!(",\"usage\":{}", usage_json(&usage)),
            None if self.prompt.include_usage => ",\"usage\":null".to_owned(),
            None => String::new(),
        };
        let text = format!(
            "data: {{\"id\":\"{}-{:016x}\",\"object\":\"{}\",\"created\":{CREATED},\"model\":{},\
             \"service_tier\":\"default\",\"system_fingerprint\":\"fp_sim\",\"choices\":[{choices}]{usage}}}\n\n",
            self.prefix,
            self.prompt.seed,
            self.object,
            quote(&self.prompt.model)
        );
        self.frames.push(Frame { part, text });
    }

    /// The same delta for every choice. `tokens` have been written by each of them.
    fn deltas(&mut self, part: Part, delta: &str, tokens: u64) {
        for index in 0..self.prompt.choices {
            self.written += tokens;
            self.push(
                part,
                &format!("{{\"index\":{index},{delta},\"finish_reason\":null}}"),
                None,
            );
        }
    }

    fn finish(mut self, delta: &str) -> Vec<Frame> {
        if self.answer.finish.is_some() {
            let finish = finish_json(self.answer);
            for index in 0..self.prompt.choices {
                let choice = format!("{{\"index\":{index},{delta},\"finish_reason\":{finish}}}");
                self.push(Part::Finish, &choice, None);
            }
        }
        if self.prompt.include_usage
            && let Some(usage) = total(self.prompt, self.answer)
        {
            self.push(Part::Usage, "", Some(usage));
        }
        self.frames.push(Frame {
            part: Part::Done,
            text: "data: [DONE]\n\n".to_owned(),
        });
        self.frames
    }
}

pub(crate) fn chat_frames(prompt: &Prompt, answer: &Answer) -> Vec<Frame> {
    let mut chunks = Chunks::new(prompt, answer, "chatcmpl", "chat.completion.chunk");
    let open =
        "\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null";
    chunks.deltas(Part::Open, open, 0);
    for word in answer.thought.iter().flat_map(|t| words(&t.text)) {
        let delta = format!(
            "\"delta\":{{\"reasoning_content\":{}}},\"logprobs\":null",
            quote(word)
        );
        chunks.deltas(Part::Content, &delta, 1);
    }
    for piece in answer.pieces.chunks(1) {
        let delta = format!(
            "\"delta\":{{\"content\":{}}},\"logprobs\":{}",
            quote(&piece[0]),
            logprobs_json(prompt, piece)
        );
        chunks.deltas(Part::Content, &delta, words(&piece[0]).len() as u64);
    }
    for call in call_deltas(answer) {
        let delta = format!("\"delta\":{{\"tool_calls\":[{call}]}},\"logprobs\":null");
        chunks.deltas(Part::Content, &delta, 1);
    }
    chunks.finish("\"delta\":{},\"logprobs\":null")
}

/// Name and id first, then the arguments in pieces of five characters; calls one after another, or
/// in turns.
fn call_deltas(answer: &Answer) -> Vec<String> {
    let mut deltas: Vec<(usize, usize, String)> = Vec::new();
    for (index, call) in answer.calls.iter().enumerate() {
        let head = Call {
            arguments: String::new(),
            ..call.clone()
        };
        let head = call_json(&head).replacen('{', &format!("{{\"index\":{index},"), 1);
        deltas.push((0, index, head));
        let letters: Vec<char> = call.arguments.chars().collect();
        for (at, piece) in letters.chunks(5).enumerate() {
            let piece = quote(&piece.iter().collect::<String>());
            let delta = format!("{{\"index\":{index},\"function\":{{\"arguments\":{piece}}}}}");
            deltas.push((at + 1, index, delta));
        }
    }
    if answer.interleave {
        deltas.sort_by_key(|(at, index, _)| (*at, *index));
    }
    deltas.into_iter().map(|(_, _, delta)| delta).collect()
}

pub(crate) fn completion_frames(prompt: &Prompt, answer: &Answer) -> Vec<Frame> {
    let mut chunks = Chunks::new(prompt, answer, "cmpl", "text_completion");
    for piece in &answer.pieces {
        let delta = format!("\"text\":{},\"logprobs\":null", quote(piece));
        chunks.deltas(Part::Content, &delta, words(piece).len() as u64);
    }
    chunks.finish("\"text\":\"\",\"logprobs\":null")
}

/// The answer to `GET /v1/models`, or to `GET /v1/models/{id}` when `id` is given; `None` when there
/// is no such model. Anthropic's shape when `anthropic`.
#[must_use]
pub fn model_list(models: &[Behaviour], id: Option<&str>, anthropic: bool) -> Option<String> {
    let entry = |model: &Behaviour| {
        if anthropic {
            let at = "2026-05-28T00:00:00Z";
            json!({"type": "model", "id": model.name, "display_name": model.name, "created_at": at})
        } else {
            json!({"id": model.name, "object": "model", "created": CREATED, "owned_by": "sim"})
        }
    };
    if let Some(id) = id {
        return models
            .iter()
            .find(|m| m.name == id)
            .map(|m| entry(m).to_string());
    }
    let data: Vec<Value> = models.iter().map(entry).collect();
    let (first, last) = (
        models.first().map(|m| m.name),
        models.last().map(|m| m.name),
    );
    let list = if anthropic {
        json!({"data": data, "has_more": false, "first_id": first, "last_id": last})
    } else {
        json!({"object": "list", "data": data})
    };
    Some(list.to_string())
}

pub(crate) fn error(status: u16, code: Option<&str>, message: Option<&str>) -> String {
    let (kind, usual_code, usual) = match status {
        401 => (
            "invalid_request_error",
            Some("invalid_api_key"),
            "Incorrect API key provided.",
        ),
        403 => (
            "invalid_request_error",
            None,
            "You are not allowed to sample from this model",
        ),
        404 => (
            "invalid_request_error",
            Some("model_not_found"),
            "The model does not exist or you do not have access to it.",
        ),
        429 => (
            "requests",
            Some("rate_limit_exceeded"),
            "Rate limit reached for requests",
        ),
        503 => (
            "server_error",
            None,
            "The engine is currently overloaded, please try again later",
        ),
        500.. => (
            "server_error",
            None,
            "The server had an error while processing your request. Sorry about that!",
        ),
        _ => ("invalid_request_error", None, "The request is invalid."),
    };
    let coded = match code {
        Some("context_length_exceeded") => Some(
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens. Please reduce the length of the messages.",
        ),
        Some("insufficient_quota") => {
            Some("You exceeded your current quota, please check your plan and billing details.")
        }
        _ => None,
    };
    let kind = if code == Some("insufficient_quota") {
        "insufficient_quota"
    } else {
        kind
    };
    let message = message.or(coded).unwrap_or(usual);
    let param = (code == Some("context_length_exceeded")).then_some("messages");
    json!({"error": {"message": message, "type": kind, "param": param, "code": code.or(usual_code)}}).to_string()
}
