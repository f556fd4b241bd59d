//! The whole benchmark: starts everything on loopback, measures each case on all proxies in turns, and reports.
//! The measured process has a core for itself, load and upstream share the other. CPU time is the measure, so that
//! a busy machine blurs figures but little; turns, so that a drift of the machine meets all alike.

pub mod case;
pub mod report;
pub mod site;

use std::fs;
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use crate::load::{Crowd, Held, Reading, steady};
use crate::{Outcome, process};

use case::{CASES, Case, PAUSED};
use report::{Cost, Latency, Memory, Report, median};
use site::{Kind, Site, Subject, Upstream};

const LATENCY: &str = "latency";
const MEMORY: &str = "memory";

const CONNECTIONS: usize = 64;
const LATENCY_CONNECTIONS: usize = 32;
const WARM: Duration = Duration::from_millis(500);
const SETTLE: Duration = Duration::from_millis(300);
/// Until what opening a crowd of streams took has been given back to the system.
const REST: Duration = Duration::from_secs(5);

/// The arguments of `weir-bench run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    parts: Parts,
    /// Only this case (any number of times): a name of the table, `latency` or `memory`.
    #[arg(long)]
    only: Vec<String>,
    /// Also writes the figures to this file, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Length of each measurement.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// How often all proxies take their turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=50))]
    pairs: u64,
    /// Requests a second in the latency case.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    rate: u32,
    /// Held streams in the memory case.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    streams: u64,
    /// Measures the bare proxy and nginx alone; against a built-in upstream unless `--mimic` is given.
    #[arg(long)]
    baselines: bool,
}

/// The binaries that are measured and measured against.
#[derive(Debug, clap::Args)]
struct Parts {
    /// The gateway's binary.
    #[arg(long, default_value = "target/dist/weir")]
    gateway: PathBuf,
    /// The upstream's binary; without it `weir-mimic` beside this binary.
    #[arg(long)]
    mimic: Option<PathBuf>,
}

impl Parts {
    fn gateway(&self) -> Outcome<PathBuf> {
        built("gateway", &self.gateway)
    }

    fn mimic(&self) -> Outcome<PathBuf> {
        match &self.mimic {
            Some(path) => built("upstream", path),
            None => built(
                "upstream",
                &std::env::current_exe()?.with_file_name("weir-mimic"),
            ),
        }
    }
}

/// The absolute path of a binary: processes start in other folders.
fn built(name: &str, path: &Path) -> Outcome<PathBuf> {
    let found = path.canonicalize();
    let path = path.display();
    found.map_err(|_| format!("no {name} at {path}: build it with `make bench`").into())
}

/// Runs the benchmark until it is done or interrupted; everything that it started has ended then.
///
/// # Errors
/// A binary is missing, an answer was wrong, or a signal came.
pub async fn run(args: Args) -> Outcome<()> {
    let report = interruptible(args.measure()).await?;
    write!(std::io::stdout(), "{report}")?;
    if let Some(path) = &args.json {
        fs::write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    Ok(())
}

async fn interruptible<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let mut term = signal(SignalKind::terminate())?;
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        _ = term.recv() => Err("terminated".into()),
    }
}

