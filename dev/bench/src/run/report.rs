//! The figures of a run: what they are computed from, their table, and their JSON. No measuring here.

use std::fmt;
use std::fs;

use serde::Serialize;

use super::case::Case;
use super::site::Kind;
use crate::load::{Reading, Spread};

#[cfg(test)]
mod tests;

/// What a run found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Processor, as the kernel names it.
    pub processor: String,
    /// Whether the measured process had a core for itself.
    pub own_core: bool,
    /// Length of each measurement.
    pub seconds: u64,
    /// How often all proxies took their turn.
    pub pairs: u64,
    /// CPU time, case by case.
    pub costs: Vec<Cost>,
    /// Latency at a fixed rate.
    pub latency: Vec<Latency>,
    /// Start and memory.
    pub memory: Vec<Memory>,
}

/// CPU time of one case.
#[derive(Debug, Serialize)]
pub struct Cost {
    /// The case.
    pub case: &'static str,
    /// What CPU time is divided by.
    pub unit: &'static str,
    /// The most that the gateway may cost, as a multiple of the bare proxy.
    pub goal: f64,
    /// The proxies, the bare one first.
    pub proxies: Vec<ProxyCost>,
}

/// CPU time of one proxy in one case.
#[derive(Debug, Serialize)]
pub struct ProxyCost {
    /// The proxy.
    pub proxy: Kind,
    /// Median over the turns, microseconds a unit.
    pub cpu_us: f64,
    /// Median over the pairs of the ratio to the bare proxy in the same pair.
    pub ratio: f64,
    /// Median of units a second; of a paced stream this is what was asked, not what it could carry.
    pub per_second: f64,
    /// Streams: frames per read of the client; 1 when each frame travelled alone.
    pub frames_per_read: Option<f64>,
    /// Every turn, microseconds a unit.
    pub turns_us: Vec<f64>,
}

/// Latency of one proxy at a fixed rate, microseconds.
#[derive(Debug, Serialize)]
pub struct Latency {
    /// The proxy.
    pub proxy: Kind,
    /// Requests a second.
    pub rate: u32,
    /// Median over the turns of their median.
    pub p50_us: f64,
    /// Median over the turns of their 99th percentile.
    pub p99_us: f64,
    /// What it adds to the bare proxy's median.
    pub added_p50_us: f64,
    /// What it adds to the bare proxy's 99th percentile.
    pub added_p99_us: f64,
}

/// Start and memory of one proxy.
#[derive(Debug, Serialize)]
pub struct Memory {
    /// The proxy.
    pub proxy: Kind,
    /// Median from start to first answer.
    pub start_ms: f64,
    /// Resident before any request.
    pub idle_mib: f64,
    /// Streams that were held.
    pub streams: u64,
    /// Growth by each held stream.
    pub kib_per_stream: f64,
}

impl Report {
    /// An empty report of this machine.
    #[must_use]
    pub fn new(seconds: u64, pairs: u64, own_core: bool) -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let processor = model.map_or("unknown", |(_, name)| name).to_owned();
        Self {
            processor,
            own_core,
            seconds,
            pairs,
            costs: Vec::new(),
            latency: Vec::new(),
            memory: Vec::new(),
        }
    }
}

impl Cost {
    /// Sums up the turns (cost in microseconds, and the reading behind it) of each proxy, the bare one first.
    #[must_use]
    pub fn new(case: &Case, proxies: Vec<(Kind, Vec<(f64, Reading)>)>) -> Self {
        let bare: Vec<f64> = proxies
            .first()
            .map(|(_, turns)| costs(turns))
            .unwrap_or_default();
        let proxies = proxies.iter().map(|(kind, turns)| {
            let turns_us = costs(turns);
            let mut ratios: Vec<_> = turns_us
                .iter()
                .zip(&bare)
                .map(|(ours, bare)| ours / bare)
                .collect();
            let reads = turns
                .iter()
                .map(|(_, reading)| reading.count.reads)
                .sum::<u64>() as f64;
            let frames = turns
                .iter()
                .map(|(_, reading)| reading.count.frames)
                .sum::<u64>() as f64;
            let per_second = |(_, reading): &(f64, Reading)| match case.stream {
                None => reading.answers_per_second,
                Some(_) => reading.frames_per_second,
            };
            ProxyCost {
                proxy: *kind,
                cpu_us: median(&mut turns_us.clone()),
                ratio: median(&mut ratios),
                per_second: median(&mut turns.iter().map(per_second).collect::<Vec<_>>()),
                frames_per_read: case.stream.map(|_| frames / reads),
                turns_us,
            }
        });
        Self {
            case: case.name,
            unit: case.unit(),
            goal: case.goal,
            proxies: proxies.collect(),
        }
    }
}

