//! What a file becomes: defaults, the catalog, the environment; and no secret in any message.

mod mistakes;

use proptest::prelude::*;
use weir_model::{Dialect, Operation};

use super::*;
use crate::{Auth, Deadlines, Fallback, ModelConfig, OnLoss, SecretString, Timeouts};

const SECRET: &str = "sk-Zq8TfXw2kLmN4pRs-very-secret";

fn env() -> Environment {
    env_with("S", "")
}

fn env_with(name: &str, value: &str) -> Environment {
    Environment::from_pairs([
        (name, value),
        ("OPENAI_API_KEY", SECRET),
        ("ANTHROPIC_API_KEY", SECRET),
        ("AZURE_KEY", SECRET),
        ("WEIR_KEY", SECRET),
        ("CI_KEY", "ci-ci-ci-ci-ci-ci-ci"),
        ("SEARCH_KEY", "search-search-search"),
        ("WEIR_SECRET", "0123456789abcdef0123456789abcdef"),
    ])
}

fn load(text: &str) -> Result<Loaded, String> {
    Config::from_str(text, "w.yaml", &env()).map_err(|errors| errors.to_string())
}

#[track_caller]
fn config(text: &str) -> Config {
    load(text)
        .unwrap_or_else(|errors| panic!("{errors}"))
        .config
}

const PROVIDERS: &str = "providers: {openai: {}, anthropic: {}, sim: {}}\n";

#[test]
fn the_examples_are_right() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/examples");
    let mut names = Vec::new();
    for example in std::fs::read_dir(examples).unwrap() {
        let path = example.unwrap().path();
        let loaded = Config::from_file(&path, &env()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(loaded.warnings, [], "{path:?}");
        assert!(!loaded.config.providers.is_empty());
        names.extend(path.file_name().map(|name| name.display().to_string()));
    }
    names.sort();
    assert_eq!(names, ["failover.yaml", "full.yaml", "minimal.yaml"]);
}

#[test]
fn the_full_example_names_every_key() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/guide/examples/full.yaml"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let schema = crate::json_schema();
    let defs = schema["$defs"].as_object().unwrap();
    for object in defs.values().chain([&schema]) {
        for key in object["properties"].as_object().unwrap().keys() {
            assert!(text.contains(&format!("{key}:")), "{key}");
        }
    }
}

#[test]
fn an_empty_file_has_defaults_and_a_warning() {
    for text in [
        "",
        "# nothing\n",
        "server:\nproviders:\n",
        "{}",
        "\u{feff}log: {}",
    ] {
        let loaded = load(text).unwrap();
        assert_eq!(loaded.config.server, crate::Server::default());
        assert!(loaded.config.providers.is_empty() && loaded.config.models.is_empty());
        let [warning] = loaded.warnings.as_slice() else {
            panic!("{text:?}")
        };
        assert_eq!(
            warning.message,
            "no provider is configured: every call will be refused"
        );
    }
}

#[test]
fn a_catalog_provider_needs_only_a_key() {
    let config = config("providers: {openai: {api_key: sk-own}, anthropic: {}}");
    assert_eq!(
        config.enabled_providers().collect::<Vec<_>>(),
        ["anthropic", "openai"]
    );
    let openai = &config.providers["openai"];
    assert_eq!(
        openai.endpoints,
        [Dialect::OpenAiChat, Dialect::OpenAiResponses]
            .map(|dialect| (dialect.into(), "https://api.openai.com/v1".to_owned()))
    );
    assert_eq!(openai.api_key, Some(SecretString::new("sk-own")));
    assert_eq!(
        (openai.kind.as_str(), &openai.auth),
        ("openai", &Auth::Bearer)
    );
    let anthropic = &config.providers["anthropic"];
    assert_eq!(
        anthropic.base_url(Dialect::AnthropicMessages),
        Some("https://api.anthropic.com")
    );
    assert_eq!(anthropic.base_url(Dialect::OpenAiChat), None);
    assert_eq!(anthropic.api_key, Some(SecretString::new(SECRET)));
    assert_eq!(anthropic.default_headers["anthropic-version"], "2023-06-01");
}

