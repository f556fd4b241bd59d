//! The built-in simulated provider: deterministic answers on the vendors' wires, with
//! latency and faults chosen by the model name.
//!
//! It promises that the same request always gets the same bytes, and that every delay goes through
//! tokio's clock, so that tests may pause it. It never reads a clock, a socket or the environment
//! itself, checks no credentials, spawns no task, and imports nothing else of this project.
//!
//! A model name is `behaviour(+option(=value)?)*`, such as `echo+first_ms=500+gap_ms=20` or
//! `fail+status=429+retry_after=2`; [`catalog`] lists both halves. A *token* is one word: a run of
//! whitespace and the run of other characters that follows it. That is also one streamed delta, so
//! `output_tokens` equals the number of text deltas.

mod agent;
mod anthropic;
mod cohere;
mod gemini;
mod openai;
mod reply;
mod responses;
mod schema;
mod script;
mod serve;
mod turn;
mod vectors;
mod wire;

pub use agent::Task;
pub use gemini::SIGNED;
pub use openai::model_list;
pub use reply::{End, Interrupted, Paced, Reply, Step, pace};
pub use responses::input_tokens;
pub use schema::sample;
pub use script::{BEHAVIOURS, Behaviour, Catalog, Kind, Knob, Script, catalog, models};
pub use serve::{MAX_BODY_BYTES, Route, Unreadable, read_body, serve_connection};
pub use turn::{Answer, Call, Finish, Prompt, Thought, Tool, Usage, compose, sign, words};
pub use vectors::{
    document_text, embeddings, input_words, packed, relevance, rerank, unit_vectors,
};
pub use wire::{Frame, Part, Wire, play};
