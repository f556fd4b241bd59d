//! Streamed answers.

use bytes::Bytes;
use proptest::prelude::*;
use weir_model::{
    Block, Content, Delta, Event, FinishReason, Json, Kind, Laws, Opened, Operation, Rejection,
    Response, Usage, fold, unfold,
};

use super::*;
use crate::sse::Cutter;

/// Decodes a stream and holds it to the laws.
fn read(sse: &[u8]) -> Vec<Event> {
    let mut cutter = Cutter::default();
    cutter.push(Bytes::copy_from_slice(sse));
    let mut frames = Vec::new();
    while let Some(frame) = cutter.next_frame().unwrap() {
        frames.push(frame);
    }
    frames.extend(cutter.finish());
    let (capabilities, quirks) = (able(), Quirks::default());
    let events = with_cx(&capabilities, &quirks, |cx| {
        let mut decoder = AnthropicMessages.stream_decoder();
        let mut events = Vec::new();
        for frame in &frames {
            if let Some(data) = frame.data() {
                decoder.decode(&frame.event(), data, cx, &mut events);
            }
        }
        decoder.finish(cx, &mut events);
        decoder.finish(cx, &mut events);
        events
    });
    let mut laws = Laws::default();
    for event in &events {
        laws.observe(event)
            .unwrap_or_else(|law| panic!("{law}: {events:?}"));
    }
    assert!(matches!(events.last(), Some(Event::End | Event::Failed(_))));
    events
}

fn write(events: &[Event]) -> Vec<u8> {
    with_cx(&able(), &Quirks::default(), |cx| {
        let mut encoder = AnthropicMessages.stream_encoder(&Request::default(), "claude");
        let mut out = Vec::new();
        for event in events {
            encoder.encode(event, cx, &mut out);
        }
        out
    })
}

fn fixture(name: &str) -> Vec<u8> {
    let found = fixtures("streams").into_iter().find(|(n, _)| n == name);
    found.unwrap_or_else(|| panic!("{name}")).1
}

fn answer(name: &str) -> Result<Response, Rejection> {
    fold(read(&fixture(name)))
}

fn blocks(name: &str) -> Vec<Content> {
    let mut response = answer(name).unwrap();
    response
        .choices
        .remove(0)
        .blocks
        .into_iter()
        .map(|b| b.content)
        .collect()
}

