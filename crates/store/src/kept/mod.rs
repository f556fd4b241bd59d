//! What is kept between calls: bytes under a tenant, a kind and an id, encrypted at rest, for a
//! bounded time and size; the oldest goes first. Keeping never waits: a piece is in memory at once
//! and in SQL soon after. Finding asks memory, then SQL, and waits for that at most 250 ms. One
//! tenant never sees what is another's.

mod memory;
mod table;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sqlx::sqlite::SqlitePool;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::{Cipher, Clock, Secret, StoreError};
use memory::{Change, Memory, Seen};

/// The longest that finding waits for SQL.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long changes are gathered before they are written together.
const GATHER: Duration = Duration::from_millis(50);
/// Between looks for what has expired or is too much.
const SWEEP: Duration = Duration::from_secs(60);
/// How long to wait after a failure.
const BACK_OFF: Duration = Duration::from_secs(2);
/// Longer ids are nobody's, in bytes.
const MAX_ID: usize = 512;

/// How much is kept, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct KeptOptions {
    /// Of one piece.
    pub max_entry_bytes: u64,
    /// Of one tenant.
    pub max_tenant_bytes: u64,
    /// In the database.
    pub max_bytes: u64,
    /// In memory, those included that are not yet written.
    pub memory_bytes: u64,
}

impl Default for KeptOptions {
    fn default() -> KeptOptions {
        KeptOptions {
            max_entry_bytes: 1 << 20,
            max_tenant_bytes: 256 << 20,
            max_bytes: 1 << 30,
            memory_bytes: 32 << 20,
        }
    }
}

/// Names what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Whose it is: the public id of a key, without control characters; empty without one.
    pub tenant: &'a str,
    /// What it is, as in `reasoning`.
    pub kind: &'static str,
    /// Which one: any text of at most 512 bytes, also one that a client made up.
    pub id: &'a str,
}

/// What was found under an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// This.
    Bytes(Bytes),
    /// Nothing: it was never kept, has expired, was forgotten, or had to make room.
    Nothing,
    /// The database did not answer in time.
    Late,
}

/// Keeps, finds and forgets. Cheap to clone.
#[derive(Clone)]
pub struct Kept(Arc<Inner>);

struct Inner {
    pool: SqlitePool,
    cipher: Cipher,
    clock: Clock,
    options: KeptOptions,
    memory: Mutex<Memory>,
    /// What is being written. Stays here until it is, so that dropping the writer loses nothing.
    writing: tokio::sync::Mutex<Vec<Change>>,
    news: Notify,
}

impl Kept {
    pub(crate) fn new(
        pool: SqlitePool,
        secret: &Secret,
        options: KeptOptions,
        clock: Clock,
    ) -> Kept {
        Kept(Arc::new(Inner {
            pool,
            cipher: Cipher::new(secret, "weir kept state v1"),
            clock,
            memory: Mutex::new(Memory::new(options.memory_bytes)),
            options,
            writing: Default::default(),
            news: Notify::new(),
        }))
    }

    /// Keeps `bytes` for `ttl`, in the place of what the name had before. Never waits. False when
    /// they are too many, the id is too long, or too much is waiting to be written.
    pub fn put(&self, piece: Piece<'_>, bytes: Bytes, ttl: Duration) -> bool {
        let seconds = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        let fits = bytes.len() as u64 <= self.0.options.max_entry_bytes;
        if !fits || seconds == 0 || !is_id(piece.id) {
            return false;
        }
        let expires_at_s = self.0.clock.now_s().saturating_add(seconds);
        self.change(piece, Some(bytes), expires_at_s)
    }

    /// Forgets what the name has. Never waits. False when too much is waiting to be written.
    pub fn forget(&self, piece: Piece<'_>) -> bool {
        // Until the row is gone, memory must say so.
        let until = self.0.clock.now_s().saturating_add(3600);
        is_id(piece.id) && self.change(piece, None, until)
    }

