//! The sections `models` and `keys`, and `on_loss`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Pattern, SecretString, Target};

/// A public model name: where its calls go, and how they are tried.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    /// Where calls go; at least one.
    pub(crate) targets: Vec<WeightedTarget>,
    /// How one of the targets is chosen.
    #[serde(default)]
    pub(crate) strategy: Strategy,
    /// Where calls go, in this order, when the targets fail: `provider/model`, or another public
    /// name, whose targets are then used without its own fallbacks.
    #[serde(default)]
    pub(crate) fallbacks: Vec<String>,
    /// How often one target is tried again.
    #[serde(default)]
    pub(crate) retry: Retry,
    /// How long to wait. What is left out is taken from the provider, then from the defaults.
    #[serde(default)]
    pub(crate) timeouts: Timeouts,
    /// What happens when a translation cannot carry something; the top-level `on_loss` when left
    /// out.
    pub(crate) on_loss: Option<OnLoss>,
}

/// A target with its share of the calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedTarget {
    /// `provider/model`, or `provider/*` under a glob: the model that the client named.
    pub target: Target,
    /// Its share, in proportion to the weights of the others; 0 sends it nothing.
    #[serde(default = "one")]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

/// How one of the targets is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Strategy {
    /// At random, in proportion to the weights.
    #[default]
    Weighted,
}

/// How often one target is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// The most tries after the first one; at most 10.
    pub max_retries: u32,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { max_retries: 2 }
    }
}

/// How long to wait for each phase of a call, in milliseconds. None may be 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// Until the connection stands, TLS included; 5000 when left out.
    pub connect_ms: Option<u64>,
    /// From the request's last byte until the answer's head; 600000 when left out.
    pub headers_ms: Option<u64>,
    /// From the request's last byte until the first content of a stream; 600000 when left out.
    pub first_token_ms: Option<u64>,
    /// Between two pieces of an answer; 120000 when left out.
    pub idle_ms: Option<u64>,
    /// For the whole call, every attempt included; 1800000 when left out.
    pub total_ms: Option<u64>,
}

impl Timeouts {
    /// Every phase with its key.
    pub(crate) fn phases(&self) -> [(&'static str, Option<u64>); 5] {
        [
            ("connect_ms", self.connect_ms),
            ("headers_ms", self.headers_ms),
            ("first_token_ms", self.first_token_ms),
            ("idle_ms", self.idle_ms),
            ("total_ms", self.total_ms),
        ]
    }
}

/// What happens when a translation cannot carry something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum OnLoss {
    /// The call goes on; nothing is said.
    Allow,
    /// The call goes on; the header `x-weir-losses` names the losses.
    #[default]
    Warn,
    /// The call is refused before it is sent.
    Reject,
}

/// A virtual key declared in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredKey {
    /// What identifies the key in logs and in the ledger.
    pub name: String,
    /// What clients send; at least 16 characters. Only its hash is kept.
    pub value: SecretString,
    /// Names and globs of the models that it may use.
    #[serde(default = "every_model")]
    pub models: Vec<Pattern>,
    /// Whose spend it is.
    #[serde(default)]
    pub project: Option<String>,
}

fn every_model() -> Vec<Pattern> {
    Pattern::try_from("*".to_owned()).into_iter().collect()
}
