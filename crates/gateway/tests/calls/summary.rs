//! `x-weir-summary: 1`: a stream tells at its end what it came to, in a comment.

use serde_json::{Value, json};
use weir_model::Priced;

use crate::support::{Gateway, KEY, Reaction, Reply, Scripted, Speaks, mimic, providers, request};

/// Two cheap models, one of which breaks off, and a name whose first target refuses.
fn config(url: &str) -> String {
    let price = "{ price: { input_usd_per_mtok: 2, output_usd_per_mtok: 8.5 } }";
    let models = format!(", models: {{ echo: {price}, \"lorem+error+at=9\": {price} }}");
    let tries = |name: &str, provider: &str| {
        format!(
            " {name}: {{ targets: [ {{ target: \"{provider}/fail+status=500\" }} ], \
             fallbacks: [ {provider}/echo ], retry: {{ max_retries: 0 }} }}\n"
        )
    };
    let models = providers(url, &models) + "models:\n" + &tries("up2", "up");
    models + &tries("claude2", "claude")
}

async fn call(gateway: &Gateway, client: Speaks, body: &str, wish: &str) -> Reply {
    let own = client.headers(KEY);
    let mut headers: Vec<_> = own.iter().map(|(name, v)| (*name, v.as_str())).collect();
    headers.push(("x-weir-summary", wish));
    let bytes = request("POST", client.path(), &headers, body.as_bytes());
    gateway.send(&bytes).await
}

/// The summary, which must stand alone and right before the terminal frames.
fn summary(client: Speaks, stream: &str, failed: bool) -> Value {
    let (before, rest) = stream.split_once(": weir-summary ").expect("a summary");
    assert!(before.is_empty() || before.ends_with("\n\n"), "{stream}");
    let (line, after) = rest.split_once("\n\n").unwrap();
    let terminal = match (client, failed) {
        (_, true) => "\"error\"",
        (Speaks::OpenAi, _) => "data: [DONE]",
        (Speaks::Anthropic, _) => "event: message_stop",
    };
    assert!(after.contains(terminal), "{stream}");
    assert!(!after.contains("weir-summary"), "{stream}");
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[tokio::test]
async fn a_stream_tells_what_the_ledger_knows() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&config(&upstream.url())).await;
    for client in Speaks::BOTH {
        for model in [
            "up/echo",
            "claude/echo",
            "up2",
            "claude2",
            "up/lorem+no_usage",
            "claude/lorem+no_usage",
            "up/lorem+error+at=9",
            "claude/lorem+error+at=9",
        ] {
            let what = format!("{client:?} to {model}");
            let failed = model.contains("error");
            let mut body: Value = serde_json::from_str(&client.chat(model, true)).unwrap();
            // Only its own vendor knows this one.
            let (odd, value) = match client {
                Speaks::OpenAi => ("seed", json!(7)),
                Speaks::Anthropic => ("top_k", json!(7)),
            };
            body[odd] = value;
            let reply = call(&gateway, client, &body.to_string(), "1").await;
            assert_eq!(reply.status, 200, "{what}: {}", reply.text());
            match failed {
                true => drop(client.failed(reply.text())),
                false => drop(client.streamed(reply.text())),
            }
            let told = summary(client, reply.text(), failed);
            let row = gateway.entry_of(&reply).await;
            let cost = match row.cost {
                Priced::Known(money) => serde_json::from_str(&money.to_string()).unwrap(),
                Priced::Unpriced => Value::Null,
            };
            let expected = json!({
                "target": row.answer.target,
                "attempts": row.answer.attempts,
                "cost_usd": cost,
                "input_tokens": row.usage.input_tokens,
                "output_tokens": row.usage.output_tokens,
                "usage_estimated": row.estimated,
                "losses": reply.header("x-weir-losses").unwrap_or_default(),
            });
            assert_eq!(told, expected, "{what}");
            assert_eq!(cost.is_null(), model.contains("no_usage"), "{what}");
            assert_eq!(
                row.estimated,
                !model.contains("2") && !model.contains("echo")
            );
            let translated = !model.starts_with(client.provider());
            let named = expected["losses"].as_str().unwrap().starts_with(odd);
            assert_eq!(named, translated, "{what}: {expected}");
            assert_eq!(
                row.answer.attempts,
                if model.ends_with('2') { 2 } else { 1 }
            );
        }
    }
}

/// What came whole and is played as a stream tells it too.
#[tokio::test]
async fn a_played_stream_tells_as_well() {
    let upstream = Scripted::always(Reaction::chat("hello world")).await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for client in Speaks::BOTH {
        let reply = call(&gateway, client, &client.chat("up/m", true), "1").await;
        assert_eq!(client.streamed(reply.text()), "hello world");
        let told = summary(client, reply.text(), false);
        assert_eq!(
            (&told["input_tokens"], &told["output_tokens"]),
            (&json!(3), &json!(2))
        );
    }
}

/// Nobody else gets one, and no answer but a stream has one.
#[tokio::test]
async fn who_does_not_ask_is_told_nothing() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&config(&upstream.url())).await;
    for client in Speaks::BOTH {
        for (stream, wish) in [(true, "0"), (true, ""), (false, "1")] {
            let reply = call(&gateway, client, &client.chat("up/echo", stream), wish).await;
            assert!(!reply.text().contains("weir-summary"), "{}", reply.text());
        }
        for received in upstream.requests() {
            let names: Vec<_> = received.headers.iter().map(|(name, _)| &**name).collect();
            assert!(!names.contains(&"x-weir-summary"), "{names:?}");
        }
    }
}
