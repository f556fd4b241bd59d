//! What any worker is told, all know.

use crate::support::{Gateway, KEY};

const CONFIG: &str = "
providers: { up: { kind: openai-compatible, base_url: MIMIC/v1, api_key: sk-x } }
models: { fast: { targets: [ { target: up/echo } ] } }
";

/// A key works, stops and works again at every worker as soon as the admin API has answered.
#[tokio::test]
async fn every_worker_sees_a_new_key() {
    let gateway = Gateway::start(CONFIG).await;
    let made = gateway.admin("/admin/v1/keys", r#"{"name":"app"}"#).await;
    let key = made["value"].as_str().unwrap();
    for (path, status) in [
        (None, 200),
        (Some("/admin/v1/keys/app/disable"), 401),
        (Some("/admin/v1/keys/app/enable"), 200),
    ] {
        if let Some(path) = path {
            gateway.admin(path, "").await;
        }
        for worker in [0, 1] {
            let (seen, text) = gateway.chat(worker, key, "fast").await;
            assert_eq!(seen, status, "{path:?} at worker {worker}: {text}");
        }
    }
}

#[tokio::test]
async fn every_worker_sees_a_reload() {
    let gateway = Gateway::start(CONFIG).await;
    for (config, statuses) in [
        (CONFIG.to_owned(), [200, 404]),
        (CONFIG.replace("fast", "quick"), [404, 200]),
    ] {
        gateway.replace(&config);
        for worker in [0, 1] {
            for (model, status) in ["fast", "quick"].into_iter().zip(statuses) {
                let (seen, text) = gateway.chat(worker, KEY, model).await;
                assert_eq!(seen, status, "{model} at worker {worker}: {text}");
            }
        }
    }
}