fn costs(turns: &[(f64, Reading)]) -> Vec<f64> {
    turns.iter().map(|(cost, _)| *cost).collect()
}

impl Latency {
    /// Sums up the turns of each proxy, the bare one first.
    #[must_use]
    pub fn compare(rate: u32, proxies: &[(Kind, Vec<Spread>)]) -> Vec<Self> {
        let of = |turns: &[Spread], read: fn(&Spread) -> f64| {
            median(&mut turns.iter().map(read).collect::<Vec<_>>())
        };
        let mut lines = Vec::<Self>::new();
        for (proxy, turns) in proxies {
            let (p50_us, p99_us) = (of(turns, |turn| turn.p50), of(turns, |turn| turn.p99));
            let bare = lines
                .first()
                .map_or((p50_us, p99_us), |bare| (bare.p50_us, bare.p99_us));
            let (added_p50_us, added_p99_us) = (p50_us - bare.0, p99_us - bare.1);
            lines.push(Self {
                proxy: *proxy,
                rate,
                p50_us,
                p99_us,
                added_p50_us,
                added_p99_us,
            });
        }
        lines
    }
}

/// The middle value, or the mean of the middle two; 0 of nothing.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.get(half) {
        None => 0.0,
        Some(upper) if values.len() % 2 == 1 => *upper,
        Some(upper) => f64::midpoint(values[half - 1], *upper),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = if self.own_core {
            "a core for itself"
        } else {
            "ONE CORE FOR EVERYTHING"
        };
        let Self {
            processor,
            seconds,
            pairs,
            ..
        } = self;
        writeln!(
            f,
            "{processor}; {pairs} turns of {seconds} s each; the proxy has {core}\n"
        )?;
        f.write_str(&table(&self.cost_rows()))?;
        f.write_str(&table(&self.latency_rows()))?;
        f.write_str(&table(&self.memory_rows()))
    }
}

impl Report {
    fn cost_rows(&self) -> Vec<Vec<String>> {
        let head = "CPU time|per|proxy|us|x bare|goal|per second|frames/read";
        let mut rows = vec![head.split('|').map(str::to_owned).collect()];
        for cost in &self.costs {
            rows.extend(cost.proxies.iter().map(|proxy| {
                let goal = match proxy.proxy {
                    Kind::Weir if proxy.ratio <= cost.goal => format!("{:.1} met", cost.goal),
                    Kind::Weir => format!("{:.1} MISSED", cost.goal),
                    Kind::Bare | Kind::Nginx => String::new(),
                };
                vec![
                    cost.case.to_owned(),
                    cost.unit.to_owned(),
                    proxy.proxy.to_string(),
                    format!("{:.1}", proxy.cpu_us),
                    format!("{:.2}", proxy.ratio),
                    goal,
                    format!("{:.0}", proxy.per_second),
                    proxy
                        .frames_per_read
                        .map_or_else(String::new, |frames| format!("{frames:.2}")),
                ]
            }));
        }
        rows
    }

    fn latency_rows(&self) -> Vec<Vec<String>> {
        let head = "latency|proxy|p50 us|p99 us|added p50|added p99";
        let mut rows = vec![head.split('|').map(str::to_owned).collect()];
        rows.extend(self.latency.iter().map(|line| {
            let times = [
                line.p50_us,
                line.p99_us,
                line.added_p50_us,
                line.added_p99_us,
            ];
            let mut row = vec![format!("{}/s", line.rate), line.proxy.to_string()];
            row.extend(times.map(|time| format!("{time:.0}")));
            row
        }));
        rows
    }

    fn memory_rows(&self) -> Vec<Vec<String>> {
        let head = "memory|start ms|idle MiB|KiB per open stream";
        let mut rows = vec![head.split('|').map(str::to_owned).collect()];
        rows.extend(self.memory.iter().map(|line| {
            let figures = [line.start_ms, line.idle_mib, line.kib_per_stream];
            let mut row = vec![line.proxy.to_string()];
            row.extend(figures.map(|figure| format!("{figure:.1}")));
            row
        }));
        rows
    }
}

/// Rows under a head, columns as wide as their widest cell, texts to the left and the rest to the right; empty
/// without rows.
fn table(rows: &[Vec<String>]) -> String {
    let [head, body @ ..] = rows else {
        return String::new();
    };
    if body.is_empty() {
        return String::new();
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..head.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let left = |column: usize| {
        body.iter()
            .all(|row| row[column].starts_with(char::is_alphabetic))
    };
    let lefts: Vec<_> = (0..head.len()).map(left).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let cell = if lefts[column] {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            };
            line.push_str(&cell);
            line.push_str("  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text + "\n"
}
