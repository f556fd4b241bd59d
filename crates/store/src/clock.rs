//! The time of day, from one place, so that tests can own it. Never measures durations: those
//! come from `tokio::time::Instant`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time of day. Clones of a fixed clock move together.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of this machine.
    pub const fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that stands at `unix_nanos` until [`Clock::set`] moves it.
    pub fn fixed(unix_nanos: i64) -> Clock {
        Clock(Source::Fixed(Arc::new(AtomicI64::new(unix_nanos))))
    }

    /// Moves a fixed clock to `unix_nanos`; the system clock stays as it is.
    pub fn set(&self, unix_nanos: i64) {
        if let Source::Fixed(nanos) = &self.0 {
            nanos.store(unix_nanos, Ordering::Relaxed);
        }
    }

    /// Nanoseconds since the Unix epoch.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
    pub fn now_nanos(&self) -> i64 {
        match &self.0 {
            Source::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| {
                    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
                }),
            Source::Fixed(nanos) => nanos.load(Ordering::Relaxed),
        }
    }

    /// Seconds since the Unix epoch.
    pub fn now_s(&self) -> i64 {
        self.now_nanos().div_euclid(1_000_000_000)
    }
}
