//! The schema of a tool's parameters, as OpenAI takes it.

use std::borrow::Cow;

use bytes::Bytes;
use weir_model::Json;

use crate::json::scan;
use crate::json::splice::Splices;

/// OpenAI refuses an object schema that does not name its properties, if only as none.
pub(crate) fn parameters(schema: &Json) -> Cow<'_, Json> {
    let text = schema.get().as_bytes();
    let lacking = scan::top_level_of_answer(text).filter(|top| {
        top.get(text, "type") == Some(b"\"object\"") && top.find(text, "properties").is_none()
    });
    let Some(top) = lacking else {
        return Cow::Borrowed(schema);
    };
    let mut splices = Splices::default();
    splices.append_field(&top, r#""properties":{}"#);
    let edited = splices.apply(&Bytes::copy_from_slice(text));
    let edited = String::from_utf8(edited.into()).ok().and_then(Json::parse);
    edited.map_or(Cow::Borrowed(schema), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_names_its_properties() {
        for (given, expected) in [
            (
                r#"{"type":"object"}"#,
                r#"{"type":"object","properties":{}}"#,
            ),
            (
                r#"{ "additionalProperties":{"properties":{}}, "type":"object" }"#,
                r#"{ "additionalProperties":{"properties":{}}, "type":"object" ,"properties":{}}"#,
            ),
            (
                r#"{"type":"object","properties":{}}"#,
                r#"{"type":"object","properties":{}}"#,
            ),
            ("{}", "{}"),
            (r#"{"$ref":"a"}"#, r#"{"$ref":"a"}"#),
        ] {
            let schema = Json::parse(given).unwrap();
            assert_eq!(parameters(&schema).get(), expected);
        }
    }
}
