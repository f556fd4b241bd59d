//! Checks a stream against the laws of the event grammar. Used in debug builds, tests and fuzzing.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Event, Opened};

/// Watches a stream, event by event.
#[derive(Debug, Default)]
pub struct Laws {
    started: bool,
    ended: bool,
    open: BTreeMap<(u32, u32), Opened>,
    /// Next block index and whether the choice has finished.
    choices: BTreeMap<u32, (u32, bool)>,
}

/// A broken law, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation(pub &'static str);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Violation {}

impl Laws {
    /// Checks the next event.
    ///
    /// # Errors
    /// The law that it breaks.
    pub fn observe(&mut self, event: &Event) -> Result<(), Violation> {
        ensure(!self.ended, "nothing follows End or Failed")?;
        if let Event::Start { .. } = event {
            ensure(!self.started, "Start comes once")?;
            self.started = true;
            return Ok(());
        }
        if !matches!(event, Event::Failed(_) | Event::Ping) {
            ensure(self.started, "Start comes first")?;
        }
        match event {
            Event::Open {
                choice,
                block,
                kind,
            } => self.open(*choice, *block, kind),
            Event::Delta {
                choice,
                block,
                delta,
                ..
            } => match self.open.get(&(*choice, *block)) {
                Some(kind) => ensure(delta.fits(kind), "a delta fits the kind of its block"),
                None => Err(Violation("a delta stands in an open block")),
            },
            Event::Close { choice, block } => {
                let was_open = self.open.remove(&(*choice, *block)).is_some();
                ensure(was_open, "only an open block is closed")
            }
            Event::Finish { choice, .. } => self.finish(*choice),
            Event::End => {
                self.ended = true;
                ensure(
                    self.choices.values().all(|(_, done)| *done),
                    "each choice finishes",
                )
            }
            Event::Failed(_) => {
                self.ended = true;
                Ok(())
            }
            Event::Start { .. } | Event::Usage(_) | Event::Ping | Event::Opaque { .. } => Ok(()),
        }
    }

    fn open(&mut self, choice: u32, block: u32, kind: &Opened) -> Result<(), Violation> {
        let (next, finished) = self.choices.entry(choice).or_default();
        ensure(!*finished, "no block opens after its choice finished")?;
        ensure(block == *next, "blocks are numbered in order of opening")?;
        *next += 1;
        self.open.insert((choice, block), kind.clone());
        Ok(())
    }

    fn finish(&mut self, choice: u32) -> Result<(), Violation> {
        let any_open = self
            .open
            .range((choice, 0)..=(choice, u32::MAX))
            .next()
            .is_some();
        ensure(!any_open, "blocks close before their choice finishes")?;
        let (_, finished) = self.choices.entry(choice).or_default();
        ensure(!*finished, "a choice finishes once")?;
        *finished = true;
        Ok(())
    }
}

fn ensure(holds: bool, law: &'static str) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation(law)) }
}
