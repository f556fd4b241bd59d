//! Gemini's clients before every upstream, and every client before Gemini's upstream.

use serde_json::{Value, json};
use weir_mimic::Mimic;

use crate::support::{Gateway, KEY, Reply, Speaks, mimic, providers, request};

/// The upstreams by dialect: OpenAI's, Anthropic's and Google's.
const PROVIDERS: [&str; 3] = ["up", "claude", "google"];

async fn gateway(upstream: &Mimic) -> Gateway {
    let url = upstream.url();
    let google = format!(
        "  google: {{ kind: gemini-compatible, base_url: \"{url}/v1beta\", api_key: sk-upstream }}\n"
    );
    let models = "models: { fast: { targets: [ { target: google/echo } ] } }\n";
    Gateway::start(&(providers(&url, "") + &google + models)).await
}

async fn ask(gateway: &Gateway, model: &str, method: &str, body: &Value) -> Reply {
    let headers = [
        ("x-goog-api-key", KEY),
        ("content-type", "application/json"),
    ];
    let path = format!("/v1beta/models/{model}:{method}");
    let bytes = request("POST", &path, &headers, body.to_string().as_bytes());
    gateway.send(&bytes).await
}

async fn generate(gateway: &Gateway, model: &str, body: &Value) -> Value {
    let reply = ask(gateway, model, "generateContent", body).await;
    assert_eq!(reply.status, 200, "{model}: {}", reply.text());
    reply.json()
}

fn say(text: &str) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": text}]}]})
}

/// The answers in a stream of server-sent events.
fn events(stream: &str) -> Vec<Value> {
    let frames = stream.split_terminator("\n\n");
    let data = frames.filter_map(|frame| frame.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

fn parts(answers: &[Value]) -> Vec<Value> {
    let parts = |answer: &Value| answer["candidates"][0]["content"]["parts"].clone();
    let lists = answers.iter().map(parts);
    lists
        .flat_map(|list| list.as_array().cloned().unwrap_or_default())
        .collect()
}

fn text(answers: &[Value]) -> String {
    let parts = parts(answers);
    let said = parts.iter().filter(|part| part["thought"] != true);
    said.filter_map(|part| part["text"].as_str()).collect()
}

#[tokio::test]
async fn every_upstream_answers_a_client_of_gemini() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for provider in PROVIDERS {
        let model = format!("{provider}/echo");
        let whole = generate(&gateway, &model, &say("one two three")).await;
        let last = ask(
            &gateway,
            &model,
            "streamGenerateContent?alt=sse",
            &say("one two three"),
        )
        .await;
        let streamed = events(last.text());
        let list = ask(
            &gateway,
            &model,
            "streamGenerateContent",
            &say("one two three"),
        )
        .await;
        assert_eq!(
            last.header("content-type"),
            Some("text/event-stream; charset=utf-8")
        );
        assert_eq!(list.header("content-type"), Some("application/json"));
        let listed = list.json().as_array().unwrap().clone();
        for answers in [&[whole][..], &streamed, &listed] {
            assert_eq!(text(answers), "one two three", "{provider}");
            let end = answers.last().unwrap();
            assert_eq!(end["candidates"][0]["finishReason"], "STOP", "{provider}");
            assert!(
                end["usageMetadata"]["totalTokenCount"].as_u64() > Some(3),
                "{end}"
            );
            assert!(
                answers
                    .iter()
                    .all(|answer| answer["modelVersion"] == *model),
                "{end}"
            );
        }
        let row = gateway.entry_of(&last).await;
        assert_eq!((&*row.answer.outcome, row.usage.output_tokens), ("ok", 3));
    }
}

/// The client's own bytes travel, whatever we know of them, to the path of the upstream's own name.
#[tokio::test]
async fn the_native_lane_keeps_the_body() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let body = r#"{ "contents": {"parts": {"text": "one"}}, "generation_config": {"top_k": 4.0} }"#;
    let headers = [
        ("x-goog-api-client", "genai"),
        ("content-type", "application/json"),
    ];
    for (method, theirs) in [
        ("generateContent", ":generateContent?a=1"),
        (
            "streamGenerateContent",
            ":streamGenerateContent?alt=sse&a=1",
        ),
        ("countTokens", ":countTokens?a=1"),
    ] {
        let path = format!("/v1/models/fast:{method}?key={KEY}&a=1");
        let reply = gateway
            .send(&request("POST", &path, &headers, body.as_bytes()))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let sent = upstream.requests().pop().unwrap();
        assert_eq!(
            (&sent.body[..], sent.path.as_str()),
            (body.as_bytes(), &*format!("/v1beta/models/echo{theirs}"))
        );
        assert!(method == "countTokens" || reply.text().contains(r#""modelVersion":"fast""#));
    }
}

#[tokio::test]
async fn every_client_is_answered_by_gemini() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for client in Speaks::BOTH {
        let whole = gateway
            .call(client, client.chat("google/echo", false))
            .await;
        assert_eq!(client.text(&whole.json()), "one two three four five six");
        let stream = gateway.call(client, client.chat("google/echo", true)).await;
        assert_eq!(
            client.streamed(stream.text()),
            "one two three four five six"
        );
        let path = upstream.requests().pop().unwrap().path;
        assert_eq!(path, "/v1beta/models/echo:streamGenerateContent?alt=sse");
        let cut = gateway
            .call(client, client.chat("google/lorem+cut", true))
            .await;
        client.failed(cut.text());
        let broken = gateway
            .call(client, client.chat("google/lorem+error", true))
            .await;
        let (_, told) = client.failed(broken.text());
        assert!(told.message.contains("overloaded"), "{told:?}");
    }
}

const TOOL: &str = r#"{"functionDeclarations":[{"name":"now","parametersJsonSchema":
    {"type":"object","properties":{"zone":{"type":"string"}},"required":["zone"]}}]}"#;

