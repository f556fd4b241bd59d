//! What goes to other vendors as functions, and comes back as what the client asked for; and what
//! an answer repeats of its request.

use serde_json::{Value, json};
use weir_model::{
    Choice, Content, Delta, Event, Finish, FinishReason, Opened, Request, Response, ToolCall,
    ToolChoice,
};

use super::streams::{check_frames, encode_for};
use super::{Given, OpenAiResponses};
use crate::{ClientDialect, Decoded};

fn decode(more: &Value) -> Decoded<Request> {
    let mut body = json!({"model": "m", "input": "hi"});
    super::merge(&mut body, more);
    let body = body.to_string();
    OpenAiResponses.decode_request(&body.into()).unwrap()
}

fn tools() -> Value {
    json!([
        {"type": "custom", "name": "apply_patch", "description": "Edits.",
         "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}},
        {"type": "namespace", "name": "crm", "description": "Customers.", "tools": [
            {"type": "function", "name": "find", "parameters": {"type": "object", "properties": {}}},
            {"type": "custom", "name": "note"}]},
        {"type": "local_shell"},
        {"type": "function", "name": "plain"},
        {"type": "web_search"},
    ])
}

fn call(name: &str, arguments: &str) -> Content {
    let (id, name) = (format!("call_{name}"), name.to_owned());
    Content::ToolCall(ToolCall {
        id,
        name,
        arguments: arguments.to_owned(),
    })
}

/// A call of each tool, and the items that a client sees.
fn calls() -> Vec<(Content, Value)> {
    vec![
        (
            call("apply_patch", r#"{"input":"+a \"b\"\n"}"#),
            json!({"type": "custom_tool_call", "call_id": "call_apply_patch", "name": "apply_patch", "input": "+a \"b\"\n"}),
        ),
        (
            call("crm__find", r#"{"q":1}"#),
            json!({"type": "function_call", "call_id": "call_crm__find", "name": "find", "namespace": "crm", "arguments": "{\"q\":1}"}),
        ),
        (
            call("crm__note", "as it is"),
            json!({"type": "custom_tool_call", "call_id": "call_crm__note", "name": "note", "namespace": "crm", "input": "as it is"}),
        ),
        (
            call("local_shell", r#"{"command":["ls","-l"],"timeout_ms":5}"#),
            json!({"type": "local_shell_call", "call_id": "call_local_shell", "action":
                {"type": "exec", "command": ["ls", "-l"], "timeout_ms": 5, "env": {}}}),
        ),
        (
            call("plain", "{}"),
            json!({"type": "function_call", "call_id": "call_plain", "name": "plain", "arguments": "{}"}),
        ),
    ]
}

fn without(mut item: Value, fields: &[&str]) -> Value {
    for field in fields {
        item.as_object_mut().unwrap().remove(*field);
    }
    item
}

#[test]
fn tools_of_every_kind_become_functions() {
    let Decoded { value, losses } = decode(&json!({"tools": tools()}));
    let names: Vec<_> = value.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "apply_patch",
            "crm__find",
            "crm__note",
            "local_shell",
            "plain"
        ]
    );
    let schema: Value = serde_json::from_str(value.tools[0].parameters.get()).unwrap();
    assert_eq!(schema["required"], json!(["input"]));
    let about = schema["properties"]["input"]["description"]
        .as_str()
        .unwrap();
    assert!(about.contains("start: /.+/"), "{about}");
    let lost: Vec<_> = losses.iter().map(|loss| loss.field.as_str()).collect();
    assert_eq!(
        lost,
        ["tools[0].format", "tools[1].description", "tools[4]"]
    );
    for (choice, name) in [
        (
            json!({"type": "custom", "name": "apply_patch"}),
            "apply_patch",
        ),
        (json!({"type": "local_shell"}), "local_shell"),
    ] {
        let chosen = decode(&json!({"tools": tools(), "tool_choice": choice}));
        assert_eq!(
            chosen.value.tool_choice,
            Some(ToolChoice::Tool(name.into()))
        );
    }
    let allowed = json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "apply_patch"}]});
    let allowed = decode(&json!({"tools": tools(), "tool_choice": allowed}));
    assert_eq!(allowed.value.tools.len(), 1);
}

#[test]
fn calls_come_back_as_the_items_of_their_tools_and_go_out_again_as_they_came() {
    let request = decode(&json!({"tools": tools()})).value;
    let (blocks, expected): (Vec<_>, Vec<_>) = calls().into_iter().unzip();
    let response = Response {
        choices: vec![Choice {
            blocks: blocks.iter().cloned().map(Into::into).collect(),
            ..Choice::default()
        }],
        ..Response::default()
    };
    let given = Given::new();
    let body = OpenAiResponses
        .encode_answer(&response, &request, &given.cx())
        .value;
    let body: Value = serde_json::from_slice(&body).unwrap();
    let items = body["output"].as_array().unwrap().clone();
    let seen: Vec<_> = items
        .iter()
        .map(|item| without(item.clone(), &["id", "status"]))
        .collect();
    assert_eq!(seen, expected);
    let mut input = items.clone();
    for item in &items {
        let (kind, id) = (item["type"].as_str().unwrap(), &item["call_id"]);
        input.push(match kind {
            "local_shell_call" => {
                json!({"type": "local_shell_call_output", "id": id, "output": "{}"})
            }
            kind => json!({"type": format!("{kind}_output"), "call_id": id, "output": "ok"}),
        });
    }
    let Decoded { value, losses } = decode(&json!({"input": input}));
    assert!(losses.is_empty(), "{losses:?}");
    let [asked, answered] = value.messages.as_slice() else {
        panic!("{:?}", value.messages)
    };
    assert_eq!((asked.blocks.len(), answered.blocks.len()), (5, 5));
    for (block, sent) in asked.blocks.iter().zip(&blocks) {
        let (Content::ToolCall(block), Content::ToolCall(sent)) = (&block.content, sent) else {
            panic!("{block:?}")
        };
        assert_eq!((&block.id, &block.name), (&sent.id, &sent.name));
    }
}

