//! What a load counts, and the figures that come of it. Times are microseconds.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::Outcome;

#[cfg(test)]
mod tests;

/// Samples of a kind that are kept; later ones only count.
const MAX_SAMPLES: usize = 1 << 20;

/// Counters that all connections of a load share.
#[derive(Debug, Default)]
pub struct Tally {
    /// Requests that may still be sent; `None` for any number.
    left: Option<AtomicU64>,
    answers: AtomicU64,
    frames: AtomicU64,
    reads: AtomicU64,
    errors: AtomicU64,
    whole_frames: AtomicU64,
    first_error: Mutex<Option<String>>,
    latency_us: Mutex<Vec<f64>>,
    first_byte_us: Mutex<Vec<f64>>,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Whole, right answers.
    pub answers: u64,
    /// SSE frames, those of unfinished answers too.
    pub frames: u64,
    /// Reads that brought frames: with one frame a read, frames were not lumped together.
    pub reads: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep(samples: &Mutex<Vec<f64>>, time: Duration) {
    let mut samples = lock(samples);
    if samples.len() < MAX_SAMPLES {
        samples.push(time.as_secs_f64() * 1e6);
    }
}

impl Tally {
    /// Counters of a load that ends after so many requests, if given.
    #[must_use]
    pub fn new(requests: Option<u64>) -> Self {
        Self {
            left: requests.map(AtomicU64::new),
            ..Self::default()
        }
    }

    /// Whether one more request may be sent; counts it.
    pub fn claim(&self) -> bool {
        let claim = |left: &AtomicU64| {
            left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
                .is_ok()
        };
        self.left.as_ref().is_none_or(claim)
    }

    /// A right answer, how long it took and how many SSE frames it had.
    pub fn answer(&self, latency: Duration, frames: u64) {
        self.answers.fetch_add(1, Relaxed);
        self.whole_frames.fetch_add(frames, Relaxed);
        keep(&self.latency_us, latency);
    }

    /// The first byte of a body, and how long it took.
    pub fn first_byte(&self, time: Duration) {
        keep(&self.first_byte_us, time);
    }

    /// A read that brought so many frames.
    pub fn frames(&self, frames: u64) {
        if frames > 0 {
            self.frames.fetch_add(frames, Relaxed);
            self.reads.fetch_add(1, Relaxed);
        }
    }

    /// A wrong answer; the first one is remembered. Returns how many there were.
    pub fn error(&self, what: String) -> u64 {
        lock(&self.first_error).get_or_insert(what);
        self.errors.fetch_add(1, Relaxed) + 1
    }

    /// The counters now.
    #[must_use]
    pub fn count(&self) -> Count {
        Count {
            answers: self.answers.load(Relaxed),
            frames: self.frames.load(Relaxed),
            reads: self.reads.load(Relaxed),
        }
    }

    /// Forgets the samples of the warm-up.
    pub fn forget_samples(&self) {
        lock(&self.latency_us).clear();
        lock(&self.first_byte_us).clear();
    }

    /// The figures of a window that began at `before` and took `length`, with the CPU time of the measured process.
    ///
    /// # Errors
    /// Some answer was wrong, or nothing came at all.
    pub fn reading(
        &self,
        before: Count,
        length: Duration,
        cpu: Option<Duration>,
    ) -> Outcome<Reading> {
        let now = self.count();
        if let Some(fault) = lock(&self.first_error).as_ref() {
            let errors = self.errors.load(Relaxed);
            return Err(format!(
                "{errors} wrong answers, {} right; first: {fault}",
                now.answers
            )
            .into());
        }
        let count = Count {
            answers: now.answers - before.answers,
            frames: now.frames - before.frames,
            reads: now.reads - before.reads,
        };
        if count.answers + count.frames == 0 {
            return Err(format!("no answer within {length:?}").into());
        }
        let per = |units: u64| {
            let us = cpu?.as_secs_f64() * 1e6 / units as f64;
            us.is_finite().then_some(us)
        };
        Ok(Reading {
            count,
            seconds: length.as_secs_f64(),
            answers_per_second: count.answers as f64 / length.as_secs_f64(),
            frames_per_second: count.frames as f64 / length.as_secs_f64(),
            frames_per_answer: (now.answers > 0)
                .then(|| self.whole_frames.load(Relaxed) as f64 / now.answers as f64),
            cpu_us_per_answer: per(count.answers),
            cpu_us_per_frame: per(count.frames),
            latency_us: Spread::of(&mut lock(&self.latency_us)),
            first_byte_us: Spread::of(&mut lock(&self.first_byte_us)),
            kib_per_stream: None,
        })
    }
}

/// The figures of one window of load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// What came within the window.
    #[serde(flatten)]
    pub count: Count,
    /// Length of the window.
    pub seconds: f64,
    /// Whole answers a second.
    pub answers_per_second: f64,
    /// SSE frames a second.
    pub frames_per_second: f64,
    /// SSE frames of a whole answer, on average since the load began.
    pub frames_per_answer: Option<f64>,
    /// CPU time of the measured process divided by answers.
    pub cpu_us_per_answer: Option<f64>,
    /// CPU time of the measured process divided by frames.
    pub cpu_us_per_frame: Option<f64>,
    /// From sending (or from when it was due, at a fixed rate) to the last byte.
    pub latency_us: Option<Spread>,
    /// From sending to the first byte of the body.
    pub first_byte_us: Option<Spread>,
    /// Growth of the measured process's resident memory by held streams, KiB a stream.
    pub kib_per_stream: Option<f64>,
}

/// How samples are spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Median.
    pub p50: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Sorts the samples and reads their spread; `None` without samples.
    pub fn of(samples: &mut [f64]) -> Option<Self> {
        samples.sort_by(f64::total_cmp);
        let max = *samples.last()?;
        let rank = |share: f64| samples[((samples.len() - 1) as f64 * share).round() as usize];
        Some(Self {
            p50: rank(0.5),
            p99: rank(0.99),
            max,
        })
    }
}
