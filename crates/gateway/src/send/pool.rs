//! Connections to upstreams, per worker. HTTP/1.1: one call at a time, the last used first. HTTP/2:
//! many streams a connection, and as many connections as the streams under way need.
//!
//! While it is unknown which of the two a host speaks, one connection is opened and the others
//! wait for what it finds, so that a burst does not open one connection per call.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::either::Either;
use tokio_util::task::TaskTracker;
use weir_config::Http2;
use weir_model::Rejection;

use super::network::{InProcess, Network};
use super::origin::{Origin, Via};
use super::{IDLE_CONNECTION, OutBody, connect, unreachable};

/// The connections of one worker.
#[derive(Debug)]
pub(crate) struct Pool {
    hosts: Mutex<HashMap<String, Arc<Host>, foldhash::fast::RandomState>>,
    tasks: TaskTracker,
    in_process: Option<InProcess>,
}

/// The connections to one origin.
#[derive(Debug)]
pub(super) struct Host {
    state: Mutex<State>,
    changed: Notify,
    pub(super) tasks: TaskTracker,
}

#[derive(Debug, Default)]
struct State {
    idle_h1: Vec<(http1::SendRequest<OutBody>, Instant)>,
    h2: Vec<Arc<H2>>,
    speaks: Option<Version>,
    /// Connections that exist.
    open: usize,
    /// Connections being opened.
    connecting: usize,
    /// Calls waiting for one.
    waiting: usize,
    /// Counts failed attempts to connect, so that those who waited for one fail with it.
    failures: u64,
    last_failure: Option<Rejection>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    H1,
    H2,
}

/// A connection ready for a request.
pub(super) enum Sender {
    H1(http1::SendRequest<OutBody>),
    H2(Stream),
}

/// A shared HTTP/2 connection.
#[derive(Debug)]
pub(super) struct H2 {
    sender: http2::SendRequest<OutBody>,
    streams: AtomicUsize,
    /// Most streams that the peer allows, as far as it has said.
    allowed: Arc<AtomicUsize>,
}

/// The right to one stream of an HTTP/2 connection.
pub(super) struct Stream {
    h2: Arc<H2>,
    host: Arc<Host>,
}

/// A connection in use by one call. Dropped instead of given back, an HTTP/1.1 connection closes.
pub(crate) struct Lease {
    host: Arc<Host>,
    sender: Sender,
    /// Whether it has carried another call before.
    pub(super) reused: bool,
}

enum Step {
    Take(Sender),
    Connect,
    Wait(u64),
}

impl Pool {
    /// An empty pool, whose connections are driven by tracked tasks.
    pub(crate) fn new(tasks: TaskTracker, in_process: Option<InProcess>) -> Pool {
        Pool {
            hosts: Mutex::default(),
            tasks,
            in_process,
        }
    }

    /// A connection to `origin`; a new one if `fresh` is demanded.
    ///
    /// # Errors
    /// `Unreachable`, when none can be opened.
    pub(super) async fn acquire(
        &self,
        origin: &Origin,
        network: &Network,
        fresh: bool,
    ) -> Result<Lease, Rejection> {
        let host = self.host(origin, network);
        if fresh {
            host.lock().connecting += 1;
            return self.open(&host, origin, network).await;
        }
        loop {
            let changed = host.changed.notified();
            let step = host.lock().step(network, &host);
            match step {
                Step::Take(sender) => {
                    if let Some(lease) = host.lease(sender).await {
                        return Ok(lease);
                    }
                }
                Step::Connect => return self.open(&host, origin, network).await,
                Step::Wait(failures) => {
                    let waiting = Waiting::enter(&host);
                    changed.await;
                    drop(waiting);
                    let state = host.lock();
                    if state.failures > failures
                        && let Some(rejection) = &state.last_failure
                    {
                        return Err(rejection.clone());
                    }
                }
            }
        }
    }

    fn host(&self, origin: &Origin, network: &Network) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(&origin.key) {
            return Arc::clone(host);
        }
        let known = match network.http2 {
            _ if origin.via == Via::InProcess => Some(Version::H1),
            Http2::Off => Some(Version::H1),
            Http2::PriorKnowledge if !origin.tls => Some(Version::H2),
            Http2::Auto | Http2::PriorKnowledge => (!origin.tls).then_some(Version::H1),
        };
        let host = Arc::new(Host {
            state: Mutex::new(State {
                speaks: known,
                ..State::default()
            }),
            changed: Notify::new(),
            tasks: self.tasks.clone(),
        });
        hosts.insert(origin.key.clone(), Arc::clone(&host));
        host
    }

    /// Opens a connection; the caller has counted it in `connecting`.
    async fn open(
        &self,
        host: &Arc<Host>,
        origin: &Origin,
        network: &Network,
    ) -> Result<Lease, Rejection> {
        let connecting = Connecting(host);
        // Boxed: rare, and large enough to weigh on every call otherwise.
        let opening = connect::connect(origin, network, self.in_process.as_ref(), host);
        let opened = Box::pin(opening).await;
        let mut state = host.lock();
        let lease = match opened {
            Ok(sender) => {
                state.speaks = Some(sender.version());
                if let Sender::H2(stream) = &sender {
                    state.h2.push(Arc::clone(&stream.h2));
                }
                Ok(Lease {
                    host: Arc::clone(host),
                    sender,
                    reused: false,
                })
            }
            Err(why) => {
                let rejection = unreachable(&why);
                state.failures += 1;
                state.last_failure = Some(rejection.clone());
                Err(rejection)
            }
        };
        drop(state);
        drop(connecting);
        lease
    }
}

