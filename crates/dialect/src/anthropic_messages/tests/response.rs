//! Whole answers.

use proptest::prelude::*;
use weir_model::{Content, FinishReason, Kind, Operation, Response, ToolCall, Usage};

use super::*;

fn read(body: &str) -> Result<Response, weir_model::Rejection> {
    with_cx(&able(), &Quirks::default(), |cx| {
        AnthropicMessages.decode_response(body.as_bytes(), cx)
    })
}

const ANSWER: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude",
  "content":[{"type":"thinking","thinking":"hm","signature":""},
    {"type":"text","text":"hi","citations":null},
    {"type":"tool_use","id":"t","name":"look","input":{"n": 12345678901234567890},"caller":{"type":"direct"}},
    {"type":"bash_code_execution_tool_result","tool_use_id":"s","content":{}}],
  "stop_reason":"tool_use","stop_sequence":null,"stop_details":null,
  "usage":{"input_tokens":3,"cache_creation_input_tokens":30,"cache_read_input_tokens":100,
    "cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":10},
    "output_tokens":7,"output_tokens_details":{"thinking_tokens":2},
    "server_tool_use":{"web_search_requests":1},"service_tier":"standard"}}"#;

#[test]
fn an_answer_is_read_whole() {
    let response = read(ANSWER).unwrap();
    let choice = &response.choices[0];
    let kinds: Vec<_> = choice.blocks.iter().map(|block| &block.content).collect();
    assert!(matches!(
        kinds[0],
        Content::Reasoning {
            signature: None,
            ..
        }
    ));
    assert_eq!(
        kinds[2],
        &Content::ToolCall(ToolCall {
            id: "t".into(),
            name: "look".into(),
            arguments: r#"{"n": 12345678901234567890}"#.into(),
        })
    );
    assert!(
        matches!(kinds[3], Content::Opaque { kind, .. } if kind == "anthropic:bash_code_execution_tool_result")
    );
    let finish = choice.finish.as_ref().unwrap();
    assert_eq!(
        (finish.reason, finish.native.as_deref()),
        (FinishReason::ToolCalls, Some("tool_use"))
    );
    let usage = Usage {
        input_tokens: 133,
        cache_read_tokens: 100,
        cache_write_tokens: 30,
        cache_write_1h_tokens: 10,
        output_tokens: 7,
        reasoning_tokens: 2,
        web_searches: 1,
        ..Usage::default()
    };
    assert_eq!(response.usage, Some(usage));
    assert_eq!(response.service_tier.as_deref(), Some("standard"));
    let receipt = AnthropicMessages
        .read_receipt(Operation::Chat, ANSWER.as_bytes())
        .unwrap();
    assert_eq!(receipt.usage, Some(usage));
    assert_eq!(receipt.finish, Some(FinishReason::ToolCalls));
    assert_eq!(&ANSWER[receipt.model_span.unwrap()], "\"claude\"");
}

#[test]
fn stop_reasons_keep_the_vendors_word() {
    for (word, reason) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("pause_turn", FinishReason::Pause),
        ("refusal", FinishReason::Refusal),
        ("model_context_window_exceeded", FinishReason::ContextWindow),
        ("brand_new", FinishReason::Other),
    ] {
        let body = format!(r#"{{"content":[],"stop_reason":"{word}","stop_sequence":"END"}}"#);
        let finish = read(&body).unwrap().choices[0].finish.clone().unwrap();
        assert_eq!(
            (finish.reason, finish.native.as_deref()),
            (reason, Some(word))
        );
        assert_eq!(finish.stop_sequence.as_deref(), Some("END"));
    }
}

