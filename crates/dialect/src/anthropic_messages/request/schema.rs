//! JSON schemas in the part of JSON Schema that Anthropic's grammars take:
//! <https://platform.claude.com/docs/en/build-with-claude/structured-outputs>. Key order survives,
//! because the model writes properties in the order of the schema. A constraint that the grammar
//! lacks moves into the description, where the model may still read it.

use weir_model::Json;

use crate::json::read::{Path, Value};
use crate::json::write;
use serde_json::value::RawValue;

/// Deeper schemas are copied as they are.
const MAX_DEPTH: usize = 64;

const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// The schema as a grammar takes it, and whether constraints had to move into descriptions.
pub(super) fn for_grammar(schema: &Json) -> (Json, bool) {
    let mut writer = Writer {
        out: Vec::with_capacity(schema.get().len() + 64),
        moved: false,
    };
    let written = serde_json::from_str::<&RawValue>(schema.get())
        .ok()
        .map(|raw| writer.schema(raw, 0))
        .and_then(|()| String::from_utf8(writer.out).ok())
        .and_then(Json::parse);
    (written.unwrap_or_else(|| schema.clone()), writer.moved)
}

/// The schema of a tool's input, which must say that it is an object.
pub(super) fn for_tool(schema: &Json) -> Json {
    let fields = serde_json::from_str::<&RawValue>(schema.get())
        .ok()
        .and_then(|raw| Value::new(raw, Path::Root).object().ok())
        .map(|object| object.into_fields());
    let Some(fields) = fields else {
        return Json::parse(r#"{"type":"object"}"#).unwrap_or_else(Json::empty_object);
    };
    if fields
        .iter()
        .any(|(key, raw)| key == "type" && raw.get() != "null")
    {
        return schema.clone();
    }
    let mut out = br#"{"type":"object""#.to_vec();
    for (key, raw) in fields.iter().filter(|(key, _)| key != "type") {
        out.push(b',');
        pair(&mut out, key, raw);
    }
    out.push(b'}');
    let typed = String::from_utf8(out).ok().and_then(Json::parse);
    typed.unwrap_or_else(|| schema.clone())
}

fn pair(out: &mut Vec<u8>, key: &str, raw: &RawValue) {
    write::append(out, key);
    out.push(b':');
    write::append(out, raw);
}

struct Writer {
    out: Vec<u8>,
    moved: bool,
}

impl Writer {
    fn schema(&mut self, raw: &RawValue, depth: usize) {
        let object = Value::new(raw, Path::Root).object();
        let Some(object) = object.ok().filter(|_| depth < MAX_DEPTH) else {
            return write::append(&mut self.out, raw);
        };
        let mut fields = object.into_fields();
        if fields.iter().any(|(key, _)| key == "$ref") {
            // Nothing may stand beside a reference but definitions.
            fields.retain(|(key, _)| matches!(&**key, "$ref" | "$defs" | "definitions"));
        }
        let is_object = fields
            .iter()
            .any(|(key, raw)| key == "properties" || key == "type" && raw.get() == "\"object\"");
        let any_of = fields.iter().any(|(key, _)| key == "anyOf");
        let (mut description, mut notes) = (String::new(), Vec::new());
        self.out.push(b'{');
        let start = self.out.len();
        for (key, raw) in fields {
            let text = raw.get();
            match &*key {
                "$schema" | "$id" | "$comment" => {}
                "description" => description = serde_json::from_str(text).unwrap_or_default(),
                "additionalProperties" if text == "false" => {}
                "properties" | "$defs" | "definitions" => self.named(&key, raw, depth),
                "items" => self.one(&key, raw, depth),
                "anyOf" | "allOf" => self.list(&key, raw, depth),
                "oneOf" if !any_of => self.list("anyOf", raw, depth),
                "type" | "enum" | "const" | "title" | "default" | "required" | "$ref" => {
                    self.key(&key);
                    write::append(&mut self.out, raw);
                }
                "minItems" if matches!(text, "0" | "1") => self.one(&key, raw, depth),
                "format" if FORMATS.contains(&text.trim_matches('"')) => self.one(&key, raw, depth),
                _ => notes.push(format!("{key}: {text}")),
            }
        }
        if is_object {
            self.key("additionalProperties");
            self.out.extend_from_slice(b"false");
        }
        self.describe(description, &notes);
        if self.out.get(start) == Some(&b',') {
            self.out.remove(start);
        }
        self.out.push(b'}');
    }

    /// A key with the comma before it.
    fn key(&mut self, key: &str) {
        self.out.push(b',');
        write::append(&mut self.out, key);
        self.out.push(b':');
    }

    fn one(&mut self, key: &str, raw: &RawValue, depth: usize) {
        self.key(key);
        self.schema(raw, depth + 1);
    }

    fn list(&mut self, key: &str, raw: &RawValue, depth: usize) {
        self.key(key);
        self.out.push(b'[');
        let items = Value::new(raw, Path::Root).array().unwrap_or_default();
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.schema(item, depth + 1);
        }
        self.out.push(b']');
    }

    fn named(&mut self, key: &str, raw: &RawValue, depth: usize) {
        self.key(key);
        self.out.push(b'{');
        let object = Value::new(raw, Path::Root).object();
        let fields = object.map(|o| o.into_fields()).unwrap_or_default();
        for (at, (name, raw)) in fields.into_iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            write::append(&mut self.out, &*name);
            self.out.push(b':');
            self.schema(raw, depth + 1);
        }
        self.out.push(b'}');
    }

    fn describe(&mut self, mut description: String, notes: &[String]) {
        if !notes.is_empty() {
            self.moved = true;
            if !description.is_empty() {
                description.push_str("\n\n");
            }
            description.push_str(&format!("{{{}}}", notes.join(", ")));
        }
        if !description.is_empty() {
            self.key("description");
            write::append(&mut self.out, &description);
        }
    }
}
