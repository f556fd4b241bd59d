//! How model names and targets are read and matched.

use proptest::prelude::*;

use super::*;

fn pattern(text: &str) -> Pattern {
    Pattern::try_from(text.to_owned()).unwrap()
}

#[test]
fn stars_stand_for_any_text() {
    for (glob, name, expected) in [
        ("gpt-4o", "gpt-4o", true),
        ("gpt-4o", "gpt-4o-mini", false),
        ("*", "", true),
        ("claude-*", "claude-", true),
        ("claude-*", "my-claude-3", false),
        ("*-mini", "gpt-4o-mini", true),
        ("a*a", "a", false),
        ("a*b*a", "aba", true),
        ("a*b*b", "ab", false),
        ("a**z", "az", true),
        ("openai/*", "openai/org/model", true),
    ] {
        assert_eq!(pattern(glob).matches(name), expected, "{glob} {name}");
    }
}

#[test]
fn only_stars_are_wildcards() {
    for refused in ["", "a b", "gpt-?", "gpt-[34]", "{a,b}", "a\\*", "a\tb"] {
        assert!(Pattern::try_from(refused.to_owned()).is_err(), "{refused}");
    }
}

#[test]
fn targets_split_at_the_first_slash() {
    let target = Target::try_from("cf/@cf/meta/llama".to_owned()).unwrap();
    assert_eq!(
        (target.provider.as_str(), target.model.as_str()),
        ("cf", "@cf/meta/llama")
    );
    assert_eq!(target.to_string(), "cf/@cf/meta/llama");
    assert_eq!(target.model_for("x"), "@cf/meta/llama");
    let any = Target::try_from("anthropic/*".to_owned()).unwrap();
    assert_eq!(any.model_for("claude-x"), "claude-x");
    for refused in ["gpt-4o", "/m", "p/", "p/a*", "*/m", "p/a b", ""] {
        assert!(Target::try_from(refused.to_owned()).is_err(), "{refused}");
    }
}

proptest! {
    #[test]
    fn agrees_with_the_plain_definition(glob in "[ab*]{1,6}", name in "[ab]{0,8}") {
        fn matches(glob: &[u8], name: &[u8]) -> bool {
            match glob.split_first() {
                None => name.is_empty(),
                Some((b'*', rest)) => (0..=name.len()).any(|skip| matches(rest, &name[skip..])),
                Some((c, rest)) => name.split_first().is_some_and(|(n, name)| n == c && matches(rest, name)),
            }
        }
        prop_assert_eq!(pattern(&glob).matches(&name), matches(glob.as_bytes(), name.as_bytes()));
    }
}
