//! The open loop: requests leave at a fixed rate whether or not earlier ones were answered. Latency counts from
//! the moment at which a request was due, so a stall is charged to every request that it delayed. Blocking sockets
//! on threads, because their sleep is precise to microseconds where a runtime's timer is not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU64;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use super::{Plan, Reading, Reply, Tally};
use crate::Outcome;
use crate::process::Cpu;

const MAX_THREADS: usize = 256;
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends `rate` requests a second for `length` over so many connections (at most 256), each with its own thread.
/// A connection that is still busy when its turn comes sends late, and the delay counts.
///
/// # Errors
/// Some answer was wrong, or the process is gone.
pub fn steady(
    plan: &Plan,
    rate: u32,
    connections: usize,
    pid: Option<u32>,
    length: Duration,
) -> Outcome<Reading> {
    let connections = connections.clamp(1, MAX_THREADS) as u32;
    let (tally, ready) = (Tally::default(), Barrier::new(connections as usize + 1));
    let (before, gap) = (tally.count(), Duration::from_secs(1) / rate.max(1));
    thread::scope(|scope| {
        for slot in 0..connections {
            let (tally, ready) = (&tally, &ready);
            let turns = Turns {
                first: gap * slot,
                every: gap * connections,
                length,
            };
            scope.spawn(move || {
                if let Err(fault) = turns.take(plan, tally, ready) {
                    tally.error(fault);
                }
            });
        }
        ready.wait();
        let (began, cpu) = (Instant::now(), pid.map(Cpu::of).transpose()?);
        thread::sleep(length);
        let used = match (pid, cpu) {
            (Some(pid), Some(cpu)) => Some(Cpu::of(pid)?.since(&cpu)),
            _ => None,
        };
        tally.reading(before, began.elapsed(), used)
    })
}

/// When one connection sends, counted from the common start.
struct Turns {
    first: Duration,
    every: Duration,
    length: Duration,
}

impl Turns {
    fn take(&self, plan: &Plan, tally: &Tally, ready: &Barrier) -> Result<(), String> {
        let mut line = Line::open(plan);
        let warm = line
            .as_mut()
            .map_err(|fault| fault.clone())
            .and_then(|line| line.ask(plan));
        // Every thread comes here, also one without a connection, or the others would wait for ever.
        ready.wait();
        warm?;
        let (mut line, began) = (line?, Instant::now());
        let mut due = self.first;
        while due < self.length {
            thread::sleep(due.saturating_sub(began.elapsed()));
            line.ask(plan)?;
            tally.answer(began.elapsed().saturating_sub(due), line.reply.frames);
            due += self.every;
        }
        Ok(())
    }
}

/// A blocking keep-alive connection.
struct Line {
    stream: TcpStream,
    reply: Reply,
    buffer: Vec<u8>,
}

impl Line {
    fn open(plan: &Plan) -> Result<Self, String> {
        // The default slack lets a sleep end 50 microseconds late. A kernel that refuses only costs precision.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let open = || {
            let stream = TcpStream::connect_timeout(&plan.address, PATIENCE)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            std::io::Result::Ok(stream)
        };
        let stream =
            open().map_err(|fault| format!("cannot connect to {}: {fault}", plan.address))?;
        Ok(Self {
            stream,
            reply: Reply::default(),
            buffer: vec![0; 32 << 10],
        })
    }

    fn ask(&mut self, plan: &Plan) -> Result<(), String> {
        self.stream
            .write_all(&plan.request)
            .map_err(|fault| format!("while sending: {fault}"))?;
        self.reply.clear();
        loop {
            let count = self.stream.read(&mut self.buffer);
            let count = count.map_err(|fault| format!("while reading: {fault}"))?;
            if count == 0 {
                return Err("the connection ended within an answer".to_owned());
            }
            if self.reply.feed(&self.buffer[..count])? {
                return plan.judge(&self.reply);
            }
        }
    }
}
