//! Requests: every field of the reference, what is refused, and the edits of a client's own body.

use bytes::Bytes;
use serde_json::{Value, json};
use weir_model::{Content, Losses, Operation, Quirks, Request, Role};

use super::{Given, OpenAiResponses, merge};
use crate::{ClientDialect, Decoded, Encoded, UpstreamDialect};

fn decode(body: &Value) -> Decoded<Request> {
    OpenAiResponses
        .decode_request(&body.to_string().into())
        .unwrap()
}

fn encode(request: &Request, given: &Given) -> (Value, Losses) {
    let Encoded { body, losses, .. } = OpenAiResponses
        .encode_request(request, &given.cx())
        .unwrap();
    (serde_json::from_slice(&body).unwrap(), losses)
}

fn fields(losses: &Losses) -> Vec<&str> {
    losses.iter().map(|loss| loss.field.as_str()).collect()
}

#[test]
fn every_field_of_the_reference_is_modelled_refused_or_a_named_loss() {
    for field in OpenAiResponses.request_fields() {
        let mut request: Value = serde_json::from_str(OpenAiResponses.minimal_request()).unwrap();
        merge(&mut request, &serde_json::from_str(field.sample).unwrap());
        let top = field.path.split(['.', '[']).next().unwrap();
        assert!(request.get(top).is_some(), "{}", field.path);
        match OpenAiResponses.decode_request(&request.to_string().into()) {
            Err(refused) => assert!(refused.param.unwrap().starts_with(top), "{}", field.path),
            Ok(decoded) => {
                let mut losses = decoded.losses.iter();
                let unknown = losses.find(|loss| loss.reason.starts_with("not known"));
                assert_eq!(unknown, None, "{}", field.path);
            }
        }
    }
}

#[test]
fn the_schema_of_a_tool_names_its_properties() {
    let tools = json!([{"type": "function", "name": "f", "parameters": {"type": "object"}}]);
    let request = decode(&json!({"model": "m", "input": "hi", "tools": tools})).value;
    let (body, _) = encode(&request, &Given::new());
    let expected = json!({"type": "object", "properties": {}});
    assert_eq!(body["tools"][0]["parameters"], expected);
}

#[test]
fn what_only_openai_has_stored_is_refused_with_what_to_do() {
    for (field, value, advice) in [
        (
            "previous_response_id",
            json!("resp_1"),
            "whole conversation",
        ),
        (
            "conversation",
            json!({"id": "conv_1"}),
            "whole conversation",
        ),
        ("prompt", json!({"id": "pmpt_1"}), "`instructions`"),
        ("background", json!(true), "leave it out"),
    ] {
        let body = json!({"model": "m", "input": "Hi", field: value});
        let refused = OpenAiResponses
            .decode_request(&body.to_string().into())
            .unwrap_err();
        assert_eq!(
            (refused.status, refused.param.as_deref()),
            (400, Some(field))
        );
        assert!(refused.message.contains(advice), "{}", refused.message);
    }
    let null = json!({"model": "m", "input": "Hi", "previous_response_id": null});
    assert!(decode(&null).losses.is_empty());
}

#[test]
fn wrong_fields_are_named_with_their_path() {
    for (patch, param) in [
        (json!({"input": null}), "input"),
        (json!({"input": []}), "input"),
        (json!({"input": 5}), "input"),
        (
            json!({"input": [{"type": "message", "content": "a"}]}),
            "input[0].role",
        ),
        (
            json!({"input": [{"role": "tool", "content": "a"}]}),
            "input[0].role",
        ),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}),
            "input[0].content[0]",
        ),
        (
            json!({"input": [{"type": "function_call", "name": "f"}]}),
            "input[0].call_id",
        ),
        (json!({"max_output_tokens": 0}), "max_output_tokens"),
        (json!({"temperature": 3}), "temperature"),
        (
            json!({"text": {"format": {"type": "xml"}}}),
            "text.format.type",
        ),
        (json!({"tool_choice": "required"}), "tool_choice"),
        (json!({"reasoning": {"effort": "huge"}}), "reasoning.effort"),
        (json!({"include": "all"}), "include"),
    ] {
        let mut body = json!({"model": "m", "input": "Hi"});
        merge(&mut body, &patch);
        let refused = OpenAiResponses
            .decode_request(&body.to_string().into())
            .unwrap_err();
        assert_eq!(refused.param.as_deref(), Some(param), "{patch}");
    }
}

