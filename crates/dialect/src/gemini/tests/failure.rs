//! Errors, both ways.

use std::time::Duration;

use http::HeaderMap;
use weir_model::{Kind, Rejection};

use super::*;

#[test]
fn googles_errors_keep_their_meaning() {
    let failed = |status: u16, word: &str, message: &str| {
        let body =
            format!(r#"{{"error":{{"code":{status},"message":"{message}","status":"{word}"}}}}"#);
        Gemini.decode_failure(status, &HeaderMap::new(), body.as_bytes())
    };
    for (status, word, message, kind, told) in [
        (
            400,
            "INVALID_ARGUMENT",
            "Unknown name",
            Kind::InvalidRequest,
            400,
        ),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            Kind::ContextLength,
            400,
        ),
        (
            400,
            "INVALID_ARGUMENT",
            "API key not valid. Please pass a valid API key.",
            Kind::UpstreamAuth,
            502,
        ),
        (
            400,
            "FAILED_PRECONDITION",
            "User location is not supported",
            Kind::UpstreamAuth,
            502,
        ),
        (403, "PERMISSION_DENIED", "No", Kind::UpstreamAuth, 502),
        (
            404,
            "NOT_FOUND",
            "models/x is not found",
            Kind::NotFound,
            404,
        ),
        (429, "RESOURCE_EXHAUSTED", "Quota", Kind::RateLimited, 429),
        (500, "INTERNAL", "Oops", Kind::UpstreamFailed, 500),
        (503, "UNAVAILABLE", "Overloaded", Kind::Overloaded, 503),
        (504, "DEADLINE_EXCEEDED", "Late", Kind::Timeout, 504),
    ] {
        let rejection = failed(status, word, message);
        assert_eq!(
            (rejection.kind, rejection.status),
            (kind, told),
            "{message}"
        );
        let secret = kind == Kind::UpstreamAuth;
        assert_eq!(
            rejection.message == message,
            !secret,
            "{}",
            rejection.message
        );
    }
    let page = Gemini.decode_failure(502, &HeaderMap::new(), b"<html>10.0.0.7</html>");
    assert!(!page.message.contains("10.0.0.7"));
}

#[test]
fn a_wait_is_told_and_kept() {
    let body =
        br#"[{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED","details":[
        {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{}]},
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}]"#;
    let rejection = Gemini.decode_failure(429, &HeaderMap::new(), body);
    assert_eq!(rejection.retry_after, Some(Duration::from_millis(34_500)));
    let told = json(&Gemini.encode_rejection(&rejection, "req_1"));
    assert_eq!(told["error"]["status"], "RESOURCE_EXHAUSTED");
    let again = Gemini.decode_failure(429, &HeaderMap::new(), told.to_string().as_bytes());
    assert_eq!(again.retry_after, rejection.retry_after);
}

#[test]
fn refusals_have_googles_shape() {
    let rejection = Rejection::invalid("No.").with_param("contents");
    let told = json(&Gemini.encode_rejection(&rejection, "req_1"));
    let error = &told["error"];
    assert_eq!(
        (&error["code"], &error["status"]),
        (&400.into(), &"INVALID_ARGUMENT".into())
    );
    let details = error["details"].as_array().unwrap();
    assert_eq!(details[1]["fieldViolations"][0]["field"], "contents");
    assert_eq!(details[2]["requestId"], "req_1");
    assert_eq!(
        Gemini.rejection_status(&rejection.clone().with_status(529)),
        503
    );
    let frame = Gemini.encode_stream_rejection(&rejection, "req_1");
    assert!(frame.starts_with(b"data: {\"error\":") && frame.ends_with(b"\n\n"));
}
