//! A whole gateway in the test's own runtime: built from the text of a configuration, with a store
//! in a temporary folder and a listener on a free port. Whatever a test waits for is bounded.

mod client;
mod h2;
mod proxy;
mod scripted;
mod socket;
mod speaks;

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;
use weir_config::{Config, Environment};
use weir_gateway::observe::Sheet;
use weir_gateway::{InProcess, Shared, Worker, World, listen};
use weir_mimic::{Mimic, Options};
use weir_model::Source;
use weir_store::{Clock, DeclaredKey, Entry, KeptOptions, Secret, Store, StoreOptions, Sync};

pub(crate) use client::{Connection, Reply, request};
pub(crate) use h2::H2Client;
pub(crate) use proxy::Proxy;
pub(crate) use scripted::{Reaction, Scripted};
pub(crate) use socket::Socket;
pub(crate) use speaks::Speaks;

/// The declared key that may use every model.
pub(crate) const KEY: &str = "sk-weir-test-0123456789";
/// The declared key that may use `fast` and `up/lorem*` alone.
pub(crate) const NARROW_KEY: &str = "sk-weir-test-narrow-0123";

/// The longest that a test waits for anything.
const HANG: Duration = Duration::from_secs(30);

/// The cap of request bodies, in bytes, where a test sets no other.
pub(crate) const MAX_BODY: usize = 1 << 20;

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) addr: SocketAddr,
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Store,
    sheet: Arc<Sheet>,
    drain: watch::Sender<bool>,
    accepting: JoinSet<io::Result<()>>,
    folder: TempDir,
}

impl Gateway {
    /// Starts one with a configuration to which keys and bounds are added.
    pub(crate) async fn start(config: &str) -> Gateway {
        Gateway::start_at(config, Clock::system()).await
    }

    /// The same at a time of the test's own.
    pub(crate) async fn start_at(config: &str, clock: Clock) -> Gateway {
        Gateway::begin(tempfile::tempdir().unwrap(), config, clock).await
    }

    /// Stops, and starts again with what is stored.
    pub(crate) async fn restart(mut self, config: &str) -> Gateway {
        self.drain();
        let ended = within("the gateway to stop", self.accepting.join_next()).await;
        ended.unwrap().unwrap().unwrap();
        let clock = self.shared.clock.clone();
        drop(self.shared);
        self.store.close().await.unwrap();
        Gateway::begin(self.folder, config, clock).await
    }

    async fn begin(folder: TempDir, config: &str, clock: Clock) -> Gateway {
        let options = StoreOptions {
            database: format!("sqlite:{}", folder.path().join("weir.db").display()),
            journal_dir: folder.path().join("journal"),
            secret: Secret::from_text("a secret for tests, of some length").unwrap(),
            sync: Sync::OsBuffered,
            kept: KeptOptions::default(),
            clock: clock.clone(),
        };
        let store = Store::open(options).await.unwrap();
        let config = read(config);
        let keys = store.index();
        keys.set_declared(declared(&config)).unwrap();
        let max_header_bytes = config.server.max_header_bytes.0 as usize;
        let drain_timeout = Duration::from_millis(config.server.drain_timeout_ms);
        let world = Arc::new(World::build(config).unwrap());
        let sim = InProcess::new(weir_sim::serve_connection);
        let shared = Shared::new(world, &store, clock, Some(sim));
        let worker = Worker::new(Arc::clone(&shared), store.journal().writer().unwrap()).unwrap();
        let sheet = worker.sheet();
        let listener = listen::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let addr = listener.local_addr().unwrap();
        let (drain, draining) = watch::channel(false);
        let mut accepting = JoinSet::new();
        accepting.spawn(listen::accept(
            worker,
            listener,
            max_header_bytes,
            draining,
            drain_timeout,
        ));
        Gateway {
            addr,
            shared,
            store,
            sheet,
            drain,
            accepting,
            folder,
        }
    }

    /// Puts another configuration in force.
    pub(crate) fn replace(&self, config: &str) {
        self.shared
            .replace_world(Arc::new(World::build(read(config)).unwrap()));
    }

