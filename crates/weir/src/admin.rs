//! Calls the admin API of a running server.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;

/// Largest answer read, in bytes.
const MAX_ANSWER: usize = 16 << 20;

/// Where the server's admin listener is, and the key that opens it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AdminArgs {
    /// The server's admin listener.
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "WEIR_ADMIN",
        default_value = "127.0.0.1:4001"
    )]
    admin: SocketAddr,
    /// An admin key; the first one is shown at the server's first start.
    #[arg(
        long,
        global = true,
        value_name = "KEY",
        env = "WEIR_ADMIN_KEY",
        hide_env_values = true
    )]
    admin_key: Option<String>,
}

impl AdminArgs {
    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// In words: no server there, or what the server refused.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, String> {
        let key = self
            .admin_key
            .as_deref()
            .ok_or("set WEIR_ADMIN_KEY or give --admin-key")?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.admin.to_string())
            .header(AUTHORIZATION, format!("Bearer {key}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(
                body.map(Value::to_string).unwrap_or_default(),
            )))
            .map_err(|e| format!("the admin key cannot be sent: {e}"))?;
        let (status, answer) = self.exchange(request).await?;
        if !status.is_success() {
            let told = serde_json::from_slice::<Value>(&answer).ok();
            let told = told
                .as_ref()
                .and_then(|v| v.pointer("/error/message")?.as_str());
            return Err(told
                .unwrap_or("the server refused without saying why")
                .to_owned());
        }
        serde_json::from_slice(&answer)
            .map_err(|e| format!("the server's answer is not known: {e}"))
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(http::StatusCode, Bytes), String> {
        let nobody = |e| {
            format!(
                "no Weir answers on {}: {e}. Start one with `weir`.",
                self.admin
            )
        };
        let stream = TcpStream::connect(self.admin).await.map_err(nobody)?;
        let failed = |e: hyper::Error| format!("the admin API broke off: {e}");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        let call = async {
            let response = sender.send_request(request).await.map_err(failed)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER);
            #[expect(clippy::disallowed_methods, reason = "the body is capped")]
            let body = body.collect().await;
            let body = body.map_err(|e| format!("the admin API broke off: {e}"))?;
            Ok((status, body.to_bytes()))
        };
        tokio::select! {
            answered = call => answered,
            ended = connection => Err(format!("the admin API broke off: {ended:?}")),
        }
    }
}
