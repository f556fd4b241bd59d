//! Calls over WebSockets: the Responses API over any upstream, and Realtime relayed as it is.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use weir_mimic::Mimic;

use crate::support::{Gateway, KEY, MAX_BODY, NARROW_KEY, Socket, mimic, providers};

const BEARER: &str = "Bearer sk-weir-test-0123456789";

async fn gateway(upstream: &Mimic) -> Gateway {
    let url = upstream.url();
    let more = format!(
        "  native: {{ kind: openai, base_url: \"{url}/v1\", api_key: sk-one }}\n\
         models: {{ talk: {{ targets: [{{ target: native/gpt-realtime }}] }} }}\n"
    );
    Gateway::start(&(providers(&url, "") + &more)).await
}

async fn open(gateway: &Gateway) -> Socket {
    assert_eq!(BEARER, format!("Bearer {KEY}"));
    let opened = Socket::open(gateway.addr, "/v1/responses", &[("authorization", BEARER)]).await;
    opened.unwrap_or_else(|refused| panic!("{refused:?}"))
}

fn create(more: Value) -> Value {
    let mut event = json!({"type": "response.create", "store": false, "tools": []});
    let fields = event.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    event
}

fn text(events: &[Value]) -> String {
    let deltas = events
        .iter()
        .filter(|event| event["type"] == "response.output_text.delta");
    deltas.filter_map(|event| event["delta"].as_str()).collect()
}

fn last(events: &[Value]) -> &Value {
    &events.last().unwrap()["response"]
}

#[tokio::test]
async fn turns_over_any_upstream_continue_on_their_connection() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for model in ["up/echo", "claude/echo", "native/echo"] {
        let mut socket = open(&gateway).await;
        let mut previous = Value::Null;
        for (at, word) in ["one", "two", "three"].into_iter().enumerate() {
            let input = json!([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": word}]}]);
            let event = json!({"model": model, "input": input, "previous_response_id": previous,
                "client_metadata": {"x": "y"}, "stream_id": "main"});
            socket.ask(create(event)).await;
            let events = socket.answer().await;
            assert_eq!(text(&events), word, "{events:?}");
            assert!(events.iter().all(|event| event["stream_id"] == "main"));
            previous = last(&events)["id"].clone();
            let sent = upstream.requests().pop().unwrap().json();
            assert!(
                sent.get("previous_response_id").is_none_or(Value::is_null),
                "{sent}"
            );
            let said = sent
                .get("input")
                .or(sent.get("messages"))
                .unwrap()
                .as_array()
                .unwrap()
                .len();
            assert_eq!(said, 1 + 2 * at, "{sent}");
        }
        socket.close(None).await;
    }
    let rows = gateway.entries().await;
    assert_eq!(rows.len(), 9, "one for each response");
    assert!(
        rows.iter()
            .all(|row| row.answer.outcome == "ok" && row.usage.output_tokens == 1)
    );
    // What is not stored is known on no other connection.
    let mut socket = open(&gateway).await;
    socket
        .ask(create(json!({"model": "up/echo", "input": "a"})))
        .await;
    let id = last(&socket.answer().await)["id"].clone();
    let mut other = open(&gateway).await;
    other
        .ask(create(
            json!({"model": "up/echo", "input": "b", "previous_response_id": id}),
        ))
        .await;
    let refused = other.event().await;
    assert_eq!(
        (&refused["type"], &refused["status"]),
        (&json!("error"), &json!(400))
    );
    assert_eq!(refused["error"]["code"], "previous_response_not_found");
    assert_eq!(refused["error"]["param"], "previous_response_id");
}

#[tokio::test]
async fn what_is_stored_continues_wherever_it_was_made() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let mut socket = open(&gateway).await;
    for model in ["up/echo", "native/echo"] {
        socket
            .ask(create(
                json!({"model": model, "input": format!("kept {model}"), "store": true}),
            ))
            .await;
        let kept = last(&socket.answer().await)["id"].clone();
        let mut next = open(&gateway).await;
        next.ask(create(
            json!({"model": model, "input": "on", "previous_response_id": kept}),
        ))
        .await;
        let here = last(&next.answer().await)["id"].clone();
        let sent = upstream.requests().pop().unwrap().json();
        match model {
            "native/echo" => assert_eq!(sent["previous_response_id"], kept),
            _ => assert_eq!(sent["messages"].as_array().unwrap().len(), 3),
        }
        // And from there on, what only this connection knows comes after what is stored.
        next.ask(create(
            json!({"model": model, "input": "and on", "previous_response_id": here}),
        ))
        .await;
        assert_eq!(text(&next.answer().await), "and on");
        let sent = upstream.requests().pop().unwrap().json();
        match model {
            "native/echo" => {
                assert_eq!(sent["previous_response_id"], kept);
                assert_eq!(sent["input"].as_array().unwrap().len(), 3);
            }
            _ => assert_eq!(sent["messages"].as_array().unwrap().len(), 5),
        }
    }
}

