//! A client's WebSocket: reading and writing whole messages, and noticing when nobody is there.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// Between pings of a silent client, and how long it may stay silent.
const PING: Duration = Duration::from_secs(30);
const SILENCE: Duration = Duration::from_secs(90);

/// The longest that a client may take for what it is sent.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whoever was at the other end is not any more.
#[derive(Debug)]
pub(super) struct Gone;

/// A client's WebSocket.
pub(super) struct Socket {
    stream: WebSocketStream<TcpStream>,
    heard: Instant,
}

impl Socket {
    pub(super) fn new(stream: WebSocketStream<TcpStream>) -> Socket {
        Socket {
            stream,
            heard: Instant::now(),
        }
    }

    /// The next message of the client's: text, binary or close.
    ///
    /// # Errors
    /// When it is gone, or broke the protocol; it was told so then. Safe to cancel.
    pub(super) async fn next(&mut self) -> Result<Message, Gone> {
        loop {
            let Ok(next) = timeout(PING, self.stream.next()).await else {
                if self.heard.elapsed() > SILENCE {
                    return Err(Gone);
                }
                self.send(Message::Ping(Bytes::new())).await?;
                continue;
            };
            self.heard = Instant::now();
            match next {
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(message)) => return Ok(message),
                Some(Err(error)) => {
                    self.blame(&error).await;
                    return Err(Gone);
                }
                None => return Err(Gone),
            }
        }
    }

    /// Waits for something else, and meanwhile hands what comes to `take` for as long as that
    /// wants more.
    ///
    /// # Errors
    /// When the client is gone.
    pub(super) async fn meanwhile<T>(
        &mut self,
        awaited: impl Future<Output = T>,
        mut take: impl FnMut(Message) -> bool,
    ) -> Result<T, Gone> {
        let mut awaited = std::pin::pin!(awaited);
        let mut hungry = true;
        loop {
            tokio::select! {
                biased;
                done = &mut awaited => return Ok(done),
                message = self.next(), if hungry => match message? {
                    Message::Close(_) => return Err(Gone),
                    message => hungry = take(message),
                },
            }
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When it is not taken in time, or nobody is there.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(PATIENCE, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// Sends a text. What is not UTF-8 is none of ours, and left out.
    ///
    /// # Errors
    /// The same.
    pub(super) async fn say(&mut self, text: impl Into<Bytes>) -> Result<(), Gone> {
        match Utf8Bytes::try_from(text.into()) {
            Ok(text) => self.send(Message::Text(text)).await,
            Err(_) => Ok(()),
        }
    }

    /// Ends the connection, and waits a moment for the client to agree.
    pub(super) async fn close(&mut self, code: CloseCode, reason: &'static str) {
        self.close_with(Some(CloseFrame {
            code,
            reason: reason.into(),
        }))
        .await;
    }

    /// The same with another's words.
    pub(super) async fn close_with(&mut self, frame: Option<CloseFrame>) {
        let closing = async {
            let _ = self.stream.close(frame).await;
            while let Some(Ok(_)) = self.stream.next().await {}
        };
        let _ = timeout(Duration::from_secs(2), closing).await;
    }

    /// Tells a client how it broke the protocol.
    async fn blame(&mut self, error: &Error) {
        let (code, reason) = match error {
            Error::Capacity(_) => (CloseCode::Size, "the message is too large"),
            Error::Utf8(_) => (CloseCode::Invalid, "the text is not UTF-8"),
            Error::Protocol(_) => (CloseCode::Protocol, "this is not the WebSocket protocol"),
            _ => return,
        };
        self.close(code, reason).await;
    }
}
