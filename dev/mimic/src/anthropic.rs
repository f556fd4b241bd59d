//! What Anthropic refuses: headers, top-level fields, thinking, tools, cache marks.
//!
//! Fields: <https://platform.claude.com/docs/en/api/messages>. Messages have a file of their own.

use http::HeaderMap;
use serde_json::{Map, Value};

use crate::{
    anthropic_messages::{check_messages, check_text_blocks},
    refusal::{Checked, Refusal, is_plain_name},
};

const FIELDS: &[&str] = &[
    "cache_control",
    "container",
    "inference_geo",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];
/// Fields that need an `anthropic-beta` header.
const BETA_FIELDS: &[&str] = &[
    "context_management",
    "diagnostics",
    "fallback_credit_token",
    "fallbacks",
    "mcp_servers",
    "output_format",
    "speed",
];
/// What `count_tokens` does not take, though `messages` does.
const NOT_COUNTED: &[&str] = &[
    "container",
    "inference_geo",
    "max_tokens",
    "metadata",
    "service_tier",
    "stop_sequences",
    "stream",
    "temperature",
    "top_k",
    "top_p",
];
const VERSIONS: &[&str] = &["2023-01-01", "2023-06-01", "2026-10-21"];
const DOCS: &str = "Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking";

/// An `invalid_request_error` about the field at `at`.
pub(crate) fn fault(at: impl AsRef<str>, message: &str) -> Refusal {
    Refusal::invalid(format!("{}: {message}", at.as_ref()))
}

/// The part of a schema violation that pydantic words.
pub(crate) fn known(map: &Map<String, Value>, at: &str, allowed: &[&str]) -> Checked {
    match map.keys().find(|key| !allowed.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(fault(
            format!("{at}.{key}"),
            "Extra inputs are not permitted",
        )),
    }
}

/// A field that must be there.
pub(crate) fn need<'a>(map: &'a Map<String, Value>, at: &str, key: &str) -> Checked<&'a Value> {
    let path = if at.is_empty() {
        key.to_owned()
    } else {
        format!("{at}.{key}")
    };
    map.get(key).ok_or_else(|| fault(path, "Field required"))
}

/// A string that must be there.
pub(crate) fn string<'a>(map: &'a Map<String, Value>, at: &str, key: &str) -> Checked<&'a str> {
    let path = if at.is_empty() {
        key.to_owned()
    } else {
        format!("{at}.{key}")
    };
    need(map, at, key)?
        .as_str()
        .ok_or_else(|| fault(path, "Input should be a valid string"))
}

/// An object.
pub(crate) fn object<'a>(value: &'a Value, at: &str) -> Checked<&'a Map<String, Value>> {
    value
        .as_object()
        .ok_or_else(|| fault(at, "Input should be a valid dictionary"))
}

fn list<'a>(value: &'a Value, at: &str) -> Checked<&'a Vec<Value>> {
    value
        .as_array()
        .ok_or_else(|| fault(at, "Input should be a valid list"))
}

/// Checks the credentials, the version and, for a `POST`, the content type.
pub(crate) fn check_headers(headers: &HeaderMap, post: bool) -> Checked {
    let get = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let denied =
        |message: &str| Err(Refusal::invalid(message).with_kind(401, "authentication_error"));
    match get("x-api-key") {
        None => return denied("x-api-key header is required"),
        Some("" | "sk-bad") => return denied("invalid x-api-key"),
        Some(_) => {}
    }
    let versions: Vec<&str> = headers
        .get_all("anthropic-version")
        .iter()
        .filter_map(|v| v.to_str().ok())
        .collect();
    match versions.join(", ").as_str() {
        "" => return Err(fault("anthropic-version", "header is required")),
        version if VERSIONS.contains(&version) => {}
        version => {
            return Err(fault(
                "anthropic-version",
                &format!("\"{version}\" is not a valid version"),
            ));
        }
    }
    let kind = get("content-type").unwrap_or_default();
    if post
        && kind
            .split(';')
            .next()
            .is_none_or(|kind| kind.trim() != "application/json")
    {
        return Err(fault("content-type", "header must be application/json"));
    }
    Ok(())
}

/// Checks the body of `messages`, or of `count_tokens` when `count`; `beta`: the request's
/// `anthropic-beta` header.
pub(crate) fn check_body(body: &Map<String, Value>, beta: Option<&str>, count: bool) -> Checked {
    for key in body.keys().map(String::as_str) {
        let takes = FIELDS.contains(&key) || (beta.is_some() && BETA_FIELDS.contains(&key));
        if !takes || (count && NOT_COUNTED.contains(&key)) {
            return Err(fault(key, "Extra inputs are not permitted"));
        }
    }
    string(body, "", "model")?;
    if !count {
        check_numbers(body)?;
    }
    check_plain(body)?;
    let thinks = check_thinking(body)?;
    check_tools(body, thinks)?;
    check_system(body)?;
    let messages = list(need(body, "", "messages")?, "messages")?;
    // What newer models take; the names of this file's models do not say how new they are.
    let mid = beta.is_some_and(|betas| betas.contains("mid-conversation-"));
    check_messages(messages, thinks, count, mid)?;
    let marked = ["system", "tools", "messages"]
        .iter()
        .filter_map(|key| body.get(*key));
    let marks: usize = marked.map(cache_marks).sum();
    if marks > 4 {
        let message =
            format!("A maximum of 4 blocks with cache_control may be provided. Found {marks}.");
        return Err(Refusal::invalid(message));
    }
    Ok(())
}

