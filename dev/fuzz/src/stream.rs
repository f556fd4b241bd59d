//! Streamed answers: whatever an upstream sends, each client sees a lawful stream with one ending.

use serde::de::IgnoredAny;
use weir_dialect::json::scan::string;
use weir_dialect::sse::Frame;
use weir_dialect::{client, upstream};
use weir_model::{Dialect, Event, Laws, Request, fold};

use crate::response::words;
use crate::setting::{Choices, Setting};
use crate::sse::{chunks, cut};

/// Holds decoder and encoders to it.
pub fn check(dialect: Dialect, input: &[u8]) {
    let frames = cut(&[input]);
    spans(dialect, &frames);
    let events = decode(dialect, &frames);
    assert_eq!(decode(dialect, &cut(&chunks(input))), events, "in chunks");
    lawful(&events);
    for target in Dialect::ALL {
        translated(target, &events, input);
    }
}

/// Where a model's name stands, there is a string.
fn spans(dialect: Dialect, frames: &[Frame]) {
    let decoder = upstream(dialect).stream_decoder();
    for data in frames.iter().filter_map(Frame::data) {
        if let Some(span) = decoder.model_span(data) {
            let raw = &data[span];
            assert!(raw.starts_with(b"\"") && raw.ends_with(b"\""));
        }
    }
}

/// The events of a stream, its frames read as the relay reads them.
fn decode(dialect: Dialect, frames: &[Frame]) -> Vec<Event> {
    let (mut decoder, mut events) = (upstream(dialect).stream_decoder(), Vec::new());
    let setting = Setting::of(&[]);
    for frame in frames {
        if let Some(data) = frame.data() {
            decoder.decode(&frame.event(), data, &setting.cx(), &mut events);
        }
    }
    decoder.finish(&setting.cx(), &mut events);
    events
}

fn lawful(events: &[Event]) {
    let mut laws = Laws::default();
    for event in events {
        if let Err(broken) = laws.observe(event) {
            panic!("{broken}: {event:?}");
        }
    }
    assert!(
        matches!(events.last(), Some(Event::End | Event::Failed(_))),
        "no end: {events:?}"
    );
}

/// What a client sees is what its own dialect calls a stream, and ends as the upstream's did.
fn translated(target: Dialect, events: &[Event], input: &[u8]) {
    let setting = Setting::of(input);
    let stream_usage = Choices::of(input).flip();
    let request = Request {
        stream: true,
        stream_usage,
        ..Request::default()
    };
    let mut encoder = client(target).stream_encoder(&request, "alias");
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &setting.cx(), &mut out);
    }
    let failed = matches!(events.last(), Some(Event::Failed(_)));
    terminal(target, &out, failed);
    let again = decode(target, &cut(&[&out]));
    lawful(&again);
    assert_eq!(matches!(again.last(), Some(Event::Failed(_))), failed);
    if let Ok(response) = fold(events.iter().cloned()) {
        let again = fold(again).expect("an answer");
        let one = matches!(target, Dialect::AnthropicMessages | Dialect::CohereChat);
        if !one || response.choices.len() == 1 {
            assert_eq!(words(target, &response), words(target, &again));
        }
        let whole = client(target)
            .encode_response(&response, &setting.cx())
            .value;
        upstream(target)
            .decode_response(&whole, &setting.cx())
            .expect("an answer");
    }
}

/// Whole frames of one line of JSON each, and exactly one ending, which comes last.
pub(crate) fn terminal(target: Dialect, out: &[u8], failed: bool) {
    let frames = cut(&[out]);
    let mut endings = 0;
    let mut errors = 0;
    for (at, frame) in frames.iter().enumerate() {
        assert!(
            frame.raw.ends_with(b"\n\n") && frame.data_span().is_some(),
            "{frame:?}"
        );
        let data = frame.data().unwrap_or_default();
        let (ending, error) = match target {
            Dialect::OpenAiChat => (data == b"[DONE]", data.starts_with(b"{\"error\":")),
            Dialect::OpenAiResponses => {
                let event = frame.event();
                let ending = ["response.completed", "response.incomplete", "error"];
                (ending.contains(&&*event), event == "error")
            }
            Dialect::AnthropicMessages => {
                let event = frame.event();
                (
                    event == "message_stop" || event == "error",
                    event == "error",
                )
            }
            Dialect::CohereChat => {
                let failed = b"\"finish_reason\":\"ERROR\"";
                let error = frame.event() == "message-end"
                    && data.windows(failed.len()).any(|text| text == failed);
                (data == b"[DONE]", error)
            }
            Dialect::Gemini => {
                let error = data.starts_with(b"{\"error\":");
                let reason = b"\"finishReason\":\"";
                let ends = data.windows(reason.len()).any(|text| text == reason);
                (error || ends, error)
            }
        };
        endings += usize::from(ending);
        errors += usize::from(error);
        assert!(
            !ending || at + 1 == frames.len(),
            "something follows the end"
        );
        assert!(data == b"[DONE]" || serde_json::from_slice::<IgnoredAny>(data).is_ok());
        let span = upstream(target).stream_decoder().model_span(data);
        assert!(span.is_none_or(|span| string(&data[span]).as_deref() == Some("alias")));
    }
    assert_eq!((endings, errors), (1, usize::from(failed)));
}
