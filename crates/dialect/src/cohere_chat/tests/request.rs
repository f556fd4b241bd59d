//! Requests, both ways, and the native lane.

use bytes::Bytes;
use proptest::prelude::*;
use weir_model::{Content, Effort, Json, Operation, Quirks, Reasoning, Tool, ToolChoice};

use super::*;

/// Panics at what a strict Cohere refuses, as far as we know it.
fn strict(body: &Value) {
    let messages = body["messages"].as_array().unwrap();
    assert!(!messages.is_empty());
    for (at, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap();
        assert!(role != "system" || at == 0);
        let kinds = match role {
            "system" => &["text"][..],
            "user" => &["text", "image_url", "drawing"],
            "assistant" => &["text", "thinking", "drawing"],
            "tool" => &["text", "document"],
            other => panic!("{other}"),
        };
        let content = &message["content"];
        for part in content.as_array().into_iter().flatten() {
            assert!(
                kinds.contains(&part["type"].as_str().unwrap()),
                "{role}: {part}"
            );
            assert!(part["text"].as_str() != Some(""));
        }
        let calls = message["tool_calls"].as_array().is_some();
        assert!(role == "tool" || calls || content.as_str() != Some(""));
        assert!(calls || !content.is_null() && content.as_array().is_none_or(|c| !c.is_empty()));
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            is_name(&call["function"]["name"]);
            assert!(
                call["function"]["arguments"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            );
        }
    }
    for tool in body["tools"].as_array().into_iter().flatten() {
        is_name(&tool["function"]["name"]);
    }
    for (field, least, most) in [
        ("temperature", 0.0, 1.0),
        ("p", 0.01, 0.99),
        ("k", 0.0, 500.0),
        ("frequency_penalty", 0.0, 1.0),
        ("presence_penalty", 0.0, 1.0),
        ("seed", 0.0, f64::MAX),
    ] {
        let value = &body[field];
        assert!(
            value.is_null() || (least..=most).contains(&value.as_f64().unwrap()),
            "{field}"
        );
    }
    let grounded = body["tools"].is_array() || body["documents"].is_array();
    assert!(!(grounded && body["response_format"]["type"] == "json_object"));
    assert!(
        body["stop_sequences"]
            .as_array()
            .is_none_or(|stops| (1..=5).contains(&stops.len()))
    );
}

fn is_name(name: &Value) {
    let name = name.as_str().unwrap();
    assert!(
        name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()),
        "{name}"
    );
    assert!(!name.starts_with(|c: char| c.is_ascii_digit()));
}

proptest! {
    /// What is sent is what Cohere takes, and says what was asked: it is read without a loss, and
    /// sent again the same.
    #[test]
    fn whatever_is_asked_is_sent_as_cohere_takes_it(request in arbitrary::request()) {
        if let Ok(sent) = with_cx(|cx| CohereChat.encode_request(&request, cx)) {
            strict(&json(&sent.body));
            let again = CohereChat.decode_request(&Bytes::from(sent.body.clone())).unwrap();
            prop_assert_eq!(lost(&again.losses), Vec::<String>::new());
            let twice = encode(&again.value);
            prop_assert_eq!(
                String::from_utf8_lossy(&twice.body),
                String::from_utf8_lossy(&sent.body)
            );
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in r#"[{}\[\]":,a-z0-9]{0,40}"#) {
        let body = format!(r#"{{"model":"m","messages":[{text}],"documents":[{text}],{text}}}"#);
        let _ = CohereChat.decode_request(&Bytes::copy_from_slice(body.as_bytes()));
        let _ = CohereChat.read_head(Operation::Chat, body.as_bytes());
    }
}

#[test]
fn documents_stand_in_the_last_turn_of_the_user() {
    let body = r#"{"model":"m","documents":["a",{"id":"i","data":{"b":"c","title":"t","d":[1]}}],
        "messages":[{"role":"user","content":"1"},{"role":"assistant","content":"2"},
        {"role":"user","content":"3"},
        {"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f"}}]},
        {"role":"tool","tool_call_id":"c","content":"4"}]}"#;
    let decoded = decode(body);
    let said = &decoded.value.messages[2].blocks;
    let documents: Vec<_> = said
        .iter()
        .filter_map(|block| match &block.content {
            Content::Document(media) => Some((media.source.clone(), media.name.as_deref())),
            _ => None,
        })
        .collect();
    let text = |text: &str| weir_model::MediaSource::Text(text.into());
    assert_eq!(
        documents,
        [(text("a"), None), (text("b: c\nd: [1]"), Some("t"))]
    );
    assert_eq!(lost(&decoded.losses), ["documents[1].id"]);
    assert_eq!(decoded.value.sampling.citations, Some(true));
}

