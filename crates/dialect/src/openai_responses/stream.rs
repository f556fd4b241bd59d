//! Streamed answers: frames to events, and events to frames.
//! <https://platform.openai.com/docs/api-reference/responses-streaming>

mod decoder;
mod encoder;
mod frame;
mod items;
mod kept;

use std::borrow::Cow;

use serde::Serialize;
use weir_model::Rejection;

use crate::json::write;
use crate::openai::rejection;
use crate::sse;

pub(super) use decoder::Decoder;
pub(super) use encoder::Encoder;

/// The frame that ends a stream in an error. Beside the fields of the reference stands the error
/// as an object, for which OpenAI's SDKs look before they raise it.
pub(super) fn rejection(rejection: &Rejection, sequence_number: u64) -> Vec<u8> {
    #[derive(Serialize)]
    struct SentError<'a> {
        r#type: &'static str,
        sequence_number: u64,
        code: Option<&'a str>,
        message: Cow<'a, str>,
        param: Option<&'a str>,
        error: rejection::ErrorObject<'a>,
    }

    let error = rejection::ErrorObject::from(rejection);
    let sent = SentError {
        r#type: "error",
        sequence_number,
        code: error.code,
        message: error.message.clone(),
        param: error.param,
        error,
    };
    let mut out = Vec::with_capacity(256);
    sse::write_event(&mut out, "error", &write::to_vec(&sent));
    out
}
