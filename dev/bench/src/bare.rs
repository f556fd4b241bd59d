//! The baseline: passes requests to one upstream and answers back, body frame by body frame. It reads no body, logs
//! nothing and changes no header but `connection`. Upstream connections are kept per worker and reused.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::serve::{Answer, detach};
use crate::{Fault, Outcome};

/// Idle connections that a worker keeps; more are closed.
const MAX_IDLE: usize = 1024;

type Sender = SendRequest<Incoming>;

#[derive(Debug, Clone, Default)]
struct Idle(Arc<Mutex<Vec<Sender>>>);

impl Idle {
    fn lock(&self) -> MutexGuard<'_, Vec<Sender>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Sender> {
        self.lock().pop()
    }

    fn keep(&self, sender: Sender) {
        let mut idle = self.lock();
        if idle.len() < MAX_IDLE {
            idle.push(sender);
        }
    }
}

/// The pass-through proxy of one worker.
#[derive(Debug, Clone)]
pub struct Bare {
    upstream: SocketAddr,
    host: HeaderValue,
    idle: Idle,
}

impl Bare {
    /// A proxy in front of `upstream`, with no connection yet.
    ///
    /// # Errors
    /// None for any real address; the signature is that of a service that can fail to start.
    pub fn new(upstream: SocketAddr) -> Outcome<Self> {
        let host = HeaderValue::from_str(&upstream.to_string())?;
        Ok(Self {
            upstream,
            host,
            idle: Idle::default(),
        })
    }

    async fn pass(self, mut request: Request<Incoming>) -> Outcome<Response<Relayed>> {
        request.headers_mut().remove(header::CONNECTION);
        request
            .headers_mut()
            .insert(header::HOST, self.host.clone());
        let mut sender = self.connection().await?;
        let mut response = sender.send_request(request).await?;
        response.headers_mut().remove(header::CONNECTION);
        let idle = self.idle;
        Ok(response.map(|body| Relayed {
            body: Some(body),
            lease: Some((sender, idle)),
        }))
    }

    async fn connection(&self) -> Outcome<Sender> {
        while let Some(mut sender) = self.idle.take() {
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let stream = TcpStream::connect(self.upstream).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        detach(async move {
            // A broken upstream connection shows in the request that used it.
            let _ = connection.await;
        });
        Ok(sender)
    }
}

impl Answer for Bare {
    type Body = Relayed;

    async fn answer(self, request: Request<Incoming>) -> Response<Relayed> {
        self.pass(request).await.unwrap_or_else(|_| {
            let mut response = Response::new(Relayed {
                body: None,
                lease: None,
            });
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        })
    }
}

/// The upstream's body on its way to the client. Once it was read to its end, dropping it returns the upstream
/// connection; dropped earlier it closes the connection, which tells the upstream to stop.
#[derive(Debug)]
pub struct Relayed {
    body: Option<Incoming>,
    lease: Option<(Sender, Idle)>,
}

impl Body for Relayed {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) {
            self.body = None;
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        if self.is_end_stream()
            && let Some((sender, idle)) = self.lease.take()
        {
            idle.keep(sender);
        }
    }
}
