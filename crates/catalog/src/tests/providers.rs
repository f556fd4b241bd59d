//! `providers.yaml` is sound and reads as written.

use std::collections::BTreeSet;

use weir_model::{Dialect, Operation};

use super::catalog;
use crate::{Auth, Endpoint, reference};

/// The request fields of OpenAI's references for chat completions and embeddings.
const OPENAI_FIELDS: [&str; 38] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
    "dimensions",
    "encoding_format",
    "input",
];

#[test]
fn provider_names_are_unique_and_kebab_case() {
    let catalog = catalog();
    let mut seen = BTreeSet::new();
    for provider in catalog.providers() {
        let name = &provider.name;
        assert!(seen.insert(name), "{name} twice");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(
            name.chars().all(plain) && !name.starts_with('-') && !name.ends_with('-'),
            "{name}"
        );
        assert!(!provider.title.is_empty(), "{name} has no title");
        assert!(
            provider.in_process || provider.docs.starts_with("https://"),
            "{name} has no docs"
        );
    }
}

#[test]
fn there_are_enough_providers() {
    let catalog = catalog();
    let speaking = |dialect| {
        catalog
            .providers()
            .filter(|p| p.endpoint(dialect).is_some())
            .count()
    };
    assert!(speaking(Dialect::OpenAiChat) >= 50);
    assert!(speaking(Dialect::AnthropicMessages) >= 15);
}

#[test]
fn urls_are_https_or_loopback_and_end_without_a_slash() {
    for provider in catalog().providers() {
        assert!(
            !provider.speaks.is_empty(),
            "{} speaks nothing",
            provider.name
        );
        for Endpoint { base_url, .. } in &provider.speaks {
            let fits = match (provider.local, provider.in_process) {
                (true, _) => base_url.starts_with("http://127.0.0.1:"),
                (_, true) => base_url.starts_with("http://sim"),
                _ => base_url.starts_with("https://"),
            };
            assert!(
                fits && !base_url.ends_with('/'),
                "{}: {base_url}",
                provider.name
            );
        }
        for Endpoint { base_url, .. } in provider
            .speaks
            .iter()
            .filter(|e| e.spoken == Dialect::AnthropicMessages.into())
        {
            assert!(
                !base_url.ends_with("/v1"),
                "{}: /v1/messages is appended to {base_url}",
                provider.name
            );
        }
    }
}

#[test]
fn keys_and_url_variables_come_from_the_environment() {
    let catalog = catalog();
    let mut switches = BTreeSet::new();
    for provider in catalog.providers() {
        let name = &provider.name;
        let keyless = matches!(provider.auth, Auth::None | Auth::OptionalBearer);
        assert_eq!(provider.key_env.is_empty(), keyless, "{name}");
        assert_eq!(keyless, provider.local || provider.in_process, "{name}");
        let vars = provider.url_vars.iter().flat_map(|var| &var.env);
        for var in provider.key_env.iter().chain(&provider.url_env).chain(vars) {
            assert!(
                var.chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'),
                "{name}: {var}"
            );
        }
        if provider.from_environment() {
            assert!(
                switches.insert(&provider.key_env[0]),
                "{name} shares {}",
                provider.key_env[0]
            );
        }
        for Endpoint { base_url, .. } in &provider.speaks {
            for var in base_url
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split('}').next())
            {
                let filled = provider.url_vars.iter().any(|known| known.name == var);
                assert!(
                    filled || !provider.url_env.is_empty(),
                    "{name}: nothing fills {var}"
                );
            }
        }
    }
}

#[test]
fn an_entry_takes_at_most_eight_lines() {
    let text = include_str!("../../data/providers.yaml");
    for entry in text.split("\n  - ").skip(1) {
        let lines = entry.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= 8, "{lines} lines: {entry}");
    }
}

#[test]
fn quirks_name_fields_that_exist() {
    let catalog = catalog();
    for provider in catalog.providers() {
        let quirks = &provider.quirks;
        let named = quirks
            .drop
            .iter()
            .chain(quirks.rename.iter().map(|(standard, _)| standard));
        for field in named {
            assert!(
                OPENAI_FIELDS.contains(&field.as_str()),
                "{}: {field}",
                provider.name
            );
        }
        for (standard, theirs) in &quirks.rename {
            assert!(
                standard != theirs && !quirks.drop.contains(standard),
                "{}: {standard}",
                provider.name
            );
        }
        if let Some(field) = &quirks.reasoning_field {
            assert!(
                ["reasoning", "reasoning_content"].contains(&field.as_str()),
                "{}",
                provider.name
            );
        }
        if let Some(like) = &provider.models_like {
            assert!(
                catalog.models.contains_key(like),
                "{} is like {like}",
                provider.name
            );
        }
    }
}