#[test]
fn an_entry_is_put_over_the_catalog() {
    let config = config(
        "
providers:
  mine:
    kind: anthropic
    api_key: k
    base_url: https://proxy.example.com/claude/
    headers: {X-Team: a, Anthropic-Version: b}
    drop: [seed]
    json_schema: false
    string_content: true
    timeouts: {idle_ms: 5}
    models:
      able: {json_schema: true, string_content: false}
      m: {price: {input_usd_per_mtok: 0.1, output_usd_per_mtok: '3'}, context_window: 9}
",
    );
    let mine = &config.providers["mine"];
    let endpoint = (
        Dialect::AnthropicMessages.into(),
        "https://proxy.example.com/claude".to_owned(),
    );
    assert_eq!(mine.endpoints, [endpoint]);
    assert_eq!(mine.headers["x-team"].expose(), "a");
    assert_eq!(mine.headers["anthropic-version"].expose(), "b");
    assert!(mine.default_headers.is_empty());
    assert_eq!(mine.quirks.drop, ["seed"]);
    assert_eq!(mine.json_schema, Some(false));
    assert!(mine.quirks.no_json_schema && mine.quirks.string_content);
    let able = &mine.models["able"];
    let abilities = (able.json_schema, able.string_content);
    assert_eq!(abilities, (Some(true), Some(false)));
    assert_eq!(mine.timeouts.idle_ms, Some(5));
    let model = &mine.models["m"];
    let price = model.price.unwrap();
    assert_eq!((price.input_pico, price.output_pico), (100_000, 3_000_000));
    assert_eq!(
        (model.context_window, model.max_output_tokens),
        (Some(9), None)
    );
}

#[test]
fn the_vendors_key_goes_to_the_vendor_alone() {
    let config = config(
        "
providers:
  a: {kind: openai, base_url: 'https://elsewhere.example.com/v1'}
  b: {kind: openai, speaks: {openai_chat: 'https://elsewhere.example.com/v1'}}
  c: {kind: openai}
",
    );
    assert_eq!(config.providers["a"].api_key, None);
    assert_eq!(config.providers["b"].api_key, None);
    assert_eq!(
        config.providers["c"].api_key,
        Some(SecretString::new(SECRET))
    );
}

#[test]
fn own_servers_speak_what_their_kind_says() {
    let config = config(
        "
providers:
  o: {kind: openai-compatible, base_url: 'http://127.0.0.1:8000/v1/'}
  a: {kind: anthropic-compatible, base_url: 'http://127.0.0.1:8000', api_key: k}
  c: {kind: custom, speaks: {anthropic_messages: 'http://b', openai_chat: 'http://a/v1'}}
  host: {kind: vllm, base_url: 'http://gpu:8000'}
  path: {kind: vllm, base_url: 'http://gpu:8000/v1'}
",
    );
    let endpoints = |name: &str| {
        let all = config.providers[name].endpoints.iter();
        all.map(|(dialect, url)| format!("{} {url}", dialect.name()))
            .collect::<Vec<_>>()
    };
    assert_eq!(endpoints("o"), ["openai_chat http://127.0.0.1:8000/v1"]);
    assert_eq!(endpoints("a"), ["anthropic_messages http://127.0.0.1:8000"]);
    assert_eq!(
        endpoints("c"),
        ["openai_chat http://a/v1", "anthropic_messages http://b"]
    );
    let all = [
        "openai_chat http://gpu:8000/v1",
        "anthropic_messages http://gpu:8000",
        "openai_responses http://gpu:8000/v1",
    ];
    assert_eq!(endpoints("host"), all);
    let below = [all[0], all[2]];
    assert_eq!(endpoints("path"), below);
    assert_eq!(
        config.providers["a"].auth,
        Auth::Header("x-api-key".to_owned())
    );
    assert_eq!(config.providers["o"].auth, Auth::OptionalBearer);
    let older = ("max_completion_tokens".into(), "max_tokens".into());
    assert_eq!(config.providers["o"].quirks.rename, [older]);
    assert!(config.providers["o"].quirks.developer_as_system);
    assert_eq!(config.providers["a"].operations, [Operation::CountTokens]);
}

#[test]
fn variables_fill_the_address() {
    let text = "providers: {azure-openai: {api_key: k, variables: {resource: mine}}}";
    let urls = |config: Config| config.providers["azure-openai"].endpoints[0].1.clone();
    assert_eq!(
        urls(config(text)),
        "https://mine.openai.azure.com/openai/v1"
    );
    let env = Environment::from_pairs([
        ("AZURE_OPENAI_ENDPOINT", "https://theirs.openai.azure.com/"),
        ("AZURE_OPENAI_API_KEY", "k"),
    ]);
    let written = Config::from_str(text, "w.yaml", &env).unwrap().config;
    assert_eq!(urls(written), "https://mine.openai.azure.com/openai/v1");
    assert_eq!(
        urls(Config::from_environment(&env)),
        "https://theirs.openai.azure.com/openai/v1"
    );
}

