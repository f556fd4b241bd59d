//! What upstreams say when they refuse or fail, whole or before a stream's first word: told in the
//! client's dialect with the vendor's status and meaning, and settled at no cost.

use weir_model::{Money, Priced, Usage};

use crate::support::{Gateway, Reaction, Scripted, Speaks, mimic, providers};

/// A failing model of the mimic, and what becomes of it.
struct Case {
    model: &'static str,
    /// For a client of OpenAI's and of Anthropic's dialect.
    status: [u16; 2],
    /// Anthropic's `type`; OpenAI's is judged by its class.
    kind: &'static str,
    /// In the ledger.
    error_kind: &'static str,
}

const fn case(model: &'static str, status: u16, kind: &'static str, error: &'static str) -> Case {
    Case {
        model,
        status: [status; 2],
        kind,
        error_kind: error,
    }
}

const CASES: &[Case] = &[
    case(
        "fail+status=400",
        400,
        "invalid_request_error",
        "invalid_request",
    ),
    case("fail+status=404", 404, "not_found_error", "not_found"),
    case("fail+status=413", 413, "request_too_large", "too_large"),
    case(
        "fail+status=422",
        422,
        "invalid_request_error",
        "invalid_request",
    ),
    case(
        "fail+status=429+retry_after=7",
        429,
        "rate_limit_error",
        "rate_limited",
    ),
    case("fail+status=500", 500, "api_error", "upstream_failed"),
    case("fail+status=504", 504, "timeout_error", "timeout"),
    // The gateway's own credential was refused: never to be taken for the caller's.
    case("fail+status=401", 502, "api_error", "upstream_auth"),
    case("fail+status=403", 502, "api_error", "upstream_auth"),
    // Not the vendor's shape.
    case(
        "fail+status=500+body=html",
        500,
        "api_error",
        "upstream_failed",
    ),
    case(
        "fail+status=502+body=html",
        502,
        "api_error",
        "upstream_failed",
    ),
    case(
        "fail+status=500+body=null",
        500,
        "api_error",
        "upstream_failed",
    ),
    case(
        "fail+status=500+body=malformed",
        500,
        "api_error",
        "upstream_failed",
    ),
    case(
        "fail+status=500+body=empty",
        500,
        "api_error",
        "upstream_failed",
    ),
    case("fail+status=500+gzip", 500, "api_error", "upstream_failed"),
    case(
        "fail+status=401+body=html",
        502,
        "api_error",
        "upstream_auth",
    ),
    // No answer under a 200.
    case("echo+body=html", 502, "api_error", "malformed"),
    case("echo+body=null", 502, "api_error", "malformed"),
    case("echo+body=malformed", 502, "api_error", "malformed"),
    case("echo+body=empty", 502, "api_error", "malformed"),
    case("reset+at=0", 502, "api_error", "malformed"),
    case("drop", 502, "api_error", "unreachable"),
];

/// A price that would show if anything were charged.
const PRICED: &str = ", models: { \"fail+status=500\": { price: { input_usd_per_mtok: 1, \
                      output_usd_per_mtok: 1, request_usd: 0.5 } } }";

