//! What the Responses API keeps between calls: with vendors that keep nothing, with those that do,
//! and never for another key.

use serde_json::{Value, json};
use weir_mimic::Mimic;

use crate::support::{Gateway, KEY, NARROW_KEY, Reply, mimic, providers, request};

/// A second vendor of the same API, at whom another key made what is stored.
pub(crate) async fn gateway(upstream: &Mimic) -> Gateway {
    let url = upstream.url();
    let more = format!(
        "  native: {{ kind: openai, base_url: \"{url}/v1\", api_key: sk-one }}\n\
         \x20 other: {{ kind: openai, base_url: \"{url}/v1\", api_key: sk-two }}\n\
         \x20 stateless: {{ kind: openrouter, base_url: \"{url}/v1\", api_key: sk-three }}\n\
         models:\n\
         \x20 both: {{ targets: [{{ target: other/echo, weight: 1 }}], fallbacks: [native/echo] }}\n\
         \x20 fast: {{ targets: [{{ target: up/echo }}] }}\n"
    );
    Gateway::start(&(providers(&url, "") + &more)).await
}

pub(crate) async fn send(
    gateway: &Gateway,
    key: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> Reply {
    let bearer = format!("Bearer {key}");
    let mut headers = vec![("authorization", bearer.as_str())];
    let body = match body {
        Value::Null => String::new(),
        body => {
            headers.push(("content-type", "application/json"));
            body.to_string()
        }
    };
    let path = format!("/v1{path}");
    gateway
        .send(&request(method, &path, &headers, body.as_bytes()))
        .await
}

pub(crate) async fn ask(gateway: &Gateway, method: &str, path: &str, body: Value) -> Value {
    let reply = send(gateway, KEY, method, path, &body).await;
    assert_eq!(reply.status, 200, "{method} {path}: {}", reply.text());
    match reply.text().strip_prefix("event:") {
        None => reply.json(),
        Some(_) => {
            let last = reply
                .text()
                .lines()
                .rev()
                .find_map(|line| line.strip_prefix("data: "));
            serde_json::from_str::<Value>(last.unwrap()).unwrap()["response"].take()
        }
    }
}

pub(crate) async fn create(gateway: &Gateway, body: Value) -> Value {
    ask(gateway, "POST", "/responses", body).await
}

/// What is answered to a question without a body.
pub(crate) async fn refused(
    gateway: &Gateway,
    key: &str,
    method: &str,
    path: &str,
) -> (u16, Value) {
    let reply = send(gateway, key, method, path, &Value::Null).await;
    (reply.status, reply.json()["error"].take())
}

/// What is answered to a request for a response.
pub(crate) async fn turned_down(gateway: &Gateway, key: &str, body: Value) -> (u16, Value) {
    let reply = send(gateway, key, "POST", "/responses", &body).await;
    (reply.status, reply.json()["error"].take())
}

pub(crate) async fn get(gateway: &Gateway, path: &str) -> Value {
    ask(gateway, "GET", path, Value::Null).await
}

pub(crate) async fn delete(gateway: &Gateway, path: &str) -> Value {
    ask(gateway, "DELETE", path, Value::Null).await
}

pub(crate) fn text(answer: &Value) -> String {
    let items = answer["output"].as_array().into_iter().flatten();
    let parts = items.flat_map(|item| item["content"].as_array()).flatten();
    parts.filter_map(|part| part["text"].as_str()).collect()
}

pub(crate) fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_chain_over_vendors_that_keep_nothing_takes_what_was_said_with_it() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for model in ["up/echo", "claude/echo", "stateless/echo"] {
        for stream in [false, true] {
            let first = json!({"model": model, "input": "one", "instructions": "Be one.", "stream": stream});
            let first = create(&gateway, first).await;
            assert_eq!(text(&first), "one");
            if model != "stateless/echo" {
                assert_eq!(first["instructions"], "Be one.");
            }
            let second = json!({"model": model, "previous_response_id": first["id"], "stream": stream,
                "input": [{"role": "user", "content": "two"}]});
            let second = create(&gateway, second).await;
            assert_eq!(text(&second), "two");
            if model != "stateless/echo" {
                assert_eq!(second["previous_response_id"], first["id"], "{second}");
                assert_eq!(second["store"], true);
            }
            let third = json!({"model": "claude/echo", "previous_response_id": second["id"], "input": "three"});
            create(&gateway, third).await;
            let sent = upstream.requests().pop().unwrap();
            let said: Vec<_> = sent.json()["messages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|m| (m["role"].clone(), m["content"].clone()))
                .collect();
            let roles: Vec<_> = said
                .iter()
                .map(|(role, _)| role.as_str().unwrap())
                .collect();
            assert_eq!(
                roles,
                ["user", "assistant", "user", "assistant", "user"],
                "{said:?}"
            );
            // Instructions are not inherited.
            assert!(!sent.json().to_string().contains("Be one."));
        }
    }
}

#[tokio::test]
async fn the_input_of_what_is_kept_here_is_listed_in_pages() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let say = |n| json!({"role": "user", "content": format!("say {n}")});
    let input: Vec<_> = (0..25).map(say).collect();
    let made = create(&gateway, json!({"model": "fast", "input": input})).await;
    let items = format!("/responses/{}/input_items", id(&made));
    let shown = |page: &Value| {
        (
            page["data"].as_array().unwrap().len(),
            page["has_more"] == true,
        )
    };
    let first = get(&gateway, &items).await;
    assert_eq!(shown(&first), (20, true));
    assert_eq!(first["data"][0]["content"][0]["text"], "say 24");
    let last = first["last_id"].as_str().unwrap();
    let rest = get(&gateway, &format!("{items}?after={last}&order=desc")).await;
    assert_eq!(shown(&rest), (5, false));
    let oldest = get(&gateway, &format!("{items}?order=asc&limit=1")).await;
    assert_eq!(oldest["data"][0]["id"], rest["last_id"]);
    for bad in ["limit=0", "order=up", "after=x"] {
        let (status, error) = refused(&gateway, KEY, "GET", &format!("{items}?{bad}")).await;
        assert_eq!(
            (status, error["param"].as_str()),
            (400, bad.split('=').next())
        );
    }
}

