//! What no fixture shows: numbers packed and unpacked, receipts, refusals in the words of each shape.

use proptest::prelude::*;
use weir_model::{Json, Kind, Number, Source, Vector};

use super::*;

fn list(json: &str) -> Vector {
    Vector::List(Json::parse(json).unwrap())
}

proptest! {
    /// Whatever finite floats: packed, listed and packed again they are the same bytes.
    #[test]
    fn floats_survive_both_ways(bits in prop::collection::vec(any::<u32>(), 0..40)) {
        let floats: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|x| x.is_finite()).collect();
        let as_list = list(&serde_json::to_string(&floats).unwrap());
        let once = pack::packed(&as_list, Number::Float).unwrap().into_owned();
        let packed = Vector::Packed(once.clone());
        let listed = pack::list(&packed, Number::Float).unwrap().into_owned();
        let read: Vec<f32> = serde_json::from_str(listed.get()).unwrap();
        prop_assert!(read.iter().zip(&floats).all(|(a, b)| a.to_bits() == b.to_bits()));
        let again = pack::packed(&Vector::List(listed), Number::Float).unwrap().into_owned();
        prop_assert_eq!(once, again);
        prop_assert_eq!(pack::length(&packed, Number::Float), Some(floats.len()));
    }

    #[test]
    fn bytes_survive_both_ways(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        for number in [Number::Int8, Number::Uint8, Number::Binary, Number::Ubinary] {
            let signed: Vec<i16> = bytes.iter().map(|byte| match number {
                Number::Int8 | Number::Binary => i16::from(byte.cast_signed()),
                _ => i16::from(*byte),
            }).collect();
            let as_list = list(&serde_json::to_string(&signed).unwrap());
            let packed = Vector::Packed(pack::packed(&as_list, number).unwrap().into_owned());
            let listed = pack::list(&packed, number).unwrap().into_owned();
            prop_assert_eq!(Vector::List(listed), as_list);
        }
    }

    /// Nothing that a client or a vendor writes makes a reader panic.
    #[test]
    fn readers_survive_anything(body in prop::collection::vec(any::<u8>(), 0..80)) {
        for shape in Shape::ALL {
            let wire = embeddings(shape);
            let _ = wire.decode_request(&Bytes::from(body.clone()));
            let _ = wire.decode_response(&body, &EmbeddingRequest::default());
            if let Some(wire) = rerank(shape) {
                let _ = wire.decode_request(&Bytes::from(body.clone()));
                let _ = wire.decode_response(&body, &RerankRequest::default());
            }
        }
        let _ = read_receipt(&body);
    }
}

#[test]
fn what_is_no_vector_is_malformed() {
    for (vector, number) in [
        (Vector::Packed("AAA=".into()), Number::Float),
        (Vector::Packed("?".into()), Number::Int8),
        // Not a number, in bits.
        (Vector::Packed("AADAfw==".into()), Number::Float),
    ] {
        let refused = pack::list(&vector, number).unwrap_err();
        assert_eq!(
            (refused.kind, refused.source),
            (Kind::Malformed, Source::Upstream)
        );
    }
    for (json, number) in [
        (r#"["a"]"#, Number::Float),
        ("[300]", Number::Uint8),
        ("[0.5]", Number::Int8),
        ("[1e60]", Number::Uint8),
    ] {
        assert!(pack::packed(&list(json), number).is_err(), "{json}");
    }
    assert_eq!(pack::length(&list("[ ]"), Number::Float), Some(0));
}

#[test]
fn receipts_are_read_wherever_they_stand() {
    let used = |body: &str| {
        let usage = read_receipt(body.as_bytes()).unwrap().usage;
        usage.map(|usage| (usage.input_tokens, usage.output_tokens, usage.web_searches))
    };
    for (body, usage) in [
        (
            r#"{"data":[],"usage":{"prompt_tokens":4,"total_tokens":4}}"#,
            Some((4, 0, 0)),
        ),
        (
            r#"{"data":[],"usage":{"prompt_tokens":0,"total_tokens":9}}"#,
            Some((9, 0, 0)),
        ),
        (
            r#"{"data":[],"usage":{"total_tokens":7.0}}"#,
            Some((7, 0, 0)),
        ),
        (r#"{"data":[],"usage":{"total_tokens":0}}"#, None),
        (r#"{"data":[],"usage":null}"#, None),
        (
            r#"{"embedding":{"values":[]},"usageMetadata":{"promptTokenCount":3}}"#,
            Some((3, 0, 0)),
        ),
        (r#"{"embeddings":[]}"#, None),
        (
            r#"{"results":[],"meta":{"billed_units":{"search_units":2}}}"#,
            Some((0, 0, 2)),
        ),
        (
            r#"{"results":[],"meta":{"billed_units":{"search_units":1,"input_tokens":5}}}"#,
            Some((5, 0, 1)),
        ),
        (
            r#"{"results":[],"usage":{"search_units":1,"total_tokens":150}}"#,
            Some((150, 0, 1)),
        ),
    ] {
        assert_eq!(used(body), usage, "{body}");
    }
    let spanned = read_receipt(br#"{"results":[],"model":"m"}"#)
        .unwrap()
        .model_span;
    assert_eq!(spanned, Some(22..25));
    for (body, kind) in [
        (r#"{"message":"no"}"#, Kind::UpstreamFailed),
        (
            r#"{"error":{"message":"no","code":"model_not_found"}}"#,
            Kind::NotFound,
        ),
        ("<html>", Kind::Malformed),
        ("{}", Kind::Malformed),
        ("null", Kind::Malformed),
    ] {
        let refused = read_receipt(body.as_bytes()).unwrap_err();
        assert_eq!(refused.kind, kind, "{body}");
    }
}

#[test]
fn refusals_have_the_words_of_their_shape() {
    let refused = Rejection::invalid("Too many inputs.").with_param("texts");
    for shape in Shape::ALL {
        let body = encode_rejection(shape, &refused, "req_1");
        let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let place = match shape {
            Shape::OpenAi | Shape::Gemini | Shape::GeminiOne => "/error/message",
            Shape::Cohere | Shape::CohereV1 => "/message",
            Shape::Voyage | Shape::Jina => "/detail",
        };
        assert_eq!(told.pointer(place).unwrap(), "Too many inputs.", "{told}");
        assert!(is_error(&body));
        let read = decode_failure(shape, 400, &HeaderMap::new(), &body);
        assert_eq!(read.message, "Too many inputs.", "{shape:?}");
        assert_eq!(rejection_status(shape, &refused), 400);
    }
}

#[test]
fn a_length_that_was_not_asked_for_is_noticed() {
    let answer = |number, vector| EmbeddingResponse {
        sets: vec![(number, vec![vector])],
        ..EmbeddingResponse::default()
    };
    let asked = |dimensions| EmbeddingRequest {
        dimensions,
        ..EmbeddingRequest::default()
    };
    let three = answer(Number::Float, list("[1,2,3]"));
    assert_eq!(other_length(&three, &asked(Some(2))), Some((2, 3)));
    assert_eq!(other_length(&three, &asked(Some(3))), None);
    assert_eq!(other_length(&three, &asked(None)), None);
    let bits = answer(Number::Ubinary, list("[255,0]"));
    assert_eq!(other_length(&bits, &asked(Some(16))), None);
}
