//! Names resolve in the documented order, and plans try each deployment once, in order.

use std::sync::Arc;

use weir_config::{Config, Environment};

use super::Route;
use crate::world::World;

const CONFIG: &str = r#"
providers:
  openai: { api_key: sk-a }
  anthropic: { api_key: sk-b }
  azure-openai: { api_key: sk-c, variables: { resource: mine } }
  one: { kind: openai-compatible, base_url: "http://127.0.0.1:1/v1", models: { twin: {} } }
  two: { kind: openai-compatible, base_url: "http://127.0.0.1:2/v1", models: { twin: {} } }
models:
  fast:
    targets:
      - { target: one/a, weight: 3 }
      - { target: two/b, weight: 1 }
      - { target: one/never, weight: 0 }
    fallbacks: [two/b, anthropic/c, spare, one/never]
  spare: { targets: [ { target: one/d }, { target: anthropic/c } ] }
  "claude-*": { targets: [ { target: "anthropic/*" } ] }
  gpt-4o: { targets: [ { target: anthropic/claude-sonnet-4-5 } ] }
"#;

fn world() -> World {
    let loaded = Config::from_str(CONFIG, "test", &Environment::from_pairs([("", ""); 0]));
    World::build(Arc::new(loaded.unwrap().config)).unwrap()
}

fn resolve(name: &str) -> Arc<Route> {
    world().directory.resolve(name).unwrap()
}

fn refusal(name: &str) -> String {
    let rejection = world().directory.resolve(name).unwrap_err();
    assert_eq!(
        (rejection.status, rejection.code.as_deref()),
        (404, Some("model_not_found"))
    );
    rejection.message.into_owned()
}

fn plan(route: &Route) -> Vec<String> {
    route
        .plan()
        .map(|deployment| deployment.name.to_string())
        .collect()
}

#[test]
fn a_plan_begins_by_weight_and_tries_each_deployment_once() {
    let route = resolve("fast");
    let plans: Vec<_> = (0..4).map(|_| plan(&route)).collect();
    let first = plans.iter().filter(|plan| plan[0] == "one/a").count();
    assert_eq!(first, 3, "{plans:?}");
    for plan in &plans {
        // A weight of 0 keeps a target out, unless a fallback names it.
        let expected = match plan[0].as_str() {
            "one/a" => ["one/a", "two/b", "anthropic/c", "one/d", "one/never"],
            _ => ["two/b", "one/a", "anthropic/c", "one/d", "one/never"],
        };
        assert_eq!(plan, &expected);
    }
}

#[test]
fn names_resolve_in_order() {
    let first = |name: &str| plan(&resolve(name))[0].clone();
    assert_eq!(
        first("gpt-4o"),
        "anthropic/claude-sonnet-4-5",
        "declared before the catalog"
    );
    assert_eq!(
        first("claude-anything"),
        "anthropic/claude-anything",
        "a glob takes the name"
    );
    assert_eq!(
        first("openai/gpt-4o"),
        "openai/gpt-4o",
        "provider and model"
    );
    assert_eq!(
        first("one/org/model"),
        "one/org/model",
        "a model's name may hold slashes"
    );
    assert_eq!(
        first("gpt-4o-mini"),
        "openai/gpt-4o-mini",
        "a bare name of one provider"
    );
}

#[test]
fn what_does_not_resolve_is_told_with_a_way_on() {
    let ambiguous = refusal("twin");
    assert!(
        ambiguous.contains("`one/twin` or `two/twin`"),
        "{ambiguous}"
    );
    let near = refusal("gpt-4o-mimi");
    assert!(near.contains("Did you mean `gpt-4o-mini`?"), "{near}");
    let far = refusal("zzzzzzzzzzzzzzzzzzzzzzzz");
    assert!(far.contains("GET /v1/models"), "{far}");
    let unconfigured = refusal("groq/llama");
    assert!(unconfigured.contains("not configured"), "{unconfigured}");
}

#[test]
fn a_resolved_name_is_resolved_once() {
    let world = world();
    let (first, second) = (
        world.directory.resolve("fast"),
        world.directory.resolve("fast"),
    );
    assert!(Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
}
