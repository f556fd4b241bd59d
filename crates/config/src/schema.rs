//! The file's JSON schema, and the reference for people that is made from it: both from the doc
//! comments and defaults of the types, so that they cannot disagree.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::written::File;

/// The JSON schema (draft 2020-12) of a configuration file.
pub fn json_schema() -> Value {
    schemars::schema_for!(File).to_value()
}

/// The reference of the configuration file, in Markdown: a section for each mapping, a line for
/// each key.
pub fn reference() -> String {
    let schema = json_schema();
    let mut text = String::from(
        "# Configuration\n\nThe file is YAML. `${NAME}`, `${NAME:-default}` and `${file:/path}` \
         stand for environment variables and files in any value; `$${` is a plain `${`. Keys that \
         are not listed here are refused.\n",
    );
    let mut sections = vec![("The file", Vec::new())];
    visit(&schema, &schema, "", &mut sections);
    for (name, paths) in sections {
        let definition = schema.pointer(&format!("/$defs/{name}")).unwrap_or(&schema);
        section(&mut text, name, &paths, definition);
    }
    text
}

/// Finds every mapping that `object` leads to, in the order of its keys, and the paths where it
/// stands.
fn visit<'a>(
    root: &'a Value,
    object: &'a Value,
    at: &str,
    sections: &mut Vec<(&'a str, Vec<String>)>,
) {
    for (key, property) in properties(object) {
        let Some((name, suffix)) = refers(property) else {
            continue;
        };
        let path = format!("{at}{key}{suffix}");
        if let Some(definition) = root.pointer(&format!("/$defs/{name}")) {
            let inner = format!("{path}.");
            match sections.iter_mut().find(|(known, _)| *known == name) {
                Some((_, paths)) => paths.push(path),
                None => sections.push((name, vec![path])),
            }
            visit(root, definition, &inner, sections);
        }
    }
}

fn properties(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let properties = object.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten()
}

/// The definition that a key, its items or its values have, and how its path goes on.
fn refers(property: &Value) -> Option<(&str, &'static str)> {
    let places = [
        ("", ""),
        ("/anyOf/0", ""),
        ("/items", "[]"),
        ("/additionalProperties", ".NAME"),
    ];
    places.into_iter().find_map(|(pointer, suffix)| {
        let name = string(property.pointer(pointer)?, "$ref");
        Some((name.strip_prefix("#/$defs/")?, suffix))
    })
}

fn section(text: &mut String, name: &str, paths: &[String], schema: &Value) {
    let places: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
    let places = match places.is_empty() {
        true => String::new(),
        false => format!("At {}. ", places.join(" and ")),
    };
    let about = string(schema, "description");
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "\n## {name}\n\n{places}{about}\n\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n"
    );
    for (key, property) in properties(schema) {
        let default = match property.get("default") {
            _ if required.contains(&key.as_str()) => "required".to_owned(),
            None | Some(Value::Null) => String::new(),
            Some(Value::Object(_)) => String::new(),
            Some(Value::Array(items)) if items.is_empty() => String::new(),
            Some(Value::String(word)) => format!("`{word}`"),
            Some(other) => format!("`{other}`"),
        };
        let meaning = meaning(property).replace('\n', " ");
        let _ = writeln!(
            text,
            "| `{key}` | {} | {default} | {meaning} |",
            kind(property)
        );
    }
}

/// The key's description, and what each of its words means.
fn meaning(property: &Value) -> String {
    let mut meaning = string(property, "description").to_owned();
    for word in words(property) {
        if let Some(name) = word.get("const").and_then(Value::as_str) {
            let _ = write!(meaning, " `{name}`: {}", string(word, "description"));
        }
    }
    meaning
}

/// The words that a key takes, each with a description.
fn words(property: &Value) -> impl Iterator<Item = &Value> {
    let direct = property.get("oneOf");
    let optional = property.pointer("/anyOf/0/oneOf");
    direct
        .or(optional)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn string<'a>(schema: &'a Value, key: &str) -> &'a str {
    schema.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What a key takes, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = string(schema, "$ref").strip_prefix("#/$defs/") {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    let names: Vec<String> = words(schema)
        .map(|word| format!("`{}`", string(word, "const")))
        .collect();
    if !names.is_empty() {
        return names.join(", ");
    }
    let inner = |key: &str| schema.get(key).map(kind);
    if let Some(any_of) = schema
        .pointer("/anyOf/0")
        .or_else(|| schema.pointer("/allOf/0"))
    {
        return kind(any_of);
    }
    let types = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(name)) => vec![name.as_str()],
        _ => Vec::new(),
    };
    match types.iter().find(|&&name| name != "null") {
        Some(&"array") => format!("list of {}", inner("items").unwrap_or_default()),
        Some(&"object") => {
            let patterned = schema.get("patternProperties").and_then(Value::as_object);
            let value = patterned.and_then(|p: &Map<String, Value>| p.values().next());
            let value = value.map(kind).or_else(|| inner("additionalProperties"));
            format!("mapping of names to {}", value.unwrap_or_default())
        }
        Some(&"integer") => "whole number".to_owned(),
        Some(&"boolean") => "`true`, `false`".to_owned(),
        Some(&"string") if types.contains(&"integer") => "size".to_owned(),
        Some(&"string") if types.contains(&"number") => "decimal".to_owned(),
        Some(&"string") if string(schema, "format") == "password" => "secret text".to_owned(),
        _ => "text".to_owned(),
    }
}

#[cfg(test)]
mod tests;
