//! Names of tools: Cohere takes letters, digits and `_`, and no digit first. Any other character is
//! written as `_x2d_`, its code in hexadecimal, and read back in answers, so that nobody has to
//! remember what was sent.

use std::borrow::Cow;

/// A name that Cohere takes.
pub(super) fn escape(name: &str) -> Cow<'_, str> {
    let fits = |(at, c): (usize, char)| {
        c == '_' || c.is_ascii_alphabetic() || at > 0 && c.is_ascii_digit()
    };
    if name.char_indices().all(fits) {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len() + 8);
    for (at, c) in name.char_indices() {
        match fits((at, c)) {
            true => out.push(c),
            false => out.push_str(&format!("_x{:x}_", u32::from(c))),
        }
    }
    Cow::Owned(out)
}

/// The name that was escaped.
pub(super) fn unescape(name: &str) -> Cow<'_, str> {
    let mut pieces = name.split("_x");
    let first = pieces.next().unwrap_or_default();
    if first.len() == name.len() {
        return Cow::Borrowed(name);
    }
    let mut out = first.to_owned();
    for piece in pieces {
        let code = piece.split_once('_');
        match code.and_then(|(code, after)| Some((escaped(code)?, after))) {
            Some((c, after)) => {
                out.push(c);
                out.push_str(after);
            }
            None => {
                out.push_str("_x");
                out.push_str(piece);
            }
        }
    }
    Cow::Owned(out)
}

/// The character of a code that [`escape`] writes, and of no other.
fn escaped(code: &str) -> Option<char> {
    let c = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
    let needs = c != '_' && !c.is_ascii_alphabetic();
    (needs && format!("{:x}", u32::from(c)) == code).then_some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for (name, sent) in [
            ("get_weather2", "get_weather2"),
            ("mcp__a-b__c.d", "mcp__a_x2d_b__c_x2e_d"),
            ("2nd", "_x32_nd"),
            ("größe", "gr_xf6__xdf_e"),
            ("a_x_b", "a_x_b"),
            ("_x41_", "_x41_"),
            ("", ""),
        ] {
            assert_eq!(escape(name), sent);
            assert_eq!(unescape(sent), name);
        }
        assert_eq!(unescape("_x"), "_x");
    }
}
