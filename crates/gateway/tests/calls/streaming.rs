//! Streams over time: silence, clients that leave, a gateway that stops, connections that are used
//! again.

use std::sync::atomic::Ordering;

use tokio::net::TcpStream;

use crate::support::{Connection, Gateway, H2Client, Speaks, mimic, providers, within};

const KEEP_ALIVE: &str = ": keep-alive\n\n";

fn with_server(config: &str, server: &str) -> String {
    format!("{config}server: {{ {server} }}\n")
}

#[tokio::test]
async fn silence_is_filled_with_comments() {
    let upstream = mimic().await;
    let config = with_server(&providers(&upstream.url(), ""), "keep_alive_ms: 40");
    let gateway = Gateway::start(&config).await;
    for client in Speaks::BOTH {
        for provider in ["up", "claude"] {
            let slow = client.chat(&format!("{provider}/echo+first_ms=200+gap_ms=100"), true);
            let (mut stream, _) = gateway.open(client, slow).await;
            let all = String::from_utf8(stream.rest().await).unwrap();
            assert!(all.contains(KEEP_ALIVE), "{all}");
            assert_eq!(client.streamed(&all), "one two three four five six");
        }
    }
}

/// The head leaves with the first comment; what fails from then on is told in the stream. Content
/// that comes after it is content in time.
#[tokio::test]
async fn the_head_does_not_wait_for_ever() {
    let providers = "providers: { sim: { timeouts: { first_token_ms: 5000 } } }\n";
    let gateway = Gateway::start(&with_server(providers, "keep_alive_ms: 1000")).await;
    for client in Speaks::BOTH {
        tokio::time::pause();
        let (mut stream, head) = gateway
            .open(client, client.chat("sim/stall+at=0", true))
            .await;
        let failing = String::from_utf8(stream.rest().await).unwrap();
        let late = client.chat("sim/echo+first_ms=4500+gap_ms=200", true);
        let (mut stream, fine) = gateway.open(client, late).await;
        let slow = String::from_utf8(stream.rest().await).unwrap();
        tokio::time::resume();

        assert_eq!(
            (head.status, failing.matches(KEEP_ALIVE).count()),
            (200, 4),
            "{failing}"
        );
        let (text, told) = client.failed(&failing);
        assert_eq!(
            (&*text, &*told.message),
            ("", "The provider sent no content in time.")
        );
        let row = gateway.entry_of(&head).await;
        assert_eq!((row.answer.status, &*row.answer.outcome), (200, "cut"));
        assert_eq!(row.answer.error_kind.as_deref(), Some("timeout"));
        assert_eq!(
            (row.answer.first_token_us, row.usage.output_tokens),
            (None, 0)
        );

        assert_eq!(slow.matches(KEEP_ALIVE).count(), 4, "{slow}");
        assert_eq!(client.streamed(&slow), "one two three four five six");
        let row = gateway.entry_of(&fine).await;
        let first = row.answer.first_token_us.unwrap();
        assert!((4_500_000..5_000_000).contains(&first), "{first}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_upstream() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for client in Speaks::BOTH {
        for provider in ["up", "claude"] {
            upstream.clear();
            let body = client.chat(&format!("{provider}/stall+at=8"), true);
            let (mut stream, head) = gateway.open(client, body).await;
            let words = if provider == "up" {
                "adipiscing"
            } else {
                "amet,"
            };
            let seen = stream.until(words).await;
            assert!(seen.contains("Lorem"));
            assert_eq!(gateway.shared.in_flight.load(Ordering::Relaxed), 1);
            drop(stream);
            within("the cancellation", upstream.until(|seen| seen[0].cancelled)).await;

            let row = gateway.entry_of(&head).await;
            assert_eq!(
                (row.answer.status, &*row.answer.outcome),
                (499, "cancelled")
            );
            assert_eq!((row.answer.error_kind, row.answer.attempts), (None, 1));
            assert!(row.estimated && row.answer.first_token_us.is_some());
            let text = match provider {
                "up" => "Lorem ipsum dolor sit amet, consectetur adipiscing",
                _ => "Lorem ipsum dolor sit amet,",
            };
            assert_eq!(
                row.usage.output_tokens,
                (text.len() as u64).div_ceil(4),
                "{provider}"
            );
            assert!(row.usage.input_tokens > 0);
            assert_eq!(gateway.shared.in_flight.load(Ordering::Relaxed), 0);
        }
    }
}

/// Before any answer, too, streaming or not.
#[tokio::test]
async fn a_client_that_leaves_early_cancels_the_upstream() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for client in Speaks::BOTH {
        for (model, stream) in [
            ("hang", false),
            ("hang", true),
            ("stall", false),
            ("stall+at=0", true),
        ] {
            upstream.clear();
            let body = client.chat(&format!("up/{model}"), stream);
            let mut connection = gateway.connect().await;
            connection
                .write(&client.post(client.path(), body.as_bytes()))
                .await;
            within("the request", upstream.until(|seen| seen.len() == 1)).await;
            drop(connection);
            within("the cancellation", upstream.until(|seen| seen[0].cancelled)).await;
            let row = gateway.entry().await;
            assert_eq!(
                (row.answer.status, &*row.answer.outcome),
                (499, "cancelled"),
                "{model}"
            );
            assert_eq!(
                (row.estimated, row.usage.output_tokens),
                (true, 0),
                "{model}"
            );
        }
    }
}

