//! Google's generateContent wire, written by hand.
//!
//! Shapes: <https://ai.google.dev/api/generate-content>. It reads leniently and never refuses a request.
//! The path names the model and asks for a stream: whoever plays this wire puts both into the body.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    turn::{Answer, Finish, Prompt, Tool, Usage, words},
    wire::{Frame, Part, count_words},
};

/// How the bytes of this wire's signatures begin.
pub const SIGNED: &str = "gemini-signature:";

fn list(value: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The texts of a content, thoughts left out.
fn text_of(content: &Value) -> String {
    let parts = list(&content["parts"]).filter(|part| part["thought"] != true);
    let texts = parts.filter_map(|part| part["text"].as_str());
    texts.collect::<Vec<_>>().join("\n")
}

fn result_of(content: &Value) -> Option<String> {
    let last = list(&content["parts"])
        .rev()
        .find_map(|part| part.get("functionResponse"))?;
    let response = &last["response"];
    let said = [&response["output"], &response["error"]];
    let text = said.into_iter().find_map(Value::as_str);
    Some(text.map_or_else(|| response.to_string(), str::to_owned))
}

pub(crate) fn read(body: &Value) -> Prompt {
    let contents = &body["contents"];
    let config = &body["generationConfig"];
    let users = list(contents).filter(|content| content["role"] != "model");
    let calling = &body["toolConfig"]["functionCallingConfig"];
    let allowed: Vec<_> = list(&calling["allowedFunctionNames"]).collect();
    let offered = list(&body["tools"]).flat_map(|tool| list(&tool["functionDeclarations"]));
    let tools = offered.filter_map(|tool| {
        let wanted = allowed.is_empty() || allowed.contains(&&tool["name"]);
        let schema = tool.get("parametersJsonSchema").or(tool.get("parameters"));
        (wanted && calling["mode"] != "NONE").then(|| Tool {
            name: tool["name"].as_str().unwrap_or_default().to_owned(),
            schema: schema.cloned().unwrap_or(json!({"type": "object"})),
            custom: false,
        })
    });
    let schema = config.get("responseJsonSchema");
    let limit = config["maxOutputTokens"].as_u64();
    Prompt {
        text: users
            .rev()
            .map(text_of)
            .find(|text| !text.is_empty())
            .unwrap_or_default(),
        result: list(contents).next_back().and_then(result_of),
        input_tokens: ["systemInstruction", "contents", "tools"]
            .iter()
            .map(|key| count_words(&body[*key]))
            .sum(),
        tools: tools.collect(),
        forced: calling["mode"] == "ANY",
        schema: schema.or(config.get("responseSchema")).cloned(),
        max_tokens: limit.and_then(|n| usize::try_from(n).ok()),
        stop: list(&config["stopSequences"])
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        choices: 1,
        ..Prompt::default()
    }
}

/// `thoughtsTokenCount` is apart from the candidates'.
fn usage_json(usage: &Usage) -> Value {
    let mut json = json!({
        "promptTokenCount": usage.input,
        "candidatesTokenCount": usage.output - usage.reasoning,
        "totalTokenCount": usage.input + usage.output,
    });
    for (key, count) in [
        ("thoughtsTokenCount", usage.reasoning),
        ("cachedContentTokenCount", usage.cache_read),
    ] {
        if count > 0 {
            json[key] = count.into();
        }
    }
    json
}

fn finish_word(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Sequence(_) | Finish::Calls => "STOP",
        Finish::Length => "MAX_TOKENS",
    }
}

fn answer_json(prompt: &Prompt, answer: &Answer, parts: Vec<Value>, finish: bool) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    if let Some(word) = answer.finish.as_ref().filter(|_| finish).map(finish_word) {
        candidate["finishReason"] = word.into();
    }
    let mut json = json!({
        "candidates": [candidate],
        "modelVersion": prompt.model,
        "responseId": format!("{:016x}", prompt.seed),
    });
    if let Some(usage) = &answer.usage {
        json["usageMetadata"] = usage_json(usage);
    }
    json
}

/// The calls, the first of them signed where there was a thought. Google mostly gives no ids.
fn calls(answer: &Answer) -> Vec<Value> {
    let call = |call: &crate::turn::Call| {
        let args: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        json!({"functionCall": {"name": call.name, "args": args}})
    };
    let mut calls: Vec<Value> = answer.calls.iter().map(call).collect();
    if let (Some(first), Some(signature)) = (calls.first_mut(), signature(answer)) {
        first["thoughtSignature"] = signature.into();
    }
    calls
}

fn signature(answer: &Answer) -> Option<String> {
    let thought = answer.thought.as_ref()?;
    Some(STANDARD.encode(format!("{SIGNED}{}", thought.signature)))
}

pub(crate) fn whole(prompt: &Prompt, answer: &Answer) -> String {
    let thought = answer.thought.iter();
    let mut parts: Vec<Value> = thought
        .map(|thought| json!({"text": thought.text, "thought": true}))
        .collect();
    if !answer.pieces.is_empty() {
        let mut text = json!({"text": answer.text()});
        if let (true, Some(signature)) = (answer.calls.is_empty(), signature(answer)) {
            text["thoughtSignature"] = signature.into();
        }
        parts.push(text);
    }
    parts.extend(calls(answer));
    escaped(&answer_json(prompt, answer, parts, true))
}

/// JSON as Google writes it: without angle brackets and the line ends of U+2028 and U+2029.
fn escaped(json: &Value) -> String {
    let escapes = [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ];
    escapes
        .iter()
        .fold(json.to_string(), |text, (char, escape)| {
            text.replace(*char, escape)
        })
}

pub(crate) fn frames(prompt: &Prompt, answer: &Answer) -> Vec<Frame> {
    let frame = |part, parts: Vec<Value>| {
        let json = escaped(&answer_json(prompt, answer, parts, part == Part::Finish));
        Frame {
            part,
            text: format!("data: {json}\n\n"),
        }
    };
    let thoughts = answer.thought.iter().flat_map(|t| words(&t.text));
    let mut frames: Vec<Frame> = thoughts
        .map(|word| frame(Part::Content, vec![json!({"text": word, "thought": true})]))
        .collect();
    let pieces = answer.pieces.iter();
    frames.extend(pieces.map(|piece| frame(Part::Content, vec![json!({"text": piece})])));
    let calls = calls(answer).into_iter();
    frames.extend(calls.map(|call| frame(Part::Content, vec![call])));
    if answer.finish.is_some() {
        let mut last = json!({"text": ""});
        if let (true, Some(signature)) = (answer.calls.is_empty(), signature(answer)) {
            last["thoughtSignature"] = signature.into();
        }
        frames.push(frame(Part::Finish, vec![last]));
    }
    frames
}

pub(crate) fn error(status: u16, code: Option<&str>, message: Option<&str>) -> String {
    let (word, usual) = match status {
        401 => (
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials.",
        ),
        403 => ("PERMISSION_DENIED", "The caller does not have permission"),
        404 => ("NOT_FOUND", "The model is not found."),
        429 => ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
        503 => (
            "UNAVAILABLE",
            "The model is overloaded. Please try again later.",
        ),
        504 => ("DEADLINE_EXCEEDED", "The request timed out."),
        500.. => ("INTERNAL", "An internal error has occurred."),
        _ => ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    };
    let coded = (code == Some("context_length_exceeded")).then_some(
        "The input token count (9000) exceeds the maximum number of tokens allowed (8192).",
    );
    let message = message.or(coded).unwrap_or(usual);
    json!({"error": {"code": status, "message": message, "status": word}}).to_string()
}