    /// What a tenant's `ids` of a kind have, in their order.
    pub async fn find(&self, tenant: &str, kind: &'static str, ids: &[&str]) -> Vec<Found> {
        let now_s = self.0.clock.now_s();
        let mut found = vec![Found::Nothing; ids.len()];
        let mut unseen = Vec::new();
        {
            let memory = self.memory();
            for (at, id) in ids.iter().enumerate().filter(|(_, id)| is_id(id)) {
                match memory.get(Piece { tenant, kind, id }, now_s) {
                    Seen::Bytes(bytes) => found[at] = Found::Bytes(bytes),
                    Seen::Gone => {}
                    Seen::Never => unseen.push((at, *id)),
                }
            }
        }
        if unseen.is_empty() {
            return found;
        }
        let wanted: Vec<&str> = unseen.iter().map(|(_, id)| *id).collect();
        let reading = table::read(&self.0.pool, (tenant, kind), &wanted, now_s);
        let read = tokio::time::timeout(PATIENCE, reading).await;
        let Ok(Ok(rows)) = read else {
            tracing::warn!(failure = ?read.map(|rows| rows.err()), "kept state could not be read");
            for (at, _) in unseen {
                found[at] = Found::Late;
            }
            return found;
        };
        for row in rows {
            let piece = Piece {
                tenant,
                kind,
                id: &row.id,
            };
            let Ok(bytes) = self.0.cipher.open(&row.body, &memory::key(piece)) else {
                continue;
            };
            let bytes = Bytes::from(bytes);
            self.memory()
                .remember(piece, bytes.clone(), row.expires_at_s);
            for (at, _) in unseen.iter().filter(|(_, id)| *id == row.id) {
                found[*at] = Found::Bytes(bytes.clone());
            }
        }
        found
    }

    /// Writes what is kept, and removes what is over, until the store is closed. Failures are
    /// logged and tried again.
    pub async fn follow(&self) {
        let mut sweep_at = Instant::now();
        loop {
            if self.0.pool.is_closed() {
                return;
            }
            let mut done = self.write().await;
            if done.is_ok() && (Instant::now() >= sweep_at || self.is_crowded()) {
                done = self.sweep().await;
                sweep_at = Instant::now() + SWEEP;
            }
            match done {
                _ if self.0.pool.is_closed() => return,
                Ok(()) => {
                    let news = self.0.news.notified();
                    if tokio::time::timeout_at(sweep_at, news).await.is_ok() {
                        tokio::time::sleep(GATHER).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "kept state could not be written; trying again");
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }

    /// Writes what is not yet written.
    pub async fn write(&self) -> Result<(), StoreError> {
        let mut writing = self.0.writing.lock().await;
        writing.append(&mut self.memory().unwritten());
        if writing.is_empty() {
            return Ok(());
        }
        table::write(&self.0.pool, &writing, &self.0.cipher).await?;
        self.memory().written(&writing);
        writing.clear();
        Ok(())
    }

    /// Removes what has expired, and the oldest of what is too much.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let now_s = self.0.clock.now_s();
        let options = &self.0.options;
        self.memory().sweep(now_s);
        table::sweep(&self.0.pool, now_s, options).await
    }

    /// Whether so much was written since the last sweep that the bounds may be far exceeded.
    fn is_crowded(&self) -> bool {
        let options = &self.0.options;
        self.memory().since_sweep > options.max_bytes.min(options.max_tenant_bytes) / 16
    }

    fn change(&self, piece: Piece<'_>, bytes: Option<Bytes>, expires_at_s: i64) -> bool {
        let changed = self.memory().change(piece, bytes, expires_at_s);
        self.0.news.notify_one();
        changed
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A panic cannot leave it half changed in a way that matters: at worst a size is off.
        let memory = self.0.memory.lock();
        memory.unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_id(id: &str) -> bool {
    id.len() <= MAX_ID && !id.contains('\0')
}
