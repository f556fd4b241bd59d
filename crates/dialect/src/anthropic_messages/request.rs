//! Chat requests: bytes to the model and back. Decoding names every field that the model has no
//! word for as a loss; encoding yields only what a strict Anthropic takes.

mod blocks;
mod decode;
mod encode;
mod schema;
mod tuning;
mod turns;

pub(super) use blocks::{Piece, piece};
pub(super) use decode::decode;
pub(super) use encode::encode;
