//! Models: prices, limits and abilities are sound, and names find what they mean.

use weir_model::{Money, Price, ReasoningControl, Usage};

use super::catalog;
use crate::overrides::Overrides;
use crate::{Auth, Catalog, Modality, ModelEntry, Rate};

/// 2026-11-22T12:00:00Z: noon lies outside every vendor's busy hours.
const NOON_S: i64 = 1_795_348_800;

fn entry<'a>(catalog: &'a Catalog, provider: &str, model: &str) -> &'a ModelEntry {
    catalog
        .model(provider, model)
        .unwrap_or_else(|| panic!("{provider}/{model} is unknown"))
}

fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
    Usage {
        input_tokens,
        output_tokens,
        ..Usage::default()
    }
}

#[test]
fn models_belong_to_providers() {
    let catalog = catalog();
    for name in catalog.models.keys() {
        assert!(
            catalog.provider(name).is_some(),
            "models of an unknown provider {name}"
        );
    }
    assert!(
        catalog
            .models
            .values()
            .map(|m| m.current().count())
            .sum::<usize>()
            > 1_500
    );
}

#[test]
fn every_family_has_members() {
    let mut catalog = catalog();
    for family in Overrides::shipped().expect("parses").families {
        let models = catalog
            .models
            .get_mut(&family.provider)
            .expect("a provider with models");
        assert!(
            family.apply(models.iter_mut()) > 0,
            "nothing at {} matches",
            family.provider
        );
    }
}

#[test]
fn no_price_is_absurd() {
    const MOST_PICO: u64 = 1_000_000_000;
    for (provider, models) in &catalog().models {
        for entry in models.current() {
            let mut above = 0;
            for rate in &entry.rates {
                let price = rate.price;
                let optional = [
                    price.cache_read_pico,
                    price.cache_write_pico,
                    price.cache_write_1h_pico,
                    price.input_audio_pico,
                    price.output_audio_pico,
                ];
                let dearest = optional
                    .into_iter()
                    .flatten()
                    .chain([price.input_pico, price.output_pico])
                    .max();
                assert!(
                    dearest <= Some(MOST_PICO),
                    "{provider}/{} costs {dearest:?}",
                    entry.id
                );
                assert!(price.request_nano <= MOST_PICO && price.web_search_nano <= MOST_PICO);
                let repeats = rate.above_input_tokens == 0 || rate.above_input_tokens > above;
                assert!(repeats, "{provider}/{}: the tiers must rise", entry.id);
                above = rate.above_input_tokens;
            }
        }
    }
}

