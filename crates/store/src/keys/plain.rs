//! The plain form of a key: `sk-weir-` or `sk-weir-admin-`, 28 random characters (166 bits) and a
//! checksum of 6, all in base 62. The checksum tells a typo from an unknown key without a lookup;
//! it protects nothing.

use super::KeyRole;

const PREFIX: &str = "sk-weir-";
const ADMIN_PREFIX: &str = "sk-weir-admin-";
const RANDOM_LEN: usize = 28;
const CHECKSUM_LEN: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A fresh plain key.
pub(super) fn mint(role: KeyRole) -> Result<String, getrandom::Error> {
    let prefix = match role {
        KeyRole::Virtual => PREFIX,
        KeyRole::Admin => ADMIN_PREFIX,
    };
    let mut plain = format!("{prefix}{}", random(RANDOM_LEN)?);
    let sum = checksum(&plain);
    plain.push_str(&sum);
    Ok(plain)
}

/// Whether `presented` is meant to be one of our keys, but cannot be.
pub(super) fn is_mistyped(presented: &str) -> bool {
    presented.starts_with(PREFIX)
        && presented
            .len()
            .checked_sub(CHECKSUM_LEN)
            .and_then(|middle| presented.split_at_checked(middle))
            .is_none_or(|(body, sum)| checksum(body) != sum)
}

/// The last four characters.
pub(super) fn hint(plain: &str) -> String {
    let skipped = plain.chars().count().saturating_sub(4);
    plain.chars().skip(skipped).collect()
}

/// `len` random base-62 characters.
pub(super) fn random(len: usize) -> Result<String, getrandom::Error> {
    let mut text = String::with_capacity(len);
    let mut bytes = [0; 64];
    while text.len() < len {
        getrandom::fill(&mut bytes)?;
        // Bytes from 248 on would favour the first digits.
        let fair = bytes.iter().filter(|byte| **byte < 248);
        text.extend(
            fair.take(len - text.len())
                .map(|byte| digit(u64::from(*byte))),
        );
    }
    Ok(text)
}

/// `len` base-62 characters of `number`, lowest first.
pub(super) fn base62(mut number: u64, len: usize) -> String {
    let mut next = || {
        let lowest = digit(number);
        number /= 62;
        lowest
    };
    (0..len).map(|_| next()).collect()
}

fn digit(number: u64) -> char {
    char::from(DIGITS[(number % 62) as usize])
}

/// CRC-32 (IEEE 802.3) of `body`.
fn checksum(body: &str) -> String {
    let crc = !body.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    });
    base62(crc.into(), CHECKSUM_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_known_crc() {
        assert_eq!(checksum("123456789"), base62(0xcbf4_3926, 6));
    }

    #[test]
    fn every_single_typo_is_told() {
        for role in [KeyRole::Virtual, KeyRole::Admin] {
            let plain = mint(role).unwrap();
            assert!(!is_mistyped(&plain));
            for at in PREFIX.len()..plain.len() {
                let mut typo = plain.clone().into_bytes();
                typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
                assert!(is_mistyped(&String::from_utf8(typo).unwrap()));
            }
            assert!(
                is_mistyped(&plain[..plain.len() - 1]),
                "the end was not copied"
            );
        }
    }

    #[test]
    fn foreign_keys_are_not_called_typos() {
        assert!(!is_mistyped("sk-proj-abc"));
        assert!(!is_mistyped(""));
        assert!(is_mistyped("sk-weir-"));
        assert!(is_mistyped("sk-weir-äöüß"));
    }

    #[test]
    fn random_text_has_its_length_and_differs() {
        let (one, other) = (random(100).unwrap(), random(100).unwrap());
        assert_eq!(one.len(), 100);
        assert_ne!(one, other);
    }
}
