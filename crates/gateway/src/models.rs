//! The models that a key may use, in the shape of the client's dialect.

use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use weir_dialect::ModelCard;
use weir_model::{Dialect, Rejection};

use crate::body::Body;
use crate::pipeline::caller;
use crate::route::resolve;
use crate::worker::Worker;
use crate::world::World;

/// Every model that the caller may use.
///
/// # Errors
/// `Unauthenticated`.
pub(crate) fn list(
    worker: &Worker,
    parts: &Parts,
    dialect: Dialect,
) -> Result<Response<Body>, Rejection> {
    let world = worker.shared.world();
    let caller = caller(worker, &world, parts)?;
    let cards: Vec<_> = names(&world)
        .into_iter()
        .filter(|(name, _)| caller.may_use(name))
        .map(card)
        .collect();
    Ok(json(weir_dialect::client(dialect).encode_models(&cards)))
}

/// One model, by any name that resolves.
///
/// # Errors
/// `Unauthenticated`, `NotFound` or `PermissionDenied`.
pub(crate) fn one(
    worker: &Worker,
    parts: &Parts,
    dialect: Dialect,
    name: &str,
) -> Result<Response<Body>, Rejection> {
    let world = worker.shared.world();
    let caller = caller(worker, &world, parts)?;
    let name = String::from_utf8_lossy(&percent_decoded(name)).into_owned();
    let route = resolve(&world, &caller, &name)?;
    let card = card((name, route.first().upstream.name.clone()));
    Ok(json(weir_dialect::client(dialect).encode_model(&card)))
}

/// Public names and their owners: declared ones first, then `provider/model`.
fn names(world: &World) -> Vec<(String, String)> {
    let declared = world.directory.declared();
    let mut names: Vec<_> = declared
        .map(|name| (name.to_owned(), "weir".to_owned()))
        .collect();
    for upstream in world.directory.upstreams() {
        let models = upstream.models();
        names.extend(models.map(|m| (format!("{}/{m}", upstream.name), upstream.name.clone())));
    }
    names
}

fn card((id, owned_by): (String, String)) -> ModelCard {
    ModelCard { id, owned_by }
}

fn json(body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::full(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Text without its percent escapes (RFC 3986, section 2.1): SDKs escape the slash of
/// `provider/model` in a path.
pub(crate) fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let hex = |b: &u8| char::from(*b).to_digit(16);
        let escaped = match (byte, tail) {
            (b'%', [high, low, ..]) => hex(high).zip(hex(low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                out.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            None => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
