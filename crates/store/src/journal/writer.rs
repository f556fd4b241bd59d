//! Writes lines: one `write(2)` each, into segments that nobody else writes to.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Mutex, PoisonError};

use super::{Journal, MAX_LINE, OpenCall, Opened, SegmentName, Settled, Sync};

/// Writes the journal of one worker thread. Any thread may use it; those that share it wait for
/// each other's `write(2)`.
pub struct JournalWriter {
    journal: Journal,
    tail: Mutex<Tail>,
}

/// The segment that is being written.
struct Tail {
    name: SegmentName,
    file: File,
    bytes: u64,
    /// Whether a failed write may have left half a line, after which nothing may follow.
    torn: bool,
    line: Vec<u8>,
}

impl JournalWriter {
    pub(super) fn start(journal: Journal, writer: u32) -> io::Result<JournalWriter> {
        let name = SegmentName {
            instance: journal.0.instance.clone(),
            writer,
            seq: 0,
        };
        let file = create(&journal, &name)?;
        let tail = Tail {
            name,
            file,
            bytes: 0,
            torn: false,
            line: Vec::with_capacity(1024),
        };
        Ok(JournalWriter {
            journal,
            tail: Mutex::new(tail),
        })
    }

    /// Writes that a call is about to be sent. On an error nothing may be sent.
    pub fn opened(&self, opened: &Opened<'_>) -> io::Result<OpenCall> {
        let call = OpenCall::new(opened)?;
        self.write(|line| call.write_opened(opened, line))?;
        Ok(call)
    }

    /// Writes how a call ended that this writer opened. On an error the call counts as lost: it is
    /// charged its estimate when the process ends.
    pub fn settled(&self, call: &OpenCall, settled: &Settled<'_>) -> io::Result<()> {
        self.write(|line| call.write_settled(settled, line))
    }

    fn write(&self, fill: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
        // A panic cannot leave the tail half changed: at worst `line` holds leftovers.
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.line.clear();
        fill(&mut tail.line)?;
        tail.append(&self.journal)?;
        drop(tail);
        self.journal.written();
        Ok(())
    }
}

impl Tail {
    fn append(&mut self, journal: &Journal) -> io::Result<()> {
        if self.line.len() > MAX_LINE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a journal line is too long",
            ));
        }
        let bytes = self.line.len() as u64;
        let full = self.bytes > 0 && self.bytes + bytes > journal.0.options.max_segment_bytes;
        if full || self.torn {
            self.rotate(journal)?;
        }
        let written = loop {
            match self.file.write(&self.line) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.torn = !matches!(written, Ok(n) if n == self.line.len());
        self.bytes += bytes;
        written?;
        if self.torn {
            return Err(io::ErrorKind::WriteZero.into());
        }
        match journal.0.options.sync {
            Sync::OsBuffered => Ok(()),
            Sync::Always => self.file.sync_data(),
        }
    }

    fn rotate(&mut self, journal: &Journal) -> io::Result<()> {
        let next = SegmentName {
            seq: self.name.seq + 1,
            ..self.name.clone()
        };
        self.file = create(journal, &next)?;
        self.name = next;
        self.bytes = 0;
        self.torn = false;
        Ok(())
    }
}

fn create(journal: &Journal, name: &SegmentName) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(journal.path(name))?;
    if journal.0.options.sync == Sync::Always {
        // Without this the file's name may not survive what its lines would.
        File::open(&journal.0.dir)?.sync_all()?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests;
