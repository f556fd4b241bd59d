//! The names of segments.

use std::fmt;
use std::sync::Arc;

/// `INSTANCE-WRITER-SEQ.ndjson`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SegmentName {
    /// Which run of the process wrote it: 16 hex digits.
    pub(crate) instance: Arc<str>,
    /// Which writer of that run.
    pub(crate) writer: u32,
    /// Which segment of that writer.
    pub(crate) seq: u32,
}

impl SegmentName {
    /// Reads a file name; `None` when it is not a segment's.
    pub(crate) fn parse(file_name: &str) -> Option<SegmentName> {
        let mut parts = file_name.strip_suffix(".ndjson")?.split('-');
        let name = SegmentName {
            instance: parts.next()?.into(),
            writer: parts.next()?.parse().ok()?,
            seq: parts.next()?.parse().ok()?,
        };
        (name.to_string() == file_name).then_some(name)
    }

    /// Whether `self` was followed by `next`, so that nothing more is written to it.
    pub(crate) fn precedes(&self, next: &SegmentName) -> bool {
        self.instance == next.instance && self.writer == next.writer && self.seq < next.seq
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{:04}-{:06}.ndjson",
            self.instance, self.writer, self.seq
        )
    }
}
