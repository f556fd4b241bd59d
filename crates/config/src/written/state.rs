//! The section `state`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ByteSize, Lifetime};

/// What is remembered between the calls of one conversation, because a vendor wants it back and the
/// client's API has no field for it. It is encrypted, seen by its own virtual key alone, and the
/// oldest goes first. Without it a call still succeeds, and says what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    /// How long it is kept; `0s` keeps nothing.
    pub ttl: Lifetime,
    /// The most that one piece may have: what belongs to one tool call, or one answer.
    pub max_entry_bytes: ByteSize,
    /// The most that is kept for one virtual key.
    pub max_key_bytes: ByteSize,
    /// The most that is kept in the database.
    pub max_bytes: ByteSize,
    /// The most of it that is held in memory too, so that it is found at once.
    pub memory: ByteSize,
}

impl Default for State {
    fn default() -> State {
        State {
            ttl: Lifetime(24 * 3_600),
            max_entry_bytes: ByteSize(1 << 20),
            max_key_bytes: ByteSize(256 << 20),
            max_bytes: ByteSize(1 << 30),
            memory: ByteSize(32 << 20),
        }
    }
}
