//! Whole answers: decoded, encoded, and read for accounting.
//! <https://platform.openai.com/docs/api-reference/responses/object>

mod decode;
mod encode;
mod sent;

use weir_model::{Kind, Rejection};

pub(super) use decode::{decode, read_receipt};
pub(super) use encode::{annotation, encode, response_id};
pub(super) use sent::{SentItem, SentPart, SentResponse, SentSummary, call_prefix};

/// The refusal of an answer that makes no sense.
pub(super) fn malformed(message: &'static str, private: impl ToString) -> Rejection {
    Rejection::upstream(Kind::Malformed, message).with_private(private.to_string())
}
