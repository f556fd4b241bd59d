//! What OpenAI refuses of a request for a response: fields, items, tools and the format of the text.
//!
//! Fields: <https://platform.openai.com/docs/api-reference/responses/create>.

use serde_json::{Map, Value};

use crate::{
    openai::{
        Field, Want, check_fields, check_reasoning_model, known, missing, object, string,
        wrong_type, wrong_value,
    },
    openai_schema::{check_schema, check_schema_name},
    refusal::{Checked, Refusal},
};

const RESPONSES: &[Field] = &[
    Field("background", Want::Bool, true),
    Field("client_metadata", Want::Object, true),
    Field("context_management", Want::List, true),
    Field("conversation", Want::Any, true),
    Field("include", Want::List, true),
    Field("input", Want::Any, false),
    Field("instructions", Want::Str, true),
    Field("max_output_tokens", Want::Int(16, i64::MAX), true),
    Field("max_tool_calls", Want::Int(1, i64::MAX), true),
    Field("metadata", Want::Object, true),
    Field("model", Want::Str, false),
    Field("moderation", Want::Object, true),
    Field("parallel_tool_calls", Want::Bool, true),
    Field("previous_response_id", Want::Str, true),
    Field("prompt", Want::Object, true),
    Field("prompt_cache_key", Want::Str, true),
    Field("prompt_cache_options", Want::Object, false),
    Field(
        "prompt_cache_retention",
        Want::OneOf(&["in_memory", "24h"]),
        true,
    ),
    Field("reasoning", Want::Object, true),
    Field("safety_identifier", Want::Str, true),
    Field(
        "service_tier",
        Want::OneOf(&["auto", "default", "flex", "scale", "priority", "fast"]),
        true,
    ),
    Field("store", Want::Bool, true),
    Field("stream", Want::Bool, true),
    Field("stream_options", Want::Object, true),
    Field("temperature", Want::Num(0.0, 2.0), true),
    Field("text", Want::Object, false),
    Field("tool_choice", Want::Any, false),
    Field("tools", Want::List, false),
    Field("top_logprobs", Want::Int(0, 20), true),
    Field("top_p", Want::Num(0.0, 1.0), true),
    Field("truncation", Want::OneOf(&["auto", "disabled"]), true),
    Field("user", Want::Str, false),
];

const INCLUDABLE: &[&str] = &[
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
];

/// Checks a request.
pub(crate) fn check(body: &Map<String, Value>) -> Checked {
    check_fields(body, RESPONSES)?;
    let stored = ["previous_response_id", "conversation", "prompt"];
    match body.get("input") {
        Some(Value::String(_)) => {}
        Some(Value::Array(items)) => {
            check_items(items)?;
            if !body.contains_key("previous_response_id") {
                check_calls(items)?;
            }
        }
        Some(other) => {
            return Err(wrong_type(
                "input",
                "one of an array of input items or a string",
                other,
            ));
        }
        None if stored.iter().any(|key| body.contains_key(*key)) => {}
        None => return Err(missing("input")),
    }
    for (at, wanted) in body
        .get("include")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
    {
        crate::openai::check(&format!("include[{at}]"), &Want::OneOf(INCLUDABLE), wanted)?;
    }
    if let Some(reasoning) = body.get("reasoning").and_then(Value::as_object) {
        known(
            reasoning,
            "reasoning",
            &["context", "effort", "generate_summary", "mode", "summary"],
        )?;
    }
    if let Some(options) = body.get("stream_options").and_then(Value::as_object) {
        known(options, "stream_options", &["include_obfuscation"])?;
    }
    check_tools(body)?;
    check_text(body)?;
    check_reasoning_model(body)
}

/// Every call has its output, and every output its call.
pub(crate) fn check_calls(items: &[Value]) -> Checked {
    let mut open: Vec<&str> = Vec::new();
    for item in items {
        let id = item["call_id"].as_str().unwrap_or_default();
        match item["type"].as_str() {
            Some("function_call") => open.push(id),
            Some("function_call_output") => {
                let Some(place) = open.iter().position(|call| *call == id) else {
                    let message =
                        format!("No tool call found for function call output with call_id {id}.");
                    return Err(Refusal::invalid(message).param("input"));
                };
                open.remove(place);
            }
            _ => {}
        }
    }
    match open.first() {
        None => Ok(()),
        Some(id) => Err(
            Refusal::invalid(format!("No tool output found for function call {id}."))
                .param("input"),
        ),
    }
}

