//! Streams that go wrong: before their first word they become a status, after it an error event
//! that ends the stream, and what came is settled by an estimate. What vendors merely do oddly goes
//! through.

use weir_store::Entry;

use crate::support::{Gateway, Reaction, Reply, Scripted, Speaks, mimic, providers};

/// Runs a stream in each lane.
async fn in_every_lane(
    gateway: &Gateway,
    model: &str,
    judge: impl Fn(Speaks, &Reply, Entry, &str),
) {
    for client in Speaks::BOTH {
        for provider in ["up", "claude"] {
            let body = client.chat(&format!("{provider}/{model}"), true);
            let reply = gateway.call(client, body).await;
            let row = gateway.entry_of(&reply).await;
            judge(
                client,
                &reply,
                row,
                &format!("{client:?} to {provider}/{model}"),
            );
        }
    }
}

#[tokio::test]
async fn before_the_first_word_a_failure_is_a_status() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for (model, error_kind) in [
        ("lorem+error+at=0", ""),
        ("lorem+error+at=1", ""),
        ("lorem+cut+at=0", "malformed"),
        ("lorem+cut+at=1", "malformed"),
        ("reset+at=0", "malformed"),
        ("reset+at=1", "malformed"),
    ] {
        in_every_lane(&gateway, model, |client, reply, row, what| {
            let told = client.told(&reply.body);
            let overloaded = what.contains("claude/lorem+error");
            let expected = match (overloaded, client) {
                (false, _) => 502,
                (true, Speaks::OpenAi) => 503,
                (true, Speaks::Anthropic) => 529,
            };
            assert_eq!(reply.status, expected, "{what}: {told:?}");
            assert_eq!(
                (row.answer.status, &*row.answer.outcome),
                (expected, "failed"),
                "{what}"
            );
            let kind = if overloaded {
                "overloaded"
            } else {
                "upstream_failed"
            };
            let kind = if error_kind.is_empty() {
                kind
            } else {
                error_kind
            };
            assert_eq!(row.answer.error_kind.as_deref(), Some(kind), "{what}");
            assert_eq!(row.answer.first_token_us, None, "{what}");
        })
        .await;
    }
}

#[tokio::test]
async fn after_the_first_word_a_failure_ends_the_stream() {
    let upstream = mimic().await;
    let patient = Gateway::start(&providers(&upstream.url(), "")).await;
    let timeouts = ", timeouts: { idle_ms: 300 }";
    let impatient = Gateway::start(&providers(&upstream.url(), timeouts)).await;
    for (model, error_kind) in [
        ("lorem+error+at=7", ""),
        ("lorem+cut+at=7", "malformed"),
        ("reset+at=7", "malformed"),
        ("stall+at=7", "timeout"),
        ("lorem+no_finish+no_done", "malformed"),
        ("lorem+cut+at=7+gzip", "malformed"),
        ("lorem+cut+at=7+crlf+split=5", "malformed"),
    ] {
        let gateway = if model.contains("stall") {
            &impatient
        } else {
            &patient
        };
        in_every_lane(gateway, model, |client, reply, row, what| {
            assert_eq!(reply.status, 200, "{what}");
            let (text, told) = client.failed(reply.text());
            assert!(text.starts_with("Lorem ipsum"), "{what}: {text}");
            let overloaded = what.contains("claude/lorem+error");
            let kind = if overloaded {
                "overloaded"
            } else {
                "upstream_failed"
            };
            let kind = if error_kind.is_empty() {
                kind
            } else {
                error_kind
            };
            if client == Speaks::Anthropic {
                let word = match kind {
                    "overloaded" => "overloaded_error",
                    "timeout" => "timeout_error",
                    _ => "api_error",
                };
                assert_eq!(told.kind, word, "{what}");
            }
            assert_eq!(
                (row.answer.status, &*row.answer.outcome),
                (200, "cut"),
                "{what}"
            );
            assert_eq!(row.answer.error_kind.as_deref(), Some(kind), "{what}");
            assert!(row.answer.first_token_us.is_some(), "{what}");
            // Four bytes a token, of which the client has seen every one.
            assert!(row.estimated, "{what}");
            assert_eq!(
                row.usage.output_tokens,
                (text.len() as u64).div_ceil(4),
                "{what}"
            );
            assert!(row.usage.input_tokens > 0, "{what}");
        })
        .await;
    }
}

