//! Every rule with a request that breaks it and its neighbour that does not.
//!
//! `cases/*.jsonl` holds one rule a line: top-level fields of a good request are replaced by those of
//! `refuse`, then by those of `accept`; `because` is part of the vendor's message. `"(absent)"` takes a
//! field away.

use http::{HeaderName, HeaderValue};
use serde_json::json;

use super::*;

fn patched(base: &Value, patch: &Value) -> Value {
    let mut body = base.clone();
    for (key, value) in patch.as_object().unwrap() {
        body[key] = value.clone();
        if value == "(absent)" {
            body.as_object_mut().unwrap().remove(key);
        }
    }
    body
}

fn check_cases(wire: Wire, base: &Value, headers: &HeaderMap, cases: &str) {
    let route = Route::Turn(wire);
    let post = |patch: &Value| {
        check_post(&route, headers, patched(base, patch).to_string().as_bytes()).map(drop)
    };
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let refusal = post(&case["refuse"]).expect_err(line);
        assert!(
            refusal.message.contains(case["because"].as_str().unwrap()),
            "{}\n{line}",
            refusal.message
        );
        assert_eq!(
            (refusal.status, refusal.kind),
            (400, "invalid_request_error"),
            "{line}"
        );
        assert_eq!(post(&case["accept"]), Ok(()), "{line}");
    }
}

fn chat_base() -> Value {
    json!({"model": "echo", "messages": [{"role": "user", "content": "hi"}]})
}

fn messages_base() -> Value {
    json!({"model": "echo", "max_tokens": 4096, "messages": [{"role": "user", "content": "hi"}]})
}

#[test]
fn responses_rules() {
    let base = json!({"model": "echo", "input": "hi"});
    let cases = include_str!("cases/responses.jsonl");
    check_cases(Wire::Responses, &base, &HeaderMap::new(), cases);
}

#[test]
fn openai_rules() {
    let none = HeaderMap::new();
    for cases in [
        include_str!("cases/chat_fields.jsonl"),
        include_str!("cases/chat_messages.jsonl"),
        include_str!("cases/chat_schemas.jsonl"),
    ] {
        check_cases(Wire::Chat, &chat_base(), &none, cases);
    }
    let base = json!({"model": "echo", "prompt": "hi"});
    check_cases(
        Wire::Completions,
        &base,
        &none,
        include_str!("cases/completions.jsonl"),
    );
}

#[test]
fn anthropic_rules() {
    let none = HeaderMap::new();
    for cases in [
        include_str!("cases/messages_fields.jsonl"),
        include_str!("cases/messages_blocks.jsonl"),
        include_str!("cases/messages_tools.jsonl"),
    ] {
        check_cases(Wire::Messages, &messages_base(), &none, cases);
    }
    let beta = HeaderMap::from_iter([(
        HeaderName::from_static("anthropic-beta"),
        HeaderValue::from_static("structured-outputs-2025-11-13"),
    )]);
    let cases = include_str!("cases/messages_beta.jsonl");
    check_cases(Wire::Messages, &messages_base(), &beta, cases);
}

#[test]
fn embeddings() {
    let embed = |body: Value| {
        check_post(
            &Route::Embeddings,
            &HeaderMap::new(),
            body.to_string().as_bytes(),
        )
    };
    for (refused, accepted) in [
        (
            json!({"model": "embed", "input": ""}),
            json!({"model": "embed", "input": "a"}),
        ),
        (
            json!({"model": "embed", "input": []}),
            json!({"model": "embed", "input": [[1], [2]]}),
        ),
        (
            json!({"model": "embed", "input": "a", "encoding_format": "hex"}),
            json!({"model": "embed", "input": "a", "encoding_format": "base64"}),
        ),
        (
            json!({"model": "embed", "input": "a", "dimensions": 0}),
            json!({"model": "text-embedding-3-small", "input": "a", "dimensions": 8}),
        ),
    ] {
        assert_eq!(embed(refused.clone()).unwrap_err().status, 400, "{refused}");
        assert!(embed(accepted.clone()).is_ok(), "{accepted}");
    }
}

