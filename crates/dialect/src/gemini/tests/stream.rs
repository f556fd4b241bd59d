//! Answers, streamed and whole.

use bytes::Bytes;
use proptest::prelude::*;
use weir_model::{Event, FinishReason, Kind, Laws, Operation, Response, fold, unfold};

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
    let events = with_cx(&Capabilities::default(), |cx| {
        let mut decoder = Gemini.stream_decoder();
        let mut events = Vec::new();
        for data in frames.iter().filter_map(|frame| frame.data()) {
            decoder.decode("", data, cx, &mut events);
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
    with_cx(&Capabilities::default(), |cx| {
        let mut encoder = Gemini.stream_encoder(&Request::default(), "m");
        let mut out = Vec::new();
        for event in events {
            encoder.encode(event, cx, &mut out);
        }
        out
    })
}

/// What must be the same however an answer travels: signatures included, block for block.
fn gist(response: Response) -> Vec<String> {
    let choices = response.choices.into_iter();
    let blocks = choices.flat_map(|choice| choice.blocks);
    blocks.map(|block| format!("{:?}", block.content)).collect()
}

proptest! {
    #[test]
    fn a_stream_says_what_the_whole_answer_says(response in arbitrary::response()) {
        let body = with_cx(&Capabilities::default(), |cx| Gemini.encode_response(&response, cx)).value;
        let whole = with_cx(&Capabilities::default(), |cx| Gemini.decode_response(&body, cx)).unwrap();
        let receipt = Gemini.read_receipt(Operation::Chat, &body).unwrap();
        let finish = whole.choices[0].finish.as_ref();
        prop_assert_eq!(receipt.finish, finish.map(|finish| finish.reason));
        prop_assert_eq!(receipt.usage, whole.usage);
        prop_assert_eq!(&body[receipt.model_span.unwrap()], b"\"m\"");
        let streamed = fold(read(&write(&unfold(whole.clone())))).unwrap();
        prop_assert_eq!(gist(streamed), gist(whole));
    }

    #[test]
    fn any_bytes_are_a_lawful_stream(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
        let json = String::from_utf8_lossy(&bytes).replace(['\n', '\r'], " ");
        read(format!("data: {{\"candidates\":[{json}]}}\n\n").as_bytes());
        let _ = Gemini.read_receipt(Operation::Chat, &bytes);
    }
}

#[test]
fn endings_are_the_vendors_own() {
    let finish = |word: &str| {
        let frame = format!("data: {{\"candidates\":[{{\"finishReason\":\"{word}\"}}]}}\n\n");
        fold(read(frame.as_bytes())).unwrap().choices[0]
            .finish
            .clone()
            .unwrap()
    };
    for (word, reason) in [
        ("STOP", FinishReason::Stop),
        ("MAX_TOKENS", FinishReason::Length),
        ("RECITATION", FinishReason::ContentFilter),
        ("MALFORMED_FUNCTION_CALL", FinishReason::Other),
        ("A_NEW_ONE", FinishReason::Other),
    ] {
        assert_eq!(finish(word).reason, reason);
        assert_eq!(finish(word).native.as_deref(), Some(word));
    }
    // The vendor's own word comes back, where it means the same.
    assert_eq!(crate::gemini::finish::word(&finish("SPII")), "SPII");
    assert_eq!(crate::gemini::finish::word(&finish("A_NEW_ONE")), "OTHER");
}

#[test]
fn what_is_no_answer_is_malformed() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"candidates":5}"#,
        r#"{"promptFeedback":{}}"#,
    ] {
        let read = with_cx(&Capabilities::default(), |cx| {
            Gemini.decode_response(body.as_bytes(), cx)
        });
        assert_eq!(read.unwrap_err().kind, Kind::Malformed, "{body}");
    }
    for frame in ["data: {}\n\n", "data: {\"candidates\":[{}]}\n\n", ""] {
        let Some(Event::Failed(failed)) = read(frame.as_bytes()).pop() else {
            panic!("{frame}");
        };
        assert_eq!(failed.kind, Kind::Malformed);
    }
}

#[test]
fn a_count_is_a_count() {
    let read = |body: &str| Gemini.read_receipt(Operation::CountTokens, body.as_bytes());
    assert!(read(r#"{"totalTokens":7}"#).unwrap().usage.is_none());
    assert_eq!(
        read(r#"{"candidates":[]}"#).unwrap_err().kind,
        Kind::Malformed
    );
    assert_eq!(Gemini.encode_token_count(7), br#"{"totalTokens":7}"#);
    let counted =
        r#"{"generateContentRequest":{"model":"models/m","contents":[{"parts":{"text":"Hi"}}]}}"#;
    assert_eq!(
        Gemini
            .decode_counted(&counted.to_owned().into())
            .unwrap()
            .value
            .model,
        "m"
    );
}
