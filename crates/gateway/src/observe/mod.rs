//! What operators see of the calls: counters and histograms in cells of each worker's own, summed
//! when they are scraped.

mod sheet;

pub use sheet::{BUCKETS_S, Cell, Histogram, Observation, Series, Sheet};