#[tokio::test]
async fn what_is_kept_here_is_its_keys_alone_until_it_is_deleted() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let made = json!({"model": "fast", "input": "x", "metadata": {"a": "b"}});
    let made = create(&gateway, made).await;
    let path = format!("/responses/{}", id(&made));
    assert_eq!(get(&gateway, &path).await, made);
    let asked = [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/cancel"),
        ("GET", "/input_items"),
    ];
    for (method, below) in asked {
        let path = format!("{path}{below}");
        let (status, error) = refused(&gateway, NARROW_KEY, method, &path).await;
        assert_eq!(
            (status, error["type"].as_str()),
            (404, Some("invalid_request_error"))
        );
    }
    let stolen = json!({"model": "fast", "input": "x", "previous_response_id": made["id"]});
    let (status, error) = turned_down(&gateway, NARROW_KEY, stolen).await;
    assert_eq!(
        (status, error["code"].as_str()),
        (400, Some("previous_response_not_found"))
    );
    let cancelled = refused(&gateway, KEY, "POST", &format!("{path}/cancel")).await;
    assert_eq!(cancelled.0, 400);
    assert_eq!(
        upstream.requests().len(),
        1,
        "only the call itself went out"
    );
    assert_eq!(delete(&gateway, &path).await["deleted"], true);
    assert_eq!(refused(&gateway, KEY, "GET", &path).await.0, 404);
    let unkept = json!({"model": "fast", "input": "x", "store": false});
    let unkept = create(&gateway, unkept).await;
    assert_eq!(unkept["store"], false);
    let unkept = format!("/responses/{}", id(&unkept));
    assert_eq!(refused(&gateway, KEY, "GET", &unkept).await.0, 404);
}