/// OpenAI's own proof goes back to OpenAI; a sealed one is carried, and never sent to it.
#[test]
fn proofs_go_back_to_whom_they_came_from() {
    let item =
        |proof: &str| json!({"type": "reasoning", "summary": [], "encrypted_content": proof});
    let said = |proof: &str| {
        let input = json!([{"role": "user", "content": "Hi"}, item(proof), {"role": "user", "content": "?"}]);
        decode(&json!({"model": "m", "input": input})).value
    };
    let data = |request: &Request| match &request.messages[1].blocks[0].content {
        Content::RedactedReasoning { data } => data.clone(),
        other => panic!("{other:?}"),
    };
    let own = said("gAAA");
    assert_eq!(data(&own), "openai_responses/gAAA");
    assert_eq!(encode(&own, &Given::new()).0["input"][1], item("gAAA"));
    let foreign = said("weir1sigEqQB");
    assert_eq!(data(&foreign), "weir1sigEqQB");
    let (sent, losses) = encode(&foreign, &Given::new());
    assert_eq!(sent["input"].as_array().unwrap().len(), 2);
    assert_eq!(fields(&losses), ["messages[].reasoning"]);
}

#[test]
fn a_turn_of_the_model_is_one_message_but_two_texts_are_two() {
    let call =
        |id: &str| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"});
    let result = |id: &str| json!({"type": "function_call_output", "call_id": id, "output": "1"});
    let text = json!({"role": "assistant", "content": "a"});
    let input = json!([
        text,
        text,
        call("1"),
        text,
        call("2"),
        result("1"),
        result("2"),
        text
    ]);
    let messages = decode(&json!({"model": "m", "input": input}))
        .value
        .messages;
    let shape: Vec<_> = messages.iter().map(|m| (m.role, m.blocks.len())).collect();
    let (model, tools) = (Role::Assistant, Role::User);
    assert_eq!(shape, [(model, 1), (model, 4), (tools, 2), (model, 1)]);
}

#[test]
fn reasoning_is_asked_for_where_the_model_thinks() {
    let plain = decode(&json!({"model": "m", "input": "Hi"})).value;
    assert_eq!(encode(&plain, &Given::new()).0.get("include"), None);
    let (sent, _) = encode(&plain, &Given::thinking());
    assert_eq!(sent["include"], json!(["reasoning.encrypted_content"]));
    let asked = json!({"model": "m", "input": "Hi", "reasoning": {"effort": "low"}});
    let (sent, _) = encode(&decode(&asked).value, &Given::new());
    assert_eq!(sent["include"], json!(["reasoning.encrypted_content"]));
    assert_eq!(sent["store"], false);
}

#[test]
fn quirks_bend_what_is_sent() {
    let request = decode(&json!({"model": "m", "user": "u", "max_output_tokens": 3,
        "input": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}]}));
    let mut given = Given::new();
    given.quirks = Quirks {
        drop: vec!["user".into(), "store".into()],
        rename: vec![("max_output_tokens".into(), "max_tokens".into())],
        developer_as_system: true,
        ..Quirks::default()
    };
    let (sent, losses) = encode(&request.value, &given);
    assert_eq!(sent["max_tokens"], 16);
    assert_eq!(sent["input"][0]["role"], "system");
    assert_eq!(fields(&losses), ["max_output_tokens", "user"]);
    assert!(sent.get("store").is_none() && sent.get("user").is_none());
}

#[test]
fn a_native_body_loses_only_what_openai_would_refuse() {
    let quirks = Quirks::default();
    let edited = |body: &str| {
        let head = OpenAiResponses.read_head(Operation::Chat, body.as_bytes());
        let head = head.unwrap();
        let (edits, losses) = OpenAiResponses.native_edits(Operation::Chat, &head, "up", &quirks);
        let out = edits.apply(&Bytes::copy_from_slice(body.as_bytes()));
        (String::from_utf8(out.to_vec()).unwrap(), losses)
    };
    let (out, losses) = edited(
        r#"{ "input":[ {"type":"reasoning","encrypted_content":"weir1sigx"} , {"role":"user","content":"\"weir1sig"}], "model":"alias","previous_response_id":"resp_1"}"#,
    );
    assert_eq!(
        out,
        r#"{ "input":[ {"role":"user","content":"\"weir1sig"}], "model":"up","previous_response_id":"resp_1"}"#
    );
    assert_eq!(fields(&losses), ["input[0]"]);
    let (out, losses) = edited(r#"{"model":"up","input":"\"weir1sig"}"#);
    assert_eq!(
        (out.as_str(), losses.is_empty()),
        (r#"{"model":"up","input":"\"weir1sig"}"#, true)
    );
}
