//! The bytes of a connection of HTTP/1.1, and whose they are. A head that it cannot read hyper
//! refuses by itself, with an empty body: such a refusal is kept back here, so that the client can
//! be told why in its own dialect. Never delays, changes or copies a byte of an answer of ours.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::body::Body;
use crate::session::Opening;

/// How much is remembered of a head: the request line, as far as it tells who asks.
const REMEMBERED: usize = 64;

/// Nothing is asked: whatever hyper writes is its own.
const IDLE: u8 = 0;
/// A request is being answered.
const ANSWERING: u8 = 1;
/// The answer is complete; its last bytes may not have been written yet.
const ANSWERED: u8 = 2;

/// How far the connection is with the request of the moment. Only the connection's own task uses
/// it, so its parts need no order among them.
#[derive(Debug, Default)]
pub(super) struct Turn {
    state: AtomicU8,
    /// What the connection becomes after this answer.
    session: Mutex<Option<Box<Opening>>>,
}

impl Turn {
    /// Marks that a head was read, and will be answered.
    pub(super) fn begin(&self) {
        self.state.store(ANSWERING, Ordering::Relaxed);
    }

    /// What the connection has become.
    pub(super) fn session(&self) -> Option<Box<Opening>> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.take()
    }

    fn is(&self, state: u8) -> bool {
        self.state.load(Ordering::Relaxed) == state
    }
}

/// A body that marks, when hyper lets go of it, that the answer is complete.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    turn: Arc<Turn>,
}

impl Answer {
    pub(super) fn new(mut body: Body, turn: Arc<Turn>) -> Answer {
        if let Body::Session(opening) = &mut body {
            let mut session = turn.session.lock().unwrap_or_else(PoisonError::into_inner);
            *session = opening.take();
        }
        Answer { body, turn }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.turn.state.store(ANSWERED, Ordering::Relaxed);
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection whose server's own refusals do not reach the client.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) stream: TcpStream,
    turn: Arc<Turn>,
    /// Whether the next bytes to come begin a head.
    fresh: bool,
    /// The beginning of the last head that did not come together with an earlier request.
    pub(super) head: Vec<u8>,
    /// The refusal that was kept back.
    pub(super) refusal: Vec<u8>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, turn: Arc<Turn>) -> Wire {
        Wire {
            stream,
            turn,
            fresh: true,
            head: Vec::new(),
            refusal: Vec::new(),
        }
    }

    fn remember(&mut self, came: &[u8]) {
        if std::mem::take(&mut self.fresh) {
            self.head.clear();
        }
        let room = REMEMBERED - self.head.len();
        self.head.extend_from_slice(&came[..room.min(came.len())]);
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if self.turn.is(IDLE) {
            self.remember(&buf.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.turn.is(IDLE) {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        }
        let before = self.refusal.len();
        for slice in slices {
            self.refusal.extend_from_slice(slice);
        }
        Poll::Ready(Ok(self.refusal.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes once it has written all that it holds.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.turn.is(ANSWERED) {
            self.turn.state.store(IDLE, Ordering::Relaxed);
            self.fresh = true;
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refusal.is_empty() {
            Pin::new(&mut self.stream).poll_shutdown(cx)
        } else {
            Poll::Ready(Ok(()))
        }
    }
}