#[tokio::test]
async fn a_warm_up_costs_nothing_and_is_continued() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let mut socket = open(&gateway).await;
    let warm = json!({"model": "up/echo", "generate": false, "instructions": "Be brief.",
        "input": [{"role": "user", "content": "before"}]});
    socket.ask(create(warm)).await;
    let events = socket.answer().await;
    assert_eq!(
        (&last(&events)["status"], &last(&events)["output"]),
        (&json!("completed"), &json!([]))
    );
    assert!(upstream.requests().is_empty());
    let next = json!({"model": "up/echo", "input": [{"role": "user", "content": "now"}], "previous_response_id": last(&events)["id"]});
    socket.ask(create(next)).await;
    assert_eq!(text(&socket.answer().await), "now");
    let sent = upstream.requests().pop().unwrap().json();
    assert_eq!(sent["messages"].as_array().unwrap().len(), 2, "{sent}");
    assert_eq!(gateway.entries().await.len(), 1);
}

#[tokio::test]
async fn errors_are_frames_and_leave_the_connection_open() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let mut socket = open(&gateway).await;
    let asked = |model: &str| create(json!({"model": model, "input": "x"}));
    let mut background = asked("up/echo");
    background["background"] = true.into();
    for (event, status) in [
        (json!({"type": "response.create", "input": "x"}), 400),
        (json!({"type": "response.cancel"}), 400),
        (asked("nobody/knows"), 404),
        (background, 400),
        (create(json!({"model": "up/echo", "input": 5})), 400),
    ] {
        socket.ask(event.clone()).await;
        let told = socket.event().await;
        assert_eq!(
            (told["type"].as_str(), told["status"].as_u64()),
            (Some("error"), Some(status)),
            "{event}"
        );
        assert!(told["error"]["message"].is_string(), "{told}");
        assert!(told["headers"]["x-weir-request-id"].is_string());
    }
    socket.ask(asked("up/fail+status=429+retry_after=7")).await;
    let told = socket.event().await;
    assert_eq!(
        (
            told["status"].as_u64(),
            told["headers"]["retry-after"].as_str()
        ),
        (Some(429), Some("7"))
    );
    for wrong in [
        Message::text("not json"),
        Message::Binary(vec![1, 2].into()),
    ] {
        socket.send(wrong).await;
        assert_eq!(socket.event().await["status"], 400);
    }
    // A stream that breaks off tells a status as well, for clients that stay.
    socket.ask(asked("up/reset+at=3")).await;
    let broken = socket.answer().await;
    let told = broken.last().unwrap();
    assert_eq!(
        (told["type"].as_str(), told["status"].as_u64()),
        (Some("error"), Some(502)),
        "{told}"
    );
    assert_eq!(gateway.entry().await.answer.outcome, "cut");
    socket
        .ask(json!({"type": "response.processed", "response_id": "x"}))
        .await;
    socket.ask(asked("up/echo")).await;
    assert_eq!(text(&socket.answer().await), "x");
}

#[tokio::test]
async fn requests_wait_for_one_another_and_none_is_too_large() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let mut socket = open(&gateway).await;
    for word in ["first", "second", "third"] {
        let event = create(json!({"model": "up/echo", "input": word}));
        socket.ask(event).await;
    }
    for word in ["first", "second", "third"] {
        assert_eq!(text(&socket.answer().await), word);
    }
    socket.send(Message::text("x".repeat(MAX_BODY + 1))).await;
    assert_eq!(u16::from(socket.closed().await.unwrap().code), 1009);
}