/// Each case: header lines, the status, part of the message.
fn check_heads(route: &Route, cases: &[(&str, u16, &str)]) {
    for (lines, status, message) in cases {
        let pairs = lines.lines().map(|line| line.split_once(": ").unwrap());
        let headers = pairs
            .map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()))
            .collect();
        let (got, text) = match check_head(route, &Method::POST, "/v1/x", &headers) {
            Ok(()) => (200, String::new()),
            Err(refusal) => (refusal.status, refusal.message),
        };
        assert!(
            got == *status && text.contains(message),
            "{lines:?}: {got} {text}"
        );
    }
}

#[test]
fn openai_heads() {
    let json = "content-type: application/json";
    let chat = Route::Turn(Wire::Chat);
    let unsupported = "Unsupported content type: 'text/plain'";
    check_heads(
        &chat,
        &[
            (&format!("authorization: Bearer sk-x\n{json}"), 200, ""),
            (
                &format!("authorization: Bearer sk-x\n{json}; charset=utf-8"),
                200,
                "",
            ),
            (json, 401, "You didn't provide an API key"),
            (
                &format!("authorization: Bearer sk-bad\n{json}"),
                401,
                "Incorrect API key provided: sk-bad",
            ),
            (
                &format!("authorization: Bearer weir-1\n{json}"),
                401,
                "Incorrect API key",
            ),
            (
                "authorization: Bearer sk-x\ncontent-type: text/plain",
                400,
                unsupported,
            ),
            (
                "authorization: Bearer sk-x",
                400,
                "Unsupported content type",
            ),
        ],
    );
    check_heads(&Route::Unknown, &[("", 404, "Invalid URL (POST /v1/x)")]);
    check_heads(
        &Route::WrongMethod,
        &[("", 405, "Not allowed to POST on /v1/x")],
    );
    check_heads(
        &Route::Models(None),
        &[("authorization: Bearer sk-x", 200, "")],
    );
}

#[test]
fn anthropic_heads() {
    let rest = "content-type: application/json\nanthropic-version: 2023-06-01";
    let json = "content-type: application/json";
    check_heads(
        &Route::Turn(Wire::Messages),
        &[
            (&format!("x-api-key: k\n{rest}"), 200, ""),
            (rest, 401, "x-api-key header is required"),
            (
                &format!("x-api-key: sk-bad\n{rest}"),
                401,
                "invalid x-api-key",
            ),
            (
                &format!("x-api-key: k\n{json}"),
                400,
                "anthropic-version: header is required",
            ),
            (
                &format!("x-api-key: k\n{json}\nanthropic-version: 2023-06-01, 2023-06-01"),
                400,
                "\"2023-06-01, 2023-06-01\" is not a valid version",
            ),
            (
                "x-api-key: k\nanthropic-version: 2023-06-01",
                400,
                "content-type",
            ),
        ],
    );
    check_heads(&Route::Unknown, &[("x-api-key: k", 404, "Not Found")]);
}

#[test]
fn bodies_and_models() {
    let post = |route: &Route, body: &str| check_post(route, &HeaderMap::new(), body.as_bytes());
    let chat = Route::Turn(Wire::Chat);
    let messages = Route::Turn(Wire::Messages);
    let deep = format!("{}1{}", "[".repeat(4000), "]".repeat(4000));
    for text in ["", "{", "null", "[]", "\u{0}", deep.as_str()] {
        assert!(
            post(&chat, text)
                .unwrap_err()
                .message
                .contains("could not parse the JSON body")
        );
        assert_eq!(post(&messages, text).unwrap_err().status, 400);
    }
    let unknown = patched(&chat_base(), &json!({"model": "nope"})).to_string();
    let refusal = post(&chat, &unknown).unwrap_err();
    assert_eq!(
        (refusal.status, refusal.code),
        (404, Some("model_not_found"))
    );
    let unknown = patched(&messages_base(), &json!({"model": "nope"})).to_string();
    let refusal = post(&messages, &unknown).unwrap_err();
    assert_eq!(
        (refusal.status, refusal.kind, refusal.message.as_str()),
        (404, "not_found_error", "model: nope")
    );
    let embed = patched(&chat_base(), &json!({"model": "embed"})).to_string();
    assert_eq!(post(&chat, &embed).unwrap_err().status, 404);
    let count = json!({"model": "claude-x", "messages": [{"role": "user", "content": "x"}]});
    assert!(post(&Route::CountTokens, &count.to_string()).is_ok());
    let count = patched(&count, &json!({"max_tokens": 5})).to_string();
    assert!(
        post(&Route::CountTokens, &count)
            .unwrap_err()
            .message
            .contains("max_tokens: Extra inputs")
    );
}
