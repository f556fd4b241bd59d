//! Errors, both ways: <https://platform.claude.com/docs/en/api/errors>. What a vendor says of its
//! own credentials or bills never reaches a client, nor does any body that is not in its shape.

use std::borrow::Cow;
use std::time::Duration;

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use weir_model::{Kind, Rejection};

use crate::length;

/// Longest message of a vendor that is passed on, in bytes.
const LONGEST_MESSAGE: usize = 2048;

/// `{"type":"error",...}`.
#[derive(Serialize)]
#[serde(tag = "type", rename = "error")]
pub(super) struct ErrorBody<'a> {
    error: ErrorOut<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'a str,
}

#[derive(Serialize)]
struct ErrorOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: Cow<'a, str>,
}

impl<'a> ErrorBody<'a> {
    /// An error for a client. An empty id is left out.
    pub(super) fn new(rejection: &'a Rejection, request_id: &'a str) -> ErrorBody<'a> {
        ErrorBody {
            error: ErrorOut {
                kind: error_type(rejection),
                message: length::told(rejection, TOO_LONG, TOO_LONG),
            },
            request_id,
        }
    }
}

/// What the vendor says of a conversation that is too long, without a code for it.
const TOO_LONG: &str = "prompt is too long";

fn error_type(rejection: &Rejection) -> &'static str {
    match (rejection.kind, rejection.status) {
        (Kind::Overloaded, _) => "overloaded_error",
        (Kind::Timeout, _) | (_, 504) => "timeout_error",
        (_, 401) => "authentication_error",
        (_, 402) => "billing_error",
        (_, 403) => "permission_error",
        (_, 404) => "not_found_error",
        (_, 413) => "request_too_large",
        (_, 429) => "rate_limit_error",
        (_, 500..) => "api_error",
        _ => "invalid_request_error",
    }
}

/// `error` as it is received.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ErrorIn {
    #[serde(rename = "type")]
    kind: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBodyIn {
    error: ErrorIn,
}

/// What an answer with a status other than 2xx means.
pub(super) fn decode(status: u16, headers: &HeaderMap, body: &[u8]) -> Rejection {
    let error = match serde_json::from_slice::<ErrorBodyIn>(body) {
        Ok(body) => body.error,
        Err(_) => ErrorIn::default(),
    };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let mut rejection = rejection(Some(status), error);
    rejection.retry_after = retry_after(text("retry-after-ms"), text("retry-after"));
    let excerpt = String::from_utf8_lossy(&body[..body.len().min(LONGEST_MESSAGE)]).into_owned();
    let id = text("request-id").unwrap_or("no request id");
    rejection.with_private(format!("status {status}, {id}: {excerpt}"))
}

/// What an error under a 200 means, in a body or in a stream.
pub(super) fn from_answer(error: ErrorIn) -> Rejection {
    let private = format!("error under status 200: {error:?}");
    rejection(None, error).with_private(private)
}

fn rejection(status: Option<u16>, error: ErrorIn) -> Rejection {
    let said = error.message.as_deref().unwrap_or_default();
    let kind = classify(status, error.kind.as_deref().unwrap_or_default(), said);
    let message = match (kind, status) {
        (Kind::UpstreamAuth, _) => {
            "The upstream refused the gateway's credentials or its account; tell the operator."
                .to_owned()
        }
        (_, _) if !said.is_empty() => shorten(said),
        (_, Some(status)) => format!("The upstream answered with status {status}."),
        (_, None) => "The upstream failed without saying why.".to_owned(),
    };
    let mut rejection = Rejection::upstream(kind, message);
    match (kind, status) {
        // Never to be mistaken for a fault in the caller's key.
        (Kind::UpstreamAuth, _) | (_, None | Some(..400)) => {}
        (_, Some(status)) => rejection.status = status,
    }
    if kind == Kind::Overloaded {
        rejection.status = 529;
    }
    if kind != Kind::UpstreamAuth {
        rejection.param = param(said);
        rejection.code = error.kind.map(Into::into);
    }
    rejection
}

/// The class, by the vendor's word, then by status; and by text where it has no word of its own.
fn classify(status: Option<u16>, word: &str, said: &str) -> Kind {
    let says = |text: &str| said.contains(text);
    match (word, status.unwrap_or(0)) {
        ("authentication_error" | "permission_error" | "billing_error", _) | (_, 401..=403) => {
            Kind::UpstreamAuth
        }
        ("overloaded_error", _) | (_, 529) => Kind::Overloaded,
        ("rate_limit_error", _) | (_, 429) => Kind::RateLimited,
        ("request_too_large", _) | (_, 413) => Kind::TooLarge,
        ("not_found_error", _) | (_, 404) => Kind::NotFound,
        ("timeout_error", _) | (_, 408 | 504) => Kind::Timeout,
        ("api_error", _) | (_, 500..) => Kind::UpstreamFailed,
        ("invalid_request_error", _) | (_, 400..=499) => {
            if says(TOO_LONG) || says("exceed context limit") {
                Kind::ContextLength
            } else if says("credit balance is too low") {
                Kind::UpstreamAuth
            } else if says("content filtering policy") {
                Kind::ContentFiltered
            } else {
                Kind::InvalidRequest
            }
        }
        _ => Kind::UpstreamFailed,
    }
}

/// The field that the vendor names before a colon, as in `messages.0.content: Field required`.
fn param(said: &str) -> Option<String> {
    let (path, _) = said.split_once(": ")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
    (!path.is_empty() && path.chars().all(plain)).then(|| path.to_owned())
}

fn shorten(said: &str) -> String {
    let mut end = said.len().min(LONGEST_MESSAGE);
    while !said.is_char_boundary(end) {
        end -= 1;
    }
    said[..end].to_owned()
}

/// How long to wait, from either header. A date is passed over: there is no clock here.
fn retry_after(ms: Option<&str>, seconds: Option<&str>) -> Option<Duration> {
    let number = |text: Option<&str>| text?.trim().parse::<f64>().ok();
    let seconds = number(ms)
        .map(|ms| ms / 1000.0)
        .or_else(|| number(seconds))?;
    Duration::try_from_secs_f64(seconds).ok()
}
