//! What OpenAI refuses in `messages`: roles, content parts, and the order of tool calls and answers.

use serde_json::{Map, Value};

use crate::{
    openai::{Want, check, known, missing, object, string, wrong_type, wrong_value},
    refusal::{Checked, Refusal, is_base64},
};

const ROLES: &[&str] = &[
    "system",
    "assistant",
    "user",
    "function",
    "tool",
    "developer",
];

/// Checks every message, and that each tool call has its answer right after it. `thinks`: earlier
/// reasoning may come back.
pub(crate) fn check_messages(messages: &[Value], thinks: bool) -> Checked {
    let mut open: Vec<&str> = Vec::new();
    let mut after_calls = false;
    for (index, message) in messages.iter().enumerate() {
        let at = format!("messages[{index}]");
        let map = object(message, &at)?;
        let role = string(map, &at, "role")?;
        if role == "tool" {
            check_answer(map, &at, index, after_calls, &mut open)?;
            continue;
        }
        unanswered(&open, index)?;
        after_calls = false;
        match role {
            "system" | "developer" => {
                known(map, &at, &["role", "content", "name"])?;
                check_content(map, &at, index, &["text"])?;
            }
            "user" => {
                known(map, &at, &["role", "content", "name"])?;
                check_content(
                    map,
                    &at,
                    index,
                    &["text", "image_url", "input_audio", "file"],
                )?;
            }
            "function" => known(map, &at, &["role", "content", "name"])?,
            "assistant" => {
                open = check_assistant(map, &at, index, thinks)?;
                after_calls = !open.is_empty();
            }
            other => return Err(wrong_value(&format!("{at}.role"), other, ROLES)),
        }
        check_name(map, &at)?;
    }
    unanswered(&open, messages.len())
}

fn unanswered(open: &[&str], index: usize) -> Checked {
    if open.is_empty() {
        return Ok(());
    }
    let message = format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
         The following tool_call_ids did not have response messages: {}",
        open.join(", ")
    );
    Err(Refusal::invalid(message).param(format!("messages.[{index}].role")))
}

fn check_answer(
    map: &Map<String, Value>,
    at: &str,
    index: usize,
    after_calls: bool,
    open: &mut Vec<&str>,
) -> Checked {
    known(map, at, &["role", "content", "tool_call_id"])?;
    let id = string(map, at, "tool_call_id")?;
    if !after_calls {
        let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
        return Err(Refusal::invalid(message).param(format!("messages.[{index}].role")));
    }
    let Some(found) = open.iter().position(|waiting| *waiting == id) else {
        let message = format!(
            "Invalid parameter: 'tool_call_id' of '{id}' not found in 'tool_calls' of previous message."
        );
        return Err(Refusal::invalid(message).param(format!("messages.[{index}].tool_call_id")));
    };
    open.remove(found);
    check_content(map, at, index, &["text"])
}

fn check_name(map: &Map<String, Value>, at: &str) -> Checked {
    let Some(name) = map.get("name") else {
        return Ok(());
    };
    let path = format!("{at}.name");
    let text = name
        .as_str()
        .ok_or_else(|| wrong_type(&path, "a string", name))?;
    if !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "<|\\/>".contains(c)) {
        return Ok(());
    }
    let message = format!(
        "Invalid '{path}': string does not match pattern. Expected a string that matches the pattern '^[^\\s<|\\\\/>]+$'."
    );
    Err(Refusal::invalid(message).param(path).code("invalid_value"))
}

/// Content that is a string or a list of the given part types.
fn check_content(map: &Map<String, Value>, at: &str, index: usize, parts: &[&str]) -> Checked {
    let path = format!("{at}.content");
    match map.get("content").ok_or_else(|| missing(&path))? {
        Value::String(_) => Ok(()),
        Value::Null => {
            let message = "Invalid value for 'content': expected a string, got null.";
            Err(Refusal::invalid(message).param(format!("messages.[{index}].content")))
        }
        Value::Array(list) if list.is_empty() => {
            let message = format!(
                "Invalid '{path}': empty array. Expected an array with minimum length 1, but got an empty array instead."
            );
            Err(Refusal::invalid(message).param(path).code("empty_array"))
        }
        Value::Array(list) => list
            .iter()
            .enumerate()
            .try_for_each(|(n, part)| check_part(part, &format!("{path}[{n}]"), parts)),
        other => Err(wrong_type(
            &path,
            "one of a string or array of objects",
            other,
        )),
    }
}

