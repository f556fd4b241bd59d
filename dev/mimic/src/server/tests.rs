//! The server over real connections: both HTTP versions, TLS, faults, records.

use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::{http1, http2};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use super::*;

fn request(path: &str, body: &Value) -> Request<Full<Bytes>> {
    Request::post(path)
        .header("host", "mimic")
        .header("content-type", "application/json")
        .header("authorization", "Bearer sk-test")
        .header("x-api-key", "test")
        .header("anthropic-version", "2023-06-01")
        .body(Full::from(body.to_string()))
        .unwrap()
}

fn chat(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "one two"}]})
}

/// A connection of its own; dropping the set closes it.
async fn open(mimic: &Mimic) -> (http1::SendRequest<Full<Bytes>>, JoinSet<()>) {
    let stream = TcpStream::connect(mimic.addr()).await.unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async { drop(connection.await) });
    (sender, tasks)
}

/// Sends one request on a connection of its own.
async fn send(
    mimic: &Mimic,
    request: Request<Full<Bytes>>,
) -> (hyper::Result<Response<Incoming>>, JoinSet<()>) {
    let (mut sender, tasks) = open(mimic).await;
    (sender.send_request(request).await, tasks)
}

async fn text(
    response: Response<Incoming>,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    #[expect(clippy::disallowed_methods, reason = "wrapped in Limited")]
    let body = Limited::new(response.into_body(), 1 << 20)
        .collect()
        .await?;
    Ok(String::from_utf8(body.to_bytes().to_vec())?)
}

async fn post(mimic: &Mimic, path: &str, body: &Value) -> (u16, Value) {
    let (response, _tasks) = send(mimic, request(path, body)).await;
    let response = response.unwrap();
    (
        response.status().as_u16(),
        serde_json::from_str(&text(response).await.unwrap()).unwrap(),
    )
}

#[tokio::test]
async fn requests_are_recorded_and_refused_or_answered() {
    let mimic = Mimic::start(Options::default()).await.unwrap();
    let (status, body) = post(&mimic, "/v1/chat/completions?x=1", &chat("echo", false)).await;
    assert_eq!(
        (status, &body["choices"][0]["message"]["content"]),
        (200, &json!("one two"))
    );
    let (status, body) = post(&mimic, "/v1/messages", &chat("echo", false)).await;
    assert_eq!(
        (status, &body["error"]["message"]),
        (400, &json!("max_tokens: Field required"))
    );
    let (status, body) = post(
        &mimic,
        "/v1/messages/count_tokens",
        &json!({"model": "echo", "messages": [{"role": "user", "content": "a b"}]}),
    )
    .await;
    assert_eq!((status, body), (200, json!({"input_tokens": 3})));
    assert_eq!(
        post(
            &mimic,
            "/v1/embeddings",
            &json!({"model": "embed", "input": "x"})
        )
        .await
        .0,
        200
    );

    let seen = mimic
        .until(|seen| seen.iter().filter(|r| r.finished).count() == 4)
        .await;
    assert_eq!(
        (
            seen[0].method.as_str(),
            seen[0].path.as_str(),
            seen[0].status
        ),
        ("POST", "/v1/chat/completions?x=1", 200)
    );
    assert_eq!(
        (seen[0].header("authorization"), seen[0].json()),
        (Some("Bearer sk-test"), chat("echo", false))
    );
    assert_eq!(seen[1].status, 400);

    let get = Request::get("/_mimic/requests")
        .header("host", "m")
        .body(Full::default())
        .unwrap();
    let (response, _tasks) = send(&mimic, get).await;
    let listed: Value = serde_json::from_str(&text(response.unwrap()).await.unwrap()).unwrap();
    assert_eq!(
        (listed.as_array().unwrap().len(), &listed[0]["path"]),
        (4, &json!(seen[0].path))
    );
    let delete = Request::delete("/_mimic/requests")
        .header("host", "m")
        .body(Full::default())
        .unwrap();
    assert_eq!(send(&mimic, delete).await.0.unwrap().status(), 200);
    assert!(mimic.requests().is_empty());
    assert_eq!(mimic.connections(), 6);
}

