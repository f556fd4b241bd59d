//! Streamed answers: chunks to events, and events to chunks.
//! <https://platform.openai.com/docs/api-reference/chat/streaming>

mod decoder;
mod encoder;

use weir_model::Rejection;

use crate::openai::rejection;
use crate::sse;

pub(super) use decoder::Decoder;
pub(super) use encoder::Encoder;

/// The data of the frame that ends every stream.
pub(super) const DONE: &[u8] = b"[DONE]";

/// The error as a frame, and the frame that ends every stream.
pub(crate) fn rejection(rejection: &Rejection) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    sse::write_data(&mut out, &rejection::encode(rejection));
    sse::write_data(&mut out, DONE);
    out
}

#[cfg(test)]
mod tests;
