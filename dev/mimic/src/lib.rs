//! Strict fake upstreams for tests and benchmarks: OpenAI, Anthropic, Google and Cohere on one port; the
//! embeddings and reranking of Cohere, Voyage and Jina are below `/cohere`, `/voyage` and `/jina`.
//!
//! It promises to refuse, with the vendor's status and error body, whatever the vendor refuses, to
//! misbehave only as the model name says, and to record what it received. It writes and reads the
//! wires by hand on top of the simulator; it never uses the product's dialect code, so that it can
//! catch that code's faults.
//!
//! Paths: `POST /v1/chat/completions`, `/v1/responses[/input_tokens|/compact]`, `/v1/completions`, `/v1/embeddings`,
//! `/v1/messages`, `/v1/messages/count_tokens`, `/v1beta/models/{model}:generateContent` and its siblings,
//! `POST /v2/chat`, `/v1/images/...`, `/v1/audio/...`, `/v1/moderations`; `/v1/files`, `/v1/batches`, `/v1/messages/batches`,
//! `/v1/fine_tuning/jobs`, `/v1/vector_stores`, `/v1/uploads`, `/v1/videos` and what is below them;
//! `/v1/responses/{id}` and what is below it, `/v1/realtime[/client_secrets]`, `GET /v1/models[/{id}]`, `GET` and `DELETE /_mimic/requests`.
//!
//! Keys: OpenAI takes any bearer token that starts with `sk-`, Anthropic any `x-api-key`; `sk-bad`
//! is refused by both. Google takes any `x-goog-api-key` but that one, Cohere any bearer token but that one.
//!
//! Model names follow the simulator's grammar `behaviour(+option(=value)?)*` with more behaviours and
//! options, listed by [`help`]. A vendor's name (`gpt-`, `o1`, `o3`, `o4`, `claude-`, `gemini-`, `command-`,
//! `text-embedding-`) behaves as `echo`; `o1`, `o3`, `o4` and `gpt-5` have the rules of reasoning
//! models, and `claude-` other than `claude-3` those of newer ones.
//!
//! Models that start with `bench` are for benchmarks: pre-rendered, unchecked, unrecorded. `bench` is
//! a whole answer of about 1 KB; `bench-stream+chunks=N+gap_ms=G` a stream of N deltas.

mod anthropic;
mod anthropic_messages;
mod bench;
mod cohere;
mod faults;
mod form;
mod gemini;
mod objects;
mod openai;
mod openai_messages;
mod openai_responses;
mod openai_schema;
mod operations;
mod realtime;
mod record;
mod refusal;
mod rules;
mod server;
mod stored;
pub mod tls;
mod vectors;

pub use faults::help;
pub use record::Received;
pub use server::{Mimic, Options};
