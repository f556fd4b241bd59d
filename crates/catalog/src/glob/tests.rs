//! What globs match and what they do not.

use super::*;

#[test]
fn globs_match_whole_names() {
    for (pattern, text) in [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o*", "gpt-4o"),
        ("*:free", "a/b:free"),
        ("*llama*70b*", "meta/llama-3-70b-instruct"),
        ("claude-opus-5-########", "claude-opus-5-20260101"),
        ("a*b*c", "abbbxbc"),
        ("*", ""),
    ] {
        assert!(matches(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4o*", "gpt-4"),
        ("o1-####", "o1-mini"),
        ("a*b", "abc"),
        ("", "x"),
        ("#", ""),
    ] {
        assert!(!matches(pattern, text), "{pattern} {text}");
    }
    assert!(weight("gpt-4o-mini*") > weight("gpt-4o*"));
}
