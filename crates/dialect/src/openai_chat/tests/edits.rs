//! Heads of requests, and edits of a client's own body.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use weir_model::{Capabilities, Cx, IdMint, Operation, Quirks};

use super::OpenAiChat;
use crate::{ClientDialect, UpstreamDialect};

fn edited(operation: Operation, body: &str, model: &str, quirks: &Quirks) -> (String, Vec<String>) {
    let head = OpenAiChat.read_head(operation, body.as_bytes()).unwrap();
    let (edits, losses) = OpenAiChat.native_edits(operation, &head, model, quirks);
    let out = edits.apply(&Bytes::copy_from_slice(body.as_bytes()));
    let lost = losses.iter().map(|loss| loss.field.clone()).collect();
    (String::from_utf8(out.to_vec()).unwrap(), lost)
}

#[test]
fn a_head_is_read_without_the_rest() {
    let body = br#"{"model":"a\/b","messages":"unread","stream":true,
        "stream_options":{"include_usage":true},"max_tokens":5,"max_completion_tokens":9}"#;
    let head = OpenAiChat.read_head(Operation::Chat, body).unwrap();
    assert_eq!(head.model, "a/b");
    assert_eq!(&body[head.model_span], br#""a\/b""#);
    assert!(head.stream && head.stream_usage);
    assert_eq!(head.max_output_tokens, Some(9));
}

