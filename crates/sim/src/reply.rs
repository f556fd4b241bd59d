//! A reply as a timetable of bytes, and the body that plays it.
//!
//! [`Paced`] holds no task: it sleeps on tokio's clock inside `poll_frame`.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes to send, and how long after the previous ones.
#[derive(Clone, Debug)]
pub struct Step {
    /// `None`: at once, possibly in one write with the step before. Zero: in a write of its own.
    pub after: Option<Duration>,
    /// What to send.
    pub bytes: Bytes,
}

impl Step {
    /// A step without a delay.
    #[must_use]
    pub fn now(bytes: impl Into<Bytes>) -> Self {
        Self {
            after: None,
            bytes: bytes.into(),
        }
    }
}

/// What happens after the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The message ends properly.
    Complete,
    /// Nothing more ever comes, the connection stays open.
    Stall,
    /// The connection breaks, the message stays unfinished.
    Reset,
}

/// A whole response, before any of it is sent.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header fields, `content-type` included, `content-length` never.
    pub headers: Vec<(&'static str, String)>,
    /// Delay before the status line.
    pub wait: Duration,
    /// The body.
    pub steps: Arc<[Step]>,
    /// What follows the body.
    pub end: End,
    /// Announce the length (`content-length`) instead of sending chunks.
    pub sized: bool,
}

impl Reply {
    /// A JSON reply of known length.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            wait: Duration::ZERO,
            steps: [Step::now(body)].into(),
            end: End::Complete,
            sized: true,
        }
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The HTTP response; the delay before the headers is the caller's to keep.
    #[must_use]
    pub fn into_response(self) -> Response<Paced> {
        let mut response = Response::new(pace(self.steps, self.end, self.sized));
        *response.status_mut() = http::StatusCode::from_u16(self.status).unwrap_or_default();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response
                    .headers_mut()
                    .insert(header::HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// The error that breaks a connection on purpose.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is reset on purpose")
    }
}

impl std::error::Error for Interrupted {}

/// A body that keeps to a timetable.
#[derive(Debug)]
pub struct Paced {
    steps: Arc<[Step]>,
    next: usize,
    end: End,
    sized: bool,
    /// The step before which the delay has begun.
    waiting: Option<usize>,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// A body that plays `steps`; a timetable can be shared by many bodies.
#[must_use]
pub fn pace(steps: Arc<[Step]>, end: End, sized: bool) -> Paced {
    Paced {
        steps,
        next: 0,
        end,
        sized,
        waiting: None,
        sleep: None,
    }
}

impl Paced {
    /// Whether all bytes have been handed over, and the body has nothing left to do.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.next == self.steps.len() && self.end == End::Complete
    }

    /// Ready once the delay before step `self.next` is over.
    fn poll_delay(&mut self, after: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let begun = self.waiting.replace(self.next) == Some(self.next);
        if after.is_zero() {
            // One empty-handed poll makes the server flush what it has.
            if !begun {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(());
        }
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if !begun {
                    sleep.as_mut().reset(Instant::now() + after);
                }
                sleep
            }
            empty => empty.insert(Box::pin(sleep_until(Instant::now() + after))),
        };
        sleep.as_mut().poll(cx)
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Interrupted;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Interrupted>>> {
        let this = self.get_mut();
        if let Some(step) = this.steps.get(this.next) {
            let (after, bytes) = (step.after, step.bytes.clone());
            if let Some(after) = after
                && this.poll_delay(after, cx).is_pending()
            {
                return Poll::Pending;
            }
            this.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match this.end {
            End::Complete => Poll::Ready(None),
            End::Stall => Poll::Pending,
            End::Reset => {
                // What was sent before must not be lost with the connection.
                this.poll_delay(Duration::ZERO, cx)
                    .map(|()| Some(Err(Interrupted)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_complete()
    }

    fn size_hint(&self) -> SizeHint {
        if !self.sized {
            return SizeHint::default();
        }
        let left = self.steps.get(self.next..).unwrap_or_default();
        SizeHint::with_exact(left.iter().map(|step| step.bytes.len() as u64).sum())
    }
}
