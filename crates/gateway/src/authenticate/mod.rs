//! Finds out who asks. A virtual key may stand wherever some vendor's SDK puts its key; it is never
//! forwarded. Refuses with `Unauthenticated`, in words that tell a typo from a key that is off.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use weir_model::{Kind, Rejection, Source};
use weir_store::{KeyIndex, KeyRole, Unfound};

use crate::call::Caller;
use crate::worker::Worker;
use crate::world::World;

/// Headers that hold a bare key, in the order in which they are looked at after `Authorization`.
pub(crate) const KEY_HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

/// Who asks.
///
/// # Errors
/// Those of [`identify`], unless authentication is off.
pub(crate) fn caller(worker: &Worker, world: &World, parts: &Parts) -> Result<Caller, Rejection> {
    caller_of(worker, world, &parts.headers, parts.uri.query())
}

/// The same by what is presented.
pub(crate) fn caller_of(
    worker: &Worker,
    world: &World,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Caller, Rejection> {
    if !world.auth {
        return Ok(Caller::Anonymous);
    }
    identify(&worker.shared.keys, headers, query)
}

/// The caller behind a request.
///
/// # Errors
/// `Unauthenticated` without a valid key; `PermissionDenied` for an admin key.
fn identify(
    keys: &KeyIndex,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Caller, Rejection> {
    let Some(presented) = presented(headers, query) else {
        return Err(refuse(
            "No API key was given. Send a Weir virtual key as `Authorization: Bearer sk-weir-...` \
             or `x-api-key: sk-weir-...`.",
        ));
    };
    let Some(key) = keys.find(presented) else {
        return Err(refuse(match keys.why_not(presented) {
            Unfound::Disabled => "The API key is disabled. Ask whoever runs this gateway.",
            Unfound::Mistyped => "The API key has a typo or is cut short: its checksum is wrong.",
            Unfound::Unknown => "The API key is not known. Make one with `weir keys create`.",
        }));
    };
    if key.role == KeyRole::Admin {
        let message = "This is an admin key, which cannot call models. Make a virtual key with \
                       `weir keys create`.";
        return Err(Rejection::new(
            Kind::PermissionDenied,
            Source::Client,
            message,
        ));
    }
    Ok(Caller::Key(key))
}

/// What a caller presented, to ask again whether it opens anything.
pub(crate) struct Presented(String);

impl Presented {
    /// The key, if it is still enabled.
    pub(crate) fn find(&self, keys: &KeyIndex) -> Option<std::sync::Arc<weir_store::Key>> {
        keys.find(&self.0)
    }
}

/// What stands where keys stand.
pub(crate) fn remember(headers: &HeaderMap, query: Option<&str>) -> Option<Presented> {
    presented(headers, query).map(|key| Presented(key.to_owned()))
}

fn refuse(message: &'static str) -> Rejection {
    Rejection::new(Kind::Unauthenticated, Source::Client, message).with_code("invalid_api_key")
}

fn presented<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> Option<&'a str> {
    bearer(headers)
        .or_else(|| {
            KEY_HEADERS
                .iter()
                .find_map(|name| headers.get(*name)?.to_str().ok())
        })
        .or_else(|| query?.split('&').find_map(|pair| pair.strip_prefix("key=")))
        .map(str::trim)
        .filter(|key| !key.is_empty())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key)
}
