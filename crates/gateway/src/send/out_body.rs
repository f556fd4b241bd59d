//! The body of an upstream request: known whole before its first byte leaves, sent in pieces so
//! that an edit of a large prompt does not copy it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body of pieces, none of them empty. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutBody {
    pieces: VecDeque<Bytes>,
    /// In bytes.
    left: u64,
}

impl FromIterator<Bytes> for OutBody {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> OutBody {
        let pieces: VecDeque<Bytes> = pieces.into_iter().collect();
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        OutBody { pieces, left }
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.pop_front();
        self.left -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
