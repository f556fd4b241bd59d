//! Streamed answers, both ways: <https://platform.claude.com/docs/en/build-with-claude/streaming>.

mod decoder;
mod encoder;
mod held;

pub(super) use decoder::Decoder;
pub(super) use encoder::{Encoder, rejection};
