//! Connections to upstreams: how many, which protocol, through what, and when they are used again.

use std::io::Write as _;

use tempfile::NamedTempFile;
use tokio::task::JoinSet;
use weir_mimic::{Mimic, Options};

use crate::support::{
    Gateway, H2Client, Proxy, Reaction, Scripted, Speaks, mimic, providers, within,
};

const CLIENT: Speaks = Speaks::OpenAi;

/// An upstream of TLS, and the file of the authority to trust.
async fn tls(h2: bool, max_streams: Option<u32>) -> (Mimic, NamedTempFile) {
    let options = Options {
        tls: true,
        h2,
        max_streams,
        ..Options::default()
    };
    let upstream = Mimic::start(options).await.unwrap();
    let mut authority = NamedTempFile::new().unwrap();
    authority
        .write_all(upstream.ca_pem().unwrap().as_bytes())
        .unwrap();
    (upstream, authority)
}

async fn gateway(url: &str, network: &str) -> Gateway {
    Gateway::start(&format!("{}network: {{ {network} }}\n", providers(url, ""))).await
}

fn trusting(authority: &NamedTempFile) -> String {
    format!("ca_file: \"{}\"", authority.path().display())
}

/// As many calls at once, each on a stream of its own.
async fn together(gateway: &Gateway, count: usize, model: &str) {
    let mut client = H2Client::open(gateway.addr).await;
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let opened = client.open_stream(CLIENT, CLIENT.chat(model, true));
        calls.spawn(async move {
            let mut stream = opened.await;
            assert_eq!(stream.status, 200);
            stream.until("[DONE]").await;
        });
    }
    calls.join_all().await;
}

/// A peer that allows 100 streams on a connection makes nobody wait.
#[tokio::test]
async fn no_stream_waits_for_another() {
    const STREAMS: usize = 500;
    let (upstream, authority) = tls(true, Some(100)).await;
    let gateway = gateway(&upstream.url(), &trusting(&authority)).await;
    let mut client = H2Client::open(gateway.addr).await;
    let mut opening = JoinSet::new();
    for _ in 0..STREAMS {
        let opened = client.open_stream(CLIENT, CLIENT.chat("up/stall+at=4", true));
        opening.spawn(async move {
            let mut stream = opened.await;
            stream.until("Lorem").await;
            stream
        });
    }
    let open = opening.join_all().await;
    assert_eq!((open.len(), upstream.peak()), (STREAMS, STREAMS));
    let connections = upstream.connections();
    assert!((5..=10).contains(&connections), "{connections}");
    drop(open);
    within(
        "all to end",
        upstream.until(|seen| seen.iter().all(|r| r.cancelled)),
    )
    .await;
    together(&gateway, 50, "up/echo").await;
    assert_eq!(
        upstream.connections(),
        connections,
        "they were there already"
    );
}

/// Its limit is known only after the first streams were sent, of which it refuses some.
#[tokio::test]
async fn a_limit_that_comes_late_costs_nobody_an_answer() {
    let (upstream, authority) = tls(true, Some(8)).await;
    let gateway = gateway(&upstream.url(), &trusting(&authority)).await;
    together(&gateway, 60, "up/echo+headers_ms=20").await;
    assert_eq!(upstream.requests().len(), 60, "each was answered once");
}

