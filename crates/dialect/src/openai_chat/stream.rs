//! Streamed answers: chunks to events, and events to chunks.
//! <https://platform.openai.com/docs/api-reference/chat/streaming>

mod decoder;
mod encoder;

pub(super) use decoder::Decoder;
pub(super) use encoder::Encoder;

/// The data of the frame that ends every stream.
pub(super) const DONE: &[u8] = b"[DONE]";

#[cfg(test)]
mod tests;
