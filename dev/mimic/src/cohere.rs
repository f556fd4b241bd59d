//! What Cohere refuses: keys, fields that its reference lacks, messages out of order, and values out
//! of their range. <https://docs.cohere.com/reference/chat> and <https://docs.cohere.com/reference/errors>.

use std::collections::BTreeSet;

use http::HeaderMap;
use serde_json::{Map, Value};

use crate::refusal::{Checked, Refusal, is_base64};

const FIELDS: &str = "stream model messages tools strict_tools documents citation_options \
    response_format safety_mode max_tokens stop_sequences temperature seed frequency_penalty \
    presence_penalty k p logprobs tool_choice thinking priority";
/// Bounds of numbers: the field, the least and the most.
const BOUNDS: [(&str, f64, f64); 8] = [
    ("temperature", 0.0, 1.0),
    ("p", 0.01, 0.99),
    ("k", 0.0, 500.0),
    ("frequency_penalty", 0.0, 1.0),
    ("presence_penalty", 0.0, 1.0),
    ("priority", 0.0, 999.0),
    ("seed", 0.0, u64::MAX as f64),
    ("max_tokens", 1.0, f64::MAX),
];
/// Fields that take one of a few words, or, behind a dot, a field of theirs that does.
const WORDS: [(&str, &str); 5] = [
    ("tool_choice", "REQUIRED NONE"),
    ("safety_mode", "CONTEXTUAL STRICT OFF"),
    (
        "citation_options.mode",
        "ENABLED DISABLED FAST ACCURATE OFF",
    ),
    ("response_format.type", "text json_object"),
    ("thinking.type", "enabled disabled"),
];

fn fault(message: impl Into<String>) -> Refusal {
    Refusal::invalid(message)
}

/// A request that is not of the reference's shape.
fn shapeless(message: impl Into<String>) -> Refusal {
    Refusal::invalid(message).with_kind(422, "invalid_request_error")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Checks the key.
pub(crate) fn check_headers(headers: &HeaderMap) -> Checked {
    let refuse = |message: &str| Err(fault(message).with_kind(401, "unauthorized"));
    let value = headers.get("authorization").and_then(|v| v.to_str().ok());
    let scheme = value.and_then(|value| value.split_once(' '));
    match scheme {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") && !key.is_empty() => {
            match key {
                "sk-bad" => refuse("invalid api token"),
                _ => Ok(()),
            }
        }
        _ => refuse("no api key supplied"),
    }
}

/// The fields of an object, all of which are known.
fn object<'v>(value: &'v Value, at: &str, known: &str) -> Checked<&'v Map<String, Value>> {
    let object = value.as_object();
    let object =
        object.ok_or_else(|| shapeless(format!("invalid type: {at} must be an object")))?;
    let unknown = |key: &&String| !known.split_whitespace().any(|known| known == *key);
    match object.keys().find(unknown) {
        Some(key) => Err(shapeless(format!(
            "unknown field: parameter '{at}.{key}' is not a valid field"
        ))),
        None => Ok(object),
    }
}

/// Checks the body of a chat.
pub(crate) fn check(body: &Map<String, Value>) -> Checked {
    let body = &Value::Object(body.clone());
    object(body, "body", FIELDS)?;
    if body["model"].as_str().is_none_or(str::is_empty) {
        return Err(fault("a model parameter is required for this endpoint."));
    }
    for flag in ["stream", "strict_tools", "logprobs"] {
        if !(body[flag].is_null() || body[flag].is_boolean()) {
            return Err(shapeless(format!("invalid type: {flag} must be a boolean")));
        }
    }
    check_values(body)?;
    check_messages(&body["messages"])?;
    check_tools(body)?;
    check_documents(body)?;
    check_format(body)
}

