//! The schema and the reference name every key, with its default.

use super::*;

#[test]
fn the_schema_refuses_unknown_keys_everywhere() {
    let schema = json_schema();
    let defs = schema["$defs"].as_object().unwrap();
    let mut objects = vec![("File", &schema)];
    objects.extend(defs.iter().map(|(name, def)| (name.as_str(), def)));
    for (name, object) in objects {
        assert_eq!(object["additionalProperties"], false, "{name}");
        for (key, property) in object["properties"].as_object().unwrap() {
            assert!(
                property.get("description").is_some(),
                "{name}.{key} has no description"
            );
        }
    }
    assert_eq!(
        schema
            .pointer("/$defs/Server/properties/listen/default")
            .unwrap(),
        "127.0.0.1:4000"
    );
}

#[test]
fn the_reference_names_keys_defaults_and_words() {
    let text = reference();
    for line in [
        "| `max_body` | size | `32MiB` | The largest request body, such as `32MiB`. |",
        "| `input_usd_per_mtok` | decimal | required | USD per million input tokens. |",
        "| `providers` | mapping of names to [Provider](#provider) |  | ",
        "| `keys` | list of [DeclaredKey](#declaredkey) |  | ",
        "| `on_loss` | `allow`, `warn`, `reject` | `warn` | ",
        "| `http2` | `auto`, `off`, `prior_knowledge` | `auto` | ",
        "| `secret` | secret text |  | ",
        "## Timeouts\n\nAt `models.NAME.timeouts` and `providers.NAME.timeouts`. How long",
        "## WeightedTarget\n\nAt `models.NAME.targets[]`. ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let sections = text.matches("\n## ").count();
    assert_eq!(
        sections,
        1 + json_schema()["$defs"].as_object().unwrap().len()
    );
}

#[test]
fn timeouts_are_documented_with_their_defaults() {
    let schema = json_schema();
    let defaults = serde_json::to_value(crate::Deadlines::default()).unwrap();
    for (phase, default) in defaults.as_object().unwrap() {
        let about = &schema["$defs"]["Timeouts"]["properties"][phase]["description"];
        let says = format!("; {default} when left out.");
        assert!(about.as_str().unwrap().ends_with(&says), "{phase}: {about}");
    }
}
