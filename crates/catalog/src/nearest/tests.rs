//! Which names are suggested for a misspelt one.

use super::*;

#[test]
fn the_nearest_word_is_suggested_when_it_is_near() {
    let names = ["openai", "anthropic", "openrouter", "azure-openai"];
    assert_eq!(nearest("opnai", names), Some("openai"));
    assert_eq!(nearest("anthorpic", names), Some("anthropic"));
    assert_eq!(nearest("Anthropic", names), Some("anthropic"));
    assert_eq!(nearest("zebra", names), None);
    assert_eq!(nearest("", names), None);
    assert_eq!(
        nearest("base_ulr", ["api_key", "base_url"]),
        Some("base_url")
    );
    assert_eq!(nearest("x", []), None);
}
