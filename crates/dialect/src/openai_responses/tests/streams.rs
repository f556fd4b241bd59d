//! Streams of any kind: lawful events of whatever a vendor sends, and for clients the exact frames
//! of the reference, whatever the events.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use weir_model::{
    Content, Delta, Event, Finish, FinishReason, Json, Laws, Opened, Request, Response, fold,
};

use super::{Given, OpenAiResponses};
use crate::sse::{Cutter, Frame};
use crate::{ClientDialect, UpstreamDialect};

fn frames(sse: &[u8]) -> Vec<Frame> {
    let mut cutter = Cutter::default();
    cutter.push(Bytes::copy_from_slice(sse));
    std::iter::from_fn(|| cutter.next_frame().unwrap()).collect()
}

fn decode(sse: &[u8]) -> Vec<Event> {
    let (given, mut events) = (Given::new(), Vec::new());
    let mut decoder = OpenAiResponses.stream_decoder();
    for frame in frames(sse) {
        if let Some(data) = frame.data() {
            decoder.decode(&frame.event(), data, &given.cx(), &mut events);
        }
    }
    decoder.finish(&given.cx(), &mut events);
    events
}

/// Checks the laws, and that the stream ended.
fn check(events: &[Event]) {
    let mut laws = Laws::default();
    for event in events {
        if let Err(broken) = laws.observe(event) {
            panic!("{broken}: {event:?} in {events:#?}");
        }
    }
    assert!(matches!(events.last(), Some(Event::End | Event::Failed(_))));
}

fn encode(events: &[Event]) -> Vec<Value> {
    encode_for(&Request::default(), events)
}

pub(super) fn encode_for(request: &Request, events: &[Event]) -> Vec<Value> {
    let (given, mut out) = (Given::new(), Vec::new());
    let mut encoder = OpenAiResponses.stream_encoder(request, "alias");
    for event in events {
        encoder.encode(event, &given.cx(), &mut out);
    }
    let frames = frames(&out);
    let read = frames.iter().map(|frame| {
        let data: Value = serde_json::from_slice(frame.data().unwrap()).unwrap();
        assert_eq!(data["type"], *frame.event());
        data
    });
    read.collect()
}

/// Checks what a strict client counts on, and that the last frame repeats what was streamed.
pub(super) fn check_frames(frames: &[Value]) {
    let mut items: BTreeMap<u64, (Value, bool)> = BTreeMap::new();
    let mut texts: BTreeMap<(u64, u64), String> = BTreeMap::new();
    for (number, frame) in frames.iter().enumerate() {
        assert_eq!(frame["sequence_number"], number, "{frame}");
        let kind = frame["type"].as_str().unwrap();
        let at = frame["output_index"].as_u64();
        match kind {
            "response.created" => assert_eq!(number, 0),
            "response.in_progress" => assert_eq!(number, 1),
            "response.output_item.added" => {
                let at = at.unwrap();
                assert_eq!(at, items.len() as u64, "in order of opening");
                items.insert(at, (frame["item"].clone(), false));
            }
            "response.output_item.done" => {
                let (item, done) = items.get_mut(&at.unwrap()).unwrap();
                assert!(!*done, "an item is done once");
                assert_eq!(
                    (&item["id"], &item["type"]),
                    (&frame["item"]["id"], &frame["item"]["type"])
                );
                (*item, *done) = (frame["item"].clone(), true);
            }
            "response.completed" | "response.incomplete" | "error" => {
                assert_eq!(number + 1, frames.len(), "the end comes last");
            }
            _ => {
                let (item, done) = &items[&at.unwrap()];
                assert!(!done && item["id"] == frame["item_id"], "{frame}");
                let part = ["content_index", "summary_index"].map(|key| frame[key].as_u64());
                let key = (at.unwrap(), part[0].or(part[1]).unwrap_or(0));
                if let Some(delta) = frame["delta"].as_str() {
                    texts.entry(key).or_default().push_str(delta);
                }
                for whole in ["text", "refusal", "arguments", "input"] {
                    if let Some(whole) = frame[whole].as_str() {
                        let streamed = texts.get(&key).map_or("", String::as_str);
                        assert_eq!(whole, streamed, "{frame}");
                    }
                }
            }
        }
    }
    let last = &frames[frames.len() - 1];
    if last["type"] != "error" {
        assert!(items.values().all(|(_, done)| *done), "{items:#?}");
        let output: Vec<_> = items.into_values().map(|(item, _)| item).collect();
        assert_eq!(last["response"]["output"], Value::Array(output));
    }
}

