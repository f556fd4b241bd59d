//! Request lines and headers: those that nobody can read are refused in words, and those that mean
//! two things to two readers never let one request hide in another.

use crate::support::{
    Gateway, KEY, MAX_BODY, Reaction, Reply, Scripted, Speaks, mimic, providers, request,
};

async fn gateway(url: &str) -> Gateway {
    Gateway::start(&providers(url, "")).await
}

/// Checks a refusal that ends its connection.
fn refused(speaks: Speaks, reply: &Reply, status: u16, says: &str) {
    let told = speaks.told(&reply.body);
    assert_eq!(reply.status, status, "{told:?}");
    assert_eq!(told.kind, "invalid_request_error", "{told:?}");
    assert!(told.message.contains(says), "{says}: {told:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("connection"), Some("close"));
    assert!(reply.header("date").is_some());
    let id = reply.header("x-weir-request-id");
    assert!(id.is_some_and(|id| id.starts_with("req_")), "{id:?}");
}

#[tokio::test]
async fn unreadable_heads_are_refused() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    let huge = format!("x-huge: {}", "h".repeat(80 << 10));
    let many = vec!["x-one-of-many: 1"; 101].join("\r\n");
    let line = |speaks: Speaks, line: &str| {
        let line = line.replace("PATH", speaks.path());
        format!("{line}\r\nhost: gateway\r\n\r\n").into_bytes()
    };
    for speaks in Speaks::BOTH {
        let lengths = "content-length: 2\r\ncontent-length: 3";
        let cases = [
            (speaks.head(lengths), 400, "Send one `Content-Length`"),
            (speaks.head("content-length: 2, 3"), 400, "`Content-Length`"),
            (speaks.head("content-length: -1"), 400, "`Content-Length`"),
            (speaks.head("content-length: two"), 400, "`Content-Length`"),
            (
                speaks.head("transfer-encoding: br"),
                400,
                "`Transfer-Encoding: chunked`",
            ),
            (speaks.head("no colon"), 400, "`Name: value`"),
            (speaks.head("x: \0"), 400, "`Name: value`"),
            (
                speaks.head(&huge),
                431,
                "65536 bytes (`server.max_header_bytes`)",
            ),
            (speaks.head(&many), 431, "100 headers"),
            (
                line(speaks, "POST PATH HTTP/3.7"),
                400,
                "`POST /v1/chat/completions HTTP/1.1`",
            ),
            (line(speaks, "POST PATH"), 400, "Begin with a line"),
            (line(speaks, "P@ST PATH HTTP/1.1"), 400, "Begin with a line"),
            (
                line(speaks, "POST PATH<> HTTP/1.1"),
                400,
                "Begin with a line",
            ),
        ];
        for (head, status, says) in cases {
            let before = gateway.refusals();
            let mut connection = gateway.connect().await;
            connection.write(&head).await;
            refused(speaks, &connection.reply().await, status, says);
            connection.closed().await;
            assert_eq!(gateway.refusals(), before + 1);
        }
    }
    assert_eq!(upstream.requests(), []);
    assert_eq!(gateway.entries().await, []);
}

#[tokio::test]
async fn the_bounds_of_a_head_are_the_operators() {
    let config = providers("http://127.0.0.1:9", "") + "server: { max_header_bytes: 128KiB }\n";
    let gateway = Gateway::start(&config).await;
    for speaks in Speaks::BOTH {
        let path = format!("{}?{}", speaks.path(), "q".repeat(70 << 10));
        let reply = gateway.send(&speaks.post(&path, b"{}")).await;
        refused(speaks, &reply, 414, "URI");
        let huge = format!("x-huge: {}", "h".repeat(140 << 10));
        let reply = gateway.send(&speaks.head(&huge)).await;
        refused(speaks, &reply, 431, "131072 bytes");
        let large = format!("x-large: {}\r\ncontent-length: 0", "h".repeat(100 << 10));
        let reply = gateway.send(&speaks.head(&large)).await;
        assert!(speaks.told(&reply.body).message.contains("is empty"));
    }
}

/// The refusal comes after the answers to what was asked before, which come whole.
#[tokio::test]
async fn earlier_answers_come_first() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    for speaks in Speaks::BOTH {
        let good = |stream| {
            let body = speaks.chat(&format!("{}/lorem", speaks.provider()), stream);
            speaks.post(speaks.path(), body.as_bytes())
        };
        let bad = speaks.head("content-length: 2\r\ncontent-length: 3");
        for stream in [false, true] {
            let mut connection = gateway.connect().await;
            connection.write(&good(stream)).await;
            assert_eq!(connection.reply().await.status, 200);
            connection
                .write(&[good(stream), good(stream), bad.clone()].concat())
                .await;
            assert_eq!(connection.reply().await.status, 200);
            let second = connection.reply().await;
            assert_eq!(second.status, 200);
            assert_eq!(second.header("connection"), None);
            if stream {
                assert!(!speaks.streamed(second.text()).is_empty());
            }
            refused(speaks, &connection.reply().await, 400, "`Content-Length`");
            connection.closed().await;
        }
    }
    assert_eq!(upstream.requests().len(), 12);
}

