//! What holds across the whole dialect: every field is accounted for, proofs find their way home,
//! and streams of any kind are lawful, on both sides.

mod carried;
mod requests;
mod streams;

use serde_json::{Value, json};
use weir_model::{Capabilities, Cx, IdMint, Quirks, ReasoningControl};

use super::OpenAiResponses;

/// What a context borrows.
pub(super) struct Given {
    ids: IdMint,
    pub(super) quirks: Quirks,
    pub(super) capabilities: Capabilities,
}

impl Given {
    /// A model about which nothing is known.
    pub(super) fn new() -> Given {
        Given {
            ids: IdMint::new(7),
            quirks: Quirks::default(),
            capabilities: Capabilities::default(),
        }
    }

    /// A model that thinks.
    pub(super) fn thinking() -> Given {
        let mut given = Given::new();
        given.capabilities.reasoning = ReasoningControl::Effort;
        given
    }

    pub(super) fn cx(&self) -> Cx<'_> {
        Cx {
            now_s: 1_755_000_000,
            ids: &self.ids,
            quirks: &self.quirks,
            capabilities: &self.capabilities,
        }
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    match patch {
        Value::Object(fields) => {
            if !target.is_object() {
                *target = json!({});
            }
            for (key, value) in fields {
                merge(&mut target[key], value);
            }
        }
        other => *target = other.clone(),
    }
}