fn check_items(items: &[Value]) -> Checked {
    for (index, item) in items.iter().enumerate() {
        let at = format!("input[{index}]");
        let map = object(item, &at)?;
        match map.get("type").map_or(Some("message"), Value::as_str) {
            Some("message") => check_message(map, &at)?,
            Some("reasoning") => check_reasoning(map, &at)?,
            Some("function_call") => {
                known(
                    map,
                    &at,
                    &[
                        "type",
                        "id",
                        "call_id",
                        "name",
                        "namespace",
                        "arguments",
                        "status",
                        "caller",
                    ],
                )?;
                string(map, &at, "name")?;
                string(map, &at, "arguments")?;
                call_id(map, &at)?;
            }
            Some("additional_tools") => {}
            Some("function_call_output") => check_output(map, &at)?,
            Some(kind) if kind.ends_with("_call") || kind.ends_with("_output") => {}
            Some(other) => {
                let known = [
                    "message",
                    "reasoning",
                    "function_call",
                    "function_call_output",
                ];
                return Err(wrong_value(&format!("{at}.type"), other, &known));
            }
            None => return Err(wrong_type(&format!("{at}.type"), "a string", item)),
        }
    }
    Ok(())
}

fn check_output(map: &Map<String, Value>, at: &str) -> Checked {
    let fields = [
        "type",
        "id",
        "call_id",
        "name",
        "output",
        "status",
        "caller",
        "namespace",
    ];
    known(map, at, &fields)?;
    let path = format!("{at}.output");
    let output = map.get("output").ok_or_else(|| missing(&path))?;
    check_content(output, &path, &["input_text", "input_image", "input_file"])?;
    call_id(map, at).map(drop)
}

fn call_id<'a>(map: &'a Map<String, Value>, at: &str) -> Checked<&'a str> {
    let id = string(map, at, "call_id")?;
    if id.len() <= 64 && !id.is_empty() {
        return Ok(id);
    }
    let message = format!(
        "Invalid '{at}.call_id': string too long. Expected a string with maximum length 64, but got a string with length {} instead.",
        id.len()
    );
    Err(Refusal::invalid(message)
        .param(format!("{at}.call_id"))
        .code("string_above_max_length"))
}

fn check_message(map: &Map<String, Value>, at: &str) -> Checked {
    known(
        map,
        at,
        &["type", "id", "role", "content", "status", "phase"],
    )?;
    let parts: &[&str] = match string(map, at, "role")? {
        "assistant" => &["output_text", "refusal"],
        "user" | "system" | "developer" => &["input_text", "input_image", "input_file"],
        other => {
            let roles = ["assistant", "system", "developer", "user"];
            return Err(wrong_value(&format!("{at}.role"), other, &roles));
        }
    };
    let path = format!("{at}.content");
    let content = map.get("content").ok_or_else(|| missing(&path))?;
    check_content(content, &path, parts)
}

fn check_content(content: &Value, at: &str, allowed: &[&str]) -> Checked {
    let parts = match content {
        Value::String(_) => return Ok(()),
        Value::Array(parts) => parts,
        other => {
            return Err(wrong_type(
                at,
                "one of an array of objects or a string",
                other,
            ));
        }
    };
    for (index, part) in parts.iter().enumerate() {
        let at = format!("{at}[{index}]");
        let map = object(part, &at)?;
        let kind = string(map, &at, "type")?;
        if !allowed.contains(&kind) {
            return Err(wrong_value(&format!("{at}.type"), kind, allowed));
        }
        match kind {
            "input_text" | "output_text" => {
                known(
                    map,
                    &at,
                    &[
                        "type",
                        "text",
                        "annotations",
                        "logprobs",
                        "prompt_cache_breakpoint",
                    ],
                )?;
                string(map, &at, "text")?;
            }
            "refusal" => {
                known(map, &at, &["type", "refusal"])?;
                string(map, &at, "refusal")?;
            }
            "input_image" => known(
                map,
                &at,
                &[
                    "type",
                    "image_url",
                    "file_id",
                    "detail",
                    "prompt_cache_breakpoint",
                ],
            )?,
            _ => known(
                map,
                &at,
                &[
                    "type",
                    "file_data",
                    "file_id",
                    "file_url",
                    "filename",
                    "detail",
                    "prompt_cache_breakpoint",
                ],
            )?,
        }
    }
    Ok(())
}

