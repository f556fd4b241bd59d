//! What OpenAI refuses: headers, top-level fields, and rules between fields.
//!
//! Fields: <https://platform.openai.com/docs/api-reference/chat/create>, `/completions/create` and
//! `/embeddings/create`. Messages and schemas have files of their own.

use http::HeaderMap;
use serde_json::{Map, Value};

use crate::{
    openai_messages::check_messages,
    openai_schema::{check_format, check_tools},
    refusal::{Checked, Refusal},
};

/// The type that a field must have.
pub(crate) enum Want {
    Any,
    Bool,
    Int(i64, i64),
    Num(f64, f64),
    Str,
    List,
    Object,
    OneOf(&'static [&'static str]),
}

/// A top-level field: name, type, whether null is the same as absent.
pub(crate) struct Field(pub(crate) &'static str, pub(crate) Want, pub(crate) bool);

const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];
const TIERS: &[&str] = &["auto", "default", "flex", "scale", "priority", "fast"];

const CHAT: &[Field] = &[
    Field("audio", Want::Object, true),
    Field("frequency_penalty", Want::Num(-2.0, 2.0), true),
    Field("function_call", Want::Any, false),
    Field("functions", Want::List, false),
    Field("logit_bias", Want::Object, true),
    Field("logprobs", Want::Bool, true),
    Field("max_completion_tokens", Want::Int(1, i64::MAX), true),
    Field("max_tokens", Want::Int(1, i64::MAX), true),
    Field("messages", Want::List, false),
    Field("metadata", Want::Object, true),
    Field("modalities", Want::List, true),
    Field("model", Want::Str, false),
    Field("moderation", Want::Object, true),
    Field("n", Want::Int(1, 128), true),
    Field("parallel_tool_calls", Want::Bool, false),
    Field("prediction", Want::Object, true),
    Field("presence_penalty", Want::Num(-2.0, 2.0), true),
    Field("prompt_cache_key", Want::Str, true),
    Field("prompt_cache_options", Want::Object, false),
    Field(
        "prompt_cache_retention",
        Want::OneOf(&["in_memory", "24h"]),
        true,
    ),
    Field("reasoning_effort", Want::OneOf(EFFORTS), true),
    Field("response_format", Want::Object, false),
    Field("safety_identifier", Want::Str, true),
    Field("seed", Want::Int(i64::MIN, i64::MAX), true),
    Field("service_tier", Want::OneOf(TIERS), true),
    Field("stop", Want::Any, true),
    Field("store", Want::Bool, true),
    Field("stream", Want::Bool, true),
    Field("stream_options", Want::Object, true),
    Field("temperature", Want::Num(0.0, 2.0), true),
    Field("tool_choice", Want::Any, false),
    Field("tools", Want::List, false),
    Field("top_logprobs", Want::Int(0, 20), true),
    Field("top_p", Want::Num(0.0, 1.0), true),
    Field("user", Want::Str, false),
    Field("verbosity", Want::OneOf(&["low", "medium", "high"]), true),
    Field("web_search_options", Want::Object, false),
];

const COMPLETIONS: &[Field] = &[
    Field("best_of", Want::Int(0, 20), true),
    Field("echo", Want::Bool, true),
    Field("frequency_penalty", Want::Num(-2.0, 2.0), true),
    Field("logit_bias", Want::Object, true),
    Field("logprobs", Want::Int(0, 5), true),
    Field("max_tokens", Want::Int(0, i64::MAX), true),
    Field("model", Want::Str, false),
    Field("n", Want::Int(1, 128), true),
    Field("presence_penalty", Want::Num(-2.0, 2.0), true),
    Field("prompt", Want::Any, false),
    Field("seed", Want::Int(i64::MIN, i64::MAX), true),
    Field("stop", Want::Any, true),
    Field("stream", Want::Bool, true),
    Field("stream_options", Want::Object, true),
    Field("suffix", Want::Str, true),
    Field("temperature", Want::Num(0.0, 2.0), true),
    Field("top_p", Want::Num(0.0, 1.0), true),
    Field("user", Want::Str, false),
];

