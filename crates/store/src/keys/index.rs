//! Which key a request presents, told without waiting: a table in memory, swapped whole on each
//! change. Never holds a plain key.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hmac::digest::FixedOutput;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::{DeclaredKey, Key, KeyRole, plain};
use crate::secret::keyed;
use crate::{Clock, Secret, StoreError};

/// Longer texts are no keys: hashing them would be work for whoever sends them.
const MAX_LEN: usize = 512;

/// HMAC-SHA256 of a plain key, under a key derived from the server's secret.
pub(super) type Hash = [u8; 32];
type Table = HashMap<Hash, Arc<Key>>;

/// Finds keys. Cheap to clone; all clones see the same table.
#[derive(Clone)]
pub struct KeyIndex(Arc<Inner>);

struct Inner {
    /// Under the secret in force, then under those before it.
    macs: Box<[Hmac<Sha256>]>,
    clock: Clock,
    table: ArcSwap<Table>,
}

/// Why no key was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfound {
    /// It is one of ours, but disabled.
    Disabled,
    /// It looks like one of ours, but its checksum is wrong: a typo or a cut copy.
    Mistyped,
    /// It is not known.
    Unknown,
}

impl KeyIndex {
    pub(crate) fn new(secret: &Secret, clock: Clock) -> KeyIndex {
        KeyIndex(Arc::new(Inner {
            macs: secret
                .each()
                .map(|secret| keyed(&secret.derive("weir key hash v1")))
                .collect(),
            clock,
            table: ArcSwap::default(),
        }))
    }

    /// The enabled key that `presented` is; [`KeyIndex::why_not`] explains a `None`.
    ///
    /// Takes the same time for every guess that matters: what is compared is a MAC under a key
    /// that the guesser does not have, so how far a comparison gets tells nothing about any
    /// plain key.
    pub fn find(&self, presented: &str) -> Option<Arc<Key>> {
        self.get(presented).filter(|key| !key.disabled)
    }

    /// Why [`KeyIndex::find`] found nothing. For the text of the refusal, not for deciding.
    pub fn why_not(&self, presented: &str) -> Unfound {
        if self.get(presented).is_some() {
            Unfound::Disabled
        } else if plain::is_mistyped(presented) {
            Unfound::Mistyped
        } else {
            Unfound::Unknown
        }
    }

    /// Replaces the declared keys by `declared`, at once and as a whole; those that are gone no
    /// longer open anything. Refused, changing nothing, when a name or value is taken.
    pub fn set_declared(&self, declared: Vec<DeclaredKey>) -> Result<(), StoreError> {
        let loaded_at_s = self.0.clock.now_s();
        let mut fresh = Table::with_capacity(declared.len());
        for key in declared {
            if key.value.is_empty() || key.value.len() > MAX_LEN {
                return Err(StoreError::BadKey(
                    "the value of a declared key has 1 to 512 bytes",
                ));
            }
            let hash = self.hash(&key.value);
            let key = from_config(key, loaded_at_s);
            if fresh.values().any(|other| other.name == key.name) {
                return Err(StoreError::NameTaken(key.name));
            }
            if let Some(other) = fresh.insert(hash, Arc::new(key)) {
                return Err(StoreError::ValueTaken(other.name.clone()));
            }
        }
        let stored = |table: &Table| -> Table {
            let stored = table.iter().filter(|(_, key)| !key.declared);
            stored.map(|(hash, key)| (*hash, key.clone())).collect()
        };
        let before = stored(&self.0.table.load());
        for (hash, key) in &fresh {
            if before.values().any(|other| other.name == key.name) {
                return Err(StoreError::NameTaken(key.name.clone()));
            }
            if before.contains_key(hash) {
                return Err(StoreError::ValueTaken(key.name.clone()));
            }
        }
        self.0.table.rcu(|table| {
            let mut next = stored(table);
            next.extend(fresh.iter().map(|(hash, key)| (*hash, key.clone())));
            next
        });
        Ok(())
    }

    /// All keys, in no order.
    pub(super) fn keys(&self) -> Vec<Arc<Key>> {
        self.0.table.load().values().cloned().collect()
    }

    /// Adds `keys`, or puts them in the place of those with the same hash.
    pub(super) fn put(&self, keys: &[(Hash, Arc<Key>)]) {
        self.0.table.rcu(|table| {
            let mut next = Table::clone(table);
            next.extend(keys.iter().cloned());
            next
        });
    }

    /// The MAC that stands for `presented` from now on.
    pub(super) fn hash(&self, presented: &str) -> Hash {
        mac(&self.0.macs[0], presented)
    }

    fn get(&self, presented: &str) -> Option<Arc<Key>> {
        if presented.len() > MAX_LEN {
            return None;
        }
        let table = self.0.table.load();
        let mut macs = self.0.macs.iter();
        macs.find_map(|keyed| table.get(&mac(keyed, presented)).cloned())
    }
}

fn mac(keyed: &Hmac<Sha256>, presented: &str) -> Hash {
    keyed
        .clone()
        .chain_update(presented)
        .finalize_fixed()
        .into()
}

fn from_config(declared: DeclaredKey, loaded_at_s: i64) -> Key {
    // From the name alone, so that the ledger knows the key again whatever its value and secret.
    let digest = Sha256::digest(format!("declared key {}", declared.name));
    let number = digest
        .iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    Key {
        id: format!("key_{}", plain::base62(number, 10)),
        hint: plain::hint(&declared.value),
        name: declared.name,
        role: KeyRole::Virtual,
        models: declared.models,
        project: declared.project,
        disabled: false,
        created_at_s: loaded_at_s,
        declared: true,
    }
}
