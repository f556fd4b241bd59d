//! Listening, and the life of a request.
//!
//! All tasks belong to the [`Mimic`]: dropping it closes the listener and every connection.

use std::{
    future::pending,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use weir_sim::{
    BEHAVIOURS, Interrupted, MAX_BODY_BYTES, Paced, Reply, Route, Script, Wire, embeddings,
    input_tokens, model_list, play, read_body,
};

use crate::{
    bench::Bench,
    faults::{distort, edit},
    gemini::{self, Asked},
    objects::Account,
    operations, realtime,
    record::{Log, Received, Watch},
    refusal::{Checked, Refusal, Vendor},
    rules::{check_head, check_post, script, vendor},
    stored::{Stored, compacted},
    tls, vectors,
};

/// How a mimic listens.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where; 127.0.0.1 and any free port when absent.
    pub listen: Option<SocketAddr>,
    /// TLS with an authority of its own, see [`Mimic::ca_pem`].
    pub tls: bool,
    /// HTTP/2 beside HTTP/1.1: by ALPN with TLS, by prior knowledge without.
    pub h2: bool,
    /// HTTP/2's `SETTINGS_MAX_CONCURRENT_STREAMS`; hyper's default when absent.
    pub max_streams: Option<u32>,
}

/// A running fake upstream.
pub struct Mimic {
    addr: SocketAddr,
    ca_pem: Option<String>,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    log: Arc<Log>,
    account: Account,
    bench: Bench,
    stored: Stored,
    /// Open WebSockets.
    sessions: Mutex<JoinSet<()>>,
    connections: AtomicUsize,
    acceptor: Option<TlsAcceptor>,
    h2: bool,
    max_streams: Option<u32>,
}

impl Mimic {
    /// Starts listening.
    ///
    /// # Errors
    /// The address cannot be bound, or no certificate can be made.
    pub async fn start(options: Options) -> io::Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(options.listen.unwrap_or(any)).await?;
        let addr = listener.local_addr()?;
        let (acceptor, ca_pem) = options
            .tls
            .then(|| tls::acceptor(options.h2))
            .transpose()?
            .unzip();
        let shared = Arc::new(Shared {
            log: Arc::default(),
            account: Account::default(),
            bench: Bench::default(),
            stored: Stored::default(),
            sessions: Mutex::default(),
            connections: AtomicUsize::new(0),
            acceptor,
            h2: options.h2,
            max_streams: options.max_streams,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            addr,
            ca_pem,
            shared,
            tasks,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://` or `https://` and the address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.ca_pem.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.addr)
    }

    /// The certificate authority to trust, in PEM, when TLS is on.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The requests received, oldest first; the last 1,024, and of them 128 MiB of bodies.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.shared.log.requests()
    }

    /// Waits until the requests received satisfy `holds`, and returns them.
    pub async fn until(&self, holds: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        self.shared.log.until(holds).await
    }

    /// Forgets the requests received.
    pub fn clear(&self) {
        self.shared.log.clear();
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The most requests that were open at the same time since the last [`Mimic::clear`].
    #[must_use]
    pub fn peak(&self) -> usize {
        self.shared.log.peak()
    }

    /// Serves until the task is cancelled.
    pub async fn join(mut self) {
        self.tasks.join_next().await;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Out of file descriptors: what is open may still be served.
            Ok((stream, _)) = listener.accept() => {
                shared.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(connect(stream, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
            else => tokio::task::yield_now().await,
        }
    }
}

async fn connect(stream: TcpStream, shared: Arc<Shared>) {
    // Without it a small frame would wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    match shared.acceptor.clone() {
        None => serve_io(stream, shared).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve_io(stream, shared).await;
            }
        }
    }
}

async fn serve_io<I: AsyncRead + AsyncWrite + Unpin + Send + 'static>(io: I, shared: Arc<Shared>) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    if !shared.h2 {
        builder = builder.http1_only();
    }
    if let Some(streams) = shared.max_streams {
        builder.http2().max_concurrent_streams(streams);
    }
    let service = service_fn(move |request| serve(Arc::clone(&shared), request));
    // A broken connection is the peer's affair or a scripted fault.
    let _ = builder
        .serve_connection_with_upgrades(TokioIo::new(io), service)
        .await;
}