#[test]
fn well_known_models_have_a_price_and_a_window() {
    let catalog = catalog();
    for (provider, model) in [
        ("openai", "gpt-4o"),
        ("openai", "gpt-4o-2024-08-06"),
        ("openai", "gpt-4.1-mini-2025-04-14"),
        ("openai", "gpt-5"),
        ("openai", "gpt-5.6-sol-2026-08-21"),
        ("openai", "o3"),
        ("azure-openai", "gpt-4o"),
        ("anthropic", "claude-3-7-sonnet-20250219"),
        ("anthropic", "claude-sonnet-4-20250514"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("anthropic", "claude-haiku-4-5"),
        ("anthropic", "claude-opus-5-5"),
        ("azure-anthropic", "claude-opus-4-6"),
        ("gemini", "gemini-2.5-pro"),
        ("groq", "openai/gpt-oss-120b"),
        ("deepseek", "deepseek-chat"),
        ("mistral", "mistral-large-latest"),
        ("xai", "grok-4.5"),
        ("moonshot", "kimi-k2.6"),
        ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("openrouter", "anthropic/claude-sonnet-4.5"),
        ("deepinfra", "openai/gpt-oss-120b"),
        ("fireworks", "accounts/fireworks/models/gpt-oss-120b"),
        ("huggingface", "openai/gpt-oss-120b:groq"),
    ] {
        let entry = entry(&catalog, provider, model);
        assert!(
            entry.capabilities.context_window >= Some(8_000),
            "{provider}/{model} has no window"
        );
        let price = entry.price_for(&usage(1_000, 1_000), NOON_S);
        let cost = price.map(|price| price.cost(&usage(1_000, 1_000)));
        assert!(
            cost > Some(Money::ZERO),
            "{provider}/{model} costs {cost:?}"
        );
    }
}

#[test]
fn prices_are_exact() {
    let catalog = catalog();
    let sonnet = entry(&catalog, "anthropic", "claude-sonnet-4-5-20250929");
    let price = sonnet.price_for(&usage(1, 1), NOON_S).expect("priced");
    assert_eq!(
        (price.input_pico, price.output_pico),
        (3_000_000, 15_000_000)
    );
    assert_eq!(price.cache_read_pico, Some(300_000));
    assert_eq!(
        (price.cache_write_pico, price.cache_write_1h_pico),
        (Some(3_750_000), Some(6_000_000))
    );
    assert_eq!(price.web_search_nano, 10_000_000);
}

#[test]
fn long_prompts_are_billed_at_their_tier_as_a_whole() {
    let catalog = catalog();
    let pro = entry(&catalog, "gemini", "gemini-2.5-pro");
    let input = |tokens| {
        pro.price_for(&usage(tokens, 1), NOON_S)
            .expect("priced")
            .input_pico
    };
    assert_eq!(input(200_000), 1_250_000);
    assert_eq!(input(200_001), 2_500_000);
}

#[test]
fn busy_hours_and_announced_prices_count_when_they_come() {
    let plain = Price {
        input_pico: 1,
        ..Price::default()
    };
    let rate = |input_pico, from_s, daily_s| Rate {
        above_input_tokens: 0,
        from_s,
        daily_s,
        price: Price {
            input_pico,
            ..plain
        },
    };
    let entry = ModelEntry {
        rates: vec![
            rate(1, 0, None),
            rate(2, 0, Some((82_800, 3_600))),
            rate(3, 864_000, None),
        ],
        ..entry(&catalog(), "sim", "echo").clone()
    };
    let at = |now_s| {
        entry
            .price_for(&usage(1, 1), now_s)
            .map(|price| price.input_pico)
    };
    assert_eq!(at(43_200), Some(1));
    assert_eq!(at(82_800), Some(2));
    assert_eq!(at(86_400 + 3_599), Some(2));
    assert_eq!(at(86_400 + 3_600), Some(1));
    assert_eq!(at(864_000), Some(3));
}

#[test]
fn what_nobody_knows_is_absent_not_free() {
    let catalog = catalog();
    assert!(catalog.model("openai", "not-a-model").is_none());
    assert!(catalog.model("nobody", "gpt-4o").is_none());
    assert!(catalog.model("ollama", "llama3").is_none());
    let image = entry(&catalog, "gemini", "gemini-3-pro-image-preview");
    assert!(
        image.price_for(&usage(1, 1), NOON_S).is_none(),
        "pictures are not counted, so there is no price"
    );
    let free = entry(&catalog, "openrouter", "openai/gpt-oss-120b:free");
    assert_eq!(
        free.price_for(&usage(9, 9), NOON_S)
            .map(|p| p.cost(&usage(9, 9))),
        Some(Money::ZERO)
    );
}

#[test]
fn the_simulated_provider_costs_something_whatever_it_is_asked() {
    let catalog = catalog();
    let sim = catalog.provider("sim").expect("shipped");
    assert!(sim.in_process && sim.speaks.len() == 3 && sim.auth == Auth::None);
    for model in ["echo", "echo+first_ms=500+gap_ms=20", "fail+status=429"] {
        let price = entry(&catalog, "sim", model).price_for(&usage(10, 10), NOON_S);
        assert_eq!(
            price.map(|p| p.cost(&usage(10, 10))),
            Some(Money::from_nano_usd(30_000))
        );
    }
    assert!(catalog.models_of("sim").any(|id| id == "echo"));
}

#[test]
fn claude_generations_differ_in_what_they_can() {
    let catalog = catalog();
    let can = |model| entry(&catalog, "anthropic", model).capabilities.clone();
    let old = can("claude-3-5-sonnet-20241022");
    assert_eq!(
        (old.reasoning, old.json_schema),
        (ReasoningControl::None, false)
    );
    let four = can("claude-sonnet-4-20250514");
    assert_eq!(four.reasoning, ReasoningControl::Budget);
    assert!(!four.temperature_xor_top_p && !four.json_schema);
    let four_five = can("claude-sonnet-4-5-20250929");
    assert_eq!(four_five.reasoning, ReasoningControl::Budget);
    assert!(four_five.temperature_xor_top_p && four_five.json_schema && !four_five.no_prefill);
    assert_eq!(four_five.max_output_tokens, Some(64_000));
    let four_six = can("claude-opus-4-6");
    assert_eq!(four_six.reasoning, ReasoningControl::Adaptive);
    assert!(four_six.no_prefill && four_six.temperature_xor_top_p);
    assert!(!four_six.no_sampling && !four_six.mid_system);
    for newest in [
        "claude-opus-5-5",
        "claude-sonnet-5",
        "claude-haiku-5-5",
        "claude-fable-5-1",
    ] {
        let can = can(newest);
        assert!(
            can.no_sampling && can.no_prefill && can.mid_system && can.json_schema,
            "{newest}"
        );
        assert_eq!(can.reasoning, ReasoningControl::Adaptive, "{newest}");
        assert_eq!(can.max_output_tokens, Some(128_000), "{newest}");
    }
}

#[test]
fn openai_generations_differ_in_what_they_can() {
    let catalog = catalog();
    let can = |model| entry(&catalog, "openai", model).capabilities.clone();
    assert_eq!(can("gpt-4o").reasoning, ReasoningControl::None);
    assert!(can("gpt-4o").json_schema && !can("gpt-4o-2024-05-13").json_schema);
    for model in [
        "o3",
        "o4-mini",
        "gpt-5",
        "gpt-5-mini-2025-08-07",
        "gpt-6.1-sol",
    ] {
        assert_eq!(can(model).reasoning, ReasoningControl::Effort, "{model}");
        assert!(can(model).no_sampling, "{model}");
    }
    assert!(!can("gpt-5-chat-latest").no_sampling);
    assert_eq!(can("gpt-5-chat-latest").max_output_tokens, Some(16_384));
}

#[test]
fn modalities_are_sets() {
    let catalog = catalog();
    let gemini = entry(&catalog, "gemini", "gemini-2.5-pro");
    for modality in [
        Modality::Text,
        Modality::Image,
        Modality::Audio,
        Modality::Video,
        Modality::Document,
    ] {
        assert!(gemini.input.has(modality), "{modality:?}");
    }
    assert!(gemini.output.has(Modality::Text) && !gemini.output.has(Modality::Image));
}

#[test]
fn a_bare_name_belongs_to_its_maker() {
    let catalog = catalog();
    let owners = |name: &str| -> Vec<String> {
        let providers = catalog.providers().filter(|p| catalog.knows(&p.name, name));
        providers.map(|p| p.name.clone()).collect()
    };
    assert_eq!(owners("gpt-4o"), ["openai"]);
    assert_eq!(owners("claude-sonnet-4-5"), ["anthropic"]);
    assert_eq!(owners("gemini-2.5-pro"), ["gemini"]);
    assert_eq!(owners("mistral-large-latest"), ["mistral"]);
    assert_eq!(owners("deepseek-chat"), ["deepseek"]);
    assert_eq!(owners("grok-4.5"), ["xai"]);
    assert_eq!(owners("no-such-model"), [""; 0]);
}
