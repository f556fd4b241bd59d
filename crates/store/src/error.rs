//! What can go wrong in the store, said so that an operator knows what to do next. Never holds a
//! key, a secret or SQL.

use std::io;
use std::path::{Path, PathBuf};

/// Why the store refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder could not be used.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process holds the database or the journal.
    #[error(
        "{path} is held by another running weir: stop that one, or give this one its own \
         store.database", path = path.display()
    )]
    Locked {
        /// The lock that is taken.
        path: PathBuf,
    },
    /// `store.database` names something that this build cannot open.
    #[error("store.database: `{0}` is not known: write sqlite:PATH, as in sqlite:weir.db")]
    UnknownDatabase(String),
    /// SQL failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database could not be migrated: {0}; was it used by a newer weir?")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The ledger moved under the feet of the one that fills it.
    #[error("another process wrote to the ledger: only one weir may use a database")]
    Overtaken,
    /// The server's secret is too short.
    #[error(
        "server.secret has {0} characters and needs at least 32: `openssl rand -hex 32` makes one"
    )]
    ShortSecret(usize),
    /// The database was made under another secret.
    #[error(
        "server.secret is not the one that this database was made with, so no stored key would \
         work: bring back the old secret, or start with a new database"
    )]
    SecretChanged,
    /// A key of that name exists.
    #[error("a key named `{0}` exists already: choose another name")]
    NameTaken(String),
    /// A declared key has the same value as another key.
    #[error("the key `{0}` has the same value as another key: give it a value of its own")]
    ValueTaken(String),
    /// No key has this name or id.
    #[error("no key has the name or id `{0}`: `weir keys list` shows all")]
    NoSuchKey(String),
    /// The key is declared in the config file and changes only there.
    #[error("the key `{0}` is declared in the config file: change it there")]
    Declared(String),
    /// A key cannot be made like this.
    #[error("{0}")]
    BadKey(&'static str),
    /// What shall be encrypted is longer than the cipher can take.
    #[error("too long to be encrypted")]
    TooLong,
    /// The operating system has no randomness to give.
    #[error("no randomness from the operating system: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl StoreError {
    /// Tells which file an IO error is about.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        move |source| match source.kind() {
            io::ErrorKind::WouldBlock => StoreError::Locked { path: path.into() },
            _ => StoreError::File {
                path: path.into(),
                source,
            },
        }
    }
}
