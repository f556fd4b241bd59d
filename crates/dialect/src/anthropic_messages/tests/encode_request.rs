//! Writing requests.

use proptest::prelude::*;
use serde_json::{Value, json};
use weir_model::{
    Block, Content, Effort, Json, Media, MediaSource, Message, OutputFormat, Reasoning,
    ReasoningControl, Request, Role, Sampling, Tool, ToolCall, ToolChoice, ToolResult,
};

use super::strict::strict;
use super::*;

fn say(role: Role, blocks: Vec<Block>) -> Message {
    Message {
        role,
        blocks,
        name: None,
    }
}

fn user(text: &str) -> Message {
    say(Role::User, vec![Block::text(text)])
}

fn asking(messages: Vec<Message>) -> Request {
    Request {
        model: "claude".into(),
        messages,
        ..Request::default()
    }
}

fn call(id: &str, arguments: &str) -> Block {
    Content::ToolCall(ToolCall {
        id: id.into(),
        name: "look".into(),
        arguments: arguments.into(),
    })
    .into()
}

fn result(id: &str) -> Block {
    Content::ToolResult(ToolResult {
        call_id: id.into(),
        content: vec![Block::text("blue")],
        is_error: false,
    })
    .into()
}

fn look() -> Tool {
    Tool {
        name: "look".into(),
        description: None,
        parameters: Json::parse(r#"{"type":"object","properties":{}}"#).unwrap(),
        strict: None,
        cache: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]
    #[test]
    fn whatever_is_asked_a_strict_vendor_takes_it(
        request in arbitrary::request(), capabilities in arbitrary::capabilities(),
    ) {
        let quirks = Quirks::default();
        let encoded = with_cx(&capabilities, &quirks, |cx| {
            AnthropicMessages.encode_request(&request, cx)
        });
        let Ok(encoded) = encoded else {
            let mut blocks = request.messages.iter().flat_map(|message| &message.blocks);
            let speaks = |block: &Block| match &block.content {
                Content::Text { text, .. } => !text.trim().is_empty(),
                _ => false,
            };
            prop_assert!(!blocks.any(speaks), "it said something");
            return Ok(());
        };
        strict(&json(&encoded.body));
        // What was encoded once is stable from then on.
        let again = decode(std::str::from_utf8(&encoded.body).unwrap());
        let once = encode_for(&again.value, &able());
        let twice = encode_for(&decode(std::str::from_utf8(&once.body).unwrap()).value, &able());
        prop_assert_eq!(json(&once.body), json(&twice.body));
    }
}

#[test]
fn fixtures_come_back_from_the_model_as_they_went_in() {
    for (name, body) in fixtures("requests") {
        let read = decode(&json(&body).to_string());
        let written = encode_for(&read.value, &able());
        strict(&json(&written.body));
        let again = decode(std::str::from_utf8(&written.body).unwrap());
        // Those whose blocks are merged, moved or dropped on the way out differ, and say so.
        let changed = [
            "prefill",
            "thinking_unsigned",
            "documents",
            "structured_output",
            "structured_output_older",
            "tools_strict",
        ];
        if changed.contains(&name.as_str()) {
            continue;
        }
        assert_eq!(again.value, read.value, "{name}");
        assert_eq!(lost(&written.losses), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn leading_system_text_is_hoisted_block_by_block() {
    let mut marked = Block::text("b");
    marked.cache = Some(Default::default());
    let request = asking(vec![
        say(Role::System, vec![Block::text("a"), marked]),
        say(Role::Developer, vec![Block::text("c")]),
        user("hi"),
    ]);
    let body = json(&encode_for(&request, &able()).body);
    assert_eq!(
        body["system"],
        json!([
            {"type": "text", "text": "a"},
            {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "c"},
        ])
    );
    assert_eq!(body["messages"].as_array().unwrap().len(), 1);
    assert_eq!(body["max_tokens"], 64_000);
}

#[test]
fn later_system_text_keeps_its_role_or_is_wrapped() {
    let request = asking(vec![
        user("a"),
        say(Role::System, vec![Block::text("s")]),
        user("b"),
    ]);
    let moved = encode_for(&request, &able());
    assert_eq!(lost(&moved.losses), ["messages[1]"]);
    let able = json(&moved.body);
    let roles: Vec<_> = able["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| &m["role"])
        .collect();
    assert_eq!(roles, ["user", "system"]);
    let encoded = encode_for(&request, &Capabilities::default());
    let body = json(&encoded.body);
    assert_eq!(
        body["messages"][0]["content"][1]["text"],
        "<system>\ns\n</system>"
    );
    assert_eq!(lost(&encoded.losses), ["messages[1].role"]);
}

#[test]
fn only_system_text_becomes_a_users_turn() {
    let request = asking(vec![say(Role::System, vec![Block::text("Write a poem.")])]);
    let encoded = encode_for(&request, &able());
    let body = json(&encoded.body);
    assert_eq!(body["messages"][0]["content"][0]["text"], "Write a poem.");
    assert!(body["system"].is_null());
    assert_eq!(lost(&encoded.losses), ["messages"]);
    let empty = with_cx(&able(), &Quirks::default(), |cx| {
        AnthropicMessages.encode_request(&asking(vec![user("  ")]), cx)
    });
    assert_eq!(empty.unwrap_err().param.as_deref(), Some("messages"));
}

#[test]
fn tool_turns_are_put_in_order() {
    let request = asking(vec![
        user("go"),
        say(Role::Assistant, vec![call("a.1", ""), call("b", "[1]")]),
        say(Role::User, vec![result("a.1")]),
        user("and?"),
        say(Role::User, vec![result("b")]),
    ]);
    let encoded = encode_for(&request, &able());
    let body = json(&encoded.body);
    let (calls, answers) = (
        &body["messages"][1]["content"],
        &body["messages"][2]["content"],
    );
    assert_eq!(calls[0]["input"], json!({}));
    assert_eq!(calls[1]["input"], json!({"_raw": "[1]"}));
    assert_eq!(calls[0]["id"], answers[0]["tool_use_id"]);
    assert_ne!(calls[0]["id"], "a.1");
    assert_eq!(answers[1]["tool_use_id"], "b");
    assert_eq!(answers[2]["text"], "and?");
    assert_eq!(lost(&encoded.losses), ["messages[1].content[1].arguments"]);
}

#[test]
fn thinking_goes_back_signed_and_first_or_not_at_all() {
    let thought = |signature: Option<&str>| -> Block {
        Content::Reasoning {
            text: "hm".into(),
            signature: signature.map(Into::into),
        }
        .into()
    };
    let request = asking(vec![
        user("a"),
        say(
            Role::Assistant,
            vec![Block::text("b"), thought(Some("s")), thought(None)],
        ),
        user("c"),
    ]);
    let encoded = encode_for(&request, &able());
    assert_eq!(
        json(&encoded.body)["messages"][1]["content"],
        json!([
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "b"},
        ])
    );
    assert_eq!(lost(&encoded.losses), ["messages[1].content[2]"]);
}

#[test]
fn thinking_by_budget_stops_where_its_tool_call_came_unsigned() {
    let request = Request {
        tools: vec![look()],
        reasoning: Some(Reasoning {
            effort: Some(Effort::High),
            ..Reasoning::default()
        }),
        ..asking(vec![
            user("a"),
            say(Role::Assistant, vec![call("x", "{}")]),
            say(Role::User, vec![result("x")]),
        ])
    };
    let encoded = encode_for(&request, &able());
    assert!(json(&encoded.body)["thinking"].is_null());
    assert_eq!(lost(&encoded.losses), ["reasoning"]);
    let adaptive = Capabilities {
        reasoning: ReasoningControl::Adaptive,
        ..able()
    };
    let body = json(&encode_for(&request, &adaptive).body);
    assert_eq!(body["thinking"], json!({"type": "adaptive"}));
    assert_eq!(body["output_config"], json!({"effort": "high"}));
}

#[test]
fn budgets_and_bounds_make_room_for_each_other() {
    let ask = |effort, budget_tokens, bound, most| {
        let request = Request {
            max_output_tokens: bound,
            reasoning: Some(Reasoning {
                effort,
                budget_tokens,
                ..Reasoning::default()
            }),
            ..asking(vec![user("a")])
        };
        let capabilities = Capabilities {
            max_output_tokens: most,
            ..Capabilities::default()
        };
        let encoded = encode_for(&request, &capabilities);
        let body = json(&encoded.body);
        let budget = body["thinking"]["budget_tokens"].as_u64();
        (
            budget,
            body["max_tokens"].as_u64().unwrap(),
            lost(&encoded.losses).join(","),
        )
    };
    let high = Some(Effort::High);
    assert_eq!(
        ask(high, None, None, Some(64_000)),
        (Some(16_384), 64_000, String::new())
    );
    assert_eq!(
        ask(high, None, None, None),
        (Some(16_384), 20_480, String::new())
    );
    assert_eq!(
        ask(high, None, Some(8000), None),
        (Some(6000), 8000, String::new())
    );
    let raised = "max_output_tokens".to_owned();
    assert_eq!(
        ask(high, None, Some(100), None),
        (Some(1024), 1124, raised.clone())
    );
    assert_eq!(
        ask(None, Some(2048), Some(500), None),
        (Some(2048), 2548, raised)
    );
    let least = "reasoning.budget_tokens".to_owned();
    assert_eq!(
        ask(None, Some(9), Some(5000), None),
        (Some(1024), 5000, least)
    );
    assert_eq!(
        ask(high, None, None, Some(512)),
        (None, 512, "reasoning".into())
    );
}

#[test]
fn a_budget_becomes_an_effort_where_only_that_is_taken() {
    let request = Request {
        reasoning: Some(Reasoning {
            enabled: Some(true),
            budget_tokens: Some(10_000),
            ..Reasoning::default()
        }),
        ..asking(vec![user("a")])
    };
    let adaptive = Capabilities {
        reasoning: ReasoningControl::Adaptive,
        ..able()
    };
    let encoded = encode_for(&request, &adaptive);
    assert_eq!(json(&encoded.body)["output_config"]["effort"], "high");
    assert_eq!(lost(&encoded.losses), ["reasoning.budget_tokens"]);
}

#[test]
fn images_are_known_by_their_first_bytes() {
    let image = |data: &str, media_type: Option<&str>| -> Block {
        Content::Image(Media {
            source: MediaSource::Base64(data.into()),
            media_type: media_type.map(Into::into),
            name: None,
            detail: Some("high".into()),
        })
        .into()
    };
    let blocks = vec![
        image("/9j/4AAQ", None),
        image("UklGRh4A", Some("image/png")),
        image("Qk0=", Some("image/bmp")),
    ];
    let encoded = encode_for(&asking(vec![say(Role::User, blocks)]), &able());
    let content = &json(&encoded.body)["messages"][0]["content"];
    assert_eq!(content[0]["source"]["media_type"], "image/jpeg");
    assert_eq!(content[1]["source"]["media_type"], "image/webp");
    assert_eq!(content.as_array().unwrap().len(), 2);
    let at = |i: usize| format!("messages[0].content[{i}]");
    assert!(lost(&encoded.losses).contains(&at(2)));
    assert!(lost(&encoded.losses).contains(&format!("{}.detail", at(0))));
}

#[test]
fn files_take_a_beta_header() {
    let request = decode(
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[
            {"type":"image","source":{"type":"file","file_id":"f"}}]}]}"#,
    );
    let encoded = encode_for(&request.value, &able());
    assert_eq!(
        encoded.headers,
        [("anthropic-beta", "files-api-2025-04-14".to_owned())]
    );
}

#[test]
fn a_shape_is_a_grammar_or_asked_for_in_words() {
    let schema = r#"{"type":"object","properties":{"z":{"type":"string","maxLength":5},"a":{"oneOf":[{"type":"null"},{"type":"object"}]}},"required":["z"]}"#;
    let request = Request {
        output: Some(OutputFormat::JsonSchema {
            name: Some("n".into()),
            description: None,
            schema: Json::parse(schema).unwrap(),
            strict: Some(true),
        }),
        ..asking(vec![
            user("a"),
            say(Role::Assistant, vec![Block::text("{ ")]),
        ])
    };
    let encoded = encode_for(&request, &able());
    let text = String::from_utf8(encoded.body).unwrap();
    let grammar = r#""format":{"type":"json_schema","schema":{"type":"object","properties":{"z":{"type":"string","description":"{maxLength: 5}"},"a":{"anyOf":[{"type":"null"},{"type":"object","additionalProperties":false}]}},"required":["z"],"additionalProperties":false}}"#;
    assert!(text.contains(grammar), "{text}");
    assert_eq!(
        lost(&encoded.losses),
        ["response_format.schema", "messages"]
    );
    let plain = encode_for(&request, &Capabilities::default());
    let body = json(&plain.body);
    assert!(body["output_config"].is_null() && body["tools"].is_null());
    assert!(
        body["system"][0]["text"]
            .as_str()
            .unwrap()
            .contains("maxLength")
    );
    assert_eq!(lost(&plain.losses), ["response_format"]);
}

#[test]
fn parameters_are_bent_or_lost_by_name() {
    let request = Request {
        sampling: Sampling {
            temperature: Some(1.7),
            top_p: Some(0.5),
            frequency_penalty: Some(0.1),
            presence_penalty: Some(0.0),
            seed: Some(4),
            logprobs: Some(true),
            stop: vec!["\n".into(), "END".into()],
            n: Some(1),
            ..Sampling::default()
        },
        tools: vec![Tool {
            strict: Some(true),
            parameters: Json::empty_object(),
            ..look()
        }],
        tool_choice: Some(ToolChoice::Required),
        parallel_tool_calls: Some(false),
        service_tier: Some("flex".into()),
        user: Some("u".into()),
        metadata: [("k".to_owned(), "v".to_owned())].into(),
        ..asking(vec![user("a")])
    };
    let capabilities = Capabilities {
        temperature_xor_top_p: true,
        ..Capabilities::default()
    };
    let encoded = encode_for(&request, &capabilities);
    let body = json(&encoded.body);
    assert_eq!(body["temperature"], 1.0);
    assert_eq!(body["stop_sequences"], json!(["END"]));
    assert_eq!(body["metadata"], json!({"user_id": "u"}));
    assert_eq!(
        body["tool_choice"],
        json!({"type": "any", "disable_parallel_tool_use": true})
    );
    assert_eq!(
        body["tools"][0],
        json!({"name": "look", "input_schema": {"type": "object"}})
    );
    let mut fields = lost(&encoded.losses);
    fields.sort();
    assert_eq!(
        fields,
        [
            "frequency_penalty",
            "logprobs",
            "metadata",
            "seed",
            "service_tier",
            "stop",
            "temperature",
            "tools[0].strict",
            "top_p"
        ]
    );
    let several = Request {
        sampling: Sampling {
            n: Some(2),
            ..Sampling::default()
        },
        ..asking(vec![user("a")])
    };
    let refused = with_cx(&capabilities, &Quirks::default(), |cx| {
        AnthropicMessages.encode_request(&several, cx)
    });
    assert_eq!(refused.unwrap_err().param.as_deref(), Some("n"));
}

#[test]
fn a_turn_to_continue_is_trimmed_or_asked_for() {
    let request = decode(
        &String::from_utf8(
            fixtures("requests")
                .into_iter()
                .find(|(n, _)| n == "prefill")
                .unwrap()
                .1,
        )
        .unwrap(),
    )
    .value;
    let body = json(&encode_for(&request, &able()).body);
    assert_eq!(body["messages"][1]["content"][0]["text"], "The answer is (");
    let unable = Capabilities {
        no_prefill: true,
        ..able()
    };
    let encoded = encode_for(&request, &unable);
    assert_eq!(json(&encoded.body)["messages"][2]["role"], "user");
    assert_eq!(lost(&encoded.losses), ["messages"]);
}

#[test]
fn the_first_and_the_last_cache_marks_are_kept() {
    let marked = |i: usize| Block {
        content: Block::text(i.to_string()).content,
        cache: Some(Default::default()),
    };
    let request = asking(vec![say(Role::User, (0..6).map(marked).collect())]);
    let encoded = encode_for(&request, &able());
    let body = json(&encoded.body);
    let parts = body["messages"][0]["content"].as_array().unwrap();
    let kept: Vec<bool> = parts
        .iter()
        .map(|p| p.get("cache_control").is_some())
        .collect();
    assert_eq!(kept, [true, false, false, true, true, true]);
    assert_eq!(lost(&encoded.losses), ["cache_control"]);
}

#[test]
fn quirks_hold_for_translated_bodies_too() {
    let quirks = Quirks {
        drop: vec!["top_k".into()],
        rename: vec![("max_tokens".into(), "most".into())],
        ..Quirks::default()
    };
    let request = Request {
        sampling: Sampling {
            top_k: Some(3),
            ..Sampling::default()
        },
        ..asking(vec![user("a")])
    };
    let encoded = with_cx(&able(), &quirks, |cx| {
        AnthropicMessages.encode_request(&request, cx).unwrap()
    });
    let body = json(&encoded.body);
    assert_eq!(
        (&body["top_k"], &body["most"]),
        (&Value::Null, &json!(64_000))
    );
    assert_eq!(lost(&encoded.losses), ["top_k"]);
}
