//! Whole answers of real vendors.

use serde_json::{Value, json};
use weir_model::{Block, Choice, Content, Finish, FinishReason, Json, Kind, Operation, Response};

use crate::openai_chat::OpenAiChat;
use crate::openai_chat::tests::Given;
use crate::{ClientDialect, UpstreamDialect};

fn decoded(body: &Value) -> Response {
    let body = body.to_string();
    OpenAiChat
        .decode_response(body.as_bytes(), &Given::default().cx())
        .unwrap()
}

#[test]
fn an_answer_of_everything() {
    let response = decoded(&json!({
        "id": "x", "object": "chat.completion", "created": 1.7e9, "model": "m",
        "service_tier": "default",
        "choices": [
            {"index": 1, "message": {"role": "assistant", "content": "second"}, "finish_reason": "stop"},
            {"index": 0, "finish_reason": "stop", "message": {
                "content": "a", "refusal": "no", "reasoning": "hm", "reasoning_details": [
                    {"type": "reasoning.text", "text": "h", "index": 0},
                    {"type": "reasoning.text", "text": "m", "signature": "s", "index": 0}],
                "annotations": [{"type": "url_citation"}],
                "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}],
            }, "logprobs": {"content": [{"token": "a"}], "refusal": null}},
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": null, "total_tokens": 9,
            "prompt_tokens_details": null, "prompt_cache_hit_tokens": 3},
    }));
    assert_eq!(response.created, Some(1_700_000_000));
    let usage = response.usage.unwrap();
    assert_eq!(
        (
            usage.input_tokens,
            usage.cache_read_tokens,
            usage.output_tokens
        ),
        (5, 3, 4)
    );
    let [first, second] = &response.choices[..] else {
        panic!("{response:?}")
    };
    assert_eq!(second.blocks, [Block::text("second")]);
    assert_eq!(
        first.finish.as_ref().unwrap().reason,
        FinishReason::ToolCalls
    );
    assert_eq!(
        first.finish.as_ref().unwrap().native.as_deref(),
        Some("stop")
    );
    assert_eq!(first.logprobs.len(), 1);
    let signed = Content::Reasoning {
        text: "hm".into(),
        signature: Some("s".into()),
    };
    assert_eq!(first.blocks[0].content, signed);
    let Content::ToolCall(call) = &first.blocks[3].content else {
        panic!("{first:?}")
    };
    assert!(call.id.starts_with("call_") && call.id.len() <= 40);
    assert_eq!(call.name, "f");
}

#[test]
fn legacy_completions_have_receipts() {
    let completion = br#"{"model":"m","choices":[{"text":"hi","finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let receipt = OpenAiChat
        .read_receipt(Operation::Completion, completion)
        .unwrap();
    assert_eq!(receipt.finish, Some(FinishReason::Length));
    assert_eq!(receipt.usage.unwrap().total_tokens(), 3);
}

#[test]
fn the_first_answer_is_the_one_with_the_least_index() {
    let body = br#"{"choices":[
        {"index":1,"message":{"content":"b"},"finish_reason":"length"},
        {"index":0,"message":{"content":"a"},"finish_reason":"stop"}]}"#;
    let receipt = OpenAiChat.read_receipt(Operation::Chat, body).unwrap();
    assert_eq!(receipt.finish, Some(FinishReason::Stop));
    let whole = OpenAiChat.decode_response(body, &Given::default().cx());
    let finish = whole.unwrap().choices.swap_remove(0).finish.unwrap();
    assert_eq!(finish.reason, FinishReason::Stop);
}

#[test]
fn a_call_of_nothing_is_no_call() {
    let choice = json!({"message": {"tool_calls": [{"id": "a"}]}, "finish_reason": "stop"});
    let body = json!({"choices": [choice]}).to_string();
    let receipt = OpenAiChat.read_receipt(Operation::Chat, body.as_bytes());
    assert_eq!(receipt.unwrap().finish, Some(FinishReason::Stop));
}

#[test]
fn what_was_cached_was_input() {
    let usage = |usage: Value| {
        let body = json!({"choices": [], "usage": usage}).to_string();
        let receipt = OpenAiChat.read_receipt(Operation::Chat, body.as_bytes());
        let usage = receipt.unwrap().usage.unwrap();
        (usage.input_tokens, usage.output_tokens)
    };
    let apart = json!({"prompt_tokens": 3, "prompt_cache_hit_tokens": 64, "total_tokens": 76});
    assert_eq!(usage(apart), (64, 12));
    let within = json!({"prompt_tokens": 70, "cached_tokens": 64, "total_tokens": 82});
    assert_eq!(usage(within), (70, 12));
}

#[test]
fn what_is_no_answer_is_refused_in_both_ways() {
    let cases = [
        ("null", Kind::Malformed),
        ("", Kind::Malformed),
        ("{}", Kind::Malformed),
        ("<html>", Kind::Malformed),
        (r#"{"choices":5}"#, Kind::Malformed),
        (r#"{"error":{"message":"m","code":429}}"#, Kind::RateLimited),
        (
            r#"{"object":"error","message":"m","code":404}"#,
            Kind::NotFound,
        ),
    ];
    for (body, kind) in cases {
        let whole = OpenAiChat.decode_response(body.as_bytes(), &Given::default().cx());
        let receipt = OpenAiChat.read_receipt(Operation::Chat, body.as_bytes());
        assert_eq!(whole.unwrap_err().kind, kind, "{body}");
        assert_eq!(receipt.unwrap_err().kind, kind, "{body}");
    }
}

#[test]
fn what_an_answer_cannot_say_is_lost_by_name() {
    let foreign = Json::parse(r#"{"type":"char_location"}"#).unwrap();
    let text = Content::Text {
        text: "a".into(),
        citations: vec![foreign],
    };
    let tool = Content::Opaque {
        kind: "server_tool_use".into(),
        json: Json::empty_object(),
    };
    let response = Response {
        id: Some("msg_1".into()),
        choices: vec![Choice {
            blocks: vec![text.into(), tool.into()],
            finish: Some(Finish {
                stop_sequence: Some("END".into()),
                ..Finish::new(FinishReason::Refusal)
            }),
            logprobs: vec![],
        }],
        ..Response::default()
    };
    let sent = OpenAiChat.encode_response(&response, &Given::default().cx());
    let fields: Vec<_> = sent.losses.iter().map(|loss| loss.field.as_str()).collect();
    let expected = [
        "choices[0].blocks[0]",
        "choices[0].blocks[1]",
        "choices[0].finish_reason",
        "choices[0].stop_sequence",
    ];
    assert_eq!(fields, expected);
    let body: Value = serde_json::from_slice(&sent.value).unwrap();
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(body["choices"][0]["finish_reason"], "content_filter");
    assert_eq!(body["created"], 1_755_000_000);
}

#[test]
fn a_token_count_is_a_number() {
    let count: Value = serde_json::from_slice(&OpenAiChat.encode_token_count(42)).unwrap();
    assert_eq!(count["input_tokens"], 42);
}
