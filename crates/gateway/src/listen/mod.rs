//! The edge: accepts connections, recognises what is asked, and reads bodies within bounds.

mod bad_head;
mod connection;
mod form;
mod read;
mod surface;
mod wire;

pub use connection::{accept, bind};
pub(crate) use form::{Bounds, Fault, Form, Forms, Live, Spool, declared, receive};
pub(crate) use read::{BodyBudget, HeldBytes, discard, too_large};
pub(crate) use surface::{Named, Surface, check_host, recognise, spoken, tail};
