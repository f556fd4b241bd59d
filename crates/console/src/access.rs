//! Who may use the admin API, and how refusals look there.

use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::AUTHORIZATION;
use serde_json::json;
use weir_store::{KeyRole, StoreError};

use crate::Console;

/// A refusal: a status and what to do next.
#[derive(Debug)]
pub(crate) struct Refusal(pub StatusCode, pub String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": { "message": self.1 } }))).into_response()
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        let status = match &error {
            StoreError::NoSuchKey(_) => StatusCode::NOT_FOUND,
            StoreError::NameTaken(_) | StoreError::ValueTaken(_) | StoreError::Declared(_) => {
                StatusCode::CONFLICT
            }
            StoreError::BadKey(_) => StatusCode::BAD_REQUEST,
            other => {
                tracing::error!(error = %other, "the store failed");
                let message = "the store failed; see the server's log";
                return Refusal(StatusCode::INTERNAL_SERVER_ERROR, message.to_owned());
            }
        };
        Refusal(status, error.to_string())
    }
}

/// Lets a request with an enabled admin key through.
pub(crate) async fn demand_admin(
    State(console): State<Console>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let presented = header
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    match console.shared.keys.find(presented.trim()) {
        Some(key) if key.role == KeyRole::Admin => Ok(next.run(request).await),
        Some(_) => Err(Refusal(
            StatusCode::FORBIDDEN,
            "this is a virtual key; the admin API takes an admin key".to_owned(),
        )),
        None => Err(Refusal(
            StatusCode::UNAUTHORIZED,
            "send an admin key as `Authorization: Bearer sk-weir-admin-...`".to_owned(),
        )),
    }
}

/// 404 with the paths that there are.
pub(crate) async fn unknown_path() -> Refusal {
    let message = "unknown path; there are /healthz, /readyz, /metrics and /admin/v1/keys";
    Refusal(StatusCode::NOT_FOUND, message.to_owned())
}
