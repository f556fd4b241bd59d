//! A client's WebSocket.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, http};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::within;

/// One connection.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// The head of the answer that opened it.
    pub(crate) head: http::HeaderMap,
}

impl Socket {
    /// Opens one; the status and body of a refusal.
    pub(crate) async fn open(
        addr: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Socket, (u16, Value)> {
        let mut request = format!("ws://{addr}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let tcp = TcpStream::connect(addr).await.unwrap();
        match within("the WebSocket to open", client_async(request, tcp)).await {
            Ok((stream, response)) => Ok(Socket {
                stream,
                head: response.headers().clone(),
            }),
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                let body = serde_json::from_slice(body).unwrap_or_default();
                Err((response.status().as_u16(), body))
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn send(&mut self, message: Message) {
        within("the peer to read", self.stream.send(message))
            .await
            .unwrap();
    }

    pub(crate) async fn ask(&mut self, event: Value) {
        self.send(Message::text(event.to_string())).await;
    }

    pub(crate) async fn next(&mut self) -> Message {
        loop {
            match within("a message", self.stream.next()).await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return message,
                other => panic!("no message: {other:?}"),
            }
        }
    }

    pub(crate) async fn event(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("no event: {other:?}"),
        }
    }

    /// The events up to one that ends an answer.
    pub(crate) async fn answer(&mut self) -> Vec<Value> {
        let ends = [
            "response.completed",
            "response.incomplete",
            "response.done",
            "error",
        ];
        let mut events = Vec::new();
        loop {
            let event = self.event().await;
            let kind = event["type"].as_str().unwrap_or_default().to_owned();
            events.push(event);
            if ends.contains(&kind.as_str()) {
                return events;
            }
        }
    }

    /// The frame with which the peer closes.
    pub(crate) async fn closed(&mut self) -> Option<CloseFrame> {
        match self.next().await {
            Message::Close(frame) => frame,
            other => panic!("not closed: {other:?}"),
        }
    }

    pub(crate) async fn close(mut self, frame: Option<CloseFrame>) {
        let _ = self.stream.close(frame).await;
        while let Some(Ok(_)) = within("the end", self.stream.next()).await {}
    }
}
