//! What must outlive a request: keys, the journal of calls, the ledger made from it, and the
//! server's secret.
//!
//! The hot face ([`KeyIndex`], [`JournalWriter`]) never awaits and never touches SQL; the cold
//! face ([`Keys`], [`Ledger`], [`Objects`]) is SQL and belongs to background tasks, the admin API and
//! the calls that are about stored objects. Nothing
//! here speaks HTTP or decides policy.

mod clock;
mod error;
mod journal;
mod keys;
mod ledger;
mod objects;
mod secret;
mod store;

pub use clock::Clock;
pub use error::StoreError;
pub use journal::{Journal, JournalOptions, JournalWriter, OpenCall, Opened, Settled, Sync};
pub use keys::{Created, DeclaredKey, Key, KeyIndex, KeyRole, Keys, NewKey, Unfound};
pub use ledger::{Answer, Caller, Entry, KeyTotals, Ledger, Question};
pub use objects::{Object, Objects};
pub use secret::Secret;
pub use store::{Store, StoreOptions};
