//! Is the process alive, and does it take calls?

use std::sync::atomic::Ordering;

use axum::extract::State;
use http::StatusCode;

use crate::Console;

/// 200 for as long as the process runs.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// 200 while calls are taken, 503 before and after.
pub(crate) async fn ready(State(console): State<Console>) -> (StatusCode, &'static str) {
    if console.ready.load(Ordering::Acquire) {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}
