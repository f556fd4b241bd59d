//! Token counts: the vendor's where it has them, else an estimate that says that it is one.

use serde_json::{Value, json};
use weir_model::Usage;

use crate::support::{Gateway, Reply, Speaks, mimic, providers};

async fn count(gateway: &Gateway, body: &str) -> Reply {
    let path = "/v1/messages/count_tokens";
    gateway
        .send(&Speaks::Anthropic.post(path, body.as_bytes()))
        .await
}

fn hello(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hello world"}]})
}

/// A count costs nothing and is no call where no vendor was asked.
#[tokio::test]
async fn tokens_are_counted() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for (model, estimated) in [("claude/echo", None), ("up/echo", Some("true"))] {
        let mut body = hello(model);
        body["system"] = "Be brief.".into();
        let reply = count(&gateway, &body.to_string()).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("x-weir-estimated"), estimated);
        let counted = reply.json()["input_tokens"].as_u64().unwrap();
        match estimated {
            None => assert!((3..20).contains(&counted), "{counted}"),
            // Two messages, the answer's opening, and the words of each.
            Some(_) => assert_eq!(counted, 2 * 4 + 3 + 3 + 2),
        }
    }
    let rows = gateway.entries().await;
    assert_eq!(rows.len(), 1, "an estimate is no call");
    assert_eq!(&*rows[0].question.operation, "count_tokens");
    assert_eq!(
        (rows[0].usage, rows[0].estimated),
        (Usage::default(), false)
    );
}

/// What a vendor refuses to count is refused alike.
#[tokio::test]
async fn bad_input_is_refused_as_the_vendor_does() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    let body = |model: &str, key: &str, value: Value| {
        let mut body = hello(model);
        body[key] = value;
        body.to_string()
    };
    let cases = [
        ("messages", json!(null)),
        ("messages", json!([])),
        ("messages", json!("hello")),
        ("messages", json!([{"role": "robot", "content": "x"}])),
        (
            "messages",
            json!([{"role": "user", "content": [{"type": "text"}]}]),
        ),
        ("system", json!(7)),
        ("tools", json!([{"name": 7}])),
    ];
    for (key, value) in cases {
        let real = count(&gateway, &body("claude/echo", key, value.clone())).await;
        let ours = count(&gateway, &body("up/echo", key, value.clone())).await;
        let kind = |reply: &Reply| reply.json()["error"]["type"].clone();
        assert_eq!((real.status, ours.status), (400, 400), "{key}: {value}");
        assert_eq!(kind(&ours), kind(&real), "{key}: {value}");
        assert_eq!(ours.json()["type"], "error");
    }
    for body in ["", "{", "[]", r#"{"messages":[]}"#] {
        assert_eq!(count(&gateway, body).await.status, 400, "{body}");
    }
}

/// Prompts of megabytes are counted beside calls that go on.
#[tokio::test]
async fn large_prompts_are_counted_while_others_are_served() {
    let upstream = mimic().await;
    let config = providers(&upstream.url(), "") + "server: { max_body: 32MiB }\n";
    let gateway = Gateway::start(&config).await;
    let mut large = hello("up/echo");
    large["messages"][0]["content"] = "a".repeat(10 << 20).into();
    let large = large.to_string();
    let client = Speaks::OpenAi;
    let chat = async {
        for _ in 0..10 {
            let reply = gateway.call(client, client.chat("up/echo", false)).await;
            assert_eq!(reply.status, 200);
        }
    };
    let (one, two, three, ()) = tokio::join!(
        count(&gateway, &large),
        count(&gateway, &large),
        count(&gateway, &large),
        chat
    );
    for reply in [one, two, three] {
        let tokens = (10 << 20) / 8 + 4 + 3;
        assert_eq!(reply.json(), json!({"input_tokens": tokens}));
    }
}
