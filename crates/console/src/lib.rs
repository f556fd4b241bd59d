//! The admin listener: health, metrics, and the management of keys. Every `/admin` path demands an
//! admin key. Never here: code of the request path.

mod access;
mod health;
mod keys;
mod metrics;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::routing::{get, post};
use weir_gateway::Shared;
use weir_gateway::observe::Sheet;
use weir_store::Keys;

/// What the admin listener shows and changes.
#[derive(Clone)]
pub struct Console {
    /// The calls.
    pub shared: Arc<Shared>,
    /// The metric cells of every worker.
    pub sheets: Arc<[Arc<Sheet>]>,
    /// The stored keys.
    pub keys: Keys,
    /// Whether calls are taken: false before the start is complete and while draining.
    pub ready: Arc<AtomicBool>,
}

/// Every path of the admin listener.
pub fn router(console: Console) -> Router {
    let guarded = Router::new()
        .route("/admin/v1/keys", get(keys::list).post(keys::create))
        .route("/admin/v1/keys/{key}/disable", post(keys::disable))
        .route("/admin/v1/keys/{key}/enable", post(keys::enable))
        .route_layer(axum::middleware::from_fn_with_state(
            console.clone(),
            access::demand_admin,
        ));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::scrape))
        .merge(guarded)
        .fallback(access::unknown_path)
        .with_state(console)
}
