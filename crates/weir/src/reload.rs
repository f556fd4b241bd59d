//! Takes over an edited configuration: when the file changes, or at SIGHUP. A bad file is refused
//! whole, and what is in force keeps serving.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};
use weir_config::{Config, Environment};
use weir_gateway::{Shared, World};
use weir_store::DeclaredKey;

/// Between looks at the file. Looking is robust where watching is not: mounted config maps,
/// editors that replace files, network file systems.
const LOOK: Duration = Duration::from_millis(500);

/// Watches the file for as long as it is polled.
pub(crate) async fn watch(file: PathBuf, shared: Arc<Shared>, mut in_force: Arc<Config>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return tracing::error!("cannot listen for SIGHUP, so the configuration is not reloaded");
    };
    let mut seen = stamp(&file);
    loop {
        tokio::select! {
            _ = hangup.recv() => {}
            () = tokio::time::sleep(LOOK) => {
                let now = stamp(&file);
                if now == seen || now.is_none() {
                    continue;
                }
                seen = now;
            }
        }
        match take_over(&file, &shared, &in_force) {
            Ok(config) => {
                tracing::info!(config = config.digest(), "configuration reloaded");
                in_force = config;
            }
            Err(reason) => {
                tracing::error!("the edited configuration is refused, the old one stays: {reason}");
            }
        }
    }
}

/// Changes when the file's content may have.
fn stamp(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn take_over(file: &Path, shared: &Shared, in_force: &Config) -> Result<Arc<Config>, String> {
    let loaded =
        Config::from_file(file, &Environment::from_process()).map_err(|e| e.to_string())?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let config = Arc::new(loaded.config);
    let fixed = |config: &Config| (config.server.clone(), config.store.clone(), config.state);
    if fixed(&config) != fixed(in_force) {
        tracing::warn!("changes of `server`, `store` and `state` take effect at the next start");
    }
    let world = World::build(Arc::clone(&config))?;
    shared
        .keys
        .set_declared(declared_keys(&config))
        .map_err(|e| e.to_string())?;
    shared.replace_world(Arc::new(world));
    Ok(config)
}

/// The keys that stand in the file.
pub(crate) fn declared_keys(config: &Config) -> Vec<DeclaredKey> {
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
