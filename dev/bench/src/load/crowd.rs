//! The closed loop: connections that each repeat the request as soon as the last answer is whole. Dropping the
//! crowd closes them all.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::{Plan, Reading, Reply, Tally};
use crate::Outcome;
use crate::process::Cpu;

/// Wrong answers after which a connection gives up, so that a broken gateway is not hammered.
const MAX_ERRORS: u64 = 20;
const READ: usize = 32 << 10;

/// Connections at work.
#[derive(Debug)]
pub struct Crowd {
    tally: Arc<Tally>,
    connections: JoinSet<()>,
}

impl Crowd {
    /// Starts so many connections on the current runtime; together they send `requests`, or go on for ever.
    #[must_use]
    pub fn start(plan: &Plan, connections: usize, requests: Option<u64>) -> Self {
        let tally = Arc::new(Tally::new(requests));
        let mut set = JoinSet::new();
        for _ in 0..connections {
            set.spawn(repeat(plan.clone(), Arc::clone(&tally)));
        }
        Self {
            tally,
            connections: set,
        }
    }

    /// Lets the load run for `warm`, then measures for `length` or until all requests are answered, with the CPU
    /// time of `pid` when given.
    ///
    /// # Errors
    /// Some answer was wrong, none came, or the process is gone.
    pub async fn window(
        &mut self,
        pid: Option<u32>,
        warm: Duration,
        length: Duration,
    ) -> Outcome<Reading> {
        sleep(warm).await;
        self.tally.forget_samples();
        let (began, before) = (Instant::now(), self.tally.count());
        let cpu = pid.map(Cpu::of).transpose()?;
        let done = async { while self.connections.join_next().await.is_some() {} };
        // Either way the window ends here.
        let _ = timeout(length, done).await;
        let used = match (pid, cpu) {
            (Some(pid), Some(cpu)) => Some(Cpu::of(pid)?.since(&cpu)),
            _ => None,
        };
        self.tally.reading(before, began.elapsed(), used)
    }
}

async fn repeat(plan: Plan, tally: Arc<Tally>) {
    while let Err(fault) = converse(&plan, &tally).await {
        if tally.error(fault) >= MAX_ERRORS {
            return;
        }
    }
}

/// Repeats the request on one connection until there are no more to send, or something is wrong.
async fn converse(plan: &Plan, tally: &Tally) -> Result<(), String> {
    let mut stream = connect(plan).await?;
    let (mut reply, mut buffer) = (Reply::default(), vec![0; READ]);
    while tally.claim() {
        let sent = Instant::now();
        stream
            .write_all(&plan.request)
            .await
            .map_err(|fault| format!("while sending: {fault}"))?;
        reply.clear();
        while !step(&mut stream, &mut reply, &mut buffer, tally, sent).await? {}
        plan.judge(&reply)?;
        tally.answer(sent.elapsed(), reply.frames);
    }
    Ok(())
}

/// Connects to the plan's address.
pub(super) async fn connect(plan: &Plan) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(plan.address).await;
    let stream = stream.map_err(|fault| format!("cannot connect to {}: {fault}", plan.address))?;
    stream
        .set_nodelay(true)
        .map_err(|fault| fault.to_string())?;
    Ok(stream)
}

/// Reads once; true when the answer is whole.
pub(super) async fn step(
    stream: &mut TcpStream,
    reply: &mut Reply,
    buffer: &mut [u8],
    tally: &Tally,
    sent: Instant,
) -> Result<bool, String> {
    let count = stream
        .read(buffer)
        .await
        .map_err(|fault| format!("while reading: {fault}"))?;
    if count == 0 {
        return Err(format!(
            "the connection ended after {} bytes of body",
            reply.bytes
        ));
    }
    let (bytes, frames) = (reply.bytes, reply.frames);
    let whole = reply.feed(&buffer[..count])?;
    tally.frames(reply.frames - frames);
    if bytes == 0 && reply.bytes > 0 {
        tally.first_byte(sent.elapsed());
    }
    Ok(whole)
}
