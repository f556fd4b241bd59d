//! Thread-per-core HTTP/1.1 serving: one listener, one current-thread runtime and one service a worker, nothing
//! shared between workers. It never drains: the end of the process ends its connections.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::{Fault, Outcome};

const BACKLOG: i32 = 4096;
const MAX_WORKERS: usize = 64;

/// What answers the requests of one worker.
pub trait Answer: Clone + Send + 'static {
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error: Into<Fault>> + Send + 'static;

    /// Answers one request.
    fn answer(
        self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send + 'static;
}

/// A current-thread runtime with network and clock.
///
/// # Errors
/// The operating system gave no epoll instance.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Binds one listener a worker (at most 64), all on the same address with `SO_REUSEPORT`.
///
/// # Errors
/// The address is taken or not ours.
pub fn bind(address: SocketAddr, workers: usize) -> io::Result<Vec<std::net::TcpListener>> {
    let first = bind_one(address)?;
    let address = first.local_addr()?;
    let more = (1..workers.min(MAX_WORKERS)).map(|_| bind_one(address));
    std::iter::once(Ok(first)).chain(more).collect()
}

fn bind_one(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Serves each listener on a thread of its own until the process ends.
///
/// # Errors
/// A worker could not start.
pub fn forever<A: Answer>(
    listeners: Vec<std::net::TcpListener>,
    service: impl Fn() -> Outcome<A> + Sync,
) -> Outcome<()> {
    thread::scope(|scope| {
        let worker = |listener| {
            let service = service()?;
            runtime()?.block_on(async {
                accept(TcpListener::from_std(listener)?, service).await;
                Ok(())
            })
        };
        let workers: Vec<_> = listeners
            .into_iter()
            .map(|listener| scope.spawn(move || worker(listener)))
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| Err("a worker died".into()))
        })
    })
}

/// Serves one listener on the current runtime; never returns.
pub async fn accept<A: Answer>(listener: TcpListener, service: A) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: an immediate retry would spin.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let service = service.clone();
        let answer = service_fn(move |request| {
            let answer = service.clone().answer(request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
        detach(async move {
            // The client went away: there is nobody to tell.
            let _ = connection.await;
        });
    }
}

/// Runs a task until it or the runtime ends.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing here drains: the end of the runtime is the end of its tasks"
)]
pub fn detach(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