/// Reasoning comes back with its summary and what proves it, and the proof must be ours.
fn check_reasoning(map: &Map<String, Value>, at: &str) -> Checked {
    known(
        map,
        at,
        &[
            "type",
            "id",
            "summary",
            "content",
            "encrypted_content",
            "status",
        ],
    )?;
    let path = format!("{at}.summary");
    let summary = map.get("summary").ok_or_else(|| missing(&path))?;
    let summary = summary
        .as_array()
        .ok_or_else(|| wrong_type(&path, "an array of objects", summary))?;
    let Some(proof) = map.get("encrypted_content").and_then(Value::as_str) else {
        let message =
            "Item with id not found. Items are not persisted when `store` is set to false.";
        return Err(Refusal::invalid(message)
            .with_kind(404, "invalid_request_error")
            .param("input"));
    };
    let thought: String = summary
        .iter()
        .filter_map(|part| part["text"].as_str())
        .collect();
    if proof == weir_sim::sign(&thought) || thought.is_empty() && !proof.contains(':') {
        return Ok(());
    }
    let message = "The encrypted content could not be verified. Reason: Encrypted content could not be decrypted or parsed.";
    Err(Refusal::invalid(message).code("invalid_encrypted_content"))
}

fn check_tools(body: &Map<String, Value>) -> Checked {
    let mut names = Vec::new();
    for (index, tool) in body
        .get("tools")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
    {
        let at = format!("tools[{index}]");
        let map = object(tool, &at)?;
        let kind = string(map, &at, "type")?;
        if kind != "function" {
            continue;
        }
        known(
            map,
            &at,
            &[
                "type",
                "name",
                "description",
                "parameters",
                "strict",
                "allowed_callers",
                "defer_loading",
                "output_schema",
            ],
        )?;
        let name = string(map, &at, "name")?;
        check_schema_name(name, &format!("{at}.name"))?;
        // Left out, the schema is made strict as far as it goes.
        let strict = map.get("strict") == Some(&Value::Bool(true));
        if let Some(schema) = map.get("parameters").filter(|schema| !schema.is_null()) {
            check_schema(schema, strict, &format!("function '{name}'")).map_err(|message| {
                let param = format!("{at}.parameters");
                Refusal::invalid(message)
                    .param(param)
                    .code("invalid_function_parameters")
            })?;
        }
        names.push(name);
    }
    let choice = body
        .get("tool_choice")
        .filter(|choice| *choice != "none" && *choice != "auto");
    match choice {
        None => Ok(()),
        Some(Value::String(word)) if word == "required" && !names.is_empty() => Ok(()),
        Some(Value::Object(map)) if map.get("type").is_some_and(|kind| kind == "function") => {
            let name = string(map, "tool_choice", "name")?;
            if names.contains(&name) {
                return Ok(());
            }
            let message =
                format!("Tool choice 'function' not found in 'tools' parameter: '{name}'.");
            Err(Refusal::invalid(message).param("tool_choice"))
        }
        Some(Value::Object(_)) => Ok(()),
        Some(_) => {
            let message = "Tool choice must be 'none', 'auto' or, with tools, 'required'.";
            Err(Refusal::invalid(message).param("tool_choice"))
        }
    }
}

fn check_text(body: &Map<String, Value>) -> Checked {
    let Some(text) = body.get("text").and_then(Value::as_object) else {
        return Ok(());
    };
    known(text, "text", &["format", "verbosity"])?;
    let Some(format) = text.get("format") else {
        return Ok(());
    };
    let at = "text.format";
    let map = object(format, at)?;
    match string(map, at, "type")? {
        "text" | "json_object" => known(map, at, &["type"]),
        "json_schema" => {
            known(
                map,
                at,
                &["type", "name", "description", "schema", "strict"],
            )?;
            let name = string(map, at, "name")?;
            check_schema_name(name, "text.format.name")?;
            let schema = map
                .get("schema")
                .ok_or_else(|| missing("text.format.schema"))?;
            let strict = map.get("strict") == Some(&Value::Bool(true));
            check_schema(schema, strict, &format!("response_format '{name}'")).map_err(|message| {
                Refusal::invalid(message)
                    .param("text.format.schema")
                    .code("invalid_json_schema")
            })
        }
        other => Err(wrong_value(
            "text.format.type",
            other,
            &["json_object", "json_schema", "text"],
        )),
    }
}