fn check_numbers(body: &Map<String, Value>) -> Checked {
    let limit = need(body, "", "max_tokens")?;
    match limit.as_i64() {
        None => return Err(fault("max_tokens", "Input should be a valid integer")),
        Some(n) if n < 1 => {
            return Err(fault(
                "max_tokens",
                "Input should be greater than or equal to 1",
            ));
        }
        Some(_) => {}
    }
    for key in ["temperature", "top_p"] {
        let Some(value) = body.get(key) else { continue };
        let number = value
            .as_f64()
            .ok_or_else(|| fault(key, "Input should be a valid number"))?;
        if number < 0.0 {
            return Err(fault(key, "Input should be greater than or equal to 0"));
        }
        if number > 1.0 {
            return Err(fault(key, "Input should be less than or equal to 1"));
        }
    }
    if body.get("top_k").is_some_and(|v| !v.is_u64()) {
        return Err(fault("top_k", "Input should be a valid integer"));
    }
    let model = body["model"].as_str().unwrap_or_default();
    let newer = model.starts_with("claude-") && !model.starts_with("claude-3");
    if newer && body.contains_key("temperature") && body.contains_key("top_p") {
        let message = "`temperature` and `top_p` cannot both be specified for this model. Please use only one.";
        return Err(Refusal::invalid(message));
    }
    Ok(())
}

fn check_plain(body: &Map<String, Value>) -> Checked {
    if body.get("stream").is_some_and(|v| !v.is_boolean()) {
        return Err(fault("stream", "Input should be a valid boolean"));
    }
    if let Some(sequences) = body.get("stop_sequences") {
        for (at, sequence) in list(sequences, "stop_sequences")?.iter().enumerate() {
            let at = format!("stop_sequences.{at}");
            let text = sequence
                .as_str()
                .ok_or_else(|| fault(at, "Input should be a valid string"))?;
            if text.trim().is_empty() {
                return Err(fault(
                    "stop_sequences",
                    "each stop sequence must contain non-whitespace",
                ));
            }
        }
    }
    if let Some(metadata) = body.get("metadata") {
        let map = object(metadata, "metadata")?;
        known(map, "metadata", &["user_id"])?;
        match map.get("user_id") {
            None | Some(Value::Null) => {}
            Some(Value::String(id)) if id.chars().count() <= 256 => {}
            Some(Value::String(_)) => {
                return Err(fault(
                    "metadata.user_id",
                    "String should have at most 256 characters",
                ));
            }
            Some(_) => return Err(fault("metadata.user_id", "Input should be a valid string")),
        }
    }
    match body.get("service_tier") {
        None => Ok(()),
        Some(tier) if *tier == "auto" || *tier == "standard_only" => Ok(()),
        Some(_) => Err(fault(
            "service_tier",
            "Input should be 'auto' or 'standard_only'",
        )),
    }
}

/// Whether thinking is on.
fn check_thinking(body: &Map<String, Value>) -> Checked<bool> {
    let Some(thinking) = body.get("thinking") else {
        return Ok(false);
    };
    let map = object(thinking, "thinking")?;
    let kind = string(map, "thinking", "type")?;
    match kind {
        "disabled" => return known(map, "thinking.disabled", &["type"]).map(|()| false),
        "adaptive" => known(map, "thinking.adaptive", &["type", "display"])?,
        "enabled" => {
            known(
                map,
                "thinking.enabled",
                &["type", "budget_tokens", "display"],
            )?;
            let at = "thinking.enabled.budget_tokens";
            let budget = need(map, "thinking.enabled", "budget_tokens")?;
            let budget = budget
                .as_i64()
                .ok_or_else(|| fault(at, "Input should be a valid integer"))?;
            if budget < 1024 {
                return Err(fault(at, "Input should be greater than or equal to 1024"));
            }
            if body
                .get("max_tokens")
                .and_then(Value::as_i64)
                .is_some_and(|limit| limit <= budget)
            {
                let message = format!(
                    "`max_tokens` must be greater than `thinking.budget_tokens`. {DOCS}#max-tokens-and-context-window-size"
                );
                return Err(Refusal::invalid(message));
            }
        }
        other => {
            let message = format!(
                "Input tag '{other}' found using 'type' does not match any of the expected tags: 'adaptive', 'disabled', 'enabled'"
            );
            return Err(fault("thinking", &message));
        }
    }
    let important = "#important-considerations-when-using-extended-thinking";
    if body
        .get("temperature")
        .is_some_and(|t| t.as_f64() != Some(1.0))
    {
        return Err(Refusal::invalid(format!(
            "`temperature` may only be set to 1 when thinking is enabled. {DOCS}{important}"
        )));
    }
    if body.contains_key("top_k") {
        return Err(Refusal::invalid(format!(
            "`top_k` must be unset when thinking is enabled. {DOCS}{important}"
        )));
    }
    if body
        .get("top_p")
        .and_then(Value::as_f64)
        .is_some_and(|p| p < 0.95)
    {
        return Err(Refusal::invalid(format!(
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled. {DOCS}{important}"
        )));
    }
    Ok(true)
}