/// A body whose end, or abandonment, is recorded.
struct Watched {
    paced: Paced,
    watch: Option<Watch>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Interrupted;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Interrupted>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.paced).poll_frame(cx);
        let ended = this.paced.is_complete() || matches!(polled, Poll::Ready(Some(Err(_))));
        if ended && let Some(watch) = &mut this.watch {
            watch.finish();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.paced.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.paced.size_hint()
    }
}

async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Watched>, Interrupted> {
    if let Some(asked) = realtime::asked(request.method(), request.uri(), request.headers()) {
        return Ok(open(&shared, request, asked));
    }
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let asked = gemini::asked(path).filter(|_| head.method == Method::POST);
    let vectors = vectors::asked(path).filter(|_| head.method == Method::POST);
    let route = match &asked {
        Some(_) => Route::Turn(Wire::Generate),
        None => Route::of(&head.method, path),
    };
    let Ok(body) = read_body(body, MAX_BODY_BYTES).await else {
        return Err(Interrupted);
    };
    if let Some(response) = shared.bench.answer(&route, &body) {
        return Ok(response.map(|paced| Watched { paced, watch: None }));
    }
    if path == "/_mimic/requests" {
        let response = control(&shared.log, &head.method).into_response();
        return Ok(response.map(|paced| Watched { paced, watch: None }));
    }
    let mut watch = shared.log.open(&head, body.clone());
    if let Some(asked) = vectors {
        let Some(reply) = vectors::answer(&asked, &head.headers, &body) else {
            return pending().await;
        };
        return Ok(watched(reply, watch));
    }
    let vendor = vendor(&route, &head.headers);
    if let Some((answer, vendor)) = elsewhere(&shared, &head, &body) {
        let reply = answer.unwrap_or_else(|refusal| refuse(&refusal, vendor));
        return Ok(watched(reply, watch));
    }
    let reply = match check_head(&route, &head.method, path, &head.headers) {
        Err(refusal) => refuse(&refusal, vendor),
        Ok(()) => match asked.map_or_else(
            || answer(route, &head.headers, &body, &shared.stored),
            |(model, asked)| generate(&model, asked, head.uri.query(), &body),
        ) {
            Err(refusal) => refuse(&refusal, vendor),
            Ok(Fate::Reply(reply)) => reply,
            Ok(Fate::Hang) => pending().await,
            Ok(Fate::Drop) => {
                watch.finish();
                return Err(Interrupted);
            }
        },
    };
    if !reply.wait.is_zero() {
        tokio::time::sleep(reply.wait).await;
    }
    Ok(watched(reply, watch))
}

/// The answer, on record.
fn watched(reply: Reply, watch: Watch) -> Response<Watched> {
    watch.status(reply.status);
    reply.into_response().map(|paced| Watched {
        paced,
        watch: Some(watch),
    })
}

/// The answer to what is no turn of a model.
fn elsewhere(shared: &Shared, head: &Parts, body: &Bytes) -> Option<(Checked<Reply>, Vendor)> {
    let (path, headers) = (head.uri.path(), &head.headers);
    let query = head.uri.query().unwrap_or_default();
    let stored = shared.stored.answer(&head.method, path, query, headers);
    let ours = stored.or_else(|| match head.method {
        Method::POST => {
            realtime::secret(path, body).or_else(|| operations::answer(path, headers, body))
        }
        _ => None,
    });
    let ours = ours.map(|answer| (answer, Vendor::OpenAi));
    ours.or_else(|| {
        shared
            .account
            .answer((&head.method, &head.uri), headers, body)
    })
}

/// Opens a WebSocket, or says why not.
fn open(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
    asked: Checked<Script>,
) -> Response<Watched> {
    let (head, body) = request.into_parts();
    let mut watch = shared.log.open(&head, Bytes::new());
    let reply = match asked {
        Err(refusal) => refuse(&refusal, Vendor::OpenAi),
        Ok(script) => {
            let response = realtime::opened::<()>(&head.headers);
            watch.status(101);
            let upgrade = hyper::upgrade::on(Request::from_parts(head, body));
            let mut sessions = shared
                .sessions
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            sessions.spawn(async move {
                if let Ok(upgraded) = upgrade.await {
                    realtime::serve(upgraded, script).await;
                }
                watch.finish();
            });
            let empty = Reply::json(101, "").into_response().into_body();
            return response.map(|()| Watched {
                paced: empty,
                watch: None,
            });
        }
    };
    watch.status(reply.status);
    reply.into_response().map(|paced| Watched {
        paced,
        watch: Some(watch),
    })
}

