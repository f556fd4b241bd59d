//! JSON four ways: a shallow scan for the head of a body, a walk that picks a few figures out of an
//! answer, a reader that knows where it stands for decoding, and a writer whose output every SSE
//! client can split.

pub mod read;
pub mod scan;
pub mod splice;
pub mod walk;
pub mod write;
