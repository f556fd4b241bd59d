//! Two workers in the test's own runtime, each with a listener of its own so that a test chooses
//! who serves a call, their admin listener, and a client. Whatever is waited for is bounded.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use weir_config::{Config, Environment};
use weir_console::Console;
use weir_gateway::{Shared, Worker, World, listen};
use weir_mimic::{Mimic, Options};
use weir_store::{
    Clock, DeclaredKey, KeptOptions, KeyRole, NewKey, Secret, Store, StoreOptions,
    Sync as JournalSync,
};

/// The declared key.
pub(crate) const KEY: &str = "sk-weir-test-0123456789";

/// The longest that a test waits for anything.
const HANG: Duration = Duration::from_secs(30);

/// A running gateway.
pub(crate) struct Gateway {
    /// Where each worker listens.
    pub(crate) workers: [SocketAddr; 2],
    pub(crate) admin: SocketAddr,
    pub(crate) admin_key: String,
    pub(crate) upstream: Mimic,
    shared: Arc<Shared>,
    _drain: watch::Sender<bool>,
    _tasks: JoinSet<()>,
    _folder: TempDir,
}

impl Gateway {
    /// Starts one with a configuration in which `MIMIC` stands for the upstream's URL.
    pub(crate) async fn start(config: &str) -> Gateway {
        let upstream = Mimic::start(Options::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            database: format!("sqlite:{}", folder.path().join("weir.db").display()),
            journal_dir: folder.path().join("journal"),
            secret: Secret::from_text("a secret for tests, of some length").unwrap(),
            sync: JournalSync::OsBuffered,
            kept: KeptOptions::default(),
            clock: Clock::system(),
        };
        let store = Store::open(options).await.unwrap();
        let keys = store.index();
        keys.set_declared(vec![DeclaredKey {
            name: "all".to_owned(),
            value: KEY.to_owned(),
            models: vec!["*".to_owned()],
            project: None,
        }])
        .unwrap();
        let admin_key = NewKey {
            name: "admin".to_owned(),
            role: KeyRole::Admin,
            models: vec!["*".to_owned()],
            project: None,
        };
        let admin_key = store.keys().create(admin_key).await.unwrap().plain;
        let shared = Shared::new(world(config, &upstream), &store, Clock::system(), None);
        let (drain, draining) = watch::channel(false);
        let (mut tasks, mut sheets) = (JoinSet::new(), Vec::new());
        let mut worker = || {
            let journal = store.journal().writer().unwrap();
            let worker = Worker::new(Arc::clone(&shared), journal).unwrap();
            sheets.push(worker.sheet());
            let listener = listen::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
            let addr = listener.local_addr().unwrap();
            let accept = listen::accept(worker, listener, 64 << 10, draining.clone(), HANG);
            tasks.spawn(async { accept.await.unwrap() });
            addr
        };
        let workers = [worker(), worker()];
        let console = Console {
            shared: Arc::clone(&shared),
            sheets: sheets.into(),
            keys: store.keys().clone(),
            ready: Arc::new(AtomicBool::new(true)),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = listener.local_addr().unwrap();
        tasks.spawn(async {
            let router = weir_console::router(console);
            axum::serve(listener, router).await.unwrap();
        });
        Gateway {
            workers,
            admin,
            admin_key,
            upstream,
            shared,
            _drain: drain,
            _tasks: tasks,
            _folder: folder,
        }
    }

    /// Puts another configuration in force.
    pub(crate) fn replace(&self, config: &str) {
        self.shared.replace_world(world(config, &self.upstream));
    }

    /// Posts a chat in OpenAI's dialect to a worker.
    pub(crate) async fn chat(&self, worker: usize, key: &str, model: &str) -> (u16, String) {
        let body = format!(
            r#"{{"model":"{model}","messages":[{{"role":"user","content":"hello world"}}]}}"#
        );
        self.post(worker, "/v1/chat/completions", key, &body).await
    }

    /// Posts a body to a worker.
    pub(crate) async fn post(
        &self,
        worker: usize,
        path: &str,
        key: &str,
        body: &str,
    ) -> (u16, String) {
        send(self.workers[worker], "POST", path, key, body).await
    }

    /// Posts to the admin API, which must like it.
    pub(crate) async fn admin(&self, path: &str, body: &str) -> serde_json::Value {
        let (status, text) = send(self.admin, "POST", path, &self.admin_key, body).await;
        assert!((200..300).contains(&status), "{status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// What is measured: the lines of `/metrics` that begin with one of `names`.
    pub(crate) async fn scrape(&self, names: &[&str]) -> Vec<String> {
        let (status, page) = send(self.admin, "GET", "/metrics", "", "").await;
        assert_eq!(status, 200);
        assert!(page.ends_with("# EOF\n"), "{page}");
        let wanted = |line: &&str| names.iter().any(|name| line.starts_with(name));
        page.lines().filter(wanted).map(str::to_owned).collect()
    }

    /// Waits until a line stands on `/metrics`.
    pub(crate) async fn until(&self, line: &str) {
        let seen = async { while self.scrape(&[line]).await != [line] {} };
        within(line, seen).await;
    }
}

fn world(config: &str, upstream: &Mimic) -> Arc<World> {
    let text = config.replace("MIMIC", &upstream.url());
    let environment = Environment::from_pairs([("", ""); 0]);
    let loaded = Config::from_str(&text, "test", &environment);
    let config = loaded
        .unwrap_or_else(|errors| panic!("{errors}\n{text}"))
        .config;
    Arc::new(World::build(Arc::new(config)).unwrap())
}

/// Sends a request on a connection of its own and reads the answer to its end: its status, and its
/// body as it came.
async fn send(addr: SocketAddr, method: &str, path: &str, key: &str, body: &str) -> (u16, String) {
    let mut stream = open(addr, method, path, key, body).await;
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    within("an answer", read).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status");
    (status.parse().unwrap(), body.to_owned())
}

/// Sends a request whose answer is left unread.
pub(crate) async fn open(
    addr: SocketAddr,
    method: &str,
    path: &str,
    key: &str,
    body: &str,
) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    within(
        "the request to be read",
        stream.write_all(request.as_bytes()),
    )
    .await
    .unwrap();
    stream
}

/// Waits, but not for ever.
async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let bounded = tokio::time::timeout(HANG, future);
    bounded
        .await
        .unwrap_or_else(|_| panic!("waited too long for {what}"))
}
