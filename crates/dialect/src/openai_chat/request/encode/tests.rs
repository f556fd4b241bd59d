//! What is sent to vendors.

use serde_json::{Value, json};
use weir_model::{
    Block, CacheMark, Content, Effort, Json, Media, MediaSource, Message, OutputFormat, Reasoning,
    ReasoningControl, Request, Role, Sampling, Tool, ToolCall, ToolChoice, ToolResult,
};

use super::encode;
use crate::openai_chat::tests::Given;

fn message(role: Role, blocks: impl IntoIterator<Item = Content>) -> Message {
    Message {
        role,
        blocks: blocks.into_iter().map(Block::from).collect(),
        name: None,
    }
}

fn text(text: &str) -> Content {
    Block::text(text).content
}

fn request(messages: Vec<Message>) -> Request {
    Request {
        model: "m".into(),
        messages,
        ..Request::default()
    }
}

fn sent(request: &Request, given: &mut Given) -> (Value, Vec<String>) {
    let encoded = encode(request, &given.cx()).unwrap();
    let losses = encoded.losses.iter().map(|loss| loss.field.clone());
    (
        serde_json::from_slice(&encoded.body).unwrap(),
        losses.collect(),
    )
}

fn png() -> Content {
    Content::Image(Media {
        source: MediaSource::Base64("AAAA".into()),
        media_type: Some("image/png".into()),
        name: None,
        detail: None,
    })
}

fn result(id: &str, content: Vec<Content>, is_error: bool) -> Content {
    Content::ToolResult(ToolResult {
        call_id: id.into(),
        content: content.into_iter().map(Block::from).collect(),
        is_error,
    })
}

fn call(id: &str) -> Content {
    Content::ToolCall(ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: String::new(),
    })
}