#[test]
fn without_a_file_the_environment_decides() {
    let names = |pairs: &[(&str, &str)]| {
        let env = Environment::from_pairs(pairs.iter().copied());
        let loaded = Loaded::from_environment(&env);
        let names: Vec<_> = loaded
            .config
            .enabled_providers()
            .map(str::to_owned)
            .collect();
        let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
        (names.join(" "), warnings.join("\n"))
    };
    let found = |names: &str, warnings: &str| (names.to_owned(), warnings.to_owned());
    assert_eq!(names(&[]), found("sim", ""));
    let keys = [("OPENAI_API_KEY", "k"), ("GROQ_API_KEY", "")];
    assert_eq!(names(&keys), found("openai sim", ""));
    let address = "environment: providers.azure-openai: its address is not known: write `base_url` \
                   or `variables`, or set `AZURE_OPENAI_RESOURCE`";
    assert_eq!(
        names(&[("AZURE_OPENAI_API_KEY", "k")]),
        found("sim", address)
    );
    let proxy = "environment: network: `HTTPS_PROXY` in the environment is not an `http://` or \
                 `https://` URL; set `network.proxy`";
    assert_eq!(
        names(&[("HTTPS_PROXY", "socks5://u:p@h")]),
        found("sim", proxy)
    );
    let sim = &Config::from_environment(&Environment::default()).providers["sim"];
    assert!(sim.in_process && sim.api_key.is_none() && sim.auth == Auth::None);
}

#[test]
fn every_catalog_provider_can_be_written() {
    for shipped in Catalog::builtin().providers() {
        let given = shipped
            .url_vars
            .iter()
            .map(|var| format!("{}: x", var.name));
        let given = given.collect::<Vec<_>>().join(", ");
        let address = match (shipped.url_vars.is_empty(), shipped.url_env.is_empty()) {
            (true, false) => "base_url: 'https://x.example.com'".to_owned(),
            _ => format!("variables: {{{given}}}"),
        };
        let text = format!("providers: {{{}: {{api_key: k, {address}}}}}", shipped.name);
        let provider = &config(&text).providers[&shipped.name];
        assert_eq!(
            provider.endpoints.len(),
            shipped.speaks.len(),
            "{}",
            shipped.name
        );
    }
}

#[test]
fn models_are_found_by_name_then_by_the_closest_glob() {
    let config = config(&format!(
        "{PROVIDERS}
models:
  gpt-fast: {{targets: [{{target: openai/a}}]}}
  gpt-*: {{targets: [{{target: openai/b}}], on_loss: reject}}
  '*': {{targets: [{{target: 'openai/*'}}], fallbacks: [gpt-fast, gpt-x, 'sim/*']}}
on_loss: allow
"
    ));
    let found = |name: &str| config.model(name).map(|(pattern, _)| pattern.as_str());
    assert_eq!(found("gpt-fast"), Some("gpt-fast"));
    assert_eq!(found("gpt-slow"), Some("gpt-*"));
    assert_eq!(found("o3"), Some("*"));
    let model = |name: &str| -> ModelConfig { config.model(name).unwrap().1.clone() };
    assert_eq!(model("gpt-slow").on_loss, OnLoss::Reject);
    assert_eq!(model("gpt-fast").on_loss, OnLoss::Allow);
    assert_eq!(model("gpt-fast").retry.max_retries, 2);
    assert_eq!(model("gpt-fast").targets[0].weight, 1);
    assert_eq!(model("o3").targets[0].target.model_for("o3"), "o3");
}

#[test]
fn fallbacks_are_public_names_or_targets() {
    let config = config(&format!(
        "{PROVIDERS}
models:
  a: {{targets: [{{target: sim/echo}}], fallbacks: [b, openai/x, sim/y]}}
  b: {{targets: [{{target: sim/echo}}], fallbacks: [a]}}
  openai/x: {{targets: [{{target: sim/echo}}]}}
"
    ));
    let (_, a) = config.model("a").unwrap();
    let target = crate::Target::try_from("sim/y".to_owned()).unwrap();
    let model = |name: &str| Fallback::Model(name.to_owned());
    assert_eq!(
        a.fallbacks,
        [model("b"), model("openai/x"), Fallback::Target(target)]
    );
}

#[test]
fn deadlines_come_from_the_first_layer_that_says() {
    let model = Timeouts {
        idle_ms: Some(1),
        ..Timeouts::default()
    };
    let provider = Timeouts {
        idle_ms: Some(2),
        total_ms: Some(3),
        ..Timeouts::default()
    };
    let expected = Deadlines {
        idle_ms: 1,
        total_ms: 3,
        ..Deadlines::default()
    };
    assert_eq!(Deadlines::of(&[&model, &provider]), expected);
}

#[test]
fn files_stand_beside_the_database() {
    let store = config(&format!(
        "{PROVIDERS}store: {{database: 'sqlite:/var/lib/weir/w.db'}}"
    ))
    .store;
    assert_eq!(
        store.database.path(),
        std::path::Path::new("/var/lib/weir/w.db")
    );
    assert_eq!(
        store.journal_dir(),
        std::path::Path::new("/var/lib/weir/w.journal")
    );
    assert_eq!(
        store.secret_file(),
        std::path::Path::new("/var/lib/weir/w.secret")
    );
}

