//! Upstreams that cannot be reached, or not in time: told as what they are, without a hang and
//! without the upstream's address.

use std::io::Write as _;

use tokio::net::TcpListener;
use tokio::time::{Duration, Instant};
use weir_mimic::{Mimic, Options};

use crate::support::{Gateway, Reply, Speaks, mimic, providers};

/// Fails a call in each dialect, streaming and not.
async fn fails(gateway: &Gateway, model: &str, status: u16, error_kind: &str) {
    for client in Speaks::BOTH {
        for stream in [false, true] {
            let reply = gateway.call(client, client.chat(model, stream)).await;
            judge(gateway, client, &reply, (status, error_kind)).await;
        }
    }
}

async fn judge(gateway: &Gateway, client: Speaks, reply: &Reply, (status, kind): (u16, &str)) {
    let told = client.told(&reply.body);
    assert_eq!(reply.status, status, "{told:?}");
    let word = match (client, status) {
        (Speaks::OpenAi, _) => "server_error",
        (Speaks::Anthropic, 504) => "timeout_error",
        (Speaks::Anthropic, _) => "api_error",
    };
    assert_eq!(told.kind, word, "{told:?}");
    for secret in ["127.0.0.1", "localhost", ".invalid", "certificate"] {
        assert!(!reply.text().contains(secret), "{told:?}");
    }
    let row = gateway.entry_of(reply).await;
    assert_eq!(
        (row.answer.status, &*row.answer.outcome),
        (status, "failed")
    );
    assert_eq!(row.answer.error_kind.as_deref(), Some(kind));
    assert_eq!(row.answer.attempts, 1);
}

/// A port that nobody listens on.
async fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn a_refused_connection() {
    let gateway = Gateway::start(&providers(&closed_port().await, "")).await;
    fails(&gateway, "up/m", 502, "unreachable").await;
    fails(&gateway, "claude/m", 502, "unreachable").await;
}

/// The top-level domain `.invalid` never resolves (RFC 6761, section 6.4).
#[tokio::test]
async fn a_name_that_does_not_resolve() {
    let gateway = Gateway::start(&providers("https://upstream.invalid", "")).await;
    fails(&gateway, "up/m", 502, "unreachable").await;
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority() {
    for h2 in [false, true] {
        let options = Options {
            tls: true,
            h2,
            ..Options::default()
        };
        let upstream = Mimic::start(options).await.unwrap();
        let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
        fails(&gateway, "up/echo", 502, "unreachable").await;
        assert_eq!(upstream.requests(), []);

        let mut authority = tempfile::NamedTempFile::new().unwrap();
        authority
            .write_all(upstream.ca_pem().unwrap().as_bytes())
            .unwrap();
        let trusting = format!(
            "network: {{ ca_file: \"{}\" }}\n",
            authority.path().display()
        );
        let gateway = Gateway::start(&(providers(&upstream.url(), "") + &trusting)).await;
        for client in Speaks::BOTH {
            let model = format!("{}/echo", client.provider());
            let reply = gateway.call(client, client.chat(&model, false)).await;
            assert_eq!(client.text(&reply.json()), "one two three four five six");
        }
    }
}

/// TLS against a server that speaks none, and the other way round.
#[tokio::test]
async fn the_wrong_protocol() {
    let plain = mimic().await;
    let config = providers(&plain.url().replace("http:", "https:"), "");
    fails(
        &Gateway::start(&config).await,
        "up/echo",
        502,
        "unreachable",
    )
    .await;

    let tls = Mimic::start(Options {
        tls: true,
        ..Options::default()
    })
    .await
    .unwrap();
    let config = providers(&tls.url().replace("https:", "http:"), "");
    fails(
        &Gateway::start(&config).await,
        "up/echo",
        502,
        "unreachable",
    )
    .await;
}

/// Each phase has a deadline of its own, and all together have one.
#[tokio::test]
async fn every_phase_has_its_deadline() {
    let upstream = mimic().await;
    for (timeouts, model) in [
        ("headers_ms: 150", "hang"),
        ("headers_ms: 150", "echo+headers_ms=60000"),
        ("total_ms: 150", "hang"),
        ("idle_ms: 150", "stall+at=1"),
        ("total_ms: 150", "stall+at=1"),
    ] {
        let config = providers(&upstream.url(), &format!(", timeouts: {{ {timeouts} }}"));
        let gateway = Gateway::start(&config).await;
        for provider in ["up", "claude"] {
            fails(&gateway, &format!("{provider}/{model}"), 504, "timeout").await;
        }
    }
    let config = providers(&upstream.url(), ", timeouts: { first_token_ms: 150 }");
    let gateway = Gateway::start(&config).await;
    for provider in ["up", "claude"] {
        for model in ["stall+at=0", "stall+at=1", "echo+first_ms=60000"] {
            let body = Speaks::OpenAi.chat(&format!("{provider}/{model}"), true);
            let reply = gateway.call(Speaks::OpenAi, body).await;
            let told = Speaks::OpenAi.told(&reply.body);
            assert_eq!((reply.status, told.code.as_deref()), (504, Some("timeout")));
            assert_eq!(told.message, "The provider sent no content in time.");
            let row = gateway.entry_of(&reply).await;
            assert_eq!(row.answer.error_kind.as_deref(), Some("timeout"));
        }
    }
    upstream
        .until(|seen| seen.iter().all(|request| request.cancelled))
        .await;
}

/// A server that takes a connection, and then not even TLS's first word.
#[tokio::test]
async fn a_connection_that_leads_nowhere() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let config = providers(&url, ", timeouts: { connect_ms: 150 }");
    fails(&Gateway::start(&config).await, "up/m", 504, "timeout").await;
}

/// On time that a test owns, a deadline is met to the millisecond.
#[tokio::test]
async fn deadlines_are_exact() {
    let sim = |timeouts: &str| format!("providers: {{ sim: {{ timeouts: {{ {timeouts} }} }} }}\n");
    for (timeouts, model, stream, due_ms) in [
        (
            "connect_ms: 9000, headers_ms: 700",
            "echo+headers_ms=60000",
            false,
            700,
        ),
        ("headers_ms: 700", "echo+headers_ms=60000", true, 700),
        ("idle_ms: 700", "stall+at=9", false, 700),
        ("first_token_ms: 700", "echo+first_ms=60000", true, 700),
        ("first_token_ms: 300, idle_ms: 700", "stall+at=9", true, 700),
        ("total_ms: 700", "echo+gap_ms=200", true, 700),
        ("total_ms: 700", "echo+headers_ms=60000", false, 700),
    ] {
        let gateway = Gateway::start(&sim(timeouts)).await;
        for client in Speaks::BOTH {
            let body = client.chat(&format!("sim/{model}"), stream);
            tokio::time::pause();
            let begun = Instant::now();
            let reply = gateway.call(client, body).await;
            let took = begun.elapsed();
            tokio::time::resume();
            let due = Duration::from_millis(due_ms);
            let late = Duration::from_millis(5);
            assert!(
                (due..due + late).contains(&took),
                "{timeouts}, {model}: {took:?}"
            );
            let row = gateway.entry_of(&reply).await;
            assert_eq!(
                row.answer.error_kind.as_deref(),
                Some("timeout"),
                "{timeouts}, {model}"
            );
        }
    }
}
