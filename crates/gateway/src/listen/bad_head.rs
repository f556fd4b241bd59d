//! What a client is told whose request line or headers cannot be read: the status that hyper chose,
//! with words in the client's own dialect. Ends the connection, since nobody knows where a next
//! request would begin (RFC 9112, section 6.3); never before the client could read why.

use std::io;

use bytes::Bytes;
use http::{HeaderMap, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use weir_model::{Kind, Rejection, Source};

use super::read::{DISCARD, MAX_DISCARDED};
use super::surface::spoken;
use super::wire::Wire;
use crate::body::Body;
use crate::pipeline;
use crate::worker::Worker;

/// Answers instead of hyper, whose refusal the wire kept back.
pub(super) async fn answer(
    worker: &Worker,
    mut wire: Wire,
    error: &hyper::Error,
    max_header_bytes: usize,
) {
    let head = String::from_utf8_lossy(&wire.head);
    let path = head.split_whitespace().nth(1).unwrap_or_default();
    let dialect = spoken(path, &HeaderMap::new());
    let hypers = String::from_utf8_lossy(&wire.refusal);
    let failure = rejection(&hypers, error, max_header_bytes).into();
    let response = pipeline::refuse(worker, dialect.into(), &failure, &worker.arrive().id);
    let bytes = with_words(&hypers, response);
    let told = async {
        wire.stream.write_all(&bytes).await?;
        wire.stream.shutdown().await?;
        // Closing under a client that is still sending would destroy the answer.
        let mut rest = wire.stream.take(MAX_DISCARDED as u64);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
        io::Result::Ok(())
    };
    let _ = tokio::time::timeout(DISCARD, told).await;
}

/// What is wrong, in words that say what to do.
fn rejection(hypers: &str, error: &hyper::Error, max_header_bytes: usize) -> Rejection {
    let status = hypers.split(' ').nth(1).and_then(|code| code.parse().ok());
    let too_large = |message: String| Rejection::new(Kind::TooLarge, Source::Client, message);
    let rejection = match status {
        Some(431) => too_large(format!(
            "The head of the request is too large: at most {max_header_bytes} bytes \
             (`server.max_header_bytes`) and 100 headers are taken."
        )),
        Some(414) => too_large("The URI of the request is too long.".to_owned()),
        _ => {
            let wrong = error.to_string();
            let advice = if wrong.contains("content-length") {
                "Send one `Content-Length`: the number of bytes in the body."
            } else if wrong.contains("transfer-encoding") {
                "Send `Transfer-Encoding: chunked` over HTTP/1.1, or a `Content-Length` instead."
            } else if wrong.contains("header") {
                "Send each header as `Name: value`, on a line of its own."
            } else {
                "Begin with a line such as `POST /v1/chat/completions HTTP/1.1`."
            };
            Rejection::invalid(format!(
                "The head of the request cannot be read ({wrong}). {advice}"
            ))
        }
    };
    rejection.with_status(status.unwrap_or(400))
}

/// The bytes of hyper's empty refusal, with our headers and body in it.
fn with_words(hypers: &str, response: Response<Body>) -> Vec<u8> {
    let (parts, body) = response.into_parts();
    let body = match body {
        Body::Full(bytes) => bytes.unwrap_or_default(),
        Body::Relay(_) | Body::Pipe(_) | Body::Session(_) => Bytes::new(),
    };
    let mut out = Vec::with_capacity(512 + body.len());
    for line in hypers.lines().filter(|line| !line.is_empty()) {
        if !line.starts_with("content-length:") {
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
    for (name, value) in &parts.headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    out.extend_from_slice(&body);
    out
}