const EMBEDDINGS: &[Field] = &[
    Field("dimensions", Want::Int(1, 4096), false),
    Field("encoding_format", Want::OneOf(&["float", "base64"]), false),
    Field("input", Want::Any, false),
    Field("model", Want::Str, false),
    Field("user", Want::Str, false),
];

fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(n) if n.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// "Invalid type for ...".
pub(crate) fn wrong_type(at: &str, wanted: &str, got: &Value) -> Refusal {
    let message = format!(
        "Invalid type for '{at}': expected {wanted}, but got {} instead.",
        noun(got)
    );
    Refusal::invalid(message).param(at).code("invalid_type")
}

/// "Invalid value: ... Supported values are ...".
pub(crate) fn wrong_value(at: &str, got: &str, allowed: &[&str]) -> Refusal {
    let quoted: Vec<String> = allowed.iter().map(|v| format!("'{v}'")).collect();
    let list = match quoted.as_slice() {
        [one] => one.clone(),
        [rest @ .., last] => format!("{}, and {last}", rest.join(", ")),
        [] => String::new(),
    };
    let message = format!("Invalid value: '{got}'. Supported values are: {list}.");
    Refusal::invalid(message).param(at).code("invalid_value")
}

fn out_of_range(at: &str, kind: &str, low: bool, bound: impl ToString, got: &Value) -> Refusal {
    let (side, sign) = if low {
        ("below minimum", ">=")
    } else {
        ("above maximum", "<=")
    };
    let code = match (kind, low) {
        ("integer", true) => "integer_below_min_value",
        ("integer", false) => "integer_above_max_value",
        (_, true) => "decimal_below_min_value",
        (_, false) => "decimal_above_max_value",
    };
    let message = format!(
        "Invalid '{at}': {kind} {side} value. Expected a value {sign} {}, but got {got} instead.",
        bound.to_string()
    );
    Refusal::invalid(message).param(at).code(code)
}

/// Checks one value against its type and range.
pub(crate) fn check(at: &str, want: &Want, value: &Value) -> Checked {
    match want {
        Want::Any => Ok(()),
        Want::Bool if value.is_boolean() => Ok(()),
        Want::Bool => Err(wrong_type(at, "a boolean", value)),
        Want::Str if value.is_string() => Ok(()),
        Want::Str => Err(wrong_type(at, "a string", value)),
        Want::List if value.is_array() => Ok(()),
        Want::List => Err(wrong_type(at, "an array of objects", value)),
        Want::Object if value.is_object() => Ok(()),
        Want::Object => Err(wrong_type(at, "an object", value)),
        Want::Int(low, high) => match value.as_i64() {
            None => Err(wrong_type(at, "an integer", value)),
            Some(n) if n < *low => Err(out_of_range(at, "integer", true, low, value)),
            Some(n) if n > *high => Err(out_of_range(at, "integer", false, high, value)),
            Some(_) => Ok(()),
        },
        Want::Num(low, high) => match value.as_f64() {
            None => Err(wrong_type(at, "a decimal", value)),
            Some(n) if n < *low => Err(out_of_range(at, "decimal", true, low, value)),
            Some(n) if n > *high => Err(out_of_range(at, "decimal", false, high, value)),
            Some(_) => Ok(()),
        },
        Want::OneOf(allowed) => match value.as_str() {
            None => Err(wrong_type(at, "a string", value)),
            Some(word) if allowed.contains(&word) => Ok(()),
            Some(word) => Err(wrong_value(at, word, allowed)),
        },
    }
}

/// Refuses keys of a nested object that are not `allowed`.
pub(crate) fn known(map: &Map<String, Value>, at: &str, allowed: &[&str]) -> Checked {
    match map.keys().find(|key| !allowed.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let path = format!("{at}.{key}");
            let message = format!("Unknown parameter: '{path}'.");
            Err(Refusal::invalid(message)
                .param(path)
                .code("unknown_parameter"))
        }
    }
}

