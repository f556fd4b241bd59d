//! Refusals and failures on their way out: rendered once, in the client's own dialect.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use weir_model::{Dialect, Kind, Rejection};

use crate::body::Body;

/// A failed attempt: what it means, and the vendor's own words where they may be passed on.
#[derive(Debug)]
pub(crate) struct Failure {
    pub rejection: Rejection,
    /// Only from an upstream of the client's own dialect.
    pub verbatim: Option<Verbatim>,
}

/// A vendor's error answer as it came.
#[derive(Debug)]
pub(crate) struct Verbatim {
    pub status: u16,
    pub body: Bytes,
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Failure {
        Failure { rejection, verbatim: None }
    }
}

/// The answer that tells a client why there is none.
pub(crate) fn render(dialect: Dialect, failure: &Failure, request_id: &str) -> Response<Body> {
    let client = weir_dialect::client(dialect);
    let rejection = &failure.rejection;
    let (status, body) = match &failure.verbatim {
        Some(verbatim) => (verbatim.status, verbatim.body.clone()),
        None => {
            let body = client.encode_rejection(rejection, request_id);
            (client.rejection_status(rejection), body.into())
        }
    };
    let mut response = Response::new(Body::full(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    set_request_id(headers, request_id);
    set_retry_after(headers, rejection);
    if rejection.status == 405 {
        headers.insert(http::header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

/// Names the call to the client.
pub(crate) fn set_request_id(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-weir-request-id"), value);
    }
}

/// Whole seconds for everyone, and the milliseconds that the SDKs read first.
fn set_retry_after(headers: &mut HeaderMap, rejection: &Rejection) {
    if let Some(wait) = rejection.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1000) as u64));
        let millis = HeaderValue::from(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        headers.insert(HeaderName::from_static("retry-after-ms"), millis);
    }
    // A caller's mistake stays one: tell the SDKs so, which else retry some of them.
    if rejection.kind == Kind::InvalidRequest {
        headers.insert(HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false"));
    }
}
