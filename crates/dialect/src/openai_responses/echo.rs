//! What an answer repeats of its request: its settings, as the client wrote them, or as OpenAI
//! assumes them where it did not.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use weir_model::{Json, Request};

use crate::json::read::Object;

/// The settings, and what they are when they are not given; "" is left out then.
const SETTINGS: [(&str, &str); 19] = [
    ("background", "false"),
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("prompt_cache_key", ""),
    ("prompt_cache_retention", ""),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", ""),
    ("store", "true"),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_logprobs", ""),
    ("top_p", "null"),
    ("truncation", r#""disabled""#),
    ("user", ""),
];

/// The settings of a request, for [`Request::echo`].
pub(super) fn of(mut body: Object<'_, '_>) -> Option<Json> {
    let mut out = String::from("{");
    for (name, assumed) in SETTINGS {
        let value = body.take(name).map_or(assumed, RawValue::get);
        if !value.is_empty() {
            let comma = if out.len() > 1 { "," } else { "" };
            out.push_str(&format!("{comma}\"{name}\":{value}"));
        }
    }
    out.push('}');
    Json::parse(out)
}

/// The settings in an answer.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Echo(BTreeMap<String, Box<RawValue>>);

impl Echo {
    /// Those of a request, or what OpenAI assumes.
    pub(super) fn of(request: &Request) -> Echo {
        let read = |json: &Json| serde_json::from_str(json.get()).ok();
        let assumed = || of(Object::default()).as_ref().and_then(read);
        let given = request.echo.as_ref().and_then(read);
        Echo(given.or_else(assumed).unwrap_or_default())
    }
}