fn word() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("")),
        Just(json!("a")),
        Just(json!("b\"\n")),
        Just(Value::Null)
    ]
}

fn item() -> impl Strategy<Value = Value> {
    let part = prop_oneof![
        word().prop_map(
            |w| json!({"type": "output_text", "text": w, "annotations": [{"type": "file_path"}]})
        ),
        word().prop_map(|w| json!({"type": "refusal", "refusal": w})),
    ];
    prop_oneof![
        proptest::collection::vec(part, 0..3)
            .prop_map(|p| json!({"type": "message", "content": p})),
        (word(), word()).prop_map(
            |(id, a)| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": a})
        ),
        (word(), word()).prop_map(
            |(t, e)| json!({"type": "reasoning", "summary": [{"text": t}], "encrypted_content": e})
        ),
        word().prop_map(
            |e| json!({"type": "reasoning", "summary": [], "content": null, "encrypted_content": e})
        ),
        Just(json!({"type": "web_search_call", "id": "ws", "action": {"type": "search"}})),
        Just(json!({"type": "custom_tool_call", "content": 5})),
        Just(json!({})),
    ]
}

fn frame() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec![
        "content_part.added",
        "content_part.done",
        "output_text.delta",
        "output_text.done",
        "output_text.annotation.added",
        "refusal.delta",
        "refusal.done",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_text.delta",
        "unheard_of",
    ]);
    let piece = (kind, 0u8..3, 0u8..2, word()).prop_map(|(kind, at, part, w)| {
        json!({"type": format!("response.{kind}"), "output_index": at, "content_index": part,
            "summary_index": part, "delta": w, "text": w, "refusal": w, "arguments": w,
            "annotation": {"type": "file_path"}, "logprobs": [{"token": "a"}],
            "part": {"type": if part == 0 { "output_text" } else { "refusal" }}})
        .to_string()
    });
    let edge = (any::<bool>(), 0u8..3, item()).prop_map(|(done, at, item)| {
        let kind = if done { "done" } else { "added" };
        json!({"type": format!("response.output_item.{kind}"), "output_index": at, "item": item})
            .to_string()
    });
    let status = prop::sample::select(vec!["created", "completed", "incomplete", "failed"]);
    let whole = (status, any::<bool>()).prop_map(|(status, used)| {
        let mut response = json!({"id": "resp_1", "model": "m", "status": status});
        if used {
            response["usage"] = json!({"input_tokens": 1, "output_tokens": 2});
        }
        json!({"type": format!("response.{status}"), "response": response}).to_string()
    });
    prop_oneof![
        12 => piece,
        6 => edge,
        1 => whole,
        1 => Just(json!({"type": "error", "message": "m"}).to_string()),
        1 => Just("[DONE]".to_owned()),
        1 => "[{}\\[\\]\",:a1]{0,8}",
    ]
}

