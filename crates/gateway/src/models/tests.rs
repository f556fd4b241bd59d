//! Names in paths.

use super::percent_decoded;

#[test]
fn escapes_are_undone() {
    for (text, plain) in [
        ("", ""),
        ("gpt-4o", "gpt-4o"),
        ("openai%2Fgpt-4o", "openai/gpt-4o"),
        ("openai%2fgpt-4o", "openai/gpt-4o"),
        ("a%20b%C3%A9", "a b\u{e9}"),
        // Undone once.
        ("a%252Fb", "a%2Fb"),
        // No escapes at all.
        ("100%", "100%"),
        ("%4", "%4"),
        ("%zz%2", "%zz%2"),
        ("%%41", "%A"),
        ("%\u{e9}1", "%\u{e9}1"),
    ] {
        assert_eq!(percent_decoded(text), plain.as_bytes(), "{text}");
    }
    assert_eq!(percent_decoded("%ff"), [0xff]);
}