#[tokio::test]
async fn failures_keep_their_meaning_in_every_lane() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), PRICED)).await;
    for case in CASES {
        for (at, client) in Speaks::BOTH.into_iter().enumerate() {
            for (vendor, stream) in [(0, false), (0, true), (1, false), (1, true)] {
                let provider = Speaks::BOTH[vendor].provider();
                let what = format!("{} {client:?} to {provider}, stream {stream}", case.model);
                let model = format!("{provider}/{}", case.model);
                let reply = gateway.call(client, client.chat(&model, stream)).await;
                let told = client.told(&reply.body);
                assert_eq!(reply.status, case.status[at], "{what}: {told:?}");
                match client {
                    Speaks::OpenAi => {
                        let theirs = ["invalid_request_error", "requests", "server_error"];
                        let class = [case.status[at] < 429, case.status[at] == 429, true];
                        let expected = theirs[class.iter().position(|fits| *fits).unwrap()];
                        // The vendor's own word is as good.
                        let own = if vendor == 0 {
                            vendors_word(case.model)
                        } else {
                            expected
                        };
                        assert!([expected, own].contains(&&*told.kind), "{what}: {told:?}");
                    }
                    Speaks::Anthropic => assert_eq!(told.kind, case.kind, "{what}: {told:?}"),
                }
                assert!(!told.message.contains('<'), "{what}: {told:?}");
                let retry_after = case.model.contains("retry_after").then_some("7");
                assert_eq!(reply.header("retry-after"), retry_after, "{what}");

                let row = gateway.entry_of(&reply).await;
                assert_eq!(
                    (row.answer.status, &*row.answer.outcome),
                    (reply.status, "failed")
                );
                assert_eq!(
                    row.answer.error_kind.as_deref(),
                    Some(case.error_kind),
                    "{what}"
                );
                assert_eq!(
                    (row.answer.attempts, row.question.stream),
                    (1, stream),
                    "{what}"
                );
                // An answer that made no sense was most likely billed; a refusal never is.
                let came = case.model.starts_with("echo+body=") && !case.model.contains("empty");
                assert_eq!(
                    (row.estimated, row.usage.output_tokens > 0),
                    (came, came),
                    "{what}"
                );
                if !came {
                    assert_eq!(
                        (row.usage, row.cost),
                        (Usage::default(), Priced::Known(Money::ZERO)),
                        "{what}"
                    );
                }
            }
        }
    }
}

/// OpenAI's `type` that the mimic gives to a failure.
fn vendors_word(model: &str) -> &'static str {
    if model.contains("429") {
        "rate_limit_error"
    } else {
        "server_error"
    }
}

/// The vendors have different words for having no room.
#[tokio::test]
async fn overload_is_told_in_each_vendors_way() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for (client, provider, status, expected) in [
        (Speaks::Anthropic, "claude", 529, 529),
        (Speaks::OpenAi, "claude", 529, 503),
        (Speaks::OpenAi, "up", 503, 503),
        (Speaks::Anthropic, "up", 503, 529),
    ] {
        for stream in [false, true] {
            let model = format!("{provider}/fail+status={status}");
            let reply = gateway.call(client, client.chat(&model, stream)).await;
            let told = client.told(&reply.body);
            assert_eq!(reply.status, expected, "{client:?} {model}: {told:?}");
            if client == Speaks::Anthropic {
                assert_eq!(told.kind, "overloaded_error");
            }
            let row = gateway.entry_of(&reply).await;
            assert_eq!(row.answer.error_kind.as_deref(), Some("overloaded"));
            assert_eq!(row.answer.status, expected);
        }
    }
}

/// What a context window cannot hold is the caller's to change, whoever says so.
#[tokio::test]
async fn a_full_context_window_has_its_own_word() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for client in Speaks::BOTH {
        for provider in ["up", "claude"] {
            let model = format!("{provider}/fail+status=400+code=context_length_exceeded");
            let reply = gateway.call(client, client.chat(&model, false)).await;
            let told = client.told(&reply.body);
            assert_eq!(
                (reply.status, &*told.kind),
                (400, "invalid_request_error"),
                "{told:?}"
            );
            let row = gateway.entry_of(&reply).await;
            assert_eq!(
                row.answer.error_kind.as_deref(),
                Some("context_length"),
                "{model}"
            );
            if client == Speaks::OpenAi && provider == "up" {
                assert_eq!(
                    told.code.as_deref(),
                    Some("context_length_exceeded"),
                    "{told:?}"
                );
            }
        }
    }
}

/// For a client of its own dialect, the vendor's words stay as they are.
#[tokio::test]
async fn a_vendors_own_words_travel_natively() {
    let body =
        r#"{"error": {"message": "No.", "type": "x_new", "param": null, "code": "c", "n": 1}}"#;
    let upstream = Scripted::always(Reaction::json("422 Unprocessable", "", body)).await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for stream in [false, true] {
        let reply = gateway
            .call(Speaks::OpenAi, Speaks::OpenAi.chat("up/m", stream))
            .await;
        assert_eq!((reply.status, reply.text()), (422, body));
    }
    let translated = gateway
        .call(Speaks::Anthropic, Speaks::Anthropic.chat("up/m", false))
        .await;
    assert_eq!(Speaks::Anthropic.told(&translated.body).message, "No.");
}

