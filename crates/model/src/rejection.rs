//! Why a call was refused or failed. Rendered once, in the client's own dialect.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// The class of a refusal or failure; doubles as metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request is wrong; sending it again cannot help.
    InvalidRequest,
    /// No valid virtual key.
    Unauthenticated,
    /// The key may not do this.
    PermissionDenied,
    /// No such path, model or object.
    NotFound,
    /// A body or header is over its cap.
    TooLarge,
    /// Too many requests, ours to say or the vendor's.
    RateLimited,
    /// The vendor, or Weir, has no room right now.
    Overloaded,
    /// The prompt does not fit the model's context window.
    ContextLength,
    /// The vendor's policy filter refused the prompt.
    ContentFiltered,
    /// The vendor failed.
    UpstreamFailed,
    /// The vendor refused our credential: the operator's problem, never the caller's.
    UpstreamAuth,
    /// A deadline passed.
    Timeout,
    /// The vendor could not be reached.
    Unreachable,
    /// The vendor's answer made no sense, or was cut.
    Malformed,
    /// A fault of Weir's own.
    Internal,
}

impl Kind {
    /// The name used in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::InvalidRequest => "invalid_request",
            Kind::Unauthenticated => "unauthenticated",
            Kind::PermissionDenied => "permission_denied",
            Kind::NotFound => "not_found",
            Kind::TooLarge => "too_large",
            Kind::RateLimited => "rate_limited",
            Kind::Overloaded => "overloaded",
            Kind::ContextLength => "context_length",
            Kind::ContentFiltered => "content_filtered",
            Kind::UpstreamFailed => "upstream_failed",
            Kind::UpstreamAuth => "upstream_auth",
            Kind::Timeout => "timeout",
            Kind::Unreachable => "unreachable",
            Kind::Malformed => "malformed",
            Kind::Internal => "internal",
        }
    }

    /// The HTTP status when the vendor gave none.
    pub const fn default_status(self) -> u16 {
        match self {
            Kind::InvalidRequest | Kind::ContextLength | Kind::ContentFiltered => 400,
            Kind::Unauthenticated => 401,
            Kind::PermissionDenied => 403,
            Kind::NotFound => 404,
            Kind::TooLarge => 413,
            Kind::RateLimited => 429,
            Kind::Overloaded => 503,
            Kind::UpstreamFailed | Kind::UpstreamAuth | Kind::Unreachable | Kind::Malformed => 502,
            Kind::Timeout => 504,
            Kind::Internal => 500,
        }
    }

    /// What this class of failure says about trying again elsewhere.
    pub const fn default_retry(self) -> Retry {
        match self {
            // A model that one vendor does not have another may.
            Kind::NotFound
            | Kind::RateLimited
            | Kind::Overloaded
            | Kind::UpstreamFailed
            | Kind::UpstreamAuth
            | Kind::Timeout
            | Kind::Unreachable
            | Kind::Malformed => Retry::Elsewhere,
            _ => Retry::Never,
        }
    }
}

/// Who is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The caller.
    Client,
    /// Weir or its operator.
    Gateway,
    /// The vendor.
    Upstream,
}

impl Source {
    /// The name used in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Source::Client => "client",
            Source::Gateway => "gateway",
            Source::Upstream => "upstream",
        }
    }
}

/// Whether another attempt can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// No attempt can help.
    Never,
    /// Another attempt can help, here or at another target.
    Elsewhere,
}

/// A refusal or failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// Its class.
    pub kind: Kind,
    /// Who is at fault.
    pub source: Source,
    /// Whether another attempt can help.
    pub retry: Retry,
    /// The HTTP status for the client.
    pub status: u16,
    /// For the client: what is wrong and what to do. Never an upstream host, SQL or a secret.
    pub message: Cow<'static, str>,
    /// The request field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    /// A machine-readable code, the vendor's own where it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'static, str>>,
    /// How long to wait before the next try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
    /// For the operator's log only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private: Option<String>,
}

impl Rejection {
    /// A rejection with the status and retry verdict usual for its kind.
    pub fn new(kind: Kind, source: Source, message: impl Into<Cow<'static, str>>) -> Rejection {
        Rejection {
            kind,
            source,
            retry: kind.default_retry(),
            status: kind.default_status(),
            message: message.into(),
            param: None,
            code: None,
            retry_after: None,
            private: None,
        }
    }

    /// The caller's request is wrong.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Rejection {
        Rejection::new(Kind::InvalidRequest, Source::Client, message)
    }

    /// The vendor failed.
    pub fn upstream(kind: Kind, message: impl Into<Cow<'static, str>>) -> Rejection {
        Rejection::new(kind, Source::Upstream, message)
    }

    /// Names the request field at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Rejection {
        self.param = Some(param.into());
        self
    }

    /// Sets the machine-readable code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Rejection {
        self.code = Some(code.into());
        self
    }

    /// Sets the HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Rejection {
        self.status = status;
        self
    }

    /// Sets what only the operator's log shows.
    #[must_use]
    pub fn with_private(mut self, private: impl Into<String>) -> Rejection {
        self.private = Some(private.into());
        self
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}): {}",
            self.kind.name(),
            self.status,
            self.message
        )?;
        match &self.private {
            Some(private) => write!(f, " [{private}]"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Rejection {}
