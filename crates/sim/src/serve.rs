//! The simulator over HTTP/1.1 on any byte stream.
//!
//! One connection is one future: it ends when the peer closes. No credentials are asked for.

use std::{convert::Infallible, fmt, pin::pin};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    openai::model_list,
    reply::{Paced, Reply},
    responses::input_tokens,
    script::{BEHAVIOURS, Script, models},
    vectors::{embeddings, rerank},
    wire::{Wire, play},
};

/// The largest request body accepted.
pub const MAX_BODY_BYTES: usize = 64 << 20;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// A turn on one of the wires.
    Turn(Wire),
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1/rerank`.
    Rerank,
    /// `POST /v1/messages/count_tokens`.
    CountTokens,
    /// `POST /v1/responses/input_tokens`.
    InputTokens,
    /// `POST /v1/responses/compact`, which the simulator does not answer.
    Compact,
    /// `GET /v1/models`, with an id: `GET /v1/models/{id}`.
    Models(Option<String>),
    /// The path exists, not with this method.
    WrongMethod,
    /// No such path.
    Unknown,
}

impl Route {
    /// The route of a request; `path` without the query.
    #[must_use]
    pub fn of(method: &Method, path: &str) -> Self {
        let (route, wanted) = match path {
            "/v1/chat/completions" => (Self::Turn(Wire::Chat), Method::POST),
            "/v1/completions" => (Self::Turn(Wire::Completions), Method::POST),
            "/v1/messages" => (Self::Turn(Wire::Messages), Method::POST),
            "/v2/chat" => (Self::Turn(Wire::Cohere), Method::POST),
            "/v1/responses" => (Self::Turn(Wire::Responses), Method::POST),
            "/v1/embeddings" => (Self::Embeddings, Method::POST),
            "/v1/rerank" => (Self::Rerank, Method::POST),
            "/v1/messages/count_tokens" => (Self::CountTokens, Method::POST),
            "/v1/responses/input_tokens" => (Self::InputTokens, Method::POST),
            "/v1/responses/compact" => (Self::Compact, Method::POST),
            "/v1/models" => (Self::Models(None), Method::GET),
            _ => match path.strip_prefix("/v1/models/") {
                Some(id) => (Self::Models(Some(id.to_owned())), Method::GET),
                None => return Self::Unknown,
            },
        };
        if *method == wanted {
            route
        } else {
            Self::WrongMethod
        }
    }
}

/// A request body that broke off or exceeds its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request body broke off or is too large")
    }
}

impl std::error::Error for Unreadable {}

/// Reads a body of at most `max` bytes.
///
/// # Errors
/// [`Unreadable`] when it is longer, or breaks off.
pub async fn read_body<B: Body<Data = Bytes>>(body: B, max: usize) -> Result<Bytes, Unreadable> {
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unreadable)?.into_data() else {
            continue;
        };
        if first.len().max(whole.len()) + data.len() > max {
            return Err(Unreadable);
        }
        if first.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() {
        first
    } else {
        whole.freeze()
    })
}

/// Serves one HTTP/1.1 connection until the peer closes it. Needs a tokio runtime with time enabled.
pub async fn serve_connection<I>(io: I)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let serving = http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(io), service_fn(serve));
    // A broken connection is the peer's affair or a scripted reset: there is no one to tell.
    let _ = serving.await;
}

async fn serve(request: Request<Incoming>) -> Result<Response<Paced>, Infallible> {
    let (head, body) = request.into_parts();
    let route = Route::of(&head.method, head.uri.path());
    let messages = head.headers.contains_key("anthropic-version")
        || matches!(route, Route::Turn(Wire::Messages) | Route::CountTokens);
    let reply = match read_body(body, MAX_BODY_BYTES).await {
        Ok(body) => answer(route, &body, messages),
        Err(Unreadable) => refuse(messages, 413, "The request body is too large."),
    };
    if !reply.wait.is_zero() {
        tokio::time::sleep(reply.wait).await;
    }
    Ok(reply.into_response())
}

fn refuse(messages: bool, status: u16, message: &str) -> Reply {
    let wire = if messages { Wire::Messages } else { Wire::Chat };
    Reply::json(status, wire.error(status, None, Some(message)))
}

fn answer(route: Route, body: &Bytes, messages: bool) -> Reply {
    match &route {
        Route::Unknown => return refuse(messages, 404, "There is no such path."),
        Route::WrongMethod => return refuse(messages, 405, "This path does not take this method."),
        Route::Models(id) => {
            let found = model_list(models(), id.as_deref(), messages);
            return found.map_or_else(
                || refuse(messages, 404, "There is no such model."),
                |list| Reply::json(200, list),
            );
        }
        _ => {}
    }
    let Ok(body @ Value::Object(_)) = serde_json::from_slice(body) else {
        return refuse(messages, 400, "The request body is not a JSON object.");
    };
    let Some(model) = body["model"].as_str() else {
        return refuse(messages, 400, "The request names no model.");
    };
    let script = match Script::parse(model, &[]) {
        Ok(script) if script.plays(BEHAVIOURS) => script,
        Ok(_) => {
            return refuse(
                messages,
                404,
                &format!("The model `{model}` does not exist."),
            );
        }
        Err(fault) => return refuse(messages, 400, &fault),
    };
    match route {
        Route::Turn(_) if script.base == "embed" => {
            refuse(messages, 404, "This model is for embeddings only.")
        }
        Route::Turn(_) if script.base == "rerank" => {
            refuse(messages, 404, "This model is for reranking only.")
        }
        Route::Turn(wire) => play(wire, &body, &script, |frames| frames),
        Route::CountTokens => {
            let tokens = Wire::Messages.read(&body).input_tokens;
            Reply::json(200, json!({"input_tokens": tokens}).to_string())
        }
        Route::InputTokens => Reply::json(200, input_tokens(&body)),
        _ if script.base == "fail" => play(Wire::Chat, &body, &script, |frames| frames),
        Route::Rerank => Reply::json(200, rerank(&script, &body)),
        _ => Reply::json(200, embeddings(&script, &body)),
    }
}

#[cfg(test)]
mod tests;
