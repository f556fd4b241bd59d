//! Reads the journal's segments, and writes a row for each line that settles a call and for each
//! call whose process died before that. How far it has read moves in the transaction that writes
//! the rows, so that a crash at any point neither loses nor repeats one.

use std::collections::HashMap;
use std::fs::{self, File};
use std::mem;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use serde::Serialize;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use super::query::{signed, unsigned};
use super::row::Rows;
use crate::journal::{Line, MAX_LINE, SegmentName, lost};
use crate::{Clock, Journal, StoreError};

/// Read at once: two lines at their longest, some 100 calls at their usual length.
const CHUNK: usize = 2 * MAX_LINE;
/// Written at once, about.
const BATCH_ROWS: usize = 1000;

/// The state of the reading. Whoever sees an error from it, or drops a future of it, has to load
/// a new one.
pub(super) struct Follower {
    offsets: HashMap<SegmentName, Offset>,
    /// The calls in flight, and those of the dead, by id.
    openings: HashMap<Box<str>, Opening, foldhash::fast::RandomState>,
    /// Ids of kept openings that were settled since the last transaction.
    settled: Vec<Box<str>>,
    rows: Rows,
    chunk: Box<[u8]>,
    torn: u64,
}

#[derive(Clone, Copy, Default)]
struct Offset {
    /// As in the database.
    kept: u64,
    /// As in memory.
    read: u64,
}

/// A line that opened a call.
struct Opening {
    instance: Arc<str>,
    line: Box<str>,
    /// Whether the database has it.
    kept: bool,
}

impl Follower {
    /// Starts where the database says.
    pub(super) async fn load(pool: &SqlitePool, journal: &Journal) -> Result<Follower, StoreError> {
        let mut follower = Follower {
            offsets: HashMap::new(),
            openings: HashMap::default(),
            settled: Vec::new(),
            rows: Rows::new(),
            chunk: vec![0; CHUNK].into(),
            torn: 0,
        };
        let present = segments(journal)?;
        for row in sqlx::query("SELECT name, read_bytes FROM segments")
            .fetch_all(pool)
            .await?
        {
            let name: &str = row.try_get("name")?;
            let kept = unsigned(row.try_get("read_bytes")?);
            match SegmentName::parse(name).filter(|name| present.contains(name)) {
                Some(name) => drop(follower.offsets.insert(name, Offset { kept, read: kept })),
                None => forget(pool, name).await?,
            }
        }
        // After the offsets: if a transaction ends in between, theirs no longer fit, and tell.
        for row in sqlx::query("SELECT id, instance, line FROM openings")
            .fetch_all(pool)
            .await?
        {
            let instance = row.try_get::<&str, _>("instance")?.into();
            let line = row.try_get("line")?;
            let opening = Opening {
                instance,
                line,
                kept: true,
            };
            follower.openings.insert(row.try_get("id")?, opening);
        }
        Ok(follower)
    }

    /// How many lines could not be read since this was last asked.
    pub(super) fn take_torn(&mut self) -> u64 {
        mem::take(&mut self.torn)
    }

