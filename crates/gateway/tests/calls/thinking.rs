//! Thinking on its way between vendors: what one of them thought comes back with the next turn,
//! which another answers.

use serde_json::{Value, json};
use weir_mimic::Mimic;

use crate::support::{Gateway, Reply, Speaks, mimic, providers};

/// An upstream of both dialects, `up` and `claude`, that is also known as Anthropic: `vendor`.
async fn vendors(upstream: &Mimic) -> Gateway {
    let url = upstream.url();
    let vendor = format!("  vendor: {{ kind: anthropic, base_url: \"{url}\", api_key: sk }}\n");
    Gateway::start(&(providers(&url, "") + &vendor)).await
}

async fn ask(gateway: &Gateway, model: &str, body: &Value) -> (Reply, Value) {
    let mut body = body.clone();
    body["model"] = model.into();
    let reply = gateway.call(Speaks::Anthropic, body.to_string()).await;
    let answer = reply.json();
    (reply, answer)
}

/// What was said, and what the model answered to it.
fn say(body: &mut Value, role: &str, content: Value) {
    let turn = json!({"role": role, "content": content});
    body["messages"].as_array_mut().unwrap().push(turn);
}

#[tokio::test]
async fn unsigned_thinking_stays_behind() {
    let upstream = mimic().await;
    let gateway = vendors(&upstream).await;
    let mut chat = json!({"max_tokens": 4096, "messages": [{"role": "user", "content": "one"}]});
    let (_, thought) = ask(&gateway, "up/thinking", &chat).await;
    let mut content = thought["content"].clone();
    assert_eq!(content[0]["type"], "thinking", "{thought}");
    assert_eq!(content[0]["signature"], "");
    say(&mut chat, "assistant", content.clone());
    say(&mut chat, "user", "\"type\":\"thinking\" two".into());

    // As the vendor itself would have it.
    let (refused, why) = ask(&gateway, "claude/echo", &chat).await;
    assert_eq!(refused.status, 400);
    let why = why["error"]["message"].as_str().unwrap();
    assert!(
        why.contains("Invalid `signature` in `thinking` block"),
        "{why}"
    );

    let (reply, answer) = ask(&gateway, "vendor/echo", &chat).await;
    assert_eq!(reply.status, 200, "{answer}");
    let losses = reply.header("x-weir-losses").unwrap();
    assert!(losses.contains("messages[1].content[0]"), "{losses}");
    content.as_array_mut().unwrap().remove(0);
    chat["messages"][1]["content"] = content;
    chat["model"] = "echo".into();
    let sent = upstream.requests().pop().unwrap().body;
    assert_eq!(sent, chat.to_string());
}

#[tokio::test]
async fn signed_thinking_goes_back_as_it_came() {
    let upstream = mimic().await;
    let gateway = vendors(&upstream).await;
    let mut chat = json!({"max_tokens": 4096, "messages": [{"role": "user", "content": "one"}]});
    let (_, thought) = ask(&gateway, "vendor/thinking+redact", &chat).await;
    say(&mut chat, "assistant", thought["content"].clone());
    say(&mut chat, "user", "two".into());
    let (reply, answer) = ask(&gateway, "vendor/echo", &chat).await;
    assert_eq!(
        (reply.status, reply.header("x-weir-losses")),
        (200, None),
        "{answer}"
    );
    chat["model"] = "echo".into();
    assert_eq!(upstream.requests().pop().unwrap().body, chat.to_string());
}

/// A vendor that thinks by a budget refuses a tool's result for a turn that did not begin so.
#[tokio::test]
async fn a_tool_loop_goes_on_at_another_vendor() {
    let upstream = mimic().await;
    let gateway = vendors(&upstream).await;
    let mut chat = json!({
        "max_tokens": 4096,
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "tools": [{"name": "look", "input_schema": {"type": "object", "properties": {}}}],
        "messages": [{"role": "user", "content": "one"}],
    });
    let (_, called) = ask(&gateway, "up/thinking+calls=1", &chat).await;
    let content = called["content"]
        .as_array()
        .unwrap_or_else(|| panic!("{called}"));
    let kinds: Vec<_> = content.iter().map(|block| &block["type"]).collect();
    assert_eq!(
        (kinds[0], kinds[kinds.len() - 1]),
        (&json!("thinking"), &json!("tool_use"))
    );
    let id = &content[content.len() - 1]["id"];
    say(&mut chat, "assistant", called["content"].clone());
    let result = json!([{"type": "tool_result", "tool_use_id": id, "content": "blue"}]);
    say(&mut chat, "user", result);
    let (reply, answer) = ask(&gateway, "vendor/echo", &chat).await;
    assert_eq!(reply.status, 200, "{answer}");
    let losses = reply.header("x-weir-losses").unwrap();
    assert!(
        losses.contains("thinking") && losses.contains("messages[1].content[0]"),
        "{losses}"
    );
    let sent = upstream.requests().pop().unwrap().json();
    assert_eq!(sent["thinking"], json!({"type": "disabled"}));
    assert_eq!(Speaks::Anthropic.text(&answer), "blue");
}