#[test]
fn one_tool_is_forced_by_offering_no_other() {
    let tool = |name: &str| Tool {
        name: name.to_owned(),
        description: None,
        parameters: Json::empty_object(),
        strict: None,
        cache: None,
    };
    let mut request = decode(r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#).value;
    request.tools = vec![tool("a"), tool("b-c")];
    request.tool_choice = Some(ToolChoice::Tool("b-c".into()));
    let sent = json(&encode(&request).body);
    assert_eq!(sent["tools"].as_array().unwrap().len(), 1);
    assert_eq!(sent["tools"][0]["function"]["name"], "b_x2d_c");
    assert_eq!(sent["tool_choice"], "REQUIRED");
    request.tool_choice = Some(ToolChoice::Tool("d".into()));
    let sent = encode(&request);
    assert_eq!(lost(&sent.losses), ["tool_choice"]);
    assert!(json(&sent.body)["tools"].is_null());
}

#[test]
fn thinking_is_on_or_off_or_not_named() {
    let thinking = |reasoning: Reasoning| {
        let mut request =
            decode(r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#).value;
        request.reasoning = Some(reasoning);
        json(&encode(&request).body)["thinking"].clone()
    };
    let effort = |effort| Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    };
    let budget = Reasoning {
        budget_tokens: Some(500),
        ..Reasoning::default()
    };
    assert_eq!(thinking(effort(Effort::None))["type"], "disabled");
    assert_eq!(
        thinking(effort(Effort::High)),
        serde_json::json!({"type": "enabled"})
    );
    assert_eq!(thinking(budget)["token_budget"], 500);
    assert!(thinking(Reasoning::default()).is_null());
    let alone = decode(
        r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"thinking":{"token_budget":7}}"#,
    );
    let reasoning = alone.value.reasoning.unwrap();
    assert_eq!(
        (reasoning.enabled, reasoning.budget_tokens),
        (Some(true), Some(7))
    );
}

#[test]
fn the_native_lane_edits_the_model_and_what_is_refused() {
    let body = r#"{"messages":[],"k" : 1, "model":"alias" }"#;
    let head = CohereChat
        .read_head(Operation::Chat, body.as_bytes())
        .unwrap();
    let quirks = Quirks {
        drop: vec!["k".into()],
        ..Quirks::default()
    };
    let (splices, losses) = CohereChat.native_edits(Operation::Chat, &head, "theirs", &quirks);
    let edited = splices.apply(&Bytes::from_static(body.as_bytes()));
    assert_eq!(edited, r#"{"messages":[],"model":"theirs" }"#);
    assert_eq!(lost(&losses), ["k"]);
}

#[test]
fn what_cohere_refuses_is_refused_by_its_place() {
    for (patch, place) in [
        (r#""messages":[]"#, "messages"),
        (
            r#""messages":[{"role":"assistant"}]"#,
            "messages[0].content",
        ),
        (
            r#""messages":[{"role":"tool","content":"a"}]"#,
            "messages[0].tool_call_id",
        ),
        (
            r#""messages":[{"role":"user","content":5}]"#,
            "messages[0].content",
        ),
        (r#""messages":[{"role":"user","content":"a"}],"p":1"#, "p"),
        (
            r#""messages":[{"role":"user","content":"a"}],"documents":[{"id":"a"}]"#,
            "documents[0].data",
        ),
        (
            r#""messages":[{"role":"user","content":"a"}],"response_format":{"type":"text","json_schema":{}}"#,
            "response_format",
        ),
        (
            r#""messages":[{"role":"user","content":"a"}],"citation_options":{"mode":"NEVER"}"#,
            "citation_options.mode",
        ),
    ] {
        let body = format!(r#"{{"model":"m",{patch}}}"#);
        let refused = CohereChat
            .decode_request(&Bytes::copy_from_slice(body.as_bytes()))
            .unwrap_err();
        assert_eq!(refused.param.as_deref(), Some(place), "{refused}");
    }
    let unnamed = CohereChat
        .read_head(Operation::Chat, br#"{"messages":[]}"#)
        .unwrap_err();
    assert_eq!(unnamed.param.as_deref(), Some("model"));
}
