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
    let events = with_cx(|cx| {
        let mut decoder = CohereChat.stream_decoder();
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
    with_cx(|cx| {
        let mut encoder = CohereChat.stream_encoder(&Request::default(), "m");
        let mut out = Vec::new();
        for event in events {
            encoder.encode(event, cx, &mut out);
        }
        out
    })
}

/// What must be the same however an answer travels, whatever blocks its text is cut into.
fn gist(response: &Response) -> (String, String, Vec<String>, Option<FinishReason>) {
    let (mut text, mut thought, mut rest) = (String::new(), String::new(), Vec::new());
    for block in &response.choices[0].blocks {
        match &block.content {
            weir_model::Content::Text {
                text: more,
                citations,
            } => {
                text += more;
                rest.extend(citations.iter().map(|citation| citation.get().to_owned()));
            }
            weir_model::Content::Reasoning { text: more, .. } => thought += more,
            weir_model::Content::Opaque { .. } => {}
            other => rest.push(format!("{other:?}")),
        }
    }
    rest.sort();
    let finish = response.choices[0]
        .finish
        .as_ref()
        .map(|finish| finish.reason);
    (text, thought, rest, finish)
}

proptest! {
    #[test]
    fn a_stream_says_what_the_whole_answer_says(response in arbitrary::response()) {
        let body = with_cx(|cx| CohereChat.encode_response(&response, cx)).value;
        let whole = with_cx(|cx| CohereChat.decode_response(&body, cx)).unwrap();
        let receipt = CohereChat.read_receipt(Operation::Chat, &body).unwrap();
        let finish = whole.choices[0].finish.as_ref();
        prop_assert_eq!(receipt.finish, finish.map(|finish| finish.reason));
        prop_assert_eq!(receipt.usage, whole.usage);
        prop_assert_eq!(whole.usage, response.usage);
        let streamed = fold(read(&write(&unfold(response)))).unwrap();
        prop_assert_eq!(gist(&streamed), gist(&whole));
        prop_assert_eq!(streamed.usage, whole.usage);
    }

    #[test]
    fn any_bytes_are_a_lawful_stream(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
        let json = String::from_utf8_lossy(&bytes).replace(['\n', '\r'], " ");
        read(format!("data: {{\"type\":\"content-delta\",\"delta\":{json}}}\n\n").as_bytes());
        let _ = CohereChat.read_receipt(Operation::Chat, &bytes);
    }

    /// Events in an order that no vendor would send are told lawfully.
    #[test]
    fn any_order_of_events_is_a_lawful_stream(order in proptest::collection::vec(0_usize..9, 0..30)) {
        const EVENTS: [&str; 9] = [
            r#"{"type":"message-start","id":"a"}"#,
            r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"a"}}}}"#,
            r#"{"type":"content-delta","index":1,"delta":{"message":{"content":{"thinking":"b"}}}}"#,
            r#"{"type":"content-end","index":0}"#,
            r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"c"}}}"#,
            r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"x","function":{"name":"f","arguments":"{}"}}}}}"#,
            r#"{"type":"tool-call-end","index":0}"#,
            r#"{"type":"citation-start","index":0,"delta":{"message":{"citations":{"sources":[]}}}}"#,
        ];
        let mut sse: String = order.iter().map(|at| format!("data: {}\n\n", EVENTS[*at])).collect();
        sse += "data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}\n\ndata: [DONE]\n\n";
        let events = read(sse.as_bytes());
        prop_assert_eq!(events.last(), Some(&Event::End));
        read(&write(&events));
    }
}