fn open(block: u32, kind: Opened) -> Event {
    Event::Open {
        choice: 0,
        block,
        kind,
    }
}

fn stream(calls: &[Content], size: usize, finish: FinishReason) -> Vec<Event> {
    let mut events = vec![Event::Start {
        id: None,
        model: None,
        created: None,
    }];
    for (block, call) in (0..).zip(calls) {
        let Content::ToolCall(ToolCall {
            id,
            name,
            arguments,
        }) = call
        else {
            continue;
        };
        events.push(open(
            block,
            Opened::ToolCall {
                id: id.clone(),
                name: name.clone(),
            },
        ));
        let pieces: Vec<char> = arguments.chars().collect();
        events.extend(pieces.chunks(size).map(|piece| Event::Delta {
            choice: 0,
            block,
            delta: Delta::Arguments(piece.iter().collect()),
            logprobs: Vec::new(),
        }));
        events.push(Event::Close { choice: 0, block });
    }
    let finish = Finish::new(finish);
    events.extend([Event::Finish { choice: 0, finish }, Event::End]);
    events
}

#[test]
fn streamed_calls_are_the_same_items_however_they_are_cut() {
    let request = decode(&json!({"tools": tools()})).value;
    let (blocks, expected): (Vec<_>, Vec<_>) = calls().into_iter().unzip();
    for size in 1..12 {
        let frames = encode_for(&request, &stream(&blocks, size, FinishReason::ToolCalls));
        check_frames(&frames);
        let output = frames.last().unwrap()["response"]["output"].clone();
        let output = output.as_array().unwrap().iter();
        let seen: Vec<_> = output
            .map(|item| without(item.clone(), &["id", "status"]))
            .collect();
        assert_eq!(seen, expected);
        let kinds: Vec<_> = frames
            .iter()
            .filter_map(|frame| frame["type"].as_str())
            .collect();
        assert!(kinds.contains(&"response.custom_tool_call_input.done"));
    }
}

#[test]
fn what_was_cut_is_the_last_item_alone() {
    let request = Request::default();
    let calls = [call("a", "{}"), call("b", r#"{"x"#)];
    let frames = encode_for(&request, &stream(&calls, 9, FinishReason::Length));
    check_frames(&frames);
    let last = &frames.last().unwrap()["response"];
    assert_eq!(last["status"], "incomplete");
    let statuses = |body: &Value| {
        let items = body["output"].as_array().unwrap().clone();
        items
            .iter()
            .map(|item| item["status"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(statuses(last), ["completed", "incomplete"]);
    let text = Content::Text {
        text: "cut".into(),
        citations: Vec::new(),
    };
    for (last, expected) in [
        (calls[1].clone(), ["completed", "completed", "incomplete"]),
        (text.clone(), ["completed", "completed", "incomplete"]),
    ] {
        let blocks = [text.clone(), calls[0].clone(), last];
        let response = Response {
            choices: vec![Choice {
                blocks: blocks.into_iter().map(Into::into).collect(),
                finish: Some(Finish::new(FinishReason::Length)),
                ..Choice::default()
            }],
            ..Response::default()
        };
        let given = Given::new();
        let whole = OpenAiResponses
            .encode_answer(&response, &request, &given.cx())
            .value;
        assert_eq!(statuses(&serde_json::from_slice(&whole).unwrap()), expected);
    }
}

#[test]
fn an_answer_repeats_the_settings_of_its_request() {
    let settings = json!({
        "instructions": "Be brief.", "metadata": {"a": "b"}, "temperature": 0.5, "top_p": null,
        "tools": tools(), "tool_choice": "auto", "max_output_tokens": 99, "store": false,
        "text": {"verbosity": "low"}, "user": "u", "truncation": "auto",
    });
    let request = decode(&settings).value;
    let given = Given::new();
    let whole = OpenAiResponses.encode_answer(&Response::default(), &request, &given.cx());
    let whole: Value = serde_json::from_slice(&whole.value).unwrap();
    let frames = encode_for(&request, &stream(&[], 1, FinishReason::Stop));
    for answer in [&whole, &frames[0]["response"], &frames[2]["response"]] {
        for (name, value) in settings.as_object().unwrap() {
            assert_eq!(&answer[name], value, "{name}");
        }
        assert_eq!(answer["parallel_tool_calls"], true);
        assert_eq!(
            answer["reasoning"],
            json!({"effort": null, "summary": null})
        );
        assert!(answer.get("prompt_cache_key").is_none());
    }
    let assumed = encode_for(&Request::default(), &stream(&[], 1, FinishReason::Stop));
    assert_eq!(assumed[0]["response"]["tools"], json!([]));
}