#[test]
fn base_urls_are_filled_from_the_environment() {
    let catalog = catalog();
    let env = |set: &'static [(&str, &str)]| {
        move |name: &str| {
            set.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        }
    };
    let azure = catalog.provider("azure-openai").expect("shipped");
    let chat = Dialect::OpenAiChat;
    assert_eq!(azure.base_url(chat, env(&[])), None);
    assert_eq!(azure.missing_env(env(&[])), ["AZURE_OPENAI_RESOURCE"]);
    let by_resource = env(&[("AZURE_OPENAI_RESOURCE", "mine")]);
    assert_eq!(
        azure.base_url(chat, by_resource).as_deref(),
        Some("https://mine.openai.azure.com/openai/v1")
    );
    assert!(azure.missing_env(by_resource).is_empty());
    let by_root = env(&[("AZURE_OPENAI_ENDPOINT", "https://x.openai.azure.com/")]);
    assert_eq!(
        azure.base_url(chat, by_root).as_deref(),
        Some("https://x.openai.azure.com/openai/v1")
    );

    let databricks = catalog.provider("databricks").expect("shipped");
    assert_eq!(databricks.missing_env(env(&[])), ["DATABRICKS_HOST"]);
    let host = env(&[("DATABRICKS_HOST", "adb-1.azuredatabricks.net")]);
    let messages = databricks.base_url(Dialect::AnthropicMessages, host);
    assert_eq!(
        messages.as_deref(),
        Some("https://adb-1.azuredatabricks.net/serving-endpoints/anthropic")
    );

    let openai = catalog.provider("openai").expect("shipped");
    assert!(openai.missing_env(env(&[])).is_empty());
    assert_eq!(
        openai.base_url(chat, env(&[])).as_deref(),
        Some("https://api.openai.com/v1")
    );
    assert_eq!(
        openai.base_url_at(chat, "http://127.0.0.1:9/x/").as_deref(),
        Some("http://127.0.0.1:9/x")
    );
    assert_eq!(
        openai.base_url_at(chat, "http://127.0.0.1:9").as_deref(),
        Some("http://127.0.0.1:9/v1")
    );
    assert_eq!(openai.base_url(Dialect::AnthropicMessages, env(&[])), None);
}

#[test]
fn entries_read_as_written() {
    let catalog = catalog();
    let anthropic = catalog.provider("anthropic").expect("shipped");
    assert_eq!(anthropic.auth, Auth::Header("x-api-key".to_owned()));
    assert_eq!(
        anthropic.headers,
        [("anthropic-version".to_owned(), "2023-06-01".to_owned())]
    );
    assert_eq!(
        anthropic.operations,
        [Operation::CountTokens, Operation::Files, Operation::Batches]
    );
    assert_eq!(anthropic.batch_percent, 50);
    let signed = |name: &str| {
        let provider = catalog.provider(name).expect("shipped");
        provider.quirks.signed_thinking.as_deref()
    };
    assert_eq!(signed("anthropic"), Some(""));
    assert_eq!(signed("azure-anthropic"), Some(""));
    assert_eq!(signed("openrouter"), Some("claude"));
    assert_eq!(signed("minimax"), None);
    let deepseek = catalog.provider("deepseek").expect("shipped");
    assert_eq!(deepseek.auth, Auth::Bearer);
    assert_eq!(
        deepseek.quirks.reasoning_field.as_deref(),
        Some("reasoning_content")
    );
    assert!(deepseek.quirks.developer_as_system && deepseek.quirks.no_json_schema);
    let groq = catalog.provider("groq").expect("shipped");
    assert!(groq.quirks.rename.is_empty() && groq.quirks.drop.contains(&"logit_bias".to_owned()));
    assert!(
        !catalog
            .provider("dashscope-cn")
            .expect("shipped")
            .from_environment()
    );
    assert!(
        !catalog
            .provider("vllm")
            .expect("shipped")
            .from_environment()
    );
}

#[test]
fn the_reference_has_a_row_for_each_provider() {
    let page = reference();
    let catalog = catalog();
    assert_eq!(page.lines().count(), catalog.providers().count() + 2);
    let columns = |line: &str| line.matches(" | ").count();
    assert!(
        page.lines().skip(2).all(|line| columns(line) == 5),
        "{page}"
    );
    assert!(
        page.contains(
            "| `openai` | [OpenAI](https://platform.openai.com/docs/api-reference/chat) |"
        )
    );
    assert!(page.contains(
        "`AZURE_OPENAI_API_KEY`, `AZURE_OPENAI_ENDPOINT`, `AZURE_OPENAI_RESOURCE` in `api-key`"
    ));
}
