//! Ids of tool calls that every vendor takes: at most 40 characters of `[a-zA-Z0-9_-]`. Others are
//! replaced by what follows from them alone, so that a call and its result stay together.

use sha2::{Digest, Sha256};
use weir_model::{IdMint, KEPT};

const LONGEST: usize = 40;

fn is_portable(id: &str, longest: usize) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (1..=longest).contains(&id.len()) && id.bytes().all(fits)
}

/// Replaces an id that not every vendor takes.
pub(super) fn make_portable(id: &mut String) {
    if !is_portable(id, LONGEST) {
        *id = hashed(&[id]);
    }
}

/// An id under which something can be kept: `id`, unless it is unfit, or too short to be the only one
/// of its kind. `seed` is random per call.
pub(super) fn unique(id: &str, seed: u128) -> String {
    match id.len() >= 16 && is_portable(id, LONGEST - KEPT.len()) {
        true => id.to_owned(),
        false => hashed(&[&format!("{seed:032x}"), id]),
    }
}

/// `call_` and 24 characters.
fn hashed(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    let hash = hash.finalize();
    let seed = hash.iter().take(16);
    let seed = seed.fold(0, |sum, byte| sum << 8 | u128::from(*byte));
    IdMint::new(seed).mint("call_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_id_the_result_is_portable_and_the_same() {
        let kept = ["toolu_01A09q90qw90lq917835lq9", "call_0", &"a".repeat(40)];
        let odd = ["", "functions.get:0", "a b", "\u{e9}", &"a".repeat(41)];
        for id in kept.iter().chain(&odd) {
            let mut once = (*id).to_owned();
            make_portable(&mut once);
            assert!(is_portable(&once, LONGEST), "{id}");
            assert_eq!(kept.contains(id), once == *id, "{id}");
            let mut twice = once.clone();
            make_portable(&mut twice);
            assert_eq!(once, twice);
            for seed in [1, 2] {
                assert!(is_portable(&(unique(id, seed) + KEPT), LONGEST), "{id}");
            }
        }
        assert_ne!(unique("call_0", 1), unique("call_0", 2));
        assert_eq!(unique(kept[0], 1), kept[0]);
    }
}