#[tokio::test]
async fn only_who_may_opens_one() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for path in ["/v1/responses", "/v1/realtime?model=talk"] {
        let (status, body) = Socket::open(gateway.addr, path, &[]).await.err().unwrap();
        assert_eq!(
            (status, &body["error"]["code"]),
            (401, &json!("invalid_api_key")),
            "{path}"
        );
    }
    let mut old = vec![("authorization", BEARER), ("sec-websocket-version", "8")];
    let (status, _) = Socket::open(gateway.addr, "/v1/responses", &old)
        .await
        .err()
        .unwrap();
    assert_eq!(status, 426);
    old.pop();
    let (status, body) = Socket::open(gateway.addr, "/v1/models", &old)
        .await
        .err()
        .unwrap();
    assert_eq!(status, 200, "{body}");
    let narrow = format!("Bearer {NARROW_KEY}");
    let mut socket = Socket::open(gateway.addr, "/v1/responses", &[("authorization", &narrow)])
        .await
        .unwrap();
    socket
        .ask(create(json!({"model": "up/echo", "input": "x"})))
        .await;
    assert_eq!(socket.event().await["status"], 403);
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_call() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let mut socket = open(&gateway).await;
    socket
        .ask(create(json!({"model": "up/stall+at=3", "input": "x"})))
        .await;
    while socket.event().await["type"] != "response.output_text.delta" {}
    drop(socket);
    upstream
        .until(|all| all.iter().any(|request| request.cancelled))
        .await;
    assert_eq!(gateway.entry().await.answer.outcome, "cancelled");
}

#[tokio::test]
async fn a_drain_ends_what_waits_and_lets_a_turn_finish() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let mut idle = open(&gateway).await;
    let mut busy = open(&gateway).await;
    busy.ask(create(
        json!({"model": "up/echo+gap_ms=200", "input": "one two"}),
    ))
    .await;
    while busy.event().await["type"] != "response.output_text.delta" {}
    gateway.drain();
    assert_eq!(u16::from(idle.closed().await.unwrap().code), 1012);
    assert_eq!(
        busy.answer().await.last().unwrap()["type"],
        "response.completed"
    );
    assert_eq!(u16::from(busy.closed().await.unwrap().code), 1012);
    drop((idle, busy));
    gateway.stopped().await;
}

async fn talk(
    gateway: &Gateway,
    query: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, (u16, Value)> {
    Socket::open(gateway.addr, &format!("/v1/realtime?{query}"), headers).await
}

#[tokio::test]
async fn realtime_frames_travel_as_they_are_and_every_response_is_on_record() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let offered = format!("realtime, openai-insecure-api-key.{KEY}, openai-beta.realtime-v1");
    for headers in [
        &[("authorization", BEARER)][..],
        &[("sec-websocket-protocol", offered.as_str())][..],
    ] {
        let mut socket = talk(&gateway, "model=talk&x=y", headers).await.unwrap();
        let opened = upstream.requests().pop().unwrap();
        assert_eq!(opened.path, "/v1/realtime?model=gpt-realtime&x=y");
        assert_eq!(opened.header("authorization"), Some("Bearer sk-one"));
        assert!(!format!("{:?}", opened.headers).contains(KEY));
        if headers[0].0 == "sec-websocket-protocol" {
            assert_eq!(socket.head["sec-websocket-protocol"], "realtime");
        }
        assert_eq!(socket.event().await["type"], "session.created");
        for words in ["one two", "three"] {
            let item = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]});
            socket
                .ask(json!({"type": "conversation.item.create", "item": item}))
                .await;
            assert_eq!(socket.event().await["type"], "conversation.item.added");
            socket.ask(json!({"type": "response.create"})).await;
            let events = socket.answer().await;
            assert_eq!(last(&events)["output"][0]["content"][0]["text"], words);
        }
        socket.ask(json!({"type": "nonsense"})).await;
        assert_eq!(socket.event().await["error"]["param"], "type");
        socket.close(None).await;
    }
    let rows = gateway.entries().await;
    assert_eq!(rows.len(), 4);
    let row = &rows[0];
    assert_eq!(
        (row.question.operation.as_str(), row.question.model.as_str()),
        ("realtime", "talk")
    );
    assert_eq!(
        (
            row.usage.input_tokens,
            row.usage.input_audio_tokens,
            row.usage.output_tokens
        ),
        (10, 3, 2)
    );
    assert_eq!(
        (row.usage.cache_read_tokens, row.answer.target.as_str()),
        (2, "native/gpt-realtime")
    );
}