#[tokio::test]
async fn a_peer_that_leaves_is_noticed() {
    let mimic = Mimic::start(Options::default()).await.unwrap();
    let (response, tasks) = send(
        &mimic,
        request("/v1/chat/completions", &chat("stall", true)),
    )
    .await;
    assert_eq!(response.unwrap().status(), 200);
    drop(tasks);
    let seen = mimic.until(|seen| seen[0].cancelled).await;
    assert!(!seen[0].finished);

    let (mut sender, mut tasks) = open(&mimic).await;
    let hanging = request("/v1/chat/completions", &chat("hang", false));
    tasks.spawn(async move { drop(sender.send_request(hanging).await) });
    mimic.until(|seen| seen.len() == 2).await;
    drop(tasks);
    let seen = mimic.until(|seen| seen[1].cancelled).await;
    assert_eq!(seen[1].status, 0);
}

#[tokio::test]
async fn connections_break_on_demand() {
    let mimic = Mimic::start(Options::default()).await.unwrap();
    let (response, _tasks) = send(
        &mimic,
        request("/v1/chat/completions", &chat("drop", false)),
    )
    .await;
    assert!(response.is_err());
    let (response, _tasks) = send(
        &mimic,
        request("/v1/chat/completions", &chat("reset", true)),
    )
    .await;
    assert!(text(response.unwrap()).await.is_err());
    let seen = mimic.until(|seen| seen.iter().all(|r| r.finished)).await;
    assert!(seen.len() == 2 && seen.iter().all(|r| !r.cancelled));
    let (response, _tasks) = send(
        &mimic,
        request("/v1/chat/completions", &chat("echo+chunked", false)),
    )
    .await;
    let response = response.unwrap();
    assert!(response.headers().get("content-length").is_none());
    assert!(text(response).await.unwrap().contains("one two"));
}

#[tokio::test]
async fn bench_answers_on_both_wires_without_a_record() {
    let mimic = Mimic::start(Options::default()).await.unwrap();
    for (path, delta, count) in [
        ("/v1/chat/completions", "\"content\":\"", 6),
        ("/v1/messages", "text_delta", 5),
    ] {
        let (response, _tasks) = send(&mimic, request(path, &chat("bench", false))).await;
        let body = text(response.unwrap()).await.unwrap();
        assert!((900..1300).contains(&body.len()), "{} bytes", body.len());
        assert!(serde_json::from_str::<Value>(&body).unwrap()["usage"].is_object());
        let streamed = request(path, &chat("bench-stream+chunks=5", true));
        let (response, _tasks) = send(&mimic, streamed).await;
        assert_eq!(
            text(response.unwrap())
                .await
                .unwrap()
                .matches(delta)
                .count(),
            count
        );
    }
    assert!(mimic.requests().is_empty());
    // A model elsewhere than at the top does not count.
    let prompt =
        json!({"messages": [{"role": "user", "content": "\"model\":\"bench\""}], "model": "echo"});
    assert_eq!(post(&mimic, "/v1/chat/completions", &prompt).await.0, 200);
    assert_eq!(mimic.requests().len(), 1);
}

#[tokio::test]
async fn http2_over_tls_announces_its_stream_limit() {
    let options = Options {
        tls: true,
        h2: true,
        max_streams: Some(3),
        ..Options::default()
    };
    let mimic = Mimic::start(options).await.unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(mimic.ca_pem().unwrap().as_bytes()).unwrap())
        .unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(mimic.addr()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let mut connection = std::pin::pin!(connection);
    let url = format!("{}/v1/chat/completions", mimic.url());
    tokio::select! {
        answer = sender.send_request(request(&url, &chat("echo", false))) => {
            assert_eq!(answer.unwrap().status(), 200);
        }
        end = &mut connection => panic!("the connection ended: {end:?}"),
    }
    // The settings came before the answer.
    assert_eq!(connection.current_max_send_streams(), 3);
    assert_eq!((mimic.connections(), mimic.peak()), (1, 1));
}
