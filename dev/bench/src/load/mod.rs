//! The load generator. Each way of sending repeats one request over HTTP/1.1 keep-alive connections, checks every
//! answer against the same expectation and counts; it keeps no answer. Bounded in connections, time and samples.

mod crowd;
mod held;
mod reply;
mod steady;
mod tally;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use http::Uri;

use crate::{Outcome, process};

pub use crowd::Crowd;
pub use held::Held;
pub use reply::Reply;
pub use steady::steady;
pub use tally::{Count, Reading, Spread, Tally};

const MAX_CONNECTIONS: usize = 20_000;
const WARM: Duration = Duration::from_millis(300);

/// How answers must look to count.
#[derive(Debug, Clone, Copy)]
pub enum Expect {
    /// Whole answers that hold this text within their first 8 KiB.
    Holds(&'static str),
    /// Streams with this text in their last 64 bytes.
    EndsWith(&'static str),
}

/// A vendor's chat format, as far as a load needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Chat Completions.
    OpenAi,
    /// Messages.
    Anthropic,
}

impl Format {
    /// Where its requests go.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }

    /// How it carries a key, as header lines.
    #[must_use]
    pub fn headers(self, key: &str) -> String {
        match self {
            Self::OpenAi => format!("authorization: Bearer {key}\r\n"),
            Self::Anthropic => {
                format!("x-api-key: {key}\r\nanthropic-version: 2023-06-01\r\n")
            }
        }
    }

    /// What its answers hold, or its streams end with.
    #[must_use]
    pub fn expect(self, streams: bool) -> Expect {
        match (self, streams) {
            (Self::OpenAi, false) => Expect::Holds("\"choices\""),
            (Self::OpenAi, true) => Expect::EndsWith("data: [DONE]"),
            (Self::Anthropic, false) => Expect::Holds("\"stop_reason\""),
            (Self::Anthropic, true) => Expect::EndsWith("\"message_stop\""),
        }
    }
}

/// One request, ready to be sent any number of times.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where to.
    pub address: SocketAddr,
    /// Head and body as they travel.
    pub request: Arc<[u8]>,
    /// What must come back, besides status 200.
    pub expect: Expect,
}

impl Plan {
    /// A JSON POST with these extra header lines (each with its line end).
    #[must_use]
    pub fn post(
        address: SocketAddr,
        path: &str,
        headers: &str,
        body: &str,
        expect: Expect,
    ) -> Self {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\naccept: */*\r\n\
             {headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self {
            address,
            request: request.into_bytes().into(),
            expect,
        }
    }

    /// Judges a whole answer.
    ///
    /// # Errors
    /// Says what is wrong with it and shows its beginning.
    pub fn judge(&self, reply: &Reply) -> Result<(), String> {
        let (text, place) = match self.expect {
            Expect::Holds(text) => (text, reply.sample()),
            Expect::EndsWith(text) => (text, reply.tail()),
        };
        if reply.status == 200 && memchr::memmem::find(place, text.as_bytes()).is_some() {
            return Ok(());
        }
        let sample = String::from_utf8_lossy(&reply.sample()[..reply.sample().len().min(400)]);
        Err(format!(
            "status {}, {text:?} expected, {} bytes: {sample}",
            reply.status, reply.bytes
        ))
    }
}

/// How requests are timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Each connection sends its next request when the last answer is whole.
    Closed,
    /// A fixed rate; latency counts from the moment at which a request was due.
    Open,
    /// Opens all streams at once and holds them after their first frame.
    Held,
}

/// The arguments of `weir-bench load`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to, as http://ADDRESS:PORT/PATH.
    #[arg(long)]
    url: Uri,
    /// A file with the JSON body; without it `--model` is asked a small question.
    #[arg(long)]
    body: Option<PathBuf>,
    /// The model of the small question; a name with `stream` in it asks for a stream.
    #[arg(long, default_value = "bench")]
    model: String,
    /// The key, sent as the path's vendor wants it.
    #[arg(long, default_value = "sk-test")]
    key: String,
    /// How requests are timed.
    #[arg(long, value_enum, default_value = "closed")]
    mode: Mode,
    /// Connections at the same time.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How long to measure; held streams stay open so long.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Mode closed: ends after so many requests, if that is sooner.
    #[arg(long)]
    requests: Option<u64>,
    /// Requests a second in mode open.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// Also reports the CPU time of this process; in mode held, its memory.
    #[arg(long)]
    pid: Option<u32>,
}

/// Runs `weir-bench load`.
///
/// # Errors
/// The URL or the body is unusable, or an answer was wrong.
pub async fn run(args: Args) -> Outcome<Reading> {
    let plan = args.plan()?;
    let connections = args.connections.clamp(1, MAX_CONNECTIONS);
    let length = Duration::from_secs(args.seconds);
    process::allow_many_files()?;
    match args.mode {
        Mode::Closed => {
            // A counted load has no warm-up: all of it counts.
            let warm = if args.requests.is_some() {
                Duration::ZERO
            } else {
                WARM
            };
            let mut crowd = Crowd::start(&plan, connections, args.requests);
            crowd.window(args.pid, warm, length).await
        }
        Mode::Open => steady(&plan, args.rate, connections, args.pid, length),
        Mode::Held => {
            let before = args.pid.map(process::resident_kib).transpose()?;
            let held = Held::open(&plan, connections).await?;
            tokio::time::sleep(length).await;
            held.reading(before, args.pid)
        }
    }
}

impl Args {
    fn plan(&self) -> Outcome<Plan> {
        let needed = "--url needs http://ADDRESS:PORT/PATH";
        let authority = self.url.authority().ok_or(needed)?;
        let address = authority.as_str().parse().map_err(|_| needed)?;
        let path = self.url.path_and_query().ok_or(needed)?;
        let format = match path.path() {
            path if path.ends_with("/messages") => Format::Anthropic,
            _ => Format::OpenAi,
        };
        let body = match &self.body {
            Some(file) => serde_json::from_str(&fs::read_to_string(file)?)?,
            None => serde_json::json!({
                "max_tokens": 1024,
                "messages": [{ "role": "user", "content": "How does a weir work?" }],
                "model": self.model,
                "stream": self.model.contains("stream"),
            }),
        };
        let expect = format.expect(body["stream"] == true);
        let headers = format.headers(&self.key);
        Ok(Plan::post(
            address,
            path.as_str(),
            &headers,
            &body.to_string(),
            expect,
        ))
    }
}
