//! A request refused, in the vendor's words.

use serde_json::json;

/// Which vendor's manners apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vendor {
    OpenAi,
    Anthropic,
    Google,
    Cohere,
}

/// An error that the vendor would send for a faulty request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    /// OpenAI only.
    pub(crate) param: Option<String>,
    /// OpenAI and Google only.
    pub(crate) code: Option<&'static str>,
}

/// The outcome of a check.
pub(crate) type Checked<T = ()> = Result<T, Refusal>;

impl Refusal {
    /// A 400 `invalid_request_error`.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            status: 400,
            kind: "invalid_request_error",
            message,
            param: None,
            code: None,
        }
    }

    /// Another status and error type.
    pub(crate) fn with_kind(mut self, status: u16, kind: &'static str) -> Self {
        (self.status, self.kind) = (status, kind);
        self
    }

    pub(crate) fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The error body.
    pub(crate) fn body(&self, vendor: Vendor) -> String {
        let (kind, message) = (self.kind, &self.message);
        match vendor {
            Vendor::OpenAi => {
                json!({"error": {"message": message, "type": kind, "param": self.param, "code": self.code}})
            }
            Vendor::Anthropic => {
                json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_mimic"})
            }
            Vendor::Cohere => {
                json!({"id": "00000000-0000-4000-8000-000000000000", "message": message})
            }
            Vendor::Google => {
                let kind = match kind {
                    "not_found_error" => "NOT_FOUND",
                    "invalid_request_error" => "INVALID_ARGUMENT",
                    kind => kind,
                };
                json!({"error": {"code": self.status, "message": message, "status": kind, "details": [
                    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": self.code},
                ]}})
            }
        }
        .to_string()
    }
}

/// Whether `text` is not empty and consists of letters, digits, `_` and `-`.
pub(crate) fn is_plain_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Whether `text` is standard base64 with its padding.
pub(crate) fn is_base64(text: &str) -> bool {
    use base64::{Engine, engine::general_purpose::STANDARD};
    !text.is_empty() && STANDARD.decode(text).is_ok()
}