/// "Missing required parameter".
pub(crate) fn missing(at: &str) -> Refusal {
    let message = format!("Missing required parameter: '{at}'.");
    Refusal::invalid(message)
        .param(at)
        .code("missing_required_parameter")
}

/// A required string inside an object.
pub(crate) fn string<'a>(map: &'a Map<String, Value>, at: &str, key: &str) -> Checked<&'a str> {
    let path = format!("{at}.{key}");
    let value = map.get(key).ok_or_else(|| missing(&path))?;
    value
        .as_str()
        .ok_or_else(|| wrong_type(&path, "a string", value))
}

/// An object, or "Invalid type".
pub(crate) fn object<'a>(value: &'a Value, at: &str) -> Checked<&'a Map<String, Value>> {
    value
        .as_object()
        .ok_or_else(|| wrong_type(at, "an object", value))
}

/// Checks the credentials: `Authorization: Bearer sk-...`, and not `sk-bad`.
pub(crate) fn check_key(headers: &HeaderMap) -> Checked {
    let refuse =
        |message: String| Refusal::invalid(message).with_kind(401, "invalid_request_error");
    let Some(value) = headers.get("authorization").and_then(|v| v.to_str().ok()) else {
        return Err(refuse(
            "You didn't provide an API key. You need to provide your API key in an Authorization header using \
             Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
                .to_owned(),
        ));
    };
    let key = value.strip_prefix("Bearer ").unwrap_or_default();
    if key.starts_with("sk-") && key != "sk-bad" {
        return Ok(());
    }
    let message = format!(
        "Incorrect API key provided: {}. You can find your API key at https://platform.openai.com/account/api-keys.",
        key.chars().take(8).collect::<String>()
    );
    Err(refuse(message).code("invalid_api_key"))
}

/// Checks the content type of a `POST`.
pub(crate) fn check_content_type(headers: &HeaderMap) -> Checked {
    let value = headers
        .get("content-type")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    if value
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim() == "application/json")
    {
        return Ok(());
    }
    let message = format!(
        "Unsupported content type: '{value}'. This API method only accepts 'application/json' requests, but you \
         specified the header 'Content-Type: {value}'. Please try again with a supported content type."
    );
    Err(Refusal::invalid(message).code("unsupported_content_type"))
}

/// The refusal of a body that is not JSON.
pub(crate) fn not_json() -> Refusal {
    Refusal::invalid(
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP \
         library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
    )
}

pub(crate) fn check_fields(body: &Map<String, Value>, fields: &[Field]) -> Checked {
    for (key, value) in body {
        let Some(Field(_, want, nullable)) = fields.iter().find(|f| f.0 == key) else {
            return Err(Refusal::invalid(format!(
                "Unrecognized request argument supplied: {key}"
            )));
        };
        if !(value.is_null() && *nullable) {
            check(key, want, value)?;
        }
    }
    if body.contains_key("model") {
        return Ok(());
    }
    Err(Refusal::invalid("you must provide a model parameter"))
}

/// Rules that chat and legacy completions share.
fn check_shared(body: &Map<String, Value>) -> Checked {
    let streams = body.get("stream") == Some(&Value::Bool(true));
    if let Some(options) = body.get("stream_options").and_then(Value::as_object) {
        if !streams {
            let message =
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
            return Err(Refusal::invalid(message).param("stream_options"));
        }
        known(
            options,
            "stream_options",
            &["include_usage", "include_obfuscation"],
        )?;
        for (key, value) in options {
            check(&format!("stream_options.{key}"), &Want::Bool, value)?;
        }
    }
    match body.get("stop") {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(Value::Array(list)) if list.len() > 4 => {
            let message = format!(
                "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length {} instead.",
                list.len()
            );
            Err(Refusal::invalid(message)
                .param("stop")
                .code("array_above_max_length"))
        }
        Some(Value::Array(list)) => list
            .iter()
            .enumerate()
            .try_for_each(|(at, v)| check(&format!("stop[{at}]"), &Want::Str, v)),
        Some(other) => Err(wrong_type("stop", "a string or an array of strings", other)),
    }
}

