//! Streamed answers: frames to events, and events to frames.
//! <https://docs.cohere.com/docs/streaming>

mod decoder;
mod encoder;

use serde::Serialize;
use weir_model::Rejection;

use super::usage::SentUsage;
use crate::json::write;
use crate::sse;

pub(super) use decoder::Decoder;
pub(super) use encoder::Encoder;

/// The data of the frame that ends every stream.
const DONE: &[u8] = b"[DONE]";

/// How a message ends.
#[derive(Serialize)]
struct Ending<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<SentUsage>,
}

impl Ending<'_> {
    /// Appends the last frames of a stream.
    fn write(&self, out: &mut Vec<u8>) {
        #[derive(Serialize)]
        #[serde(tag = "type", rename = "message-end")]
        struct End<'e, 'a> {
            delta: &'e Ending<'a>,
        }
        sse::write_event(out, "message-end", &write::to_vec(&End { delta: self }));
        sse::write_data(out, DONE);
    }
}

/// The frames that end a stream in an error.
pub(super) fn rejection(rejection: &Rejection) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let failed = Ending {
        error: Some(&rejection.message),
        finish_reason: Some("ERROR"),
        usage: None,
    };
    failed.write(&mut out);
    out
}
