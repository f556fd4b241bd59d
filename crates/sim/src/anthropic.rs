//! Anthropic's Messages wire, written by hand.
//!
//! Shapes: <https://platform.claude.com/docs/en/api/messages> and `/build-with-claude/streaming`. It
//! reads leniently and never refuses a request.

use serde_json::{Value, json};

use crate::{
    turn::{Answer, Finish, Prompt, Tool, Usage, words},
    wire::{Frame, Part, count_words, finish_word, quote, text_of},
};

pub(crate) fn read(body: &Value) -> Prompt {
    let messages = body["messages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let blocks = |message: &Value| message["content"].as_array().cloned().unwrap_or_default();
    let mut users = messages.iter().filter(|m| m["role"] == "user").rev();
    let said = |m: &Value| Some(text_of(&m["content"])).filter(|text| !text.is_empty());
    let result = messages
        .last()
        .filter(|m| m["role"] == "user")
        .and_then(|m| {
            let results: Vec<Value> = blocks(m)
                .into_iter()
                .filter(|b| b["type"] == "tool_result")
                .collect();
            results.last().map(|b| text_of(&b["content"]))
        });
    let choice = &body["tool_choice"];
    let named = choice["name"].as_str();
    let offered = body["tools"].as_array().into_iter().flatten();
    let tools = offered.filter_map(|tool| {
        let name = tool["name"]
            .as_str()
            .filter(|_| tool.get("input_schema").is_some())?
            .to_owned();
        let wanted = choice["type"] != "none" && named.is_none_or(|named| named == name);
        wanted.then(|| Tool {
            name,
            schema: tool["input_schema"].clone(),
            custom: false,
        })
    });
    let format = body["output_config"]
        .get("format")
        .or_else(|| body.get("output_format"));
    let stop = body["stop_sequences"].as_array().into_iter().flatten();
    Prompt {
        text: users.find_map(said).unwrap_or_default(),
        result,
        input_tokens: ["system", "messages", "tools"]
            .iter()
            .map(|key| count_words(&body[*key]))
            .sum(),
        tools: tools.collect(),
        forced: choice["type"] == "any" || named.is_some(),
        schema: format.and_then(|f| f.get("schema")).cloned(),
        max_tokens: body["max_tokens"]
            .as_u64()
            .and_then(|n| usize::try_from(n).ok()),
        stop: stop.filter_map(Value::as_str).map(str::to_owned).collect(),
        choices: 1,
        ..Prompt::default()
    }
}

/// `input_tokens` excludes what was read from or written to the cache.
fn usage_json(usage: &Usage, output: u64) -> String {
    let (read, write) = (usage.cache_read, usage.cache_write);
    format!(
        "{{\"input_tokens\":{},\"cache_creation_input_tokens\":{write},\"cache_read_input_tokens\":{read},\
         \"cache_creation\":{{\"ephemeral_5m_input_tokens\":{write},\"ephemeral_1h_input_tokens\":0}},\
         \"output_tokens\":{output},\"service_tier\":\"standard\"}}",
        usage.input - read - write
    )
}

fn stop_json(answer: &Answer) -> String {
    let reason = answer
        .finish
        .as_ref()
        .map_or("null".to_owned(), |f| quote(finish_word(f)[1]));
    let sequence = match &answer.finish {
        Some(Finish::Sequence(sequence)) => quote(sequence),
        _ => "null".to_owned(),
    };
    format!("\"stop_reason\":{reason},\"stop_sequence\":{sequence}")
}

fn envelope(prompt: &Prompt, content: &str, stop: &str, usage: Option<String>) -> String {
    let usage = usage.map_or(String::new(), |usage| format!(",\"usage\":{usage}"));
    format!(
        "{{\"id\":\"msg_{:016x}\",\"type\":\"message\",\"role\":\"assistant\",\"model\":{},\
         \"content\":[{content}],{stop}{usage}}}",
        prompt.seed,
        quote(&prompt.model)
    )
}

/// A block of the answer: as a whole, as it opens in a stream, and the deltas that fill it.
struct Block {
    whole: String,
    open: String,
    deltas: Vec<String>,
}

fn blocks(answer: &Answer) -> Vec<Block> {
    let mut blocks = Vec::new();
    if let Some(thought) = &answer.thought {
        let (text, signature) = (quote(&thought.text), quote(&thought.signature));
        let mut deltas: Vec<String> = words(&thought.text)
            .into_iter()
            .map(|word| {
                format!(
                    "{{\"type\":\"thinking_delta\",\"thinking\":{}}}",
                    quote(word)
                )
            })
            .collect();
        deltas.push(format!(
            "{{\"type\":\"signature_delta\",\"signature\":{signature}}}"
        ));
        blocks.push(Block {
            whole: format!(
                "{{\"type\":\"thinking\",\"thinking\":{text},\"signature\":{signature}}}"
            ),
            open: r#"{"type":"thinking","thinking":"","signature":""}"#.to_owned(),
            deltas,
        });
        blocks.extend(thought.redacted.as_ref().map(|redacted| {
            let whole = format!(
                "{{\"type\":\"redacted_thinking\",\"data\":{}}}",
                quote(redacted)
            );
            Block {
                open: whole.clone(),
                whole,
                deltas: Vec::new(),
            }
        }));
    }
    if !answer.pieces.is_empty() {
        let delta =
            |piece: &String| format!("{{\"type\":\"text_delta\",\"text\":{}}}", quote(piece));
        blocks.push(Block {
            whole: format!("{{\"type\":\"text\",\"text\":{}}}", quote(&answer.text())),
            open: r#"{"type":"text","text":""}"#.to_owned(),
            deltas: answer.pieces.iter().map(delta).collect(),
        });
    }
    for call in &answer.calls {
        let head = format!(
            "{{\"type\":\"tool_use\",\"id\":\"toolu_{}\",\"name\":{},\"input\":",
            call.id,
            quote(&call.name)
        );
        let letters: Vec<char> = call.arguments.chars().collect();
        // As the vendor does it: an empty first delta, and nothing else for empty arguments.
        let pieces = letters.chunks(5).filter(|_| call.arguments != "{}");
        let pieces = pieces.map(|piece| piece.iter().collect::<String>());
        let delta = |piece: String| {
            format!(
                "{{\"type\":\"input_json_delta\",\"partial_json\":{}}}",
                quote(&piece)
            )
        };
        blocks.push(Block {
            whole: format!("{head}{}}}", call.arguments),
            open: format!("{head}{{}}}}"),
            deltas: std::iter::once(String::new())
                .chain(pieces)
                .map(delta)
                .collect(),
        });
    }
    blocks
}

pub(crate) fn message(prompt: &Prompt, answer: &Answer) -> String {
    let content: Vec<String> = blocks(answer)
        .into_iter()
        .map(|block| block.whole)
        .collect();
    let usage = answer.usage.map(|usage| usage_json(&usage, usage.output));
    envelope(prompt, &content.join(","), &stop_json(answer), usage)
}

pub(crate) fn frames(prompt: &Prompt, answer: &Answer) -> Vec<Frame> {
    let event = |part, name: &str, rest: &str| Frame {
        part,
        text: format!("event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n"),
    };
    let stop = "\"stop_reason\":null,\"stop_sequence\":null";
    let started = envelope(
        prompt,
        "",
        stop,
        answer.usage.map(|usage| usage_json(&usage, 1)),
    );
    let mut frames = vec![event(
        Part::Open,
        "message_start",
        &format!(",\"message\":{started}"),
    )];
    for (index, block) in blocks(answer).into_iter().enumerate() {
        let open = format!(",\"index\":{index},\"content_block\":{}", block.open);
        frames.push(event(Part::Content, "content_block_start", &open));
        if index == 0 {
            frames.push(event(Part::Open, "ping", ""));
        }
        frames.extend(block.deltas.iter().map(|delta| {
            let rest = format!(",\"index\":{index},\"delta\":{delta}");
            event(Part::Content, "content_block_delta", &rest)
        }));
        frames.push(event(
            Part::Open,
            "content_block_stop",
            &format!(",\"index\":{index}"),
        ));
    }
    if answer.finish.is_some() {
        let usage = answer.usage.map_or(String::new(), |u| {
            format!(",\"usage\":{}", usage_json(&u, u.output))
        });
        let rest = format!(",\"delta\":{{{}}}{usage}", stop_json(answer));
        frames.push(event(Part::Finish, "message_delta", &rest));
    }
    frames.push(event(Part::Done, "message_stop", ""));
    frames
}

pub(crate) fn error(status: u16, code: Option<&str>, message: Option<&str>) -> String {
    let (kind, usual) = match status {
        401 => ("authentication_error", "invalid x-api-key"),
        402 => (
            "billing_error",
            "Your credit balance is too low to access the Anthropic API.",
        ),
        403 => (
            "permission_error",
            "Your API key does not have permission to use the specified resource.",
        ),
        404 => ("not_found_error", "Not found"),
        413 => ("request_too_large", "Request exceeds the maximum size"),
        429 => (
            "rate_limit_error",
            "This request would exceed your account's rate limit. Please try again later.",
        ),
        504 => ("timeout_error", "The request timed out"),
        529 => ("overloaded_error", "Overloaded"),
        500.. => ("api_error", "Internal server error"),
        _ => ("invalid_request_error", "The request is invalid."),
    };
    let coded = (code == Some("context_length_exceeded"))
        .then_some("prompt is too long: 9000 tokens > 8192 maximum");
    let message = message.or(coded).unwrap_or(usual);
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_sim"})
        .to_string()
}
