//! Streams that are opened all at once and then held, to see what an open stream costs. Dropping closes them.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::crowd::{connect, step};
use super::{Plan, Reading, Reply, Tally};
use crate::{Outcome, process};

/// How long all streams together may take to their first frame.
const PATIENCE: Duration = Duration::from_secs(60);
const READ: usize = 4 << 10;

/// Open streams that have brought their first frame.
#[derive(Debug)]
pub struct Held {
    streams: Vec<TcpStream>,
    tally: Arc<Tally>,
    took: Duration,
}

impl Held {
    /// Opens so many streams at the same time and waits until each has brought its first frame.
    ///
    /// # Errors
    /// A stream was refused, ended, or brought no frame within a minute.
    pub async fn open(plan: &Plan, streams: usize) -> Outcome<Self> {
        let (tally, began) = (Arc::new(Tally::default()), Instant::now());
        let mut opening = JoinSet::new();
        for _ in 0..streams {
            opening.spawn(first_frame(plan.clone(), Arc::clone(&tally)));
        }
        let mut open = Vec::with_capacity(streams);
        let all = async {
            while let Some(stream) = opening.join_next().await {
                open.push(stream??);
            }
            Outcome::Ok(())
        };
        let done = timeout(PATIENCE, all).await;
        done.unwrap_or_else(|_| {
            Err(format!(
                "only {} of {streams} streams had a first frame in time",
                tally.count().reads
            )
            .into())
        })?;
        Ok(Self {
            streams: open,
            tally,
            took: began.elapsed(),
        })
    }

    /// The figures of the opening, and how much the process `pid` grew by each stream since `before` (KiB).
    ///
    /// # Errors
    /// The process is gone.
    pub fn reading(&self, before: Option<u64>, pid: Option<u32>) -> Outcome<Reading> {
        let start = super::Count {
            answers: 0,
            frames: 0,
            reads: 0,
        };
        let mut reading = self.tally.reading(start, self.took, None)?;
        if let (Some(before), Some(pid)) = (before, pid) {
            let grown = process::resident_kib(pid)? as f64 - before as f64;
            reading.kib_per_stream = Some(grown / self.streams.len() as f64);
        }
        Ok(reading)
    }
}

async fn first_frame(plan: Plan, tally: Arc<Tally>) -> Result<TcpStream, String> {
    let mut stream = connect(&plan).await?;
    let (mut reply, mut buffer) = (Reply::default(), [0; READ]);
    let sent = Instant::now();
    stream
        .write_all(&plan.request)
        .await
        .map_err(|fault| format!("while sending: {fault}"))?;
    while reply.frames == 0 {
        if step(&mut stream, &mut reply, &mut buffer, &tally, sent).await? {
            plan.judge(&reply)?;
            return Err("the stream ended; ask for one with a long gap".to_owned());
        }
    }
    Ok(stream)
}
