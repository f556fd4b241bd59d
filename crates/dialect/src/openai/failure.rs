//! What a vendor's failure means. Words that the vendor gives (`code`, `type`, its message) count
//! before the status, because shims put the wrong status on the right words. A body that is not an
//! error object, such as a proxy's HTML page, is never quoted to clients.

use std::time::Duration;

use http::HeaderMap;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use weir_model::{Kind, Rejection};

/// Longest message passed on, in bytes.
const LONGEST: usize = 4096;

pub(crate) fn decode(status: u16, headers: &HeaderMap, body: &[u8]) -> Rejection {
    let mut rejection = match read_body(body) {
        Some(fault) => judge(status, fault),
        None => {
            let private = clip(&String::from_utf8_lossy(body), 256).to_owned();
            let fault = Fault {
                message: format!("The provider answered with status {status}."),
                ..Fault::default()
            };
            judge(status, fault).with_private(private)
        }
    };
    rejection.retry_after = retry_after(headers);
    rejection
}

/// The meaning of an `error` member in an answer or a stream that began with 200.
pub(crate) fn under_200(error: &RawValue) -> Rejection {
    let fault = match serde_json::from_str(error.get()) {
        Ok(Value::Object(error)) => Fault::of(&error),
        Ok(Value::String(message)) => Fault::said(message),
        _ => Fault::said(String::from("The provider reported an error.")),
    };
    judge(fault.status(), fault)
}

/// The meaning of a frame that is an error without an `error` member; `None` when it is none.
pub(crate) fn bare(data: &[u8]) -> Option<Rejection> {
    read_body(data).map(|fault| judge(fault.status(), fault))
}

/// What a vendor says went wrong.
#[derive(Debug, Default)]
struct Fault {
    message: String,
    /// `type`, Google's `status`, or empty.
    kind: String,
    /// A word; numbers are in `number`.
    code: Option<String>,
    /// A code that repeats the HTTP status.
    number: Option<u16>,
    param: Option<String>,
    /// Azure's finer code.
    inner: String,
}

impl Fault {
    fn said(message: String) -> Fault {
        Fault {
            message,
            ..Fault::default()
        }
    }

    fn of(error: &Map<String, Value>) -> Fault {
        let word = |key: &str| error.get(key).and_then(Value::as_str);
        // A number, or, at Azure, a string of one.
        let code = word("code").filter(|code| code.parse::<u16>().is_err());
        let number = match error.get("code") {
            Some(Value::String(digits)) => digits.parse().ok(),
            Some(number) => number.as_u64().and_then(|n| u16::try_from(n).ok()),
            None => None,
        };
        Fault {
            message: word("message").unwrap_or_default().to_owned(),
            kind: word("type")
                .or(word("status"))
                .unwrap_or_default()
                .to_owned(),
            code: code.map(str::to_owned),
            number,
            param: word("param").map(str::to_owned),
            inner: error
                .get("innererror")
                .and_then(|inner| inner.get("code"))
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
        }
    }

    fn is(&self, words: &[&str]) -> bool {
        let mine = [self.code.as_deref().unwrap_or(""), &self.kind, &self.inner];
        mine.iter().any(|word| words.contains(word))
    }

    /// The status that the failure would have had, were it not under a 200.
    fn status(&self) -> u16 {
        match self.number {
            Some(number @ 400..=599) => number,
            _ if self.is(&["invalid_request_error", "BadRequestError", "invalid_prompt"]) => 400,
            _ if self.is(&[
                "authentication_error",
                "invalid_api_key",
                "permission_error",
            ]) =>
            {
                401
            }
            _ if self.is(&[
                "rate_limit_error",
                "rate_limit_exceeded",
                "requests",
                "tokens",
            ]) =>
            {
                429
            }
            _ if self.is(&["overloaded_error", "service_unavailable_error"]) => 503,
            _ => Kind::UpstreamFailed.default_status(),
        }
    }