fn check_values(body: &Value) -> Checked {
    for (field, least, most) in BOUNDS {
        let value = &body[field];
        let fits = |number: f64| (least..=most).contains(&number);
        if !(value.is_null() || value.as_f64().is_some_and(fits)) {
            return Err(fault(format!(
                "invalid request: {field} must be between {least} and {most} inclusive."
            )));
        }
    }
    for (field, words) in WORDS {
        let (outer, inner) = field.split_once('.').unwrap_or((field, ""));
        let value = match inner {
            "" => &body[outer],
            inner => &body[outer][inner],
        };
        let fits = |word: &str| words.split_whitespace().any(|known| known == word);
        let needed = inner == "type" && body[outer].is_object();
        if (needed || !value.is_null()) && !value.as_str().is_some_and(fits) {
            return Err(fault(format!(
                "invalid request: {field} must be one of {words}."
            )));
        }
    }
    if body["frequency_penalty"].as_f64() > Some(0.0)
        && body["presence_penalty"].as_f64() > Some(0.0)
    {
        return Err(fault(
            "invalid request: cannot specify both frequency_penalty and presence_penalty.",
        ));
    }
    if list(&body["stop_sequences"]).count() > 5 {
        return Err(fault(
            "invalid request: stop_sequences may hold at most 5 strings.",
        ));
    }
    if !body["thinking"].is_null() {
        object(&body["thinking"], "thinking", "type token_budget")?;
        let budget = &body["thinking"]["token_budget"];
        if !(budget.is_null() || budget.as_u64() > Some(0)) {
            return Err(fault(
                "invalid request: token_budget must be a positive integer.",
            ));
        }
    }
    if !body["citation_options"].is_null() {
        object(&body["citation_options"], "citation_options", "mode")?;
    }
    Ok(())
}

fn check_messages(messages: &Value) -> Checked {
    if list(messages).next().is_none() {
        return Err(fault("invalid request: messages must not be empty."));
    }
    let mut called = BTreeSet::new();
    for (index, message) in list(messages).enumerate() {
        let at = format!("messages[{index}]");
        let role = message["role"].as_str().unwrap_or_default();
        let (known, parts) = match role {
            "system" => ("role content", "text"),
            "user" => ("role content", "text image_url"),
            "assistant" => (
                "role content tool_calls tool_plan citations",
                "text thinking",
            ),
            "tool" => ("role content tool_call_id", "text document"),
            _ => return Err(fault(format!("invalid request: {at} has an invalid role."))),
        };
        object(message, &at, known)?;
        if role == "system" && index > 0 {
            return Err(fault("system turn must be the first in the list"));
        }
        check_content(&message["content"], &at, parts)?;
        let calls = list(&message["tool_calls"]).count();
        if is_empty(&message["content"]) && calls == 0 && role != "tool" {
            return Err(fault("message must not be empty in a turn"));
        }
        for call in list(&message["tool_calls"]) {
            check_call(call, &at, &mut called)?;
        }
        if role == "tool" {
            let Some(id) = message["tool_call_id"].as_str() else {
                return Err(fault("tool call id must be provided with tool message"));
            };
            if !called.contains(id) {
                return Err(fault("tool call id not found in previous tool calls"));
            }
        }
    }
    Ok(())
}

fn is_empty(content: &Value) -> bool {
    match content {
        Value::String(text) => text.is_empty(),
        Value::Array(parts) => parts.is_empty(),
        _ => true,
    }
}

