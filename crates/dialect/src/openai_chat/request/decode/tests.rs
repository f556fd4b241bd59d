//! What clients ask, and what is refused.

use serde_json::{Value, json};
use weir_model::{
    CacheTtl, Content, Effort, MediaSource, OutputFormat, Rejection, Request, Role, ToolChoice,
};

use crate::Decoded;
use crate::openai_chat::tests::fixtures;

fn decode(body: &Value) -> Result<Decoded<Request>, Rejection> {
    super::decode(&body.to_string().into())
}

fn fixture(wanted: &str) -> (Request, Vec<String>) {
    let all = fixtures("requests", ".json");
    let (_, body) = all.iter().find(|(name, _)| name == wanted).unwrap();
    let decoded = super::decode(&body.clone().into()).unwrap();
    let losses = decoded.losses.iter().map(|loss| loss.field.clone());
    (decoded.value, losses.collect())
}

/// The minimal request with fields set.
fn with(fields: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    for (key, value) in fields.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn refused(cases: &[(Value, &str)]) {
    for (fields, param) in cases {
        let rejection = decode(&with(fields.clone())).unwrap_err();
        assert_eq!(
            rejection.param.as_deref(),
            Some(*param),
            "{fields}: {rejection}"
        );
    }
}

#[test]
fn messages_that_openai_refuses_are_refused_by_path() {
    let user = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    let cases = [
        (json!({"model": ""}), "model"),
        (json!({"messages": []}), "messages"),
        (json!({"messages": {}}), "messages"),
        (json!({"messages": [5]}), "messages[0]"),
        (json!({"messages": [{"content": "x"}]}), "messages[0].role"),
        (json!({"messages": [{"role": "robot"}]}), "messages[0].role"),
        (
            json!({"messages": [{"role": "user"}]}),
            "messages[0].content",
        ),
        (
            json!({"messages": [{"role": "assistant"}]}),
            "messages[0].content",
        ),
        (
            json!({"messages": [{"role": "tool", "content": "x"}]}),
            "messages[0].tool_call_id",
        ),
        (user(json!(5)), "messages[0].content"),
        (user(json!([{"text": "x"}])), "messages[0].content[0].type"),
        (
            user(json!([{"type": "text", "text": 5}])),
            "messages[0].content[0].text",
        ),
        (
            user(json!([{"type": "image_url", "image_url": {"url": "data:image/png,abc"}}])),
            "messages[0].content[0].image_url.url",
        ),
        (
            user(json!([{"type": "file", "file": {}}])),
            "messages[0].content[0].file",
        ),
    ];
    refused(&cases);
}

#[test]
fn parameters_that_openai_refuses_are_refused_by_path() {
    let f = json!({"type": "function", "function": {"name": "f"}});
    let cases = [
        (json!({"temperature": 2.5}), "temperature"),
        (json!({"top_p": "high"}), "top_p"),
        (json!({"n": 0}), "n"),
        (json!({"top_logprobs": 21}), "top_logprobs"),
        (json!({"max_tokens": 0}), "max_tokens"),
        (json!({"reasoning_effort": "hard"}), "reasoning_effort"),
        (json!({"verbosity": "loud"}), "verbosity"),
        (json!({"metadata": {"a": 1}}), "metadata"),
        (
            json!({"response_format": {"type": "xml"}}),
            "response_format.type",
        ),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {}}}),
            "response_format.json_schema.name",
        ),
        (
            json!({"tools": [{"type": "function", "name": "f"}]}),
            "tools[0].function",
        ),
        (json!({"tool_choice": "required"}), "tool_choice"),
        (
            json!({"tools": [f], "tool_choice": {"type": "function", "function": {"name": "g"}}}),
            "tool_choice",
        ),
        (json!({"stop": 5}), "stop"),
        (json!({"stop": [5]}), "stop[0]"),
        (
            json!({"cache_control": {"type": "ephemeral", "ttl": "2h"}}),
            "cache_control.ttl",
        ),
    ];
    refused(&cases);
}

#[test]
fn nulls_are_absent() {
    let all = json!({
        "tools": null, "tool_choice": null, "stop": null, "n": null, "stream": null,
        "stream_options": null, "response_format": null, "metadata": null, "user": null,
        "reasoning_effort": null, "logit_bias": null, "unknown": null,
    });
    let decoded = decode(&with(all)).unwrap();
    assert!(decoded.losses.is_empty(), "{:?}", decoded.losses);
}

#[test]
fn losses_are_named() {
    let (_, losses) = fixture("openai_only");
    let expected = [
        "moderation",
        "prediction",
        "prompt_cache_options",
        "web_search_options",
        "store",
        "vendor_extra",
    ];
    assert_eq!(losses, expected);
    let (_, losses) = fixture("tools_custom");
    assert_eq!(losses, ["messages[1].tool_calls[0].custom", "tools[0]"]);
    let harmless = json!({"store": false, "modalities": ["text"]});
    assert!(decode(&with(harmless)).unwrap().losses.is_empty());
}

#[test]
fn tool_results_of_a_turn_stand_together() {
    let (request, losses) = fixture("tool_results");
    assert_eq!(losses, Vec::<String>::new());
    let roles: Vec<_> = request
        .messages
        .iter()
        .map(|m| (m.role, m.blocks.len()))
        .collect();
    let expected = [
        (Role::User, 1),
        (Role::Assistant, 2),
        (Role::User, 2),
        (Role::User, 1),
    ];
    assert_eq!(roles, expected);
}