fn control(log: &Log, method: &Method) -> Reply {
    match *method {
        Method::GET => {
            let requests: Vec<Value> = log.requests().iter().map(Received::to_json).collect();
            Reply::json(200, Value::from(requests).to_string())
        }
        Method::DELETE => {
            log.clear();
            Reply::json(200, "[]")
        }
        _ => Reply::json(405, "null"),
    }
}

fn refuse(refusal: &Refusal, vendor: Vendor) -> Reply {
    let header = if vendor == Vendor::OpenAi {
        "x-request-id"
    } else {
        "request-id"
    };
    Reply::json(refusal.status, refusal.body(vendor)).with(header, "req_mimic")
}

/// What becomes of an accepted request.
enum Fate {
    Reply(Reply),
    Hang,
    Drop,
}

fn answer(
    route: Route,
    headers: &http::HeaderMap,
    body: &[u8],
    stored: &Stored,
) -> Result<Fate, Refusal> {
    if let Route::Models(id) = &route {
        let anthropic = vendor(&route, headers) == Vendor::Anthropic;
        let list = model_list(BEHAVIOURS, id.as_deref(), anthropic);
        let unknown =
            || Refusal::invalid("The model does not exist").with_kind(404, "not_found_error");
        return list
            .map(|list| Fate::Reply(Reply::json(200, list)))
            .ok_or_else(unknown);
    }
    let (mut body, script) = check_post(&route, headers, body)?;
    if let Route::Turn(Wire::Responses) | Route::InputTokens | Route::Compact = route {
        stored.recall(headers, &mut body)?;
    }
    let reply = match (route, script.base.as_str()) {
        (_, "hang") => return Ok(Fate::Hang),
        (_, "drop") => return Ok(Fate::Drop),
        (Route::Turn(wire), _) => {
            let reply = play(wire, &body, &script, |frames| edit(&script, wire, frames));
            match wire {
                Wire::Responses => stored.keep(headers, &body, reply)?,
                _ => reply,
            }
        }
        (Route::Compact, base) if base != "fail" => Reply::json(200, compacted(&body).to_string()),
        (Route::CountTokens, "fail") => play(Wire::Messages, &body, &script, |frames| frames),
        (Route::CountTokens, _) => {
            let tokens = Wire::Messages.read(&body).input_tokens;
            Reply::json(200, json!({"input_tokens": tokens}).to_string())
        }
        (Route::InputTokens, base) if base != "fail" => Reply::json(200, input_tokens(&body)),
        (_, "fail") => play(Wire::Chat, &body, &script, |frames| frames),
        _ => Reply::json(200, embeddings(&script, &body)),
    };
    Ok(Fate::Reply(distort(&script, reply)))
}

/// The same on Google's wire, whose path says what the bodies of others do.
fn generate(model: &str, asked: Asked, query: Option<&str>, body: &[u8]) -> Result<Fate, Refusal> {
    let unreadable = |error| Refusal::invalid(format!("Invalid JSON payload received. {error}"));
    let body: Value = serde_json::from_slice(body).map_err(unreadable)?;
    gemini::check_body(&body, model, asked)?;
    let mut body = gemini::normal(&body);
    if asked == Asked::Stream && query.is_none_or(|query| !query.contains("alt=sse")) {
        return Err(Refusal::invalid(
            "This stream comes as server-sent events: ask with alt=sse.",
        ));
    }
    body["model"] = model.into();
    body["stream"] = (asked == Asked::Stream).into();
    let empty = serde_json::Map::new();
    let script = script(body.as_object().unwrap_or(&empty), Vendor::Google)?;
    let reply = match (asked, script.base.as_str()) {
        (_, "hang") => return Ok(Fate::Hang),
        (_, "drop") => return Ok(Fate::Drop),
        (Asked::Count, base) if base != "fail" => {
            let tokens = Wire::Generate.read(&body).input_tokens;
            Reply::json(200, json!({"totalTokens": tokens}).to_string())
        }
        _ => play(Wire::Generate, &body, &script, |frames| {
            edit(&script, Wire::Generate, frames)
        }),
    };
    Ok(Fate::Reply(distort(&script, reply)))
}

#[cfg(test)]
mod tests;
