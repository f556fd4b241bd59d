//! What vendors want back with the next turn: their proofs of reasoning find their way through clients
//! that do not know them, over restarts and fallbacks, and never to somebody else.

use serde_json::{Value, json};
use weir_mimic::Mimic;
use weir_store::Clock;

use crate::support::{Gateway, KEY, Reply, Speaks, mimic, request};

/// The upstreams that verify their proofs: Anthropic's, Google's and OpenAI's.
const VENDORS: [&str; 3] = ["vendor", "google", "openai"];

const OTHER_KEY: &str = "sk-weir-test-other-01234";

const NOW: i64 = 1_800_000_000_000_000_000;
const DAY: i64 = 86_400_000_000_000;

fn config(upstream: &Mimic, models: &str) -> String {
    let url = upstream.url();
    format!(
        "providers:\n\
         \x20 vendor: {{ kind: anthropic, base_url: \"{url}\", api_key: sk-upstream }}\n\
         \x20 google: {{ kind: gemini-compatible, base_url: \"{url}/v1beta\", api_key: sk-upstream }}\n\
         \x20 openai: {{ kind: custom, speaks: {{ openai_responses: \"{url}/v1\" }}, api_key: sk-upstream }}\n\
         keys:\n\
         \x20 - {{ name: all, value: {KEY} }}\n\
         \x20 - {{ name: other, value: {OTHER_KEY} }}\n\
         models: {{ {models} }}\n"
    )
}

/// A chat of an OpenAI client that wants thought and a tool.
fn chat(model: &str) -> Value {
    json!({"model": model, "reasoning_effort": "low",
        "messages": [{"role": "user", "content": "one"}],
        "tools": [{"type": "function", "function": {"name": "now"}}]})
}

/// What a client sends next that knows nothing beyond OpenAI's own reference.
fn answer(chat: &mut Value, calls: &[Value]) {
    let calls: Vec<Value> = calls
        .iter()
        .map(|call| {
            let of = &call["function"];
            let function = json!({"name": of["name"], "arguments": of["arguments"]});
            json!({"id": call["id"], "type": "function", "function": function})
        })
        .collect();
    let results = calls.iter().map(|call| {
        let id = &call["id"];
        json!({"role": "tool", "tool_call_id": id, "content": "noon"})
    });
    let mut turns = vec![json!({"role": "assistant", "content": null, "tool_calls": calls})];
    turns.extend(results);
    chat["messages"].as_array_mut().unwrap().extend(turns);
}

/// The tool calls of an answer, streamed or not.
fn calls(reply: &Reply) -> Vec<Value> {
    let text = reply.text();
    assert_eq!(reply.status, 200, "{text}");
    if !text.starts_with("data:") {
        let message = &reply.json()["choices"][0]["message"];
        return message["tool_calls"]
            .as_array()
            .cloned()
            .unwrap_or_default();
    }
    let mut calls: Vec<Value> = Vec::new();
    let frames = text
        .split_terminator("\n\n")
        .filter(|frame| frame.contains("tool_calls\":["));
    for frame in frames {
        let chunk: Value = serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap();
        for delta in chunk["choices"][0]["delta"]["tool_calls"]
            .as_array()
            .unwrap()
        {
            let at = delta["index"].as_u64().unwrap() as usize;
            if calls.len() == at {
                calls.push(delta.clone());
                continue;
            }
            let more = delta["function"]["arguments"].as_str().unwrap_or_default();
            let arguments = &mut calls[at]["function"]["arguments"];
            *arguments = (arguments.as_str().unwrap_or_default().to_owned() + more).into();
        }
    }
    calls
}

async fn ask(gateway: &Gateway, body: &Value) -> Reply {
    gateway.call(Speaks::OpenAi, body.to_string()).await
}

