//! `/admin/v1/keys`: make, list, disable and enable keys.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use weir_store::{Key, KeyRole, NewKey};

use crate::Console;
use crate::access::Refusal;

/// What `POST /admin/v1/keys` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    name: String,
    #[serde(default = "every_model")]
    models: Vec<String>,
    project: Option<String>,
    #[serde(default)]
    admin: bool,
}

fn every_model() -> Vec<String> {
    vec!["*".to_owned()]
}

/// What it answers: the only time that the plain key is seen.
#[derive(Debug, Serialize)]
pub(crate) struct Made {
    value: String,
    #[serde(flatten)]
    key: Key,
}

/// Makes a key.
pub(crate) async fn create(
    State(console): State<Console>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<(StatusCode, Json<Made>), Refusal> {
    let Json(wanted) = wanted.map_err(|e| Refusal(StatusCode::BAD_REQUEST, e.body_text()))?;
    let role = if wanted.admin {
        KeyRole::Admin
    } else {
        KeyRole::Virtual
    };
    let Wanted {
        name,
        models,
        project,
        ..
    } = wanted;
    let created = console
        .keys
        .create(NewKey {
            name,
            role,
            models,
            project,
        })
        .await?;
    Ok((
        StatusCode::CREATED,
        Json(Made {
            value: created.plain,
            key: created.key,
        }),
    ))
}

/// Every key, without its plain form.
pub(crate) async fn list(State(console): State<Console>) -> Result<Json<Vec<Key>>, Refusal> {
    Ok(Json(console.keys.list().await?))
}

/// Turns a key off, by name or id; at once.
pub(crate) async fn disable(
    State(console): State<Console>,
    Path(key): Path<String>,
) -> Result<Json<Key>, Refusal> {
    Ok(Json(console.keys.disable(&key).await?))
}

/// Turns it on again.
pub(crate) async fn enable(
    State(console): State<Console>,
    Path(key): Path<String>,
) -> Result<Json<Key>, Refusal> {
    Ok(Json(console.keys.enable(&key).await?))
}
