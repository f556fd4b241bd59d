//! Configurations: any text is refused in words or understood, and no secret is ever shown.

use weir_config::{Config, Environment};

const SECRET: &str = "Wm5vdC1hLXJlYWwtc2VjcmV0LTQyLXhxeg";

/// Holds the reader to it.
pub fn check(input: &[u8]) {
    // Files of this machine are none of a fuzzer's business.
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if text.contains("${file:") || text.contains(SECRET) {
        return;
    }
    let env = Environment::from_pairs([
        ("KEY", SECRET),
        ("URL", "http://127.0.0.1:9/v1"),
        ("EMPTY", ""),
    ]);
    let lines = text
        .split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
        .count();
    let (findings, shown) = match Config::from_str(text, "weir.yaml", &env) {
        Ok(loaded) => (loaded.warnings.clone(), format!("{loaded:?}")),
        Err(errors) => {
            assert!(!errors.0.is_empty(), "refused without a reason");
            (errors.0.clone(), format!("{errors} {errors:?}"))
        }
    };
    assert!(!shown.contains(SECRET), "a secret is shown: {shown}");
    for finding in findings {
        assert!(
            (1..=lines + 1).contains(&finding.line) && finding.column > 0,
            "{finding:?}"
        );
        assert!(!finding.message.is_empty());
    }
}
