//! Cohere's clients before every upstream, and every client before Cohere's upstream.

use serde_json::{Value, json};
use weir_mimic::Mimic;

use crate::support::{Gateway, KEY, Reply, Speaks, mimic, providers, request};

/// The upstreams by dialect: OpenAI's, Anthropic's, Google's and Cohere's.
const PROVIDERS: [&str; 4] = ["up", "claude", "google", "co"];

async fn gateway(upstream: &Mimic) -> Gateway {
    let url = upstream.url();
    let more = format!(
        "  google: {{ kind: gemini-compatible, base_url: \"{url}/v1beta\", api_key: sk-upstream }}\n\
         \x20 co: {{ kind: cohere-compatible, base_url: \"{url}\", api_key: sk-upstream }}\n"
    );
    let models = "models: { fast: { targets: [ { target: co/echo } ] } }\n";
    Gateway::start(&(providers(&url, "") + &more + models)).await
}

async fn ask(gateway: &Gateway, body: &Value) -> Reply {
    send(gateway, body.to_string().as_bytes()).await
}

async fn send(gateway: &Gateway, body: &[u8]) -> Reply {
    let key = format!("Bearer {KEY}");
    let headers = [
        ("authorization", &*key),
        ("content-type", "application/json"),
    ];
    gateway
        .send(&request("POST", "/v2/chat", &headers, body))
        .await
}

async fn chat(gateway: &Gateway, body: &Value) -> Value {
    let reply = ask(gateway, body).await;
    assert_eq!(reply.status, 200, "{body}: {}", reply.text());
    reply.json()
}

fn say(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}]})
}

/// The events of a stream, which ends as Cohere's do.
fn events(stream: &str) -> Vec<Value> {
    let frames: Vec<&str> = stream.split_terminator("\n\n").collect();
    let (last, frames) = frames.split_last().unwrap();
    assert_eq!(*last, "data: [DONE]", "{stream}");
    let frames = frames.iter().filter(|frame| !frame.starts_with(':'));
    let read = |frame: &&str| {
        let (name, data) = frame.split_once('\n').unwrap();
        let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name, format!("event: {}", event["type"].as_str().unwrap()));
        event
    };
    frames.map(read).collect()
}

/// All of the text of one kind in a stream.
fn words(events: &[Value], kind: &str) -> String {
    let deltas = events
        .iter()
        .filter(|event| event["type"] == "content-delta");
    let words = deltas.filter_map(|event| event["delta"]["message"]["content"][kind].as_str());
    words.collect()
}

#[tokio::test]
async fn every_upstream_answers_a_client_of_cohere() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for provider in PROVIDERS {
        let mut body = say(&format!("{provider}/echo"), "one two three");
        let whole = chat(&gateway, &body).await;
        assert_eq!(whole["message"]["content"][0]["text"], "one two three");
        assert_eq!(whole["finish_reason"], "COMPLETE", "{provider}");
        assert_eq!(
            whole["usage"]["billed_units"]["output_tokens"], 3,
            "{provider}"
        );
        body["stream"] = true.into();
        let reply = ask(&gateway, &body).await;
        assert_eq!(
            reply.header("content-type"),
            Some("text/event-stream; charset=utf-8")
        );
        let streamed = events(reply.text());
        assert_eq!(words(&streamed, "text"), "one two three", "{provider}");
        let end = &streamed.last().unwrap()["delta"];
        assert_eq!(end["finish_reason"], "COMPLETE", "{provider}");
        assert_eq!(end["usage"]["billed_units"]["output_tokens"], 3);
        let row = gateway.entry_of(&reply).await;
        assert_eq!((&*row.answer.outcome, row.usage.output_tokens), ("ok", 3));
    }
}

/// The client's own bytes travel, but for the alias; the upstream's come back as they were.
#[tokio::test]
async fn the_native_lane_keeps_the_bytes() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let body = r#"{ "model":"fast", "k":0.0, "messages":[{"content":"one","role":"user"}] }"#;
    let reply = send(&gateway, body.as_bytes()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains(r#""tokens":{"input_tokens":"#));
    assert!(reply.header("x-weir-losses").is_none());
    let sent = upstream.requests().pop().unwrap();
    assert_eq!(sent.path, "/v2/chat");
    assert_eq!(sent.body, body.replace("fast", "echo").as_bytes());
    assert!(
        sent.header("authorization")
            .is_some_and(|key| key == "Bearer sk-upstream")
    );
}

#[tokio::test]
async fn every_client_is_answered_by_cohere() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for client in Speaks::BOTH {
        let whole = gateway.call(client, client.chat("co/echo", false)).await;
        assert_eq!(client.text(&whole.json()), "one two three four five six");
        let stream = gateway.call(client, client.chat("co/echo", true)).await;
        assert_eq!(
            client.streamed(stream.text()),
            "one two three four five six"
        );
        let cut = gateway
            .call(client, client.chat("co/lorem+cut+at=6", true))
            .await;
        client.failed(cut.text());
        let broken = gateway
            .call(client, client.chat("co/lorem+error+at=6", true))
            .await;
        let (_, told) = client.failed(broken.text());
        assert!(told.message.contains("overloaded"), "{told:?}");
    }
}