#[tokio::test]
async fn oddities_go_through() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for model in [
        "echo+no_done",
        "echo+no_finish",
        "echo+two_finish",
        "echo+comments",
        "echo+crlf",
        "echo+no_blank",
        "echo+no_blank+no_done",
        "echo+split=1",
        "echo+split=3+crlf",
        "echo+segments",
        "echo+gzip",
        "echo+gzip+segments",
        "echo+bom",
        "echo+usage_each",
    ] {
        in_every_lane(&gateway, model, |client, reply, row, what| {
            assert_eq!(reply.status, 200, "{what}: {}", reply.text());
            assert_eq!(
                reply.header("content-type"),
                Some("text/event-stream; charset=utf-8")
            );
            assert_eq!(reply.header("content-encoding"), None, "{what}");
            assert_eq!(reply.header("cache-control"), Some("no-cache"), "{what}");
            assert_eq!(
                client.streamed(reply.text()),
                "one two three four five six",
                "{what}"
            );
            assert_eq!(
                (row.answer.status, &*row.answer.outcome),
                (200, "ok"),
                "{what}"
            );
            assert_eq!(row.answer.error_kind, None, "{what}");
            if !what.contains("no_finish") {
                assert_eq!(row.answer.finish.as_deref(), Some("stop"), "{what}");
                assert_eq!(
                    (row.usage.output_tokens, row.estimated),
                    (6, false),
                    "{what}"
                );
            }
        })
        .await;
    }
}

/// An upstream that was asked for a stream and answers whole is played as a stream.
#[tokio::test]
async fn a_whole_answer_becomes_a_stream() {
    let upstream = Scripted::always(Reaction::chat("hello world")).await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for client in Speaks::BOTH {
        let reply = gateway.call(client, client.chat("up/m", true)).await;
        assert_eq!(
            reply.header("content-type"),
            Some("text/event-stream; charset=utf-8")
        );
        assert_eq!(client.streamed(reply.text()), "hello world");
        let row = gateway.entry_of(&reply).await;
        assert_eq!((row.usage.input_tokens, row.usage.output_tokens), (3, 2));
    }
}

/// A frame without an end would fill any memory.
#[tokio::test]
async fn an_endless_frame_is_cut_off() {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: ".to_vec();
    answer.resize(answer.len() + (17 << 20), b'x');
    let upstream = Scripted::always(Reaction::Close(answer)).await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for client in Speaks::BOTH {
        let reply = gateway.call(client, client.chat("up/m", true)).await;
        let told = client.told(&reply.body);
        assert_eq!(reply.status, 502, "{told:?}");
        assert!(told.message.contains("too large"), "{told:?}");
    }
}

/// Whatever stands in a 200 stream: an end, and one only.
#[tokio::test]
async fn nonsense_ends_once() {
    let start = r#"data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"hi"}}]}"#;
    for (nonsense, status) in [
        ("", 502),
        ("\n\n\n", 502),
        (": only a comment\n\n", 502),
        ("data: null\n\n", 502),
        ("data: [1,2]\n\n", 502),
        ("data: {\"choices\":\n\n", 502),
        ("<html>no events</html>", 502),
        ("data: [DONE]\n\n", 502),
        ("event: error\ndata: {\"message\":\"broken\"}\n\n", 502),
        ("{start}\n\ndata: null\n\n", 200),
        (
            "{start}\n\ndata: {\"error\":{\"message\":\"a\"}}\n\ndata: {\"error\":{\"message\":\"b\"}}\n\n",
            200,
        ),
        (
            "{start}\n\ndata: [DONE]\n\ndata: [DONE]\n\n{start}\n\n",
            200,
        ),
        ("{start}", 200),
    ] {
        let body = nonsense.replace("{start}", start);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let bytes = format!("{head}{body}").into_bytes();
        let upstream = Scripted::always(Reaction::Close(bytes)).await;
        let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
        for client in Speaks::BOTH {
            let reply = gateway.call(client, client.chat("up/m", true)).await;
            assert_eq!(reply.status, status, "{body:?}: {}", reply.text());
            match status {
                200 if body.contains("DONE") => assert_eq!(client.streamed(reply.text()), "hi"),
                200 => assert_eq!(client.failed(reply.text()).0, "hi", "{body:?}"),
                _ => drop(client.told(&reply.body)),
            }
            let row = gateway.entry_of(&reply).await;
            assert_eq!(row.answer.status, status, "{body:?}");
        }
    }
}
