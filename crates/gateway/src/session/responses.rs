//! The Responses API over a WebSocket: each `response.create` is one call, and its events come as
//! text frames. What is not stored can be continued on the connection that it was made on.
//! <https://platform.openai.com/docs/guides/websocket-mode>

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::BodyExt;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use weir_dialect::json::scan::{self, TopLevel};
use weir_dialect::json::{splice::Splices, write};
use weir_dialect::openai_responses::stored::{self, References};
use weir_dialect::sse::Cutter;
use weir_model::{Dialect, Event, IdMint, Json, Kind, Operation, Rejection, Source, Usage};

use super::socket::{Gone, Socket};
use super::{LIFE, Opening, drained};
use crate::body::Body;
use crate::call::{Arrival, Call};
use crate::pipeline;
use crate::rejection::Failure;
use crate::route;
use crate::translate::context;

/// Most requests that wait for the one before.
const MAX_WAITING: usize = 8;

/// Most responses that are remembered.
const MAX_REMEMBERED: usize = 4;

const DIALECT: Dialect = Dialect::OpenAiResponses;

/// One connection.
pub(super) struct Session {
    opening: Box<Opening>,
    drain: watch::Receiver<bool>,
    /// When it has lived long enough.
    until: Instant,
    waiting: VecDeque<Bytes>,
    /// The last responses that were not stored, the newest last.
    remembered: VecDeque<Remembered>,
}

/// A response that only this connection knows.
struct Remembered {
    id: String,
    /// The response before, which others know.
    base: Option<String>,
    /// What was said since.
    items: Vec<Json>,
}

impl Remembered {
    fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.get().len()).sum()
    }
}

/// A request of the client's, taken apart.
struct Asked {
    body: Bytes,
    references: References,
    /// A field for every frame of the answer.
    lane: Option<String>,
    /// Whether an answer is wanted, and not only what it would continue.
    generate: bool,
    /// What is continued that only this connection knows: where, and what others know before it.
    continues: Option<String>,
}

impl Session {
    pub(super) fn new(opening: Box<Opening>, drain: watch::Receiver<bool>) -> Session {
        Session {
            opening,
            drain,
            until: Instant::now() + LIFE,
            waiting: VecDeque::new(),
            remembered: VecDeque::new(),
        }
    }

    pub(super) async fn run(mut self, socket: &mut Socket) {
        loop {
            let text = match self.waiting.pop_front() {
                Some(text) => text,
                None => match self.next(socket).await {
                    Some(text) => text,
                    None => return,
                },
            };
            if !self.opening.is_open() {
                let _ = socket.say(refusal_frame(&disabled())).await;
                return socket.close(CloseCode::Policy, "the key is disabled").await;
            }
            if Box::pin(self.turn(socket, text)).await.is_err() {
                return;
            }
        }
    }

    /// The next message, unless the connection is to end.
    async fn next(&mut self, socket: &mut Socket) -> Option<Bytes> {
        loop {
            tokio::select! {
                biased;
                () = drained(&mut self.drain) => {
                    socket.close(CloseCode::Restart, "the gateway is restarting").await;
                    return None;
                }
                () = tokio::time::sleep_until(self.until) => {
                    let message = "This WebSocket has reached its limit of 60 minutes. Open another one.";
                    let limit = Rejection::invalid(message)
                        .with_code("websocket_connection_limit_reached");
                    let _ = socket.say(refusal_frame(&limit)).await;
                    socket.close(CloseCode::Normal, "60 minutes are over").await;
                    return None;
                }
                message = socket.next() => match message.ok()? {
                    Message::Text(text) => return Some(text.into()),
                    Message::Close(_) => return None,
                    _ => {
                        let wrong = Rejection::invalid("Send requests as text frames of JSON.");
                        socket.say(refusal_frame(&wrong)).await.ok()?;
                    }
                },
            }
        }
    }

    /// Works one message off.
    async fn turn(&mut self, socket: &mut Socket, text: Bytes) -> Result<(), Gone> {
        let worker = Arc::clone(&self.opening.worker);
        let arrival = worker.arrive();
        let asked = match self.read(text) {
            Ok(Some(asked)) => asked,
            Ok(None) => return Ok(()),
            Err(rejection) => {
                let id = &arrival.id;
                let refused = pipeline::refuse(&worker, DIALECT.into(), &rejection.into(), id);
                return socket.say(frame_of(refused, None).await).await;
            }
        };
        let told = match asked.generate {
            false => self.warm_up(&arrival, &asked).map_err(Failure::from),
            true => {
                let call = self.call(arrival.clone(), &asked);
                let carried = async {
                    let world = worker.shared.world();
                    let mut spoken = DIALECT.into();
                    Box::pin(pipeline::carry(&worker, &world, call?, &mut spoken)).await
                };
                self.meanwhile(socket, carried).await?
            }
        };
        match told {
            Ok(response) => self.relay(socket, &asked, response.into_body()).await,
            Err(failure) => {
                // As OpenAI has it, what a failed request continues is forgotten.
                self.remembered
                    .retain(|known| Some(&known.id) != asked.continues.as_ref());
                let refused = pipeline::refuse(&worker, DIALECT.into(), &failure, &arrival.id);
                let frame = frame_of(refused, asked.lane.as_deref()).await;
                socket.say(frame).await
            }
        }
    }

