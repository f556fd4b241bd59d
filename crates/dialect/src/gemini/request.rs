//! Chat requests: bytes to the model and back. Decoding names every field that the model has no
//! word for as a loss; encoding yields only what a strict Google takes.

mod config;
mod contents;
mod decode;
mod encode;
mod parts;
mod schema;
mod tools;
mod tuning;

pub(super) use decode::{decode, decode_counted};
pub(super) use encode::encode;
pub(super) use parts::{Piece, Said, piece};
