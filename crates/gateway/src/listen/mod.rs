//! The edge: accepts connections, recognises what is asked, and reads bodies within bounds.

mod bad_head;
mod connection;
mod form;
mod read;
mod surface;
mod wire;

pub use connection::{accept, bind};
pub(crate) use form::{Bounds, Fault, Form, Live, Spool, declared, is_form, read_form};
pub(crate) use read::{BodyBudget, HeldBytes, discard, no_form, read, too_large};
pub(crate) use surface::{Named, Surface, check_host, recognise, spoken, tail};
