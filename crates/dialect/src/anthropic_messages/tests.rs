//! What the dialect promises, on examples, on the fixtures and on whatever proptest comes up with.

mod arbitrary;
mod encode_request;
mod failure;
mod native;
mod request;
mod response;
mod stream;
mod strict;

use serde_json::Value;
use weir_model::{Capabilities, Cx, IdMint, Losses, Quirks, Request};

use super::AnthropicMessages;
use crate::{ClientDialect, Encoded, UpstreamDialect};

/// A model that can do all that the newest can, by budget.
fn able() -> Capabilities {
    Capabilities {
        max_output_tokens: Some(64_000),
        json_schema: true,
        mid_system: true,
        ..Capabilities::default()
    }
}

fn with_cx<T>(capabilities: &Capabilities, quirks: &Quirks, run: impl FnOnce(&Cx<'_>) -> T) -> T {
    run(&Cx {
        now_s: 0,
        ids: &IdMint::new(7),
        quirks,
        capabilities,
    })
}

fn encode_for(request: &Request, capabilities: &Capabilities) -> Encoded {
    with_cx(capabilities, &Quirks::default(), |cx| {
        AnthropicMessages.encode_request(request, cx).unwrap()
    })
}

fn decode(body: &str) -> crate::Decoded<Request> {
    AnthropicMessages
        .decode_request(&body.to_owned().into())
        .unwrap()
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

fn lost(losses: &Losses) -> Vec<String> {
    losses.iter().map(|loss| loss.field.clone()).collect()
}

/// The files of a fixture folder, by name.
fn fixtures(kind: &str) -> Vec<(String, Vec<u8>)> {
    let folder = format!(
        "{}/fixtures/{kind}/anthropic_messages",
        env!("CARGO_MANIFEST_DIR")
    );
    let suffix = if kind == "streams" { ".sse" } else { ".json" };
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_suffix(suffix)?;
            let plain = !name.contains('.');
            plain.then(|| (name.to_owned(), std::fs::read(&path).unwrap()))
        })
        .collect();
    files.sort();
    assert!(files.len() >= 12, "the fixtures of {kind} are there");
    files
}
