//! The metric cells of one worker. Only its own thread and the scrape ever lock them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use weir_model::{Kind, Operation, Priced, Source, Usage};

/// Most series a worker keeps; what is beyond them is counted under the model name `other`.
const MAX_SERIES: usize = 4096;

/// Upper bounds of the histogram buckets, in seconds: those of the OpenTelemetry GenAI
/// conventions, with finer ones below for the gateway's own share.
pub const BUCKETS_S: [f64; 18] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28,
    2.56, 5.12, 20.48, 81.92,
];

/// What a call's figures are grouped by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Series {
    /// The public model name.
    pub model: Arc<str>,
    /// `provider/model` that served it; empty when none was reached.
    pub target: Arc<str>,
    /// What was asked.
    pub operation: Operation,
    /// The HTTP status towards the client; 499 when it left.
    pub status: u16,
}

/// The figures of one call.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Tokens.
    pub usage: Usage,
    /// Money.
    pub cost: Priced,
    /// From the request's head to the end of the answer.
    pub total: Duration,
    /// To the first content; `None` where the answer was not streamed.
    pub first_token: Option<Duration>,
    /// Our own share of `total`; `None` for streams.
    pub overhead: Option<Duration>,
    /// Requests sent upstream.
    pub attempts: u32,
    /// What translation could not carry.
    pub losses: u32,
}

/// The sums of one series.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Calls.
    pub requests: u64,
    /// Tokens by class.
    pub usage: Usage,
    /// Known cost, in nano-USD.
    pub cost_nano_usd: i64,
    /// Calls whose price is unknown.
    pub unpriced: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Fields that translations could not carry.
    pub losses: u64,
    /// Whole durations.
    pub duration: Histogram,
    /// Times to first content.
    pub first_token: Histogram,
    /// Our own share.
    pub overhead: Histogram,
}

/// Counts by bucket.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// One count per bound of [`BUCKETS_S`], then one for all above; not cumulative.
    pub counts: [u64; BUCKETS_S.len() + 1],
    /// Sum, in seconds.
    pub sum_s: f64,
}

impl Histogram {
    fn add(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BUCKETS_S.partition_point(|bound| *bound < seconds);
        self.counts[bucket] += 1;
        self.sum_s += seconds;
    }

    /// Adds another histogram's counts.
    pub fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
        self.sum_s += other.sum_s;
    }
}

impl Cell {
    fn add(&mut self, seen: &Observation) {
        self.requests += 1;
        self.usage.add(&seen.usage);
        match seen.cost {
            Priced::Known(money) => self.cost_nano_usd += money.nano_usd(),
            Priced::Unpriced => self.unpriced += 1,
        }
        self.retries += u64::from(seen.attempts.saturating_sub(1));
        self.losses += u64::from(seen.losses);
        self.duration.add(seen.total);
        if let Some(first_token) = seen.first_token {
            self.first_token.add(first_token);
        }
        if let Some(overhead) = seen.overhead {
            self.overhead.add(overhead);
        }
    }

    /// Adds another cell's sums.
    pub fn merge(&mut self, other: &Cell) {
        self.requests += other.requests;
        self.usage.add(&other.usage);
        self.cost_nano_usd += other.cost_nano_usd;
        self.unpriced += other.unpriced;
        self.retries += other.retries;
        self.losses += other.losses;
        self.duration.merge(&other.duration);
        self.first_token.merge(&other.first_token);
        self.overhead.merge(&other.overhead);
    }
}

/// The cells of one worker.
#[derive(Debug, Default)]
pub struct Sheet(Mutex<Cells>);

#[derive(Debug, Default)]
struct Cells {
    series: HashMap<Series, Cell, foldhash::fast::RandomState>,
    rejections: HashMap<(Kind, Source), u64>,
}

impl Sheet {
    /// Counts a call.
    pub fn observe(&self, series: Series, seen: &Observation) {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.series.get_mut(&series) {
            return cell.add(seen);
        }
        let series = if cells.series.len() < MAX_SERIES {
            series
        } else {
            Series {
                model: "other".into(),
                target: "other".into(),
                ..series
            }
        };
        cells.series.entry(series).or_default().add(seen);
    }

    /// Counts a refusal or failure that a client was told of.
    pub fn reject(&self, kind: Kind, source: Source) {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *cells.rejections.entry((kind, source)).or_default() += 1;
    }

    /// Adds this worker's sums to those of others.
    pub fn sum_into(
        &self,
        series: &mut HashMap<Series, Cell>,
        rejections: &mut HashMap<(Kind, Source), u64>,
    ) {
        let cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, cell) in &cells.series {
            series.entry(key.clone()).or_default().merge(cell);
        }
        for (key, count) in &cells.rejections {
            *rejections.entry(*key).or_default() += count;
        }
    }
}
