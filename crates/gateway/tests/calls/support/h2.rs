//! A client of HTTP/2, for many streams on one connection.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{KEY, Reply, Speaks, within};

/// One connection. Dropped, it closes.
pub(crate) struct H2Client {
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<hyper::Result<()>>,
}

/// A stream whose head has come.
pub(crate) struct H2Stream {
    pub(crate) status: u16,
    body: Incoming,
}

impl H2Client {
    /// Connects, knowing that the other side speaks HTTP/2.
    pub(crate) async fn open(addr: SocketAddr) -> H2Client {
        let stream = TcpStream::connect(addr).await.unwrap();
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        H2Client {
            sender,
            _driver: driver,
        }
    }

    /// Posts a body and reads the answer's head, on whatever task polls it.
    pub(crate) fn open_stream(
        &mut self,
        speaks: Speaks,
        body: String,
    ) -> impl Future<Output = H2Stream> + Send + use<> {
        let mut request = Request::post(format!("http://gateway{}", speaks.path()))
            .header("content-type", "application/json");
        for (name, value) in speaks.headers(KEY) {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let sent = self.sender.send_request(request);
        async {
            let (head, body) = within("a head", sent).await.unwrap().into_parts();
            H2Stream {
                status: head.status.as_u16(),
                body,
            }
        }
    }

    /// Posts a body and reads the whole answer.
    pub(crate) async fn call(&mut self, speaks: Speaks, body: String) -> Reply {
        let mut stream = self.open_stream(speaks, body).await;
        let mut body = Vec::new();
        while let Some(piece) = stream.piece().await {
            body.extend_from_slice(&piece);
        }
        Reply {
            status: stream.status,
            headers: Vec::new(),
            body,
        }
    }
}

impl H2Stream {
    /// The next piece of the body; `None` at its end.
    pub(crate) async fn piece(&mut self) -> Option<Bytes> {
        let frame = within("a piece", self.body.frame()).await?;
        Some(frame.unwrap().into_data().unwrap_or_default())
    }

    /// Reads the body until it holds `needle`.
    pub(crate) async fn until(&mut self, needle: &str) {
        let mut seen = String::new();
        while !seen.contains(needle) {
            let piece = self
                .piece()
                .await
                .unwrap_or_else(|| panic!("no {needle:?} in {seen}"));
            seen.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }
}
