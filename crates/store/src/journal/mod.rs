//! What happened, written down before the client may rely on it: a line when a call is opened, a
//! line when it is settled, each one `write(2)` to an append-only file. Survives kill -9, and with
//! [`Sync::Always`] a power loss. Never rewrites, never waits for SQL.
//!
//! A folder holds segments: `INSTANCE-WRITER-SEQ.ndjson`, where the instance is one run of the
//! process, the writer one of its threads, and the sequence counts up. A process holds the
//! folder's lock as long as it runs, so segments of other instances belong to the dead.

mod line;
mod segment;
mod writer;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};

use tokio::sync::Notify;
use weir_model::{Priced, Usage};

pub use line::OpenCall;
pub(crate) use line::{Figures, Line, lost};
pub(crate) use segment::SegmentName;
pub use writer::JournalWriter;

/// No line is longer, in bytes; a call that would need more is refused.
pub(crate) const MAX_LINE: usize = 32 * 1024;

/// When a line counts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// When the kernel has it: survives the death of the process.
    #[default]
    OsBuffered,
    /// When the disk has it (`fdatasync`): survives a power loss, and costs a disk's latency twice
    /// per call.
    Always,
}

/// How a journal is written.
#[derive(Clone, Copy, Debug)]
pub struct JournalOptions {
    /// When a line counts as written.
    pub sync: Sync,
    /// A segment that would grow beyond this is followed by the next.
    pub max_segment_bytes: u64,
}

impl Default for JournalOptions {
    fn default() -> JournalOptions {
        JournalOptions {
            sync: Sync::OsBuffered,
            max_segment_bytes: 16 * 1024 * 1024,
        }
    }
}

/// A call that is about to be sent upstream, with what it may cost.
#[derive(Clone, Copy, Debug)]
pub struct Opened<'a> {
    /// The request's id, unique for ever; of ASCII that JSON does not escape.
    pub id: &'a str,
    /// When, in nanoseconds since the Unix epoch.
    pub at_nanos: i64,
    /// Public id of the caller's key.
    pub key_id: &'a str,
    /// Name of the caller's key.
    pub key_name: &'a str,
    /// Who pays.
    pub project: Option<&'a str>,
    /// The public model name.
    pub model: &'a str,
    /// What is asked, as in `chat`.
    pub operation: &'static str,
    /// The client's dialect, as in `openai_chat`.
    pub dialect: &'static str,
    /// What to charge if the process dies before the call is settled; `None` without a price.
    pub estimate_nano_usd: Option<i64>,
    /// Input tokens to record in that case.
    pub estimate_input_tokens: u64,
    /// Whether the client asked for a stream.
    pub stream: bool,
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub struct Settled<'a> {
    /// When, in nanoseconds since the Unix epoch.
    pub at_nanos: i64,
    /// HTTP status that the client saw.
    pub status: u16,
    /// `ok`, `failed`, `cancelled` (by the client) or `cut` (by the upstream, mid-stream).
    pub outcome: &'static str,
    /// Name of the deployment that answered last; empty when none was tried.
    pub target: &'a str,
    /// The model's name there.
    pub upstream_model: &'a str,
    /// Tokens.
    pub usage: Usage,
    /// Whether `usage`, and with it `cost`, is our estimate.
    pub usage_estimated: bool,
    /// What it cost.
    pub cost: Priced,
    /// The finish reason of the first choice.
    pub finish: Option<&'static str>,
    /// Upstream requests made.
    pub attempts: u32,
    /// How many things the translation could not carry.
    pub losses: u32,
    /// From opened to the first token, in microseconds.
    pub first_token_us: Option<u64>,
    /// From opened to the end, in microseconds.
    pub total_us: u64,
    /// Kind of the rejection, if it ended in one.
    pub error_kind: Option<&'static str>,
}

/// A folder of segments, held by this process. Cheap to clone.
#[derive(Clone)]
pub struct Journal(Arc<Shared>);

struct Shared {
    dir: PathBuf,
    options: JournalOptions,
    instance: Arc<str>,
    writers: AtomicU32,
    /// Whether the follower wants to hear of the next line.
    awaited: AtomicBool,
    news: Notify,
    _lock: File,
}

impl Journal {
    /// Takes the folder `dir`, made (mode 0700) when absent. Fails with `WouldBlock` while another
    /// process holds it.
    pub fn open(dir: &Path, options: JournalOptions) -> io::Result<Journal> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let lock = lock(&dir.join("lock"))?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        Ok(Journal(Arc::new(Shared {
            dir: dir.to_path_buf(),
            options,
            instance: format!("{:016x}", u64::from_ne_bytes(random)).into(),
            writers: AtomicU32::new(0),
            awaited: AtomicBool::new(false),
            news: Notify::new(),
            _lock: lock,
        })))
    }

    /// A writer with segments of its own: one for each worker thread.
    pub fn writer(&self) -> io::Result<JournalWriter> {
        let writer = self.0.writers.fetch_add(1, Ordering::Relaxed);
        JournalWriter::start(self.clone(), writer)
    }

    /// Which run of the process this is.
    pub(crate) fn instance(&self) -> &str {
        &self.0.instance
    }

    /// All segments in the folder, sorted, so that those of a writer stand in order.
    pub(crate) fn segments(&self) -> io::Result<Vec<SegmentName>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0.dir)? {
            names.extend(entry?.file_name().to_str().and_then(SegmentName::parse));
        }
        names.sort();
        Ok(names)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.0.dir
    }

    pub(crate) fn path(&self, name: &SegmentName) -> PathBuf {
        self.0.dir.join(name.to_string())
    }

    /// Asks to hear, through [`Journal::news`], of the first line written from now on.
    pub(crate) fn await_news(&self) {
        self.0.awaited.swap(true, Ordering::SeqCst);
    }

    /// Returns when a line was written after [`Journal::await_news`], or when woken.
    pub(crate) async fn news(&self) {
        self.0.news.notified().await;
    }

    /// Wakes the follower.
    pub(crate) fn wake(&self) {
        self.0.news.notify_one();
    }

    /// Called after each line; nearly free while nobody waits.
    fn written(&self) {
        // Pairs with the swap in `await_news`: either we see that the follower waits, or it sees
        // our line.
        fence(Ordering::SeqCst);
        if self.0.awaited.load(Ordering::Relaxed) && self.0.awaited.swap(false, Ordering::Relaxed) {
            self.wake();
        }
    }
}

/// Locks the file at `path`, made when absent, until the process ends or the file is dropped.
/// Fails with `WouldBlock` while another holds it.
pub(crate) fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
