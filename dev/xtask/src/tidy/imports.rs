//! What each crate may stand on, read from the manifests.

use serde_json::Value;

use crate::repository::{packages, read};

/// Most packages in the lock file.
const MOST_LOCKED: usize = 400;

/// Most cargo features in the whole workspace.
const MOST_FEATURES: usize = 3;

/// A crate, those of ours that it may import, and what it must never depend on.
struct Allowed {
    name: &'static str,
    ours: &'static [&'static str],
    never: &'static [&'static str],
}

const fn allowed(
    name: &'static str,
    ours: &'static [&'static str],
    never: &'static [&'static str],
) -> Allowed {
    Allowed { name, ours, never }
}

/// What does IO, waits, or draws lots.
const WORLD: &[&str] = &[
    "axum",
    "getrandom",
    "http-body-util",
    "hyper",
    "hyper-util",
    "rand",
    "rustls",
    "socket2",
    "sqlx",
    "tokio",
    "tokio-rustls",
];

const ALLOWED: &[Allowed] = &[
    allowed("weir-model", &[], WORLD),
    allowed("weir-dialect", &["weir-model"], WORLD),
    allowed("weir-catalog", &["weir-model"], WORLD),
    allowed("weir-config", &["weir-model", "weir-catalog"], WORLD),
    allowed(
        "weir-store",
        &["weir-model", "weir-config"],
        &["axum", "http", "hyper", "hyper-util"],
    ),
    allowed(
        "weir-gateway",
        &[
            "weir-model",
            "weir-dialect",
            "weir-catalog",
            "weir-config",
            "weir-store",
        ],
        &["askama", "clap", "serde-saphyr", "sqlx"],
    ),
    allowed(
        "weir-console",
        &["weir-model", "weir-config", "weir-store", "weir-gateway"],
        &["clap", "sqlx"],
    ),
    allowed("weir-sim", &[], &["sqlx"]),
    allowed("weir-mimic", &["weir-sim"], &["sqlx"]),
    allowed("weir-bench", &["weir-mimic"], &["sqlx"]),
    allowed(
        "weir",
        &[
            "weir-model",
            "weir-dialect",
            "weir-catalog",
            "weir-config",
            "weir-store",
            "weir-gateway",
            "weir-console",
            "weir-sim",
        ],
        &["sqlx"],
    ),
    allowed(
        "xtask",
        &[
            "weir-model",
            "weir-dialect",
            "weir-catalog",
            "weir-config",
            "weir-sim",
        ],
        &["tokio"],
    ),
];

/// What stands in no crate.
const NOWHERE: &[&str] = &["native-tls", "openssl", "openssl-sys", "reqwest"];

/// What the manifests import that they may not.
pub(super) fn complaints() -> Result<Vec<String>, String> {
    let packages = packages()?;
    let mut complaints: Vec<String> = packages.iter().flat_map(package).collect();
    let features: usize = packages.iter().map(features).sum();
    if features > MOST_FEATURES {
        complaints.push(format!(
            "the workspace has {features} cargo features, at most {MOST_FEATURES} are allowed"
        ));
    }
    Ok(complaints)
}

/// What one manifest, as `cargo metadata` gives it, imports that it may not.
pub(super) fn package(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let Some(rule) = ALLOWED.iter().find(|rule| rule.name == name) else {
        return vec![format!("{name}: say in tidy/imports.rs what it may import")];
    };
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    dependencies
        .filter_map(|dependency| {
            let import = dependency["name"].as_str().unwrap_or_default();
            let fault = forbids(rule, import, &dependency["kind"], &dependency["path"]);
            let fault = fault.or_else(|| {
                let source = dependency["source"].as_str().unwrap_or_default();
                source.starts_with("git+").then_some("comes from git")
            })?;
            Some(format!("{name}: {import} {fault}"))
        })
        .collect()
}

/// Tests may also use the fakes, and a runtime.
fn forbids(rule: &Allowed, import: &str, kind: &Value, path: &Value) -> Option<&'static str> {
    let in_tests = kind == "dev";
    if NOWHERE.contains(&import) {
        return Some("is imported nowhere");
    }
    if path.is_string() {
        let fake = in_tests && ["weir-sim", "weir-mimic"].contains(&import);
        let may = fake || rule.ours.contains(&import);
        return (!may).then_some("is not below it");
    }
    (!in_tests && rule.never.contains(&import)).then_some("must never be in it")
}

fn features(package: &Value) -> usize {
    let features = package["features"].as_object().into_iter().flatten();
    features.filter(|(name, _)| *name != "default").count()
}

/// Whether too much is locked.
pub(super) fn lock() -> Result<Vec<String>, String> {
    let locked = read("Cargo.lock")?.matches("[[package]]").count();
    let too_many = locked > MOST_LOCKED;
    Ok(too_many
        .then(|| format!("Cargo.lock: {locked} packages, at most {MOST_LOCKED} are allowed"))
        .into_iter()
        .collect())
}
