//! The sections `server`, `store`, `log` and `network`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{ByteSize, SecretString};

/// Where Weir listens, and how much it accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port of the API. Port 0 takes a free one.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// Address and port of the admin API and `/metrics`: a listener of its own.
    #[serde(deserialize_with = "address")]
    pub admin_listen: SocketAddr,
    /// At least 32 characters, the same on all replicas: key hashes and sealed state derive from
    /// it. Without it a file `.secret` is made beside the database.
    pub secret: Option<SecretString>,
    /// Secrets that were `secret` before. What they hashed or sealed is still understood; new is
    /// made with `secret` alone.
    pub previous_secrets: Vec<SecretString>,
    /// Whether clients need a virtual key; `off` on a loopback address only.
    pub auth: ClientAuth,
    /// The largest request body, such as `32MiB`.
    pub max_body: ByteSize,
    /// The largest upload: a form beyond `max_body` is sent on as it comes, and never sent again.
    pub max_upload: ByteSize,
    /// Where files, batches and the like go when neither a model nor the header `x-weir-provider`
    /// tells: the first of these providers that has them in the client's dialect.
    pub object_providers: Vec<String>,
    /// Whether clients may reach all of the providers' APIs, untouched, below `/PROVIDER/`.
    pub pass_through: bool,
    /// The largest request head, all headers together; at least `8KiB`.
    pub max_header_bytes: ByteSize,
    /// Worker threads; as many as there are cores when left out.
    pub workers: Option<u16>,
    /// How long open requests may go on after a stop signal, in milliseconds.
    pub drain_timeout_ms: u64,
    /// How long a stream may be silent before a comment keeps it alive, in milliseconds.
    pub keep_alive_ms: u64,
}

impl Default for Server {
    fn default() -> Server {
        Server {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
            admin_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4001)),
            secret: None,
            previous_secrets: Vec::new(),
            auth: ClientAuth::On,
            max_body: ByteSize(32 << 20),
            max_upload: ByteSize(512 << 20),
            object_providers: Vec::new(),
            pass_through: false,
            max_header_bytes: ByteSize(64 << 10),
            workers: None,
            drain_timeout_ms: 30_000,
            keep_alive_ms: 15_000,
        }
    }
}

impl Server {
    /// How many worker threads to run: `workers`, or one per core.
    pub fn worker_threads(&self) -> usize {
        match self.workers {
            Some(workers) => usize::from(workers),
            None => std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(|_| {
        serde::de::Error::custom("expected an IP address and a port, such as `0.0.0.0:4000`")
    })
}

/// Whether clients need a virtual key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ClientAuth {
    /// They do.
    On,
    /// Whoever reaches the address may call.
    Off,
}

/// What outlives a request, and where it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// `sqlite:` and the path of a file, which is made when it does not exist. A relative path
    /// starts at the working directory.
    pub database: Database,
    /// The folder of the journal; beside the database when left out.
    pub journal: Option<PathBuf>,
    /// When a journal entry counts as written.
    pub sync: JournalSync,
}

impl Store {
    /// The folder of the journal: `weir.journal` for the database `weir.db`.
    pub fn journal_dir(&self) -> PathBuf {
        self.journal
            .clone()
            .unwrap_or_else(|| self.database.0.with_extension("journal"))
    }

    /// Where the secret is kept when the configuration names none: `weir.secret` for `weir.db`.
    pub fn secret_file(&self) -> PathBuf {
        self.database.0.with_extension("secret")
    }
}

/// The address of the database; the path of an SQLite file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct Database(PathBuf);

impl Database {
    /// The SQLite file.
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Default for Database {
    fn default() -> Database {
        Database(PathBuf::from("weir.db"))
    }
}

impl TryFrom<String> for Database {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Database, Self::Error> {
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() && !path.starts_with([':', '?']) => {
                Ok(Database(path.into()))
            }
            _ => Err("expected `sqlite:` and the path of a file, such as `sqlite:weir.db`"),
        }
    }
}

impl From<Database> for String {
    fn from(database: Database) -> String {
        format!("sqlite:{}", database.0.display())
    }
}

/// When a journal entry counts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum JournalSync {
    /// The operating system has it: survives a crash of Weir.
    #[default]
    Os,
    /// The disk has it: survives a loss of power, and is slower.
    Always,
}

/// What Weir writes about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The shape of log lines.
    pub format: LogFormat,
    /// The least that is written.
    pub level: LogLevel,
}

/// The shape of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// The least that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum LogLevel {
    /// Only what failed.
    Error,
    /// Also what may fail soon.
    Warn,
    /// Also what an operator wants to know.
    #[default]
    Info,
    /// Also how decisions were made.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word used in configuration and log filters.
    pub const fn name(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

/// How Weir reaches the providers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// A PEM file of certificate authorities that are trusted besides the built-in ones.
    pub ca_file: Option<PathBuf>,
    /// `environment` follows `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`; `off` uses none; a URL
    /// such as `http://proxy.internal:3128` sends everything but loopback through that proxy.
    pub proxy: ProxySetting,
    /// The most connections of one worker thread to one host. Calls beyond it wait for one.
    pub max_connections_per_host: u32,
    /// Whether HTTP/2 is spoken with providers.
    pub http2: Http2,
    /// The most streams on one HTTP/2 connection; more streams open more connections.
    pub max_streams_per_connection: u32,
}

impl Default for Network {
    fn default() -> Network {
        Network {
            ca_file: None,
            proxy: ProxySetting::Environment,
            max_connections_per_host: 16_384,
            http2: Http2::Auto,
            max_streams_per_connection: 100,
        }
    }
}

/// Where the choice of a proxy comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub enum ProxySetting {
    /// From the environment.
    Environment,
    /// No proxy.
    Off,
    /// This one: an `http://` or `https://` URL, which may hold a password.
    Url(SecretString),
}

impl TryFrom<String> for ProxySetting {
    type Error = &'static str;

    fn try_from(text: String) -> Result<ProxySetting, Self::Error> {
        match text.as_str() {
            "environment" => Ok(ProxySetting::Environment),
            "off" => Ok(ProxySetting::Off),
            url if crate::address::is_proxy_url(url) => Ok(ProxySetting::Url(text.into())),
            _ => Err("expected `environment`, `off`, or an `http://` or `https://` URL"),
        }
    }
}

impl Serialize for ProxySetting {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ProxySetting::Environment => serializer.serialize_str("environment"),
            ProxySetting::Off => serializer.serialize_str("off"),
            ProxySetting::Url(url) => url.serialize(serializer),
        }
    }
}

/// Whether HTTP/2 is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Http2 {
    /// When both sides can, as TLS agrees.
    Auto,
    /// Never.
    Off,
    /// Always, even without TLS.
    PriorKnowledge,
}
