//! What OpenAI demands of a schema that must be followed exactly, and otherwise refuses.
//! <https://platform.openai.com/docs/guides/structured-outputs#supported-schemas>

use std::collections::BTreeSet;

use serde_json::Value;
use weir_model::Json;

/// Whether a schema may be sent with `strict`: every object in it requires all its properties and
/// allows no others.
pub(crate) fn fits(schema: &Json) -> bool {
    serde_json::from_str(schema.get()).is_ok_and(|schema| is_closed(&schema))
}

fn is_closed(schema: &Value) -> bool {
    match schema {
        Value::Array(items) => items.iter().all(is_closed),
        Value::Object(fields) => {
            let required = fields.get("required").and_then(Value::as_array);
            let required = required.into_iter().flatten().filter_map(Value::as_str);
            let required: BTreeSet<&str> = required.collect();
            let properties = fields.get("properties").and_then(Value::as_object);
            let mut names = properties.into_iter().flat_map(|p| p.keys());
            let all_required = names.all(|name| required.contains(name.as_str()));
            let no_others = fields.get("additionalProperties") == Some(&Value::Bool(false));
            let is_object = fields.get("type").is_some_and(|kind| match kind {
                Value::Array(kinds) => kinds.iter().any(|kind| kind == "object"),
                kind => kind == "object",
            });
            (!is_object || no_others && all_required) && fields.values().all(is_closed)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_must_be_closed_at_every_depth() {
        let fits = |schema: &str| fits(&Json::parse(schema).unwrap());
        assert!(fits(
            r#"{"type":"object","properties":{"type":{"type":"string"}},"required":["type"],"additionalProperties":false}"#
        ));
        assert!(fits(
            r#"{"type":"array","items":{"type":["string","null"]}}"#
        ));
        assert!(!fits(r#"{"type":"object","properties":{}}"#));
        assert!(!fits(
            r#"{"type":"object","properties":{"a":{}},"required":[],"additionalProperties":false}"#
        ));
        assert!(!fits(
            r#"{"type":"array","items":{"anyOf":[{"type":["object","null"]}]}}"#
        ));
    }

    /// Quadratic work would not come to an end here.
    #[test]
    fn very_many_properties_are_looked_up() {
        let list =
            |each: &dyn Fn(u32) -> String| (0..200_000).map(each).collect::<Vec<_>>().join(",");
        let schema = format!(
            r#"{{"type":"object","properties":{{{}}},"required":[{}],"additionalProperties":false}}"#,
            list(&|n| format!("\"{n}\":{{}}")),
            list(&|n| format!("\"{n}\"")),
        );
        assert!(fits(&Json::parse(schema).unwrap()));
    }
}
