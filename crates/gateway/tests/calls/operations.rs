//! Operations beside chat, byte by byte: forms that have no end, uploads whose client leaves, and what
//! passes through untouched.

use std::time::Duration;

use crate::support::{Gateway, KEY, Reply, mimic, request, within};

const FORM: &str = "multipart/form-data; boundary=b";

fn config(url: &str, more: &str) -> String {
    format!(
        "server: {{ max_body: 64KiB, max_upload: 256KiB, pass_through: true{more} }}\n\
         providers:\n\
         \x20 up: {{ kind: openai-compatible, base_url: \"{url}/v1\", api_key: sk-upstream, \
         operations: [transcriptions, batches, speech] }}\n\
         \x20 v1: {{ kind: openai-compatible, base_url: \"{url}/v1\", api_key: sk-upstream }}\n"
    )
}

fn head(method: &str, path: &str, more: &str) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {KEY}\r\n{more}\r\n\r\n"
    );
    head.into_bytes()
}

fn part(name: &str, value: &str) -> String {
    format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(name: &str) -> String {
    format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"a\"\r\n\r\n")
}

/// A form as a chunked body, with or without an end of the body.
fn chunked(body: &[u8], end: bool) -> Vec<u8> {
    let mut out = format!("{:x}\r\n", body.len()).into_bytes();
    out.extend_from_slice(body);
    out.extend_from_slice(if end { b"\r\n0\r\n\r\n" } else { b"\r\n" });
    out
}

fn is_refused(reply: &Reply, status: u16, word: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    let error = &reply.json()["error"];
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains(word), "{message}");
}

/// A form of which no end comes is refused when nothing comes any more, whichever way it travels.
#[tokio::test]
async fn forms_without_an_end_do_not_hang() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&config(&upstream.url(), "")).await;
    let kind = format!("content-type: {FORM}\r\ntransfer-encoding: chunked");
    let begun = part("model", "up/whisper-1") + &file("file") + "RIFF";
    let long = begun.clone() + &"x".repeat(100 << 10);
    for (path, body) in [
        ("/v1/audio/transcriptions", &begun),
        ("/v1/audio/transcriptions", &long),
        ("/v1/files", &long),
        ("/up/v1/files", &long),
    ] {
        let mut connection = gateway.connect().await;
        connection.write(&head("POST", path, &kind)).await;
        connection.write(&chunked(body.as_bytes(), false)).await;
        tokio::time::pause();
        // Longer than a client may be silent; the clock jumps as soon as nobody has anything to do.
        tokio::time::sleep(Duration::from_secs(70)).await;
        tokio::time::resume();
        let reply = connection.reply().await;
        is_refused(&reply, 408, "stopped arriving");
    }
    let cut = chunked(begun.as_bytes(), true);
    let whole = [head("POST", "/v1/audio/transcriptions", &kind), cut].concat();
    is_refused(&gateway.send(&whole).await, 400, "its end is missing");
    let cut = chunked(long.as_bytes(), true);
    let whole = [head("POST", "/v1/audio/transcriptions", &kind), cut].concat();
    is_refused(&gateway.send(&whole).await, 400, "its end is missing");
}

/// What is over a bound is refused, also when only the bytes tell.
#[tokio::test]
async fn large_uploads_are_refused() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&config(&upstream.url(), "")).await;
    let body = part("model", "up/whisper-1") + &file("file") + &"x".repeat(300 << 10) + "\r\n--b--";
    let chunks = format!("content-type: {FORM}\r\ntransfer-encoding: chunked");
    let sized = format!("content-type: {FORM}\r\ncontent-length: {}", body.len());
    for path in ["/v1/audio/transcriptions", "/v1/files", "/up/v1/files"] {
        let bytes = [head("POST", path, &chunks), chunked(body.as_bytes(), true)].concat();
        is_refused(&gateway.send(&bytes).await, 413, "max_upload");
        is_refused(
            &gateway.send(&head("POST", path, &sized)).await,
            413,
            "max_upload",
        );
    }
    // Too large to be held, and its model unknown before its file.
    let late = file("file") + &"x".repeat(100 << 10);
    let bytes = [
        head("POST", "/v1/audio/transcriptions", &chunks),
        chunked(late.as_bytes(), false),
    ]
    .concat();
    is_refused(&gateway.send(&bytes).await, 400, "model");
}

/// An upload that its client gives up is given up upstream, and on record as failed.
#[tokio::test]
async fn clients_that_leave_take_their_uploads_along() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&config(&upstream.url(), "")).await;
    let sized = "content-type: application/octet-stream\r\ncontent-length: 1000";
    let mut connection = gateway.connect().await;
    connection.write(&head("PUT", "/up/v1/things", sized)).await;
    connection.write(b"some").await;
    drop(connection);
    let row = within("a row", async {
        loop {
            match gateway.entries().await.pop() {
                Some(row) => break row,
                None => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    assert_eq!(&*row.question.operation, "pass_through");
    assert_ne!(&*row.answer.outcome, "ok");
}

/// Providers whose names are ours do not shadow what is.
#[tokio::test]
async fn no_provider_shadows_our_paths() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&config(&upstream.url(), "")).await;
    let models = gateway.send(&head("GET", "/v1/models", "x: y")).await;
    assert_eq!(models.json()["object"], "list");
    is_refused(
        &gateway.send(&head("GET", "/v1/v1/models", "x: y")).await,
        404,
        "Unknown path",
    );
    is_refused(
        &gateway
            .send(&head("GET", "/v1/chat/completions", "x: y"))
            .await,
        405,
        "POST",
    );
    assert!(upstream.requests().is_empty());
}

/// Files that were uploaded here can be named in calls on models, at the provider that has them.
#[tokio::test]
async fn files_are_named_in_calls_on_models() {
    let (first, second) = (mimic().await, mimic().await);
    let mut text = config(&first.url(), "");
    text += &format!(
        "\x20 other: {{ kind: openai-compatible, base_url: \"{}/v1\", api_key: sk-upstream }}\n\
         models: {{ both: {{ targets: [ {{ target: other/echo }}, {{ target: up/echo }} ] }} }}\n",
        second.url()
    );
    let gateway = Gateway::start(&text).await;
    let upload = part("purpose", "user_data") + &file("file") + "hello\r\n--b--";
    let auth = format!("Bearer {KEY}");
    let kind = [("authorization", auth.as_str()), ("content-type", FORM)];
    let made = gateway
        .send(&request("POST", "/v1/files", &kind, upload.as_bytes()))
        .await;
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    let kind = [
        ("authorization", auth.as_str()),
        ("content-type", "application/json"),
    ];
    let chat = |model: &str, id: &str| {
        let body = format!(
            r#"{{"model":"{model}","messages":[{{"role":"user","content":[{{"type":"file","file":{{"file_id":"{id}"}}}}]}}]}}"#
        );
        request("POST", "/v1/chat/completions", &kind, body.as_bytes())
    };
    for _ in 0..3 {
        let reply = gateway.send(&chat("both", &id)).await;
        assert_eq!(
            reply.header("x-weir-target"),
            Some("up/echo"),
            "{}",
            reply.text()
        );
    }
    let sent = first.requests().pop().expect("a request").json();
    assert_eq!(
        sent["messages"][0]["content"][0]["file"]["file_id"],
        "file-mimic1"
    );
    assert!(second.requests().is_empty());
    assert_eq!(gateway.send(&chat("other/echo", &id)).await.status, 400);
    is_refused(
        &gateway
            .send(&chat("both", &(id[..id.len() - 2].to_owned() + "xx")))
            .await,
        404,
        "no object",
    );
}