#[test]
fn oddities_are_warned_of() {
    let loaded = load(
        "
providers:
  far: {kind: openai-compatible, base_url: 'http://far.example.com/v1'}
  sim: {api_key: k}
keys: [{name: a, value: 0123456789abcdef, models: []}]
",
    )
    .unwrap();
    let said: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "w.yaml:3:3: providers.far: `http://far.example.com/v1` is plain http: keys and prompts travel unencrypted",
            "w.yaml:4:18: providers.sim.api_key: is not sent: the provider takes none",
            "w.yaml:5:43: keys[0].models: is empty: the key may use no model",
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let read = |path: &std::path::Path| Config::from_file(path, &env()).unwrap_err().to_string();
    let nowhere = std::path::Path::new("/nowhere/weir.yaml");
    assert_eq!(
        read(nowhere),
        "/nowhere/weir.yaml: cannot be read: No such file or directory (os error 2)"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"a: \xff").unwrap();
    assert!(
        read(file.path())
            .ends_with("cannot be read: invalid utf-8 sequence of 1 bytes from index 3")
    );
}

#[test]
fn the_digest_follows_the_meaning_and_not_the_secrets() {
    let digest = |text: &str| config(text).digest().to_owned();
    let plain = digest("providers: {openai: {api_key: aaa}}\nlog: {level: debug}");
    assert_eq!(plain.len(), 8);
    assert!(plain.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(
        plain,
        digest("# c\nlog:\n  level: debug\nproviders:\n  openai: {api_key: bbb}\n")
    );
    assert_eq!(
        plain,
        digest("log: {level: debug, format: auto}\nproviders: {openai: {api_key: c}}")
    );
    assert_ne!(
        plain,
        digest("providers: {openai: {api_key: aaa}}\nlog: {level: info}")
    );
}

/// A configuration with the secret wherever it can stand.
fn sprinkled(secret: &str) -> String {
    format!(
        "
server: {{secret: '{secret}'}}
network: {{proxy: 'http://u:{secret}@proxy:1'}}
providers:
  openai: {{api_key: '{secret}', headers: {{x-a: '{secret}'}}}}
keys: [{{name: a, value: '{secret}'}}]
"
    )
}

proptest! {
    #[test]
    fn secrets_stay_inside(secret in "[a-zA-Z0-9]{32,40}") {
        let written = sprinkled(&secret);
        let env = Environment::from_pairs([("S", secret.as_str())]);
        for text in [written.clone(), sprinkled("${S}")] {
            let loaded = Config::from_str(&text, "w.yaml", &env).unwrap();
            let printed = format!("{loaded:?} {loaded:#?} {env:?}");
            prop_assert!(!printed.contains(&secret));
            prop_assert_eq!(loaded.config.keys[0].value.expose(), secret.as_str());
        }
        let document = yaml::parse(&written, &env).unwrap();
        let file: File = yaml::read(&document).unwrap();
        prop_assert!(!serde_json::to_string(&file).unwrap().contains(&secret));
    }

    /// Whatever value it is put in by mistake.
    #[test]
    fn errors_do_not_show_the_environment(secret in "[a-z]{8,20}[/:*]?[a-z]{0,9}", which in 0_usize..400) {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/examples/full.yaml");
        let text = std::fs::read_to_string(example).unwrap();
        let values: Vec<_> = text.match_indices(": ").collect();
        let (at, _) = values[which % values.len()];
        let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end);
        let value_end = text[at..line_end].find([',', '}', ']']).map_or(line_end, |end| at + end);
        let bad = format!("{}: \"${{S}}\"{}", &text[..at], &text[value_end..]);
        match Config::from_str(&bad, "w.yaml", &env_with("S", &secret)) {
            Ok(loaded) => {
                let warnings: String = loaded.warnings.iter().map(ToString::to_string).collect();
                prop_assert!(!warnings.contains(&secret), "{}", warnings);
            }
            Err(errors) => prop_assert!(!errors.to_string().contains(&secret), "{}", errors),
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let _ = Config::from_file(file.path(), &env());
    }

    #[test]
    fn no_damage_to_a_file_makes_it_panic(at in 0_usize..3_000, cut in 0_usize..40, put in "[-a:{}\\[\\]\"'&*$,\n ]{0,4}") {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/examples/full.yaml");
        let mut text = std::fs::read_to_string(example).unwrap();
        let start = at.min(text.len());
        let end = (start + cut).min(text.len());
        text.replace_range(start..end, &put);
        if let Err(errors) = Config::from_str(&text, "w.yaml", &env()) {
            prop_assert!(!errors.0.is_empty());
            prop_assert!(!errors.to_string().contains(SECRET));
        }
    }
}