fn check_part(part: &Value, at: &str, parts: &[&str]) -> Checked {
    let map = object(part, at)?;
    let kind = string(map, at, "type")?;
    if !parts.contains(&kind) {
        return Err(wrong_value(&format!("{at}.type"), kind, parts));
    }
    known(map, at, &["type", kind, "prompt_cache_breakpoint"])?;
    let path = format!("{at}.{kind}");
    if kind == "text" || kind == "refusal" {
        return string(map, at, kind).map(drop);
    }
    let inner = object(map.get(kind).ok_or_else(|| missing(&path))?, &path)?;
    match kind {
        "image_url" => {
            known(inner, &path, &["url", "detail"])?;
            if let Some(detail) = inner.get("detail") {
                check(
                    &format!("{path}.detail"),
                    &Want::OneOf(&["auto", "low", "high"]),
                    detail,
                )?;
            }
            check_url(string(inner, &path, "url")?, &path)
        }
        "input_audio" => {
            known(inner, &path, &["data", "format"])?;
            let format = Value::from(string(inner, &path, "format")?);
            check(
                &format!("{path}.format"),
                &Want::OneOf(&["wav", "mp3"]),
                &format,
            )?;
            base64(string(inner, &path, "data")?, &format!("{path}.data"))
        }
        _ => {
            known(inner, &path, &["file_data", "file_id", "filename"])?;
            if inner.contains_key("file_data") || inner.contains_key("file_id") {
                return Ok(());
            }
            Err(missing(&format!("{path}.file_id")))
        }
    }
}

fn base64(text: &str, at: &str) -> Checked {
    if is_base64(text) {
        return Ok(());
    }
    let message = format!("Invalid '{at}': expected a base64-encoded string.");
    Err(Refusal::invalid(message).param(at).code("invalid_base64"))
}

fn check_url(url: &str, at: &str) -> Checked {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(());
    }
    let refuse = |message: &str, code| {
        Err(Refusal::invalid(message)
            .param(format!("{at}.url"))
            .code(code))
    };
    let Some((kind, data)) = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"))
    else {
        return refuse(
            "Invalid image_url: expected an http(s) URL or a base64 data URL.",
            "invalid_image_url",
        );
    };
    if !["image/png", "image/jpeg", "image/gif", "image/webp"].contains(&kind) {
        return refuse(
            "Invalid MIME type. Only image types are supported.",
            "invalid_image_format",
        );
    }
    if is_base64(data) {
        Ok(())
    } else {
        refuse("Invalid base64 image_url.", "invalid_base64")
    }
}

const ASSISTANT: &[&str] = &[
    "role",
    "content",
    "refusal",
    "name",
    "audio",
    "function_call",
    "tool_calls",
    "annotations",
];

/// Returns the ids that need an answer.
fn check_assistant<'a>(
    map: &'a Map<String, Value>,
    at: &str,
    index: usize,
    thinks: bool,
) -> Checked<Vec<&'a str>> {
    let mut fields = ASSISTANT.to_vec();
    fields.extend(thinks.then_some("reasoning_content"));
    known(map, at, &fields)?;
    let set = |key: &str| map.get(key).filter(|v| !v.is_null());
    if set("content").is_some()
        || !["tool_calls", "function_call", "refusal", "audio"]
            .iter()
            .any(|k| set(k).is_some())
    {
        check_content(map, at, index, &["text", "refusal"])?;
    }
    let Some(calls) = map.get("tool_calls") else {
        return Ok(Vec::new());
    };
    let path = format!("{at}.tool_calls");
    let calls = calls
        .as_array()
        .ok_or_else(|| wrong_type(&path, "an array of objects", calls))?;
    if calls.is_empty() {
        let message = format!(
            "Invalid '{path}': empty array. Expected an array with minimum length 1, but got an empty array instead."
        );
        return Err(Refusal::invalid(message).param(path).code("empty_array"));
    }
    calls
        .iter()
        .enumerate()
        .map(|(n, call)| check_call(call, &format!("{path}[{n}]")))
        .collect()
}

fn check_call<'a>(call: &'a Value, at: &str) -> Checked<&'a str> {
    let map = object(call, at)?;
    let id = string(map, at, "id")?;
    if id.len() > 40 {
        let message = format!(
            "Invalid '{at}.id': string too long. Expected a string with maximum length 40, but got a string with length {} instead.",
            id.len()
        );
        return Err(Refusal::invalid(message)
            .param(format!("{at}.id"))
            .code("string_above_max_length"));
    }
    let kind = string(map, at, "type")?;
    let payload = match kind {
        "function" => "arguments",
        "custom" => "input",
        other => {
            return Err(wrong_value(
                &format!("{at}.type"),
                other,
                &["function", "custom"],
            ));
        }
    };
    known(map, at, &["id", "type", kind])?;
    let path = format!("{at}.{kind}");
    let inner = object(map.get(kind).ok_or_else(|| missing(&path))?, &path)?;
    known(inner, &path, &["name", payload])?;
    string(inner, &path, "name")?;
    string(inner, &path, payload)?;
    Ok(id)
}
