//! Checks of `server`, `network` and `keys`.

use std::collections::HashMap;

use super::Findings;
use crate::error::did_you_mean;
use crate::written::{ClientAuth, File};
use crate::yaml::Path;
use crate::{ByteSize, DeclaredKey, Timeouts};

const LEAST_SECRET: usize = 32;
const LEAST_KEY: usize = 16;
const LEAST_HEADER_BYTES: ByteSize = ByteSize(8 << 10);
const LEAST_BODY: ByteSize = ByteSize(1 << 10);

pub(super) fn check(file: &File, findings: &mut Findings) {
    check_server(file, findings);
    let network = Path::of(&["network"]);
    for (key, value) in [
        (
            "max_connections_per_host",
            file.network.max_connections_per_host,
        ),
        (
            "max_streams_per_connection",
            file.network.max_streams_per_connection,
        ),
    ] {
        if value == 0 {
            findings.error(&network.key(key), "must be at least 1");
        }
    }
    if let Some(ca_file) = &file.network.ca_file
        && !ca_file.is_file()
    {
        let message = format!("`{}` is not a file", ca_file.display());
        findings.error(&network.key("ca_file"), message);
    }
    check_keys(&file.keys, findings);
}

fn check_server(file: &File, findings: &mut Findings) {
    let server = &file.server;
    let path = Path::of(&["server"]);
    if server.auth == ClientAuth::Off && !server.listen.ip().is_loopback() {
        findings.error(
            &path.key("auth"),
            format!(
                "`off` is accepted on a loopback address only, and `listen` is {}",
                server.listen
            ),
        );
    }
    if server.listen == server.admin_listen && server.listen.port() != 0 {
        findings.error(&path.key("admin_listen"), "is the same address as `listen`");
    }
    let previous = server.previous_secrets.iter().enumerate();
    let previous = previous.map(|(at, secret)| (path.key("previous_secrets").index(at), secret));
    let secret = server.secret.iter().map(|s| (path.key("secret"), s));
    for (path, secret) in secret.chain(previous) {
        if secret.expose().chars().count() < LEAST_SECRET {
            let message = format!("is shorter than {LEAST_SECRET} characters");
            findings.error(&path, message);
        }
    }
    for (key, size, least) in [
        ("max_body", server.max_body, LEAST_BODY),
        ("max_upload", server.max_upload, server.max_body),
        (
            "max_header_bytes",
            server.max_header_bytes,
            LEAST_HEADER_BYTES,
        ),
    ] {
        if size < least {
            findings.error(&path.key(key), format!("must be at least {least}"));
        }
    }
    for (index, name) in server.object_providers.iter().enumerate() {
        if !file.providers.contains_key(name) {
            let path = path.key("object_providers").index(index);
            let hint = did_you_mean(name, file.providers.keys().map(String::as_str));
            findings.error(&path, format!("`{name}` is not a provider here{hint}"));
        }
    }
    if server.workers == Some(0) {
        findings.error(&path.key("workers"), "must be at least 1");
    }
    for (key, ms) in [
        ("drain_timeout_ms", server.drain_timeout_ms),
        ("keep_alive_ms", server.keep_alive_ms),
    ] {
        if ms == 0 {
            findings.error(&path.key(key), "must be at least 1");
        }
    }
}

pub(super) fn check_timeouts(timeouts: &Timeouts, path: &Path, findings: &mut Findings) {
    for (key, ms) in timeouts.phases() {
        if ms == Some(0) {
            findings.error(&path.key("timeouts").key(key), "must be at least 1");
        }
    }
}

fn check_keys(keys: &[DeclaredKey], findings: &mut Findings) {
    let (mut names, mut values) = (HashMap::new(), HashMap::new());
    for (index, key) in keys.iter().enumerate() {
        let path = Path::of(&["keys"]).index(index);
        if key.name.is_empty() {
            findings.error(&path.key("name"), "is empty");
        }
        if let Some(first) = names.insert(&key.name, index) {
            let message = format!("`{}` is already the name of keys[{first}]", key.name);
            findings.error(&path.key("name"), message);
        }
        let value = key.value.expose();
        if value.chars().count() < LEAST_KEY {
            let message = format!("is shorter than {LEAST_KEY} characters");
            findings.error(&path.key("value"), message);
        }
        // It must fit into a header.
        if !value.bytes().all(|b| b.is_ascii_graphic()) {
            findings.error(&path.key("value"), "may hold visible ASCII characters only");
        }
        if let Some(first) = values.insert(value, index) {
            findings.error(
                &path.key("value"),
                format!("is also the value of keys[{first}]"),
            );
        }
        if key.models.is_empty() {
            findings.warn(&path.key("models"), "is empty: the key may use no model");
        }
    }
}