#[test]
fn legacy_functions_get_ids_that_pair() {
    let (request, losses) = fixture("legacy_functions");
    assert_eq!(losses, ["functions"]);
    let mut ids = Vec::new();
    for block in request.messages.iter().flat_map(|message| &message.blocks) {
        match &block.content {
            Content::ToolCall(call) => ids.push(call.id.clone()),
            Content::ToolResult(result) => assert_eq!(ids.last(), Some(&result.call_id)),
            _ => {}
        }
    }
    assert_eq!(ids, ["call_function_1", "call_function_2"]);
}

#[test]
fn reasoning_comes_back_with_its_proof() {
    let (request, losses) = fixture("reasoning_signed");
    assert_eq!(losses, Vec::<String>::new());
    let kinds: Vec<_> = request.messages[1]
        .blocks
        .iter()
        .map(|b| &b.content)
        .collect();
    assert!(
        matches!(kinds[..], [
            Content::Reasoning { signature: Some(proof), .. },
            Content::RedactedReasoning { .. },
            Content::Text { .. },
            Content::ToolCall(_),
        ] if proof == "EqQBCkYIBRgCKkAw=="),
        "{kinds:?}"
    );
    let (request, _) = fixture("reasoning_plain");
    let reasoning = request.reasoning.unwrap();
    assert_eq!(reasoning.budget_tokens, Some(2000));
    let plain = Content::Reasoning {
        text: "Simple sum.".into(),
        signature: None,
    };
    assert_eq!(request.messages[1].blocks[0].content, plain);
}

#[test]
fn cache_marks_are_read_wherever_they_stand() {
    let (request, losses) = fixture("cache_marks");
    assert_eq!(losses, ["prompt_cache_key", "prompt_cache_retention"]);
    let marks: Vec<_> = request
        .messages
        .iter()
        .map(|m| m.blocks[0].cache.map(|mark| mark.ttl))
        .collect();
    let (hour, five) = (Some(CacheTtl::OneHour), Some(CacheTtl::FiveMinutes));
    assert_eq!(marks, [Some(hour), Some(None), Some(five), Some(None)]);
    assert!(request.tools[0].cache.is_some());
}

#[test]
fn media_say_where_they_are() {
    let (request, losses) = fixture("audio_file");
    assert_eq!(losses, ["audio", "modalities"]);
    let blocks = &request.messages[0].blocks;
    let Content::Audio(audio) = &blocks[1].content else {
        panic!("{blocks:?}")
    };
    assert_eq!(audio.media_type.as_deref(), Some("audio/wav"));
    let Content::Document(pdf) = &blocks[2].content else {
        panic!("{blocks:?}")
    };
    assert_eq!(pdf.media_type.as_deref(), Some("application/pdf"));
    assert_eq!(
        pdf.source,
        MediaSource::Base64("JVBERi0xLjQKJSVFT0YK".into())
    );
    let Content::Document(file) = &blocks[3].content else {
        panic!("{blocks:?}")
    };
    assert_eq!(
        file.source,
        MediaSource::FileId("file-6F2ksmvXxt4VdoqmHRw6kL".into())
    );
    let other = json!([{"type": "video_url", "video_url": {"url": "https://x"}}]);
    let video = decode(&with(
        json!({"messages": [{"role": "user", "content": other}]}),
    ))
    .unwrap();
    let content = &video.value.messages[0].blocks[0].content;
    assert!(matches!(content, Content::Opaque { kind, .. } if kind == "video_url"));
}

#[test]
fn choices_of_tools() {
    let (request, _) = fixture("tool_choice_allowed");
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert_eq!(request.tools.len(), 1);
    assert_eq!(request.tools[0].name, "get_time");
    let (request, _) = fixture("tool_choice_named");
    assert_eq!(
        request.tool_choice,
        Some(ToolChoice::Tool("get_weather".into()))
    );
    assert_eq!(request.parallel_tool_calls, Some(false));
}

#[test]
fn the_rest_of_the_parameters() {
    let (request, _) = fixture("stop_sampling");
    assert_eq!(request.sampling.stop, ["10", "\n\n"]);
    assert_eq!(
        request
            .sampling
            .logit_bias
            .unwrap()
            .get()
            .replace(char::is_whitespace, ""),
        r#"{"50256":-100}"#
    );
    let (request, _) = fixture("structured_output");
    assert!(matches!(
        request.output,
        Some(OutputFormat::JsonSchema {
            strict: Some(true),
            ..
        })
    ));
    let (request, _) = fixture("reasoning_effort");
    assert_eq!(request.reasoning.unwrap().effort, Some(Effort::XHigh));
    assert_eq!(request.max_output_tokens, Some(4096));
    let both =
        json!({"user": "a", "safety_identifier": "b", "max_tokens": 1, "max_completion_tokens": 2});
    let decoded = decode(&with(both)).unwrap();
    assert_eq!(decoded.value.user.as_deref(), Some("b"));
    assert_eq!(decoded.value.max_output_tokens, Some(2));
    let lost: Vec<_> = decoded
        .losses
        .iter()
        .map(|loss| loss.field.as_str())
        .collect();
    assert_eq!(lost, ["max_tokens", "user"]);
}
