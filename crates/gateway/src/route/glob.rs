//! Patterns for model names: `*` stands for any text, everything else for itself.

/// Whether `name` matches `pattern`.
pub(crate) fn glob(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut rest) = name.strip_prefix(head) else {
        return false;
    };
    if tail.is_empty() {
        return true;
    }
    loop {
        if glob(tail, rest) {
            return true;
        }
        let mut chars = rest.chars();
        if chars.next().is_none() {
            return false;
        }
        rest = chars.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "a/b"),
            ("gpt-*", "gpt-4o"),
            ("*/x", "a/b/x"),
            ("a*b*c", "a-b-b-c"),
        ] {
            assert!(glob(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("gpt-*", "o3"), ("a", "ab"), ("a*b", "a-b-c"), ("", "a")] {
            assert!(!glob(pattern, name), "{pattern} {name}");
        }
    }
}