    /// Waits, and lets requests wait too.
    async fn meanwhile<T>(
        &mut self,
        socket: &mut Socket,
        awaited: impl Future<Output = T>,
    ) -> Result<T, Gone> {
        let waiting = &mut self.waiting;
        let take = |message| {
            if let Message::Text(text) = message {
                waiting.push_back(text.into());
            }
            waiting.len() < MAX_WAITING
        };
        socket.meanwhile(awaited, take).await
    }

    /// Takes a message apart; `None` for one that asks nothing.
    fn read(&self, text: Bytes) -> Result<Option<Asked>, Rejection> {
        let fields = scan::top_level(&text)?;
        match fields.get(&text, "type").and_then(scan::string).as_deref() {
            Some("response.create") => {}
            // Codex tells so what it has worked off.
            Some("response.processed") => return Ok(None),
            other => {
                let message = format!(
                    "`type` must be `response.create`, not `{}`.",
                    other.unwrap_or_default()
                );
                return Err(Rejection::invalid(message).with_param("type"));
            }
        }
        let is = |name: &str, word: &[u8]| fields.get(&text, name) == Some(word);
        if is("background", b"true") {
            let message = "`background`: a WebSocket answers at once; leave it out.";
            return Err(Rejection::invalid(message).with_param("background"));
        }
        let lane = fields
            .get(&text, "stream_id")
            .filter(|raw| raw.starts_with(b"\""));
        let lane = lane.map(|id| format!("\"stream_id\":{},", String::from_utf8_lossy(id)));
        let generate = !is("generate", b"false");
        let body = as_request(&text, &fields);
        let client = weir_dialect::client(DIALECT);
        let head = client.read_head(Operation::Chat, &body)?;
        let references = References::read(&head)?;
        let known = references.previous.as_ref();
        let known = self.remembered.iter().find(|r| Some(&r.id) == known);
        let Some(known) = known else {
            return Ok(Some(Asked {
                body,
                references,
                lane,
                generate,
                continues: None,
            }));
        };
        let mut expanded = stored::expanded(&body, &head, &known.items);
        if let Some(base) = &known.base {
            let fields = scan::top_level(&expanded)?;
            let id = String::from_utf8_lossy(&write::string(base)).into_owned();
            let mut splices = Splices::default();
            splices.append_field(&fields, &format!("\"previous_response_id\":{id}"));
            expanded = splices.apply(&expanded);
        }
        Ok(Some(Asked {
            body: expanded,
            references,
            lane,
            generate,
            continues: Some(known.id.clone()),
        }))
    }

    fn call(&self, arrival: Arrival, asked: &Asked) -> Result<Call, Rejection> {
        let mut held = self.opening.worker.shared.budget.hold();
        held.grow(asked.body.len())?;
        let mut call = Call::new(
            arrival,
            (DIALECT, Operation::Chat),
            self.opening.caller.clone(),
            self.opening.headers.clone(),
            held,
        );
        call.body = asked.body.clone();
        Ok(call)
    }

    /// Answers a request that wants nothing but to be continued.
    fn warm_up(&self, arrival: &Arrival, asked: &Asked) -> Result<http::Response<Body>, Rejection> {
        let client = weir_dialect::client(DIALECT);
        let head = client.read_head(Operation::Chat, &asked.body)?;
        let world = self.opening.worker.shared.world();
        let route = route::resolve(&world, &self.opening.caller, &head.model)?;
        let decoded = client.decode_request(&asked.body);
        let request = decoded.map(|decoded| decoded.value).unwrap_or_default();
        let mut encoder = client.stream_encoder(&request, &route.public);
        let ids = IdMint::new(arrival.seed.rotate_left(1));
        let deployment = route.first();
        let now_s = arrival.at_nanos / 1_000_000_000;
        let cx = context(now_s, &ids, &deployment.quirks, &deployment.capabilities);
        let start = Event::Start {
            id: None,
            model: None,
            created: None,
        };
        let mut frames = Vec::new();
        for event in [start, Event::Usage(Usage::default()), Event::End] {
            encoder.encode(&event, &cx, &mut frames);
        }
        Ok(http::Response::new(Body::full(frames)))
    }

