//! Errors, both ways.

use std::time::Duration;

use http::HeaderMap;
use weir_model::{Kind, Rejection};

use super::*;

fn failed(status: u16, body: &str) -> Rejection {
    CohereChat.decode_failure(status, &HeaderMap::new(), body.as_bytes())
}

#[test]
fn coheres_errors_keep_their_meaning() {
    for (status, message, kind, told) in [
        (
            400,
            "invalid request: k is wrong",
            Kind::InvalidRequest,
            400,
        ),
        (
            400,
            "too many tokens: size limit exceeded by 8 tokens.",
            Kind::ContextLength,
            400,
        ),
        (401, "invalid api token", Kind::UpstreamAuth, 502),
        (
            402,
            "Please add your payment method",
            Kind::UpstreamAuth,
            502,
        ),
        (403, "forbidden", Kind::UpstreamAuth, 502),
        (404, "model 'x' not found", Kind::NotFound, 404),
        (422, "unknown field", Kind::InvalidRequest, 422),
        (
            429,
            "trial token rate limit exceeded",
            Kind::RateLimited,
            429,
        ),
        (498, "a blocked token", Kind::ContentFiltered, 498),
        (499, "request cancelled", Kind::UpstreamFailed, 502),
        (500, "internal server error", Kind::UpstreamFailed, 500),
        (501, "not implemented", Kind::InvalidRequest, 501),
        (503, "overloaded", Kind::Overloaded, 503),
        (504, "late", Kind::Timeout, 504),
    ] {
        let rejection = failed(status, &format!(r#"{{"id":"a","message":"{message}"}}"#));
        assert_eq!(
            (rejection.kind, rejection.status),
            (kind, told),
            "{message}"
        );
        assert_eq!(rejection.message == message, kind != Kind::UpstreamAuth);
    }
    let page = failed(502, "<html>10.0.0.7</html>");
    assert!(!page.message.contains("10.0.0.7"));
    assert!(
        page.private
            .is_some_and(|private| private.contains("10.0.0.7"))
    );
}

#[test]
fn a_wait_is_kept() {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", "34".parse().unwrap());
    let rejection = CohereChat.decode_failure(429, &headers, br#"{"message":"wait"}"#);
    assert_eq!(rejection.retry_after, Some(Duration::from_secs(34)));
}

#[test]
fn refusals_have_coheres_shape() {
    let rejection = Rejection::invalid("No.").with_param("messages");
    let told = json(&CohereChat.encode_rejection(&rejection, "req_1"));
    assert_eq!(told, serde_json::json!({"id": "req_1", "message": "No."}));
    let overloaded = rejection.clone().with_status(529);
    assert_eq!(CohereChat.rejection_status(&overloaded), 503);
    let long = Rejection::upstream(Kind::ContextLength, "prompt is too long");
    let told = json(&CohereChat.encode_rejection(&long, ""));
    assert_eq!(
        told,
        serde_json::json!({"message": "too many tokens: prompt is too long"})
    );
    let frames = CohereChat.encode_stream_rejection(&rejection, "req_1");
    let expected = "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"error\":\"No.\",\
                    \"finish_reason\":\"ERROR\"}}\n\ndata: [DONE]\n\n";
    assert_eq!(String::from_utf8_lossy(&frames), expected);
}
