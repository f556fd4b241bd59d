//! Requests, both ways: <https://docs.cohere.com/reference/chat>.

mod decode;
mod documents;
mod encode;
mod messages;
mod tools;
mod turns;

pub(super) use decode::decode;
pub(super) use encode::encode;

/// Why a field is lost that is not in the reference.
const UNKNOWN: &str = "not known to this gateway's Cohere dialect";
