//! Ids as clients see them: the vendor's id and where it lives, signed for one tenant. The same object
//! always has the same id, on every replica, and nobody else's key opens it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What follows the vendor's prefix in an id of ours.
pub(super) const MARK: &str = "weir1";

/// Bytes of the signature, and the longest id that is opened.
const TAG: usize = 16;
const MAX_ID: usize = 1024;

/// Makes and opens ids.
#[derive(Clone)]
pub(crate) struct Seal(Hmac<Sha256>);

/// An id that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The vendor's id.
    pub id: String,
}

/// Looks like an id of ours, but is not one, or not this tenant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forged;

impl Seal {
    /// Under a key that only this installation knows.
    pub(crate) fn new(key: &[u8; 32]) -> Seal {
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        Seal(Hmac::new(&block.into()))
    }

    /// The id under which a tenant knows a vendor's object.
    pub(crate) fn seal(&self, tenant: &str, provider: &str, id: &str) -> String {
        let mut sealed = Vec::with_capacity(1 + provider.len() + id.len() + TAG);
        sealed.push(u8::try_from(provider.len()).unwrap_or(u8::MAX));
        sealed.extend_from_slice(provider.as_bytes());
        sealed.extend_from_slice(id.as_bytes());
        let tag = self.sign(tenant, &sealed).finalize().into_bytes();
        sealed.extend_from_slice(&tag[..TAG]);
        let (prefix, _) = parted(id).unwrap_or(("obj_", id));
        format!("{prefix}{MARK}{}", URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Where an object is that a tenant names; `None` for what does not look like an id of ours.
    pub(crate) fn open(&self, tenant: &str, text: &str) -> Option<Result<Home, Forged>> {
        let (_, rest) = parted(text)?;
        let coded = rest.strip_prefix(MARK)?;
        if coded.len() > MAX_ID || coded.len() < TAG {
            return None;
        }
        Some(self.verify(tenant, coded).ok_or(Forged))
    }

    fn verify(&self, tenant: &str, coded: &str) -> Option<Home> {
        let sealed = URL_SAFE_NO_PAD.decode(coded).ok()?;
        let (sealed, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
        self.sign(tenant, sealed).verify_truncated_left(tag).ok()?;
        let (length, rest) = sealed.split_first()?;
        let (provider, id) = rest.split_at_checked(usize::from(*length))?;
        Some(Home {
            provider: String::from_utf8(provider.to_vec()).ok()?,
            id: String::from_utf8(id.to_vec()).ok()?,
        })
    }

    fn sign(&self, tenant: &str, sealed: &[u8]) -> Hmac<Sha256> {
        // The length keeps a tenant's name and what follows it apart.
        self.0
            .clone()
            .chain_update((tenant.len() as u64).to_be_bytes())
            .chain_update(tenant)
            .chain_update(sealed)
    }
}

/// An id's prefix, as in `file-`, and the rest.
fn parted(id: &str) -> Option<(&str, &str)> {
    let at = id.find(['-', '_']).filter(|at| (1..=16).contains(at))?;
    let (prefix, rest) = id.split_at(at + 1);
    prefix[..at]
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric())
        .then_some((prefix, rest))
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_opens_for_its_tenant_alone() {
        let seal = Seal::new(&[7; 32]);
        for (id, prefix) in [
            ("file-abc", "file-"),
            ("msgbatch_01", "msgbatch_"),
            ("plain", "obj_"),
        ] {
            let ours = seal.seal("key/a", "openai", id);
            assert!(ours.starts_with(&format!("{prefix}{MARK}")), "{ours}");
            assert_eq!(ours, seal.seal("key/a", "openai", id));
            let home = Home {
                provider: "openai".into(),
                id: id.into(),
            };
            assert_eq!(seal.open("key/a", &ours), Some(Ok(home)));
            assert_eq!(seal.open("key/b", &ours), Some(Err(Forged)));
            assert_eq!(Seal::new(&[8; 32]).open("key/a", &ours), Some(Err(Forged)));
            for cut in 1..ours.len() {
                assert!(
                    !matches!(seal.open("key/a", &ours[..cut]), Some(Ok(_))),
                    "{cut}"
                );
            }
            let mut changed = ours.clone().into_bytes();
            changed[ours.len() - 9] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            assert!(!matches!(seal.open("key/a", &changed), Some(Ok(_))));
        }
        for other in [
            "",
            "file-abc",
            "weir1",
            "a-weir1",
            "-weir1xxxxxxxxxxxxxxxxxxxxxxxx",
        ] {
            assert_eq!(seal.open("key/a", other), None, "{other}");
        }
    }
}
