//! Answers what is asked of stored things: here, or by asking the provider that has them.

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use hyper::body::Incoming;
use weir_dialect::openai_responses::stored::{Page, Stored, Turn, deleted, page};
use weir_model::{Json, Rejection};

use super::asked::{Asked, OfResponse};
use super::{RESPONSE, Shelf, conversations, home};
use crate::body::Body;
use crate::call::{Arrival, RequestId};
use crate::listen::{self, Forms};
use crate::pipeline::caller;
use crate::rejection::{Failure, set_request_id};
use crate::worker::Worker;

/// Answers.
///
/// # Errors
/// `Unauthenticated`, `NotFound` for what is not there or another key's, or what the provider says.
pub(crate) async fn answer(
    worker: &std::sync::Arc<Worker>,
    arrival: Arrival,
    parts: &Parts,
    incoming: &mut Option<Incoming>,
    asked: Asked,
) -> Result<Response<Body>, Failure> {
    let world = worker.shared.world();
    let caller = caller(worker, &world, parts)?;
    let shelf = Shelf::of(worker, &world, &caller);
    let query = parts.uri.query();
    let request_id = arrival.id.clone();
    let body = match asked {
        Asked::Conversation(of) => {
            let (bounds, budget) = (world.bounds(), &worker.shared.budget);
            let read = listen::receive(&parts.headers, incoming, Forms::Never, bounds, budget);
            let (body, _, _held) = read.await?;
            let asking = conversations::Asking {
                body: &body,
                query,
                arrival: &arrival,
            };
            conversations::answer(&shelf, of, asking).await?
        }
        Asked::Response(id, of) => match shelf.response(&id).await? {
            Stored::Here(turn) => here(&shelf, &id, of, &turn, query)?,
            Stored::There(home) => {
                let visit = home::Visit {
                    worker,
                    world: &world,
                    arrival,
                    caller,
                    shelf: &shelf,
                    id: &id,
                    home,
                };
                return Box::pin(visit.answer(of, parts)).await;
            }
        },
    };
    Ok(json(body, &request_id))
}

fn here(
    shelf: &Shelf,
    id: &str,
    of: OfResponse,
    turn: &Turn,
    query: Option<&str>,
) -> Result<Bytes, Rejection> {
    Ok(match of {
        OfResponse::Get if asks(query, "stream").is_some_and(|stream| stream == "true") => {
            let message = "Only a response that was made with `background` and `stream` can be \
                           streamed again.";
            return Err(Rejection::invalid(message).with_param("stream"));
        }
        OfResponse::Get => turn.response.get().to_owned().into(),
        OfResponse::Delete => {
            shelf.forget(RESPONSE, id);
            deleted(id, "response").into()
        }
        OfResponse::Cancel => {
            let message = "Only a response that is made with `background` can be cancelled.";
            return Err(Rejection::invalid(message));
        }
        OfResponse::InputItems => listed(&turn.input, query)?,
    })
}

/// The page of a list that a query asks for.
pub(super) fn listed(items: &[Json], query: Option<&str>) -> Result<Bytes, Rejection> {
    let limit = match asks(query, "limit").map(|limit| limit.parse::<usize>()) {
        None => 20,
        Some(Ok(limit @ 1..=100)) => limit,
        Some(_) => {
            let message = "`limit` must be between 1 and 100.";
            return Err(Rejection::invalid(message).with_param("limit"));
        }
    };
    let ascending = match asks(query, "order") {
        None | Some("desc") => false,
        Some("asc") => true,
        Some(_) => {
            let message = "`order` must be `asc` or `desc`.";
            return Err(Rejection::invalid(message).with_param("order"));
        }
    };
    let after = asks(query, "after");
    let asked = Page {
        after,
        limit,
        ascending,
    };
    Ok(page(items, asked)?.into())
}

/// The value of a parameter. Ids and words need no decoding.
pub(crate) fn asks<'a>(query: Option<&'a str>, name: &str) -> Option<&'a str> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    values.next_back().filter(|value| !value.is_empty())
}

/// An answer of JSON.
pub(super) fn json(body: impl Into<Bytes>, request_id: &RequestId) -> Response<Body> {
    let mut response = Response::new(Body::full(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    set_request_id(headers, request_id);
    response
}
