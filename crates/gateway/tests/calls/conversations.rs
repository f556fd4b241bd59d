//! Conversations, whoever answers in them, and making them shorter.

use serde_json::{Value, json};

use crate::stored::{ask, create, delete, gateway, get, id, refused, send, text, turned_down};
use crate::support::{KEY, NARROW_KEY, mimic};

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

#[tokio::test]
async fn a_conversation_goes_on_whoever_answers() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let items =
        json!([{"role": "user", "content": "zero"}, {"role": "assistant", "content": "Zero."}]);
    let made = json!({"items": items, "metadata": {"a": "b"}});
    let made = ask(&gateway, "POST", "/conversations", made).await;
    assert_eq!(
        (made["object"].as_str(), made["metadata"]["a"].as_str()),
        (Some("conversation"), Some("b"))
    );
    let models = ["up/echo", "native/echo", "claude/echo"];
    for (at, model) in models.into_iter().enumerate() {
        let said = format!("say {at}");
        let body = json!({"model": model, "input": said, "conversation": {"id": made["id"]}, "stream": at == 2});
        assert_eq!(text(&create(&gateway, body).await), said);
        let sent = upstream.requests().pop().unwrap().json();
        assert!(sent.get("conversation").is_none(), "{sent}");
        let turns = sent.get("input").or(sent.get("messages")).unwrap();
        assert_eq!(list(turns).len(), 3 + 2 * at, "{sent}");
    }
    let items = format!("/conversations/{}/items?order=asc", id(&made));
    let listed = get(&gateway, &items).await;
    let roles = list(&listed["data"])
        .iter()
        .map(|item| item["role"].as_str().unwrap());
    assert_eq!(roles.collect::<Vec<_>>(), ["user", "assistant"].repeat(4));
}

#[tokio::test]
async fn a_conversation_is_changed_and_deleted_by_its_key_alone() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let made = json!({"items": [{"role": "user", "content": "a"}]});
    let made = ask(&gateway, "POST", "/conversations", made).await;
    let path = format!("/conversations/{}", id(&made));
    let items = format!("{path}/items");
    let more = json!({"items": [{"role": "user", "content": "b"}]});
    let added = ask(&gateway, "POST", &items, more).await;
    let one = format!("{items}/{}", id(&list(&added["data"])[0]));
    assert_eq!(get(&gateway, &one).await["content"][0]["text"], "b");
    delete(&gateway, &one).await;
    assert_eq!(refused(&gateway, KEY, "GET", &one).await.0, 404);
    assert_eq!(list(&get(&gateway, &items).await["data"]).len(), 1);
    let updated = ask(&gateway, "POST", &path, json!({"metadata": {"c": "d"}})).await;
    assert_eq!(updated["metadata"], json!({"c": "d"}));
    assert_eq!(refused(&gateway, NARROW_KEY, "GET", &path).await.0, 404);
    let stolen = json!({"model": "fast", "input": "x", "conversation": made["id"]});
    assert_eq!(turned_down(&gateway, NARROW_KEY, stolen).await.0, 404);
    assert_eq!(delete(&gateway, &path).await["deleted"], true);
    assert_eq!(refused(&gateway, KEY, "GET", &path).await.0, 404);
    let wrong = send(
        &gateway,
        KEY,
        "POST",
        "/conversations",
        &json!({"items": [5]}),
    )
    .await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn a_conversation_is_compacted_by_vendors_that_can() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream).await;
    let first = create(&gateway, json!({"model": "up/echo", "input": "one"})).await;
    let body = json!({"model": "native/echo", "previous_response_id": first["id"], "input": "two"});
    let compacted = ask(&gateway, "POST", "/responses/compact", body.clone()).await;
    assert_eq!(compacted["object"], "response.compaction");
    assert_eq!(
        upstream.requests().pop().unwrap().json()["input"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let row = gateway.entry().await;
    assert_eq!(
        (row.usage.input_tokens, row.question.operation.as_str()),
        (7, "compact")
    );
    let mut elsewhere = body;
    elsewhere["model"] = "up/echo".into();
    let elsewhere = send(&gateway, KEY, "POST", "/responses/compact", &elsewhere).await;
    assert_eq!(elsewhere.status, 400);
}
