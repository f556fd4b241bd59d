//! Who may call what: keys of every kind, wherever an SDK puts them, and what is told to those that
//! open nothing.

use serde_json::Value;
use weir_store::{KeyRole, NewKey};

use crate::support::{Gateway, KEY, NARROW_KEY, Reply, Speaks, mimic, providers, request};

async fn gateway(url: &str) -> Gateway {
    let models = "models: { fast: { targets: [ { target: up/echo } ] } }\n";
    Gateway::start(&(providers(url, "") + models)).await
}

async fn made(gateway: &Gateway, name: &str, role: KeyRole) -> String {
    let new = NewKey {
        name: name.into(),
        role,
        models: vec!["*".into()],
        project: None,
    };
    gateway.store.keys().create(new).await.unwrap().plain
}

#[tokio::test]
async fn keys_that_open_nothing_are_told_apart() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    let admin = made(&gateway, "boss", KeyRole::Admin).await;
    let disabled = made(&gateway, "gone", KeyRole::Virtual).await;
    let good = made(&gateway, "good", KeyRole::Virtual).await;
    gateway.store.keys().disable("gone").await.unwrap();
    let mut typo = good.clone();
    typo.push('x');
    let cases = [
        ("sk-from-elsewhere", 401, "weir keys create"),
        (&typo, 401, "has a typo"),
        (&disabled, 401, "is disabled"),
        (&admin, 403, "admin key, which cannot call models"),
        ("", 401, "Authorization: Bearer sk-weir-"),
    ];
    for speaks in Speaks::BOTH {
        let body = speaks.chat("fast", false);
        for (key, status, says) in &cases {
            let reply = gateway
                .send(&speaks.post_as(key, speaks.path(), body.as_bytes()))
                .await;
            let told = speaks.told(&reply.body);
            assert_eq!(reply.status, *status, "{told:?}");
            assert!(told.message.contains(says), "{told:?}");
            assert!(key.is_empty() || !told.message.contains(key), "{told:?}");
            let kind = match (speaks, status) {
                (Speaks::OpenAi, _) => "invalid_request_error",
                (Speaks::Anthropic, 401) => "authentication_error",
                (Speaks::Anthropic, _) => "permission_error",
            };
            assert_eq!(told.kind, kind);
            if speaks == Speaks::OpenAi && *status == 401 {
                assert_eq!(told.code.as_deref(), Some("invalid_api_key"));
            }
        }
        let none = request("POST", speaks.path(), &[], body.as_bytes());
        assert_eq!(gateway.send(&none).await.status, 401);
        let fine = speaks.post_as(&good, speaks.path(), body.as_bytes());
        assert_eq!(gateway.send(&fine).await.status, 200);
    }
    assert_eq!(gateway.entries().await.len(), 2);
}

#[tokio::test]
async fn a_key_may_stand_wherever_an_sdk_puts_it() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    let body = Speaks::OpenAi.chat("fast", false);
    let (bearer, lower) = (format!("Bearer {KEY}"), format!("bearer {KEY}"));
    for header in [
        ("authorization", bearer.as_str()),
        ("authorization", lower.as_str()),
        ("x-api-key", KEY),
        ("api-key", KEY),
        ("x-goog-api-key", KEY),
    ] {
        let bytes = request("POST", "/v1/chat/completions", &[header], body.as_bytes());
        assert_eq!(gateway.send(&bytes).await.status, 200, "{header:?}");
    }
    let path = format!("/chat/completions?api-version=1&key={KEY}");
    assert_eq!(
        gateway
            .send(&request("POST", &path, &[], body.as_bytes()))
            .await
            .status,
        200
    );
    let seen = upstream.requests();
    assert_eq!(
        seen.last().unwrap().path,
        "/v1/chat/completions?api-version=1"
    );
    assert!(
        seen.iter()
            .all(|request| request.header("authorization") == Some("Bearer sk-upstream"))
    );
    let shown = format!("{seen:?}");
    assert!(!shown.contains(KEY), "a virtual key went upstream: {shown}");
}

