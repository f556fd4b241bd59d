//! Names to routes, and routes to plans.

use std::sync::Arc;
use std::time::Duration;

use weir_config::{Config, Environment, OnLoss};
use weir_model::Kind;

use super::{Route, homeward};
use crate::world::World;

/// Two servers of one's own that share a model, a shipped provider, and one that has its models.
const PROVIDERS: &str = "providers:
  one: { kind: openai-compatible, base_url: \"http://127.0.0.1:1/v1\", models: { shared: {}, only-one: {} },
         timeouts: { headers_ms: 11, idle_ms: 12 } }
  two: { kind: openai-compatible, base_url: \"http://127.0.0.1:2/v1\", models: { shared: {} } }
  openai: { api_key: sk-x }
  azure-openai: { api_key: sk-y, variables: { resource: mine } }
";

fn world(models: &str) -> World {
    let text = format!("{PROVIDERS}{models}");
    let environment = Environment::from_pairs([("", ""); 0]);
    let loaded = Config::from_str(&text, "test", &environment);
    World::build(Arc::new(loaded.unwrap_or_else(|e| panic!("{e}")).config)).unwrap()
}

fn resolve(models: &str, name: &str) -> Arc<Route> {
    world(models)
        .directory
        .resolve(name)
        .unwrap_or_else(|e| panic!("{e}"))
}

fn refused(models: &str, name: &str) -> String {
    let rejection = world(models).directory.resolve(name).unwrap_err();
    assert_eq!((rejection.kind, rejection.status), (Kind::NotFound, 404));
    assert_eq!(rejection.param.as_deref(), Some("model"));
    assert_eq!(rejection.code.as_deref(), Some("model_not_found"));
    rejection.message.into_owned()
}

fn plan(route: &Route) -> Vec<String> {
    route
        .plan()
        .map(|deployment| deployment.name.to_string())
        .collect()
}

#[test]
fn targets_take_turns_and_the_others_follow() {
    let models = "models: { m: { targets: [ { target: one/a, weight: 2 }, { target: one/b }, \
                  { target: one/c } ] } }";
    let route = resolve(models, "m");
    let turns: Vec<_> = (0..4).map(|_| plan(&route).join(" ")).collect();
    assert_eq!(
        turns,
        [
            "one/a one/b one/c",
            "one/b one/c one/a",
            "one/c one/a one/b",
            "one/a one/b one/c"
        ]
    );
}

#[test]
fn a_weight_of_zero_takes_no_turn_and_helps_nobody() {
    let models = "models: { m: { targets: [ { target: one/a, weight: 0 }, { target: one/b }, \
                  { target: one/c } ] } }";
    let route = resolve(models, "m");
    assert_eq!(plan(&route), ["one/b", "one/c"]);
    assert_eq!(plan(&route), ["one/c", "one/b"]);
}

#[test]
fn fallbacks_come_last_and_nothing_comes_twice() {
    let models = "models:
  m: { targets: [ { target: one/a, weight: 0 }, { target: one/b } ],
       fallbacks: [ one/b, two/x, other, two/y, one/a ] }
  other: { targets: [ { target: two/y }, { target: one/b } ], fallbacks: [ two/z ] }
";
    // `one/a` takes no turn, but is asked for as a fallback.
    assert_eq!(
        plan(&resolve(models, "m")),
        ["one/b", "two/x", "two/y", "one/a"]
    );
    assert_eq!(plan(&resolve(models, "other")), ["two/y", "one/b", "two/z"]);
}

#[test]
fn a_glob_takes_the_name_that_was_asked_for() {
    let models = "models:
  \"gpt-*\": { targets: [ { target: \"one/*\" } ], fallbacks: [ two/spare ] }
  \"gpt-4*\": { targets: [ { target: \"two/*\" } ] }
  gpt-4-own: { targets: [ { target: one/special } ] }
  spare: { targets: [ { target: one/x } ], fallbacks: [ gpt-9 ] }
";
    for (name, expected) in [
        ("gpt-3", &["one/gpt-3", "two/spare"][..]),
        ("gpt-4x", &["two/gpt-4x"]),
        ("gpt-4-own", &["one/special"]),
        // The fallback is resolved as if it had been asked for.
        ("spare", &["one/x", "one/gpt-9"]),
    ] {
        let route = resolve(models, name);
        assert_eq!(
            (plan(&route), &*route.public),
            (expected.iter().map(|d| (*d).to_owned()).collect(), name)
        );
    }
}

#[test]
fn names_resolve_without_an_entry() {
    for (name, expected) in [
        ("one/anything/with/slashes", "one/anything/with/slashes"),
        ("only-one", "one/only-one"),
        ("gpt-4o-mini", "openai/gpt-4o-mini"),
    ] {
        let route = resolve("", name);
        assert_eq!(
            (plan(&route), &*route.public),
            (vec![expected.to_owned()], name)
        );
        assert_eq!(route.max_retries, 0);
    }
    // A declared name shadows what would resolve without it.
    let models = "models: { only-one: { targets: [ { target: two/b } ] }, \
                  one/a: { targets: [ { target: two/c } ] } }";
    assert_eq!(plan(&resolve(models, "only-one")), ["two/b"]);
    assert_eq!(plan(&resolve(models, "one/a")), ["two/c"]);
}

#[test]
fn a_name_of_several_providers_must_be_said_whole() {
    assert_eq!(
        refused("", "shared"),
        "Several providers have a model `shared`. Say which: `one/shared` or `two/shared`."
    );
    assert_eq!(plan(&resolve("", "two/shared")), ["two/shared"]);
}

#[test]
fn an_unknown_name_is_told_what_is_near() {
    let models = "models: { frontier: { targets: [ { target: one/a } ] } }";
    for (name, near) in [
        ("frontire", "frontier"),
        ("Frontier", "frontier"),
        ("gpt-4o-mni", "gpt-4o-mini"),
    ] {
        let told = refused(models, name);
        assert!(told.contains(&format!("`{name}` does not exist")), "{told}");
        assert!(told.ends_with(&format!("Did you mean `{near}`?")), "{told}");
    }
    for far in ["nothing-like-it-at-all", "groq/llama", "/", ""] {
        let told = refused(models, far);
        assert!(told.contains("its provider is not configured"), "{told}");
        assert!(told.ends_with("see GET /v1/models."), "{told}");
    }
}

#[test]
fn settings_come_from_the_model_then_the_provider() {
    let models = "on_loss: reject
models:
  m: { targets: [ { target: one/a } ], timeouts: { headers_ms: 21, total_ms: 22 },
       retry: { max_retries: 5 }, on_loss: allow }
  plain: { targets: [ { target: one/a } ] }
";
    let ms = Duration::from_millis;
    let own = resolve(models, "m");
    assert_eq!(
        (own.timeouts.headers, own.timeouts.idle, own.timeouts.total),
        (ms(21), ms(12), ms(22))
    );
    assert_eq!((own.max_retries, own.on_loss), (5, OnLoss::Allow));
    let plain = resolve(models, "plain");
    assert_eq!(
        (plain.timeouts.headers, plain.timeouts.connect),
        (ms(11), ms(5000))
    );
    assert_eq!((plain.max_retries, plain.on_loss), (2, OnLoss::Reject));
    let direct = resolve(models, "one/a");
    assert_eq!(
        (direct.timeouts.headers, direct.on_loss),
        (ms(11), OnLoss::Reject)
    );
}

/// Turns are shared by all who ask for the name.
#[test]
fn a_name_is_resolved_once() {
    let world = world("models: { m: { targets: [ { target: one/a }, { target: one/b } ] } }");
    let one = world.directory.resolve("m").unwrap();
    let other = world.directory.resolve("m").unwrap();
    assert!(Arc::ptr_eq(&one, &other));
    assert_eq!(
        [plan(&one), plan(&other)].map(|plan| plan[0].clone()),
        ["one/a", "one/b"]
    );
}

/// The word on a model goes before that on its provider, and both before the catalog's.
#[test]
fn abilities_are_what_the_operator_says() {
    let text = "providers:
  plain: { kind: anthropic-compatible, base_url: \"http://127.0.0.1:1\",
           models: { able: { json_schema: true, string_content: true } } }
  able: { kind: deepseek, api_key: k, json_schema: true, string_content: true,
          models: { lacks: { json_schema: false, string_content: false } } }
  openai: { api_key: k, json_schema: false }
";
    let environment = Environment::from_pairs([("", ""); 0]);
    let config = Config::from_str(text, "test", &environment).unwrap().config;
    let world = World::build(Arc::new(config)).unwrap();
    for (name, schema, string) in [
        ("plain/able", true, true),
        ("plain/other", false, false),
        ("able/lacks", false, false),
        ("able/other", true, true),
        ("openai/gpt-4o", false, false),
    ] {
        let route = world.directory.resolve(name).unwrap();
        let deployment = route.first();
        let quirks = &deployment.quirks;
        let takes = deployment.capabilities.json_schema && !quirks.no_json_schema;
        assert_eq!((takes, quirks.string_content), (schema, string), "{name}");
    }
}

#[test]
fn a_conversation_with_state_begins_at_home() {
    let models = "models: { m: { targets: [ { target: one/a } ], \
                  fallbacks: [two/b, one/c, two/d] } }";
    let route = resolve(models, "m");
    let plan = |home: Option<&str>| {
        let plan = homeward(route.plan(), home);
        plan.map(|d| d.name.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (home, expected) in [
        (None, "one/a two/b one/c two/d"),
        (Some("two/d"), "two/d two/b one/a one/c"),
        (Some("two/gone"), "two/b two/d one/a one/c"),
        (Some("three/d"), "one/a two/b one/c two/d"),
    ] {
        assert_eq!(plan(home), expected, "{home:?}");
    }
}
