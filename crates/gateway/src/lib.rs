//! The life of a call, stage by stage. The modules stand in the order in which a call meets them;
//! [`pipeline`] is the only place that knows that order.
//!
//! Never here: SQL, HTML, the environment, parsing of configuration.

/// Usage to cost.
mod account;
/// The reservation that every call holds, and its journal entries.
mod admit;
/// Virtual key to caller.
mod authenticate;
/// Accepts connections, bounds bodies, recognises what is asked, drains at the end.
pub mod listen;
/// Metrics.
pub mod observe;
/// The answer's way back: watched or transcoded.
mod relay;
/// Model name to an ordered plan of deployments.
mod route;
/// Connections, deadlines and the upstream's verdict.
mod send;
/// Calls that come over a WebSocket.
mod session;
/// What vendors want back with the next turn: sealed for the client, kept for those that cannot.
mod state;
/// What the Responses API keeps between calls.
mod stored;
/// Picks the lane and makes the upstream's request body.
mod translate;

mod body;
mod call;
mod errand;
mod models;
/// What a vendor keeps: files, batches and the like.
mod objects;
/// A provider's whole API, untouched.
mod pass_through;
mod pipeline;
mod rejection;
mod worker;
mod world;

pub use body::Body;
pub use send::InProcess;
pub use session::Opening;
pub use worker::{Shared, Worker};
pub use world::World;
