//! The edge: accepts connections, recognises what is asked, and reads bodies within bounds.

mod connection;
mod read;
mod surface;

pub use connection::{accept, bind};
pub(crate) use read::{BodyBudget, HeldBytes, discard, read};
pub(crate) use surface::{Surface, recognise, spoken};
