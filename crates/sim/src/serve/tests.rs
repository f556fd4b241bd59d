//! The simulator over a connection: delays, faults and caps, on paused time.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::Instant,
};

use super::*;

/// Sends one request over a duplex to a served connection, and returns the client's end.
async fn send(method: &str, path: &str, body: &Value) -> DuplexStream {
    let (mut client, server) = duplex(1 << 20);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(serve_connection(server));
    tasks.detach_all();
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write_all(head.as_bytes()).await.unwrap();
    client
}

/// Reads to the end of the connection.
async fn rest(mut client: DuplexStream) -> String {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Reads until `mark` has come.
async fn read_until(client: &mut DuplexStream, mark: &str) -> String {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(mark) {
        seen.push(client.read_u8().await.unwrap());
    }
    String::from_utf8(seen).unwrap()
}

fn chat(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "one two three"}]})
}

async fn post(path: &str, body: &Value) -> (u16, Value) {
    let text = rest(send("POST", path, body).await).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (
        head[9..12].parse().unwrap(),
        serde_json::from_str(body).unwrap(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_stream_keeps_its_timetable() {
    let began = Instant::now();
    let mut client = send(
        "POST",
        "/v1/chat/completions",
        &chat("echo+headers_ms=1000+first_ms=500+gap_ms=20", true),
    )
    .await;
    for (mark, ms) in [
        ("200 OK", 1000),
        ("\"one\"", 1500),
        ("\" two\"", 1520),
        ("\" three\"", 1540),
        ("[DONE]", 1540),
    ] {
        read_until(&mut client, mark).await;
        let passed = began.elapsed().as_millis();
        assert!((ms..ms + 5).contains(&passed), "{mark} after {passed} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_takes_as_long_as_its_stream() {
    let began = Instant::now();
    let (status, body) = post(
        "/v1/chat/completions",
        &chat("echo+first_ms=500+gap_ms=20", false),
    )
    .await;
    assert_eq!(
        (status, &body["choices"][0]["message"]["content"]),
        (200, &json!("one two three"))
    );
    assert!((540..545).contains(&began.elapsed().as_millis()));
}

#[tokio::test(start_paused = true)]
async fn stall_keeps_the_connection_and_reset_breaks_it() {
    let mut client = send("POST", "/v1/chat/completions", &chat("stall+at=2", true)).await;
    read_until(&mut client, "Lorem").await;
    let silence =
        tokio::time::timeout(Duration::from_secs(3600), read_until(&mut client, "[DONE]"));
    assert!(silence.await.is_err());

    let text = rest(send("POST", "/v1/chat/completions", &chat("reset+at=2", true)).await).await;
    assert!(text.contains("Lorem") && !text.contains("ipsum"));
    assert!(!text.ends_with("0\r\n\r\n"), "the last chunk is missing");

    let text = rest(send("POST", "/v1/chat/completions", &chat("echo", true)).await).await;
    assert!(text.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"));
}

#[tokio::test]
async fn fail_refuses_with_its_status() {
    let text = rest(
        send(
            "POST",
            "/v1/chat/completions",
            &chat("fail+status=429+retry_after=2", false),
        )
        .await,
    )
    .await;
    assert!(text.starts_with("HTTP/1.1 429 ") && text.contains("\r\nretry-after: 2\r\n"));
    assert!(text.contains("rate_limit_exceeded"));
    let body = json!({"model": "fail+status=529", "max_tokens": 1, "messages": []});
    let (status, body) = post("/v1/messages", &body).await;
    assert_eq!(
        (status, &body["error"]["type"]),
        (529, &json!("overloaded_error"))
    );
    let (status, body) = post(
        "/v1/chat/completions",
        &chat("fail+status=400+code=context_length_exceeded", true),
    )
    .await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (400, &json!("context_length_exceeded"))
    );
}

#[tokio::test]
async fn embeddings_are_unit_vectors_in_both_encodings() {
    let floats = json!({"model": "embed", "input": ["a", "b"], "dimensions": 16});
    let (_, plain) = post("/v1/embeddings", &floats).await;
    let mut encoded = floats.clone();
    encoded["encoding_format"] = json!("base64");
    let (_, packed) = post("/v1/embeddings", &encoded).await;
    assert_ne!(plain["data"][0]["embedding"], plain["data"][1]["embedding"]);
    for index in 0..2 {
        let vector: Vec<f32> =
            serde_json::from_value(plain["data"][index]["embedding"].clone()).unwrap();
        assert_eq!(vector.len(), 16);
        assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
        let bytes = STANDARD
            .decode(packed["data"][index]["embedding"].as_str().unwrap())
            .unwrap();
        let unpacked: Vec<f32> = bytes
            .chunks(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        assert_eq!(unpacked, vector);
    }
}

#[tokio::test]
async fn every_path_answers() {
    let list = rest(send("GET", "/v1/models", &Value::Null).await).await;
    assert!(
        models()
            .iter()
            .all(|model| list.contains(&format!("\"id\":\"{}\"", model.name)))
    );
    for (method, path, status) in [
        ("GET", "/v1/models/echo", 200),
        ("GET", "/v1/models/nope", 404),
        ("GET", "/v1/messages", 405),
        ("POST", "/v1/nope", 404),
    ] {
        let text = rest(send(method, path, &Value::Null).await).await;
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status} ")),
            "{method} {path}: {text}"
        );
    }
    let body = json!({"model": "echo", "prompt": "hello you", "max_tokens": 1});
    let (_, completion) = post("/v1/completions", &body).await;
    assert_eq!(completion["choices"][0]["text"], "hello");
    let body = json!({"model": "echo", "system": "be kind", "messages": [{"role": "user", "content": "a b"}]});
    assert_eq!(
        post("/v1/messages/count_tokens", &body).await.1,
        json!({"input_tokens": 5})
    );
    for (body, status) in [
        (json!([]), 400),
        (json!({"model": 1}), 400),
        (chat("nope", false), 404),
        (chat("echo+x", false), 400),
        (chat("embed", false), 404),
    ] {
        assert_eq!(
            post("/v1/chat/completions", &body).await.0,
            status,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let body = || http_body_util::Full::new(Bytes::from_static(b"12345"));
    assert_eq!(read_body(body(), 5).await, Ok(Bytes::from_static(b"12345")));
    assert_eq!(read_body(body(), 4).await, Err(Unreadable));
}
