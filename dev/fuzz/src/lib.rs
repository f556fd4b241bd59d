//! What must hold of any input, one module a kind of input. Each check panics when it does not.
//!
//! Whatever a check chooses (how a stream is chunked, what the target can do) it derives from the
//! input, so that a finding is one file and repeats.

pub mod config;
pub mod json;
pub mod request;
pub mod response;
pub mod sse;
pub mod stream;

mod setting;
