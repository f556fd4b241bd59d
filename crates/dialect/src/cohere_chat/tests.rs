//! What the dialect promises, on examples and on whatever proptest comes up with.

mod arbitrary;
mod failure;
mod request;
mod stream;

use bytes::Bytes;
use serde_json::Value;
use weir_model::{Capabilities, Cx, IdMint, Losses, Quirks, ReasoningControl, Request};

use super::CohereChat;
use crate::{ClientDialect, Decoded, Encoded, UpstreamDialect};

fn with_cx<T>(run: impl FnOnce(&Cx<'_>) -> T) -> T {
    run(&Cx {
        now_s: 0,
        ids: &IdMint::new(7),
        quirks: &Quirks::default(),
        capabilities: &Capabilities {
            reasoning: ReasoningControl::Budget,
            ..Capabilities::default()
        },
    })
}

fn encode(request: &Request) -> Encoded {
    with_cx(|cx| CohereChat.encode_request(request, cx).unwrap())
}

fn decode(body: &str) -> Decoded<Request> {
    CohereChat
        .decode_request(&Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

fn lost(losses: &Losses) -> Vec<String> {
    losses.iter().map(|loss| loss.field.clone()).collect()
}
