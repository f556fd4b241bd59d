//! The hot face: what was kept or found lately, and what is not yet written. Never waits.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use super::Piece;

/// What a piece takes in memory besides its name and its bytes; about.
const OVERHEAD: u64 = 200;

/// What memory knows of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Bytes(Bytes),
    /// It was forgotten, or has expired.
    Gone,
    /// Nothing: SQL may know.
    Never,
}

/// Something to be written.
pub(super) struct Change {
    /// The name, as [`key`] has it.
    pub key: Arc<[u8]>,
    /// `None` to forget.
    pub bytes: Option<Bytes>,
    pub expires_at_s: i64,
}

pub(super) struct Memory {
    pieces: HashMap<Arc<[u8]>, Held, foldhash::fast::RandomState>,
    /// Names by age.
    ages: BTreeMap<u64, Arc<[u8]>>,
    next_age: u64,
    bytes: u64,
    most: u64,
    unwritten: Vec<Change>,
    unwritten_bytes: u64,
    /// Bytes that were put since the last sweep.
    pub since_sweep: u64,
}

struct Held {
    bytes: Option<Bytes>,
    expires_at_s: i64,
    age: u64,
}

impl Memory {
    pub(super) fn new(most: u64) -> Memory {
        Memory {
            pieces: HashMap::default(),
            ages: BTreeMap::new(),
            next_age: 0,
            bytes: 0,
            most,
            unwritten: Vec::new(),
            unwritten_bytes: 0,
            since_sweep: 0,
        }
    }

    pub(super) fn get(&self, piece: Piece<'_>, now_s: i64) -> Seen {
        match self.pieces.get(&*key(piece)) {
            None => Seen::Never,
            Some(held) => match &held.bytes {
                Some(bytes) if held.expires_at_s > now_s => Seen::Bytes(bytes.clone()),
                _ => Seen::Gone,
            },
        }
    }

    /// Notes a change that has to be written. False, changing nothing, when too much has to be.
    pub(super) fn change(
        &mut self,
        piece: Piece<'_>,
        bytes: Option<Bytes>,
        expires_at_s: i64,
    ) -> bool {
        let key: Arc<[u8]> = key(piece).into();
        let size = size(&key, bytes.as_ref());
        if self.unwritten_bytes + size > self.most {
            return false;
        }
        self.unwritten_bytes += size;
        self.since_sweep += size;
        self.hold(Arc::clone(&key), bytes.clone(), expires_at_s);
        self.unwritten.push(Change {
            key,
            bytes,
            expires_at_s,
        });
        true
    }

    /// Holds what SQL had, unless it has changed since.
    pub(super) fn remember(&mut self, piece: Piece<'_>, bytes: Bytes, expires_at_s: i64) {
        let key: Arc<[u8]> = key(piece).into();
        if !self.pieces.contains_key(&key) {
            self.hold(key, Some(bytes), expires_at_s);
        }
    }

    /// What has to be written, which the caller now does.
    pub(super) fn unwritten(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.unwritten)
    }

    /// These were written.
    pub(super) fn written(&mut self, changes: &[Change]) {
        let sizes = changes.iter().map(|c| size(&c.key, c.bytes.as_ref()));
        self.unwritten_bytes = self.unwritten_bytes.saturating_sub(sizes.sum());
    }

    /// Lets go of the oldest for as long as they have expired.
    pub(super) fn sweep(&mut self, now_s: i64) {
        self.since_sweep = 0;
        while let Some((_, oldest)) = self.ages.first_key_value()
            && let Some(held) = self.pieces.get(oldest)
            && held.expires_at_s <= now_s
        {
            self.let_go();
        }
    }

    fn hold(&mut self, key: Arc<[u8]>, bytes: Option<Bytes>, expires_at_s: i64) {
        let age = self.next_age;
        self.next_age += 1;
        self.bytes += size(&key, bytes.as_ref());
        let held = Held {
            bytes,
            expires_at_s,
            age,
        };
        self.ages.insert(age, Arc::clone(&key));
        if let Some(before) = self.pieces.insert(Arc::clone(&key), held) {
            self.ages.remove(&before.age);
            self.bytes -= size(&key, before.bytes.as_ref());
        }
        while self.bytes > self.most && self.let_go() {}
    }

    /// Lets go of the oldest. False when there is none.
    fn let_go(&mut self) -> bool {
        let Some((_, key)) = self.ages.pop_first() else {
            return false;
        };
        if let Some(held) = self.pieces.remove(&key) {
            self.bytes -= size(&key, held.bytes.as_ref());
        }
        true
    }
}

/// A name as one text: tenant and kind hold no zero.
pub(super) fn key(piece: Piece<'_>) -> Vec<u8> {
    [piece.tenant, piece.kind, piece.id].join("\0").into()
}

/// The tenant, kind and id of a name.
pub(super) fn parts(key: &[u8]) -> Option<[&str; 3]> {
    let mut parts = std::str::from_utf8(key).ok()?.splitn(3, '\0');
    Some([parts.next()?, parts.next()?, parts.next()?])
}

fn size(key: &[u8], bytes: Option<&Bytes>) -> u64 {
    OVERHEAD + (key.len() + bytes.map_or(0, Bytes::len)) as u64
}
