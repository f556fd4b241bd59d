//! Which headers travel upstream. In the native lane: all that the client sent, but for what
//! concerns only its connection to us, its key, and its whereabouts; so that a vendor's new header
//! works on the day it appears. In the translated lane: only what every dialect understands.

use bytes::BytesMut;
use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};

use super::Origin;
use super::origin::Via;
use crate::world::Upstream;

/// Stays here, in lower case.
fn is_ours(name: &HeaderName) -> bool {
    let name = name.as_str();
    matches!(
        name,
        // Of this connection (RFC 9110, section 7.6.1).
        "connection" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "upgrade" | "host"
            | "content-length" | "expect" | "accept-encoding" | "content-encoding"
            // Of the client: keys, and which account of the vendor it would like.
            | "authorization" | "x-api-key" | "api-key" | "x-goog-api-key" | "cookie"
            | "openai-organization" | "openai-project" | "anthropic-workspace-id"
            // Of its whereabouts.
            | "forwarded" | "via" | "x-real-ip"
    ) || name.starts_with("x-weir-")
        || name.starts_with("x-forwarded-")
        || name.starts_with("proxy-")
}

/// Travels even when everything else is translated.
fn is_universal(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "traceparent" | "tracestate" | "idempotency-key"
    )
}

/// The client's headers that may travel, copied out of the connection's read buffer: whoever holds
/// on to that makes the connection take another one.
pub(crate) fn forwardable(client: &HeaderMap) -> HeaderMap {
    let mut values = BytesMut::with_capacity(client.values().map(HeaderValue::len).sum());
    let mut headers = HeaderMap::with_capacity(client.len());
    for (name, value) in client.iter().filter(|(name, _)| !is_ours(name)) {
        values.extend_from_slice(value.as_bytes());
        if let Ok(value) = HeaderValue::from_maybe_shared(values.split().freeze()) {
            headers.append(name.clone(), value);
        }
    }
    headers
}

/// The headers of an upstream request. `client` is what may travel.
pub(crate) fn outgoing_headers(
    client: &HeaderMap,
    native: bool,
    upstream: &Upstream,
    origin: &Origin,
) -> HeaderMap {
    // With room for what is added here and by hyper.
    let mut headers = HeaderMap::with_capacity(client.len() + 6);
    for (name, value) in client {
        if native || is_universal(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    if !native {
        let agent = HeaderValue::from_static(concat!("weir/", env!("CARGO_PKG_VERSION")));
        headers.insert(header::USER_AGENT, agent);
    }
    headers.insert(header::HOST, origin.authority.clone());
    headers
        .entry(header::CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("application/json"));
    if let (
        false,
        Via::Proxy {
            authorization: Some(value),
            ..
        },
    ) = (origin.tls, &origin.via)
    {
        headers.insert(header::PROXY_AUTHORIZATION, value.clone());
    }
    for (name, value) in &upstream.defaults {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    for (name, value) in &upstream.headers {
        headers.insert(name.clone(), value.clone());
    }
    if let Some((name, value)) = &upstream.credential {
        headers.insert(name.clone(), value.clone());
    }
    headers
}
