//! Streamed answers, both ways: each frame is an answer of its own, and the end is the connection's.

mod decoder;
mod encoder;

pub(super) use decoder::Decoder;
pub(super) use encoder::{Encoder, rejection};