/// A whole tool loop at each upstream, streamed and not, with what was thought on its way, and with
/// a name that Cohere itself does not take.
#[tokio::test]
async fn tools_are_called_and_answered() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let schema =
        json!({"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]});
    let tool = json!({"type": "function", "function": {"name": "now", "parameters": schema}});
    for provider in PROVIDERS {
        for base in ["tools+calls=2", "thinking+calls=1", "tools+preface"] {
            for stream in [false, true] {
                let model = format!("{provider}/{base}");
                let mut body = say(&model, "What time is it?");
                body["tools"] = json!([tool]);
                body["stream"] = stream.into();
                let reply = ask(&gateway, &body).await;
                assert_eq!(reply.status, 200, "{model}: {}", reply.text());
                let (message, finish) = match stream {
                    false => {
                        let whole = reply.json();
                        (whole["message"].clone(), whole["finish_reason"].clone())
                    }
                    true => gathered(&events(reply.text())),
                };
                assert_eq!(finish, "TOOL_CALL", "{model}");
                let calls = message["tool_calls"].as_array().unwrap().clone();
                let messages = body["messages"].as_array_mut().unwrap();
                messages.push(message);
                for call in calls {
                    assert_eq!(call["function"]["name"], "now");
                    let arguments = call["function"]["arguments"].as_str().unwrap();
                    let arguments: Value = serde_json::from_str(arguments).unwrap();
                    assert!(arguments["zone"].is_string(), "{model}: {arguments}");
                    let content = match provider {
                        "co" => {
                            json!([{"type": "document", "document": {"data": {"text": "noon"}}}])
                        }
                        _ => json!("noon"),
                    };
                    messages.push(
                        json!({"role": "tool", "tool_call_id": call["id"], "content": content}),
                    );
                }
                body["stream"] = false.into();
                let done = chat(&gateway, &body).await;
                let content = done["message"]["content"].as_array().unwrap();
                assert_eq!(content.last().unwrap()["text"], "noon", "{model}: {done}");
            }
        }
    }
}

/// The message that a stream told, and how it ended.
fn gathered(events: &[Value]) -> (Value, Value) {
    let (mut calls, mut plan) = (Vec::<Value>::new(), String::new());
    for event in events {
        let message = &event["delta"]["message"];
        match event["type"].as_str().unwrap() {
            "tool-call-start" => calls.push(message["tool_calls"].clone()),
            "tool-call-delta" => {
                let at = usize::try_from(event["index"].as_u64().unwrap()).unwrap();
                let more = message["tool_calls"]["function"]["arguments"]
                    .as_str()
                    .unwrap();
                let so_far = &mut calls[at]["function"]["arguments"];
                *so_far = (so_far.as_str().unwrap().to_owned() + more).into();
            }
            "tool-plan-delta" => plan += message["tool_plan"].as_str().unwrap(),
            _ => {}
        }
    }
    let mut message = json!({"role": "assistant", "tool_calls": calls});
    let (thought, said) = (words(events, "thinking"), words(events, "text"));
    if !(plan.is_empty() && said.is_empty()) {
        message["tool_plan"] = (plan + &said).into();
    }
    if !thought.is_empty() {
        message["content"] = json!([{"type": "thinking", "thinking": thought}]);
    }
    let end = &events.last().unwrap()["delta"];
    (message, end["finish_reason"].clone())
}

/// Names of tools that Cohere does not take come back as the client knows them.
#[tokio::test]
async fn names_of_tools_come_back() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let schema = json!({"type": "object", "properties": {}});
    let tool = json!({"name": "mcp__a-b__c.d", "input_schema": schema});
    let said = json!([{"role": "user", "content": "Go"}]);
    for stream in [false, true] {
        let body = json!({"model": "co/tools", "max_tokens": 99, "messages": said, "tools": [tool], "stream": stream});
        let reply = gateway.call(Speaks::Anthropic, body.to_string()).await;
        assert!(
            reply.text().contains(r#""name":"mcp__a-b__c.d""#),
            "{}",
            reply.text()
        );
        let sent: Value = serde_json::from_slice(&upstream.requests().pop().unwrap().body).unwrap();
        assert_eq!(
            sent["tools"][0]["function"]["name"],
            "mcp__a_x2d_b__c_x2e_d"
        );
    }
}

/// Documents are sent to every upstream, and cited where it can.
#[tokio::test]
async fn documents_travel() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for provider in PROVIDERS {
        let mut body = say(&format!("{provider}/echo"), "Do penguins fly?");
        body["documents"] = json!([{"data": {"title": "Birds", "text": "Penguins swim."}}]);
        let reply = ask(&gateway, &body).await;
        assert_eq!(reply.status, 200, "{provider}: {}", reply.text());
        let sent = String::from_utf8(upstream.requests().pop().unwrap().body.to_vec()).unwrap();
        assert!(sent.contains("Penguins swim."), "{provider}: {sent}");
        let asked = sent.contains(r#""citations":{"enabled":true}"#);
        assert_eq!(asked, provider == "claude");
        let cited =
            reply.json()["message"]["citations"][0]["sources"][0]["document"]["title"].clone();
        assert_eq!(cited == "Birds", provider == "co", "{cited}");
        let losses = reply.header("x-weir-losses").unwrap_or_default();
        let lost = losses.contains("does not cite the documents");
        assert_eq!(lost, ["up", "google"].contains(&provider), "{losses}");
    }
}

#[tokio::test]
async fn failures_are_told_in_coheres_shape() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for provider in PROVIDERS {
        for (status, told) in [
            (400, 400),
            (404, 404),
            (429, 429),
            (500, 500),
            (503, 503),
            (401, 502),
        ] {
            let model = format!("{provider}/fail+status={status}+retry_after=7");
            for stream in [false, true] {
                let mut body = say(&model, "Hi");
                body["stream"] = stream.into();
                let reply = ask(&gateway, &body).await;
                let error = reply.json();
                assert_eq!(reply.status, told, "{model}: {error}");
                assert!(
                    error["message"].is_string() && error["id"].is_string(),
                    "{error}"
                );
                let waits = reply.header("retry-after");
                assert_eq!(waits.is_some(), status == 429 || waits.is_some());
                assert!(status != 429 || waits == Some("7"), "{waits:?}");
            }
        }
        let mut body = say(&format!("{provider}/lorem+cut+at=6"), "Hi");
        body["stream"] = true.into();
        let cut = events(ask(&gateway, &body).await.text());
        let end = &cut.last().unwrap()["delta"];
        assert_eq!(end["finish_reason"], "ERROR", "{provider}: {end}");
        assert!(end["error"].is_string() && !words(&cut, "text").is_empty());
    }
    // Statuses that Cohere alone has.
    for (status, told) in [(422, 422), (498, 498), (499, 502), (402, 502)] {
        let body = say(&format!("co/fail+status={status}"), "Hi");
        let reply = gateway.call(Speaks::OpenAi, body.to_string()).await;
        assert_eq!(reply.status, told, "{}", reply.text());
    }
    let long = say("co/fail+status=400+code=context_length_exceeded", "Hi");
    let reply = gateway.call(Speaks::OpenAi, long.to_string()).await;
    assert_eq!(
        Speaks::OpenAi.told(reply.text().as_bytes()).code.as_deref(),
        Some("context_length_exceeded")
    );
}

