//! Accepts connections and serves HTTP/1.1 and HTTP/2 on them until told to drain.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::bad_head;
use super::wire::{Answer, Turn, Wire};
use crate::pipeline;
use crate::worker::Worker;

/// Longest wait for the head of a request, on a connection that is kept open too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// Binds a listener that other threads can bind too; the kernel spreads connections over them.
///
/// # Errors
/// When the address is taken or not ours.
pub fn bind(addr: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}

/// Serves a listener until `drain` turns true; then answers what is under way, for at most
/// `drain_timeout`, and returns.
///
/// # Errors
/// When the listener cannot be registered with the runtime.
pub async fn accept(
    worker: Arc<Worker>,
    listener: StdListener,
    max_header_bytes: usize,
    mut drain: watch::Receiver<bool>,
    drain_timeout: Duration,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    // Of this worker's own, so that its connections do not wait for those of others.
    let (end, ends) = watch::channel(false);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = drain.wait_for(|drain| *drain) => break,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely: give connections time to end.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let serving = serve(Arc::clone(&worker), stream, max_header_bytes, ends.clone());
        worker.shared.tasks.spawn(serving);
    }
    drop((listener, ends));
    end.send_replace(true);
    if tokio::time::timeout(drain_timeout, end.closed())
        .await
        .is_err()
    {
        tracing::warn!("drain timed out; open streams are cut");
    }
    Ok(())
}

/// Serves one connection to its end.
async fn serve(
    worker: Arc<Worker>,
    stream: TcpStream,
    max_header_bytes: usize,
    mut drain: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let begun = tokio::select! {
        begun = tokio::time::timeout(HEAD_TIMEOUT, begins_http2(&stream)) => begun,
        // Nothing was asked yet.
        _ = drain.wait_for(|drain| *drain) => return,
    };
    let ended = match begun {
        // Boxed, so that a connection of HTTP/1.1 does not carry the room for it.
        Ok(Ok(true)) => Box::pin(serve_http2(worker, stream, max_header_bytes, drain)).await,
        Ok(Ok(false)) => serve_http1(worker, stream, max_header_bytes, drain).await,
        _ => return,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

async fn serve_http1(
    worker: Arc<Worker>,
    stream: TcpStream,
    max_header_bytes: usize,
    mut drain: watch::Receiver<bool>,
) -> hyper::Result<()> {
    let turn = Arc::new(Turn::default());
    let wire = Wire::new(stream, Arc::clone(&turn));
    let (answering, answered) = (Arc::clone(&worker), Arc::clone(&turn));
    let service = service_fn(move |request| {
        turn.begin();
        let (worker, turn) = (Arc::clone(&answering), Arc::clone(&turn));
        // Boxed: the connection keeps room for its service's future as long as it lives, and a
        // stream outlives the making of its answer.
        async move {
            let response = Box::pin(pipeline::serve(worker, request)).await;
            Ok::<_, Infallible>(response.map(|body| Answer::new(body, turn)))
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(max_header_bytes);
    let mut connection = builder.serve_connection(TokioIo::new(wire), service);
    let ended = until_end(Pin::new(&mut connection), &mut drain).await;
    let parts = connection.into_parts();
    let wire = parts.io.into_inner();
    if let (Ok(()), Some(session)) = (&ended, answered.session()) {
        Box::pin(session.run(wire.stream, parts.read_buf, drain)).await;
        return ended;
    }
    if let Err(error) = &ended
        && !wire.refusal.is_empty()
    {
        Box::pin(bad_head::answer(&worker, wire, error, max_header_bytes)).await;
    }
    ended
}

async fn serve_http2(
    worker: Arc<Worker>,
    stream: TcpStream,
    max_header_bytes: usize,
    mut drain: watch::Receiver<bool>,
) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let worker = Arc::clone(&worker);
        async move { Ok::<_, Infallible>(Box::pin(pipeline::serve(worker, request)).await) }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(max_header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(1024)
        .keep_alive_interval(Duration::from_secs(30));
    let connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    until_end(connection, &mut drain).await
}

/// Drives a connection to its end. Once told to drain, it takes no further request.
async fn until_end<C: GracefulConnection>(
    mut connection: Pin<&mut C>,
    drain: &mut watch::Receiver<bool>,
) -> Result<(), C::Error> {
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        _ = drain.wait_for(|drain| *drain) => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

/// Whether a client begins with the preface of HTTP/2 (RFC 9113, section 3.4): its first three
/// bytes begin no method of HTTP/1.1.
async fn begins_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; 3];
    loop {
        match stream.peek(&mut start).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more @ (1 | 2) if b"PRI".starts_with(&start[..more]) => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            _ => return Ok(&start == b"PRI"),
        }
    }
}