/// The proof that an upstream was sent last, if any.
fn proof(upstream: &Mimic) -> Option<String> {
    fn find(value: &Value) -> Option<String> {
        match value {
            Value::Object(fields) => fields.iter().find_map(|(key, value)| {
                let proves = ["signature", "thoughtSignature", "encrypted_content"];
                let proof = value.as_str().filter(|_| proves.contains(&key.as_str()));
                proof.map(str::to_owned).or_else(|| find(value))
            }),
            Value::Array(items) => items.iter().find_map(find),
            _ => None,
        }
    }
    let sent = upstream.requests().pop().unwrap().json();
    find(&sent).filter(|proof| proof != "skip_thought_signature_validator")
}

fn lost(reply: &Reply) -> &str {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.header("x-weir-losses").unwrap_or_default()
}

#[tokio::test]
async fn clients_that_send_back_what_they_know_are_enough() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&config(&upstream, "")).await;
    for vendor in VENDORS {
        for (stream, count) in [(false, 1), (true, 1), (false, 2), (true, 2)] {
            let mut chat = chat(&format!("{vendor}/thinking+calls={count}"));
            chat["stream"] = stream.into();
            let calls = calls(&ask(&gateway, &chat).await);
            assert_eq!(calls.len(), count, "{vendor}");
            for call in &calls {
                let id = call["id"].as_str().unwrap();
                let fits = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
                assert!(id.len() <= 40 && id.bytes().all(fits), "{id}");
            }
            answer(&mut chat, &calls);
            let reply = ask(&gateway, &chat).await;
            assert_eq!(lost(&reply), "", "{vendor}");
            assert!(reply.text().contains("noon"), "{}", reply.text());
            assert!(proof(&upstream).is_some(), "{vendor} stream={stream}");
            let sent = upstream.requests().pop().unwrap().json().to_string();
            assert!(!sent.contains("weir1"), "{sent}");
        }
    }
}

#[tokio::test]
async fn a_restart_takes_nothing() {
    let upstream = mimic().await;
    let config = config(&upstream, "");
    let mut gateway = Gateway::start(&config).await;
    for vendor in VENDORS {
        let mut chat = chat(&format!("{vendor}/thinking+calls=1"));
        let calls = calls(&ask(&gateway, &chat).await);
        answer(&mut chat, &calls);
        gateway = gateway.restart(&config).await;
        assert_eq!(lost(&ask(&gateway, &chat).await), "", "{vendor}");
        assert!(proof(&upstream).is_some(), "{vendor}");
    }
}

#[tokio::test]
async fn what_has_expired_is_a_loss_and_no_failure() {
    let upstream = mimic().await;
    let clock = Clock::fixed(NOW);
    let gateway = Gateway::start_at(&config(&upstream, ""), clock.clone()).await;
    for vendor in VENDORS {
        clock.set(NOW);
        let mut chat = chat(&format!("{vendor}/thinking+calls=1"));
        let calls = calls(&ask(&gateway, &chat).await);
        answer(&mut chat, &calls);
        clock.set(NOW + DAY);
        let reply = ask(&gateway, &chat).await;
        let losses = lost(&reply);
        assert!(
            losses.contains("what was kept for the call is no longer there"),
            "{losses}"
        );
        assert_eq!(proof(&upstream), None, "{vendor}");
    }
}

#[tokio::test]
async fn what_is_too_much_to_keep_is_a_loss() {
    let upstream = mimic().await;
    let small = config(&upstream, "") + "state: { max_entry_bytes: 20B }\n";
    let gateway = Gateway::start(&small).await;
    for stream in [false, true] {
        let mut chat = chat("vendor/thinking+calls=1");
        chat["stream"] = stream.into();
        let calls = calls(&ask(&gateway, &chat).await);
        answer(&mut chat, &calls);
        let reply = ask(&gateway, &chat).await;
        assert!(lost(&reply).contains("no longer there"), "{}", lost(&reply));
        assert_eq!(proof(&upstream), None);
    }
}

