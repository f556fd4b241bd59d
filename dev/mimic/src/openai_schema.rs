//! What OpenAI refuses in `tools`, `tool_choice` and `response_format`.
//!
//! Strict schemas: <https://platform.openai.com/docs/guides/structured-outputs#supported-schemas>.

use serde_json::{Map, Value};

use crate::{
    openai::{known, missing, object, string, wrong_type, wrong_value},
    refusal::{Checked, Refusal, is_plain_name},
};

/// Checks `tools`, `tool_choice` and `parallel_tool_calls`.
pub(crate) fn check_tools(body: &Map<String, Value>) -> Checked {
    let Some(tools) = body.get("tools").and_then(Value::as_array) else {
        return ["tool_choice", "parallel_tool_calls"]
            .iter()
            .try_for_each(|key| {
                if !body.contains_key(*key) {
                    return Ok(());
                }
                let message = format!(
                    "Invalid value for '{key}': '{key}' is only allowed when 'tools' are specified."
                );
                Err(Refusal::invalid(message).param(*key))
            });
    };
    if tools.is_empty() {
        let message = "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.";
        return Err(Refusal::invalid(message).param("tools").code("empty_array"));
    }
    let mut names = Vec::new();
    for (index, tool) in tools.iter().enumerate() {
        names.push(check_tool(tool, &format!("tools[{index}]"))?);
    }
    check_choice(body.get("tool_choice"), &names)
}

fn check_tool<'a>(tool: &'a Value, at: &str) -> Checked<&'a str> {
    let map = object(tool, at)?;
    let kind = string(map, at, "type")?;
    if kind != "function" && kind != "custom" {
        return Err(wrong_value(
            &format!("{at}.type"),
            kind,
            &["function", "custom"],
        ));
    }
    known(map, at, &["type", kind])?;
    let path = format!("{at}.{kind}");
    let inner = object(map.get(kind).ok_or_else(|| missing(&path))?, &path)?;
    let allowed: &[&str] = if kind == "custom" {
        &["name", "description", "format"]
    } else {
        &["name", "description", "parameters", "strict"]
    };
    known(inner, &path, allowed)?;
    let name = string(inner, &path, "name")?;
    check_schema_name(name, &format!("{path}.name"))?;
    if let Some(schema) = inner.get("parameters") {
        let subject = format!("function '{name}'");
        let strict = inner.get("strict") == Some(&Value::Bool(true));
        let param = format!("{path}.parameters");
        check_schema(schema, strict, &subject).map_err(|message| {
            Refusal::invalid(message)
                .param(param)
                .code("invalid_function_parameters")
        })?;
    }
    Ok(name)
}

pub(crate) fn check_schema_name(name: &str, at: &str) -> Checked {
    if name.len() > 64 {
        let message = format!(
            "Invalid '{at}': string too long. Expected a string with maximum length 64, but got a string with length {} instead.",
            name.len()
        );
        return Err(Refusal::invalid(message)
            .param(at)
            .code("string_above_max_length"));
    }
    if is_plain_name(name) {
        return Ok(());
    }
    let message = format!(
        "Invalid '{at}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
    );
    Err(Refusal::invalid(message).param(at).code("invalid_value"))
}

fn check_choice(choice: Option<&Value>, names: &[&str]) -> Checked {
    let at = "tool_choice";
    match choice {
        None => Ok(()),
        Some(Value::String(word)) if ["none", "auto", "required"].contains(&word.as_str()) => {
            Ok(())
        }
        Some(Value::String(word)) => Err(wrong_value(at, word, &["none", "auto", "required"])),
        Some(Value::Object(map)) => {
            let kind = string(map, at, "type")?;
            known(map, at, &["type", kind])?;
            let path = format!("{at}.{kind}");
            let inner = object(map.get(kind).ok_or_else(|| missing(&path))?, &path)?;
            match kind {
                "allowed_tools" => Ok(()),
                "function" | "custom" => {
                    let name = string(inner, &path, "name")?;
                    if names.contains(&name) {
                        return Ok(());
                    }
                    let message = format!(
                        "Invalid value for 'tool_choice': function '{name}' not found in 'tools' parameter."
                    );
                    Err(Refusal::invalid(message).param(at))
                }
                other => Err(wrong_value(
                    &format!("{at}.type"),
                    other,
                    &["allowed_tools", "function", "custom"],
                )),
            }
        }
        Some(other) => Err(wrong_type(at, "one of a string or object", other)),
    }
}

