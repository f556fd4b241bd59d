//! JSON three ways: a shallow scan for the head of a body, a reader that knows where it stands
//! for decoding, and a writer whose output every SSE client can split.

pub mod read;
pub mod scan;
pub mod splice;
pub mod write;
