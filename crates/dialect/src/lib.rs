//! Wire formats: bytes to and from the model. One folder a dialect, each with both sides.
//!
//! Everything here is a pure function of its arguments: no IO, no clock, no randomness, and no
//! dialect imports another. A translation is `decode_request` of one dialect, then
//! `encode_request` of another; answers come back the same way.

pub mod anthropic_messages;
pub mod cohere_chat;
pub mod gemini;
pub mod json;
pub mod openai_chat;
pub mod openai_operations;
pub mod openai_responses;
pub mod sse;
pub mod vectors;

mod citation;
mod client;
mod field;
mod length;
mod openai;
mod sniff;
mod upstream;

pub use client::{ClientDialect, Decoded, Head, ModelCard, StreamEncoder};
pub use field::Field;
pub use sniff::{Sniffed, sniff, sniff_frame};
pub use upstream::{Encoded, Receipt, StreamDecoder, UpstreamDialect};

use weir_model::Dialect;

/// The client side of a dialect.
pub fn client(dialect: Dialect) -> &'static dyn ClientDialect {
    match dialect {
        Dialect::OpenAiChat => &openai_chat::OpenAiChat,
        Dialect::AnthropicMessages => &anthropic_messages::AnthropicMessages,
        Dialect::Gemini => &gemini::Gemini,
        Dialect::OpenAiResponses => &openai_responses::OpenAiResponses,
        Dialect::CohereChat => &cohere_chat::CohereChat,
    }
}

/// The upstream side of a dialect.
pub fn upstream(dialect: Dialect) -> &'static dyn UpstreamDialect {
    match dialect {
        Dialect::OpenAiChat => &openai_chat::OpenAiChat,
        Dialect::AnthropicMessages => &anthropic_messages::AnthropicMessages,
        Dialect::Gemini => &gemini::Gemini,
        Dialect::OpenAiResponses => &openai_responses::OpenAiResponses,
        Dialect::CohereChat => &cohere_chat::CohereChat,
    }
}