#[test]
fn endings_are_the_vendors_own() {
    let ending = |word: &str| {
        let end = format!(r#"{{"type":"message-end","delta":{{"finish_reason":"{word}"}}}}"#);
        fold(read(format!("data: {end}\n\ndata: [DONE]\n\n").as_bytes()))
    };
    for (word, reason) in [
        ("COMPLETE", FinishReason::Stop),
        ("STOP_SEQUENCE", FinishReason::Stop),
        ("MAX_TOKENS", FinishReason::Length),
        ("TOOL_CALL", FinishReason::ToolCalls),
        ("ERROR_TOXIC", FinishReason::ContentFilter),
        ("A_NEW_ONE", FinishReason::Other),
    ] {
        let finish = ending(word).unwrap().choices[0].finish.clone().unwrap();
        assert_eq!(
            (finish.reason, finish.native.as_deref()),
            (reason, Some(word))
        );
        let told = crate::cohere_chat::finish::word(&finish).0;
        assert_eq!(
            told,
            if word == "A_NEW_ONE" {
                "COMPLETE"
            } else {
                word
            }
        );
    }
    assert_eq!(ending("ERROR").unwrap_err().kind, Kind::UpstreamFailed);
    assert_eq!(ending("TIMEOUT").unwrap_err().kind, Kind::Timeout);
}

#[test]
fn what_is_no_answer_is_malformed() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"message":5}"#,
        r#"{"message":{"content":[5]}}"#,
    ] {
        let read = with_cx(|cx| CohereChat.decode_response(body.as_bytes(), cx));
        assert_eq!(read.unwrap_err().kind, Kind::Malformed, "{body}");
    }
    let failure = br#"{"id":"a","message":"internal server error"}"#;
    for refused in [
        with_cx(|cx| CohereChat.decode_response(failure, cx)).unwrap_err(),
        CohereChat
            .read_receipt(Operation::Chat, failure)
            .unwrap_err(),
    ] {
        assert_eq!(
            (refused.kind, &*refused.message),
            (Kind::UpstreamFailed, "internal server error")
        );
    }
    let broken = br#"{"message":{"role":"assistant"},"finish_reason":"ERROR"}"#;
    let refused = CohereChat
        .read_receipt(Operation::Chat, broken)
        .unwrap_err();
    assert_eq!(refused.kind, Kind::UpstreamFailed);
}

#[test]
fn the_bill_counts() {
    let usage = |usage: &str| {
        let body = format!(r#"{{"message":{{}},"usage":{usage}}}"#);
        CohereChat
            .read_receipt(Operation::Chat, body.as_bytes())
            .unwrap()
            .usage
    };
    let tokens = r#""tokens":{"input_tokens":700,"output_tokens":60}"#;
    let both = usage(&format!(
        r#"{{"billed_units":{{"input_tokens":5.0,"output_tokens":4}},{tokens},"cached_tokens":512}}"#
    ));
    let both = both.unwrap();
    assert_eq!(
        (
            both.input_tokens,
            both.output_tokens,
            both.cache_read_tokens
        ),
        (5, 4, 5)
    );
    let all = usage(&format!("{{{tokens}}}")).unwrap();
    assert_eq!((all.input_tokens, all.output_tokens), (700, 60));
    assert_eq!(usage("null"), None);
}

#[test]
fn one_part_holds_all_of_the_text() {
    let text = |text: &str, citation: &str| weir_model::Content::Text {
        text: text.to_owned(),
        citations: vec![weir_model::Json::parse(citation).unwrap()],
    };
    let located = r#"{"type":"char_location","cited_text":"q","document_title":"T"}"#;
    let linked = r#"{"type":"url_citation","start_index":1,"end_index":3,"url":"u","title":"t"}"#;
    let blocks = [text("Ünd ", located), text("so on", linked)];
    let response = Response {
        choices: vec![weir_model::Choice {
            blocks: blocks.into_iter().map(weir_model::Block::from).collect(),
            ..Default::default()
        }],
        ..Response::default()
    };
    let whole = with_cx(|cx| CohereChat.encode_response(&response, cx));
    assert_eq!(lost(&whole.losses), Vec::<String>::new());
    let whole = json(&whole.value);
    let message = &whole["message"];
    assert_eq!(
        message["content"],
        serde_json::json!([{"type": "text", "text": "Ünd so on"}])
    );
    let cited = &message["citations"];
    assert_eq!(
        (&cited[0]["start"], &cited[0]["end"]),
        (&0.into(), &4.into())
    );
    assert_eq!(cited[0]["sources"][0]["document"]["title"], "T");
    assert_eq!(
        (&cited[1]["start"], &cited[1]["text"]),
        (&5.into(), &"o ".into())
    );
    let sse = String::from_utf8(write(&unfold(response))).unwrap();
    assert_eq!(sse.matches("event: content-start").count(), 1);
    for citation in cited.as_array().unwrap() {
        let told = format!("\"citations\":{citation}");
        let told: Value = serde_json::from_str(&format!("{{{told}}}")).unwrap();
        let same = sse.lines().filter_map(|line| line.strip_prefix("data: {"));
        let same = same.filter_map(|line| serde_json::from_str::<Value>(&format!("{{{line}")).ok());
        assert!(
            same.into_iter()
                .any(|event| event["delta"]["message"] == told),
            "{told}"
        );
    }
}
