//! A client of HTTP/1.1 that sees every byte, and sends what it is given however wrong it is.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// Read, but not consumed.
    buffer: Vec<u8>,
    body: Framing,
    /// What has come of the current body.
    seen: Vec<u8>,
}

/// How the current body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

/// An answer, or the head of one.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of UTF-8")
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// The bytes of a request with `Host` and `Content-Length`.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: gateway\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(addr: SocketAddr) -> Connection {
        let stream = within("a connection", TcpStream::connect(addr))
            .await
            .unwrap();
        stream.set_nodelay(true).unwrap();
        Connection {
            stream,
            buffer: Vec::new(),
            body: Framing::Length(0),
            seen: Vec::new(),
        }
    }

    /// Sends bytes. What the peer no longer wants to read is no failure: its answer tells.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _ = within("the peer to read", self.stream.write_all(bytes)).await;
    }

    /// Reads a whole answer.
    pub(crate) async fn reply(&mut self) -> Reply {
        let mut reply = self.head().await;
        reply.body = self.rest().await;
        reply
    }

    /// Reads the head of an answer.
    pub(crate) async fn head(&mut self) -> Reply {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            assert!(
                self.fill().await,
                "closed before an answer: {:?}",
                self.buffer
            );
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").expect("a header"))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let reply = Reply {
            status: status.parse().unwrap(),
            headers,
            body: Vec::new(),
        };
        self.body = match reply.header("content-length") {
            Some(length) => Framing::Length(length.parse().unwrap()),
            None => Framing::Chunked,
        };
        self.seen.clear();
        reply
    }

    /// The next piece of the body; `None` at its end.
    pub(crate) async fn piece(&mut self) -> Option<Vec<u8>> {
        let piece = match self.body {
            Framing::Length(0) => None,
            Framing::Length(left) => {
                while self.buffer.is_empty() {
                    assert!(self.fill().await, "closed {left} bytes too early");
                }
                let piece: Vec<u8> = self.buffer.drain(..left.min(self.buffer.len())).collect();
                self.body = Framing::Length(left - piece.len());
                Some(piece)
            }
            Framing::Chunked => self.chunk().await,
        };
        self.seen.extend(piece.iter().flatten());
        piece
    }

    async fn chunk(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let size = std::str::from_utf8(&self.buffer[..at]).unwrap();
                let size = usize::from_str_radix(size, 16).unwrap();
                let start = at + 2;
                if self.buffer.len() >= start + size + 2 {
                    let piece = self.buffer[start..start + size].to_vec();
                    self.buffer.drain(..start + size + 2);
                    if size == 0 {
                        self.body = Framing::Length(0);
                    }
                    return (size > 0).then_some(piece);
                }
            }
            assert!(self.fill().await, "closed within a chunked body");
        }
    }

    /// Reads the body until it holds `needle`, and returns all that has come of it.
    pub(crate) async fn until(&mut self, needle: &str) -> String {
        while find(&self.seen, needle.as_bytes()).is_none() {
            let piece = self.piece().await;
            assert!(
                piece.is_some(),
                "no {needle:?} in {:?}",
                String::from_utf8_lossy(&self.seen)
            );
        }
        String::from_utf8(self.seen.clone()).unwrap()
    }

    /// Reads the body to its end, and returns all of it.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.piece().await.is_some() {}
        std::mem::take(&mut self.seen)
    }

    /// Waits until the peer closes, which it must do without another byte.
    pub(crate) async fn closed(&mut self) {
        let more = self.fill().await;
        assert!(
            !more && self.buffer.is_empty(),
            "more than expected: {:?}",
            self.buffer
        );
    }

    /// Reads what comes next; false when the peer has closed.
    async fn fill(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.buffer);
        within("the next bytes", read)
            .await
            .is_ok_and(|count| count > 0)
    }
}

pub(super) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len())
        .position(|window| window == needle)
}
