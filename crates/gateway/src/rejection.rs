//! Refusals and failures on their way out: rendered once, in the client's own dialect.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Method, Response, StatusCode};
use weir_dialect::vectors;
use weir_model::{Kind, Rejection, Spoken};

use crate::body::Body;
use crate::call::RequestId;

/// A failed attempt: what it means, and the vendor's own words where they may be passed on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub rejection: Rejection,
    /// Only from an upstream of the client's own dialect.
    pub verbatim: Option<Verbatim>,
    /// The method that the path would take, where it is asked with another.
    pub allow: Option<Method>,
    /// Requests that were sent upstream before giving up.
    pub attempts: u32,
}

/// A vendor's error answer as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verbatim {
    pub status: u16,
    pub body: Bytes,
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Failure {
        Failure {
            rejection,
            verbatim: None,
            allow: None,
            attempts: 0,
        }
    }
}

impl Failure {
    /// The HTTP status that a client is told.
    pub(crate) fn status(&self, spoken: Spoken) -> u16 {
        let rejection = &self.rejection;
        match (&self.verbatim, spoken) {
            (Some(verbatim), _) => verbatim.status,
            (None, Spoken::Dialect(dialect)) => {
                weir_dialect::client(dialect).rejection_status(rejection)
            }
            (None, Spoken::Shape(shape)) => vectors::rejection_status(shape, rejection),
        }
    }
}

/// The answer that tells a client why there is none.
pub(crate) fn render(spoken: Spoken, failure: &Failure, request_id: &RequestId) -> Response<Body> {
    let (rejection, id) = (&failure.rejection, request_id.as_str());
    let body = match (&failure.verbatim, spoken) {
        (Some(verbatim), _) => verbatim.body.clone(),
        (None, Spoken::Dialect(dialect)) => weir_dialect::client(dialect)
            .encode_rejection(rejection, id)
            .into(),
        (None, Spoken::Shape(shape)) => vectors::encode_rejection(shape, rejection, id).into(),
    };
    let mut response = Response::new(Body::full(body));
    *response.status_mut() =
        StatusCode::from_u16(failure.status(spoken)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    set_request_id(headers, request_id);
    set_retry_after(headers, rejection);
    if failure.attempts > 0 {
        set_attempts(headers, failure.attempts);
    }
    if let Some(Ok(method)) = failure
        .allow
        .as_ref()
        .map(|m| HeaderValue::from_str(m.as_str()))
    {
        headers.insert(ALLOW, method);
    }
    response
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-weir-request-id");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-weir-attempts");

/// Names the call to the client.
pub(crate) fn set_request_id(headers: &mut HeaderMap, request_id: &RequestId) {
    headers.insert(REQUEST_ID, request_id.header());
}

/// How many requests were sent upstream for it.
pub(crate) fn set_attempts(headers: &mut HeaderMap, attempts: u32) {
    headers.insert(ATTEMPTS, HeaderValue::from(attempts));
}

/// Whole seconds for everyone, and the milliseconds that the SDKs read first.
fn set_retry_after(headers: &mut HeaderMap, rejection: &Rejection) {
    if let Some(wait) = rejection.retry_after {
        headers.insert(
            RETRY_AFTER,
            HeaderValue::from(wait.as_millis().div_ceil(1000) as u64),
        );
        let millis = HeaderValue::from(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        headers.insert(HeaderName::from_static("retry-after-ms"), millis);
    }
    // A caller's mistake stays one: tell the SDKs so, which else retry some of them.
    if rejection.kind == Kind::InvalidRequest {
        headers.insert(
            HeaderName::from_static("x-should-retry"),
            HeaderValue::from_static("false"),
        );
    }
}
