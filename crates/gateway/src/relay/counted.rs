//! A token count for a model whose vendor offers none: an estimate, marked as such.

use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use weir_model::Rejection;

use crate::body::Body;
use crate::call::Call;
use crate::rejection::set_request_id;
use crate::route::Route;
use crate::worker::Worker;

/// Counts.
///
/// # Errors
/// An invalid-request rejection when the body cannot be decoded, `Timeout` when it takes too long.
pub(crate) async fn count(
    worker: &Worker,
    call: &Call,
    route: &Route,
) -> Result<Response<Body>, Rejection> {
    let shared = &worker.shared;
    let deadline = call.arrival.at + route.timeouts.total;
    let (client, body) = (call.client(), call.body.clone());
    let counting = shared.counter.count(client, body, &shared.tasks, deadline);
    let counted = counting.await?;
    let mut response = Response::new(Body::full(client.encode_token_count(counted)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-weir-estimated", HeaderValue::from_static("true"));
    set_request_id(headers, &call.arrival.id);
    Ok(response)
}
