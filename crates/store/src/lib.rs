//! What must outlive a request: keys, the journal of calls, the ledger made from it, what is kept
//! between calls, and the server's secret.
//!
//! The hot face ([`KeyIndex`], [`JournalWriter`]) never awaits and never touches SQL; the cold
//! face ([`Keys`], [`Ledger`], [`Objects`]) is SQL and belongs to background tasks, the admin API and
//! the calls that are about stored objects. [`Kept`] has both: only what names something stored may
//! wait for SQL, and not for long. Nothing here speaks HTTP or decides policy.

mod cipher;
mod clock;
mod error;
mod journal;
mod kept;
mod keys;
mod ledger;
mod objects;
mod secret;
mod store;

pub use cipher::{Cipher, Unopened};
pub use clock::Clock;
pub use error::StoreError;
pub use journal::{Journal, JournalOptions, JournalWriter, OpenCall, Opened, Settled, Sync};
pub use kept::{Found, Kept, KeptOptions, Piece};
pub use keys::{Created, DeclaredKey, Key, KeyIndex, KeyRole, Keys, NewKey, Unfound};
pub use ledger::{Answer, Caller, Entry, KeyTotals, Ledger, Question};
pub use objects::{Object, Objects};
pub use secret::Secret;
pub use store::{Store, StoreOptions};
