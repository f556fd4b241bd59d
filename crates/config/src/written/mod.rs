//! The file as the operator writes it: every key with its meaning and its default. Says nothing
//! about what fits together; that is checked when the file is resolved.

mod models;
mod providers;
mod server;
mod state;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Pattern;

pub(crate) use models::Model;
pub use models::{DeclaredKey, OnLoss, Retry, Strategy, Timeouts, WeightedTarget};
pub(crate) use providers::Provider;
pub use server::{
    ClientAuth, Database, Http2, JournalSync, Log, LogFormat, LogLevel, Network, ProxySetting,
    Server, Store,
};
pub use state::State;

/// A configuration file. Every section may be left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Weir configuration")]
pub(crate) struct File {
    /// Where Weir listens, and how much it accepts.
    pub(crate) server: Server,
    /// What outlives a request, and where it is kept.
    pub(crate) store: Store,
    /// What is remembered between the calls of one conversation.
    pub(crate) state: State,
    /// What Weir writes about itself.
    pub(crate) log: Log,
    /// How Weir reaches the providers.
    pub(crate) network: Network,
    /// Model vendors by the name that targets use. A name from the catalog needs only a key; any
    /// other needs `kind` and `base_url`.
    pub(crate) providers: BTreeMap<String, Provider>,
    /// Virtual keys declared here; others live in the store.
    pub(crate) keys: Vec<DeclaredKey>,
    /// Public model names or globs (`claude-*`), and what they lead to. Of two globs that match,
    /// the one with more literal characters is meant.
    pub(crate) models: BTreeMap<Pattern, Model>,
    /// What happens when a translation cannot carry something.
    pub(crate) on_loss: OnLoss,
}