#[tokio::test]
async fn realtime_carries_binary_frames_and_both_ends_codes() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let headers = [("authorization", BEARER)];
    let mut socket = talk(&gateway, "model=native/gpt-realtime%2Bbinary", &headers)
        .await
        .unwrap();
    socket.event().await;
    let bytes = Message::Binary((0..=255).collect::<Vec<u8>>().into());
    socket.send(bytes.clone()).await;
    assert_eq!(socket.next().await, bytes);
    socket
        .close(Some(CloseFrame {
            code: 4002.into(),
            reason: "bye".into(),
        }))
        .await;
    upstream
        .until(|all| all.iter().all(|request| request.finished))
        .await;
    let mut socket = talk(&gateway, "model=native/gpt-realtime%2Bclose=4001", &headers)
        .await
        .unwrap();
    socket.event().await;
    socket.ask(json!({"type": "response.create"})).await;
    let closed = socket.closed().await.unwrap();
    assert_eq!(
        (u16::from(closed.code), closed.reason.as_str()),
        (4001, "as the model's name says")
    );
    for (query, status) in [
        ("x=y", 400),
        ("model=up/echo", 400),
        ("model=native/gpt-4o", 404),
        ("model=nobody/x", 404),
    ] {
        let (refused, body) = talk(&gateway, query, &headers).await.err().unwrap();
        assert_eq!(refused, status, "{query}: {body}");
        assert!(body["error"]["message"].is_string(), "{body}");
    }
    assert_eq!(gateway.entries().await.len(), 0);
}

#[tokio::test]
async fn a_disabled_key_ends_its_realtime_session() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let new = weir_store::NewKey {
        name: "soon gone".into(),
        role: weir_store::KeyRole::Virtual,
        models: vec!["*".into()],
        project: None,
    };
    let made = gateway.store.keys().create(new).await.unwrap();
    let bearer = format!("Bearer {}", made.plain);
    let mut talking = talk(&gateway, "model=talk", &[("authorization", &bearer)])
        .await
        .unwrap();
    let mut asking = Socket::open(gateway.addr, "/v1/responses", &[("authorization", &bearer)])
        .await
        .unwrap();
    talking.event().await;
    gateway.store.keys().disable(&made.key.id).await.unwrap();
    assert_eq!(u16::from(talking.closed().await.unwrap().code), 1008);
    asking
        .ask(create(json!({"model": "up/echo", "input": "x"})))
        .await;
    assert_eq!(asking.event().await["status"], 401);
    assert_eq!(u16::from(asking.closed().await.unwrap().code), 1008);
}

#[tokio::test]
async fn a_client_secret_is_the_providers_own() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let ask = async |model: &str| {
        let body = json!({"session": {"type": "realtime", "model": model}}).to_string();
        let headers = [
            ("authorization", BEARER),
            ("content-type", "application/json"),
        ];
        let request = crate::support::request(
            "POST",
            "/v1/realtime/client_secrets",
            &headers,
            body.as_bytes(),
        );
        gateway.send(&request).await
    };
    let secret = ask("talk").await;
    assert_eq!(
        (secret.status, &secret.json()["value"]),
        (200, &json!("ek_mimic")),
        "{}",
        secret.text()
    );
    let sent = upstream.requests().pop().unwrap();
    assert_eq!(sent.json()["session"]["model"], "gpt-realtime");
    assert_eq!(sent.header("authorization"), Some("Bearer sk-one"));
    assert_eq!(gateway.entry().await.usage.total_tokens(), 0);
    assert_eq!(ask("up/echo").await.status, 400);
}
