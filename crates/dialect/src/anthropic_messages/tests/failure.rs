//! Errors, both ways.

use std::time::Duration;

use http::HeaderMap;
use proptest::prelude::*;
use weir_model::{Kind, Rejection, Retry};

use super::*;

fn failed(status: u16, kind: &str, message: &str) -> Rejection {
    let body = serde_json::json!({
        "type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"
    });
    AnthropicMessages.decode_failure(status, &HeaderMap::new(), body.to_string().as_bytes())
}

#[test]
fn each_kind_of_error_is_told_apart() {
    let long = "prompt is too long: 205000 tokens > 200000 maximum";
    let poor = "Your credit balance is too low to access the Anthropic API.";
    for (status, word, message, kind, shown) in [
        (
            400,
            "invalid_request_error",
            "max_tokens: Field required",
            Kind::InvalidRequest,
            400,
        ),
        (400, "invalid_request_error", long, Kind::ContextLength, 400),
        (400, "invalid_request_error", poor, Kind::UpstreamAuth, 502),
        (
            400,
            "invalid_request_error",
            "Output blocked by content filtering policy",
            Kind::ContentFiltered,
            400,
        ),
        (
            401,
            "authentication_error",
            "invalid x-api-key",
            Kind::UpstreamAuth,
            502,
        ),
        (402, "billing_error", "pay", Kind::UpstreamAuth, 502),
        (403, "permission_error", "no", Kind::UpstreamAuth, 502),
        (
            404,
            "not_found_error",
            "model: claude-9",
            Kind::NotFound,
            404,
        ),
        (413, "request_too_large", "too large", Kind::TooLarge, 413),
        (429, "rate_limit_error", "slow down", Kind::RateLimited, 429),
        (500, "api_error", "oops", Kind::UpstreamFailed, 500),
        (504, "timeout_error", "late", Kind::Timeout, 504),
        (529, "overloaded_error", "Overloaded", Kind::Overloaded, 529),
        (503, "surprise_error", "hm", Kind::UpstreamFailed, 503),
    ] {
        let rejection = failed(status, word, message);
        assert_eq!(
            (rejection.kind, rejection.status),
            (kind, shown),
            "{word}: {message}"
        );
        let quoted = rejection.message.contains(message);
        assert_eq!(
            quoted,
            kind != Kind::UpstreamAuth,
            "{word}: {}",
            rejection.message
        );
        assert!(rejection.private.unwrap().contains(message));
    }
    let field = failed(
        400,
        "invalid_request_error",
        "messages.0.content: Field required",
    );
    assert_eq!(field.param.as_deref(), Some("messages.0.content"));
    assert_eq!(field.code.as_deref(), Some("invalid_request_error"));
    assert_eq!(field.retry, Retry::Never);
    assert_eq!(
        failed(404, "not_found_error", "model: x").retry,
        Retry::Elsewhere
    );
}

#[test]
fn other_bodies_are_never_quoted() {
    let page = "<html>secret-host.internal says 502</html>";
    for body in [
        page,
        "",
        "null",
        "[]",
        r#"{"error":"secret-host"}"#,
        r#"{"detail":"secret-host"}"#,
    ] {
        let rejection = AnthropicMessages.decode_failure(502, &HeaderMap::new(), body.as_bytes());
        assert_eq!(
            (rejection.kind, rejection.status),
            (Kind::UpstreamFailed, 502)
        );
        assert_eq!(rejection.message, "The upstream answered with status 502.");
    }
}

#[test]
fn waiting_times_are_kept() {
    let wait = |name: &'static str, value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        AnthropicMessages
            .decode_failure(429, &headers, b"")
            .retry_after
    };
    assert_eq!(wait("retry-after", "7"), Some(Duration::from_secs(7)));
    assert_eq!(
        wait("retry-after-ms", "250"),
        Some(Duration::from_millis(250))
    );
    for odd in [
        "-1",
        "soon",
        "inf",
        "NaN",
        "1e300",
        "Wed, 21 Oct 2026 07:28:00 GMT",
    ] {
        assert_eq!(wait("retry-after", odd), None, "{odd}");
    }
}

#[test]
fn clients_see_the_vendors_error_types() {
    for (kind, status, word) in [
        (Kind::InvalidRequest, 400, "invalid_request_error"),
        (Kind::Unauthenticated, 401, "authentication_error"),
        (Kind::PermissionDenied, 403, "permission_error"),
        (Kind::NotFound, 404, "not_found_error"),
        (Kind::TooLarge, 413, "request_too_large"),
        (Kind::RateLimited, 429, "rate_limit_error"),
        (Kind::Internal, 500, "api_error"),
        (Kind::UpstreamAuth, 502, "api_error"),
        (Kind::Timeout, 504, "timeout_error"),
        (Kind::Overloaded, 529, "overloaded_error"),
    ] {
        let rejection = Rejection::upstream(kind, "why");
        assert_eq!(AnthropicMessages.rejection_status(&rejection), status);
        let body = AnthropicMessages.encode_rejection(&rejection, "req_7");
        let expected = format!(
            r#"{{"type":"error","error":{{"type":"{word}","message":"why"}},"request_id":"req_7"}}"#
        );
        assert_eq!(String::from_utf8(body).unwrap(), expected);
        let frame = AnthropicMessages.encode_stream_rejection(&rejection, "req_7");
        assert_eq!(
            String::from_utf8(frame).unwrap(),
            format!("event: error\ndata: {expected}\n\n")
        );
    }
}

#[test]
fn a_conversation_that_is_too_long_is_told_in_the_vendors_words() {
    for (said, told) in [
        (
            "This model's maximum context length is 8192 tokens.",
            "prompt is too long: This model's maximum context length is 8192 tokens.",
        ),
        (
            "prompt is too long: 9 tokens > 8 maximum",
            "prompt is too long: 9 tokens > 8 maximum",
        ),
    ] {
        let rejection = Rejection::upstream(Kind::ContextLength, said);
        let body = AnthropicMessages.encode_rejection(&rejection, "");
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["message"], told);
    }
}

proptest! {
    #[test]
    fn no_failure_panics(status in 300..600_u16, body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let rejection = AnthropicMessages.decode_failure(status, &HeaderMap::new(), &body);
        prop_assert!(rejection.status >= 400);
    }

    #[test]
    fn long_messages_are_cut_between_characters(pad in 0..4_usize) {
        let message = "x".repeat(pad) + &"🌊".repeat(2000);
        let rejection = failed(400, "invalid_request_error", &message);
        prop_assert!(rejection.message.len() <= 2048);
    }
}
