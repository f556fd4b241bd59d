//! OpenAI Responses: clients that speak it before every upstream, and every client before an
//! upstream that speaks nothing else.

use serde_json::{Value, json};
use weir_mimic::Mimic;

use crate::support::{Gateway, Reply, Speaks, mimic, providers};

/// The three upstreams, and where each is asked.
const UPSTREAMS: [(&str, &str); 3] = [
    ("up", "/v1/chat/completions"),
    ("claude", "/v1/messages"),
    ("native", "/v1/responses"),
];

async fn gateway(upstream: &Mimic) -> Gateway {
    let url = upstream.url();
    let native = format!(
        "  native: {{ kind: custom, speaks: {{ openai_responses: \"{url}/v1\" }}, api_key: sk-upstream }}\n\
         \x20 vendor: {{ kind: anthropic, base_url: \"{url}\", api_key: sk-upstream }}\n"
    );
    Gateway::start(&(providers(&url, "") + &native)).await
}

async fn ask(gateway: &Gateway, body: &Value) -> Reply {
    let body = body.to_string();
    gateway
        .send(&Speaks::OpenAi.post("/v1/responses", body.as_bytes()))
        .await
}

fn hello(model: &str) -> Value {
    json!({"model": model, "input": "one two three"})
}

/// The text of an answer.
fn text(answer: &Value) -> String {
    let output = answer["output"].as_array();
    let output = output.unwrap_or_else(|| panic!("no output in {answer}"));
    let parts = output.iter().flat_map(|item| item["content"].as_array());
    let texts = parts.flatten().filter_map(|part| part["text"].as_str());
    texts.collect()
}

/// The frames of a stream, each with its name and its number.
fn frames(stream: &str) -> Vec<Value> {
    let frames = stream.split_terminator("\n\n");
    let frames = frames.filter(|frame| !frame.starts_with(':'));
    let read = frames.enumerate().map(|(number, frame)| {
        let (event, data) = frame.split_once("\ndata: ").expect("an event and data");
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(event, format!("event: {}", data["type"].as_str().unwrap()));
        assert_eq!(data["sequence_number"], number, "{data}");
        data
    });
    read.collect()
}

#[tokio::test]
async fn every_upstream_answers_in_items() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for (provider, path) in UPSTREAMS {
        let model = format!("{provider}/echo+in=9+cached=4");
        let reply = ask(&gateway, &hello(&model)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let answer = reply.json();
        assert_eq!(
            (&answer["object"], &answer["status"]),
            (&json!("response"), &json!("completed"))
        );
        assert_eq!(
            (text(&answer).as_str(), &answer["model"]),
            ("one two three", &json!(model))
        );
        assert_eq!(answer["usage"]["input_tokens_details"]["cached_tokens"], 4);
        assert_eq!(answer["usage"]["total_tokens"], 12);
        assert_eq!(upstream.requests().pop().unwrap().path, path);
        let row = gateway.entry_of(&reply).await;
        assert_eq!((row.usage.input_tokens, row.usage.output_tokens), (9, 3));
    }
}

#[tokio::test]
async fn every_upstream_streams_in_items() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for (provider, _) in UPSTREAMS {
        let mut body = hello(&format!("{provider}/echo"));
        body["stream"] = true.into();
        let reply = ask(&gateway, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let frames = frames(reply.text());
        let kinds: Vec<_> = frames.iter().map(|f| f["type"].as_str().unwrap()).collect();
        let delta = "response.output_text.delta";
        let expected = [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            delta,
            delta,
            delta,
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ];
        assert_eq!(kinds, expected, "{provider}");
        let whole = &frames[frames.len() - 1]["response"];
        assert_eq!(text(whole), "one two three");
        assert_eq!(
            (&whole["model"], &frames[0]["response"]["model"]),
            (&body["model"], &body["model"])
        );
        assert_eq!(whole["usage"]["output_tokens"], 3);
        assert_eq!(gateway.entry_of(&reply).await.usage.output_tokens, 3);
    }
}

#[tokio::test]
async fn a_tool_loop_goes_round_at_every_upstream() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let tool = json!({"type": "function", "name": "look", "strict": false,
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}});
    for (provider, _) in UPSTREAMS {
        let mut body = json!({"model": format!("{provider}/thinking+calls=2"), "tools": [tool],
            "input": [{"role": "user", "content": "one"}], "reasoning": {"effort": "low"}});
        let answer = ask(&gateway, &body).await.json();
        let output = answer["output"]
            .as_array()
            .unwrap_or_else(|| panic!("{answer}"));
        let calls = output.iter().filter(|item| item["type"] == "function_call");
        let calls: Vec<_> = calls.collect();
        assert_eq!(calls.len(), 2, "{answer}");
        assert_eq!(calls[0]["arguments"], r#"{"at":"sample"}"#);
        let results = calls.iter().map(|call| {
            json!({"type": "function_call_output", "call_id": call["call_id"], "output": "blue"})
        });
        let results: Vec<_> = results.collect();
        let input = body["input"].as_array_mut().unwrap();
        input.extend(output.clone());
        input.extend(results);
        let reply = ask(&gateway, &body).await;
        assert_eq!(reply.status, 200, "{provider}: {}", reply.text());
        assert!(text(&reply.json()).contains("blue"), "{}", reply.text());
    }
}