fn opened() -> impl Strategy<Value = Opened> {
    prop_oneof![
        Just(Opened::Text),
        Just(Opened::Refusal),
        Just(Opened::Reasoning),
        Just(Opened::RedactedReasoning {
            data: "openai_responses/d".into()
        }),
        Just(Opened::ToolCall {
            id: "c".into(),
            name: "f".into()
        }),
        Just(Opened::Opaque {
            name: "openai:x".into(),
            json: Json::parse(r#"{"type":"x"}"#).unwrap()
        }),
        Just(Opened::Opaque {
            name: "theirs".into(),
            json: Json::empty_object()
        }),
    ]
}

/// A lawful stream of blocks that grow and close in any order.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let step = (0usize..4, any::<bool>(), "[a-c]{0,2}");
    (
        proptest::collection::vec(opened(), 0..6),
        proptest::collection::vec(step, 0..24),
    )
        .prop_map(|(kinds, steps)| {
            let mut out = vec![Event::Start {
                id: None,
                model: None,
                created: None,
            }];
            let mut open: Vec<(u32, Opened)> = Vec::new();
            let mut kinds = (0u32..).zip(kinds);
            for (pick, grow, text) in steps {
                if pick >= open.len() {
                    if let Some((block, kind)) = kinds.next() {
                        out.push(Event::Open {
                            choice: 0,
                            block,
                            kind: kind.clone(),
                        });
                        open.push((block, kind));
                    }
                } else if grow {
                    let (block, kind) = &open[pick];
                    let delta = match kind {
                        Opened::Text => Delta::Text(text),
                        Opened::Refusal => Delta::Refusal(text),
                        Opened::Reasoning => Delta::Reasoning(text),
                        Opened::ToolCall { .. } => Delta::Arguments(text),
                        _ => continue,
                    };
                    out.push(Event::Delta {
                        choice: 0,
                        block: *block,
                        delta,
                        logprobs: Vec::new(),
                    });
                } else {
                    let (block, _) = open.remove(pick);
                    out.push(Event::Close { choice: 0, block });
                }
            }
            out.extend(
                open.into_iter()
                    .map(|(block, _)| Event::Close { choice: 0, block }),
            );
            out.push(Event::Finish {
                choice: 0,
                finish: Finish::new(FinishReason::Length),
            });
            out.push(Event::End);
            out
        })
}

/// How many bytes were said and thought; arguments may have been made up for.
fn words(response: &Response) -> usize {
    let blocks = response.choices.iter().flat_map(|choice| &choice.blocks);
    let said = blocks.filter(|block| !matches!(block.content, Content::ToolCall(_)));
    said.map(|block| block.content.text_len()).sum()
}

proptest! {
    #[test]
    fn any_frames_give_a_lawful_stream(frames in proptest::collection::vec(frame(), 0..16)) {
        let sse: String = frames.iter().map(|f| format!("data: {f}\n\n")).collect();
        let events = decode(sse.as_bytes());
        check(&events);
        if events.len() > 1 {
            check_frames(&encode(&events));
        }
    }

    #[test]
    fn any_events_give_the_frames_of_the_reference(events in events()) {
        check(&events);
        let frames = encode(&events);
        check_frames(&frames);
        let sse: String = frames.iter().map(|f| format!("data: {f}\n\n")).collect();
        let again = decode(sse.as_bytes());
        check(&again);
        let (said, seen) = (fold(events).unwrap(), fold(again).unwrap());
prop_assert_eq!(words(&said), words(&seen));
    }

    /// What accounting reads of an answer is what the full decoder sees, and so is what it refuses.
    #[test]
    fn receipts_agree(
        output in proptest::collection::vec(item(), 0..4),
        status in prop::sample::select(vec![json!("completed"), json!("incomplete"), Value::Null]),
        reason in prop::sample::select(vec![json!("max_output_tokens"), json!("odd"), Value::Null]),
    ) {
        let body = json!({"id": "r", "model": "m", "output": output, "status": status,
            "incomplete_details": {"reason": reason}, "usage": {"input_tokens": 3.0, "output_tokens": 2}});
        let body = body.to_string();
        let whole = OpenAiResponses.decode_response(body.as_bytes(), &Given::new().cx()).unwrap();
        let receipt = OpenAiResponses
            .read_receipt(weir_model::Operation::Chat, body.as_bytes())
            .unwrap();
        prop_assert_eq!(receipt.usage, whole.usage);
        let finish = whole.choices[0].finish.as_ref().map(|finish| finish.reason);
        prop_assert_eq!(receipt.finish, finish);
        prop_assert_eq!(&body[receipt.model_span.unwrap()], "\"m\"");
    }
}

#[test]
fn an_endless_answer_is_cut() {
    let mut events = vec![
        Event::Start {
            id: None,
            model: None,
            created: None,
        },
        Event::Open {
            choice: 0,
            block: 0,
            kind: Opened::Text,
        },
    ];
    let delta = Delta::Text("a".repeat(1 << 20));
    let more = Event::Delta {
        choice: 0,
        block: 0,
        delta,
        logprobs: Vec::new(),
    };
    events.extend(std::iter::repeat_n(more, 20));
    let frames = encode(&events);
    assert_eq!(frames[frames.len() - 1]["type"], "error");
    assert!(frames.len() < 22);
}