    /// Sends the events of an answer, and remembers it.
    async fn relay(
        &mut self,
        socket: &mut Socket,
        asked: &Asked,
        mut body: Body,
    ) -> Result<(), Gone> {
        let mut cutter = Cutter::default();
        loop {
            let piece = self.meanwhile(socket, body.frame()).await?;
            let ended = piece.is_none();
            if let Some(Ok(piece)) = piece
                && let Ok(piece) = piece.into_data()
            {
                cutter.push(piece);
            }
            loop {
                let next = cutter.next_frame().ok().flatten();
                let Some(frame) = next.or_else(|| cutter.finish().filter(|_| ended)) else {
                    break;
                };
                match frame.data() {
                    // A comment that keeps the connection alive.
                    None => socket.send(Message::Ping(Bytes::new())).await?,
                    Some(data) => {
                        if let Some(response) = stored::finished(data) {
                            self.remember(asked, response);
                        }
                        socket.say(told(data, asked.lane.as_deref())).await?;
                    }
                }
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// Remembers a response that nobody else does.
    fn remember(&mut self, asked: &Asked, response: &[u8]) {
        let Some(id) = stored::id(response) else {
            return;
        };
        if asked.references.store && asked.generate {
            return;
        }
        let client = weir_dialect::client(DIALECT);
        let Ok(head) = client.read_head(Operation::Chat, &asked.body) else {
            return;
        };
        let ids = IdMint::new(0);
        let items = stored::said(stored::input(&head, &ids), response);
        let base = References::read(&head).ok().and_then(|read| read.previous);
        self.remembered.push_back(Remembered { id, base, items });
        let max_bytes = self.opening.worker.shared.world().max_body;
        let bytes = |all: &VecDeque<Remembered>| all.iter().map(Remembered::bytes).sum::<usize>();
        while self.remembered.len() > MAX_REMEMBERED || bytes(&self.remembered) > max_bytes {
            self.remembered.pop_front();
        }
    }
}

/// The request that a message holds, as it would be posted.
fn as_request(text: &Bytes, fields: &TopLevel) -> Bytes {
    let mut splices = Splices::default();
    let gone = |index: usize| {
        let key = &text[fields.fields[index].key.clone()];
        matches!(
            key,
            b"type" | b"stream" | b"background" | b"generate" | b"stream_id"
        )
    };
    let empty = (0..fields.fields.len()).all(gone);
    splices.remove_fields(fields, gone);
    let comma = if empty { "" } else { "," };
    splices.replace(fields.end..fields.end, format!("{comma}\"stream\":true"));
    splices.apply(text)
}

/// An event as the client gets it. An error says also what its status would be, because a client
/// that stays connected would wait for more.
fn told(data: &[u8], lane: Option<&str>) -> Bytes {
    let kind = scan::find_field(data, "type");
    let error = kind.is_some_and(|kind| &data[kind] == b"\"error\"");
    let status = match error && scan::find_field(data, "status").is_none() {
        true => "\"status\":502,",
        false => "",
    };
    match data.strip_prefix(b"{") {
        Some(rest) if !status.is_empty() || lane.is_some() => [
            b"{",
            status.as_bytes(),
            lane.unwrap_or_default().as_bytes(),
            rest,
        ]
        .concat()
        .into(),
        _ => Bytes::copy_from_slice(data),
    }
}

/// A refusal as a frame: the body that it would have, its status, and the headers that matter.
async fn frame_of(refused: http::Response<Body>, lane: Option<&str>) -> Bytes {
    let (parts, body) = refused.into_parts();
    let body = body.into_data_stream().next().await;
    let body = body.and_then(Result::ok).unwrap_or_default();
    let error = scan::find_field(&body, "error").map(|place| &body[place]);
    let mut headers = String::new();
    for (name, value) in &parts.headers {
        if name == "content-type" {
            continue;
        }
        let value = write::string(value.to_str().unwrap_or_default());
        let comma = if headers.is_empty() { "" } else { "," };
        headers.push_str(&format!(
            "{comma}\"{name}\":{}",
            String::from_utf8_lossy(&value)
        ));
    }
    let frame = format!(
        "{{\"type\":\"error\",{}\"status\":{},\"error\":{},\"headers\":{{{headers}}}}}",
        lane.unwrap_or_default(),
        parts.status.as_u16(),
        String::from_utf8_lossy(error.unwrap_or(b"null")),
    );
    frame.into()
}

/// The same where no request is refused.
fn refusal_frame(rejection: &Rejection) -> Bytes {
    let client = weir_dialect::client(DIALECT);
    let body = client.encode_rejection(rejection, "");
    let status = format!("{{\"type\":\"error\",\"status\":{},", rejection.status);
    [
        status.as_bytes(),
        body.strip_prefix(b"{").unwrap_or_default(),
    ]
    .concat()
    .into()
}

fn disabled() -> Rejection {
    let message = "The API key is disabled. Ask whoever runs this gateway.";
    Rejection::new(Kind::Unauthenticated, Source::Client, message).with_code("invalid_api_key")
}
