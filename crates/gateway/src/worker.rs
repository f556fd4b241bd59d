//! What calls share: the snapshot of the configuration, the keys, and, per worker thread, its own
//! connections, journal segment and metric cells, so that threads never wait for one another.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use weir_store::{Clock, JournalWriter, Kept, KeyIndex, Objects, Store};

use crate::account::Counter;
use crate::call::{Arrival, RequestId};
use crate::listen::BodyBudget;
use crate::objects::Seal;
use crate::observe::Sheet;
use crate::send::{InProcess, Pool};
use crate::world::World;

/// What all workers share.
pub struct Shared {
    world: ArcSwap<World>,
    /// Looks up presented keys.
    pub keys: KeyIndex,
    /// What is kept between calls.
    pub kept: Kept,
    /// The time of day.
    pub clock: Clock,
    /// Whose objects are whose.
    pub objects: Objects,
    pub(crate) seal: Seal,
    /// Calls that are under way.
    pub in_flight: AtomicI64,
    pub(crate) budget: BodyBudget,
    pub(crate) counter: Counter,
    /// Tasks that outlive the call that began them; drain waits for them.
    pub tasks: TaskTracker,
    in_process: Option<InProcess>,
}

impl Shared {
    /// Begins with a first configuration and the hot face of a store. `in_process` serves the providers
    /// that live in this process.
    pub fn new(
        world: Arc<World>,
        store: &Store,
        clock: Clock,
        in_process: Option<InProcess>,
    ) -> Arc<Shared> {
        Arc::new(Shared {
            world: ArcSwap::new(world),
            keys: store.index().clone(),
            objects: store.objects().clone(),
            seal: Seal::new(&store.sealing_key()),
            kept: store.kept().clone(),
            clock,
            in_flight: AtomicI64::new(0),
            budget: BodyBudget::default(),
            counter: Counter::default(),
            tasks: TaskTracker::new(),
            in_process,
        })
    }

    /// The configuration in force.
    pub fn world(&self) -> Arc<World> {
        self.world.load_full()
    }

    /// Puts a new configuration in force for calls that begin from now on.
    pub fn replace_world(&self, world: Arc<World>) {
        self.world.store(world);
    }
}

/// What the calls of one thread share.
pub struct Worker {
    /// What all workers share.
    pub shared: Arc<Shared>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) journal: JournalWriter,
    pub(crate) sheet: Arc<Sheet>,
    seed: u128,
    count: AtomicU64,
}

impl Worker {
    /// A worker with its own connections, metric cells and journal segment.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new(shared: Arc<Shared>, journal: JournalWriter) -> std::io::Result<Arc<Worker>> {
        let mut seed = [0u8; 16];
        getrandom::fill(&mut seed).map_err(std::io::Error::other)?;
        Ok(Arc::new(Worker {
            pool: Arc::new(Pool::new(shared.tasks.clone(), shared.in_process.clone())),
            shared,
            journal,
            sheet: Arc::new(Sheet::default()),
            seed: u128::from_le_bytes(seed),
            count: AtomicU64::new(0),
        }))
    }

    /// The metric cells of this worker.
    pub fn sheet(&self) -> Arc<Sheet> {
        Arc::clone(&self.sheet)
    }

    /// Notes the arrival of a request.
    pub(crate) fn arrive(&self) -> Arrival {
        let count = u128::from(self.count.fetch_add(1, Ordering::Relaxed));
        // The count fills bits that the minting of ids within the call leaves alone.
        let seed = self.seed ^ (count << 32);
        Arrival {
            id: RequestId::mint(seed),
            seed,
            at: Instant::now(),
            at_nanos: self.shared.clock.now_nanos(),
        }
    }
}

/// Counts a call as under way for as long as it lives.
pub(crate) struct InFlight(Arc<Shared>);

impl InFlight {
    pub(crate) fn enter(shared: &Arc<Shared>) -> InFlight {
        shared.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(shared))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
