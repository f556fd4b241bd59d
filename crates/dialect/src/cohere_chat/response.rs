//! Whole answers: decoded, encoded, and read for accounting.
//! <https://docs.cohere.com/reference/chat>

mod decode;
mod encode;

use weir_model::{Cx, Kind, Rejection};

pub(super) use decode::{decode, read_receipt};
pub(super) use encode::{SentCall, encode};

/// What a citation is that stands for no text.
pub(super) const CITATION: &str = "cohere:citation";

/// The given id, or a fresh one.
pub(super) fn answer_id(id: Option<&str>, cx: &Cx<'_>) -> String {
    id.map_or_else(|| cx.ids.mint(""), str::to_owned)
}

/// The answer makes no sense.
pub(super) fn malformed(why: impl std::fmt::Display) -> Rejection {
    let message = "The upstream's answer is not one of Cohere's chat.";
    Rejection::upstream(Kind::Malformed, message).with_private(why.to_string())
}