#[tokio::test]
async fn an_id_that_a_vendor_made_goes_home() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for stream in [false, true] {
        let said = format!("first {stream}");
        let made = json!({"model": "native/echo", "input": said, "stream": stream});
        let made = create(&gateway, made).await;
        // The route prefers the other provider, which does not know the id.
        let next = json!({"model": "both", "input": "next", "previous_response_id": made["id"]});
        let next = create(&gateway, next).await;
        assert_eq!(
            (text(&next).as_str(), next["model"].as_str()),
            ("next", Some("both"))
        );
        let sent = upstream.requests().pop().unwrap();
        assert_eq!(sent.json()["previous_response_id"], made["id"]);
        assert_eq!(sent.header("authorization"), Some("Bearer sk-one"));
        let path = format!("/responses/{}", id(&made));
        let got = get(&gateway, &format!("{path}?include%5B%5D=x")).await;
        assert_eq!(
            (&got["id"], got["model"].as_str()),
            (&made["id"], Some("native/echo"))
        );
        let sent = upstream.requests().pop().unwrap();
        assert_eq!(sent.path, format!("/v1{path}?include%5B%5D=x"));
        let items = get(&gateway, &format!("{path}/input_items")).await;
        assert_eq!(items["data"][0]["content"][0]["text"], said);
        let (status, error) = refused(&gateway, KEY, "POST", &format!("{path}/cancel")).await;
        let told = "Cannot cancel a synchronous response.";
        assert_eq!((status, error["message"].as_str()), (400, Some(told)));
        let elsewhere =
            json!({"model": "claude/echo", "input": "x", "previous_response_id": made["id"]});
        let (status, error) = turned_down(&gateway, KEY, elsewhere).await;
        let told = error["message"].as_str().unwrap();
        assert!(status == 400 && told.contains("`native`"), "{error}");
        let before = upstream.requests().len();
        assert_eq!(refused(&gateway, NARROW_KEY, "GET", &path).await.0, 404);
        assert_eq!(upstream.requests().len(), before, "nobody else's id leaves");
        assert_eq!(delete(&gateway, &path).await["deleted"], true);
        assert_eq!(refused(&gateway, KEY, "GET", &path).await.0, 404);
    }
    // Nothing of these was a call that costs.
    assert_eq!(gateway.entries().await.len(), 4);
}

#[tokio::test]
async fn what_is_kept_here_continues_at_a_vendor_that_keeps_its_own() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let first = create(&gateway, json!({"model": "up/thinking", "input": "one"})).await;
    let next = json!({"model": "native/echo", "previous_response_id": first["id"], "input": "two"});
    let next = create(&gateway, next).await;
    assert_eq!(text(&next), "two");
    let sent = upstream.requests().pop().unwrap().json();
    assert!(sent.get("previous_response_id").is_none());
    let kinds: Vec<_> = sent["input"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["type"].clone())
        .collect();
    assert_eq!(
        kinds,
        ["message", "message", "message"],
        "thoughts that nobody can prove stay behind"
    );
}

#[tokio::test]
async fn background_is_for_vendors_that_have_it_and_is_billed_when_it_is_told() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let body = json!({"model": "native/echo+in=9", "input": "one two", "background": true});
    let made = create(&gateway, body.clone()).await;
    assert_eq!(made["status"], "queued");
    let row = gateway.entry().await;
    assert_eq!(
        (row.usage.input_tokens, row.answer.target.is_empty()),
        (0, false)
    );
    let path = format!("/responses/{}", id(&made));
    assert_eq!(get(&gateway, &path).await["status"], "in_progress");
    assert_eq!(gateway.entries().await.len(), 1);
    for _ in 0..2 {
        let got = get(&gateway, &path).await;
        assert_eq!(
            (&got["status"], text(&got).as_str()),
            (&json!("completed"), "one two")
        );
    }
    let rows = gateway.entries().await;
    assert_eq!((rows.len(), rows[1].usage.input_tokens), (2, 9), "once");
    assert_eq!(rows[1].answer.target, "native/echo+in=9");
    let replay = send(
        &gateway,
        KEY,
        "GET",
        &format!("{path}?stream=true&starting_after=1"),
        &Value::Null,
    )
    .await;
    assert_eq!(
        replay.header("content-type"),
        Some("text/event-stream; charset=utf-8")
    );
    assert!(
        replay.text().starts_with("event: response.completed\n"),
        "{}",
        replay.text()
    );
    assert_eq!(gateway.entry().await.usage.input_tokens, 0);
    let made = create(
        &gateway,
        json!({"model": "native/echo", "input": "stop", "background": true}),
    )
    .await;
    let cancelled = ask(
        &gateway,
        "POST",
        &format!("/responses/{}/cancel", id(&made)),
        Value::Null,
    )
    .await;
    assert_eq!(cancelled["status"], "cancelled");
    let elsewhere = json!({"model": "up/echo", "input": "x", "background": true});
    let (status, error) = turned_down(&gateway, KEY, elsewhere).await;
    assert_eq!((status, &error["param"]), (400, &json!("background")));
}
