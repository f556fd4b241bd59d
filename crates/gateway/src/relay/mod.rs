//! The answer's way back to the client. Whole answers are read, settled and sent; streams are
//! relayed frame by frame, each seen by the upstream's decoder before it leaves.
//!
//! A stream's head leaves at its first content (or when a keep-alive is due), so that a failure
//! before that can still be answered by another target. After that, exactly one terminal event
//! ends it, whatever the upstream does; and it is settled before that event leaves.

mod alias;
mod counted;
mod list;
mod pipe;
mod stream;
mod summary;
mod vectors;
mod whole;

pub(crate) use alias::alias_json;
pub(crate) use counted::count;
pub(crate) use pipe::{NoTap, Pipe, Tap, pipe};
pub(crate) use stream::{Begun, Relay, Way, begin};
pub(crate) use summary::Summary;
pub(crate) use whole::{Attempt, Further, finish, read_failure, replay};

use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use weir_config::OnLoss;
use weir_model::{Losses, Priced};

use crate::body::Body;
use crate::call::{Call, RequestId};
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
const COST: HeaderName = HeaderName::from_static("x-weir-cost-usd");
const LOSSES: HeaderName = HeaderName::from_static("x-weir-losses");

/// Whether an answer's body is JSON.
pub(crate) fn is_json(answer: &Answer) -> bool {
    let kind = answer.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.and_then(|kind| kind.get(..16))
        .is_some_and(|start| start.eq_ignore_ascii_case(b"application/json"))
}

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
pub(crate) fn answer_headers(
    call: &Call,
    world: &World,
    deployment: &Deployment,
    upstream: &HeaderMap,
    sse: bool,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(14);
    set_own(
        &mut headers,
        &call.arrival.id,
        world,
        Some(&deployment.header),
    );
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
    headers.extend(passed(upstream));
    headers
}

/// What is passed on of an upstream's headers.
pub(crate) fn passed(upstream: &HeaderMap) -> HeaderMap {
    let found = PASSED.into_iter();
    found
        .filter_map(|name| {
            let value = upstream.get(&name)?.clone();
            Some((name, value))
        })
        .collect()
}

/// Tells the cost, where it is known.
pub(crate) fn set_cost(headers: &mut HeaderMap, cost: Priced) {
    if let Priced::Known(money) = cost
        && let Ok(value) = HeaderValue::from_str(&money.to_string())
    {
        headers.insert(COST, value);
    }
}

/// The headers that say what became of a call here.
pub(crate) fn set_own(
    headers: &mut HeaderMap,
    request_id: &RequestId,
    world: &World,
    target: Option<&HeaderValue>,
) {
    set_request_id(headers, request_id);
    headers.insert(CONFIG, world.digest.clone());
    if let Some(target) = target {
        headers.insert(TARGET, target.clone());
    }
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
