//! The translated lane: what cannot be carried is named, refused or passed over, as the operator
//! wants; and what belongs to the configuration in force when a call began stays with it.

use crate::support::{Gateway, Reply, Speaks, mimic, providers};

/// A chat with two fields that Anthropic's dialect has no word for, one of them nobody's.
const LOSSY: &str = r#"{"model":"fast","messages":[{"role":"user","content":"one two"}],
                        "seed":7,"x_new_field":{"a":1}}"#;

async fn on_loss(url: &str, top: &str, model: &str) -> Gateway {
    let config = format!(
        "{}{top}models: {{ fast: {{ targets: [ {{ target: claude/echo }} ] {model} }} }}\n",
        providers(url, "")
    );
    Gateway::start(&config).await
}

async fn lossy(gateway: &Gateway, stream: bool) -> Reply {
    let more = if stream { r#"{"stream":true,"# } else { "{" };
    gateway
        .call(Speaks::OpenAi, LOSSY.replacen('{', more, 1))
        .await
}

#[tokio::test]
async fn losses_are_named_or_passed_over() {
    let upstream = mimic().await;
    for (top, model, named) in [
        ("", "", true),
        ("", ", on_loss: warn", true),
        ("", ", on_loss: allow", false),
        ("on_loss: allow\n", "", false),
        ("on_loss: reject\n", ", on_loss: warn", true),
    ] {
        let gateway = on_loss(&upstream.url(), top, model).await;
        for stream in [false, true] {
            let reply = lossy(&gateway, stream).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            let losses = reply.header("x-weir-losses").unwrap_or_default();
            assert_eq!(losses.contains("seed"), named, "{model}: {losses}");
            assert_eq!(losses.contains("x_new_field"), named, "{model}: {losses}");
            assert_eq!(gateway.entry_of(&reply).await.answer.losses, 2);
        }
        let fine = gateway
            .call(Speaks::OpenAi, Speaks::OpenAi.chat("fast", false))
            .await;
        assert_eq!(fine.header("x-weir-losses"), None);
    }
    assert!(
        upstream
            .requests()
            .iter()
            .all(|request| request.json().get("seed").is_none())
    );
}

#[tokio::test]
async fn losses_are_refused_before_anything_is_sent() {
    let upstream = mimic().await;
    for (top, model) in [("on_loss: reject\n", ""), ("", ", on_loss: reject")] {
        let gateway = on_loss(&upstream.url(), top, model).await;
        for stream in [false, true] {
            let reply = lossy(&gateway, stream).await;
            let told = Speaks::OpenAi.told(&reply.body);
            assert_eq!(
                (reply.status, &*told.kind),
                (400, "invalid_request_error"),
                "{told:?}"
            );
            let field = told.param.unwrap();
            assert!(["seed", "x_new_field"].contains(&&*field), "{field}");
            assert!(
                told.message
                    .contains(&format!("`{field}` cannot be carried"))
            );
            let row = gateway.entry_of(&reply).await;
            assert_eq!((row.answer.attempts, &*row.answer.outcome), (0, "failed"));
        }
        let fine = gateway
            .call(Speaks::OpenAi, Speaks::OpenAi.chat("fast", false))
            .await;
        assert_eq!(fine.status, 200);
    }
    assert_eq!(upstream.requests().len(), 2, "only what loses nothing");
}

/// A target that would lose something is passed over for one that would not.
#[tokio::test]
async fn a_target_that_loses_nothing_is_found() {
    let upstream = mimic().await;
    let more = ", on_loss: reject, fallbacks: [ up/echo ]";
    let gateway = on_loss(&upstream.url(), "", more).await;
    let body = LOSSY.replace(r#","x_new_field":{"a":1}"#, "");
    let reply = gateway.call(Speaks::OpenAi, body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("x-weir-target"), Some("up/echo"));
    assert_eq!(reply.header("x-weir-losses"), None);
    assert_eq!(upstream.requests().pop().unwrap().json()["seed"], 7);
}

/// The name that was asked for comes back, in all lanes.
#[tokio::test]
async fn answers_bear_the_name_that_was_asked_for() {
    let upstream = mimic().await;
    let models = "models: { a-up: { targets: [ { target: up/echo } ] }, \
                  a-claude: { targets: [ { target: claude/echo } ] }, \
                  \"c*\": { targets: [ { target: \"claude/*\" } ] }, \
                  \"ec*\": { targets: [ { target: \"up/*\" } ] } }\n";
    let gateway = Gateway::start(&(providers(&upstream.url(), "") + models)).await;
    for client in Speaks::BOTH {
        for (name, theirs) in [
            ("a-up", "echo"),
            ("a-claude", "echo"),
            ("up/echo", "echo"),
            ("echo", "echo"),
            ("claude-4", "claude-4"),
        ] {
            let whole = gateway.call(client, client.chat(name, false)).await.json();
            assert_eq!(whole["model"], name, "{client:?}: {whole}");
            assert_eq!(upstream.requests().pop().unwrap().json()["model"], theirs);
            let stream = gateway.call(client, client.chat(name, true)).await;
            let named = stream
                .text()
                .matches(&format!("\"model\":\"{name}\""))
                .count();
            assert!(named > 0, "{client:?} {name}: {}", stream.text());
            assert_eq!(
                stream.text().matches("\"model\":").count(),
                named,
                "{client:?} {name}"
            );
        }
    }
}

/// What no target can do is the caller's to know, but not whom the gateway would have asked.
#[tokio::test]
async fn what_a_model_does_not_offer_is_said() {
    let upstream = mimic().await;
    let gateway = on_loss(&upstream.url(), "", "").await;
    for (path, body) in [
        ("/v1/embeddings", r#"{"model":"fast","input":"x"}"#),
        ("/v1/completions", r#"{"model":"fast","prompt":"x"}"#),
    ] {
        let reply = gateway
            .send(&Speaks::OpenAi.post(path, body.as_bytes()))
            .await;
        let told = Speaks::OpenAi.told(&reply.body);
        assert_eq!(
            (reply.status, told.param.as_deref()),
            (400, Some("model")),
            "{told:?}"
        );
        assert!(told.message.contains("`fast` does not offer"), "{told:?}");
        assert!(!told.message.contains("claude"), "{told:?}");
    }
    assert_eq!(upstream.requests(), []);
}

#[tokio::test]
async fn a_call_keeps_the_configuration_that_it_began_with() {
    let (old, new) = (mimic().await, mimic().await);
    let models =
        |target: &str| format!("models: {{ fast: {{ targets: [ {{ target: {target} }} ] }} }}\n");
    let before = providers(&old.url(), "") + &models("up/lorem+gap_ms=10");
    let after = providers(&new.url(), "") + &models("claude/echo");
    let gateway = Gateway::start(&before).await;
    for client in Speaks::BOTH {
        let (mut stream, head) = gateway.open(client, client.chat("fast", true)).await;
        stream.until("ipsum").await;
        gateway.replace(&after);
        let other = gateway.call(client, client.chat("fast", true)).await;
        assert_eq!(other.header("x-weir-target"), Some("claude/echo"));
        assert_eq!(client.streamed(other.text()), "one two three four five six");
        assert_ne!(other.header("x-weir-config"), head.header("x-weir-config"));

        let all = String::from_utf8(stream.rest().await).unwrap();
        assert!(client.streamed(&all).ends_with("consequat."), "{all}");
        let row = gateway.entry_of(&head).await;
        assert_eq!(
            (&*row.answer.target, &*row.answer.outcome),
            ("up/lorem+gap_ms=10", "ok")
        );
        gateway.replace(&before);
    }
    gateway.replace("providers: { sim: {} }\n");
    let gone = gateway
        .call(Speaks::OpenAi, Speaks::OpenAi.chat("fast", false))
        .await;
    assert_eq!(gone.status, 404);
    assert_eq!((old.requests().len(), new.requests().len()), (2, 2));
}