/// What no well-behaved server does.
#[tokio::test]
async fn strange_answers_become_plain_errors() {
    let close = |bytes: &str| Reaction::Close(bytes.as_bytes().to_vec());
    let redirect = Reaction::json("302 Found", "location: /\r\n", "");
    for (reaction, error_kind) in [
        (redirect, "upstream_failed"),
        (close("HTTP/1.1 204 None\r\n\r\n"), "malformed"),
        (close("SSH-2.0-OpenSSH_9.2\r\n"), "unreachable"),
        (close("HTTP/1.1 200 OK\r\ncontent-"), "unreachable"),
        (
            close("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"),
            "malformed",
        ),
        (
            close("HTTP/1.1 200 OK\r\ncontent-encoding: zstd\r\n\r\n{}"),
            "malformed",
        ),
        (
            close("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n{}"),
            "malformed",
        ),
    ] {
        let what = format!("{reaction:?}");
        let upstream = Scripted::always(reaction).await;
        let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
        for client in Speaks::BOTH {
            for (provider, stream) in [("up", false), ("up", true), ("claude", false)] {
                let body = client.chat(&format!("{provider}/m"), stream);
                let reply = gateway.call(client, body).await;
                let told = client.told(&reply.body);
                assert_eq!(reply.status, 502, "{what}, {provider}: {told:?}");
                let row = gateway.entry_of(&reply).await;
                assert_eq!(row.answer.error_kind.as_deref(), Some(error_kind), "{what}");
                let place = upstream.addr.to_string();
                assert!(!reply.text().contains(&place), "{what}: {told:?}");
            }
        }
    }
}

/// Some gateways answer 200 and mean something else.
#[tokio::test]
async fn an_error_under_200_is_an_error() {
    let error = r#"{"error":{"message":"Slow down.","type":"requests","param":null,"code":429}}"#;
    let upstream = Scripted::always(Reaction::json("200 OK", "", error)).await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for client in Speaks::BOTH {
        for stream in [false, true] {
            let reply = gateway.call(client, client.chat("up/m", stream)).await;
            assert_eq!(
                (reply.status, client.told(&reply.body).message.as_str()),
                (429, "Slow down.")
            );
            let row = gateway.entry_of(&reply).await;
            assert_eq!(row.answer.error_kind.as_deref(), Some("rate_limited"));
        }
    }
}

/// An answer may be of any length, but not of any size.
#[tokio::test]
async fn huge_answers_are_refused() {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"x\":\"".to_vec();
    answer.resize(answer.len() + (65 << 20), b'x');
    let upstream = Scripted::always(Reaction::Close(answer)).await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    let reply = gateway
        .call(Speaks::OpenAi, Speaks::OpenAi.chat("up/m", false))
        .await;
    let told = Speaks::OpenAi.told(&reply.body);
    assert_eq!(reply.status, 502, "{told:?}");
    assert!(
        told.message.contains("larger than this gateway accepts"),
        "{told:?}"
    );
    assert_eq!(
        gateway.entry_of(&reply).await.answer.error_kind.as_deref(),
        Some("malformed")
    );
}

/// Neither a length nor chunks: the end of the connection is the end of the answer.
#[tokio::test]
async fn unusual_framing_is_understood() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for client in Speaks::BOTH {
        for provider in ["up", "claude"] {
            for model in [
                "echo+gzip",
                "echo+chunked",
                "echo+chunked+gzip",
                "echo+split=7",
            ] {
                let body = client.chat(&format!("{provider}/{model}"), false);
                let reply = gateway.call(client, body).await;
                assert_eq!(reply.header("content-encoding"), None);
                assert_eq!(
                    client.text(&reply.json()),
                    "one two three four five six",
                    "{model}"
                );
            }
        }
    }
    let Reaction::Keep(answer) = Reaction::chat("hello") else {
        unreachable!()
    };
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let head = head.rsplit_once("\r\n").unwrap().0;
    let without_length = format!("{head}\r\n\r\n{body}").into_bytes();
    let upstream = Scripted::always(Reaction::Close(without_length)).await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    let reply = gateway
        .call(Speaks::OpenAi, Speaks::OpenAi.chat("up/m", false))
        .await;
    assert_eq!(Speaks::OpenAi.text(&reply.json()), "hello");
    let row = gateway.entry_of(&reply).await;
    assert_eq!(
        (
            row.usage.input_tokens,
            row.usage.output_tokens,
            row.estimated
        ),
        (3, 2, false)
    );
}