#[tokio::test]
async fn what_is_anothers_is_not_found() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&config(&upstream, "")).await;
    let mut chat = chat("google/thinking+calls=1");
    let calls = calls(&ask(&gateway, &chat).await);
    answer(&mut chat, &calls);
    let body = chat.to_string();
    let theirs = Speaks::OpenAi.post_as(OTHER_KEY, "/v1/chat/completions", body.as_bytes());
    let reply = gateway.send(&theirs).await;
    assert!(lost(&reply).contains("no longer there"));
    assert_eq!(proof(&upstream), None);
}

/// A chat of an Anthropic client, and the turn that follows what a model thought and called.
async fn loop_of_anthropic(gateway: &Gateway, model: &str) -> Value {
    let mut chat = json!({"model": model, "max_tokens": 4096,
        "messages": [{"role": "user", "content": "one"}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "now", "input_schema": {"type": "object", "properties": {}}}]});
    let reply = gateway.call(Speaks::Anthropic, chat.to_string()).await;
    let content = reply.json()["content"].clone();
    assert_eq!(content[0]["type"], "thinking", "{}", reply.text());
    let call = content.as_array().unwrap().last().unwrap();
    let result = json!([{"type": "tool_result", "tool_use_id": call["id"], "content": "noon"}]);
    let messages = chat["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": content}));
    messages.push(json!({"role": "user", "content": result}));
    chat
}

