//! OpenAI's Realtime API over a WebSocket: a strict vendor of text answers.
//!
//! Events: <https://platform.openai.com/docs/api-reference/realtime-client-events>. Options of the model's
//! name: `close=N` closes with that code at the first response, `binary` sends binary frames back.

use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role},
    },
};
use weir_sim::{Kind, Knob, Reply, Script};

use crate::{
    openai::check_key,
    refusal::{Checked, Refusal},
};

const KNOBS: &[Knob] = &[
    Knob {
        name: "close",
        kind: Kind::Number { max: 4999 },
        about: "closes with that code at the first response",
    },
    Knob {
        name: "binary",
        kind: Kind::Flag,
        about: "binary frames come back",
    },
];

/// The model that is asked for.
pub(crate) fn asked(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Checked<Script>> {
    if uri.path() != "/v1/realtime" || method != Method::GET {
        return None;
    }
    Some(check_key(headers).and_then(|()| {
        let upgrade = headers
            .get(header::UPGRADE)
            .is_some_and(|value| value == "websocket");
        let keyed = headers.contains_key(header::SEC_WEBSOCKET_KEY);
        if !upgrade || !keyed {
            return Err(Refusal::invalid(
                "This endpoint speaks the WebSocket protocol.",
            ));
        }
        let pairs = uri.query().unwrap_or_default().split('&');
        let mut models = pairs.filter_map(|pair| pair.strip_prefix("model="));
        let (Some(model), None) = (models.next(), models.next()) else {
            return Err(Refusal::invalid("You must provide one model parameter.")
                .param("model")
                .code("missing_model"));
        };
        let model = model.replace("%2B", "+").replace("%3D", "=");
        if !model.starts_with("gpt-realtime") {
            return Err(
                Refusal::invalid(format!("The model `{model}` does not exist."))
                    .with_kind(404, "invalid_request_error")
                    .code("model_not_found"),
            );
        }
        Script::parse(&model, KNOBS).map_err(Refusal::invalid)
    }))
}

/// The answer that opens the WebSocket.
pub(crate) fn opened<B: Default>(headers: &HeaderMap) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .map(HeaderValue::as_bytes);
    let accept = derive_accept_key(key.unwrap_or_default());
    let offered = headers
        .get(header::SEC_WEBSOCKET_PROTOCOL)
        .and_then(|v| v.to_str().ok());
    let speaks = offered.is_some_and(|offered| offered.split(", ").any(|p| p == "realtime"));
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if speaks {
        headers.insert(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static("realtime"),
        );
    }
    response
}

/// One session.
pub(crate) async fn serve(upgraded: Upgraded, script: Script) {
    let io = TokioIo::new(upgraded);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
    let mut session = Session {
        model: script.base.clone(),
        said: Vec::new(),
        events: 0,
    };
    let hello = session.event("session.created", json!({"session": session.shown()}));
    let mut out = vec![hello];
    loop {
        for event in out.drain(..) {
            if socket.send(Message::text(event.to_string())).await.is_err() {
                return;
            }
        }
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let event: Value = serde_json::from_str(&text).unwrap_or_default();
                if event["type"] == "response.create"
                    && let Some(code) = script.number("close")
                {
                    let code = u16::try_from(code).unwrap_or(1011);
                    let reason = "as the model's name says".into();
                    let frame = CloseFrame {
                        code: code.into(),
                        reason,
                    };
                    let _ = socket.close(Some(frame)).await;
                    continue;
                }
                out = session.answer(&event);
            }
            Some(Ok(Message::Binary(bytes))) if script.is("binary") => {
                let _ = socket.send(Message::Binary(bytes)).await;
            }
            Some(Ok(Message::Binary(_))) => {
                out.push(session.error("Binary frames are not taken.", "type"))
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return,
        }
    }
}

struct Session {
    model: String,
    /// What the user said last.
    said: Vec<String>,
    events: u32,
}

impl Session {
    fn shown(&self) -> Value {
        json!({"object": "realtime.session", "type": "realtime", "id": "sess_1", "model": self.model})
    }

    fn event(&mut self, kind: &str, more: Value) -> Value {
        self.events += 1;
        let mut event = json!({"type": kind, "event_id": format!("event_{}", self.events)});
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        event
    }

    fn error(&mut self, message: &str, param: &str) -> Value {
        let error = json!({"type": "invalid_request_error", "code": "invalid_value",
            "message": message, "param": param});
        self.event("error", json!({"error": error}))
    }

    fn answer(&mut self, event: &Value) -> Vec<Value> {
        match event["type"].as_str() {
            Some("session.update") if event["session"]["type"] == "realtime" => {
                let session = self.shown();
                vec![self.event("session.updated", json!({"session": session}))]
            }
            Some("session.update") => vec![self.error(
                "Missing required parameter: 'session.type'.",
                "session.type",
            )],
            Some("conversation.item.create") => {
                let text = event["item"]["content"][0]["text"]
                    .as_str()
                    .unwrap_or_default();
                self.said.push(text.to_owned());
                vec![self.event("conversation.item.added", json!({"item": event["item"]}))]
            }
            Some("response.create") => self.respond(),
            Some(other) => {
                let message = format!("Invalid value: '{other}'.");
                vec![self.error(&message, "type")]
            }
            None => vec![self.error("Could not parse the event.", "type")],
        }
    }

    /// Repeats what was said last, word by word.
    fn respond(&mut self) -> Vec<Value> {
        let text = self.said.last().cloned().unwrap_or_default();
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let id = format!("resp_{}", self.said.len());
        let begun =
            json!({"object": "realtime.response", "id": id, "status": "in_progress", "output": []});
        let mut events = vec![self.event("response.created", json!({"response": begun}))];
        for word in &words {
            let delta = json!({"response_id": id, "item_id": "item_1", "output_index": 0, "content_index": 0, "delta": word});
            events.push(self.event("response.output_text.delta", delta));
        }
        let output = words.len();
        let usage = json!({"total_tokens": 10 + output, "input_tokens": 10, "output_tokens": output,
            "input_token_details": {"text_tokens": 7, "audio_tokens": 3, "cached_tokens": 2},
            "output_token_details": {"text_tokens": output, "audio_tokens": 0}});
        let item = json!({"id": "item_1", "object": "realtime.item", "type": "message", "role": "assistant",
            "status": "completed", "content": [{"type": "output_text", "text": text}]});
        let done = json!({"object": "realtime.response", "id": id, "status": "completed", "output": [item], "usage": usage});
        events.push(self.event("response.done", json!({"response": done})));
        events
    }
}

/// The answer to `POST /v1/realtime/client_secrets`.
pub(crate) fn secret(path: &str, body: &[u8]) -> Option<Checked<Reply>> {
    if path != "/v1/realtime/client_secrets" {
        return None;
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let session = &body["session"];
    if session["type"] != "realtime" {
        let refusal = Refusal::invalid("Missing required parameter: 'session.type'.");
        return Some(Err(refusal.param("session.type")));
    }
    let secret = json!({"value": "ek_mimic", "expires_at": 1_780_000_600, "session": session});
    Some(Ok(Reply::json(200, secret.to_string())))
}