/// While nobody knows what a host speaks, one connection finds it out for all.
#[tokio::test]
async fn a_burst_on_an_unknown_host_opens_one_connection() {
    let (upstream, authority) = tls(true, None).await;
    let gateway = gateway(&upstream.url(), &trusting(&authority)).await;
    together(&gateway, 50, "up/echo").await;
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn a_burst_on_http1_shares_what_there_is() {
    let (upstream, authority) = tls(false, None).await;
    let network = format!("{}, max_connections_per_host: 3", trusting(&authority));
    let gateway = gateway(&upstream.url(), &network).await;
    together(&gateway, 20, "up/echo").await;
    together(&gateway, 20, "up/lorem+headers_ms=20").await;
    assert_eq!((upstream.connections(), upstream.peak()), (3, 3));
}

#[tokio::test]
async fn limits_of_ones_own_hold_too() {
    let (upstream, authority) = tls(true, None).await;
    let network = format!("{}, max_streams_per_connection: 4", trusting(&authority));
    let gateway = gateway(&upstream.url(), &network).await;
    let mut client = H2Client::open(gateway.addr).await;
    let mut open = Vec::new();
    for _ in 0..12 {
        let mut stream = client
            .open_stream(CLIENT, CLIENT.chat("up/stall+at=4", true))
            .await;
        stream.until("Lorem").await;
        open.push(stream);
    }
    assert_eq!(upstream.connections(), 3);
}

/// Who waits for a connection waits as long as for one that is opened.
#[tokio::test]
async fn waiting_for_a_connection_has_an_end() {
    let upstream = mimic().await;
    let config = format!(
        "{}network: {{ max_connections_per_host: 1 }}\n",
        providers(&upstream.url(), ", timeouts: { connect_ms: 500 }")
    );
    let gateway = Gateway::start(&config).await;
    let (mut first, _) = gateway
        .open(CLIENT, CLIENT.chat("up/stall+at=4", true))
        .await;
    first.until("Lorem").await;
    let second = gateway.call(CLIENT, CLIENT.chat("up/echo", false)).await;
    assert_eq!(second.status, 504, "{}", second.text());
    drop(first);
    within(
        "the end of the first",
        upstream.until(|seen| seen[0].cancelled),
    )
    .await;
    assert_eq!(
        gateway
            .call(CLIENT, CLIENT.chat("up/echo", false))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn http2_by_prior_knowledge_and_never() {
    let plain = Mimic::start(Options {
        h2: true,
        ..Options::default()
    })
    .await
    .unwrap();
    let speaking = gateway(&plain.url(), "http2: prior_knowledge").await;
    together(&speaking, 20, "up/echo").await;
    assert_eq!(plain.connections(), 1);

    let (upstream, authority) = tls(true, None).await;
    let network = format!(
        "{}, http2: off, max_connections_per_host: 2",
        trusting(&authority)
    );
    let never = gateway(&upstream.url(), &network).await;
    together(&never, 6, "up/echo+headers_ms=20").await;
    assert_eq!((upstream.connections(), upstream.peak()), (2, 2));
}

/// A stream of HTTP/2 that ends early takes nothing with it.
#[tokio::test]
async fn a_cancelled_stream_leaves_its_connection() {
    let (upstream, authority) = tls(true, None).await;
    let gateway = gateway(&upstream.url(), &trusting(&authority)).await;
    let (mut one, _) = gateway
        .open(CLIENT, CLIENT.chat("up/stall+at=4", true))
        .await;
    one.until("Lorem").await;
    let (mut two, _) = gateway
        .open(CLIENT, CLIENT.chat("up/lorem+gap_ms=10", true))
        .await;
    two.until("Lorem").await;
    drop(one);
    within("the cancellation", upstream.until(|seen| seen[0].cancelled)).await;
    let all = String::from_utf8(two.rest().await).unwrap();
    assert!(CLIENT.streamed(&all).ends_with("consequat."));
    let after = gateway
        .call(CLIENT, CLIENT.chat("up/reset+at=4", true))
        .await;
    CLIENT.failed(after.text());
    assert_eq!(
        gateway
            .call(CLIENT, CLIENT.chat("up/echo", false))
            .await
            .status,
        200
    );
    assert_eq!(upstream.connections(), 1);
}

/// A connection that the upstream closed between two calls costs nobody anything.
#[tokio::test]
async fn stale_connections_are_replaced() {
    let Reaction::Keep(answer) = Reaction::chat("hello") else {
        unreachable!()
    };
    let upstream = Scripted::always(Reaction::Close(answer)).await;
    let gateway = gateway(&upstream.url(), "").await;
    for calls in 1..=8 {
        let reply = gateway.call(CLIENT, CLIENT.chat("up/m", false)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(gateway.entry_of(&reply).await.answer.attempts, 1);
        assert_eq!(
            (upstream.heads().len(), upstream.connections()),
            (calls, calls)
        );
    }
}

/// A call that an upstream may have begun is not sent to it again unasked.
#[tokio::test]
async fn what_was_sent_is_not_sent_twice() {
    let upstream = Scripted::start(|number| {
        std::future::ready(match number {
            1 => Reaction::Close(Vec::new()),
            _ => Reaction::chat("hello"),
        })
    })
    .await;
    let gateway = gateway(&upstream.url(), "").await;
    for (calls, status) in [(1, 200), (2, 502), (3, 200)] {
        let reply = gateway.call(CLIENT, CLIENT.chat("up/m", false)).await;
        assert_eq!(
            (reply.status, upstream.heads().len()),
            (status, calls),
            "{}",
            reply.text()
        );
    }
}

/// Plain requests go to the proxy with their whole URL, and with its password.
#[tokio::test]
async fn a_proxy_for_plain_http() {
    let upstream = mimic().await;
    let proxy = Proxy::start(Some(upstream.addr())).await;
    let network = format!("proxy: \"http://user:p%40ss@{}\"", proxy.addr);
    let gateway = gateway("http://mimic.test:8080/base", &network).await;
    let reply = gateway.call(CLIENT, CLIENT.chat("up/echo", false)).await;
    assert_eq!(
        reply.status,
        404,
        "the mimic has no /base: {}",
        reply.text()
    );
    let head = proxy.heads().remove(0);
    let line = "POST http://mimic.test:8080/base/v1/chat/completions HTTP/1.1\r\n";
    assert!(head.starts_with(line), "{head}");
    assert!(head.contains("\r\nhost: mimic.test:8080\r\n"), "{head}");
    // `user:p@ss` in base64.
    assert!(
        head.contains("\r\nproxy-authorization: Basic dXNlcjpwQHNz\r\n"),
        "{head}"
    );
}

/// TLS goes through a tunnel, of which the proxy sees the head alone.
#[tokio::test]
async fn a_proxy_for_tls() {
    for h2 in [false, true] {
        let (upstream, authority) = tls(h2, None).await;
        let proxy = Proxy::start(Some(upstream.addr())).await;
        let network = format!(
            "{}, proxy: \"http://user:pass@{}\"",
            trusting(&authority),
            proxy.addr
        );
        let gateway = gateway("https://mimic.test", &network).await;
        for stream in [false, true, false] {
            let reply = gateway.call(CLIENT, CLIENT.chat("up/echo", stream)).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        let head = "CONNECT mimic.test:443 HTTP/1.1\r\nHost: mimic.test:443\r\n\
                    Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n";
        assert_eq!(proxy.heads(), [head]);
        let seen = upstream.requests();
        assert_eq!(seen.len(), 3);
        assert!(
            seen.iter()
                .all(|request| request.header("proxy-authorization").is_none())
        );
    }
}

/// TLS inside TLS for a secure provider; for a plain one, the proxy reads the request.
#[tokio::test]
async fn a_proxy_over_tls() {
    let (upstream, mut authority) = tls(true, None).await;
    let (proxy, pem) = Proxy::start_tls(upstream.addr()).await;
    authority.write_all(pem.as_bytes()).unwrap();
    let network = format!(
        "{}, proxy: \"https://{}\"",
        trusting(&authority),
        proxy.addr
    );
    let secure = gateway("https://mimic.test", &network).await;
    let reply = secure.call(CLIENT, CLIENT.chat("up/echo", true)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(proxy.heads()[0].starts_with("CONNECT mimic.test:443 "));

    let upstream = mimic().await;
    let (proxy, pem) = Proxy::start_tls(upstream.addr()).await;
    let mut authority = NamedTempFile::new().unwrap();
    authority.write_all(pem.as_bytes()).unwrap();
    let network = format!(
        "{}, proxy: \"https://{}\"",
        trusting(&authority),
        proxy.addr
    );
    let plain = gateway("http://mimic.test", &network).await;
    let reply = plain.call(CLIENT, CLIENT.chat("up/echo", false)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let line = "POST http://mimic.test/v1/chat/completions HTTP/1.1\r\n";
    assert!(proxy.heads()[0].starts_with(line), "{:?}", proxy.heads());
}

#[tokio::test]
async fn a_proxy_that_refuses() {
    let proxy = Proxy::start(None).await;
    let network = format!("proxy: \"http://{}\"", proxy.addr);
    let gateway = gateway("https://mimic.test", &network).await;
    let reply = gateway.call(CLIENT, CLIENT.chat("up/echo", false)).await;
    assert_eq!(reply.status, 502);
    assert!(!reply.text().contains("407") && !reply.text().contains("mimic.test"));
    let row = gateway.entry_of(&reply).await;
    assert_eq!(row.answer.error_kind.as_deref(), Some("unreachable"));
    // Loopback is reached without it.
    let upstream = mimic().await;
    let near = self::gateway(&upstream.url(), &network).await;
    assert_eq!(
        near.call(CLIENT, CLIENT.chat("up/echo", false))
            .await
            .status,
        200
    );
    assert_eq!(proxy.heads().len(), 1);
}