    /// Asks for a stop, as a signal would.
    pub(crate) fn drain(&self) {
        self.drain.send_replace(true);
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(mut self) {
        let ended = within("the gateway to stop", self.accepting.join_next()).await;
        ended.unwrap().unwrap().unwrap();
    }

    /// How many refusals of clients the metrics count.
    pub(crate) fn refusals(&self) -> u64 {
        let (mut series, mut rejections) = (HashMap::new(), HashMap::new());
        self.sheet.sum_into(&mut series, &mut rejections);
        let of_clients = rejections
            .iter()
            .filter(|((_, source), _)| *source == Source::Client);
        of_clients.map(|(_, count)| count).sum()
    }

    /// A connection to it.
    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.addr).await
    }

    /// Posts a body on a connection of its own.
    pub(crate) async fn call(&self, speaks: Speaks, body: impl AsRef<[u8]>) -> Reply {
        self.send(&speaks.post(speaks.path(), body.as_ref())).await
    }

    /// Sends bytes on a connection of its own.
    pub(crate) async fn send(&self, bytes: &[u8]) -> Reply {
        let mut connection = self.connect().await;
        connection.write(bytes).await;
        connection.reply().await
    }

    /// Posts a body and reads the answer's head.
    pub(crate) async fn open(&self, speaks: Speaks, body: impl AsRef<[u8]>) -> (Connection, Reply) {
        let mut connection = self.connect().await;
        connection
            .write(&speaks.post(speaks.path(), body.as_ref()))
            .await;
        let head = connection.head().await;
        (connection, head)
    }

    /// The ledger, oldest first.
    pub(crate) async fn entries(&self) -> Vec<Entry> {
        self.store.ledger().drain().await.unwrap();
        let mut entries = self.store.ledger().recent(1000).await.unwrap();
        entries.reverse();
        entries
    }

    /// The last row of the ledger.
    pub(crate) async fn entry(&self) -> Entry {
        self.entries().await.pop().expect("a row in the ledger")
    }

    /// The row of one call.
    pub(crate) async fn entry_of(&self, reply: &Reply) -> Entry {
        let id = reply.header("x-weir-request-id").expect("a request id");
        let found = self
            .entries()
            .await
            .into_iter()
            .find(|entry| entry.id == id);
        found.unwrap_or_else(|| panic!("no row for {id}"))
    }
}

/// Waits, but not for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let bounded = tokio::time::timeout(HANG, future);
    bounded
        .await
        .unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// A fake upstream.
pub(crate) async fn mimic() -> Mimic {
    Mimic::start(Options::default()).await.unwrap()
}

/// The entry `providers` for an upstream of both dialects: `up` speaks OpenAI's, `claude`
/// Anthropic's. `more` is added to both.
pub(crate) fn providers(url: &str, more: &str) -> String {
    format!(
        "providers:\n\
         \x20 up: {{ kind: openai-compatible, base_url: \"{url}/v1\", api_key: sk-upstream{more} }}\n\
         \x20 claude: {{ kind: anthropic-compatible, base_url: \"{url}\", api_key: sk-upstream{more} }}\n"
    )
}

fn read(text: &str) -> Arc<Config> {
    let mut text = text.to_owned();
    for (section, default) in [
        (
            "server:",
            format!("server: {{ max_body: \"{MAX_BODY}\" }}\n"),
        ),
        (
            "keys:",
            format!(
                "keys:\n  - {{ name: all, value: {KEY}, project: tests }}\n  \
                 - {{ name: narrow, value: {NARROW_KEY}, models: [fast, \"up/lorem*\"] }}\n"
            ),
        ),
    ] {
        if !text.contains(section) {
            text.push_str(&default);
        }
    }
    let environment = Environment::from_pairs([("", ""); 0]);
    let loaded = Config::from_str(&text, "test", &environment);
    Arc::new(
        loaded
            .unwrap_or_else(|errors| panic!("{errors}\n{text}"))
            .config,
    )
}

fn declared(config: &Config) -> Vec<DeclaredKey> {
    let key = |key: &weir_config::DeclaredKey| DeclaredKey {
        name: key.name.clone(),
        value: key.value.expose().to_owned(),
        models: key
            .models
            .iter()
            .map(|glob| glob.as_str().to_owned())
            .collect(),
        project: key.project.clone(),
    };
    config.keys.iter().map(key).collect()
}
