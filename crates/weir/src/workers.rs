//! Worker threads: one single-threaded runtime each, with its own listener, connections and
//! journal segment.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use weir_gateway::{Worker, listen};

/// What every worker is told.
#[derive(Clone)]
pub(crate) struct Orders {
    pub max_header_bytes: usize,
    pub drain: watch::Receiver<bool>,
    pub drain_timeout: Duration,
}

/// Starts a thread that serves `listener` until told to drain.
pub(crate) fn start(
    name: String,
    worker: Arc<Worker>,
    listener: TcpListener,
    orders: Orders,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name).spawn(move || {
        let built = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(8)
            .build();
        let served = built.and_then(|runtime| {
            let Orders {
                max_header_bytes,
                drain,
                drain_timeout,
            } = orders;
            let accept = listen::accept(worker, listener, max_header_bytes, drain, drain_timeout);
            runtime.block_on(accept)
        });
        if let Err(error) = served {
            tracing::error!(%error, "a worker stopped");
        }
    })
}
