//! Errors, both ways: `{"id", "message"}` and a status, <https://docs.cohere.com/reference/errors>.
//! What Cohere says of its own credentials or bills never reaches a client, nor does any body that
//! is not in its shape.

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use weir_model::{Kind, Rejection};

use crate::json::write;
use crate::length;
use crate::openai::failure::{clip, retry_after};

/// Longest message of the vendor that is passed on, in bytes.
const LONGEST: usize = 2048;

/// What Cohere says of a conversation that is too long, without a code for it.
const TOO_LONG: &str = "too many tokens";

#[derive(Serialize)]
struct ErrorOut<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    message: &'a str,
}

/// An error for a client. An empty id is left out.
pub(super) fn encode(rejection: &Rejection, request_id: &str) -> Vec<u8> {
    write::to_vec(&ErrorOut {
        id: request_id,
        message: &length::told(rejection, TOO_LONG, TOO_LONG),
    })
}

/// Cohere answers an overload with 503; 529 is Anthropic's own.
pub(super) fn status(rejection: &Rejection) -> u16 {
    match rejection.status {
        529 => 503,
        status => status,
    }
}

/// `message` is a string in an error, and an object in an answer.
#[derive(Deserialize)]
struct ErrorIn {
    message: String,
}

/// What an answer with a status other than 2xx means.
pub(super) fn decode(status: u16, headers: &HeaderMap, body: &[u8]) -> Rejection {
    let said = serde_json::from_slice::<ErrorIn>(body).map(|error| error.message);
    let mut rejection = judge(status, &said.unwrap_or_default());
    rejection.retry_after = retry_after(headers);
    let excerpt = String::from_utf8_lossy(&body[..body.len().min(LONGEST)]);
    rejection.with_private(format!("status {status}: {excerpt}"))
}

/// What an error under a 200 means, in a body or a frame; `None` when it is none.
pub(super) fn under_200(body: &[u8]) -> Option<Rejection> {
    let error = serde_json::from_slice::<ErrorIn>(body).ok()?;
    let status = Kind::UpstreamFailed.default_status();
    Some(judge(status, &error.message).with_private(error.message))
}

fn judge(status: u16, said: &str) -> Rejection {
    let kind = classify(status, said);
    let message = match (kind, clip(said, LONGEST)) {
        (Kind::UpstreamAuth, _) => {
            "The upstream refused the gateway's credentials or its account; tell the operator."
                .to_owned()
        }
        (_, "") => format!("The upstream answered with status {status}."),
        (_, said) => said.to_owned(),
    };
    let rejection = Rejection::upstream(kind, message);
    let told = match (kind, status) {
        // Never to be mistaken for a fault in the caller's key, nor for the caller's own hanging up.
        (Kind::UpstreamAuth, _) | (_, 499) => kind.default_status(),
        (_, 400..600) => status,
        _ => kind.default_status(),
    };
    rejection.with_status(told)
}

/// The class, by status; and by text where Cohere has no status of its own.
fn classify(status: u16, said: &str) -> Kind {
    match status {
        // 402: the account has reached its billing limit.
        401..=403 => Kind::UpstreamAuth,
        404 => Kind::NotFound,
        408 | 504 => Kind::Timeout,
        413 => Kind::TooLarge,
        429 => Kind::RateLimited,
        // "A request or response contains a deny-listed token."
        498 => Kind::ContentFiltered,
        503 | 529 => Kind::Overloaded,
        400..=498 if said.contains(TOO_LONG) => Kind::ContextLength,
        // 501: the model cannot do what was asked.
        400..=498 | 501 => Kind::InvalidRequest,
        _ => Kind::UpstreamFailed,
    }
}