#[tokio::test]
async fn sealed_proofs_open_only_for_whom_they_were_sealed() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&config(&upstream, "")).await;
    for vendor in ["google", "openai"] {
        let chat = loop_of_anthropic(&gateway, &format!("{vendor}/thinking+calls=1")).await;
        let sealed = chat["messages"][1]["content"][0]["signature"]
            .as_str()
            .unwrap();
        assert!(
            sealed.starts_with("weir1sig") && sealed.len() % 4 == 0,
            "{sealed}"
        );
        let ask = async |chat: &Value| gateway.call(Speaks::Anthropic, chat.to_string()).await;
        let reply = ask(&chat).await;
        assert!(!lost(&reply).contains("messages"), "{}", lost(&reply));
        let own = proof(&upstream).unwrap();

        let body = chat.to_string();
        let theirs = Speaks::Anthropic.post_as(OTHER_KEY, "/v1/messages", body.as_bytes());
        let reply = gateway.send(&theirs).await;
        assert!(
            lost(&reply).contains("it was given to another key"),
            "{vendor}"
        );
        assert_ne!(proof(&upstream), Some(own), "{vendor}");

        let mut bent = sealed.to_owned().into_bytes();
        let last = bent.len() - 30;
        bent[last] = if bent[last] == b'A' { b'B' } else { b'A' };
        let bent = String::from_utf8(bent).unwrap();
        let mut forged = chat.clone();
        forged["messages"][1]["content"][0]["signature"] = bent.into();
        let reply = ask(&forged).await;
        assert_eq!(reply.status, 400, "{}", reply.text());
        let told = Speaks::Anthropic.told(&reply.body);
        assert_eq!(told.kind, "invalid_request_error");
        assert!(
            told.message.contains("`messages[1].content[0].signature`"),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn a_conversation_goes_on_where_its_state_is() {
    let upstream = mimic().await;
    let begins = config(
        &upstream,
        "both: { targets: [ { target: google/thinking+calls=1 } ] }",
    );
    let gateway = Gateway::start(&begins).await;
    let mut chat = chat("both");
    let calls = calls(&ask(&gateway, &chat).await);
    answer(&mut chat, &calls);
    let anthropic = loop_of_anthropic(&gateway, "both").await;

    // The first target of either client is not where it came from; for one it is native.
    let model = "both: { targets: [ { target: vendor/thinking } ], fallbacks: [google/thinking] }";
    gateway.replace(&config(&upstream, model));
    for (speaks, chat) in [(Speaks::OpenAi, &chat), (Speaks::Anthropic, &anthropic)] {
        let reply = gateway.call(speaks, chat.to_string()).await;
        // Google signs its last words too, which has no place in an answer of Anthropic's.
        let losses = lost(&reply);
        assert!(!losses.contains("messages"), "{speaks:?}: {losses}");
        assert_eq!(reply.header("x-weir-target"), Some("google/thinking"));
        assert!(proof(&upstream).is_some());
    }

    // Home fails, so that somebody answers who cannot read it.
    let model = "both: { targets: [ { target: vendor/thinking } ], fallbacks: [google/fail] }";
    gateway.replace(&config(&upstream, model));
    for (speaks, chat) in [(Speaks::OpenAi, &chat), (Speaks::Anthropic, &anthropic)] {
        let reply = gateway.call(speaks, chat.to_string()).await;
        let losses = lost(&reply);
        assert!(
            losses.contains("messages[1].content[0]"),
            "{speaks:?}: {losses}"
        );
        assert_eq!(reply.header("x-weir-target"), Some("vendor/thinking"));
        assert_eq!(proof(&upstream), None);
    }
}

#[tokio::test]
async fn google_gets_nothing_that_it_would_refuse() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&config(&upstream, "")).await;
    let ask = async |model: &str, body: &Value| {
        let path = format!("/v1beta/models/{model}:generateContent");
        let headers = [
            ("x-goog-api-key", KEY),
            ("content-type", "application/json"),
        ];
        let body = body.to_string();
        gateway
            .send(&request("POST", &path, &headers, body.as_bytes()))
            .await
    };
    let mut chat = json!({
        "contents": [{"role": "user", "parts": [{"text": "one"}]}],
        "generationConfig": {"thinkingConfig": {"includeThoughts": true, "thinkingBudget": 1024}},
        "tools": [{"functionDeclarations": [{"name": "now"}]}]});
    let reply = ask("vendor/thinking+calls=1", &chat).await;
    let content = reply.json()["candidates"][0]["content"].clone();
    let parts = content["parts"].as_array().unwrap();
    let call = &parts.last().unwrap()["functionCall"];
    let result = json!({"id": call["id"], "name": "now", "response": {"output": "noon"}});
    let contents = chat["contents"].as_array_mut().unwrap();
    contents.push(content.clone());
    contents.push(json!({"role": "user", "parts": [{"functionResponse": result}]}));

    assert_eq!(lost(&ask("vendor/thinking", &chat).await), "");
    assert!(proof(&upstream).is_some());
    let native = ask("google/thinking", &chat).await;
    assert!(
        lost(&native).contains("contents[1].parts["),
        "{}",
        lost(&native)
    );
    assert_eq!(proof(&upstream), None);

    // An agent that shows thoughts and forgets them.
    let calls = parts.iter().filter(|part| part["functionCall"].is_object());
    chat["contents"][1]["parts"] = calls.cloned().collect();
    assert_eq!(lost(&ask("vendor/thinking", &chat).await), "");
    assert!(proof(&upstream).is_some());
}

#[tokio::test]
async fn ids_that_a_vendor_refuses_are_replaced_together() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&config(&upstream, "")).await;
    let mut chat = chat("vendor/echo");
    chat.as_object_mut().unwrap().remove("reasoning_effort");
    let call = |id: &str| json!({"id": id, "function": {"name": "now", "arguments": "{}"}});
    let long = "x".repeat(64);
    answer(
        &mut chat,
        &[call("functions.now:0"), call(&long), call("call_1")],
    );
    assert_eq!(lost(&ask(&gateway, &chat).await), "");
    let sent = upstream.requests().pop().unwrap().json();
    let ids = |at: usize, key: &str| -> Vec<String> {
        let blocks = sent["messages"][at]["content"].as_array().unwrap();
        let ids = blocks
            .iter()
            .map(|block| block[key].as_str().unwrap().to_owned());
        ids.collect()
    };
    let called = ids(1, "id");
    assert_eq!(called, ids(2, "tool_use_id"));
    assert_eq!(called[2], "call_1");
    assert!(
        called[..2]
            .iter()
            .all(|id| id.starts_with("call_") && id.len() == 29)
    );
}
