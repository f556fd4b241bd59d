//! Streams of any kind: lawful, and the same however their bytes arrive.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use weir_model::{Event, Laws};

use super::{Given, OpenAiChat, fixtures};
use crate::UpstreamDialect;
use crate::sse::Cutter;

/// Decodes a stream whose bytes arrive in chunks of the lengths given, the rest at once.
pub(crate) fn decode_sse(sse: &[u8], lengths: &[usize]) -> Vec<Event> {
    let (mut cutter, mut decoder) = (Cutter::default(), OpenAiChat.stream_decoder());
    let (mut given, mut events, mut rest) = (Given::default(), Vec::new(), sse);
    for length in lengths.iter().copied().chain([usize::MAX]) {
        let (chunk, later) = rest.split_at(length.min(rest.len()));
        cutter.push(Bytes::copy_from_slice(chunk));
        rest = later;
        while let Some(frame) = cutter.next_frame().unwrap() {
            if let Some(data) = frame.data() {
                decoder.decode(&frame.event(), data, &given.cx(), &mut events);
            }
        }
    }
    if let Some(frame) = cutter.finish()
        && let Some(data) = frame.data()
    {
        decoder.decode(&frame.event(), data, &given.cx(), &mut events);
    }
    decoder.finish(&given.cx(), &mut events);
    events
}

/// Checks the laws, and that the stream ended.
pub(crate) fn check(events: &[Event]) {
    let mut laws = Laws::default();
    for event in events {
        if let Err(broken) = laws.observe(event) {
            panic!("{broken}: {event:?} in {events:#?}");
        }
    }
    assert!(matches!(events.last(), Some(Event::End | Event::Failed(_))));
}

#[test]
fn fixtures_are_lawful_however_they_are_chunked() {
    for (name, sse) in fixtures("streams", ".sse") {
        let whole = decode_sse(&sse, &[]);
        check(&whole);
        for length in 1..9 {
            let lengths = vec![length; sse.len() / length];
            assert_eq!(decode_sse(&sse, &lengths), whole, "{name} by {length}");
        }
    }
}

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("")),
        Just(json!("a")),
        Just(json!("b\"\n")),
        Just(Value::Null)
    ]
}

fn call() -> impl Strategy<Value = Value> {
    (
        0u32..3,
        text(),
        text(),
        prop_oneof![text(), Just(json!({"x": 1}))],
    )
        .prop_map(|(index, id, name, arguments)| {
            let mut call = json!({"id": id, "function": {"name": name, "arguments": arguments}});
            if index < 2 {
                call["index"] = json!(index);
            }
            call
        })
}

fn detail() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just("reasoning.text"),
        Just("reasoning.summary"),
        Just("reasoning.encrypted"),
        Just("other"),
    ];
    (kind, 0u32..3, text(), text()).prop_map(|(kind, index, text, signature)| {
        json!({"type": kind, "index": index, "text": text, "summary": text, "data": text,
            "signature": signature})
    })
}

fn delta() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(|t| json!({"role": "assistant", "content": t})),
        text().prop_map(|t| json!({"content": [{"type": "text", "text": t}]})),
        text().prop_map(|t| json!({"reasoning_content": t})),
        text().prop_map(|t| json!({"reasoning": t, "content": ""})),
        text().prop_map(|t| json!({"refusal": t})),
        detail().prop_map(|d| json!({"reasoning_details": [d]})),
        proptest::collection::vec(call(), 0..3).prop_map(|c| json!({"tool_calls": c})),
        text().prop_map(|t| json!({"function_call": {"name": t, "arguments": "{"}})),
        Just(json!({"annotations": [{"type": "url_citation"}], "audio": {"id": "a"}})),
        Just(Value::Null),
    ]
}

fn choice() -> impl Strategy<Value = Value> {
    let finish = prop_oneof![
        6 => Just(Value::Null),
        1 => Just(json!("")),
        2 => Just(json!("stop")),
        1 => Just(json!("tool_calls")),
        1 => Just(json!("strange")),
    ];
    let logprobs = prop_oneof![
        Just(Value::Null),
        Just(json!({"content": [{"token": "a"}], "refusal": null})),
        Just(json!({"tokens": ["a"]})),
    ];
    (0u32..2, delta(), finish, logprobs).prop_map(|(index, delta, finish, logprobs)| {
        json!({"index": index, "delta": delta, "finish_reason": finish, "logprobs": logprobs})
    })
}

fn frame() -> impl Strategy<Value = String> {
    let usage = (0u64..9, 0u64..9).prop_map(
        |(p, c)| json!({"choices": [], "usage": {"prompt_tokens": p, "completion_tokens": c}}),
    );
    prop_oneof![
        12 => proptest::collection::vec(choice(), 0..3).prop_map(|c| json!({"choices": c}).to_string()),
        2 => usage.prop_map(|u| u.to_string()),
        1 => Just(json!({"error": {"message": "m"}}).to_string()),
        1 => Just(json!({"object": "error", "message": "m"}).to_string()),
        1 => Just(json!({"x": 1}).to_string()),
        1 => Just("[DONE]".to_owned()),
        1 => "[{}\\[\\]\",:a1]{0,8}",
    ]
}

proptest! {
    #[test]
    fn any_frames_give_a_lawful_stream(frames in proptest::collection::vec(frame(), 0..12)) {
        let sse: String = frames.iter().map(|f| format!("data: {f}\n\n")).collect();
        check(&decode_sse(sse.as_bytes(), &[]));
    }

    #[test]
    fn damaged_streams_stay_lawful(
        which in any::<proptest::sample::Index>(),
        damage in proptest::collection::vec(
            (any::<proptest::sample::Index>(), 0usize..40, "[ -~]{0,3}"), 1..4),
    ) {
        let streams = fixtures("streams", ".sse");
        let mut sse = which.get(&streams).1.clone();
        for (at, length, with) in damage {
            let from = at.index(sse.len() + 1);
            let to = (from + length).min(sse.len());
            sse.splice(from..to, with.into_bytes());
        }
        check(&decode_sse(&sse, &[]));
    }
}
