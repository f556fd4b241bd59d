//! One attempt at one deployment: connection, deadlines, and the upstream's verdict on the request.
//! Whether to try again elsewhere is told by the failure's retry verdict; nothing is retried here,
//! but for a request that a stale connection never carried.

mod connect;
mod headers;
mod inflate;
mod network;
mod origin;
mod out_body;
mod pool;
mod source;

pub(crate) use connect::Io;
pub(crate) use headers::{forwardable, outgoing_headers};
pub use network::InProcess;
pub(crate) use network::Network;
pub(crate) use origin::Origin;
pub(crate) use out_body::{OutBody, Piece};
pub(crate) use pool::Pool;
pub(crate) use source::Source;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, Response, Uri};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use weir_model::{Kind, Rejection};

use crate::route::Timeouts;
use pool::Lease;

/// Stale connections tried before a fresh one must be opened.
const MAX_STALE: usize = 3;

/// A request ready to leave.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub origin: Arc<Origin>,
    /// Origin form for HTTP/1.1, absolute for HTTP/2 and plain proxies.
    pub path: Uri,
    pub absolute: Uri,
    /// Gets one of these when it is known how it leaves.
    pub request: Request<OutBody>,
}

/// The head of an upstream's answer, and where its body comes from.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub source: Source,
}

/// Sends a request and waits for the head of its answer.
///
/// # Errors
/// `Unreachable` or `Timeout`; private parts say where and why.
pub(crate) async fn send(
    pool: &Arc<Pool>,
    network: &Network,
    mut outgoing: Box<Outgoing>,
    timeouts: &Timeouts,
    deadline: Instant,
) -> Result<Answer, Rejection> {
    let mut stale = 0;
    loop {
        let acquired = pool.acquire(&outgoing.origin, network, stale >= MAX_STALE);
        let lease = timeout_at(deadline.min(Instant::now() + timeouts.connect), acquired)
            .await
            .map_err(|_| late("connect", "The provider could not be reached in time."))??;
        let headers_by = deadline.min(Instant::now() + timeouts.headers);
        let sent = timeout_at(headers_by, exchange(lease, outgoing)).await;
        match sent.map_err(|_| late("headers", "The provider did not answer in time."))? {
            Ok((lease, response)) => return Ok(answer(lease, response)),
            Err(Refused::NotSent(unsent)) if stale < MAX_STALE => {
                stale += 1;
                outgoing = unsent;
            }
            Err(Refused::NotSent(_)) => return Err(unreachable("the connection closed at once")),
            Err(Refused::Failed(error)) => return Err(unreachable(&chain(&error))),
        }
    }
}

/// A connection of its own to an origin, for whoever speaks something else than requests on it.
///
/// # Errors
/// `Unreachable`; the private part says why.
pub(crate) async fn dial(origin: &Origin, network: &Network) -> Result<Box<dyn Io>, Rejection> {
    let dialled = Box::pin(connect::dial(origin, network)).await;
    dialled.map_err(|why| unreachable(&why))
}

enum Refused {
    /// Not a byte of the request was processed.
    NotSent(Box<Outgoing>),
    Failed(hyper::Error),
}

async fn exchange(
    mut lease: Lease,
    mut outgoing: Box<Outgoing>,
) -> Result<(Lease, Response<Incoming>), Refused> {
    let uri = if lease.wants_absolute(&outgoing.origin) {
        &outgoing.absolute
    } else {
        &outgoing.path
    };
    *outgoing.request.uri_mut() = uri.clone();
    let copy = lease.is_h2().then(|| Box::new(outgoing.request.clone()));
    let request = std::mem::take(&mut outgoing.request);
    let mut error = match lease.send(request).await {
        Ok(response) => return Ok((lease, response)),
        Err(error) => error,
    };
    outgoing.request = match (error.take_message(), copy) {
        (Some(unsent), _) if lease.reused => unsent,
        (None, Some(copy)) if is_refused_stream(error.error()) => *copy,
        _ => return Err(Refused::Failed(error.into_error())),
    };
    Err(Refused::NotSent(outgoing))
}

/// Whether an HTTP/2 server had no room for a stream, as happens to the first ones on a connection,
/// before its limit is known. It processed nothing of it (RFC 9113, section 8.7).
fn is_refused_stream(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error);
    let cause = cause.and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.and_then(h2::Error::reason) == Some(h2::Reason::REFUSED_STREAM)
}

fn answer(lease: Lease, response: Response<Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let source = Source::new(body, lease, &parts.headers);
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        source,
    }
}

fn late(phase: &'static str, message: &'static str) -> Rejection {
    Rejection::upstream(Kind::Timeout, message).with_private(format!("deadline: {phase}"))
}

fn unreachable(why: &str) -> Rejection {
    Rejection::upstream(Kind::Unreachable, "The provider could not be reached.").with_private(why)
}

/// An error and what caused it, for the operator.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// How long idle connections are kept.
pub(crate) const IDLE_CONNECTION: Duration = Duration::from_secs(90);