#[test]
fn what_is_no_message_is_malformed_or_the_failure_that_it_holds() {
    for body in [
        "null",
        "[]",
        "",
        "{}",
        "<html>",
        r#"{"content":{}}"#,
        r#"{"content":[7]}"#,
        "7",
    ] {
        assert_eq!(read(body).unwrap_err().kind, Kind::Malformed, "{body}");
    }
    for body in ["null", "[]", "", "{}", "<html>"] {
        for operation in [Operation::Chat, Operation::CountTokens] {
            let receipt = AnthropicMessages.read_receipt(operation, body.as_bytes());
            assert_eq!(receipt.unwrap_err().kind, Kind::Malformed, "{body}");
        }
    }
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let receipt = AnthropicMessages.read_receipt(Operation::Chat, error.as_bytes());
    for rejection in [read(error).unwrap_err(), receipt.unwrap_err()] {
        assert_eq!((rejection.kind, rejection.status), (Kind::Overloaded, 529));
    }
}

#[test]
fn a_count_bills_nothing() {
    let count = AnthropicMessages.encode_token_count(42);
    let receipt = AnthropicMessages
        .read_receipt(Operation::CountTokens, &count)
        .unwrap();
    assert_eq!(receipt, crate::Receipt::default());
}

#[test]
fn compaction_is_counted_on_top() {
    let body = r#"{"content":[],"usage":{"input_tokens":10,"output_tokens":1,"iterations":[
        {"type":"compaction","input_tokens":100,"output_tokens":20},
        {"type":"message","input_tokens":10,"output_tokens":1}]}}"#;
    let usage = read(body).unwrap().usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (110, 21));
}

#[test]
fn other_vendors_answers_are_put_in_shape() {
    let mut response = read(ANSWER).unwrap();
    response.id = Some("chatcmpl-1".into());
    let choice = &mut response.choices[0];
    choice.finish = Some(weir_model::Finish {
        native: Some("content_filter".into()),
        ..weir_model::Finish::new(FinishReason::ContentFilter)
    });
    choice
        .blocks
        .push(Content::Refusal { text: "No.".into() }.into());
    choice.blocks.push(
        Content::ToolCall(ToolCall {
            id: "u".into(),
            name: "look".into(),
            arguments: "{oops".into(),
        })
        .into(),
    );
    let encoded = with_cx(&able(), &Quirks::default(), |cx| {
        AnthropicMessages.encode_response(&response, cx)
    });
    let body = json(&encoded.value);
    assert!(body["id"].as_str().unwrap().starts_with("msg_"));
    assert_eq!(body["content"][0]["signature"], "");
    assert_eq!(body["content"][4]["text"], "No.");
    assert_eq!(body["content"][5]["input"]["_raw"], "{oops");
    assert_eq!(body["stop_reason"], "refusal");
    assert_eq!(body["usage"]["input_tokens"], 3);
    assert_eq!(
        body["usage"]["cache_creation"]["ephemeral_5m_input_tokens"],
        20
    );
    assert_eq!(lost(&encoded.losses), ["content[5].input"]);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(response in arbitrary::response()) {
        let encoded = with_cx(&able(), &Quirks::default(), |cx| {
            AnthropicMessages.encode_response(&response, cx)
        });
        prop_assert!(encoded.losses.is_empty());
        let body = std::str::from_utf8(&encoded.value).unwrap();
        prop_assert_eq!(read(body).unwrap(), response.clone());
        let receipt = AnthropicMessages.read_receipt(Operation::Chat, &encoded.value).unwrap();
        prop_assert_eq!(receipt.usage, response.usage);
    }

    #[test]
    fn no_answer_panics(cut in 0..ANSWER.len(), byte in any::<u8>()) {
        let mut body = ANSWER.as_bytes().to_vec();
        body[cut] = byte;
        let receipt = AnthropicMessages.read_receipt(Operation::Chat, &body);
        let response = with_cx(&able(), &Quirks::default(), |cx| {
            AnthropicMessages.decode_response(&body, cx)
        });
        if let (Ok(receipt), Ok(response)) = (receipt, response) {
            prop_assert_eq!(receipt.usage, response.usage);
        }
    }
}
