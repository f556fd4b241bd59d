//! The edge: accepts connections, recognises what is asked, and reads bodies within bounds.

mod bad_head;
mod connection;
mod read;
mod surface;
mod wire;

pub use connection::{accept, bind};
pub(crate) use read::{BodyBudget, HeldBytes, discard, read};
pub(crate) use surface::{Named, Surface, check_host, recognise, spoken};