#[test]
fn examples_are_read_as_they_mean() {
    let Content::ToolCall(call) = blocks("tool_use").remove(1) else {
        panic!()
    };
    assert_eq!(
        call.arguments,
        r#"{"city": "Bilbao", "n": 12345678901234567890}"#
    );
    let Content::ToolCall(call) = blocks("empty_input").remove(0) else {
        panic!()
    };
    assert_eq!(call.arguments, "{}");
    let Content::Reasoning { text, signature } = blocks("thinking").remove(0) else {
        panic!()
    };
    assert_eq!(text, "Twenty-seven times 453 is 12,231.");
    assert!(signature.unwrap().starts_with("EqQB"));
    assert!(matches!(
        &blocks("redacted_thinking")[0],
        Content::RedactedReasoning { .. }
    ));
    let Content::Text { citations, .. } = blocks("citations").remove(0) else {
        panic!()
    };
    assert_eq!(citations.len(), 1);
    let searched = blocks("web_search");
    let Content::Opaque { json, .. } = &searched[1] else {
        panic!("{searched:?}")
    };
    assert_eq!(
        serde_json::from_str::<Value>(json.get()).unwrap()["input"]["query"],
        "regatta winner"
    );
    let compacted = blocks("compaction");
    let Content::Opaque { json, .. } = &compacted[0] else {
        panic!("{compacted:?}")
    };
    assert!(
        json.get().contains(r#""content":"We spoke of rivers.""#),
        "{json:?}"
    );
    let once = answer("duplicate_message_start").unwrap();
    assert_eq!(once.id.as_deref(), Some("msg_01XFDUDYJgAACzvnptvVoYEL"));
    assert_eq!(blocks("duplicate_message_start").len(), 1);
    assert_eq!(blocks("unknown_event").len(), 1);
}

#[test]
fn endings_are_the_vendors_own() {
    let finish = |name: &str| answer(name).unwrap().choices[0].finish.clone().unwrap();
    assert_eq!(finish("refusal").reason, FinishReason::Refusal);
    assert_eq!(finish("pause_turn").reason, FinishReason::Pause);
    assert_eq!(
        finish("stop_sequence").stop_sequence.as_deref(),
        Some("END")
    );
    assert_eq!(finish("cut_before_stop_event").reason, FinishReason::Stop);
    for (name, kind) in [
        ("error_mid_stream", Kind::Overloaded),
        ("error_first", Kind::UpstreamFailed),
        ("cut_in_block", Kind::Malformed),
        ("cut_before_stop_reason", Kind::Malformed),
        ("corrupt_json", Kind::Malformed),
    ] {
        assert_eq!(answer(name).unwrap_err().kind, kind, "{name}");
    }
}

#[test]
fn usage_comes_in_pieces() {
    let usage = |name: &str| answer(name).unwrap().usage.unwrap();
    let cached = usage("cache_usage");
    assert_eq!((cached.input_tokens, cached.output_tokens), (2304, 3));
    assert_eq!(
        (cached.cache_read_tokens, cached.cache_write_1h_tokens),
        (2000, 100)
    );
    assert_eq!(usage("thinking").reasoning_tokens, 55);
    assert_eq!(
        (
            usage("web_search").web_searches,
            usage("web_search").input_tokens
        ),
        (1, 10_682)
    );
    assert_eq!(usage("compaction").input_tokens, 203_000);
}

#[test]
fn each_fixture_survives_a_trip_through_a_client() {
    for (name, sse) in fixtures("streams") {
        let events = read(&sse);
        let written = write(&events);
        let again = read(&written);
        match (fold(events), fold(again)) {
            (Ok(mut first), Ok(second)) => {
                first.model = Some("claude".into());
                assert_eq!(first, second, "{name}");
            }
            (Err(first), Err(second)) => assert_eq!(
                first.kind == Kind::Overloaded,
                second.kind == Kind::Overloaded,
                "{name}"
            ),
            (first, second) => panic!("{name}: {first:?} {second:?}"),
        }
    }
}

#[test]
fn frames_stand_in_the_vendors_order() {
    let sse = String::from_utf8(write(&read(&fixture("text")))).unwrap();
    let names: Vec<_> = sse
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    let first = sse.lines().nth(1).unwrap().strip_prefix("data: ").unwrap();
    let start = json(first.as_bytes());
    assert_eq!(start["message"]["usage"]["input_tokens"], 25);
    assert_eq!(start["message"]["model"], "claude");
    assert!(!sse.contains('\u{2028}'));
}

#[test]
fn usage_after_the_finish_still_reaches_the_client() {
    let mut events = read(&fixture("text"));
    let end = events.len() - 1;
    events.insert(
        end,
        Event::Usage(Usage {
            output_tokens: 99,
            ..Usage::default()
        }),
    );
    let again = fold(read(&write(&events))).unwrap();
    assert_eq!(again.usage.unwrap().output_tokens, 99);
}

#[test]
fn a_failure_ends_the_stream_once() {
    let failure = Event::Failed(Rejection::upstream(Kind::RateLimited, "slow down"));
    let only = String::from_utf8(write(&[failure.clone(), Event::End, failure.clone()])).unwrap();
    assert_eq!(only.matches("event: ").count(), 1);
    let mut events = read(&fixture("text"));
    events.truncate(4);
    events.extend([failure, Event::End]);
    let sse = String::from_utf8(write(&events)).unwrap();
    assert!(sse.starts_with("event: message_start") && sse.contains("rate_limit_error"));
    assert!(!sse.contains("message_stop"));
}

/// A call that grows, and behind it a block with these deltas that waits for the call to close.
fn behind_a_call(kind: Opened, deltas: Vec<Delta>) -> Vec<Event> {
    let call = Opened::ToolCall {
        id: "toolu_1".into(),
        name: "look".into(),
    };
    let open = |block, kind| Event::Open {
        choice: 0,
        block,
        kind,
    };
    let close = |block| Event::Close { choice: 0, block };
    let start = Event::Start {
        id: None,
        model: None,
        created: None,
    };
    let mut events = vec![start, open(0, call), open(1, kind)];
    events.extend(deltas.into_iter().map(|delta| Event::Delta {
        choice: 0,
        block: 1,
        delta,
        logprobs: Vec::new(),
    }));
    events.extend([close(1), close(0), Event::End]);
    events
}

#[test]
fn what_waits_is_bounded_whatever_it_is() {
    let much = "x".repeat(17 << 20);
    let source = Json::parse(format!("\"{much}\"")).unwrap();
    let redacted = Opened::RedactedReasoning { data: much.clone() };
    for (kind, deltas) in [
        (redacted, vec![]),
        (Opened::Text, vec![Delta::Citation(source)]),
        (Opened::Reasoning, vec![Delta::Signature(much.clone())]),
        (Opened::Refusal, vec![Delta::Refusal(much)]),
    ] {
        let sse = write(&behind_a_call(kind, deltas));
        assert!(matches!(read(&sse).last(), Some(Event::Failed(_))));
    }
}

#[test]
fn the_only_answer_is_shown_whatever_its_number() {
    let mut events = behind_a_call(Opened::Text, vec![Delta::Text("hi".into())]);
    for event in &mut events {
        if let Event::Open { choice, .. }
        | Event::Delta { choice, .. }
        | Event::Close { choice, .. } = event
        {
            *choice = 5;
        }
    }
    let answer = fold(read(&write(&events))).unwrap();
    assert_eq!(answer.choices[0].blocks[1], Block::text("hi"));
}

#[test]
fn small_pieces_that_wait_count_for_their_text() {
    let pieces = vec![Delta::Text("x".into()); 300_000];
    let answer = fold(read(&write(&behind_a_call(Opened::Text, pieces)))).unwrap();
    assert_eq!(
        answer.choices[0].blocks[1],
        Block::text("x".repeat(300_000))
    );
}

#[test]
fn the_models_name_is_found_in_the_first_frame_only() {
    let sse = fixture("text");
    let decoder = AnthropicMessages.stream_decoder();
    let mut found = Vec::new();
    for line in sse.split(|b| *b == b'\n') {
        let Some(data) = line.strip_prefix(b"data: ") else {
            continue;
        };
        found.extend(decoder.model_span(data).map(|span| data[span].to_vec()));
    }
    assert_eq!(found, [b"\"claude-sonnet-4-5-20250929\"".to_vec()]);
}

#[test]
fn stream_and_whole_answer_agree() {
    for name in [
        "text",
        "tool_use",
        "thinking",
        "web_search",
        "cache_usage",
        "compaction",
    ] {
        let streamed = answer(name).unwrap();
        let whole = with_cx(&able(), &Quirks::default(), |cx| {
            let body = AnthropicMessages.encode_response(&streamed, cx);
            let receipt = AnthropicMessages
                .read_receipt(Operation::Chat, &body.value)
                .unwrap();
            assert_eq!(receipt.usage, streamed.usage, "{name}");
            AnthropicMessages.decode_response(&body.value, cx).unwrap()
        });
        assert_eq!(whole, streamed, "{name}");
    }
}

proptest! {
    #[test]
    fn one_block_is_open_at_a_time(response in arbitrary::response(), mixed in any::<bool>()) {
        let events = match mixed {
            true => arbitrary::interleaved(response.clone()),
            false => unfold(response.clone()),
        };
        let sse = write(&events);
        let mut open = None;
        for line in sse.split(|b| *b == b'\n').filter_map(|l| l.strip_prefix(b"data: ")) {
            let frame = json(line);
            let index = frame["index"].as_u64();
            match frame["type"].as_str().unwrap() {
                "content_block_start" => {
                    prop_assert_eq!(open, None);
                    open = index;
                }
                "content_block_delta" => prop_assert_eq!(open, index),
                "content_block_stop" => prop_assert_eq!(open.take(), index),
                _ => prop_assert_eq!(open, None),
            }
        }
        prop_assert_eq!(fold(read(&sse)).unwrap(), response);
    }

    #[test]
    fn mutated_streams_keep_the_laws(
        at in any::<usize>(),
        moves in proptest::collection::vec((any::<usize>(), any::<usize>(), 0..4_u8), 0..6),
        flip in proptest::option::of((any::<usize>(), any::<u8>())),
    ) {
        let files = fixtures("streams");
        let text = files[at % files.len()].1.clone();
        let text = String::from_utf8(text).unwrap();
        let mut frames: Vec<&str> = text.split_inclusive("\n\n").collect();
        for (from, to, how) in moves {
            let (from, to) = (from % frames.len(), to % frames.len());
            match how {
                0 => frames.swap(from, to),
                1 if frames.len() > 1 => { frames.remove(from); }
                2 => frames.insert(to, frames[from]),
                _ => frames.truncate(from.max(1)),
            }
        }
        let mut sse = frames.concat().into_bytes();
        if let Some((at, byte)) = flip {
            let at = at % sse.len();
            sse[at] = byte;
        }
        let events = read(&sse);
        // Whatever a client gets, it gets exactly one ending.
        let written = write(&events);
        let written = String::from_utf8(written).unwrap();
        let ends = written.matches("event: message_stop").count() + written.matches("event: error").count();
        prop_assert_eq!(ends, 1);
    }

    #[test]
    fn arbitrary_data_keeps_the_laws(frames in proptest::collection::vec(
        prop_oneof![
            Just("{}".to_owned()), Just("[]".to_owned()), Just("null".to_owned()), ".{0,8}",
            Just(r#"{"type":"message_start","message":{}}"#.to_owned()),
            Just(r#"{"type":"content_block_start","index":0,"content_block":{"type":"x"}}"#.to_owned()),
            Just(r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}"#.to_owned()),
            Just(r#"{"type":"content_block_stop","index":0}"#.to_owned()),
            Just(r#"{"type":"message_stop"}"#.to_owned()),
        ], 0..8)) {
        let sse: String = frames.iter().map(|data| format!("data: {}\n\n", data.replace(['\n', '\r'], " "))).collect();
        read(sse.as_bytes());
    }
}