#[test]
fn results_come_first_and_their_images_after() {
    let request = request(vec![
        message(Role::Assistant, [text("Look."), call("a"), call("b")]),
        message(
            Role::User,
            [text("Well?"), result("a", vec![text("x"), png()], false)],
        ),
        message(Role::User, [result("b", vec![text("no")], true), text("")]),
    ]);
    let (body, losses) = sent(&request, &mut Given::default());
    let expected = json!([
        {"role": "assistant", "content": "Look.", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "x"},
        {"role": "tool", "tool_call_id": "b", "content": "Error:\nno"},
        {"role": "user", "content": [
            {"type": "text", "text": "From the result of tool call a:"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
        {"role": "user", "content": "Well?"},
    ]);
    assert_eq!(body["messages"], expected);
    assert_eq!(
        losses,
        ["messages[1].content[1]", "messages[2].content[0].is_error"]
    );
}

#[test]
fn content_is_one_string_where_that_says_all() {
    let request = request(vec![
        message(Role::System, [text("a"), text(""), text("b")]),
        message(Role::Developer, [text("c")]),
        message(Role::User, []),
        message(Role::Assistant, [call("a")]),
        message(Role::Assistant, [Content::Refusal { text: "no".into() }]),
        message(
            Role::Assistant,
            [text("The sky"), text(" is blue"), text(".")],
        ),
        message(Role::User, [text("d"), png(), text("e")]),
    ]);
    let (body, _) = sent(&request, &mut Given::default());
    let contents: Vec<_> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| &m["content"])
        .collect();
    assert_eq!(*contents[0], json!("a\nb"));
    assert_eq!(*contents[1], json!("c"));
    assert_eq!(*contents[2], json!(""));
    assert_eq!(*contents[3], Value::Null);
    assert_eq!(*contents[4], json!([{"type": "refusal", "refusal": "no"}]));
    assert_eq!(*contents[5], json!("The sky is blue."));
    assert_eq!(contents[6].as_array().unwrap().len(), 3);
    assert_eq!(body["messages"][1]["role"], "developer");

    let mut plain = Given::default();
    plain.quirks.string_content = true;
    plain.quirks.developer_as_system = true;
    let (body, losses) = sent(&request, &mut plain);
    assert_eq!(body["messages"][0]["content"], "a\nb");
    assert_eq!(body["messages"][1]["role"], "system");
    assert_eq!(body["messages"][4]["content"], "no");
    assert_eq!(body["messages"][6]["content"], "d\ne");
    assert_eq!(losses, ["messages[].content"]);
}

#[test]
fn reasoning_goes_back_where_the_provider_wants_it() {
    let thought = Content::Reasoning {
        text: "hm".into(),
        signature: Some("s".into()),
    };
    let redacted = Content::RedactedReasoning { data: "d".into() };
    let request = request(vec![message(
        Role::Assistant,
        [thought, redacted, text("a")],
    )]);
    let (body, losses) = sent(&request, &mut Given::default());
    assert_eq!(
        body["messages"][0],
        json!({"role": "assistant", "content": "a"})
    );
    assert_eq!(
        losses,
        ["messages[].reasoning", "messages[].reasoning.redacted"]
    );

    let mut given = Given::default();
    given.quirks.reasoning_field = Some("reasoning_content".into());
    let (body, losses) = sent(&request, &mut given);
    assert_eq!(body["messages"][0]["reasoning_content"], "hm");
    assert_eq!(
        losses,
        [
            "messages[].reasoning.signature",
            "messages[].reasoning.redacted"
        ]
    );
}

#[test]
fn media_that_openai_cannot_take_are_lost() {
    let media = |source| Media {
        source,
        media_type: None,
        name: None,
        detail: None,
    };
    let request = request(vec![message(
        Role::User,
        [
            Content::Document(media(MediaSource::Text("plain".into()))),
            Content::Document(Media {
                media_type: Some("application/pdf".into()),
                name: Some("a.pdf".into()),
                ..media(MediaSource::Base64("JVBE".into()))
            }),
            Content::Document(media(MediaSource::Url("https://x/a.pdf".into()))),
            Content::Image(media(MediaSource::FileId("f".into()))),
            Content::Opaque {
                kind: "search_result".into(),
                json: Json::empty_object(),
            },
            Content::Document(media(MediaSource::Text(String::new()))),
        ],
    )]);
    let (body, losses) = sent(&request, &mut Given::default());
    let parts = json!([
        {"type": "text", "text": "plain"},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
    ]);
    assert_eq!(body["messages"][0]["content"], parts);
    let lost = [
        "messages[0].content[2]",
        "messages[0].content[3]",
        "messages[0].content[4]",
    ];
    assert_eq!(losses, lost);
}

#[test]
fn parameters_bend_to_quirks() {
    let mut given = Given::default();
    given.quirks.drop = vec!["seed".into(), "stream_options".into()];
    given.quirks.rename = vec![("max_completion_tokens".into(), "max_tokens".into())];
    given.quirks.no_json_schema = true;
    given.capabilities.temperature_xor_top_p = true;
    let request = Request {
        max_output_tokens: Some(5),
        stream: true,
        sampling: Sampling {
            seed: Some(1),
            top_k: Some(2),
            temperature: Some(0.5),
            top_p: Some(0.5),
            stop: ["a", "b", "c", "d", "e"].map(String::from).to_vec(),
            ..Sampling::default()
        },
        output: Some(OutputFormat::JsonSchema {
            name: None,
            description: None,
            schema: Json::empty_object(),
            strict: None,
        }),
        service_tier: Some("standard_only".into()),
        cache: Some(CacheMark::default()),
        tool_choice: Some(ToolChoice::Required),
        parallel_tool_calls: Some(true),
        ..request(vec![message(Role::User, [text("Hi")])])
    };
    let (body, losses) = sent(&request, &mut given);
    let expected = json!({
        "model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5,
        "stream": true, "temperature": 0.5, "stop": ["a", "b", "c", "d"],
        "response_format": {"type": "json_object"},
    });
    assert_eq!(body, expected);
    let lost = [
        "tool_choice",
        "response_format.json_schema",
        "top_p",
        "top_k",
        "seed",
        "stop",
        "service_tier",
        "cache_control",
    ];
    assert_eq!(losses, lost);
}

#[test]
fn tools_and_shapes_are_written_in_full() {
    let request = Request {
        tools: vec![Tool {
            name: "f".into(),
            description: Some("d".into()),
            parameters: Json::parse(r#"{"b":1,"a":12345678901234567890123}"#).unwrap(),
            strict: Some(true),
            cache: None,
        }],
        tool_choice: Some(ToolChoice::Tool("f".into())),
        output: Some(OutputFormat::JsonSchema {
            name: None,
            description: None,
            schema: Json::empty_object(),
            strict: Some(true),
        }),
        stream: true,
        ..request(vec![message(Role::User, [text("Hi")])])
    };
    let encoded = encode(&request, &Given::default().cx()).unwrap();
    assert!(encoded.losses.is_empty());
    let body = String::from_utf8(encoded.body).unwrap();
    for part in [
        // Key order and digits survive.
        r#""parameters":{"b":1,"a":12345678901234567890123},"strict":true"#,
        r#""tool_choice":{"function":{"name":"f"},"type":"function"}"#,
        r#""json_schema":{"name":"response","schema":{},"strict":true}"#,
        r#""stream_options":{"include_usage":true}"#,
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
}

#[test]
fn thinking_becomes_an_effort() {
    use ReasoningControl::{Adaptive, Budget, Effort as ByEffort, None as NoThinking, Unknown};
    let effort = |effort| Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    };
    let budget = |tokens| Reasoning {
        enabled: Some(true),
        budget_tokens: Some(tokens),
        ..Reasoning::default()
    };
    let off = Reasoning {
        enabled: Some(false),
        ..Reasoning::default()
    };
    let on = Reasoning {
        enabled: Some(true),
        ..Reasoning::default()
    };
    let cases = [
        (effort(Effort::Max), Unknown, json!("max"), vec![]),
        (effort(Effort::Minimal), ByEffort, json!("minimal"), vec![]),
        (
            effort(Effort::Low),
            NoThinking,
            Value::Null,
            vec!["reasoning.effort"],
        ),
        (
            effort(Effort::Low),
            Budget,
            Value::Null,
            vec!["reasoning.effort"],
        ),
        (
            budget(1024),
            ByEffort,
            json!("low"),
            vec!["reasoning.budget_tokens"],
        ),
        (
            budget(8192),
            ByEffort,
            json!("medium"),
            vec!["reasoning.budget_tokens"],
        ),
        (
            budget(8193),
            Adaptive,
            json!("high"),
            vec!["reasoning.budget_tokens"],
        ),
        (off.clone(), Unknown, Value::Null, vec![]),
        (off, ByEffort, json!("none"), vec![]),
        (on, ByEffort, Value::Null, vec![]),
    ];
    for (reasoning, control, word, lost) in cases {
        let mut given = Given::default();
        given.capabilities.reasoning = control;
        let request = Request {
            reasoning: Some(reasoning.clone()),
            ..request(vec![message(Role::User, [text("Hi")])])
        };
        let (body, losses) = sent(&request, &mut given);
        assert_eq!(
            body.get("reasoning_effort").unwrap_or(&Value::Null),
            &word,
            "{reasoning:?}"
        );
        assert_eq!(losses, lost, "{reasoning:?}");
    }
}

#[test]
fn nothing_to_say_is_refused() {
    let rejection = encode(&request(vec![]), &Given::default().cx()).unwrap_err();
    assert_eq!(rejection.param.as_deref(), Some("messages"));
}
