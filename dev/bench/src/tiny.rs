//! A minimal upstream, for trying the load generator and the bare proxy without anything else: it answers every
//! POST with the same chat completion of about 1 KB, or with a stream when the model asks for one
//! (`bench-stream+chunks=N+gap_ms=G`). It checks nothing.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::serve::Answer;

const MAX_BODY: usize = 4 << 20;
const MAX_CHUNKS: u32 = 1_000_000;

const WHOLE: &str = include_str!("tiny/answer.json");
const CHUNK: &[u8] = b"data: {\"id\":\"chatcmpl-tiny\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" river\"},\"finish_reason\":null}]}\n\n";
const DONE: &[u8] = b"data: [DONE]\n\n";

/// The upstream that answers always the same.
#[derive(Debug, Clone, Copy)]
pub struct Tiny;

impl Answer for Tiny {
    type Body = Reply;

    async fn answer(self, request: Request<Incoming>) -> Response<Reply> {
        #[expect(clippy::disallowed_methods, reason = "capped by `Limited`")]
        let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
        let Ok(body) = body else {
            let mut response = Response::new(Reply::Whole(None));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return response;
        };
        let body = body.to_bytes();
        let (reply, kind) = match stream_asked(&body) {
            Some((chunks, gap)) => (Reply::stream(chunks, gap), "text/event-stream"),
            None => (
                Reply::Whole(Some(Bytes::from_static(WHOLE.as_bytes()))),
                "application/json",
            ),
        };
        let mut response = Response::new(reply);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}

/// Chunks and the gap between them, when the model's name asks for a stream.
fn stream_asked(body: &[u8]) -> Option<(u32, Duration)> {
    let model = &body[memchr::memmem::find(body, b"bench-stream")?..];
    let number = |name: &[u8]| {
        let digits = &model[memchr::memmem::find(model, name)? + name.len()..];
        let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
        str::from_utf8(&digits[..end]).ok()?.parse::<u32>().ok()
    };
    let chunks = number(b"chunks=").unwrap_or(1).min(MAX_CHUNKS);
    Some((
        chunks,
        Duration::from_millis(u64::from(number(b"gap_ms=").unwrap_or(0))),
    ))
}

/// A whole answer, or a stream of equal chunks.
#[derive(Debug)]
pub enum Reply {
    /// Bytes that leave at once.
    Whole(Option<Bytes>),
    /// So many chunks and the terminator, paced when there is a gap.
    Stream {
        /// Frames to come, the terminator among them.
        left: u32,
        /// What paces the frames.
        pace: Option<Interval>,
    },
}

impl Reply {
    fn stream(chunks: u32, gap: Duration) -> Self {
        let pace = (!gap.is_zero()).then(|| {
            let mut pace = interval(gap);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            pace
        });
        Self::Stream {
            left: chunks + 1,
            pace,
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = match &mut *self {
            Self::Whole(bytes) => bytes.take(),
            Self::Stream { left: 0, .. } => None,
            Self::Stream { left, pace } => {
                if *left > 1
                    && let Some(pace) = pace
                    && pace.poll_tick(cx).is_pending()
                {
                    return Poll::Pending;
                }
                *left -= 1;
                Some(Bytes::from_static(if *left == 0 { DONE } else { CHUNK }))
            }
        };
        Poll::Ready(frame.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream { .. } => SizeHint::default(),
        }
    }
}
