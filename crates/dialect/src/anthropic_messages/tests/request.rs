//! Reading requests.

use proptest::prelude::*;
use serde_json::{Value, json};
use weir_model::{Content, Effort, MediaSource, Operation, OutputFormat, Role, ToolChoice};

use super::*;

fn refusal(body: &str) -> (String, Option<String>) {
    let rejection = AnthropicMessages
        .decode_request(&body.to_owned().into())
        .unwrap_err();
    assert_eq!(rejection.status, 400);
    (rejection.message.into_owned(), rejection.param)
}

#[test]
fn what_the_vendor_requires_is_required_with_advice() {
    for (body, field) in [
        (
            r#"{"max_tokens":1,"messages":[{"role":"user","content":"x"}]}"#,
            "model",
        ),
        (r#"{"model":"","max_tokens":1,"messages":[]}"#, "model"),
        (
            r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#,
            "max_tokens",
        ),
        (r#"{"model":"m","max_tokens":1}"#, "messages"),
    ] {
        let (message, param) = refusal(body);
        assert!(
            message.starts_with(&format!("{field}: Field required. ")),
            "{message}"
        );
        assert_eq!(param.as_deref(), Some(field));
    }
}

#[test]
fn a_wrong_type_is_named_with_its_path() {
    let body = |content: &str| {
        format!(
            r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":{content}}}]}}"#
        )
    };
    for (content, param) in [
        (
            r#"[{"type":"text","text":5}]"#,
            "messages[0].content[0].text",
        ),
        (r#"[{"text":"x"}]"#, "messages[0].content[0].type"),
        (
            r#"[{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"2h"}}]"#,
            "messages[0].content[0].cache_control.ttl",
        ),
        (
            r#"[{"type":"tool_use","id":"a","name":"b","input":"c"}]"#,
            "messages[0].content[0].input",
        ),
        (
            r#"[{"type":"image","source":{"type":"ftp"}}]"#,
            "messages[0].content[0].source",
        ),
    ] {
        assert_eq!(refusal(&body(content)).1.as_deref(), Some(param));
    }
    let (_, param) = refusal(r#"{"model":"m","max_tokens":1,"messages":[]}"#);
    assert_eq!(param.as_deref(), Some("messages"));
}

#[test]
fn the_head_is_read_without_the_rest() {
    let body =
        br#"{"model":"cl\u0061ude","max_tokens":9,"stream":true,"messages":"not looked at"}"#;
    let head = AnthropicMessages.read_head(Operation::Chat, body).unwrap();
    assert_eq!(head.model, "claude");
    assert_eq!(&body[head.model_span.clone()], b"\"cl\\u0061ude\"");
    assert_eq!(
        (head.stream, head.stream_usage, head.max_output_tokens),
        (true, true, Some(9))
    );
    let count = AnthropicMessages
        .read_head(Operation::CountTokens, body)
        .unwrap();
    assert_eq!(count.max_output_tokens, None);
    for (body, param) in [
        (&br#"{"stream":"yes","model":"m"}"#[..], "stream"),
        (br#"{"model":7}"#, "model"),
        (br#"{"max_tokens":-1,"model":"m"}"#, "max_tokens"),
        (br#"{}"#, "model"),
        (br#"{"model":""}"#, "model"),
    ] {
        let rejection = AnthropicMessages
            .read_head(Operation::Chat, body)
            .unwrap_err();
        assert_eq!(rejection.param.as_deref(), Some(param));
    }
}

#[test]
fn every_field_of_the_reference_is_carried_or_lost_by_name() {
    let minimal: Value = serde_json::from_str(AnthropicMessages.minimal_request()).unwrap();
    let plain = decode(AnthropicMessages.minimal_request());
    assert_eq!(lost(&plain.losses), Vec::<String>::new());
    // Samples that say what the minimal request says anyway.
    let same = [
        "messages",
        "messages[].content[].text.text",
        "messages[].content",
        "system[].citations",
    ];
    let mut seen = std::collections::HashSet::new();
    for field in AnthropicMessages.request_fields() {
        assert!(seen.insert(field.path), "{} stands twice", field.path);
        let mut body = minimal.clone();
        merge(&mut body, &serde_json::from_str(field.sample).unwrap());
        let read = decode(&body.to_string());
        let effect = read.value != plain.value || !read.losses.is_empty();
        assert!(
            effect || same.contains(&field.path),
            "{} vanishes",
            field.path
        );
        for loss in read.losses.iter() {
            assert_ne!(loss.reason, "unknown field", "{loss} in {}", field.path);
        }
        encode_for(&read.value, &able());
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (key, value) in patch {
        merge(target.entry(key.clone()).or_insert(Value::Null), value);
    }
}

#[test]
fn server_tools_are_lost_with_the_choice_of_them() {
    let (_, body) = fixture("server_tools");
    let read = decode(&body);
    assert_eq!(lost(&read.losses), ["tools[0]", "tool_choice"]);
    assert_eq!(read.value.tools.len(), 1);
    assert_eq!(read.value.tool_choice, None);
    let Content::Opaque { kind, json } = &read.value.messages[1].blocks[0].content else {
        panic!("{:?}", read.value.messages[1]);
    };
    assert_eq!(kind, "anthropic:server_tool_use");
    assert!(json.get().contains("regatta winner"));
}

fn fixture(name: &str) -> (String, String) {
    let found = fixtures("requests").into_iter().find(|(n, _)| n == name);
    let (name, body) = found.unwrap();
    (name, String::from_utf8(body).unwrap())
}

#[test]
fn examples_are_read_as_they_mean() {
    let read = decode(&fixture("thinking_unsigned").1);
    let thought = &read.value.messages[1].blocks[0].content;
    assert!(
        matches!(
            thought,
            Content::Reasoning {
                signature: None,
                ..
            }
        ),
        "{thought:?}"
    );
    let reasoning = read.value.reasoning.unwrap();
    assert_eq!(
        (reasoning.enabled, reasoning.effort),
        (Some(true), Some(Effort::High))
    );
    assert_eq!(reasoning.display.as_deref(), Some("summarized"));

    for name in ["structured_output", "structured_output_older"] {
        let output = decode(&fixture(name).1).value.output;
        let Some(OutputFormat::JsonSchema { schema, .. }) = output else {
            panic!("{name}");
        };
        assert!(schema.get().contains("reasoning"));
    }

    let read = decode(&fixture("mid_conversation_system").1).value;
    let roles: Vec<_> = read.messages.iter().map(|m| m.role).collect();
    let (user, system, model) = (Role::User, Role::System, Role::Assistant);
    assert_eq!(roles, [user, system, model, user, system]);

    let read = decode(&fixture("documents").1);
    let texts = read.value.messages[0]
        .blocks
        .iter()
        .filter_map(|b| match &b.content {
            Content::Document(media) => match &media.source {
                MediaSource::Text(text) => Some(text.as_str()),
                _ => None,
            },
            _ => None,
        });
    assert_eq!(
        texts.collect::<Vec<_>>(),
        ["Rent: 700.", "First.\n\nSecond.", "The mean rent is 650."]
    );
    let at = |i: usize, field: &str| format!("messages[0].content[{i}].{field}");
    assert_eq!(lost(&read.losses), [at(0, "context"), at(5, "source")]);
    assert_eq!(read.value.sampling.citations, Some(true));

    let read = decode(&fixture("betas_without_counterpart").1);
    let fields = [
        "container",
        "context_management",
        "inference_geo",
        "mcp_servers",
        "speed",
        "future_field",
    ];
    assert_eq!(lost(&read.losses), fields);

    let read = decode(&fixture("tool_choice_tool").1);
    assert_eq!(read.value.tool_choice, Some(ToolChoice::Tool("now".into())));
}

proptest! {
    #[test]
    fn nothing_that_comes_in_panics(
        at in 0..30_usize, cut in any::<proptest::sample::Index>(), byte in any::<u8>(),
    ) {
        let files = fixtures("requests");
        let mut body = files[at % files.len()].1.clone();
        let cut = cut.index(body.len());
        body[cut] = byte;
        let _ = AnthropicMessages.decode_request(&body.clone().into());
        let _ = AnthropicMessages.read_head(Operation::Chat, &body);
        body.truncate(cut);
        let _ = AnthropicMessages.decode_request(&body.clone().into());
    }
}
