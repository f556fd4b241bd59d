//! An upstream of plain sockets that answers with the very bytes that a test wants, where the
//! mimic is too well behaved.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::client::find;

/// What to do with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reaction {
    /// Send this, and wait for the next request.
    Keep(Vec<u8>),
    /// Send this and close.
    Close(Vec<u8>),
}

impl Reaction {
    /// An answer of JSON.
    pub(crate) fn json(status: &str, headers: &str, body: &str) -> Reaction {
        Reaction::Keep(
            format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
        )
    }

    /// A whole chat in OpenAI's dialect.
    pub(crate) fn chat(text: &str) -> Reaction {
        let body = format!(
            "{{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\
             \"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"{text}\"}},\
             \"finish_reason\":\"stop\"}}],\"usage\":{{\"prompt_tokens\":3,\
             \"completion_tokens\":2,\"total_tokens\":5}}}}"
        );
        Reaction::json("200 OK", "", &body)
    }
}

/// A listening upstream. Dropped, it closes.
pub(crate) struct Scripted {
    pub(crate) addr: SocketAddr,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    /// Heads in lower case, and bodies.
    requests: Mutex<Vec<(String, String)>>,
    connections: Mutex<usize>,
}

impl Scripted {
    /// Answers the requests, counted from 0 over all connections, as `react` says.
    pub(crate) async fn start<F>(react: impl Fn(usize) -> F + Send + Sync + 'static) -> Scripted
    where
        F: Future<Output = Reaction> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (react, log) = (Arc::new(react), Arc::clone(&seen));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *log.connections.lock().unwrap() += 1;
                connections.spawn(serve(stream, Arc::clone(&react), Arc::clone(&log)));
            }
        });
        Scripted {
            addr,
            seen,
            _tasks: tasks,
        }
    }

    /// Answers all requests alike.
    pub(crate) async fn always(reaction: Reaction) -> Scripted {
        Scripted::start(move |_| std::future::ready(reaction.clone())).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The heads of the requests, in lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen
            .requests
            .lock()
            .unwrap()
            .iter()
            .map(|(head, _)| head.clone())
            .collect()
    }

    /// The bodies of the requests.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.seen
            .requests
            .lock()
            .unwrap()
            .iter()
            .map(|(_, body)| body.clone())
            .collect()
    }

    /// Connections accepted.
    pub(crate) fn connections(&self) -> usize {
        *self.seen.connections.lock().unwrap()
    }
}

async fn serve<F>(mut stream: TcpStream, react: Arc<impl Fn(usize) -> F>, seen: Arc<Seen>)
where
    F: Future<Output = Reaction>,
{
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await {
        let number = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        match react(number).await {
            Reaction::Keep(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Reaction::Close(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
        }
    }
}

/// Reads a request with a `Content-Length`; `None` when the peer is gone.
async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, String)> {
    loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end + 4]).to_lowercase();
            let length = head
                .split("content-length: ")
                .nth(1)?
                .split("\r\n")
                .next()?;
            let whole = end + 4 + length.parse::<usize>().ok()?;
            if buffer.len() >= whole {
                let body = String::from_utf8_lossy(&buffer[end + 4..whole]).into_owned();
                buffer.drain(..whole);
                return Some((head, body));
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
