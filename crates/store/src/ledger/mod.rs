//! The ledger: one row per call, made from the journal, each exactly once. Never in the path of a
//! request; while nothing is written to the journal it sleeps.

mod dictionary;
mod follower;
mod query;
mod row;

pub use query::{Answer, Caller, Entry, KeyTotals, Question};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::SqlitePool;
use tokio::sync::Mutex;

use crate::{Clock, Journal, StoreError};
use follower::Follower;

/// How long lines are gathered before they are brought into the ledger together.
const GATHER: Duration = Duration::from_millis(200);
/// How long to wait after a failure.
const BACK_OFF: Duration = Duration::from_secs(2);

/// What calls used and cost. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    pool: SqlitePool,
    journal: Journal,
    clock: Clock,
    /// `None` when it has to be loaded: at first, and after a pass that failed or was dropped.
    follower: Arc<Mutex<Option<Follower>>>,
    torn: Arc<AtomicU64>,
}

impl Ledger {
    pub(crate) fn new(pool: SqlitePool, journal: Journal, clock: Clock) -> Ledger {
        let (follower, torn) = Default::default();
        Ledger {
            pool,
            journal,
            clock,
            follower,
            torn,
        }
    }

    /// Brings the journal into the ledger until the store is closed: what is left of processes
    /// that died at once, and each new line within about 200 ms. Failures are logged and tried
    /// again; nothing is lost or counted twice when this is dropped.
    pub async fn follow(&self) {
        loop {
            self.journal.await_news();
            match self.drain().await {
                _ if self.pool.is_closed() => return,
                Ok(()) => {
                    self.journal.news().await;
                    tokio::time::sleep(GATHER).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the ledger could not be filled; trying again");
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }

    /// Brings all that the journal holds now into the ledger.
    pub async fn drain(&self) -> Result<(), StoreError> {
        let mut slot = self.follower.lock().await;
        let mut follower = match slot.take() {
            Some(follower) => follower,
            None => Follower::load(&self.pool, &self.journal).await?,
        };
        let drained = follower.pass(&self.pool, &self.journal, &self.clock).await;
        self.torn.fetch_add(follower.take_torn(), Ordering::Relaxed);
        drained?;
        *slot = Some(follower);
        Ok(())
    }

    /// How many journal lines could not be read since the start: torn by a power loss, or by a
    /// disk that was full.
    pub fn torn_lines(&self) -> u64 {
        self.torn.load(Ordering::Relaxed)
    }
}