#[test]
fn wrong_heads_name_the_field() {
    let cases = [
        (r#"{"messages":[]}"#, "model"),
        (r#"{"model":null}"#, "model"),
        (r#"{"model":""}"#, "model"),
        (r#"{"model":5}"#, "model"),
        (r#"{"model":"m","stream":"yes"}"#, "stream"),
        (r#"{"model":"m","stream_options":[]}"#, "stream_options"),
        (
            r#"{"model":"m","stream_options":{"include_usage":1}}"#,
            "stream_options.include_usage",
        ),
        (r#"{"model":"m","max_tokens":-1}"#, "max_tokens"),
    ];
    for (body, param) in cases {
        let rejection = OpenAiChat
            .read_head(Operation::Chat, body.as_bytes())
            .unwrap_err();
        assert_eq!(rejection.param.as_deref(), Some(param), "{body}");
        assert_eq!(rejection.status, 400);
    }
    let rejection = OpenAiChat
        .read_head(Operation::Completion, b"{}")
        .unwrap_err();
    assert!(rejection.message.contains("name a model"), "{rejection}");
}

#[test]
fn edits_touch_what_they_must_and_nothing_else() {
    use Operation::{Chat, Completion, Embedding};
    let quirks = Quirks::default();
    let cases = [
        (Chat, r#"{ "model" : "m" }"#, "m", r#"{ "model" : "m" }"#),
        (
            Chat,
            r#"{ "model" : "a" }"#,
            "b\"",
            r#"{ "model" : "b\"" }"#,
        ),
        (
            Chat,
            r#"{"model":"m","stream":true}"#,
            "m",
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            Chat,
            r#"{"model":"m","stream_options":{"include_usage": false, "x": 1},"stream":true}"#,
            "m",
            r#"{"model":"m","stream_options":{"include_usage": true, "x": 1},"stream":true}"#,
        ),
        (
            Completion,
            r#"{"model":"m","stream":true,"stream_options":{"x":1} }"#,
            "m",
            r#"{"model":"m","stream":true,"stream_options":{"x":1,"include_usage":true} }"#,
        ),
        (
            Completion,
            r#"{"model":"m","stream":true,"stream_options":null}"#,
            "m",
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            Embedding,
            r#"{"model":"m","stream":true}"#,
            "m",
            r#"{"model":"m","stream":true}"#,
        ),
    ];
    for (operation, body, model, expected) in cases {
        assert_eq!(
            edited(operation, body, model, &quirks),
            (expected.to_owned(), vec![])
        );
    }
}

#[test]
fn quirks_drop_and_rename() {
    let quirks = Quirks {
        drop: vec!["stream_options".into(), "logit_bias".into()],
        rename: vec![("max_completion_tokens".into(), "max_tokens".into())],
        ..Quirks::default()
    };
    let body = r#"{"logit_bias":{},"model":"m","stream":true,"max_completion_tokens":5}"#;
    let (out, lost) = edited(Operation::Chat, body, "m", &quirks);
    assert_eq!(out, r#"{"model":"m","stream":true,"max_tokens":5}"#);
    assert_eq!(lost, ["logit_bias"]);
    let body = r#"{"model":"m","max_completion_tokens":5,"max_tokens":6}"#;
    let (out, lost) = edited(Operation::Chat, body, "m", &quirks);
    assert_eq!(out, r#"{"model":"m","max_tokens":6}"#);
    assert_eq!(lost, ["max_completion_tokens"]);
}

const KEYS: [&str; 6] = [
    "stream_options",
    "n",
    "max_completion_tokens",
    "user",
    "seed",
    "stop",
];

proptest! {
    #[test]
    fn an_edited_body_is_what_the_edits_say(
        present in proptest::sample::subsequence(&KEYS[..], 0..=KEYS.len()).prop_shuffle(),
        dropped in proptest::sample::subsequence(&KEYS[..], 0..3),
        stream in any::<bool>(),
        model_at in 0usize..7,
    ) {
        let quirks = Quirks {
            drop: dropped.iter().map(|k| (*k).to_owned()).collect(),
            rename: vec![("max_completion_tokens".into(), "max_tokens".into())],
            ..Quirks::default()
        };
        let mut fields: Vec<(&str, Value)> = present.iter().map(|k| (*k, match *k {
            "stream_options" => json!({"x": 1}),
            _ => json!(1),
        })).collect();
        fields.insert(model_at.min(fields.len()), ("model", json!("a")));
        if stream {
            fields.insert(0, ("stream", json!(true)));
        }
        let text: Vec<String> = fields.iter().map(|(k, v)| format!("\"{k}\": {v}")).collect();
        let body = format!("{{{}}}", text.join(" , "));
        let (out, _) = edited(Operation::Chat, &body, "b", &quirks);
        let mut expected: Map<String, Value> =
            fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        expected.insert("model".into(), json!("b"));
        if stream {
            let options = expected.entry("stream_options").or_insert(json!({}));
            options["include_usage"] = json!(true);
        }
        for key in dropped {
            expected.remove(key);
        }
        if let Some(bound) = expected.remove("max_completion_tokens") {
            expected.insert("max_tokens".into(), bound);
        }
        let got: Value = serde_json::from_str(&out).unwrap();
        prop_assert_eq!(got, Value::Object(expected));
    }
}

#[test]
fn reasoning_of_another_vendor_stays_behind_where_it_is_refused() {
    let body = r#"{"model":"m","messages":[
        {"role":"user","content":"a \"reasoning\" of mine"},
        {"role":"assistant","reasoning_content":"so","content":"yes","reasoning_details":[{}]},
        {"role":"assistant","content":"no","reasoning":"theirs" }]}"#;
    let mut quirks = Quirks::default();
    assert_eq!(edited(Operation::Chat, body, "m", &quirks).0, body);
    quirks.refuses_reasoning = true;
    quirks.reasoning_field = Some("reasoning".into());
    let (out, lost) = edited(Operation::Chat, body, "m", &quirks);
    let expected = body
        .replace(r#""reasoning_content":"so","#, "")
        .replace(r#","reasoning_details":[{}]"#, "");
    assert_eq!(out, expected);
    let fields = ["reasoning_content", "reasoning_details"];
    assert_eq!(lost, fields.map(|field| format!("messages[1].{field}")));
}

/// What cannot be an id there becomes one, the same for a call and its result, in both lanes.
#[test]
fn ids_of_calls_are_nine_characters_where_they_must_be() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"\"tool_call_id\":\"x\""},
        {"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}},
         {"type":"function","id":"abcDEF789","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"call_1","content":"1"},
        {"role":"tool","content":"2","tool_call_id":"abcDEF789"}]}"#;
    let mut quirks = Quirks::default();
    assert_eq!(edited(Operation::Chat, body, "m", &quirks).0, body);
    quirks.short_call_ids = true;
    let (out, lost) = edited(Operation::Chat, body, "m", &quirks);
    let sent: Value = serde_json::from_str(&out).unwrap();
    let id = sent["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(
        id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric()),
        "{id}"
    );
    assert_eq!(out, body.replace("call_1", id));
    assert!(lost.is_empty());

    let bytes = Bytes::from_static(body.as_bytes());
    let request = OpenAiChat.decode_request(&bytes).unwrap().value;
    let (ids, capabilities) = (IdMint::new(1), Capabilities::default());
    let cx = Cx {
        now_s: 0,
        ids: &ids,
        quirks: &quirks,
        capabilities: &capabilities,
    };
    let encoded = OpenAiChat.encode_request(&request, &cx).unwrap();
    let translated: Value = serde_json::from_slice(&encoded.body).unwrap();
    for pointer in [
        "/1/tool_calls/0/id",
        "/1/tool_calls/1/id",
        "/2/tool_call_id",
        "/3/tool_call_id",
    ] {
        let pointer = format!("/messages{pointer}");
        assert_eq!(
            translated.pointer(&pointer),
            sent.pointer(&pointer),
            "{pointer}"
        );
    }
}
