//! `weir serve`: puts the parts together, runs them, and takes them down in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use weir_config::{Config, Environment, JournalSync, Loaded};
use weir_console::Console;
use weir_gateway::{InProcess, Shared, Worker, World, listen};
use weir_store::{Clock, KeptOptions, KeyRole, NewKey, Secret, Store, StoreOptions, Sync};

use crate::banner::{FirstKeys, Reached, banner};
use crate::cli::{ServeArgs, print};
use crate::workers::{self, Orders};
use crate::{log, memory, reload};

/// Serves until told to stop.
pub(crate) fn run(args: &ServeArgs) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .build()
        .map_err(|e| format!("cannot start: {e}"))?;
    runtime.block_on(serve(args))
}

async fn serve(args: &ServeArgs) -> Result<(), String> {
    let config = load(args)?;
    let admin = admin_listener(config.server.admin_listen).await?;
    let address = own_address(config.server.listen)?;
    let store = open_store(&config).await?;
    let keys = store.index();
    keys.set_declared(reload::declared_keys(&config))
        .map_err(|e| e.to_string())?;
    let world = Arc::new(World::build(Arc::clone(&config))?);
    let sim = InProcess::new(weir_sim::serve_connection);
    let shared = Shared::new(world, &store, Clock::system(), Some(sim));

    let (drain, draining) = watch::channel(false);
    let crew = Crew::start(&config, address, &store, &shared, draining)?;
    let ready = Arc::new(AtomicBool::new(true));
    let console = Console {
        shared: Arc::clone(&shared),
        sheets: crew.sheets.clone().into(),
        keys: store.keys().clone(),
        ready: Arc::clone(&ready),
    };
    // Last, because they are shown once: a start that fails must not make them.
    let first = if store.first_start() {
        Some(first_keys(&store).await?)
    } else {
        None
    };
    let reached = Reached {
        api: address,
        admin: admin.local_addr().map_err(|e| e.to_string())?,
    };
    print(&banner(&config, reached, first.as_ref()))?;

    let file = args.config.clone();
    tokio::select! {
        served = axum::serve(admin, weir_console::router(console)) => {
            tracing::error!(?served, "the admin listener stopped");
        }
        () = store.ledger().follow() => {}
        () = store.kept().follow() => {}
        () = reloading(file, Arc::clone(&shared), Arc::clone(&config)) => {}
        never = memory::give_back() => match never {},
        signal = stop_signal() => tracing::info!(signal = signal?, "draining"),
    }
    ready.store(false, Ordering::Release);
    drain.send_replace(true);
    crew.join().await;
    store.close().await.map_err(|e| e.to_string())
}

fn load(args: &ServeArgs) -> Result<Arc<Config>, String> {
    let environment = Environment::from_process();
    let loaded = match &args.config {
        Some(file) => Config::from_file(file, &environment).map_err(|e| e.to_string())?,
        None => Loaded::from_environment(&environment),
    };
    log::start(&loaded.config.log);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    Ok(Arc::new(loaded.config))
}

async fn open_store(config: &Config) -> Result<Store, String> {
    let secret = match &config.server.secret {
        Some(text) => Secret::from_text(text.expose()),
        None => Secret::load_or_create(&config.store.secret_file()),
    };
    let previous = config.server.previous_secrets.iter();
    let previous: Result<_, _> = previous.map(|s| Secret::from_text(s.expose())).collect();
    let sync = match config.store.sync {
        JournalSync::Os => Sync::OsBuffered,
        JournalSync::Always => Sync::Always,
    };
    let options = StoreOptions {
        database: String::from(config.store.database.clone()),
        journal_dir: config.store.journal_dir(),
        secret: secret
            .and_then(|secret| Ok(secret.after(previous?)))
            .map_err(|e| e.to_string())?,
        sync,
        kept: KeptOptions {
            max_entry_bytes: config.state.max_entry_bytes.0,
            max_tenant_bytes: config.state.max_key_bytes.0,
            max_bytes: config.state.max_bytes.0,
            memory_bytes: config.state.memory.0,
        },
        clock: Clock::system(),
    };
    Store::open(options).await.map_err(|e| e.to_string())
}

async fn first_keys(store: &Store) -> Result<FirstKeys, String> {
    let make = async |name: &str, role| {
        let new = NewKey {
            name: name.to_owned(),
            role,
            models: vec!["*".to_owned()],
            project: None,
        };
        store
            .keys()
            .create(new)
            .await
            .map(|made| made.plain)
            .map_err(|e| e.to_string())
    };
    Ok(FirstKeys {
        caller: make("first", KeyRole::Virtual).await?,
        admin: make("first-admin", KeyRole::Admin).await?,
    })
}

async fn admin_listener(address: SocketAddr) -> Result<tokio::net::TcpListener, String> {
    tokio::net::TcpListener::bind(address)
        .await
        .map_err(|e| format!("cannot listen on server.admin_listen {address}: {e}"))
}

/// The address of the API with its port known, and nobody else's: the workers share their port, and
/// so would a second process that asked for it.
fn own_address(address: SocketAddr) -> Result<SocketAddr, String> {
    std::net::TcpListener::bind(address)
        .and_then(|probe| probe.local_addr())
        .map_err(|e| format!("cannot listen on server.listen {address}: {e}"))
}

/// Watches the file, if there is one.
async fn reloading(file: Option<std::path::PathBuf>, shared: Arc<Shared>, config: Arc<Config>) {
    match file {
        Some(file) => reload::watch(file, shared, config).await,
        None => std::future::pending().await,
    }
}

async fn stop_signal() -> Result<&'static str, String> {
    let listen = |kind| signal(kind).map_err(|e| format!("cannot listen for signals: {e}"));
    let (mut terminate, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = interrupt.recv() => Ok("SIGINT"),
    }
}

/// The worker threads.
struct Crew {
    threads: Vec<JoinHandle<()>>,
    sheets: Vec<Arc<weir_gateway::observe::Sheet>>,
}

impl Crew {
    fn start(
        config: &Config,
        address: SocketAddr,
        store: &Store,
        shared: &Arc<Shared>,
        drain: watch::Receiver<bool>,
    ) -> Result<Crew, String> {
        let orders = Orders {
            max_header_bytes: usize::try_from(config.server.max_header_bytes.0)
                .unwrap_or(usize::MAX),
            drain,
            drain_timeout: Duration::from_millis(config.server.drain_timeout_ms),
        };
        let mut crew = Crew {
            threads: Vec::new(),
            sheets: Vec::new(),
        };
        for number in 0..config.server.worker_threads() {
            crew.add(number, address, store, shared, &orders)
                .map_err(|e| format!("cannot listen on server.listen {address}: {e}"))?;
        }
        Ok(crew)
    }

    fn add(
        &mut self,
        number: usize,
        address: SocketAddr,
        store: &Store,
        shared: &Arc<Shared>,
        orders: &Orders,
    ) -> std::io::Result<()> {
        let listener = listen::bind(address)?;
        let worker = Worker::new(Arc::clone(shared), store.journal().writer()?)?;
        self.sheets.push(worker.sheet());
        let name = format!("weir-{number}");
        self.threads
            .push(workers::start(name, worker, listener, orders.clone())?);
        Ok(())
    }

    /// Waits for every thread to end.
    async fn join(self) {
        for thread in self.threads {
            // Joining blocks; the drain's timeout bounds it.
            let _ = tokio::task::spawn_blocking(|| thread.join()).await;
        }
    }
}
