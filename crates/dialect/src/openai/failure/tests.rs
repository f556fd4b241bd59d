//! Failures of real vendors, and what becomes of them.

use std::time::Duration;

use http::HeaderMap;
use weir_model::{Kind, Rejection, Retry, Source};

use super::{decode, under_200};
use crate::openai::rejection;

fn failed(status: u16, body: &str) -> Rejection {
    decode(status, &HeaderMap::new(), body.as_bytes())
}

/// Status, body, and what they mean.
const FAILURES: &[(u16, &str, Kind, u16)] = &[
    (
        400,
        r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
        Kind::ContextLength,
        400,
    ),
    (
        400,
        r#"{"object":"error","message":"You passed 9 input tokens. However, the model's context length is only 8 tokens","type":"BadRequestError","code":400}"#,
        Kind::ContextLength,
        400,
    ),
    (
        500,
        r#"{"error":{"code":500,"message":"the request exceeds the available context size.","type":"exceed_context_size_error"}}"#,
        Kind::ContextLength,
        400,
    ),
    (
        400,
        r#"[{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens allowed (8).","status":"INVALID_ARGUMENT"}}]"#,
        Kind::ContextLength,
        400,
    ),
    (
        400,
        r#"{"error":{"message":"Filtered.","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        Kind::ContentFiltered,
        400,
    ),
    (
        429,
        r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
        Kind::RateLimited,
        429,
    ),
    (
        402,
        r#"{"error":{"message":"Insufficient Balance"}}"#,
        Kind::RateLimited,
        429,
    ),
    (
        413,
        r#"{"error":{"message":"Limit 6000, requested 9000","type":"tokens","code":"rate_limit_exceeded"}}"#,
        Kind::RateLimited,
        413,
    ),
    (400, r#"{"error":"bad thing"}"#, Kind::InvalidRequest, 400),
    (
        422,
        r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#,
        Kind::InvalidRequest,
        422,
    ),
    (
        404,
        r#"{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}"#,
        Kind::NotFound,
        404,
    ),
    (
        401,
        r#"{"error":{"message":"Incorrect API key provided: sk-1","code":"invalid_api_key"}}"#,
        Kind::UpstreamAuth,
        502,
    ),
    (403, "{}", Kind::UpstreamAuth, 502),
    (408, "", Kind::Timeout, 408),
    (409, "", Kind::UpstreamFailed, 409),
    (425, "", Kind::UpstreamFailed, 425),
    (413, "", Kind::TooLarge, 413),
    (429, "slow down", Kind::RateLimited, 429),
    (500, "null", Kind::UpstreamFailed, 500),
    (503, "", Kind::Overloaded, 503),
    (529, "", Kind::Overloaded, 529),
    (302, "", Kind::UpstreamFailed, 502),
];

#[test]
fn words_count_before_the_status() {
    for (status, body, kind, sent) in FAILURES {
        let rejection = failed(*status, body);
        assert_eq!(
            (rejection.kind, rejection.status),
            (*kind, *sent),
            "{status} {body}"
        );
        assert_eq!(rejection.source, Source::Upstream);
    }
}

#[test]
fn what_the_vendor_said_is_kept_but_for_what_is_secret() {
    let body = r#"{"error":{"message":"Bad n.","param":"n","code":"bad_n"}}"#;
    let rejection = failed(400, body);
    assert_eq!(rejection.message, "Bad n.");
    assert_eq!(rejection.param.as_deref(), Some("n"));
    assert_eq!(rejection.code.as_deref(), Some("bad_n"));
    assert_eq!(rejection.retry, Retry::Never);

    let refused = failed(
        401,
        r#"{"error":{"message":"Wrong key sk-1","code":"invalid_api_key"}}"#,
    );
    assert!(!refused.message.contains("sk-1") && refused.code.is_none());
    assert!(refused.private.unwrap().contains("sk-1"));

    let page = failed(502, "<html>nginx at 10.0.0.7</html>");
    assert_eq!(page.message, "The provider answered with status 502.");
    assert!(page.private.unwrap().contains("10.0.0.7"));

    let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "é".repeat(9000));
    assert!(failed(400, &long).message.len() <= 4096);
}

#[test]
fn retry_after_is_read_in_seconds_and_milliseconds() {
    let wait = |pairs: &[(&'static str, &'static str)]| {
        let headers = pairs.iter().map(|(name, value)| {
            let name: http::HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        });
        decode(429, &headers.collect(), b"").retry_after
    };
    assert_eq!(
        wait(&[("retry-after", "20")]),
        Some(Duration::from_secs(20))
    );
    let both = [("retry-after", "1"), ("retry-after-ms", "250")];
    assert_eq!(wait(&both), Some(Duration::from_millis(250)));
    assert_eq!(
        wait(&[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")]),
        None
    );
    assert_eq!(wait(&[("retry-after", "-1")]), None);
}

#[test]
fn an_error_under_200_finds_its_status() {
    let cases = [
        (
            r#"{"code":502,"message":"gone"}"#,
            Kind::UpstreamFailed,
            502,
        ),
        (r#"{"code":"429","message":"slow"}"#, Kind::RateLimited, 429),
        (
            r#"{"type":"server_error","message":"x","code":null}"#,
            Kind::UpstreamFailed,
            502,
        ),
        (
            r#"{"type":"overloaded_error","message":"x"}"#,
            Kind::Overloaded,
            503,
        ),
        (
            r#"{"type":"invalid_request_error","message":"x"}"#,
            Kind::InvalidRequest,
            400,
        ),
        (r#""broken""#, Kind::UpstreamFailed, 502),
        ("true", Kind::UpstreamFailed, 502),
    ];
    for (error, kind, status) in cases {
        let rejection = under_200(serde_json::from_str(error).unwrap());
        assert_eq!(
            (rejection.kind, rejection.status),
            (kind, status),
            "{error}"
        );
    }
}

#[test]
fn errors_are_written_as_openai_does() {
    let shown = |rejection: &Rejection| String::from_utf8(rejection::encode(rejection)).unwrap();
    let long = Rejection::upstream(Kind::ContextLength, "long").with_code("invalid_request_error");
    let told = r#"{"error":{"message":"This model's maximum context length is exceeded: long","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}"#;
    assert_eq!(shown(&long), told);
    let cases = [
        (
            Rejection::invalid("No.").with_param("n"),
            r#"{"error":{"message":"No.","type":"invalid_request_error","param":"n","code":null}}"#,
        ),
        (
            Rejection::new(Kind::Unauthenticated, Source::Client, "No."),
            r#"{"error":{"message":"No.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
        ),
        (
            Rejection::new(Kind::NotFound, Source::Client, "No.").with_param("model"),
            r#"{"error":{"message":"No.","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#,
        ),
        (
            Rejection::upstream(Kind::RateLimited, "No.").with_code("insufficient_quota"),
            r#"{"error":{"message":"No.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
        ),
        (
            Rejection::upstream(Kind::Timeout, "No."),
            r#"{"error":{"message":"No.","type":"server_error","param":null,"code":"timeout"}}"#,
        ),
    ];
    for (rejection, expected) in cases {
        assert_eq!(shown(&rejection), expected);
    }
    let overloaded = Rejection::upstream(Kind::Overloaded, "No.").with_status(529);
    assert_eq!(rejection::status(&overloaded), 503);
    let frames = crate::openai_chat::stream_rejection(&overloaded);
    let frames = String::from_utf8(frames).unwrap();
    assert!(frames.starts_with("data: {\"error\":") && frames.ends_with("\n\ndata: [DONE]\n\n"));
}