#[tokio::test]
async fn what_cohere_refuses_is_refused() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let refused = [
        (json!({"temperature": 2}), "temperature"),
        (json!({"messages": []}), "messages"),
        (
            json!({"messages": [{"role": "bot", "content": "Hi"}]}),
            "messages[0].role",
        ),
        (json!({"tool_choice": "REQUIRED"}), "tool_choice"),
    ];
    for (patch, field) in refused {
        let mut body = say("claude/echo", "Hi");
        for (key, value) in patch.as_object().unwrap() {
            body[key] = value.clone();
        }
        let reply = ask(&gateway, &body).await;
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(reply.json()["message"].as_str().unwrap().contains(field));
    }
    let key = format!("Bearer {KEY}");
    let lost = gateway
        .send(&request(
            "POST",
            "/v2/nothing",
            &[("authorization", &key)],
            b"",
        ))
        .await;
    assert_eq!(lost.status, 404);
    assert!(
        lost.json()["message"]
            .as_str()
            .unwrap()
            .contains("/v2/chat")
    );
    let headers = [("authorization", &*key), ("x-fern-sdk-name", "cohere")];
    let models = gateway
        .send(&request("GET", "/v1/models", &headers, b""))
        .await
        .json();
    assert_eq!(models["models"][0]["name"], "fast", "{models}");
    let nobody = gateway
        .send(&request(
            "POST",
            "/v2/chat",
            &[("content-type", "application/json")],
            b"{}",
        ))
        .await;
    assert_eq!(nobody.status, 401);
    assert!(nobody.json()["message"].is_string());
}
