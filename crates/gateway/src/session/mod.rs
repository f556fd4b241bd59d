//! WebSockets: a connection on which many calls come, each carried out as one that came alone. Who
//! asks is found out once, and the connection ends when that key no longer opens anything.
//!
//! Everything is bounded: messages by `server.max_body`, what waits, what is remembered, how long a
//! peer may be silent or not take what it is sent, and the connection's life.

mod realtime;
mod responses;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use weir_model::{Dialect, Kind, Rejection, Source};

use crate::authenticate::{self, Presented};
use crate::body::Body;
use crate::call::{Caller, RequestId};
use crate::rejection::{Failure, set_request_id};
use crate::send;
use crate::worker::Worker;
use socket::Socket;

/// The longest that a connection lives, as OpenAI has it.
const LIFE: Duration = Duration::from_secs(3600);

/// Of the buffers of a connection, in bytes; they grow for larger messages.
const BUFFER: usize = 8 << 10;

/// What a WebSocket is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Responses,
    Realtime,
}

impl Purpose {
    /// What a request opens a WebSocket for, if it does.
    pub(crate) fn of(parts: &Parts) -> Option<Purpose> {
        let upgrade = parts.headers.get(UPGRADE)?;
        if parts.method != Method::GET || !upgrade.as_bytes().eq_ignore_ascii_case(b"websocket") {
            return None;
        }
        let path = parts.uri.path();
        match path.strip_prefix("/v1").unwrap_or(path) {
            "/responses" => Some(Purpose::Responses),
            "/realtime" => Some(Purpose::Realtime),
            _ => None,
        }
    }

    /// The dialect in which refusals are told.
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Purpose::Responses => Dialect::OpenAiResponses,
            Purpose::Realtime => Dialect::OpenAiChat,
        }
    }
}

/// A WebSocket whose request was accepted, before its first byte.
pub struct Opening {
    worker: Arc<Worker>,
    caller: Caller,
    /// To ask again whether it still opens anything; `None` where authentication is off.
    presented: Option<Presented>,
    /// What may travel of the headers with which it was opened.
    headers: HeaderMap,
    /// At the other end, where frames travel as they are.
    upstream: Option<Box<realtime::Upstream>>,
}

impl Opening {
    /// Serves the connection to its end; `read` has come already.
    pub(crate) async fn run(
        self: Box<Self>,
        stream: TcpStream,
        read: Bytes,
        drain: watch::Receiver<bool>,
    ) {
        let max_body = self.worker.shared.world().max_body;
        let config = Some(config(max_body));
        let opened =
            WebSocketStream::from_partially_read(stream, read.into(), Role::Server, config);
        let mut socket = Socket::new(opened.await);
        let mut opening = self;
        match opening.upstream.take() {
            None => {
                responses::Session::new(opening, drain)
                    .run(&mut socket)
                    .await
            }
            Some(upstream) => {
                realtime::Session::new(opening, *upstream)
                    .run(&mut socket, drain)
                    .await;
            }
        }
    }

    /// Whether its key still opens anything.
    fn is_open(&self) -> bool {
        let keys = &self.worker.shared.keys;
        let presented = self.presented.as_ref();
        presented.is_none_or(|presented| presented.find(keys).is_some())
    }
}

/// Waits until no further call shall begin.
async fn drained(drain: &mut watch::Receiver<bool>) {
    let _ = drain.wait_for(|drain| *drain).await;
}

fn config(max_message: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message))
}

/// Accepts a WebSocket.
///
/// # Errors
/// `Unauthenticated`, 426 for another version of the protocol, and for a relayed one whatever keeps
/// its other end from being opened.
pub(crate) async fn open(
    worker: &Arc<Worker>,
    parts: &Parts,
    purpose: Purpose,
    id: &RequestId,
) -> Result<Response<Body>, Failure> {
    let world = worker.shared.world();
    let headers = with_key_of_protocol(&parts.headers);
    let headers = headers.as_ref().unwrap_or(&parts.headers);
    let presented = authenticate::remember(headers, parts.uri.query()).filter(|_| world.auth);
    let caller = authenticate::caller_of(worker, &world, headers, parts.uri.query())?;
    let accept = accept(&parts.headers)?;
    let forwardable = send::forwardable(headers);
    let upstream = match purpose {
        Purpose::Responses => None,
        Purpose::Realtime => {
            let opening = realtime::open(&world, &caller, (parts, &forwardable));
            Some(Box::new(Box::pin(opening).await?))
        }
    };
    let protocol = upstream
        .as_ref()
        .and_then(|upstream| upstream.protocol.clone());
    let opening = Box::new(Opening {
        worker: Arc::clone(worker),
        caller,
        presented,
        headers: forwardable,
        upstream,
    });
    let mut response = Response::new(Body::Session(Some(opening)));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(protocol) = protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    set_request_id(headers, id);
    Ok(response)
}

/// What proves to the client that its request was understood (RFC 6455, section 4.2.2).
fn accept(headers: &HeaderMap) -> Result<HeaderValue, Rejection> {
    let is = |name: HeaderName, value: &[u8]| headers.get(name).is_some_and(|v| v == value);
    if !is(SEC_WEBSOCKET_VERSION, b"13") {
        let message = "Open the WebSocket with `Sec-WebSocket-Version: 13`.";
        return Err(Rejection::invalid(message).with_status(426));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    let key = key.filter(|key| key.len() == 24).ok_or_else(|| {
        Rejection::invalid("Open the WebSocket with a `Sec-WebSocket-Key` of 16 bytes in base64.")
    })?;
    HeaderValue::from_str(&derive_accept_key(key)).map_err(|error| {
        Rejection::new(
            Kind::Internal,
            Source::Gateway,
            "The WebSocket cannot be accepted.",
        )
        .with_private(error.to_string())
    })
}

/// Where browsers, which can set no header, put a key.
const KEY_PROTOCOL: &str = "openai-insecure-api-key.";

/// The protocols that a client offers.
fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter();
    let offered = offered.filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).map(str::trim)
}

/// The headers with the key that stands among the protocols where other clients put theirs.
fn with_key_of_protocol(headers: &HeaderMap) -> Option<HeaderMap> {
    let key = protocols(headers).find_map(|protocol| protocol.strip_prefix(KEY_PROTOCOL))?;
    let mut bearer = HeaderValue::from_str(&format!("Bearer {key}")).ok()?;
    bearer.set_sensitive(true);
    let mut headers = headers.clone();
    headers.insert(http::header::AUTHORIZATION, bearer);
    Some(headers)
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").finish_non_exhaustive()
    }
}
