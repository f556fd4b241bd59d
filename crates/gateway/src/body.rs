//! The body of an answer to a client: held whole, or relayed as it comes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::io;

use crate::relay::{Pipe, Relay};
use crate::session::Opening;

/// An answer's body. A stream that breaks ends in an error event of its dialect; only what goes through
/// untouched can break off.
#[derive(Debug)]
pub enum Body {
    /// Held whole; `None` once sent.
    Full(Option<Bytes>),
    /// Relayed from the upstream.
    Relay(Box<Relay>),
    /// Passed through from the upstream.
    Pipe(Box<Pipe>),
    /// None: the connection becomes a WebSocket. `None` once that was taken.
    Session(Option<Box<Opening>>),
}

impl Body {
    /// A body held whole.
    pub fn full(bytes: impl Into<Bytes>) -> Body {
        Body::Full(Some(bytes.into()).filter(|b: &Bytes| !b.is_empty()))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Body::Full(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Body::Session(_) => Poll::Ready(None),
            Body::Relay(relay) => relay
                .poll_bytes(cx)
                .map(|next| next.map(|b| Ok(Frame::data(b)))),
            Body::Pipe(pipe) => pipe
                .poll_bytes(cx)
                .map(|next| next.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Full(bytes) => bytes.is_none(),
            Body::Session(_) => true,
            Body::Relay(relay) => relay.is_done(),
            Body::Pipe(pipe) => pipe.left() == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Body::Session(_) => SizeHint::with_exact(0),
            Body::Relay(_) => SizeHint::default(),
            Body::Pipe(pipe) => pipe
                .left()
                .map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