fn check_tools(body: &Map<String, Value>, thinks: bool) -> Checked {
    let none = Vec::new();
    let tools = body
        .get("tools")
        .map_or(Ok(&none), |tools| list(tools, "tools"))?;
    let mut names: Vec<&str> = Vec::new();
    for (index, tool) in tools.iter().enumerate() {
        let map = object(tool, &format!("tools.{index}"))?;
        let custom = map
            .get("type")
            .is_none_or(|kind| kind.is_null() || *kind == "custom");
        let at = format!("tools.{index}.{}", if custom { "custom" } else { "server" });
        let name = string(map, &at, "name")?;
        if custom {
            check_custom_tool(map, &at, name)?;
        }
        if names.contains(&name) {
            return Err(fault("tools", "Tool names must be unique."));
        }
        names.push(name);
    }
    let Some(choice) = body.get("tool_choice") else {
        return Ok(());
    };
    let map = object(choice, "tool_choice")?;
    let kind = string(map, "tool_choice", "type")?;
    let at = format!("tool_choice.{kind}");
    match kind {
        "auto" | "any" => known(map, &at, &["type", "disable_parallel_tool_use"])?,
        "none" => known(map, &at, &["type"])?,
        "tool" => {
            known(map, &at, &["type", "name", "disable_parallel_tool_use"])?;
            let name = string(map, &at, "name")?;
            if !names.contains(&name) {
                return Err(Refusal::invalid(format!(
                    "Tool '{name}' not found in provided tools"
                )));
            }
        }
        other => {
            let message = format!(
                "Input tag '{other}' found using 'type' does not match any of the expected tags: 'any', 'auto', 'none', 'tool'"
            );
            return Err(fault("tool_choice", &message));
        }
    }
    if tools.is_empty() && kind != "none" {
        return Err(fault(
            "tool_choice",
            "may only be specified while providing tools",
        ));
    }
    if thinks && (kind == "any" || kind == "tool") {
        return Err(Refusal::invalid(
            "Thinking may not be enabled when tool_choice forces tool use.",
        ));
    }
    Ok(())
}

const TOOL: &[&str] = &[
    "type",
    "name",
    "description",
    "input_schema",
    "cache_control",
    "allowed_callers",
    "defer_loading",
    "eager_input_streaming",
    "input_examples",
    "strict",
];

fn check_custom_tool(map: &Map<String, Value>, at: &str, name: &str) -> Checked {
    known(map, at, TOOL)?;
    if !is_plain_name(name) || name.len() > 128 {
        return Err(fault(
            format!("{at}.name"),
            "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
        ));
    }
    if map.get("description").is_some_and(|text| !text.is_string()) {
        return Err(fault(
            format!("{at}.description"),
            "Input should be a valid string",
        ));
    }
    let path = format!("{at}.input_schema");
    let schema = object(need(map, at, "input_schema")?, &path)?;
    match schema.get("type") {
        None => Err(fault(format!("{path}.type"), "Field required")),
        Some(kind) if kind == "object" => Ok(()),
        Some(_) => Err(fault(format!("{path}.type"), "Input should be 'object'")),
    }
}

fn check_system(body: &Map<String, Value>) -> Checked {
    match body.get("system") {
        None | Some(Value::String(_)) => Ok(()),
        Some(Value::Array(blocks)) => {
            for (index, block) in blocks.iter().enumerate() {
                let at = format!("system.{index}");
                let map = object(block, &at)?;
                if string(map, &at, "type")? != "text" {
                    return Err(fault(format!("{at}.type"), "Input should be 'text'"));
                }
                known(map, &at, &["type", "text", "cache_control", "citations"])?;
                string(map, &at, "text")?;
            }
            check_text_blocks("system", blocks)
        }
        Some(_) => Err(fault("system", "Input should be a valid list")),
    }
}

/// Counts the blocks with a cache mark, in tool results too.
fn cache_marks(value: &Value) -> usize {
    let blocks = value.as_array().into_iter().flatten();
    blocks
        .map(|b| {
            usize::from(b.get("cache_control").is_some_and(|c| !c.is_null()))
                + cache_marks(&b["content"])
        })
        .sum()
}
