//! What is stored, put into requests, and shown in pages.

use super::*;
use crate::ClientDialect;
use crate::openai_responses::OpenAiResponses;

fn head(body: &Bytes) -> Head<'_> {
    let chat = weir_model::Operation::Chat;
    OpenAiResponses.read_head(chat, body).unwrap()
}

fn bytes(body: &Value) -> Bytes {
    body.to_string().into()
}

#[test]
fn what_a_request_refers_to_is_read() {
    let body = bytes(&json!({"model": "m", "input": "hi"}));
    let plain = References::read(&head(&body)).unwrap();
    assert!(plain.store && !plain.continues() && !plain.background);
    for (conversation, id) in [(json!("c"), "c"), (json!({"id": "d"}), "d")] {
        let body = bytes(&json!({"model": "m", "conversation": conversation, "store": false}));
        let read = References::read(&head(&body)).unwrap();
        assert_eq!(
            (read.conversation.as_deref(), read.store),
            (Some(id), false)
        );
    }
    let both = bytes(&json!({"model": "m", "conversation": "c", "previous_response_id": "r"}));
    assert!(References::read(&head(&both)).is_err());
    let null = bytes(
        &json!({"model": "m", "conversation": null, "previous_response_id": null, "store": null}),
    );
    assert_eq!(References::read(&head(&null)).unwrap(), plain);
}

#[test]
fn what_was_said_before_stands_first_in_the_input() {
    let before = [json!({"a": 1}), json!({"b": 2})].map(|item| Json::from(&item));
    for (input, own) in [
        (
            json!("hi"),
            json!([{"type": "message", "role": "user", "content": "hi"}]),
        ),
        (json!([{"c": 3}]), json!([{"c": 3}])),
        (json!([]), json!([])),
        (Value::Null, json!([])),
    ] {
        let mut body = json!({"previous_response_id": "r", "model": "m", "stream": true, "conversation": null});
        if !input.is_null() {
            body["input"] = input;
        }
        let body = bytes(&body);
        let grown: Value = serde_json::from_slice(&expanded(&body, &head(&body), &before)).unwrap();
        let mut expected = json!([{"a": 1}, {"b": 2}]);
        expected
            .as_array_mut()
            .unwrap()
            .extend(own.as_array().unwrap().clone());
        assert_eq!(
            grown,
            json!({"model": "m", "stream": true, "input": expected})
        );
    }
}

#[test]
fn items_get_ids_and_what_a_client_may_leave_out() {
    let body = bytes(&json!({"model": "m", "input": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "ho"},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"}]}));
    let items = input(&head(&body), &IdMint::new(1));
    let items: Vec<Value> = items
        .iter()
        .map(|i| serde_json::from_str(i.get()).unwrap())
        .collect();
    assert_eq!(
        items[0]["content"],
        json!([{"type": "input_text", "text": "hi"}])
    );
    assert_eq!(items[1]["content"][0]["type"], "output_text");
    assert_eq!(
        (&items[0]["type"], &items[0]["status"]),
        (&json!("message"), &json!("completed"))
    );
    assert_eq!(items[2]["id"], "fc_1");
    assert!(items[3]["id"].as_str().unwrap().starts_with("fco_"));
}

#[test]
fn a_thought_without_its_proof_is_not_said_again() {
    let response = json!({"id": "resp_1", "output": [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "x"},
        {"type": "local_shell_call_output", "id": "call_1"}]});
    let turn = Turn {
        previous: None,
        input: vec![Json::from(&json!({"id": "msg_0", "type": "message"}))],
        response: Json::from(&response),
    };
    let said: Vec<_> = turn
        .said()
        .iter()
        .map(|item| item.get().to_owned())
        .collect();
    let expected = [
        r#"{"type":"message"}"#,
        r#"{"encrypted_content":"x","summary":[],"type":"reasoning"}"#,
        r#"{"id":"call_1","type":"local_shell_call_output"}"#,
    ];
    assert_eq!(said, expected);
    let stored = Stored::Here(turn).to_bytes();
    let Some(Stored::Here(again)) = Stored::from_bytes(&stored) else {
        panic!("{stored:?}")
    };
    assert_eq!(again.response, Json::from(&response));
}

#[test]
fn pages_go_both_ways_to_the_end() {
    let items: Vec<_> = (0..5)
        .map(|n| Json::from(&json!({"id": format!("i{n}")})))
        .collect();
    for (ascending, expected) in [(true, "01234"), (false, "43210")] {
        let (mut after, mut seen, mut pages) = (None::<String>, String::new(), 0);
        loop {
            let asked = Page {
                after: after.as_deref(),
                limit: 2,
                ascending,
            };
            let list: Value = serde_json::from_slice(&page(&items, asked).unwrap()).unwrap();
            pages += 1;
            for item in list["data"].as_array().unwrap() {
                seen.push_str(&item["id"].as_str().unwrap()[1..]);
            }
            after = list["last_id"].as_str().map(str::to_owned);
            if list["has_more"] == false {
                break;
            }
        }
        assert_eq!((seen.as_str(), pages), (expected, 3));
    }
    let asked = Page {
        after: Some("x"),
        limit: 2,
        ascending: true,
    };
    assert!(page(&items, asked).is_err());
}

#[test]
fn an_answer_repeats_what_its_request_referred_to() {
    let references = References {
        previous: Some("r\"".into()),
        ..References::default()
    };
    let mut request = Request {
        echo: Json::parse(r#"{"tools":[]}"#),
        ..Request::default()
    };
    references.repeat(&mut request);
    let echo: Value = serde_json::from_str(request.echo.unwrap().get()).unwrap();
    assert_eq!(echo, json!({"tools": [], "previous_response_id": "r\""}));
}

#[test]
fn only_the_last_frame_holds_the_answer() {
    let last = br#"{"type":"response.completed","response":{"id":"r"}}"#;
    assert_eq!(finished(last).and_then(id).as_deref(), Some("r"));
    assert_eq!(
        finished(br#"{"type":"response.created","response":{"id":"r"}}"#),
        None
    );
}
