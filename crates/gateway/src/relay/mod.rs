//! The answer's way back to the client. Whole answers are read, settled and sent; streams are
//! relayed frame by frame, each seen by the upstream's decoder before it leaves.
//!
//! A stream's head leaves at its first content (or when a keep-alive is due), so that a failure
//! before that can still be answered by another target. After that, exactly one terminal event
//! ends it, whatever the upstream does; and it is settled before that event leaves.

mod list;
mod stream;
mod summary;
mod whole;

pub(crate) use stream::{Begun, Relay, Way, alias_json, begin};
pub(crate) use summary::Summary;
pub(crate) use whole::{Attempt, finish, read_failure, replay};

use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use weir_config::OnLoss;
use weir_model::Losses;

use crate::body::Body;
use crate::call::Call;
use crate::rejection::{set_attempts, set_request_id};
use crate::send::Answer;
use crate::world::{Deployment, World};

/// Largest answer read whole, in bytes.
pub(crate) const MAX_ANSWER: usize = 64 << 20;

/// Longest `x-weir-losses` header, in bytes.
const MAX_LOSSES: usize = 2048;

/// Headers of the vendor's that are the client's business: what its SDK reads.
const PASSED: [HeaderName; 4] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-version"),
];
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const TARGET: HeaderName = HeaderName::from_static("x-weir-target");
const CONFIG: HeaderName = HeaderName::from_static("x-weir-config");
const LOSSES: HeaderName = HeaderName::from_static("x-weir-losses");

/// Whether an answer's body is server-sent events.
pub(crate) fn is_event_stream(answer: &Answer) -> bool {
    let kind = answer
        .headers
        .get(CONTENT_TYPE)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    kind.get(..17)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"))
}

/// The answer that a stream travels in.
pub(crate) fn streamed(
    call: &Call,
    world: &World,
    upstream: &HeaderMap,
    (losses, on_loss): (&Losses, OnLoss),
    relay: Box<Relay>,
) -> Response<Body> {
    let mut headers = answer_headers(call, world, relay.deployment(), upstream, !call.listed);
    set_attempts(&mut headers, relay.attempts());
    set_losses(&mut headers, losses, on_loss);
    let mut response = Response::new(Body::Relay(relay));
    *response.headers_mut() = headers;
    response
}

/// The headers of an answer.
fn answer_headers(
    call: &Call,
    world: &World,
    deployment: &Deployment,
    upstream: &HeaderMap,
    sse: bool,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(14);
    let content_type = if sse {
        "text/event-stream; charset=utf-8"
    } else {
        "application/json"
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if sse {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        // nginx and its kin buffer what they proxy unless told not to.
        headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    }
    set_request_id(&mut headers, &call.arrival.id);
    headers.insert(TARGET, deployment.header.clone());
    headers.insert(CONFIG, world.digest.clone());
    for name in PASSED {
        if let Some(value) = upstream.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers
}

fn set_losses(headers: &mut HeaderMap, losses: &Losses, on_loss: OnLoss) {
    let text = losses_text(losses, on_loss);
    if !text.is_empty()
        && let Ok(value) = HeaderValue::from_str(&text)
    {
        headers.insert(LOSSES, value);
    }
}

/// The losses in words, of which a client is told; mostly none.
fn losses_text(losses: &Losses, on_loss: OnLoss) -> String {
    let mut text = String::new();
    if on_loss == OnLoss::Allow {
        return text;
    }
    for loss in losses.iter() {
        let piece = format!("{}{loss}", if text.is_empty() { "" } else { "; " });
        if text.len() + piece.len() > MAX_LOSSES {
            text.push_str("; ...");
            break;
        }
        text.push_str(&piece);
    }
    text.retain(|c| c.is_ascii() && !c.is_ascii_control());
    text
}
