//! A temporary file that nobody else can open, gone with the last handle to it, even when the process
//! is killed.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use weir_model::{Kind, Rejection, Source};

/// Read at once, in bytes.
const CHUNK: u64 = 64 << 10;

/// Bytes in a temporary file. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    file: Arc<File>,
    len: u64,
}

impl Spool {
    pub(super) fn new() -> Result<Spool, Rejection> {
        Ok(Spool {
            file: Arc::new(tempfile::tempfile().map_err(|error| unusable(&error))?),
            len: 0,
        })
    }

    /// Adds bytes. They go to the system's page cache, which takes no longer than copying them.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Rejection> {
        let mut file = &*self.file;
        file.write_all(bytes).map_err(|error| unusable(&error))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The next bytes of a range, some at once; none at its end.
    pub(crate) fn next(&self, range: &mut Range<u64>) -> io::Result<Bytes> {
        let count = (range.end - range.start).min(CHUNK);
        let mut bytes = BytesMut::zeroed(usize::try_from(count).unwrap_or_default());
        self.file.read_exact_at(&mut bytes, range.start)?;
        range.start += count;
        Ok(bytes.freeze())
    }

    /// All bytes of a range.
    pub(super) fn read(&self, mut range: Range<u64>) -> Result<Bytes, Rejection> {
        let mut all = BytesMut::new();
        while !range.is_empty() {
            let bytes = self.next(&mut range).map_err(|error| unusable(&error))?;
            all.extend_from_slice(&bytes);
        }
        Ok(all.freeze())
    }
}

fn unusable(error: &io::Error) -> Rejection {
    let message = "The gateway cannot keep an upload of this size right now.";
    Rejection::new(Kind::Overloaded, Source::Gateway, message)
        .with_private(format!("temporary file: {error}"))
}