    /// Reads every segment to its present end, settles the calls of the dead, and removes the
    /// segments that have nothing more to say.
    pub(super) async fn pass(
        &mut self,
        pool: &SqlitePool,
        journal: &Journal,
        clock: &Clock,
    ) -> Result<(), StoreError> {
        let names = segments(journal)?;
        let mut sealed = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let followed = names.get(index + 1).is_some_and(|next| name.precedes(next));
            let is_sealed = followed || *name.instance != *journal.instance();
            self.read(name, is_sealed, pool, journal).await?;
            if is_sealed {
                sealed.push(name);
            }
        }
        self.bury(journal.instance(), clock.now_nanos());
        self.flush(pool).await?;
        if !sealed.is_empty() {
            // Until a checkpoint a power loss could take back rows whose only other trace is here.
            sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
                .execute(pool)
                .await?;
        }
        for name in sealed {
            let path = journal.path(name);
            fs::remove_file(&path).map_err(StoreError::file(&path))?;
            self.offsets.remove(name);
            forget(pool, &name.to_string()).await?;
        }
        Ok(())
    }

    async fn read(
        &mut self,
        name: &SegmentName,
        is_sealed: bool,
        pool: &SqlitePool,
        journal: &Journal,
    ) -> Result<(), StoreError> {
        let path = journal.path(name);
        let file = File::open(&path).map_err(StoreError::file(&path))?;
        loop {
            let read = self.offsets.entry(name.clone()).or_default().read;
            let mut chunk = mem::take(&mut self.chunk);
            let filled = file
                .read_at(&mut chunk, read)
                .map_err(StoreError::file(&path))?;
            let consumed = self.take_lines(&name.instance, &chunk[..filled], is_sealed);
            self.chunk = chunk;
            if consumed == 0 {
                return Ok(());
            }
            self.offsets.entry(name.clone()).or_default().read += consumed as u64;
            if self.rows.len() >= BATCH_ROWS {
                self.flush(pool).await?;
            }
            // Requests may live on the same thread.
            tokio::task::yield_now().await;
        }
    }

    /// Takes the whole lines of `chunk` and returns their length in bytes. What is left is a line
    /// that is still being written, unless the segment is sealed: then it is torn.
    fn take_lines(&mut self, instance: &Arc<str>, chunk: &[u8], is_sealed: bool) -> usize {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', chunk) {
            let line = simdutf8::basic::from_utf8(&chunk[start..end]).ok();
            if line
                .and_then(|line| self.take_line(instance, line))
                .is_none()
            {
                self.torn += 1;
            }
            start = end + 1;
        }
        let rest = chunk.len() - start;
        if start == 0 && rest > 0 && (is_sealed || rest > MAX_LINE) {
            self.torn += 1;
            return rest;
        }
        start
    }

    /// Keeps a line that opens a call until the one comes that settles it. `None` for a torn line.
    fn take_line(&mut self, instance: &Arc<str>, text: &str) -> Option<()> {
        match Line::read(text)? {
            Line::Opened { id } => {
                let opening = Opening {
                    instance: instance.clone(),
                    line: text.into(),
                    kept: false,
                };
                self.openings.insert(id.into(), opening);
            }
            Line::Settled(line) => {
                let opening = self.openings.remove_entry(line.id);
                let kept = opening.as_ref().is_some_and(|(_, opening)| opening.kept);
                let id = opening.map_or_else(|| line.id.into(), |(id, _)| id);
                if kept {
                    self.settled.push(id.clone());
                }
                self.rows
                    .push(id, line.question, line.answer, line.figures)?;
            }
        }
        Some(())
    }

    /// Gives rows to the calls of dead processes, which will never be settled.
    fn bury(&mut self, alive: &str, now_ns: i64) {
        let dead = self
            .openings
            .extract_if(|_, opening| *opening.instance != *alive);
        for (id, opening) in dead {
            if opening.kept {
                self.settled.push(id.clone());
            }
            let pushed = match lost(&opening.line, now_ns) {
                Ok((question, answer, figures)) => self.rows.push(id, question, &answer, figures),
                Err(_) => None,
            };
            self.torn += u64::from(pushed.is_none());
        }
    }

    /// One transaction: the offsets, the rows, the openings.
    async fn flush(&mut self, pool: &SqlitePool) -> Result<(), StoreError> {
        let moved = self
            .offsets
            .iter_mut()
            .filter(|(_, offset)| offset.kept != offset.read);
        let moved: Vec<_> = moved.collect();
        if moved.is_empty() && self.rows.len() == 0 {
            return Ok(());
        }
        let mut transaction = pool.begin().await?;
        for (name, offset) in moved {
            advance(&mut transaction, name, *offset).await?;
            offset.kept = offset.read;
        }
        self.rows.insert(&mut transaction).await?;
        remove_openings(&mut transaction, mem::take(&mut self.settled)).await?;
        let fresh = self
            .openings
            .iter_mut()
            .filter(|(_, opening)| !opening.kept);
        add_openings(&mut transaction, fresh).await?;
        Ok(transaction.commit().await?)
    }
}

/// Moves an offset from what we know it to be; fails if someone else moved it.
async fn advance(
    connection: &mut SqliteConnection,
    name: &SegmentName,
    offset: Offset,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "INSERT INTO segments (name, read_bytes) VALUES (?1, ?2) ON CONFLICT (name) \
         DO UPDATE SET read_bytes = excluded.read_bytes WHERE read_bytes = ?3",
    )
    .bind(name.to_string())
    .bind(signed(offset.read))
    .bind(signed(offset.kept))
    .execute(connection)
    .await?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(StoreError::Overtaken)
    }
}

/// Remembers openings over a restart. They go in as one JSON array, which costs one statement.
async fn add_openings<'a>(
    connection: &mut SqliteConnection,
    openings: impl Iterator<Item = (&'a Box<str>, &'a mut Opening)>,
) -> Result<(), StoreError> {
    let mut fresh = Vec::new();
    for (id, opening) in openings {
        opening.kept = true;
        fresh.push((id, &*opening.instance, &opening.line));
    }
    if fresh.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO openings (id, instance, line) \
         SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)";
    sqlx::query(sql)
        .bind(json(&fresh)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets openings that were settled; fails if someone else did.
async fn remove_openings(
    connection: &mut SqliteConnection,
    ids: Vec<Box<str>>,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let sql = "DELETE FROM openings WHERE id IN (SELECT value FROM json_each(?))";
    let done = sqlx::query(sql)
        .bind(json(&ids)?)
        .execute(connection)
        .await?;
    if done.rows_affected() == ids.len() as u64 {
        Ok(())
    } else {
        Err(StoreError::Overtaken)
    }
}

fn json(value: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Drops the offset of a segment whose file is gone.
async fn forget(pool: &SqlitePool, name: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM segments WHERE name = ?")
        .bind(name)
        .execute(pool)
        .await?;
    Ok(())
}

fn segments(journal: &Journal) -> Result<Vec<SegmentName>, StoreError> {
    journal.segments().map_err(StoreError::file(journal.dir()))
}
