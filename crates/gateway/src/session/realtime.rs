//! OpenAI's Realtime API: frames travel both ways as they are, to a WebSocket of the provider's that
//! is opened with its own credential. Each response is a call of its own in the journal.
//! <https://platform.openai.com/docs/guides/realtime-websocket>

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use weir_dialect::openai_chat::realtime::{Heard, hear};
use weir_model::{Dialect, Kind, Operation, Rejection};

use super::socket::{Gone, Socket};
use super::{KEY_PROTOCOL, LIFE, Opening, config, drained, protocols};
use crate::admit::{self, Outcome, Permit};
use crate::call::{Call, Caller};
use crate::rejection::{Failure, Verbatim};
use crate::route::Route;
use crate::route::resolve;
use crate::send::{self, Io, outgoing_headers};
use crate::stored::asks;
use crate::translate::forwarded_query;
use crate::world::{Deployment, World};

/// Between looks at whether the key still opens anything.
const LOOK: Duration = Duration::from_secs(2);

/// The longest that the provider may take for what it is sent.
const PATIENCE: Duration = Duration::from_secs(60);

/// Most responses that are under way at a time; the oldest is given up on.
const MAX_RESPONSES: usize = 16;

const DIALECT: Dialect = Dialect::OpenAiChat;

/// The provider's end.
pub(super) struct Upstream {
    stream: WebSocketStream<Box<dyn Io>>,
    route: Arc<Route>,
    deployment: Arc<Deployment>,
    /// The protocol that was agreed on.
    pub(super) protocol: Option<HeaderValue>,
}

/// Opens the provider's end.
///
/// # Errors
/// What keeps it from being opened, in the provider's own words where it has some.
pub(super) async fn open(
    world: &World,
    caller: &Caller,
    (parts, headers): (&Parts, &HeaderMap),
) -> Result<Upstream, Failure> {
    let model = asks(parts.uri.query(), "model").ok_or_else(|| {
        let message = "Name a model in the query, as in `/v1/realtime?model=gpt-realtime`.";
        Rejection::invalid(message).with_param("model")
    })?;
    let model = crate::models::percent_decoded(model);
    let route = resolve(world, caller, &String::from_utf8_lossy(&model))?;
    let mut plan = route.plan();
    let offering = plan.find_map(|deployment| {
        let endpoint = deployment.upstream.native(DIALECT, Operation::Realtime)?;
        Some((Arc::clone(deployment), endpoint.clone()))
    });
    let (deployment, endpoint) = offering.ok_or_else(|| {
        let message = format!(
            "The model `{}` does not offer realtime in this API.",
            route.public
        );
        Rejection::invalid(message).with_param("model")
    })?;
    let query = forwarded_query(parts.uri.query());
    let asked = (Operation::Realtime, false);
    let uris = endpoint.uris(asked, &deployment.model, query.as_deref());
    let (_, uri) = uris.ok_or_else(|| Rejection::invalid("The query is not one."))?;
    let mut request = http::Request::new(());
    let scheme = uri.to_string().replacen("http", "ws", 1);
    *request.uri_mut() = scheme
        .parse()
        .map_err(|_| Rejection::invalid("The query is not one."))?;
    let own = outgoing_headers(headers, true, &deployment.upstream, &endpoint.origin);
    *request.headers_mut() = handshake(own, &parts.headers);
    let opening = async {
        let io = send::dial(&endpoint.origin, &world.network).await?;
        let config = Some(config(world.max_body));
        Ok::<_, Rejection>(client_async_with_config(request, io, config).await)
    };
    let patience = route.timeouts.connect + route.timeouts.headers;
    let opened = timeout(patience, opening).await.map_err(|_| {
        Rejection::upstream(Kind::Timeout, "The provider could not be reached in time.")
    })?;
    let (stream, response) = match opened? {
        Ok(opened) => opened,
        Err(error) => return Err(refused(error)),
    };
    let protocol = response.headers().get(SEC_WEBSOCKET_PROTOCOL).cloned();
    Ok(Upstream {
        stream,
        route: Arc::clone(&route),
        deployment,
        protocol,
    })
}

/// The headers with which the provider's end is opened.
fn handshake(mut headers: HeaderMap, client: &HeaderMap) -> HeaderMap {
    for name in [
        SEC_WEBSOCKET_EXTENSIONS,
        SEC_WEBSOCKET_PROTOCOL,
        CONTENT_TYPE,
    ] {
        headers.remove(name);
    }
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    if let Ok(key) = HeaderValue::from_str(&generate_key()) {
        headers.insert(SEC_WEBSOCKET_KEY, key);
    }
    let offered: Vec<_> = protocols(client)
        .filter(|protocol| !protocol.starts_with(KEY_PROTOCOL))
        .collect();
    if let (false, Ok(offered)) = (
        offered.is_empty(),
        HeaderValue::from_str(&offered.join(", ")),
    ) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, offered);
    }
    headers
}

