//! State that one vendor wants back: proofs of reasoning, which only it can read and without which it
//! refuses, or forgets, what it thought. In the translated lane a proof leaves sealed with its
//! origin, so that whichever replica gets it back knows whose it is; and what belongs to a tool call
//! is kept under the call's id too, for clients that do not send proofs back. On the way in it is
//! unsealed, or found again, and goes to the provider that it came from and to no other. What is
//! missing, or another's, is a named loss; only a forged seal is refused.
//!
//! A conversation without such state pays a look at each of its blocks, and nothing else.

mod carried;
mod ids;
mod outward;
mod seal;

pub(crate) use carried::{Carried, FORGED, Target};
pub(crate) use outward::Outward;
pub(crate) use seal::Sealer;

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The kind under which reasoning is kept.
const KIND: &str = "reasoning";

/// Where state came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    /// `provider/model`.
    deployment: Arc<str>,
    /// The name of the dialect that it was said in.
    dialect: Cow<'static, str>,
}

impl Origin {
    /// The provider: the boundary within which a proof is taken to be valid.
    fn provider(&self) -> &str {
        provider(&self.deployment)
    }
}

/// The provider of a deployment, by its name.
pub(crate) fn provider(deployment: &str) -> &str {
    let split = deployment.split_once('/');
    split.map_or(deployment, |(provider, _)| provider)
}

/// A proof of reasoning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Proof {
    /// The signature of a text.
    Signature(String),
    /// Reasoning that only its vendor can read.
    Redacted(String),
}

/// What was kept under the id of a tool call.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    origin: Origin,
    thoughts: Vec<Thought>,
}

/// Reasoning that came before a tool call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Thought {
    /// Whether text stood between the call before, or the beginning, and this.
    after_text: bool,
    text: String,
    proof: Option<Proof>,
}

#[cfg(test)]
mod tests;