#[tokio::test]
async fn a_key_reaches_its_models_alone() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    for speaks in Speaks::BOTH {
        let ask = async |model: &str| {
            let body = speaks.chat(model, false);
            gateway
                .send(&speaks.post_as(NARROW_KEY, speaks.path(), body.as_bytes()))
                .await
        };
        for allowed in ["fast", "up/lorem", "up/lorem+no_usage"] {
            assert_eq!(ask(allowed).await.status, 200, "{allowed}");
        }
        // Also not what stands behind a model that the key may use.
        for refused in ["up/echo", "claude/lorem"] {
            let reply = ask(refused).await;
            let told = speaks.told(&reply.body);
            assert_eq!(reply.status, 403);
            let says = format!("may not use the model `{refused}`");
            assert!(told.message.contains(&says), "{told:?}");
            match speaks {
                Speaks::OpenAi => {
                    assert_eq!(told.code.as_deref(), Some("model_not_allowed"));
                    assert_eq!(told.param.as_deref(), Some("model"));
                }
                Speaks::Anthropic => assert_eq!(told.kind, "permission_error"),
            }
        }
        assert_eq!(ask("up-to-nothing").await.status, 404);
    }
}

#[tokio::test]
async fn the_list_shows_what_the_key_may_use() {
    let config = "providers:\n  up: { kind: openai-compatible, base_url: \"http://127.0.0.1:9/v1\", \
                  models: { lorem: {}, echo: {} } }\n\
                  models: { fast: { targets: [ { target: up/echo } ] }, \
                  \"up/lorem-*\": { targets: [ { target: \"up/*\" } ] } }\n";
    let gateway = Gateway::start(config).await;
    for speaks in Speaks::BOTH {
        let get = async |key: &str, path: &str| -> Reply {
            let own = speaks.headers(key);
            let own: Vec<_> = own
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            gateway.send(&request("GET", path, &own, b"")).await
        };
        let ids = |list: &Value| -> Vec<String> {
            let models = list["data"].as_array().unwrap();
            models
                .iter()
                .map(|model| model["id"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(
            ids(&get(NARROW_KEY, "/v1/models").await.json()),
            ["fast", "up/lorem"]
        );
        assert_eq!(
            ids(&get(KEY, "/models").await.json()),
            ["fast", "up/echo", "up/lorem"]
        );
        assert_eq!(get("sk-wrong", "/v1/models").await.status, 401);
        for (path, status) in [
            ("/v1/models/fast", 200),
            ("/v1/models/up/lorem", 200),
            ("/v1/models/up%2Florem", 200),
            ("/v1/models/up%2Fecho", 403),
            ("/v1/models/none", 404),
        ] {
            let reply = get(NARROW_KEY, path).await;
            assert_eq!(reply.status, status, "{path}");
            match status {
                200 => assert!(path.ends_with("fast") || reply.json()["id"] == "up/lorem"),
                _ => drop(speaks.told(&reply.body)),
            }
        }
    }
}

#[tokio::test]
async fn health_needs_no_key() {
    let gateway = gateway("http://127.0.0.1:9").await;
    for path in ["/healthz", "/readyz"] {
        let reply = gateway.send(&request("GET", path, &[], b"")).await;
        assert_eq!((reply.status, reply.text()), (200, "ok\n"));
    }
}

#[tokio::test]
async fn without_authentication_nobody_is_asked() {
    let upstream = mimic().await;
    let config = providers(&upstream.url(), "") + "server: { auth: off }\n";
    let gateway = Gateway::start(&config).await;
    let body = Speaks::OpenAi.chat("up/echo", false);
    let reply = gateway
        .send(&request(
            "POST",
            "/v1/chat/completions",
            &[],
            body.as_bytes(),
        ))
        .await;
    assert_eq!(reply.status, 200);
    let row = gateway.entry_of(&reply).await;
    assert_eq!(
        (&*row.caller.key_id, &*row.caller.key_name),
        ("", "anonymous")
    );
}
