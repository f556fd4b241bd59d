//! An HTTP proxy: tunnels on CONNECT, forwards anything else as it is, always to one place; or
//! refuses everything.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::client::find;

/// A listening proxy. Dropped, it closes.
pub(crate) struct Proxy {
    pub(crate) addr: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Sends everything to `target`, whatever is asked for; refuses without one.
    pub(crate) async fn start(target: Option<SocketAddr>) -> Proxy {
        Proxy::listen(target, None).await
    }

    /// The same over TLS, with the PEM of the authority to trust.
    pub(crate) async fn start_tls(target: SocketAddr) -> (Proxy, String) {
        let (acceptor, pem) = weir_mimic::tls::acceptor(false).unwrap();
        (Proxy::listen(Some(target), Some(acceptor)).await, pem)
    }

    async fn listen(target: Option<SocketAddr>, acceptor: Option<TlsAcceptor>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let (log, mut tasks) = (Arc::clone(&heads), JoinSet::new());
        tasks.spawn(async move {
            let mut tunnels = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (log, acceptor) = (Arc::clone(&log), acceptor.clone());
                tunnels.spawn(async move {
                    match acceptor {
                        Some(tls) => tunnel(tls.accept(stream).await.unwrap(), target, log).await,
                        None => tunnel(stream, target, log).await,
                    }
                });
            }
        });
        Proxy {
            addr,
            heads,
            _tasks: tasks,
        }
    }

    /// The first head on each connection.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn tunnel(
    mut from: impl AsyncRead + AsyncWrite + Unpin,
    target: Option<SocketAddr>,
    heads: Arc<Mutex<Vec<String>>>,
) {
    let mut buffer = Vec::new();
    let end = loop {
        if let Some(at) = find(&buffer, b"\r\n\r\n") {
            break at + 4;
        }
        if from.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
            return;
        }
    };
    heads
        .lock()
        .unwrap()
        .push(String::from_utf8_lossy(&buffer[..end]).into_owned());
    let Some(target) = target else {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
        return from.write_all(refusal).await.unwrap();
    };
    let mut to = TcpStream::connect(target).await.unwrap();
    if buffer.starts_with(b"CONNECT ") {
        from.write_all(b"HTTP/1.1 200 Established\r\n\r\n")
            .await
            .unwrap();
        buffer.drain(..end);
    }
    to.write_all(&buffer).await.unwrap();
    let _ = copy_bidirectional(&mut from, &mut to).await;
}
