//! Schemas: out of Google's own form, which is OpenAPI's of old, into JSON schema; and the little
//! that Google does not take of a JSON schema. What is carried keeps its order.
//! <https://ai.google.dev/api/caching#Schema>

use serde_json::value::RawValue;
use weir_model::{Json, Rejection};

use crate::json::read::{Object, Value};
use crate::json::write;

/// Deepest schema that is translated; beyond, it stays as it is.
const MOST_DEEP: usize = 64;

/// The schema of a tool without parameters.
pub(super) fn no_parameters() -> Json {
    let schema = Json::parse(r#"{"type":"object","properties":{}}"#);
    schema.unwrap_or_else(Json::empty_object)
}

/// Whether a schema says nothing of its object.
pub(super) fn is_empty(schema: &Json) -> bool {
    let compact: String = schema.get().split_ascii_whitespace().collect();
    let sorted = r#"{"properties":{},"type":"object"}"#;
    compact == "{}"
        || compact == r#"{"type":"object"}"#
        || compact == no_parameters().get()
        || compact == sorted
}

/// A schema of Google's as a JSON schema.
///
/// # Errors
/// An invalid-request rejection when it is no object.
pub(super) fn from_openapi(value: Value<'_, '_>) -> Result<Json, Rejection> {
    if !value.is_object() {
        return Err(value.wrong("an object"));
    }
    Ok(Json::parse(translated(value.text(), 0)).unwrap_or_else(|| value.json()))
}

/// A JSON schema as it came; where it names types in capitals, which Google takes too, in small ones.
///
/// # Errors
/// An invalid-request rejection when it is no object.
pub(super) fn from_json_schema(value: Value<'_, '_>) -> Result<Json, Rejection> {
    const CAPITALS: [&str; 6] = [
        "\"OBJECT\"",
        "\"ARRAY\"",
        "\"STRING\"",
        "\"INTEGER\"",
        "\"NUMBER\"",
        "\"BOOLEAN\"",
    ];
    if CAPITALS.iter().any(|kind| value.text().contains(kind)) {
        return from_openapi(value);
    }
    match value.is_object() {
        true => Ok(value.json()),
        false => Err(value.wrong("an object")),
    }
}

fn fields(text: &str) -> Vec<(std::borrow::Cow<'_, str>, &RawValue)> {
    Object::parse(text.as_bytes()).map_or_else(|_| Vec::new(), Object::into_fields)
}

fn translated(text: &str, depth: usize) -> String {
    if !text.starts_with('{') || depth > MOST_DEEP {
        return text.to_owned();
    }
    let fields = fields(text);
    let nullable = fields
        .iter()
        .any(|(key, raw)| key == "nullable" && raw.get() == "true");
    let mut out = Vec::new();
    for (key, raw) in &fields {
        let (key, value) = match &**key {
            "nullable" | "propertyOrdering" | "property_ordering" => continue,
            "type" => ("type", type_of(raw.get(), nullable)),
            "items" => ("items", translated(raw.get(), depth + 1)),
            "additionalProperties" | "additional_properties" => {
                ("additionalProperties", translated(raw.get(), depth + 1))
            }
            "properties" => ("properties", each(raw.get(), depth)),
            "defs" | "$defs" => ("$defs", each(raw.get(), depth)),
            "ref" => ("$ref", raw.get().to_owned()),
            "anyOf" | "any_of" => ("anyOf", list(raw.get(), depth)),
            "example" => ("examples", format!("[{}]", raw.get())),
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties"
            | "maxProperties" => (&**key, number(raw.get())),
            other => (other, raw.get().to_owned()),
        };
        out.push(field(key, &value));
    }
    format!("{{{}}}", out.join(","))
}

fn field(key: &str, value: &str) -> String {
    let key = String::from_utf8(write::string(key)).unwrap_or_default();
    format!("{key}:{value}")
}

/// Google writes types in capitals, and counts as strings (they are 64 bits wide).
fn type_of(raw: &str, nullable: bool) -> String {
    let name = raw.to_ascii_lowercase();
    match nullable {
        true if raw.starts_with('"') => format!("[{name},\"null\"]"),
        _ => name,
    }
}

fn number(raw: &str) -> String {
    let digits = raw.trim_matches('"');
    match digits.parse::<u64>() {
        Ok(number) => number.to_string(),
        Err(_) => raw.to_owned(),
    }
}

fn each(raw: &str, depth: usize) -> String {
    let fields = fields(raw);
    let fields = fields.iter();
    let fields = fields.map(|(key, raw)| field(key, &translated(raw.get(), depth + 1)));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

fn list(raw: &str, depth: usize) -> String {
    let schemas: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
    let schemas = schemas.iter().map(|raw| translated(raw.get(), depth + 1));
    format!("[{}]", schemas.collect::<Vec<_>>().join(","))
}

/// The schema as Google takes it, and whether something was left out: what stands beside a `$ref`.
pub(super) fn for_gemini(schema: &Json) -> (Json, bool) {
    if !schema.get().contains("\"$ref\"") {
        return (schema.clone(), false);
    }
    let mut lost = false;
    let text = lone_refs(schema.get(), &mut lost, 0);
    match lost {
        true => (Json::parse(text).unwrap_or_else(|| schema.clone()), true),
        false => (schema.clone(), false),
    }
}

fn lone_refs(text: &str, lost: &mut bool, depth: usize) -> String {
    if depth > MOST_DEEP {
        return text.to_owned();
    }
    if text.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
        let items = items
            .iter()
            .map(|raw| lone_refs(raw.get(), lost, depth + 1));
        return format!("[{}]", items.collect::<Vec<_>>().join(","));
    }
    if !text.starts_with('{') {
        return text.to_owned();
    }
    let fields = fields(text);
    let refers = |(key, raw): &(_, &RawValue)| {
        let key: &std::borrow::Cow<'_, str> = key;
        key == "$ref" && raw.get().starts_with('"')
    };
    let refers = fields.iter().any(refers);
    let mut out = Vec::new();
    for (key, raw) in &fields {
        if refers && !key.starts_with('$') {
            *lost = true;
        } else {
            out.push(field(key, &lone_refs(raw.get(), lost, depth + 1)));
        }
    }
    format!("{{{}}}", out.join(","))
}