/// The arguments of `weir-bench h2-streams`.
#[derive(Debug, clap::Args)]
pub struct StreamArgs {
    #[command(flatten)]
    parts: Parts,
    /// Streams at the same time.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    streams: u64,
    /// Streams that the upstream allows on one HTTP/2 connection.
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

/// Opens more streams through the gateway than one HTTP/2 connection to the upstream may carry, and prints how long
/// they took to their first frame.
///
/// # Errors
/// A binary is missing, or a stream had no first frame within a minute.
pub async fn h2_streams(args: StreamArgs) -> Outcome<()> {
    process::allow_many_files()?;
    let (gateway, mimic) = (args.parts.gateway()?, args.parts.mimic()?);
    let reading = interruptible(async move {
        let site = Site::open(Some(gateway), &Upstream::Secure(mimic, args.limit), None)?;
        let mut weir = site.start(Kind::Weir).await?;
        let held = Held::open(&weir.plan(&PAUSED), args.streams as usize).await;
        held.map_err(|fault| weir.explain("h2-streams", &fault))?
            .reading(None, None)
    });
    let reading = reading.await?;
    Ok(writeln!(
        std::io::stdout(),
        "{}",
        serde_json::to_string_pretty(&reading)?
    )?)
}

impl Args {
    async fn measure(&self) -> Outcome<Report> {
        self.check()?;
        process::allow_many_files()?;
        let cores = process::Cores::claim()?;
        let gateway = (!self.baselines)
            .then(|| self.parts.gateway())
            .transpose()?;
        let upstream = match self.parts.mimic {
            None if self.baselines => Upstream::Tiny,
            _ => Upstream::Mimic(self.parts.mimic()?),
        };
        let mut kinds = vec![Kind::Bare];
        kinds.extend(gateway.is_some().then_some(Kind::Weir));
        let site = Site::open(gateway, &upstream, cores)?;
        kinds.extend(site.has_nginx().then_some(Kind::Nginx));

        let mut report = Report::new(self.seconds, self.pairs, cores.is_some());
        let mut subjects = Vec::new();
        for kind in &kinds {
            subjects.push(site.start(*kind).await?);
        }
        for case in CASES.iter().filter(|case| self.wants(case.name)) {
            report.costs.push(self.cost(case, &mut subjects).await?);
        }
        if self.wants(LATENCY) {
            report.latency = self.latency(&mut subjects)?;
        }
        drop(subjects);
        if self.wants(MEMORY) {
            for kind in kinds {
                report.memory.push(self.memory(&site, kind).await?);
            }
        }
        Ok(report)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    fn check(&self) -> Outcome<()> {
        let names: Vec<_> = CASES
            .iter()
            .map(|case| case.name)
            .chain([LATENCY, MEMORY])
            .collect();
        if let Some(unknown) = self
            .only
            .iter()
            .find(|only| !names.contains(&only.as_str()))
        {
            return Err(format!("no case {unknown:?}; there are: {}", names.join(", ")).into());
        }
        Ok(())
    }

    fn length(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    async fn cost(&self, case: &Case, subjects: &mut [Subject]) -> Outcome<Cost> {
        let mut turns = vec![Vec::new(); subjects.len()];
        for pair in 1..=self.pairs {
            for (subject, turns) in subjects.iter_mut().zip(&mut turns) {
                let mut crowd = Crowd::start(&subject.plan(case), CONNECTIONS, None);
                let reading = crowd.window(Some(subject.pid()), WARM, self.length()).await;
                drop(crowd);
                let reading = reading.map_err(|fault| subject.explain(case.name, &fault))?;
                let cost = cost_us(case, &reading).ok_or("no unit of work was completed")?;
                progress(&format!(
                    "{} {pair}/{}: {} {cost:.1} us",
                    case.name, self.pairs, subject.kind
                ));
                turns.push((cost, reading));
                // The upstream notices the closed connections before the next turn.
                sleep(SETTLE).await;
            }
        }
        let kinds = subjects.iter().map(|subject| subject.kind);
        Ok(Cost::new(case, kinds.zip(turns).collect()))
    }

    fn latency(&self, subjects: &mut [Subject]) -> Outcome<Vec<Latency>> {
        let mut turns = vec![Vec::new(); subjects.len()];
        for pair in 1..=self.pairs {
            for (subject, turns) in subjects.iter_mut().zip(&mut turns) {
                let (plan, pid) = (subject.plan(&CASES[0]), Some(subject.pid()));
                let reading = steady(&plan, self.rate, LATENCY_CONNECTIONS, pid, self.length());
                let reading = reading.map_err(|fault| subject.explain(LATENCY, &fault))?;
                let spread = reading.latency_us.ok_or("no request was completed")?;
                progress(&format!(
                    "latency {pair}/{}: {} p50 {:.0} us",
                    self.pairs, subject.kind, spread.p50
                ));
                turns.push(spread);
            }
        }
        let kinds = subjects.iter().map(|subject| subject.kind);
        Ok(Latency::compare(
            self.rate,
            &kinds.zip(turns).collect::<Vec<_>>(),
        ))
    }

    /// Starts the proxy afresh, so that nothing it learned under load hides in its memory.
    async fn memory(&self, site: &Site, kind: Kind) -> Outcome<Memory> {
        let mut starts = Vec::new();
        for _ in 1..self.pairs {
            starts.push(site.start(kind).await?.start.as_secs_f64() * 1e3);
        }
        let mut subject = site.start(kind).await?;
        starts.push(subject.start.as_secs_f64() * 1e3);
        sleep(SETTLE).await;
        let idle_kib = process::resident_kib(subject.pid())?;
        // What is set up once, at the first stream, is not a stream's cost.
        let paused = subject.plan(&PAUSED);
        let first = Held::open(&paused, 1).await;
        drop(first.map_err(|fault| subject.explain(MEMORY, &fault))?);
        sleep(SETTLE).await;
        let before = process::resident_kib(subject.pid())?;
        let held = Held::open(&paused, self.streams as usize).await;
        let held = held.map_err(|fault| subject.explain(MEMORY, &fault))?;
        sleep(REST).await;
        let reading = held.reading(Some(before), Some(subject.pid()))?;
        progress(&format!("memory: {kind} {idle_kib} KiB idle"));
        Ok(Memory {
            proxy: kind,
            start_ms: median(&mut starts),
            idle_mib: idle_kib as f64 / 1024.0,
            streams: self.streams,
            kib_per_stream: reading.kib_per_stream.unwrap_or_default(),
        })
    }
}

/// CPU microseconds per request, or per chunk that the upstream was asked for. Formats wrap the same chunks in a
/// different number of frames, so frames are scaled to chunks.
fn cost_us(case: &Case, reading: &Reading) -> Option<f64> {
    match case.stream {
        None => reading.cpu_us_per_answer,
        Some(stream) => {
            let frames_per_chunk = reading.frames_per_answer? / f64::from(stream.chunks);
            Some(reading.cpu_us_per_frame? * frames_per_chunk)
        }
    }
}

fn progress(text: &str) {
    // Only to show that something happens.
    let _ = writeln!(std::io::stderr(), "{text}");
}