impl State {
    fn step(&mut self, network: &Network, host: &Arc<Host>) -> Step {
        let now = Instant::now();
        while let Some((sender, since)) = self.idle_h1.pop() {
            if !sender.is_closed() && now.duration_since(since) < IDLE_CONNECTION {
                return Step::Take(Sender::H1(sender));
            }
        }
        self.h2.retain(|h2| !h2.sender.is_closed());
        if let Some(h2) = self.roomiest(network.max_streams) {
            return Step::Take(Sender::H2(Stream::enter(h2, host)));
        }
        let opening = self.connecting;
        let wanted = match self.speaks {
            None => opening == 0,
            Some(Version::H1) => true,
            Some(Version::H2) => opening * network.max_streams <= self.waiting,
        };
        let limit = network.max_connections;
        if wanted && (limit == 0 || self.open + opening < limit) {
            self.connecting += 1;
            Step::Connect
        } else {
            Step::Wait(self.failures)
        }
    }

    /// The HTTP/2 connection with the fewest streams, if it has room for one more.
    fn roomiest(&self, max_streams: usize) -> Option<Arc<H2>> {
        let streams = |h2: &&Arc<H2>| h2.streams.load(Ordering::Relaxed);
        let best = self.h2.iter().min_by_key(streams)?;
        let room = max_streams.min(best.allowed.load(Ordering::Relaxed)).max(1);
        (streams(&best) < room).then(|| Arc::clone(best))
    }
}

impl Host {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lease of a pooled connection; `None` when it turned out to be closed.
    async fn lease(self: &Arc<Host>, sender: Sender) -> Option<Lease> {
        let mut lease = Lease {
            host: Arc::clone(self),
            sender,
            reused: true,
        };
        if let Sender::H1(sender) = &mut lease.sender {
            sender.ready().await.ok()?;
        }
        Some(lease)
    }

    /// Drives a connection until it ends.
    pub(super) fn drive<F, E>(self: &Arc<Host>, connection: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display,
    {
        let host = Arc::clone(self);
        host.lock().open += 1;
        self.tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "upstream connection ended");
            }
            host.lock().open -= 1;
            host.changed.notify_waiters();
        });
    }

    fn notify(&self, state: MutexGuard<'_, State>) {
        let waiting = state.waiting > 0;
        drop(state);
        if waiting {
            self.changed.notify_waiters();
        }
    }
}

impl Sender {
    fn version(&self) -> Version {
        match self {
            Sender::H1(_) => Version::H1,
            Sender::H2(_) => Version::H2,
        }
    }
}

impl Stream {
    /// The first stream of a new connection.
    pub(super) fn first(
        sender: http2::SendRequest<OutBody>,
        allowed: Arc<AtomicUsize>,
        host: &Arc<Host>,
    ) -> Stream {
        Stream::enter(
            Arc::new(H2 {
                sender,
                streams: AtomicUsize::new(0),
                allowed,
            }),
            host,
        )
    }

    fn enter(h2: Arc<H2>, host: &Arc<Host>) -> Stream {
        h2.streams.fetch_add(1, Ordering::Relaxed);
        Stream {
            h2,
            host: Arc::clone(host),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.h2.streams.fetch_sub(1, Ordering::Relaxed);
        self.host.notify(self.host.lock());
    }
}

impl Lease {
    /// Sends a request. A request that was not sent at all comes back in the error.
    pub(super) fn send(
        &mut self,
        request: Request<OutBody>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<OutBody>>>> + use<>
    {
        match &mut self.sender {
            Sender::H1(sender) => Either::Left(sender.try_send_request(request)),
            Sender::H2(stream) => Either::Right(stream.h2.sender.clone().try_send_request(request)),
        }
    }

    pub(super) fn is_h2(&self) -> bool {
        matches!(self.sender, Sender::H2(_))
    }

    /// Whether requests on it carry their whole URI.
    pub(super) fn wants_absolute(&self, origin: &Origin) -> bool {
        let plain_proxy = !origin.tls && matches!(origin.via, Via::Proxy { .. });
        plain_proxy || self.is_h2()
    }

    /// The answer was read to its end: the connection can carry another call.
    pub(super) fn give_back(self) {
        if let Sender::H1(sender) = self.sender {
            let mut state = self.host.lock();
            state.idle_h1.push((sender, Instant::now()));
            self.host.notify(state);
        }
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease")
            .field("reused", &self.reused)
            .finish_non_exhaustive()
    }
}

/// Counts a call as waiting for as long as it lives.
struct Waiting<'a>(&'a Host);

impl<'a> Waiting<'a> {
    fn enter(host: &'a Host) -> Waiting<'a> {
        host.lock().waiting += 1;
        Waiting(host)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

/// Counts a connection as being opened for as long as it lives; whoever waits looks again after.
struct Connecting<'a>(&'a Host);

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        self.0.lock().connecting -= 1;
        self.0.changed.notify_waiters();
    }
}
