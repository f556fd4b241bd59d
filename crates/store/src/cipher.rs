//! Authenticated encryption (XChaCha20-Poly1305, random nonces) of what leaves our hands or rests on
//! a disk, under keys derived from the server's secrets. Never says more of what it could not open
//! than whose it may be.

use std::fmt;
use std::sync::Arc;

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};

use crate::{Secret, StoreError};

const PRINT: usize = 4;
const NONCE: usize = 24;
const TAG: usize = 16;

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Cipher(Arc<[Keyed]>);

struct Keyed {
    /// Tells which key was used, and nothing of it.
    print: [u8; PRINT],
    aead: XChaCha20Poly1305,
}

/// Why something could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopened {
    /// It was sealed under a secret that is not known here.
    UnknownKey,
    /// It was changed, or never sealed at all.
    Forged,
}

impl Cipher {
    /// Seals for one purpose under the secret in force, and opens what those before it sealed.
    pub(crate) fn new(secret: &Secret, purpose: &str) -> Cipher {
        let keyed = |secret: &Secret| {
            let print = secret.derive(&format!("{purpose} print"));
            Keyed {
                print: [print[0], print[1], print[2], print[3]],
                aead: XChaCha20Poly1305::new(&secret.derive(purpose).into()),
            }
        };
        Cipher(secret.each().map(keyed).collect())
    }

    /// Seals `plain`; it opens only with the same `about`, which is not in it. Longer by 44 bytes.
    /// Fails when the operating system has no randomness to give.
    pub fn seal(&self, plain: &[u8], about: &[u8]) -> Result<Vec<u8>, StoreError> {
        let key = &self.0[0];
        let mut sealed = Vec::with_capacity(PRINT + NONCE + plain.len() + TAG);
        sealed.extend_from_slice(&key.print);
        sealed.extend_from_slice(&[0; NONCE]);
        sealed.extend_from_slice(plain);
        let (head, body) = sealed.split_at_mut(PRINT + NONCE);
        let nonce = &mut head[PRINT..];
        getrandom::fill(nonce)?;
        let nonce = XNonce::from_slice(nonce);
        let tag = key.aead.encrypt_in_place_detached(nonce, about, body);
        sealed.extend_from_slice(&tag.map_err(|_| StoreError::TooLong)?);
        Ok(sealed)
    }

    /// What was sealed about the same thing.
    pub fn open(&self, sealed: &[u8], about: &[u8]) -> Result<Vec<u8>, Unopened> {
        let (print, rest) = sealed.split_first_chunk().ok_or(Unopened::Forged)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(Unopened::Forged)?;
        let (body, tag) = rest.split_last_chunk::<TAG>().ok_or(Unopened::Forged)?;
        let mut keys = self.0.iter();
        let key = keys.find(|key| key.print == *print);
        let aead = &key.ok_or(Unopened::UnknownKey)?.aead;
        let mut plain = body.to_vec();
        let (nonce, tag) = (XNonce::from_slice(nonce), Tag::from_slice(tag));
        aead.decrypt_in_place_detached(nonce, about, &mut plain, tag)
            .map_err(|_| Unopened::Forged)?;
        Ok(plain)
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(letter: &str) -> Secret {
        Secret::from_text(&letter.repeat(32)).unwrap()
    }

    #[test]
    fn only_what_was_sealed_opens() {
        let cipher = Cipher::new(&secret("a"), "test");
        let sealed = cipher.seal(b"thoughts", b"k1").unwrap();
        assert_eq!(cipher.open(&sealed, b"k1").unwrap(), b"thoughts");
        assert_eq!(cipher.open(&sealed, b"k2"), Err(Unopened::Forged));
        assert_ne!(cipher.seal(b"thoughts", b"k1").unwrap(), sealed);
        for at in PRINT..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert_eq!(cipher.open(&bent, b"k1"), Err(Unopened::Forged), "{at}");
        }
        for len in 0..PRINT + NONCE + TAG {
            assert_eq!(cipher.open(&sealed[..len], b"k1"), Err(Unopened::Forged));
        }
    }

    #[test]
    fn a_secret_before_still_opens() {
        let old = Cipher::new(&secret("a"), "test");
        let new = Cipher::new(&secret("b").after(vec![secret("a")]), "test");
        let sealed = old.seal(b"x", b"").unwrap();
        assert_eq!(new.open(&sealed, b"").unwrap(), b"x");
        let sealed = new.seal(b"x", b"").unwrap();
        assert_eq!(old.open(&sealed, b""), Err(Unopened::UnknownKey));
        let other = Cipher::new(&secret("a"), "another purpose");
        assert!(other.open(&old.seal(b"x", b"").unwrap(), b"").is_err());
    }
}