/// What the vendor verifies of its reasoning survives clients that know nothing of it, and is kept
/// from vendors whose it is not.
#[tokio::test]
async fn reasoning_goes_back_to_whom_it_came_from() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for first in ["native", "vendor"] {
        let mut chat = json!({"max_tokens": 4096, "model": format!("{first}/thinking"),
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "messages": [{"role": "user", "content": "one"}]});
        let call = async |chat: &Value| {
            let reply = gateway.call(Speaks::Anthropic, chat.to_string()).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            reply
        };
        let thought = call(&chat).await.json();
        let messages = chat["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": thought["content"]}));
        messages.push(json!({"role": "user", "content": "two"}));
        for then in ["native", "vendor"] {
            chat["model"] = format!("{then}/echo").into();
            call(&chat).await;
            let sent = upstream.requests().pop().unwrap().json().to_string();
            let thinks = ["\"encrypted_content\":", "\"signature\":"];
            let thinks = thinks.iter().any(|proof| sent.contains(proof));
            assert_eq!(thinks, first == then, "{first} to {then}: {sent}");
        }
    }
}

#[tokio::test]
async fn every_client_reaches_an_upstream_that_speaks_only_responses() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for client in Speaks::BOTH {
        let reply = gateway
            .call(client, client.chat("native/echo", false))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(client.text(&reply.json()), "one two three four five six");
        let reply = gateway.call(client, client.chat("native/echo", true)).await;
        assert_eq!(client.streamed(reply.text()), "one two three four five six");
        let sent = upstream.requests().pop().unwrap();
        assert_eq!(
            (sent.path.as_str(), &sent.json()["store"]),
            ("/v1/responses", &json!(false))
        );
    }
}

#[tokio::test]
async fn failures_keep_their_meaning() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for (provider, _) in UPSTREAMS {
        let reply = ask(&gateway, &hello(&format!("{provider}/fail+status=429"))).await;
        assert_eq!(reply.status, 429, "{}", reply.text());
        Speaks::OpenAi.told(&reply.body);
        for (fault, at) in [("error", 6), ("cut", 6)] {
            let mut body = hello(&format!("{provider}/lorem+{fault}+at={at}"));
            body["stream"] = true.into();
            let reply = ask(&gateway, &body).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            let ends: Vec<_> = reply
                .text()
                .split_terminator("\n\n")
                .filter(|frame| frame.starts_with("event: error\n"))
                .collect();
            assert_eq!(ends.len(), 1, "{provider}: {}", reply.text());
            assert!(
                reply.text().trim_end().ends_with(ends[0]),
                "the error comes last"
            );
            assert!(!reply.text().contains("response.completed"));
        }
    }
    for client in Speaks::BOTH {
        let reply = gateway
            .call(client, client.chat("native/fail+status=429", false))
            .await;
        assert_eq!(reply.status, 429, "{}", reply.text());
        client.told(&reply.body);
        let body = client.chat("native/lorem+error+at=6", true);
        let (said, _) = client.failed(gateway.call(client, body).await.text());
        assert!(said.starts_with("Lorem"), "{said}");
    }
}

#[tokio::test]
async fn what_nobody_stored_is_not_found_wherever_it_is_asked() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for (provider, _) in UPSTREAMS {
        let mut body = hello(&format!("{provider}/echo"));
        body["previous_response_id"] = "resp_1".into();
        let reply = ask(&gateway, &body).await;
        let told = Speaks::OpenAi.told(&reply.body);
        assert_eq!(
            (reply.status, told.param.as_deref(), told.code.as_deref()),
            (
                400,
                Some("previous_response_id"),
                Some("previous_response_not_found")
            )
        );
    }
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn input_tokens_are_counted() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for (provider, _) in UPSTREAMS {
        let body = hello(&format!("{provider}/echo")).to_string();
        let path = "/v1/responses/input_tokens";
        let reply = gateway
            .send(&Speaks::OpenAi.post(path, body.as_bytes()))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let counted = reply.json();
        assert_eq!(counted["object"], "response.input_tokens");
        assert!(counted["input_tokens"].as_u64().unwrap() >= 3, "{counted}");
    }
}