/// What it means that the provider does not take the connection.
fn refused(error: Error) -> Failure {
    let Error::Http(response) = error else {
        let message = "The provider did not open the WebSocket.";
        return Rejection::upstream(Kind::Unreachable, message)
            .with_private(error.to_string())
            .into();
    };
    let (parts, body) = response.into_parts();
    let (status, body) = (parts.status.as_u16(), Bytes::from(body.unwrap_or_default()));
    let upstream = weir_dialect::upstream(DIALECT);
    let rejection = upstream.decode_failure(status, &parts.headers, &body);
    let told = weir_dialect::json::scan::find_field(&body, "error").is_some();
    let own_words = told && rejection.kind != Kind::UpstreamAuth;
    Failure {
        verbatim: own_words.then_some(Verbatim { status, body }),
        ..rejection.into()
    }
}

/// One connection, between its two ends.
pub(super) struct Session {
    opening: Box<Opening>,
    upstream: Upstream,
    /// The responses that are under way, the oldest first.
    responses: VecDeque<(String, Box<Permit>)>,
}

impl Session {
    pub(super) fn new(opening: Box<Opening>, upstream: Upstream) -> Session {
        Session {
            opening,
            upstream,
            responses: VecDeque::new(),
        }
    }

    /// Relays until either end is gone.
    pub(super) async fn run(mut self, socket: &mut Socket, mut drain: watch::Receiver<bool>) {
        let until = Instant::now() + LIFE;
        let mut look = tokio::time::interval(LOOK);
        let mut draining = false;
        let (code, reason) = loop {
            if draining && self.responses.is_empty() {
                break (CloseCode::Restart, "the gateway is restarting");
            }
            let relayed = tokio::select! {
                () = drained(&mut drain), if !draining => {
                    draining = true;
                    continue;
                }
                () = tokio::time::sleep_until(until) => {
                    break (CloseCode::Normal, "60 minutes are over");
                }
                _ = look.tick() => {
                    if !self.opening.is_open() {
                        break (CloseCode::Policy, "the key is disabled");
                    }
                    continue;
                }
                message = socket.next() => match message {
                    Ok(Message::Close(frame)) => return self.leave(frame).await,
                    Ok(message) => self.pass_on(message).await,
                    Err(Gone) => return self.leave(None).await,
                },
                message = self.upstream.stream.next() => match message {
                    Some(Ok(Message::Close(frame))) => return socket.close_with(frame).await,
                    Some(Ok(message)) => self.hand_back(socket, message).await,
                    Some(Err(error)) => {
                        tracing::warn!(%error, "the provider's WebSocket broke");
                        break (CloseCode::Error, "the provider broke off");
                    }
                    None => break (CloseCode::Error, "the provider broke off"),
                },
            };
            if relayed.is_err() {
                break (CloseCode::Error, "a frame could not be relayed");
            }
        };
        socket.close(code, reason).await;
        self.leave(None).await;
    }

    /// Tells the provider that the client has left.
    async fn leave(&mut self, frame: Option<CloseFrame>) {
        let _ = timeout(Duration::from_secs(2), self.upstream.stream.close(frame)).await;
    }

    /// A message of the client's.
    async fn pass_on(&mut self, message: Message) -> Result<(), Gone> {
        let sent = timeout(PATIENCE, self.upstream.stream.send(message)).await;
        sent.map_err(|_| Gone)?.map_err(|_| Gone)
    }

    /// A message of the provider's. What it costs is on record before the client sees it.
    async fn hand_back(&mut self, socket: &mut Socket, message: Message) -> Result<(), Gone> {
        match &message {
            Message::Text(text) => self.note(text.as_bytes()).map_err(|rejection| {
                tracing::error!(%rejection, "a response cannot be recorded");
                Gone
            })?,
            Message::Binary(_) => {}
            _ => return Ok(()),
        }
        socket.send(message).await
    }

    fn note(&mut self, event: &[u8]) -> Result<(), Rejection> {
        match hear(event) {
            Heard::Begun(id) => {
                let permit = self.begin()?;
                if self.responses.len() == MAX_RESPONSES {
                    self.responses.pop_front();
                }
                self.responses.push_back((id, permit));
            }
            Heard::Done(id, usage) => {
                let known = self.responses.iter().position(|(known, _)| *known == id);
                let mut permit = match known.and_then(|at| self.responses.remove(at)) {
                    Some((_, permit)) => permit,
                    None => self.begin()?,
                };
                permit.meter.usage = usage;
                permit.meter.usage_complete = usage.is_some();
                permit.settle(200, Outcome::Ok, None);
            }
            Heard::Said(bytes) => {
                if let Some((_, permit)) = self.responses.back_mut() {
                    permit.meter.text_bytes += bytes as u64;
                }
            }
            Heard::Other => {}
        }
        Ok(())
    }

    /// Opens a response as a call.
    fn begin(&self) -> Result<Box<Permit>, Rejection> {
        let worker = &self.opening.worker;
        let call = Call::new(
            worker.arrive(),
            (DIALECT, Operation::Realtime),
            self.opening.caller.clone(),
            HeaderMap::new(),
            worker.shared.budget.hold(),
        );
        let mut permit = admit::reserve(worker, &call, &self.upstream.route, None, true)?;
        permit.meter.begin_attempt(&self.upstream.deployment, 0);
        Ok(permit)
    }
}
