//! Errors as OpenAI's clients know them.
//! <https://platform.openai.com/docs/guides/error-codes>

use std::borrow::Cow;

use serde::Serialize;
use weir_model::{Kind, Rejection};

use crate::json::write;
use crate::length;

/// How OpenAI begins to say that a conversation is too long.
const TOO_LONG: &str = "This model's maximum context length is exceeded";

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorObject<'a>,
}

/// `param` and `code` are written as null when absent, as OpenAI does.
#[derive(Serialize)]
pub(crate) struct ErrorObject<'a> {
    pub(crate) message: Cow<'a, str>,
    r#type: &'a str,
    pub(crate) param: Option<&'a str>,
    pub(crate) code: Option<&'a str>,
}

impl<'a> From<&'a Rejection> for ErrorObject<'a> {
    fn from(rejection: &'a Rejection) -> ErrorObject<'a> {
        let (kind, usual_code) = words(rejection);
        // Clients know by it to shorten the conversation; other vendors have another word, or none.
        let own_code = (rejection.kind != Kind::ContextLength).then_some(rejection.code.as_deref());
        ErrorObject {
            message: length::told(rejection, "maximum context length is", TOO_LONG),
            r#type: kind,
            param: rejection.param.as_deref(),
            code: own_code.flatten().or(usual_code),
        }
    }
}

pub(crate) fn encode(rejection: &Rejection) -> Vec<u8> {
    let error = rejection.into();
    write::to_vec(&ErrorBody { error })
}

/// OpenAI answers an overload with 503; 529 is Anthropic's own.
pub(crate) fn status(rejection: &Rejection) -> u16 {
    match rejection.status {
        529 => 503,
        status => status,
    }
}

/// OpenAI's `type`, and the `code` usual for it.
fn words(rejection: &Rejection) -> (&'static str, Option<&'static str>) {
    const INVALID: &str = "invalid_request_error";
    let about_model = rejection.param.as_deref() == Some("model");
    match rejection.kind {
        Kind::InvalidRequest => (INVALID, None),
        Kind::Unauthenticated => (INVALID, Some("invalid_api_key")),
        Kind::PermissionDenied if about_model => (INVALID, Some("model_not_found")),
        Kind::PermissionDenied => (INVALID, Some("insufficient_permissions")),
        Kind::NotFound if about_model => (INVALID, Some("model_not_found")),
        Kind::NotFound => (INVALID, None),
        Kind::TooLarge => (INVALID, Some("request_too_large")),
        Kind::ContextLength => (INVALID, Some("context_length_exceeded")),
        Kind::ContentFiltered => (INVALID, Some("content_filter")),
        Kind::RateLimited if rejection.code.as_deref() == Some("insufficient_quota") => {
            ("insufficient_quota", None)
        }
        Kind::RateLimited => ("requests", Some("rate_limit_exceeded")),
        Kind::Overloaded
        | Kind::UpstreamFailed
        | Kind::UpstreamAuth
        | Kind::Timeout
        | Kind::Unreachable
        | Kind::Malformed
        | Kind::Internal => ("server_error", Some(rejection.kind.name())),
    }
}
