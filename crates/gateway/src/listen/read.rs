//! Reads a request body whole, within the cap of a body, the cap of all bodies, and a deadline
//! between its pieces.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio_util::task::TaskTracker;
use weir_model::{Kind, Rejection, Source};

/// Most bytes held by all bodies together.
const MAX_HELD: usize = 1 << 30;

/// A body that came in one piece is copied up to this size.
const MAX_COPIED: usize = 16 << 10;

/// Longest wait for the next piece of a body.
pub(super) const BODY_IDLE: Duration = Duration::from_secs(60);

/// How much of a refused body is still taken, in bytes, and for how long.
pub(super) const MAX_DISCARDED: usize = 256 << 20;
pub(super) const DISCARD: Duration = Duration::from_secs(10);

/// Counts the bytes that bodies hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyBudget(Arc<AtomicUsize>);

/// Bytes counted against the budget until dropped.
#[derive(Debug)]
pub(crate) struct HeldBytes {
    budget: BodyBudget,
    bytes: usize,
}

impl BodyBudget {
    /// Nothing held yet.
    pub(crate) fn hold(&self) -> HeldBytes {
        HeldBytes {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

impl HeldBytes {
    /// Counts more.
    ///
    /// # Errors
    /// `Overloaded` when all bodies together hold too much.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Rejection> {
        self.bytes += bytes;
        let held = self.budget.0.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if held > MAX_HELD {
            let message = "The gateway holds too many request bodies right now. Try again shortly.";
            return Err(Rejection::new(Kind::Overloaded, Source::Gateway, message));
        }
        Ok(())
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Reads a JSON body.
///
/// # Errors
/// 415 for another content type or a compressed body, 413 over `max_body` bytes, 408 when the
/// client stops sending, 400 when it goes away, `Overloaded` when all bodies together hold too much.
pub(super) async fn read(
    headers: &HeaderMap,
    incoming: &mut Option<Incoming>,
    max_body: usize,
    budget: &BodyBudget,
) -> Result<(Bytes, HeldBytes), Rejection> {
    check_type(headers)?;
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > max_body as u64) {
        return Err(too_large(max_body as u64, "max_body"));
    }
    let mut held = budget.hold();
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(body) = incoming.as_mut()
        && let Some(piece) = next_piece(body).await?
    {
        held.grow(piece.len())?;
        if held.bytes > max_body {
            return Err(too_large(max_body as u64, "max_body"));
        }
        if first.is_empty() {
            // Most bodies come in one piece, which then is the body without a copy.
            first = piece;
            continue;
        }
        if rest.is_empty() {
            let expected = declared.map_or(0, |n| usize::try_from(n).unwrap_or(0));
            rest.reserve(expected.min(max_body));
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&piece);
    }
    let whole = match rest.is_empty() {
        // Copied out of the connection's read buffer, which would otherwise be held as long.
        true if first.len() <= MAX_COPIED => Bytes::copy_from_slice(&first),
        true => first,
        false => rest.freeze(),
    };
    Ok((whole, held))
}

/// Sees to what is left of the body of a refused request: closing the connection under a client
/// that is still sending would destroy the answer that says why. What has not come yet is taken by
/// a task, for a bounded time, while the answer is on its way. Returns whether all had come; if
/// not, the connection must end with the answer, since the rest may never come.
pub(crate) fn discard(mut incoming: Incoming, tasks: &TaskTracker) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match Pin::new(&mut incoming).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(_))) => return false,
            Poll::Ready(None) => return true,
            Poll::Pending => break,
        }
    }
    let mut left = MAX_DISCARDED;
    let rest = async move {
        while let Some(Ok(frame)) = incoming.frame().await {
            let taken = frame.data_ref().map_or(0, Bytes::len);
            let Some(less) = left.checked_sub(taken) else {
                return;
            };
            left = less;
        }
    };
    tasks.spawn(tokio::time::timeout(DISCARD, rest));
    false
}

pub(super) async fn next_piece(incoming: &mut Incoming) -> Result<Option<Bytes>, Rejection> {
    loop {
        let frame = match tokio::time::timeout(BODY_IDLE, incoming.frame()).await {
            Err(_) => return Err(stopped()),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => return Err(unreadable(&error)),
            Ok(Some(Ok(frame))) => frame,
        };
        if let Ok(piece) = frame.into_data()
            && !piece.is_empty()
        {
            return Ok(Some(piece));
        }
    }
}

/// The refusal of a body that should be a form.
pub(super) fn no_form() -> Rejection {
    let message = "Send a form with the file in it, as `Content-Type: multipart/form-data`.";
    Rejection::invalid(message)
        .with_status(415)
        .with_code("unsupported_media_type")
}

/// The refusal of a client that stopped sending.
pub(super) fn stopped() -> Rejection {
    let message = "The request body stopped arriving. Send it without long pauses.";
    Rejection::new(Kind::Timeout, Source::Client, message).with_status(408)
}

/// The refusal of a body that broke off.
pub(super) fn unreadable(error: &hyper::Error) -> Rejection {
    let message = "The request body could not be read to its end.";
    Rejection::invalid(message).with_private(error.to_string())
}

fn check_type(headers: &HeaderMap) -> Result<(), Rejection> {
    let given = headers
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("application/json");
    let essence = given.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let message =
            format!("Send the body as `Content-Type: application/json`, not `{essence}`.");
        return Err(Rejection::invalid(message)
            .with_status(415)
            .with_code("unsupported_media_type"));
    }
    check_encoding(headers)
}

/// Refuses a compressed body.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), Rejection> {
    let encoding = headers
        .get(CONTENT_ENCODING)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("identity");
    if !encoding.eq_ignore_ascii_case("identity") {
        let message =
            format!("Send the body uncompressed, without `Content-Encoding: {encoding}`.");
        return Err(Rejection::invalid(message)
            .with_status(415)
            .with_code("unsupported_encoding"));
    }
    Ok(())
}

/// The refusal of a body over the limit that a key of `server` sets.
pub(crate) fn too_large(most: u64, key: &str) -> Rejection {
    let message = format!(
        "The request body is over the limit of {most} bytes. Send less, or raise `server.{key}`."
    );
    Rejection::new(Kind::TooLarge, Source::Client, message)
}

#[cfg(test)]
mod tests;
