//! The body of an upstream's answer. Dropped before its end, it cancels the upstream's work; read
//! to its end, it gives the connection back.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use weir_model::{Kind, Rejection};

use super::inflate::Inflate;
use super::pool::Lease;
use super::{chain, late};

/// The body of an upstream's answer.
#[derive(Debug)]
pub(crate) struct Source {
    body: Incoming,
    /// `None` once the body was read to its end.
    lease: Option<Lease>,
    /// Boxed: rare, and large.
    inflate: Option<Box<Inflate>>,
}

impl Source {
    pub(super) fn new(body: Incoming, lease: Lease, headers: &HeaderMap) -> Source {
        Source {
            body,
            lease: Some(lease),
            inflate: Inflate::needed(headers).map(Box::new),
        }
    }

    /// The next piece, never empty; `None` at the end.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Rejection>>> {
        loop {
            if self.lease.is_none() {
                return Poll::Ready(None);
            }
            let piece = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => {
                    if let Some(lease) = self.lease.take() {
                        lease.give_back();
                    }
                    return Poll::Ready(None);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(cut(&error)))),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            };
            let piece = match &mut self.inflate {
                Some(inflate) => inflate.push(&piece)?,
                None => piece,
            };
            if !piece.is_empty() {
                return Poll::Ready(Some(Ok(piece)));
            }
        }
    }

    /// Reads the body whole.
    ///
    /// # Errors
    /// `Malformed` when it is cut or over `max_bytes`, `Timeout` after `deadline` or when no piece
    /// comes for as long as `idle`.
    pub(crate) async fn collect(
        &mut self,
        max_bytes: usize,
        idle: Duration,
        deadline: Instant,
    ) -> Result<Bytes, Rejection> {
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        loop {
            let next = std::future::poll_fn(|cx| self.poll_piece(cx));
            let next = timeout_at(deadline.min(Instant::now() + idle), next)
                .await
                .map_err(|_| late("body", "The provider did not finish its answer in time."))?;
            let Some(piece) = next.transpose()? else {
                return Ok(if rest.is_empty() {
                    first
                } else {
                    rest.freeze()
                });
            };
            if first.len() + rest.len() + piece.len() > max_bytes {
                let message = "The provider's answer is larger than this gateway accepts.";
                return Err(Rejection::upstream(Kind::Malformed, message));
            }
            if first.is_empty() {
                first = piece;
                continue;
            }
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&piece);
        }
    }
}

fn cut(error: &hyper::Error) -> Rejection {
    Rejection::upstream(Kind::Malformed, "The provider broke off its answer.")
        .with_private(chain(error))
}
