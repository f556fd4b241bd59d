//! The processes under measurement: started on a core of their own, read through `/proc`, and always killed. Works
//! on Linux alone, and never touches a process that it did not start.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Outcome;

#[cfg(test)]
mod tests;

/// Length of a clock tick in `/proc/PID/stat`; 100 a second on every Linux of today (proc(5)).
const TICK: Duration = Duration::from_millis(10);

/// Lines of a child's output that wait to be read.
const MAX_LINES: usize = 64;

/// How long a started process may take until it prints its address.
const ANNOUNCE: Duration = Duration::from_secs(10);

/// What of a child's log is shown when it fails, bytes.
const LOG_TAIL: i64 = 2000;

/// CPU time that a process has used so far, all threads together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpu {
    threads: BTreeMap<u32, u64>,
    ticks: u64,
}

impl Cpu {
    /// Reads it from `/proc/PID/task/*/schedstat` (nanoseconds) and `/proc/PID/stat` (ticks).
    ///
    /// # Errors
    /// The process is gone, or a file is not as proc(5) says.
    pub fn of(pid: u32) -> Outcome<Self> {
        let mut threads = BTreeMap::new();
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let task = task?;
            // A thread may end between listing and reading.
            let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else {
                continue;
            };
            let id = task.file_name().to_string_lossy().parse()?;
            threads.insert(id, on_cpu_ns(&text).ok_or("schedstat is not as expected")?);
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Ok(Self {
            threads,
            ticks: ticks(&stat).ok_or("stat is not as expected")?,
        })
    }

    /// Time used between an earlier reading and this one. Exact to the nanosecond while no thread has ended; else
    /// to the tick, because an ended thread takes its own count along.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        if earlier
            .threads
            .keys()
            .any(|thread| !self.threads.contains_key(thread))
        {
            let ticks = self.ticks.saturating_sub(earlier.ticks);
            return TICK * u32::try_from(ticks).unwrap_or(u32::MAX);
        }
        let sum = |cpu: &Self| cpu.threads.values().sum::<u64>();
        Duration::from_nanos(sum(self).saturating_sub(sum(earlier)))
    }
}

/// The first field of a `schedstat` file: nanoseconds on a CPU.
fn on_cpu_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().next()?.parse().ok()
}

/// `utime + stime` of a `stat` file, fields 14 and 15; the name before them may hold spaces and brackets.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

/// Resident memory of a process, KiB.
///
/// # Errors
/// The process is gone.
pub fn resident_kib(pid: u32) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    resident(&status).ok_or_else(|| format!("process {pid} has no VmRSS: it ended").into())
}

/// The `VmRSS` line of a `status` file, KiB.
fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim_end().parse().ok()
}

/// Which core the measured process gets for itself, and which one all others share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cores {
    measured: usize,
    others: usize,
}

impl Cores {
    /// Takes the first two cores that this process may use and moves it to the second; `None` when there is only
    /// one, so that everything shares it. Call before any thread starts.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn claim() -> Outcome<Option<Self>> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let (Some(measured), Some(others)) = (cores.next(), cores.next()) else {
            return Ok(None);
        };
        move_to(others)?;
        Ok(Some(Self { measured, others }))
    }
}

fn move_to(core: usize) -> Outcome<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// Raises the limit on open files of this process and its children to what the system allows.
///
/// # Errors
/// The operating system refused.
pub fn allow_many_files() -> Outcome<()> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let limit = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    Ok(rustix::process::setrlimit(Resource::Nofile, limit)?)
}

/// A started process; dropping it kills it and waits for its end.
#[derive(Debug)]
pub struct Running {
    child: Child,
    name: String,
    lines: Receiver<String>,
    log: File,
}

impl Running {
    /// Starts a command with an empty environment, its stderr in `folder/NAME.log`, on the measured core when
    /// `cores` are given, else where the caller runs.
    ///
    /// # Errors
    /// The binary is missing, or the core cannot be had.
    pub fn start(
        name: &str,
        command: &mut Command,
        folder: &Path,
        cores: Option<Cores>,
    ) -> Outcome<Self> {
        let path = folder.join(format!("{name}.log"));
        // An empty environment: no key, proxy or log level of the person who measures leaks into the figures.
        command
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&path)?);
        if let Some(cores) = cores {
            move_to(cores.measured)?;
        }
        let child = command.spawn();
        if let Some(cores) = cores {
            move_to(cores.others)?;
        }
        let program = command.get_program().to_string_lossy();
        let mut child =
            child.map_err(|fault| format!("cannot start {name} ({program}): {fault}"))?;
        let lines = lines(child.stdout.take());
        Ok(Self {
            child,
            name: name.to_owned(),
            lines,
            log: File::open(path)?,
        })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads the address that a process prints as its first line, with or without a scheme.
    ///
    /// # Errors
    /// It ended or printed something else; the text shows the end of its log.
    pub fn address(&mut self) -> Outcome<SocketAddr> {
        let line = self.line();
        let address = line
            .split_once("://")
            .map_or(&*line, |(_, address)| address);
        address
            .trim()
            .parse()
            .map_err(|_| self.failure("did not print its address first"))
    }

    /// Reads the certificate that a process prints next, as PEM.
    ///
    /// # Errors
    /// It ended or printed something else; the text shows the end of its log.
    pub fn certificate(&mut self) -> Outcome<String> {
        let mut pem = String::new();
        while !pem.contains("-----END CERTIFICATE-----") {
            let line = self.line();
            if line.is_empty() {
                return Err(self.failure("did not print its certificate"));
            }
            pem.push_str(&line);
        }
        Ok(pem)
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(ANNOUNCE).unwrap_or_default()
    }

    /// Fails when the process has ended.
    ///
    /// # Errors
    /// It ended; the text shows the end of its log.
    pub fn alive(&mut self) -> Outcome<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.failure(&format!("ended with {status}"))),
        }
    }

    /// An error that names the process and shows the end of its log.
    pub fn failure(&mut self, what: &str) -> crate::Fault {
        let mut tail = Vec::new();
        if self.log.seek(SeekFrom::End(-LOG_TAIL)).is_err() {
            // Shorter than that: from its start.
            let _ = self.log.rewind();
        }
        let _ = self.log.read_to_end(&mut tail);
        let tail = String::from_utf8_lossy(&tail);
        format!("{} {what}; its log ends:\n{}", self.name, tail.trim_end()).into()
    }
}

/// Hands out the first lines (each with its line end, at most 4 KiB) and throws away what nobody takes, so that the
/// process never waits for a full pipe.
fn lines(out: Option<ChildStdout>) -> Receiver<String> {
    let (sender, receiver) = sync_channel(MAX_LINES);
    if let Some(out) = out {
        thread::spawn(move || {
            let (mut out, mut line) = (BufReader::new(out), String::new());
            while matches!(out.by_ref().take(4096).read_line(&mut line), Ok(1..)) {
                // Full, or nobody listens any more: the process may go on talking.
                let _ = sender.try_send(std::mem::take(&mut line));
            }
            let _ = io::copy(&mut out, &mut io::sink());
        });
    }
    receiver
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
