//! Where a provider listens, and the way there.

use http::header::HeaderValue;

/// A server and the way to it. Connections are pooled by [`Origin::key`].
#[derive(Debug)]
pub(crate) struct Origin {
    /// Equal for origins that may share connections.
    pub key: String,
    pub tls: bool,
    pub host: String,
    pub port: u16,
    /// The `Host` header.
    pub authority: HeaderValue,
    pub via: Via,
}

/// The way to an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// Straight to it.
    Direct,
    /// Through an HTTP proxy: by CONNECT for TLS, else with absolute request URIs.
    Proxy {
        /// Whether the proxy itself is reached over TLS.
        tls: bool,
        host: String,
        port: u16,
        /// `Proxy-Authorization`.
        authorization: Option<HeaderValue>,
    },
    /// It lives in this process.
    InProcess,
}
