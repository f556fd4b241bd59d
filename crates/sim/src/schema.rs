//! Plausible values for a JSON schema.
//!
//! Covers what structured outputs and tools use in practice; the depth is bounded.

use serde_json::{Map, Value, json};

const MAX_DEPTH: usize = 12;

/// A value that fits `schema` (JSON Schema, any draft), by a simple rule per type.
#[must_use]
pub fn sample(schema: &Value) -> Value {
    value(schema, schema, 0)
}

fn value(schema: &Value, root: &Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    let inner = |schema: &Value| value(schema, root, depth + 1);
    if let Some(fixed) = schema.get("const").or_else(|| schema.get("enum")?.get(0)) {
        return fixed.clone();
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        return root
            .pointer(target.trim_start_matches('#'))
            .map_or(Value::Null, inner);
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema.get(key).and_then(|list| list.get(0)) {
            return inner(first);
        }
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().find(|k| *k != "null"),
        other => other,
    };
    // OpenAPI's words, as Google writes them, are in capitals.
    let kind = kind.and_then(Value::as_str).map(str::to_ascii_lowercase);
    match kind.as_deref() {
        Some("string") => json!(string(schema)),
        Some("integer") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("number") => schema.get("minimum").cloned().unwrap_or(json!(1.5)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        Some("array") => {
            let count = schema
                .get("minItems")
                .and_then(Value::as_u64)
                .unwrap_or(1)
                .min(16);
            schema.get("items").map_or(json!([]), |items| {
                (0..count).map(|_| inner(items)).collect()
            })
        }
        _ => {
            let fields = schema.get("properties").and_then(Value::as_object);
            let sampled: Map<String, Value> = fields
                .into_iter()
                .flatten()
                .map(|(k, v)| (k.clone(), inner(v)))
                .collect();
            Value::Object(sampled)
        }
    }
}

fn string(schema: &Value) -> &'static str {
    match schema.get("format").and_then(Value::as_str) {
        Some("date") => "2026-01-31",
        Some("date-time") => "2026-01-31T12:00:00Z",
        Some("time") => "12:00:00Z",
        Some("email") => "someone@example.com",
        Some("uri") => "https://example.com/",
        Some("uuid") => "123e4567-e89b-12d3-a456-426614174000",
        _ => "sample",
    }
}
