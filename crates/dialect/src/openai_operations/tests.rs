//! Heads, receipts and streams of the operations beside chat.

use weir_model::{Capabilities, Cx, Event, IdMint, Laws, Operation, Quirks, Usage};

use super::*;
use crate::StreamDecoder;

#[test]
fn heads_name_the_model_and_the_stream() {
    let head = read_head(Operation::Moderation, br#"{"input":"x"}"#).unwrap();
    assert_eq!((&*head.model, head.model_span), (MODERATOR, 0..0));
    let body = br#"{"model":"tts-1","input":"gr\u00fc\u00df","stream_format":"sse","n":3}"#;
    let head = read_head(Operation::Speech, body).unwrap();
    assert!(head.stream && characters(&head) == 4 && answers(&head) == 3);
    assert!(!read_head(Operation::ImageGeneration, body).unwrap().stream);
    for wrong in [
        r#"{"prompt":"x"}"#,
        r#"{"model":""}"#,
        r#"{"model":7}"#,
        "",
        "[]",
    ] {
        assert!(
            read_head(Operation::ImageGeneration, wrong.as_bytes()).is_err(),
            "{wrong}"
        );
    }
    assert!(read_head(Operation::Moderation, br#"{"model":7}"#).is_err());
    assert!(form_head(None, None).is_err());
    assert!(form_head(Some("m"), Some("true")).unwrap().stream);
}

#[test]
fn receipts_hold_tokens_or_units() {
    let usage = |operation, body: &str| read_receipt(operation, body.as_bytes()).unwrap().usage;
    let none = Usage::default();
    let image = r#"{"data":[{},{}],"usage":{"input_tokens":9,"output_tokens":4,"input_tokens_details":{"text_tokens":9}}}"#;
    let expected = Usage {
        input_tokens: 9,
        output_tokens: 4,
        images: 2,
        ..none
    };
    assert_eq!(usage(Operation::ImageEdit, image), Some(expected));
    let old = usage(Operation::ImageGeneration, r#"{"created":1,"data":[{}]}"#);
    assert_eq!(old, Some(Usage { images: 1, ..none }));
    let heard = r#"{"text":"x","usage":{"type":"duration","seconds":1.5}}"#;
    let length = usage(Operation::Transcription, heard);
    assert_eq!(
        length,
        Some(Usage {
            audio_ms: 1500,
            ..none
        })
    );
    let verbose = usage(Operation::Translation, r#"{"text":"x","duration":"0.25"}"#);
    assert_eq!(
        verbose,
        Some(Usage {
            audio_ms: 250,
            ..none
        })
    );
    let tokens = r#"{"duration":3,"usage":{"type":"tokens","input_tokens":7,"input_token_details":{"audio_tokens":6}}}"#;
    let expected = Usage {
        input_tokens: 7,
        input_audio_tokens: 6,
        ..none
    };
    assert_eq!(usage(Operation::Transcription, tokens), Some(expected));
    assert_eq!(usage(Operation::Moderation, r#"{"results":[]}"#), None);
    let failed = read_receipt(
        Operation::Speech,
        br#"{"error":{"message":"no","code":429}}"#,
    );
    assert_eq!(failed.unwrap_err().status, 429);
    assert!(read_receipt(Operation::Speech, b"RIFF").is_err());
}

fn events(operation: Operation, answers: u64, frames: &[&str]) -> Vec<Event> {
    let (quirks, capabilities) = (Quirks::default(), Capabilities::default());
    let ids = IdMint::new(1);
    let cx = Cx {
        now_s: 0,
        ids: &ids,
        quirks: &quirks,
        capabilities: &capabilities,
    };
    let mut decoder = Decoder::new(operation, answers);
    let mut out = Vec::new();
    for frame in frames {
        decoder.decode("", frame.as_bytes(), &cx, &mut out);
    }
    decoder.finish(&cx, &mut out);
    let mut laws = Laws::default();
    for event in &out {
        laws.observe(event).unwrap();
    }
    out
}

#[test]
fn streams_end_with_the_last_answer() {
    let partial = r#"{"type":"image_generation.partial_image","b64_json":"eA=="}"#;
    let done =
        r#"{"type":"image_generation.completed","usage":{"input_tokens":2,"output_tokens":5}}"#;
    let made = |events: &[Event]| {
        let images = events.iter().map(|event| match event {
            Event::Usage(usage) => usage.images,
            _ => 0,
        });
        (images.sum::<u64>(), events.last().cloned())
    };
    let one = events(Operation::ImageGeneration, 1, &[partial, done]);
    assert_eq!(made(&one), (1, Some(Event::End)));
    let two = events(Operation::ImageGeneration, 2, &[partial, done, done]);
    assert_eq!(made(&two), (2, Some(Event::End)));
    for broken in [
        vec![partial],
        vec![],
        vec![partial, "{"],
        vec![r#"{"type":"error","error":{"message":"no"}}"#],
    ] {
        let last = events(Operation::ImageGeneration, 1, &broken).pop();
        assert!(matches!(last, Some(Event::Failed(_))), "{broken:?}");
    }
}
