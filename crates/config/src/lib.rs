//! What the operator writes: the file's types, reading and checking it, its JSON schema and its
//! reference.
//!
//! [`Config`] is what the other crates work with: complete, checked, every default filled in. The
//! environment is read here ([`Environment`]) and nowhere else. No message, digest or debug
//! output holds a secret. Nothing here opens a socket or starts a task.

mod address;
mod config;
mod environment;
mod error;
mod pattern;
mod proxy;
mod resolve;
mod scalar;
mod schema;
mod written;
mod yaml;

pub use config::{Config, Deadlines, Fallback, ModelConfig, ProviderConfig, ProviderModelConfig};
pub use environment::Environment;
pub use error::{ConfigError, ConfigErrors, Warning};
pub use pattern::{Pattern, Target, glob};
pub use proxy::Proxy;
pub use resolve::Loaded;
pub use scalar::{ByteSize, Lifetime, SecretString, Usd, UsdPerMtok};
pub use schema::{json_schema, reference};
pub use weir_catalog::Auth;
pub use written::{
    ClientAuth, Database, DeclaredKey, Http2, JournalSync, Log, LogFormat, LogLevel, Network,
    OnLoss, ProxySetting, Retry, Server, State, Store, Strategy, Timeouts, WeightedTarget,
};