/// Checks `response_format`.
pub(crate) fn check_format(body: &Map<String, Value>) -> Checked {
    let at = "response_format";
    let Some(format) = body.get(at).and_then(Value::as_object) else {
        return Ok(());
    };
    match string(format, at, "type")? {
        "text" => known(format, at, &["type"]),
        "json_object" => {
            known(format, at, &["type"])?;
            if body["messages"].to_string().to_lowercase().contains("json") {
                return Ok(());
            }
            let message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
            Err(Refusal::invalid(message).param("messages"))
        }
        "json_schema" => {
            known(format, at, &["type", "json_schema"])?;
            let path = "response_format.json_schema";
            let inner = object(
                format.get("json_schema").ok_or_else(|| missing(path))?,
                path,
            )?;
            known(inner, path, &["name", "description", "schema", "strict"])?;
            let name = string(inner, path, "name")?;
            check_schema_name(name, &format!("{path}.name"))?;
            let Some(schema) = inner.get("schema") else {
                return Err(missing(&format!("{path}.schema")));
            };
            let strict = inner.get("strict") == Some(&Value::Bool(true));
            check_schema(schema, strict, &format!("response_format '{name}'"))
                .map_err(|message| Refusal::invalid(message).param(at))
        }
        other => Err(wrong_value(
            "response_format.type",
            other,
            &["json_object", "json_schema", "text"],
        )),
    }
}

/// Checks a schema's root, and all of it when `strict`; the error is the vendor's message.
pub(crate) fn check_schema(schema: &Value, strict: bool, subject: &str) -> Result<(), String> {
    let root = schema
        .get("type")
        .map_or("type: \"None\"".to_owned(), |kind| format!("type: {kind}"));
    if root != "type: \"object\"" {
        return Err(format!(
            "Invalid schema for {subject}: schema must be a JSON Schema of 'type: \"object\"', got '{root}'."
        ));
    }
    check_node(schema, strict, &mut Vec::new()).map_err(|(context, fault)| {
        format!("Invalid schema for {subject}: In context=({context}), {fault}.")
    })
}

fn check_node(
    node: &Value,
    strict: bool,
    context: &mut Vec<String>,
) -> Result<(), (String, String)> {
    let fail = |context: &[String], fault: String| {
        let quoted: Vec<String> = context.iter().map(|c| format!("'{c}'")).collect();
        Err((quoted.join(", "), fault))
    };
    let properties = node.get("properties").and_then(Value::as_object);
    if node["type"] == "array" && node.get("items").is_none() {
        return fail(context, "array schema missing items".to_owned());
    }
    if node["type"] == "object" {
        if strict && node.get("additionalProperties") != Some(&Value::Bool(false)) {
            return fail(
                context,
                "'additionalProperties' is required to be supplied and to be false".to_owned(),
            );
        }
        let Some(properties) = properties else {
            return fail(context, "object schema missing properties".to_owned());
        };
        let required = node["required"].as_array().cloned().unwrap_or_default();
        if let Some(key) = properties
            .keys()
            .find(|key| strict && !required.iter().any(|r| r == *key))
        {
            let fault = format!(
                "'required' is required to be supplied and to be an array including every key in properties. Missing '{key}'"
            );
            return fail(context, fault);
        }
    }
    let mut children: Vec<(Vec<String>, &Value)> = Vec::new();
    for key in ["properties", "$defs", "definitions"] {
        let named = node
            .get(key)
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        children.extend(named.map(|(name, child)| (vec![key.to_owned(), name.clone()], child)));
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        let listed = node
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate();
        children.extend(listed.map(|(at, child)| (vec![key.to_owned(), at.to_string()], child)));
    }
    children.extend(
        node.get("items")
            .map(|child| (vec!["items".to_owned()], child)),
    );
    for (path, child) in children {
        let depth = context.len();
        context.extend(path);
        check_node(child, strict, context)?;
        context.truncate(depth);
    }
    Ok(())
}
