//! A configuration that was checked: what the other crates work with. Nothing in it needs to be
//! looked up, defaulted or verified again.

use std::collections::BTreeMap;

use serde::Serialize;
use weir_catalog::Auth;
use weir_model::{Dialect, Operation, Price, Quirks};

use crate::{
    DeclaredKey, Log, Network, OnLoss, Pattern, Proxy, Retry, SecretString, Server, State, Store,
    Strategy, Target, Timeouts, WeightedTarget,
};

/// A configuration that was checked. Made by [`Config::from_file`], [`Config::from_str`] or
/// [`Config::from_environment`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Where Weir listens, and how much it accepts.
    pub server: Server,
    /// What outlives a request, and where it is kept.
    pub store: Store,
    /// What is remembered between the calls of one conversation.
    pub state: State,
    /// What Weir writes about itself.
    pub log: Log,
    /// How providers are reached.
    pub network: Network,
    /// Which proxy a host is reached through: `network.proxy` with the environment followed.
    pub proxy: Proxy,
    /// The providers in use, by the name that targets have.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Declared virtual keys; names and values differ from one another.
    pub keys: Vec<DeclaredKey>,
    /// Declared models by public name or glob. See [`Config::model`].
    pub models: BTreeMap<Pattern, ModelConfig>,
    /// For models that say nothing, and for names without an entry.
    pub on_loss: OnLoss,
    pub(crate) digest: String,
}

impl Config {
    /// Eight hex digits that change with the configuration but not with its secrets. For the
    /// header `x-weir-config`.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The names of the providers in use, sorted.
    pub fn enabled_providers(&self) -> impl Iterator<Item = &str> {
        self.providers.keys().map(String::as_str)
    }

    /// The entry that a public name stands for: its own, else that of the glob with the most
    /// literal characters, with the glob or name as it is written.
    pub fn model(&self, name: &str) -> Option<(&Pattern, &ModelConfig)> {
        closest(&self.models, name)
    }
}

/// The entry for `name`: its own, else that of the glob with the most literal characters.
pub(crate) fn closest<'a, T>(
    models: &'a BTreeMap<Pattern, T>,
    name: &str,
) -> Option<(&'a Pattern, &'a T)> {
    let fitting = models.iter().filter(|(pattern, _)| pattern.matches(name));
    fitting.max_by_key(|(pattern, _)| (!pattern.is_glob(), pattern.literal_len()))
}

/// A provider in use: the operator's entry put over that of the catalog.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// The name that targets have.
    pub name: String,
    /// The catalog's name of it, under which its models are looked up; or `openai-compatible`,
    /// `anthropic-compatible` or `custom`.
    pub kind: String,
    /// The dialects that it speaks and where, the preferred one first; at least one. Base URLs
    /// have no slash at their end and no variables.
    pub endpoints: Vec<(Dialect, String)>,
    /// How the credential is sent.
    pub auth: Auth,
    /// The credential; `None` when nothing is to be sent.
    pub api_key: Option<SecretString>,
    /// Headers that are sent when the client sends none of that name. Names in lower case, none of
    /// them in `headers`.
    pub default_headers: BTreeMap<String, String>,
    /// Headers that the operator wants on every request. Names in lower case.
    pub headers: BTreeMap<String, SecretString>,
    /// What it can do besides chat.
    pub operations: Vec<Operation>,
    /// What a batch costs, in percent of what its requests would cost one by one.
    pub batch_percent: u16,
    /// Whether clients may reach all of its API, untouched, below `/NAME/`.
    pub pass_through: bool,
    /// How it departs from its dialects.
    pub quirks: Quirks,
    /// Whether its models shape answers by a JSON schema; the catalog's when `None`.
    pub json_schema: Option<bool>,
    /// Whether it is part of this process and reached without a network.
    pub in_process: bool,
    /// How long to wait for it.
    pub timeouts: Timeouts,
    /// What the operator knows better than the catalog, by the vendor's model name.
    pub models: BTreeMap<String, ProviderModelConfig>,
}

impl ProviderConfig {
    /// Where it speaks `dialect`.
    pub fn base_url(&self, dialect: Dialect) -> Option<&str> {
        let mut endpoints = self.endpoints.iter();
        endpoints
            .find(|(spoken, _)| *spoken == dialect)
            .map(|(_, url)| url.as_str())
    }
}

/// What goes over the catalog's entry of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProviderModelConfig {
    /// The whole price; the catalog's when `None`.
    pub price: Option<Price>,
    /// The most input and output tokens together; the catalog's when `None`.
    pub context_window: Option<u64>,
    /// The most output tokens; the catalog's when `None`.
    pub max_output_tokens: Option<u64>,
    /// Whether it shapes answers by a JSON schema; the provider's when `None`.
    pub json_schema: Option<bool>,
    /// Whether it takes the content of a message as one string only; the provider's when `None`.
    pub string_content: Option<bool>,
}

/// A public model name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelConfig {
    /// How one of the targets is chosen.
    pub strategy: Strategy,
    /// Where calls go; at least one has a weight, and every provider is in use. A target with the
    /// model `*` stands under a glob only.
    pub targets: Vec<WeightedTarget>,
    /// Where calls go, in this order, when the targets fail.
    pub fallbacks: Vec<Fallback>,
    /// How often one target is tried again.
    pub retry: Retry,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// What happens when a translation cannot carry something.
    pub on_loss: OnLoss,
}

/// Where a call goes when the targets of its model fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// One target.
    Target(Target),
    /// The targets of another public name, for which [`Config::model`] has an entry, as if the
    /// client had asked for it; its own fallbacks are not followed.
    Model(String),
}

/// How long to wait for each phase of a call, in milliseconds. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Deadlines {
    /// Until the connection stands, TLS included.
    pub connect_ms: u64,
    /// From the request's last byte until the answer's head.
    pub headers_ms: u64,
    /// From the request's last byte until the first content of a stream.
    pub first_token_ms: u64,
    /// Between two pieces of an answer.
    pub idle_ms: u64,
    /// For the whole call, every attempt included.
    pub total_ms: u64,
}

impl Default for Deadlines {
    fn default() -> Deadlines {
        Deadlines {
            connect_ms: 5_000,
            headers_ms: 600_000,
            first_token_ms: 600_000,
            idle_ms: 120_000,
            total_ms: 1_800_000,
        }
    }
}

impl Deadlines {
    /// What the first of `layers` says, phase by phase, else the default. A call passes the
    /// timeouts of its model, then those of its provider.
    pub fn of(layers: &[&Timeouts]) -> Deadlines {
        let first = |phase: fn(&Timeouts) -> Option<u64>| layers.iter().find_map(|t| phase(t));
        let rest = Deadlines::default();
        Deadlines {
            connect_ms: first(|t| t.connect_ms).unwrap_or(rest.connect_ms),
            headers_ms: first(|t| t.headers_ms).unwrap_or(rest.headers_ms),
            first_token_ms: first(|t| t.first_token_ms).unwrap_or(rest.first_token_ms),
            idle_ms: first(|t| t.idle_ms).unwrap_or(rest.idle_ms),
            total_ms: first(|t| t.total_ms).unwrap_or(rest.total_ms),
        }
    }
}