/// Checks a chat completions request.
pub(crate) fn check_chat(body: &Map<String, Value>) -> Checked {
    check_fields(body, CHAT)?;
    check_shared(body)?;
    let set = |key: &str| body.get(key).filter(|v| !v.is_null());
    let messages = set("messages")
        .and_then(Value::as_array)
        .ok_or_else(|| missing("messages"))?;
    if messages.is_empty() {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.";
        return Err(Refusal::invalid(message)
            .param("messages")
            .code("empty_array"));
    }
    if set("max_tokens").is_some() && set("max_completion_tokens").is_some() {
        let message =
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
        return Err(Refusal::invalid(message)
            .param("max_tokens")
            .code("invalid_parameter_combination"));
    }
    if set("top_logprobs").is_some() && set("logprobs") != Some(&Value::Bool(true)) {
        let message = "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.";
        return Err(Refusal::invalid(message).param("top_logprobs"));
    }
    if set("metadata").is_some() && set("store") != Some(&Value::Bool(true)) {
        let message = "The 'metadata' parameter is only allowed when 'store' is enabled.";
        return Err(Refusal::invalid(message).param("metadata"));
    }
    for (key, value) in set("metadata")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        check(&format!("metadata.{key}"), &Want::Str, value)?;
    }
    // A vendor that shows what it thought takes it back.
    let model = body.get("model").and_then(Value::as_str);
    let thinks = model.is_some_and(|model| model.contains("think"));
    check_messages(messages, thinks)?;
    check_tools(body)?;
    check_format(body)?;
    check_reasoning_model(body)
}

/// Reasoning models take fewer parameters.
pub(crate) fn check_reasoning_model(body: &Map<String, Value>) -> Checked {
    let model = body["model"].as_str().unwrap_or_default();
    if !["o1", "o3", "o4", "gpt-5"]
        .iter()
        .any(|prefix| model.starts_with(prefix))
    {
        return Ok(());
    }
    if body.get("max_tokens").is_some_and(|v| !v.is_null()) {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        return Err(Refusal::invalid(message)
            .param("max_tokens")
            .code("unsupported_parameter"));
    }
    for key in ["temperature", "top_p"] {
        if let Some(value) = body
            .get(key)
            .filter(|v| v.as_f64().is_some_and(|n| (n - 1.0).abs() > f64::EPSILON))
        {
            let message = format!(
                "Unsupported value: '{key}' does not support {value} with this model. Only the default (1) value is supported."
            );
            return Err(Refusal::invalid(message)
                .param(key)
                .code("unsupported_value"));
        }
    }
    Ok(())
}

/// Checks a legacy completions request.
pub(crate) fn check_completions(body: &Map<String, Value>) -> Checked {
    check_fields(body, COMPLETIONS)?;
    check_shared(body)?;
    check_input(body, "prompt")
}

/// Checks an embeddings request.
pub(crate) fn check_embeddings(body: &Map<String, Value>) -> Checked {
    check_fields(body, EMBEDDINGS)?;
    check_input(body, "input")
}

/// Text, tokens, or a list of either.
fn check_input(body: &Map<String, Value>, key: &str) -> Checked {
    let value = body.get(key).ok_or_else(|| missing(key))?;
    let one = |v: &Value| {
        v.is_string()
            || v.as_array()
                .is_some_and(|l| !l.is_empty() && l.iter().all(Value::is_u64))
    };
    let fits = one(value)
        || value
            .as_array()
            .is_some_and(|l| !l.is_empty() && l.iter().all(one));
    if fits && value != "" {
        return Ok(());
    }
    let message = format!(
        "'$.{key}' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
    );
    Err(Refusal::invalid(message))
}