fn check_content(content: &Value, at: &str, kinds: &str) -> Checked {
    if !(content.is_null() || content.is_string() || content.is_array()) {
        return Err(shapeless(format!(
            "invalid type: {at}.content must be a string or a list"
        )));
    }
    for (index, part) in list(content).enumerate() {
        let at = format!("{at}.content[{index}]");
        let kind = part["type"].as_str().unwrap_or_default();
        if !kinds.split_whitespace().any(|known| known == kind) {
            return Err(fault(format!(
                "invalid request: {at} has an invalid type '{kind}'."
            )));
        }
        object(part, &at, &format!("type {kind}"))?;
        match kind {
            "text" | "thinking" if part[kind].as_str().is_none_or(str::is_empty) => {
                return Err(fault("message must not be empty in a turn"));
            }
            "image_url" => check_image(&part["image_url"], &at)?,
            "document" => check_document(&part["document"], 0)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_image(image: &Value, at: &str) -> Checked {
    object(image, at, "url detail")?;
    let url = image["url"].as_str().unwrap_or_default();
    let data = url
        .strip_prefix("data:image/")
        .and_then(|rest| rest.split_once(";base64,"));
    let web = url.starts_with("https://") || url.starts_with("http://");
    match web || data.is_some_and(|(_, data)| is_base64(data)) {
        true => Ok(()),
        false => Err(fault(format!(
            "invalid request: {at} is not an image that can be read."
        ))),
    }
}

fn check_call(call: &Value, at: &str, called: &mut BTreeSet<String>) -> Checked {
    object(call, at, "id type function")?;
    if call["type"] != "function" {
        return Err(fault("tool call must be of type function"));
    }
    object(&call["function"], at, "name arguments")?;
    let arguments = call["function"]["arguments"].as_str();
    if serde_json::from_str::<Value>(arguments.unwrap_or_default()).is_err() {
        return Err(fault(format!(
            "invalid request: {at} has arguments that are not JSON."
        )));
    }
    check_name(&call["function"]["name"])?;
    let id = call["id"].as_str().unwrap_or_default();
    match !id.is_empty() && called.insert(id.to_owned()) {
        true => Ok(()),
        false => Err(fault("cannot have duplicate tool ids")),
    }
}

fn check_name(name: &Value) -> Checked {
    let name = name.as_str().unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let first = name.chars().next();
    if first.is_some_and(|c| !c.is_ascii_digit()) && name.chars().all(fits) {
        return Ok(());
    }
    Err(fault(format!(
        "invalid request: tool names can only contain certain characters (A-Za-z0-9_) and can't \
         begin with a digit (provided name: '{name}')."
    )))
}

fn check_tools(body: &Value) -> Checked {
    let mut names = BTreeSet::new();
    for (index, tool) in list(&body["tools"]).enumerate() {
        let at = format!("tools[{index}]");
        object(tool, &at, "type function")?;
        let function = object(&tool["function"], &at, "name description parameters")?;
        if tool["type"] != "function" || !names.insert(tool["function"]["name"].as_str()) {
            return Err(fault(format!(
                "invalid request: {at} is not a function of its own name."
            )));
        }
        check_name(&tool["function"]["name"])?;
        let parameters = function.get("parameters").unwrap_or(&Value::Null);
        if parameters["type"] != "object" {
            return Err(fault("schema must be an object"));
        }
        let requires = list(&parameters["required"]).next().is_some();
        if body["strict_tools"] == true && !requires {
            return Err(fault(format!(
                "invalid request: {at} must have at least one required parameter."
            )));
        }
    }
    if body["tool_choice"] == "REQUIRED" && names.is_empty() {
        return Err(fault("invalid request: tool_choice REQUIRED needs tools."));
    }
    Ok(())
}

fn check_document(document: &Value, index: usize) -> Checked {
    let empty = || {
        fault(format!(
            "invalid request: document at index {index} cannot be empty"
        ))
    };
    let data = match document {
        Value::Object(_) => {
            object(document, &format!("documents[{index}]"), "id data")?;
            &document["data"]
        }
        other => other,
    };
    match data {
        Value::String(text) if !text.is_empty() => Ok(()),
        Value::Object(fields) if !fields.is_empty() => Ok(()),
        _ => Err(empty()),
    }
}

fn check_documents(body: &Value) -> Checked {
    let Some(documents) = body["documents"].as_array() else {
        return Ok(());
    };
    if documents.is_empty() {
        return Err(fault(
            "invalid request: list of documents must not be empty",
        ));
    }
    let mut ids = BTreeSet::new();
    for (index, document) in documents.iter().enumerate() {
        check_document(document, index)?;
        if let Some(id) = document["id"].as_str()
            && !ids.insert(id)
        {
            return Err(fault(format!(
                "invalid request: duplicate document ID {id}"
            )));
        }
    }
    Ok(())
}

fn check_format(body: &Value) -> Checked {
    let grounded = !body["documents"].is_null() || !body["tools"].is_null();
    if grounded && !body["safety_mode"].is_null() {
        return Err(fault(
            "invalid request: safety_mode is not supported with tools or documents.",
        ));
    }
    let format = &body["response_format"];
    if format.is_null() {
        return Ok(());
    }
    object(format, "response_format", "type json_schema")?;
    if grounded && format["type"] == "json_object" {
        return Err(fault(
            "invalid request: response_format is not supported with RAG.",
        ));
    }
    let schema = &format["json_schema"];
    match (format["type"] == "json_object", schema) {
        (_, Value::Null) => Ok(()),
        (true, schema) if schema["type"] == "object" => check_schema(schema),
        _ => Err(fault("schema must be an object")),
    }
}

/// Every object in a schema requires something.
fn check_schema(schema: &Value) -> Checked {
    match schema {
        Value::Array(items) => items.iter().try_for_each(check_schema),
        Value::Object(fields) => {
            if fields.get("type").is_some_and(|kind| kind == "object")
                && list(&schema["required"]).next().is_none()
            {
                return Err(fault(
                    "every object in the schema must have a required field",
                ));
            }
            fields.values().try_for_each(check_schema)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