/// A client that does not read keeps an answer half written; a bad head waits behind it.
#[tokio::test]
async fn an_answer_under_way_is_finished_first() {
    let text = "x".repeat(16 << 20);
    let upstream = Scripted::always(Reaction::chat(&text)).await;
    let gateway = gateway(&upstream.url()).await;
    let mut connection = gateway.connect().await;
    let body = Speaks::OpenAi.chat("up/m", false);
    let good = Speaks::OpenAi.post("/v1/chat/completions", body.as_bytes());
    connection.write(&good).await;
    assert_eq!(connection.head().await.status, 200);
    connection
        .write(b"GET /v1/models HTTP/1.1\r\nno colon\r\n\r\n")
        .await;
    let whole = serde_json::from_slice(&connection.rest().await).unwrap();
    assert!(Speaks::OpenAi.text(&whole) == text);
    refused(
        Speaks::OpenAi,
        &connection.reply().await,
        400,
        "`Name: value`",
    );
    connection.closed().await;
}

/// Neither a head that trickles in nor a body behind it keeps the client from reading why.
#[tokio::test]
async fn a_bad_head_comes_as_it_likes() {
    let gateway = gateway("http://127.0.0.1:9").await;
    for speaks in Speaks::BOTH {
        let head = speaks.head("content-length: 2\r\ncontent-length: 3");
        let mut connection = gateway.connect().await;
        for byte in &head {
            connection.write(&[*byte]).await;
        }
        refused(speaks, &connection.reply().await, 400, "`Content-Length`");
        let behind = [head, vec![b' '; 16 * MAX_BODY]].concat();
        refused(
            speaks,
            &gateway.send(&behind).await,
            400,
            "`Content-Length`",
        );
    }
}

/// RFC 9112, section 6.3: such a request is read by its chunks alone, and is the last one.
#[tokio::test]
async fn no_request_hides_in_another() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    for speaks in Speaks::BOTH {
        let body = speaks.chat(&format!("{}/echo", speaks.provider()), false);
        let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes();
        let hidden = speaks.post(speaks.path(), body.as_bytes());
        let whole = [chunked, hidden].concat();
        let length = format!("content-length: {}", whole.len());
        for fields in [
            [&*length, "transfer-encoding: chunked"],
            ["transfer-encoding: chunked", &*length],
        ] {
            let mut connection = gateway.connect().await;
            connection.write(&speaks.head(&fields.join("\r\n"))).await;
            connection.write(&whole).await;
            let reply = connection.reply().await;
            assert_eq!(
                (reply.status, reply.header("connection")),
                (200, Some("close"))
            );
            connection.closed().await;
        }
    }
    assert_eq!(upstream.requests().len(), 4);
}

/// RFC 9112, section 3.2: every request of HTTP/1.1 names one host, however it names its path.
#[tokio::test]
async fn hosts_and_paths_in_every_form() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    for speaks in Speaks::BOTH {
        let body = speaks.chat(&format!("{}/echo", speaks.provider()), false);
        let good = String::from_utf8(speaks.post(speaks.path(), body.as_bytes())).unwrap();
        let absolute = format!("http://any.where:81{}", speaks.path());
        let cases = [
            (good.replace("host: gateway\r\n", ""), 400),
            (
                good.replace("host: gateway\r\n", "host: a\r\nhost: b\r\n"),
                400,
            ),
            (good.replace("host: gateway\r\n", "host:\r\n"), 200),
            (
                good.replace("host: gateway\r\n", "")
                    .replace("HTTP/1.1", "HTTP/1.0"),
                200,
            ),
            (good.replacen(speaks.path(), &absolute, 1), 200),
            (
                good.replacen(speaks.path(), "http://any.where/v1/nowhere", 1),
                404,
            ),
            (good.replacen(speaks.path(), "*", 1), 404),
        ];
        for (bytes, status) in cases {
            let reply = gateway.send(bytes.as_bytes()).await;
            let text = reply.text();
            assert_eq!(reply.status, status, "{text}\n{bytes}");
            if status == 400 {
                assert!(text.contains("Send one `Host` header"), "{text}");
            }
        }
    }
}

/// Who asks before sending a body is told to go on, or why not, never both.
#[tokio::test]
async fn expectations_are_met() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    for speaks in Speaks::BOTH {
        let body = speaks.chat(&format!("{}/echo", speaks.provider()), false);
        let length = format!("expect: 100-continue\r\ncontent-length: {}", body.len());
        let good = speaks.head(&length);
        let mut connection = gateway.connect().await;
        connection.write(&good).await;
        assert_eq!(connection.head().await.status, 100);
        connection.write(body.as_bytes()).await;
        assert_eq!(connection.reply().await.status, 200);
        let bad = String::from_utf8(good).unwrap().replace(KEY, "sk-wrong");
        connection.write(bad.as_bytes()).await;
        let reply = connection.reply().await;
        assert_eq!(
            (reply.status, reply.header("connection")),
            (401, Some("close"))
        );
        speaks.told(&reply.body);
    }
    assert_eq!(upstream.requests().len(), 2);
}

/// Methods that begin like the preface of HTTP/2 are none.
#[tokio::test]
async fn a_method_is_not_a_preface() {
    let gateway = gateway("http://127.0.0.1:9").await;
    let reply = gateway
        .send(&request("PROPFIND", "/v1/models", &[], b""))
        .await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")));
}
