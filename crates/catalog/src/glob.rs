//! Patterns of model names: `*` stands for any run of characters, `#` for one digit, everything
//! else for itself. It promises to look back no further than the last `*`; it knows no escapes.

/// Whether `text` matches `pattern` as a whole. Both are compared byte by byte.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut last_star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                last_star = Some((p, t));
                p += 1;
            }
            Some(&wanted) if fits(wanted, text[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = last_star else {
                    return false;
                };
                last_star = Some((star, from + 1));
                p = star + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|&rest| rest == b'*')
}

/// How much a pattern says: the more of the name it fixes, the better the match.
pub(crate) fn weight(pattern: &str) -> usize {
    pattern.bytes().filter(|&b| b != b'*').count()
}

fn fits(wanted: u8, byte: u8) -> bool {
    match wanted {
        b'#' => byte.is_ascii_digit(),
        _ => wanted == byte,
    }
}

#[cfg(test)]
mod tests;