#[tokio::test]
async fn draining_finishes_open_streams() {
    let upstream = mimic().await;
    let config = with_server(&providers(&upstream.url(), ""), "drain_timeout_ms: 3600000");
    let gateway = Gateway::start(&config).await;
    let addr = gateway.addr;
    let mut silent = gateway.connect().await;
    let mut idle = gateway.connect().await;
    let client = Speaks::OpenAi;
    idle.write(&client.post(client.path(), client.chat("up/echo", false).as_bytes()))
        .await;
    assert_eq!(idle.reply().await.status, 200);
    let mut streams = Vec::new();
    for client in Speaks::BOTH {
        let body = client.chat("up/lorem+gap_ms=10", true);
        let (mut stream, _) = gateway.open(client, body).await;
        stream.until("Lorem").await;
        streams.push((client, stream));
    }
    gateway.drain();
    silent.closed().await;
    idle.closed().await;
    for (client, mut stream) in streams {
        let all = String::from_utf8(stream.rest().await).unwrap();
        assert!(
            client.streamed(&all).ends_with("commodo consequat."),
            "{all}"
        );
        stream.closed().await;
    }
    assert!(TcpStream::connect(addr).await.is_err(), "it still listens");
    let entries = gateway.entries().await;
    assert!(
        entries.iter().all(|row| row.answer.outcome == "ok"),
        "{entries:?}"
    );
    gateway.stopped().await;
}

#[tokio::test]
async fn draining_does_not_wait_for_ever() {
    let upstream = mimic().await;
    let config = with_server(&providers(&upstream.url(), ""), "drain_timeout_ms: 50");
    let gateway = Gateway::start(&config).await;
    let body = Speaks::OpenAi.chat("up/stall+at=5", true);
    let (mut stream, _) = gateway.open(Speaks::OpenAi, body).await;
    stream.until("Lorem").await;
    gateway.drain();
    gateway.stopped().await;
}

/// A stream read to its end gives its connection back.
#[tokio::test]
async fn connections_are_used_again() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for client in Speaks::BOTH {
        let mut connection = gateway.connect().await;
        for (model, stream) in [
            ("echo", true),
            ("echo+split=1", true),
            ("echo+no_done", true),
            ("echo+gzip+segments", true),
            ("echo", false),
            ("echo+chunked", false),
            ("fail+status=500", false),
            ("fail+status=429+chunked", true),
            ("lorem+error+at=9", true),
        ] {
            for provider in ["up", "claude"] {
                let body = client.chat(&format!("{provider}/{model}"), stream);
                connection
                    .write(&client.post(client.path(), body.as_bytes()))
                    .await;
                assert!(!connection.reply().await.body.is_empty());
            }
        }
    }
    assert_eq!(upstream.connections(), 1);
}

/// One after the other on a connection, whatever came before.
#[tokio::test]
async fn a_client_may_keep_its_connection() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    let mut connection: Connection = gateway.connect().await;
    for client in Speaks::BOTH {
        for (body, status) in [
            (client.chat("up/echo", false), 200),
            ("not json".to_owned(), 400),
            (client.chat("claude/echo", true), 200),
            (client.chat("nothing", true), 404),
            (client.chat("claude/fail", true), 500),
            (client.chat("up/reset+at=5", true), 200),
            (client.chat("up/echo", true), 200),
        ] {
            connection
                .write(&client.post(client.path(), body.as_bytes()))
                .await;
            assert_eq!(connection.reply().await.status, status, "{body}");
        }
    }
}

#[tokio::test]
async fn clients_of_http2_are_served() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    let mut h2 = H2Client::open(gateway.addr).await;
    for client in Speaks::BOTH {
        let whole = h2.call(client, client.chat("up/echo", false)).await;
        assert_eq!(client.text(&whole.json()), "one two three four five six");
        let stream = h2.call(client, client.chat("claude/echo", true)).await;
        assert_eq!(
            client.streamed(stream.text()),
            "one two three four five six"
        );
        let refused = h2.call(client, String::from("{")).await;
        assert_eq!(refused.status, 400);
        client.told(&refused.body);
    }
    // A stream that the client resets is cancelled, and the connection goes on.
    upstream.clear();
    let open = h2
        .open_stream(Speaks::OpenAi, Speaks::OpenAi.chat("up/stall+at=5", true))
        .await;
    drop(open);
    within("the cancellation", upstream.until(|seen| seen[0].cancelled)).await;
    assert_eq!(gateway.entry().await.answer.outcome, "cancelled");
    let body = Speaks::OpenAi.chat("up/echo", false);
    assert_eq!(h2.call(Speaks::OpenAi, body).await.status, 200);
}
