//! Answers whose bytes go through untouched: sound, files, and whatever nobody here reads. Somebody may
//! look on. The call is settled before its last bytes leave; an answer that breaks off breaks off.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HeaderName, SET_COOKIE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{Response, StatusCode};
use tokio::time::{Instant, Sleep, sleep_until};
use weir_model::{Kind, Rejection};

use crate::admit::{Outcome, Permit};
use crate::body::Body;
use crate::send::{Answer, Source};

/// Looks on while an answer goes through.
pub(crate) trait Tap: Send {
    /// Sees the next bytes.
    fn see(&mut self, bytes: &Bytes);

    /// Tells the call's meter what was seen, right before it is settled. `whole` is whether the answer
    /// came to its end.
    fn tell(&mut self, permit: &mut Permit, whole: bool);
}

/// Sees nothing.
#[derive(Debug)]
pub(crate) struct NoTap;

impl Tap for NoTap {
    fn see(&mut self, _: &Bytes) {}

    fn tell(&mut self, _: &mut Permit, _: bool) {}
}

/// An answer on its way through.
pub struct Pipe {
    source: Option<Source>,
    permit: Box<Permit>,
    tap: Box<dyn Tap>,
    status: u16,
    /// What is still to come, where that is known.
    left: Option<u64>,
    clock: Pin<Box<Sleep>>,
    idle: Duration,
    deadline: Instant,
}

/// Headers that concern one connection, or our own reading of the body.
const OURS: [HeaderName; 8] = [
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    // It would be the account's, and so everybody's.
    SET_COOKIE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// The client's answer to an upstream's, with the status and the headers of that.
pub(crate) fn pipe(
    answer: Answer,
    permit: Box<Permit>,
    tap: Box<dyn Tap>,
    idle: Duration,
    deadline: Instant,
) -> Response<Body> {
    let encoded = answer.headers.contains_key(CONTENT_ENCODING);
    let length = answer.headers.get(CONTENT_LENGTH).filter(|_| !encoded);
    let left = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let mut headers = answer.headers;
    for name in OURS {
        headers.remove(name);
    }
    let pipe = Pipe {
        source: Some(answer.source),
        permit,
        tap,
        status: answer.status,
        left,
        clock: Box::pin(sleep_until(deadline.min(Instant::now() + idle))),
        idle,
        deadline,
    };
    let mut response = Response::new(Body::Pipe(Box::new(pipe)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = headers;
    response
}

impl Pipe {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When the upstream breaks off, or says nothing for too long.
    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let Some(source) = &mut self.source else {
            return Poll::Ready(None);
        };
        let piece = match source.poll_piece(cx) {
            Poll::Ready(piece) => piece.transpose(),
            Poll::Pending if self.clock.as_mut().poll(cx).is_ready() => {
                let message = "The provider stopped sending.";
                Err(Rejection::upstream(Kind::Timeout, message))
            }
            Poll::Pending => return Poll::Pending,
        };
        match piece {
            Ok(Some(piece)) => {
                let by = self.deadline.min(Instant::now() + self.idle);
                self.clock.as_mut().reset(by);
                self.tap.see(&piece);
                self.left = self
                    .left
                    .map(|left| left.saturating_sub(piece.len() as u64));
                if self.left == Some(0) {
                    // Read to its end, the connection can be used again.
                    let _ = source.poll_piece(cx);
                    self.settle(Ok(()));
                }
                Poll::Ready(Some(Ok(piece)))
            }
            Ok(None) => {
                self.source = None;
                self.settle(Ok(()));
                Poll::Ready(None)
            }
            Err(rejection) => {
                tracing::warn!(%rejection, "an answer was cut");
                self.source = None;
                self.settle(Err(rejection.kind));
                Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
            }
        }
    }

    /// How much is still to come.
    pub(crate) fn left(&self) -> Option<u64> {
        self.left
    }

    fn settle(&mut self, ended: Result<(), Kind>) {
        if self.permit.is_settled() {
            return;
        }
        self.tap.tell(&mut self.permit, ended.is_ok());
        let outcome = match ended {
            _ if self.status >= 400 => Outcome::Failed,
            Ok(()) => Outcome::Ok,
            Err(_) => Outcome::Cut,
        };
        self.permit.settle(self.status, outcome, ended.err());
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if !self.permit.is_settled() {
            self.tap.tell(&mut self.permit, false);
        }
    }
}

impl std::fmt::Debug for Pipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipe").finish_non_exhaustive()
    }
}
