//! The body of an upstream request: mostly known whole before its first byte leaves, sent in pieces so
//! that an edit of a large prompt does not copy it. Uploads may lie in a file, or be still coming.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::listen::{Live, Spool};

/// A body of pieces. Cheap to clone; what is still coming can be sent by one of the clones only.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutBody {
    pieces: VecDeque<Piece>,
    /// In bytes; more than this where `open`.
    left: u64,
    /// Whether its length is not known.
    open: bool,
}

/// A piece of a body.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// Held.
    Bytes(Bytes),
    /// In a file, at this place.
    File(Spool, Range<u64>),
    /// Still coming from the client.
    Live(Live),
}

impl OutBody {
    /// Adds a piece; empty ones are passed over.
    pub(crate) fn push(&mut self, piece: Piece) {
        let len = match &piece {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::File(_, range) => range.end - range.start,
            Piece::Live(_) => {
                self.open = true;
                return self.pieces.push_back(piece);
            }
        };
        if len > 0 {
            self.left += len;
            self.pieces.push_back(piece);
        }
    }

    /// Tells the whole length, if it is known, of a body that is still coming.
    pub(crate) fn set_length(&mut self, length: Option<u64>) {
        self.open = length.is_none();
        self.left = length.unwrap_or(self.left);
    }

    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

impl FromIterator<Bytes> for OutBody {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> OutBody {
        let mut body = OutBody::default();
        for piece in pieces {
            body.push(Piece::Bytes(piece));
        }
        body
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(piece) = self.pieces.front_mut() else {
            return Poll::Ready(None);
        };
        let (bytes, over) = match piece {
            Piece::Bytes(bytes) => (std::mem::take(bytes), true),
            Piece::File(file, range) => match file.next(range) {
                Ok(bytes) => (bytes, range.is_empty()),
                Err(error) => return Poll::Ready(Some(Err(error))),
            },
            Piece::Live(live) => match ready!(live.poll(cx)).transpose() {
                Ok(Some(bytes)) => (bytes, false),
                // It is the last.
                Ok(None) => {
                    self.pieces.clear();
                    return Poll::Ready(None);
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            },
        };
        if over {
            self.pieces.pop_front();
        }
        self.left = self.left.saturating_sub(bytes.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.open {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.left)
    }
}