/// A whole tool loop at each upstream, streamed and not, with what was thought on its way.
#[tokio::test]
async fn tools_are_called_and_answered() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let tool: Value = serde_json::from_str(TOOL).unwrap();
    for provider in PROVIDERS {
        for base in ["tools+calls=2", "thinking+calls=1"] {
            for method in ["generateContent", "streamGenerateContent"] {
                let model = format!("{provider}/{base}");
                let mut chat = say("What time is it?");
                chat["tools"] = json!([tool]);
                let reply = ask(&gateway, &model, method, &chat).await;
                assert_eq!(reply.status, 200, "{model}: {}", reply.text());
                let answers = match reply.json() {
                    Value::Array(answers) => answers,
                    whole => vec![whole],
                };
                let said = parts(&answers);
                let calls = said.iter().filter_map(|part| part.get("functionCall"));
                let results = calls.map(|call| {
                    assert!(call["args"]["zone"].is_string(), "{call}");
                    let (id, name) = (call.get("id").cloned(), &call["name"]);
                    let mut result = json!({"name": name, "response": {"output": "noon"}});
                    id.into_iter().for_each(|id| result["id"] = id);
                    json!({"functionResponse": result})
                });
                let results: Vec<Value> = results.collect();
                assert!(!results.is_empty(), "{model}: {said:?}");
                let contents = chat["contents"].as_array_mut().unwrap();
                contents.push(json!({"role": "model", "parts": said}));
                contents.push(json!({"role": "user", "parts": results}));
                let done = generate(&gateway, &model, &chat).await;
                assert_eq!(text(&[done]), "noon", "{model}");
            }
        }
    }
}

