//! Errors, both ways, in the shape of <https://google.aip.dev/193>. What Google says of its own
//! credentials or bills never reaches a client, nor does any body that is not in its shape.

use std::time::Duration;

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use weir_model::{Kind, Rejection};

use crate::json::write;
use crate::length;

/// What Google says of a conversation that is too long, and how it begins.
const TOO_LONG: &str = "exceeds the maximum number of tokens";
const LEAD: &str = "The input token count exceeds the maximum number of tokens allowed";

/// Longest message of a vendor that is passed on, in bytes.
const LONGEST_MESSAGE: usize = 2048;

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorOut<'a>,
}

#[derive(Serialize)]
struct ErrorOut<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<DetailOut<'a>>,
}

/// <https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto>
#[derive(Serialize)]
#[serde(tag = "@type", rename_all_fields = "camelCase")]
enum DetailOut<'a> {
    #[serde(rename = "type.googleapis.com/google.rpc.BadRequest")]
    BadRequest {
        field_violations: [Violation<'a>; 1],
    },
    #[serde(rename = "type.googleapis.com/google.rpc.ErrorInfo")]
    ErrorInfo {
        reason: &'a str,
        domain: &'static str,
    },
    #[serde(rename = "type.googleapis.com/google.rpc.RetryInfo")]
    RetryInfo { retry_delay: String },
    #[serde(rename = "type.googleapis.com/google.rpc.RequestInfo")]
    RequestInfo { request_id: &'a str },
}

#[derive(Serialize)]
struct Violation<'a> {
    field: &'a str,
    description: &'a str,
}

/// An error for a client. An empty id is left out.
pub(super) fn encode(rejection: &Rejection, request_id: &str) -> Vec<u8> {
    let message = &*length::told(rejection, TOO_LONG, LEAD);
    let violation = rejection
        .param
        .as_deref()
        .map(|field| DetailOut::BadRequest {
            field_violations: [Violation {
                field,
                description: message,
            }],
        });
    let reason = rejection.code.as_deref().unwrap_or(rejection.kind.name());
    let retry = rejection.retry_after.map(|wait| DetailOut::RetryInfo {
        retry_delay: format!("{}s", wait.as_secs_f64()),
    });
    let id = (!request_id.is_empty()).then_some(DetailOut::RequestInfo { request_id });
    let info = DetailOut::ErrorInfo {
        reason,
        domain: "weir",
    };
    let details = [Some(info), violation, retry, id];
    let code = status(rejection);
    write::to_vec(&ErrorBody {
        error: ErrorOut {
            code,
            message,
            status: word(code),
            details: details.into_iter().flatten().collect(),
        },
    })
}

/// Google answers an overload with 503; 529 is Anthropic's own.
pub(super) fn status(rejection: &Rejection) -> u16 {
    match rejection.status {
        529 => 503,
        status => status,
    }
}

/// <https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>
fn word(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// `error` as it is received.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorIn {
    code: Option<u16>,
    message: Option<String>,
    status: Option<String>,
    details: Option<Vec<DetailIn>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DetailIn {
    reason: Option<String>,
    retry_delay: Option<String>,
    field_violations: Option<Vec<ViolationIn>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ViolationIn {
    field: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBodyIn {
    error: ErrorIn,
}

/// What an answer with a status other than 2xx means. A stream's error may come as a list of one.
pub(super) fn decode(status: u16, headers: &HeaderMap, body: &[u8]) -> Rejection {
    let error = match body.trim_ascii_start().first() {
        Some(b'[') => serde_json::from_slice::<(ErrorBodyIn,)>(body).map(|(body,)| body.error),
        _ => serde_json::from_slice::<ErrorBodyIn>(body).map(|body| body.error),
    };
    let error = error.unwrap_or_default();
    let mut rejection = rejection(Some(status), &error);
    let header = headers.get("retry-after").and_then(|v| v.to_str().ok());
    let told = header.and_then(seconds);
    rejection.retry_after = rejection.retry_after.or(told);
    let excerpt = String::from_utf8_lossy(&body[..body.len().min(LONGEST_MESSAGE)]);
    rejection.with_private(format!("status {status}: {excerpt}"))
}

/// What an error under a 200 means, in a body or in a stream.
pub(super) fn under_200(error: &RawValue) -> Rejection {
    let read: ErrorIn = serde_json::from_str(error.get()).unwrap_or_default();
    let private = format!("error under status 200: {read:?}");
    rejection(read.code, &read).with_private(private)
}

fn rejection(status: Option<u16>, error: &ErrorIn) -> Rejection {
    let said = error.message.as_deref().unwrap_or_default();
    let details = || error.details.iter().flatten();
    let reason = details().find_map(|detail| detail.reason.as_deref());
    let status = status.filter(|status| (400..600).contains(status));
    let kind = classify(status, error.status.as_deref().unwrap_or_default(), said);
    let kind = match reason {
        Some("API_KEY_INVALID" | "API_KEY_EXPIRED" | "SERVICE_DISABLED" | "BILLING_DISABLED") => {
            Kind::UpstreamAuth
        }
        _ => kind,
    };
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
    let delay = details().find_map(|detail| detail.retry_delay.as_deref());
    rejection.retry_after = delay.and_then(|delay| seconds(delay.strip_suffix('s')?));
    // Never to be mistaken for a fault in the caller's key.
    if kind != Kind::UpstreamAuth {
        rejection.status = status.unwrap_or(rejection.status);
        let violations = details().flat_map(|d| d.field_violations.iter().flatten());
        rejection.param = violations.filter_map(|v| v.field.clone()).next();
        rejection.code = error.status.clone().map(Into::into);
    }
    rejection
}

/// The class, by Google's word, then by status; and by text where it has no word of its own.
fn classify(status: Option<u16>, word: &str, said: &str) -> Kind {
    let says = |text: &str| said.contains(text);
    match (word, status.unwrap_or(0)) {
        ("UNAUTHENTICATED" | "PERMISSION_DENIED", _) | (_, 401..=403) => Kind::UpstreamAuth,
        // Of the account: its billing, or where it may be used.
        ("FAILED_PRECONDITION", _) => Kind::UpstreamAuth,
        ("RESOURCE_EXHAUSTED", _) | (_, 429) => Kind::RateLimited,
        ("UNAVAILABLE", _) | (_, 503 | 529) => Kind::Overloaded,
        ("DEADLINE_EXCEEDED", _) | (_, 408 | 504) => Kind::Timeout,
        ("NOT_FOUND", _) | (_, 404) => Kind::NotFound,
        (_, 413) => Kind::TooLarge,
        ("INTERNAL", _) | (_, 500..) => Kind::UpstreamFailed,
        ("INVALID_ARGUMENT" | "OUT_OF_RANGE", _) | (_, 400..=499) => {
            if says(TOO_LONG) || says("input token count") {
                Kind::ContextLength
            } else if says("API key not valid") || says("API key expired") {
                Kind::UpstreamAuth
            } else {
                Kind::InvalidRequest
            }
        }
        _ => Kind::UpstreamFailed,
    }
}

fn shorten(said: &str) -> String {
    said[..said.floor_char_boundary(LONGEST_MESSAGE)].to_owned()
}

/// A span in seconds. A date is passed over: there is no clock here.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}
