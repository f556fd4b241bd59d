//! What the dialect promises, on examples and on whatever proptest comes up with.

mod arbitrary;
mod failure;
mod request;
mod stream;

use serde_json::Value;
use weir_model::{Capabilities, Cx, IdMint, Losses, Quirks, Request};

use super::Gemini;
use crate::{ClientDialect, Encoded, UpstreamDialect};

fn with_cx<T>(capabilities: &Capabilities, run: impl FnOnce(&Cx<'_>) -> T) -> T {
    run(&Cx {
        now_s: 0,
        ids: &IdMint::new(7),
        quirks: &Quirks::default(),
        capabilities,
    })
}

fn encode(request: &Request) -> Encoded {
    with_cx(&Capabilities::default(), |cx| {
        Gemini.encode_request(request, cx).unwrap()
    })
}

fn decode(body: &str) -> crate::Decoded<Request> {
    Gemini.decode_request(&body.to_owned().into()).unwrap()
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

fn lost(losses: &Losses) -> Vec<String> {
    losses.iter().map(|loss| loss.field.clone()).collect()
}