/// Google's signature comes back to it through clients of every dialect, and goes to nobody else.
#[tokio::test]
async fn signatures_survive_other_clients() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let call = async |body: &Value| {
        let reply = gateway.call(Speaks::Anthropic, body.to_string()).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply
    };
    let mut chat = json!({"model": "google/thinking+calls=1", "max_tokens": 4096,
        "messages": [{"role": "user", "content": "one"}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "now", "input_schema": {"type": "object", "properties": {}}}]});
    let content = call(&chat).await.json()["content"].clone();
    assert_eq!(content[0]["type"], "thinking", "{content}");
    let id = content[1]["id"].clone();
    let messages = chat["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": content}));
    messages.push(json!({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": id, "content": "noon"}]}));
    call(&chat).await;
    let sent = upstream.requests().pop().unwrap().json();
    let signed = &sent["contents"][1]["parts"][1];
    assert!(signed["functionCall"].is_object(), "{sent}");
    assert!(
        signed["thoughtSignature"]
            .as_str()
            .unwrap()
            .starts_with("Z2VtaW5p"),
        "{sent}"
    );

    chat["model"] = "up/echo".into();
    call(&chat).await;
    let sent = upstream.requests().pop().unwrap();
    let sent = sent.json().to_string();
    assert!(!sent.contains("gemini/call"), "{sent}");
}

/// The same through a client that keeps what OpenAI's own reference does not name.
#[tokio::test]
async fn signatures_survive_openai_clients() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let mut chat = json!({"model": "google/thinking+calls=1", "reasoning_effort": "low",
        "messages": [{"role": "user", "content": "one"}],
        "tools": [{"type": "function", "function": {"name": "now"}}]});
    let call = async |body: &Value| gateway.call(Speaks::OpenAi, body.to_string()).await.json();
    let message = call(&chat).await["choices"][0]["message"].clone();
    let id = message["tool_calls"][0]["id"].clone();
    let messages = chat["messages"].as_array_mut().unwrap();
    messages.push(message);
    messages.push(json!({"role": "tool", "tool_call_id": id, "content": "noon"}));
    let answer = call(&chat).await;
    assert_eq!(
        answer["choices"][0]["message"]["content"], "noon",
        "{answer}"
    );
    let sent = upstream.requests().pop().unwrap().json();
    let signed = sent["contents"][1]["parts"][1]["thoughtSignature"]
        .as_str()
        .unwrap();
    assert!(signed.starts_with("Z2VtaW5p"), "{sent}");
}

#[tokio::test]
async fn errors_have_googles_shape() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    for provider in PROVIDERS {
        for (status, word) in [
            (400, "INVALID_ARGUMENT"),
            (429, "RESOURCE_EXHAUSTED"),
            (503, "UNAVAILABLE"),
        ] {
            let model = format!("{provider}/fail+status={status}");
            for method in ["generateContent", "streamGenerateContent?alt=sse"] {
                let reply = ask(&gateway, &model, method, &say("one")).await;
                let error = &reply.json()["error"];
                assert_eq!(
                    (reply.status, &error["status"]),
                    (status, &word.into()),
                    "{model}"
                );
                assert_eq!(error["code"], status, "{model}");
            }
        }
        let model = format!("{provider}/lorem+error+at=6");
        for method in ["streamGenerateContent?alt=sse", "streamGenerateContent"] {
            let reply = ask(&gateway, &model, method, &say("one")).await;
            let answers = match method.contains("alt") {
                true => events(reply.text()),
                false => reply.json().as_array().unwrap().clone(),
            };
            let errors = answers.iter().filter(|answer| answer["error"].is_object());
            assert_eq!(errors.count(), 1, "{model}: {}", reply.text());
            assert!(answers.last().unwrap()["error"]["code"].as_u64() >= Some(500));
        }
    }
    let refused = ask(
        &gateway,
        "google/echo",
        "generateContent",
        &json!({"contents": []}),
    )
    .await;
    let told = refused.json();
    assert_eq!(told["error"]["status"], "INVALID_ARGUMENT", "{told}");
    let unknown = ask(&gateway, "nowhere/echo", "generateContent", &say("one")).await;
    assert_eq!(
        (unknown.status, &unknown.json()["error"]["status"]),
        (404, &"NOT_FOUND".into())
    );
    let nobody = request("POST", "/v1beta/models/fast:generateContent", &[], b"{}");
    let told = gateway.send(&nobody).await.json();
    assert_eq!(told["error"]["status"], "UNAUTHENTICATED", "{told}");
}

#[tokio::test]
async fn models_are_listed_and_tokens_counted() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let headers = [("x-goog-api-key", KEY)];
    let list = gateway
        .send(&request("GET", "/v1beta/models", &headers, b""))
        .await
        .json();
    assert_eq!(list["models"][0]["name"], "models/fast", "{list}");
    let one = gateway
        .send(&request("GET", "/v1beta/models/fast", &headers, b""))
        .await
        .json();
    assert_eq!(one["name"], "models/fast");
    for (model, estimated) in [("google/echo", None), ("up/echo", Some("true"))] {
        let reply = ask(&gateway, model, "countTokens", &say("one two three")).await;
        assert!(
            reply.json()["totalTokens"].as_u64() >= Some(3),
            "{}",
            reply.text()
        );
        assert_eq!(reply.header("x-weir-estimated"), estimated);
    }
}