    /// The class that the vendor's own words name.
    fn kind(&self, status: u16) -> Option<Kind> {
        const LENGTH: &[&str] = &["context_length_exceeded", "exceed_context_size_error"];
        const FILTER: &[&str] = &[
            "content_filter",
            "content_policy_violation",
            "ResponsibleAIPolicyViolation",
        ];
        const LIMIT: &[&str] = &[
            "insufficient_quota",
            "billing_hard_limit_reached",
            "rate_limit_exceeded",
        ];
        if self.is(LENGTH) || matches!(status, 400 | 413 | 422 | 500) && self.tells_of_length() {
            Some(Kind::ContextLength)
        } else if self.is(FILTER) {
            Some(Kind::ContentFiltered)
        } else if self.is(LIMIT) {
            Some(Kind::RateLimited)
        } else if self.is(&["model_not_found"]) && status != 401 {
            Some(Kind::NotFound)
        } else {
            None
        }
    }

    /// OpenAI and vLLM (old and new), llama.cpp, Anthropic's and Google's shims, TGI and Together,
    /// in the words of their messages.
    fn tells_of_length(&self) -> bool {
        let message = self.message.to_ascii_lowercase();
        let patterns = [
            "maximum context length",
            "context length is only",
            "available context size",
            "exceeds the context window",
            "prompt is too long",
            "exceeds the maximum number of tokens",
            "`inputs` tokens + `max_new_tokens` must be",
        ];
        patterns.iter().any(|pattern| message.contains(pattern))
    }
}

fn judge(status: u16, fault: Fault) -> Rejection {
    let kind = fault.kind(status).unwrap_or(kind_of(status));
    let words = clip(&fault.message, LONGEST);
    if kind == Kind::UpstreamAuth {
        let message = "The provider refused the gateway's credential; its operator must act.";
        let code = fault.code.as_deref().unwrap_or("");
        return Rejection::upstream(kind, message)
            .with_private(format!("{status} {code}: {words}"));
    }
    let message = match words {
        "" => format!("The provider answered with status {status}."),
        words => words.to_owned(),
    };
    let status = match (kind, status) {
        (Kind::ContextLength | Kind::ContentFiltered, _) => kind.default_status(),
        // Payment Required is about the operator's account, not the caller's.
        (Kind::RateLimited, 402 | 403) => kind.default_status(),
        (_, 400..=599) => status,
        _ => kind.default_status(),
    };
    let mut rejection = Rejection::upstream(kind, message).with_status(status);
    rejection.param = fault.param;
    rejection.code = fault.code.map(Into::into);
    rejection
}

/// The class that a status names on its own.
fn kind_of(status: u16) -> Kind {
    match status {
        401 | 403 => Kind::UpstreamAuth,
        402 | 429 => Kind::RateLimited,
        404 => Kind::NotFound,
        408 | 504 | 524 => Kind::Timeout,
        413 => Kind::TooLarge,
        // Conflict and Too Early pass by themselves; 498 is Groq's "no flex capacity".
        409 | 425 => Kind::UpstreamFailed,
        498 | 503 | 529 => Kind::Overloaded,
        400..=499 => Kind::InvalidRequest,
        _ => Kind::UpstreamFailed,
    }
}

/// Finds the error object in the shapes that vendors have for it: under `error` as an object or a
/// string, in an array (Google), at the top (vLLM, Mistral), or FastAPI's `detail`.
fn read_body(body: &[u8]) -> Option<Fault> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    if let Value::Array(list) = value {
        value = list.into_iter().next()?;
    }
    let Value::Object(object) = value else {
        return None;
    };
    match object.get("error") {
        Some(Value::Object(error)) => Some(Fault::of(error)),
        Some(Value::String(message)) => Some(Fault {
            message: message.clone(),
            ..Fault::of(&object)
        }),
        _ if object.get("message").is_some_and(Value::is_string) => Some(Fault::of(&object)),
        _ => match object.get("detail")? {
            Value::String(message) => Some(Fault::said(message.clone())),
            Value::Array(faults) => {
                let message = faults.first()?.get("msg")?.as_str()?;
                Some(Fault::said(message.to_owned()))
            }
            _ => None,
        },
    }
}

/// `retry-after-ms`, else `Retry-After` in seconds; a date is passed over.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number =
        |name: &str| -> Option<f64> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
    let seconds = number("retry-after-ms")
        .map(|ms| ms / 1000.0)
        .or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The longest beginning of `text` of at most `most` bytes.
pub(crate) fn clip(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests;
