//! A provider: where it listens, what it speaks, how it wants the key, and where it departs from
//! its dialects. It never holds a key or reads the environment: the caller hands variables in.

use std::collections::BTreeMap;

use serde::Deserialize;
use weir_model::{Dialect, Operation, Quirks, Shape, Spoken};

/// One entry of `data/providers.yaml`.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Kebab-case, unique: the `provider` of `provider/model`.
    pub name: String,
    /// For people.
    pub title: String,
    /// The vendor's page about this API; empty where there is no vendor.
    pub docs: String,
    /// Dialects and shapes, and where they are spoken.
    pub speaks: Vec<Endpoint>,
    /// How the key is sent.
    pub auth: Auth,
    /// Environment variables that hold the key, the usual one first.
    pub key_env: Vec<String>,
    /// Environment variables that hold the root of a URL to use instead, as an operator would
    /// write it for [`Provider::base_url_at`].
    pub url_env: Vec<String>,
    /// What stands in braces in the base URLs.
    pub url_vars: Vec<UrlVar>,
    /// Headers sent when the client sends none of that name.
    pub headers: Vec<(String, String)>,
    /// What it can do besides chat.
    pub operations: Vec<Operation>,
    /// What a batch costs, in percent of what its requests would cost one by one.
    pub batch_percent: u16,
    /// Departures from its dialects.
    pub quirks: Quirks,
    /// The provider under whose name its models are found when it has none of its own.
    pub models_like: Option<String>,
    /// Whether it takes an entry in the configuration to use it, because another provider shares
    /// its environment variable.
    pub named_only: bool,
    /// Whether it runs on the operator's own machine.
    pub local: bool,
    /// Whether Weir answers itself.
    pub in_process: bool,
}

/// Where a dialect, or a shape, is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Which one.
    pub spoken: Spoken,
    /// `https://host/path` without a trailing slash, perhaps with `{variables}`.
    pub base_url: String,
}

/// A variable of the base URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlVar {
    /// As it stands in braces.
    pub name: String,
    /// Environment variables that fill it, the usual one first.
    pub env: Vec<String>,
}

/// How the key is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// `Authorization: Bearer`.
    #[default]
    Bearer,
    /// The same, when there is a key.
    OptionalBearer,
    /// In the header of this name.
    Header(String),
    /// Not at all.
    None,
}

impl Provider {
    /// Whether a key in the environment is enough to use it.
    pub fn from_environment(&self) -> bool {
        !self.local && !self.in_process && !self.named_only
    }

    /// Where it speaks a dialect or shape, as shipped.
    pub fn endpoint(&self, spoken: impl Into<Spoken>) -> Option<&Endpoint> {
        let spoken = spoken.into();
        self.speaks.iter().find(|e| e.spoken == spoken)
    }

    /// Its base URL for what is `spoken`, with variables filled from the environment. `None` when it
    /// does not speak it or a variable is missing; [`Provider::missing_env`] says which.
    pub fn base_url(
        &self,
        spoken: impl Into<Spoken>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Option<String> {
        let spoken = spoken.into();
        if let Some(root) = first(&self.url_env, &env) {
            return self.base_url_at(spoken, &root);
        }
        let mut url = self.endpoint(spoken)?.base_url.clone();
        for var in &self.url_vars {
            url = url.replace(&format!("{{{}}}", var.name), &first(&var.env, &env)?);
        }
        (!url.contains('{')).then_some(url)
    }

    /// Its base URL for what is `spoken` at the operator's own `root`: an URL without a path gets the path
    /// that this provider usually has, one with a path is taken as it is.
    pub fn base_url_at(&self, spoken: impl Into<Spoken>, root: &str) -> Option<String> {
        let shipped = &self.endpoint(spoken)?.base_url;
        let root = root.trim_end_matches('/');
        let root = match root.contains("://") {
            true => root.to_owned(),
            false => format!("https://{root}"),
        };
        match path(&root) {
            "" => Some(root + path(shipped)),
            _ => Some(root),
        }
    }

    /// The environment variables to set before [`Provider::base_url`] can answer, the usual ones.
    pub fn missing_env(&self, env: impl Fn(&str) -> Option<String>) -> Vec<&str> {
        if first(&self.url_env, &env).is_some() {
            return Vec::new();
        }
        let vars = self
            .url_vars
            .iter()
            .filter(|var| first(&var.env, &env).is_none());
        let missing: Vec<&str> = vars.filter_map(|var| usual(&var.env)).collect();
        match (missing.is_empty(), self.url_vars.is_empty()) {
            (true, true) => usual(&self.url_env).into_iter().collect(),
            _ => missing,
        }
    }
}

fn usual(names: &[String]) -> Option<&str> {
    names.first().map(String::as_str)
}

fn first(names: &[String], env: impl Fn(&str) -> Option<String>) -> Option<String> {
    names
        .iter()
        .find_map(|name| env(name).filter(|value| !value.is_empty()))
}

/// What follows the host of an URL, with its slash.
fn path(url: &str) -> &str {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    url[host..]
        .find('/')
        .map_or("", |slash| &url[host + slash..])
}

/// Reads the shipped providers.
pub(crate) fn shipped() -> Result<Vec<Provider>, String> {
    let file: File = serde_saphyr::from_str(include_str!("../data/providers.yaml"))
        .map_err(|error| format!("providers.yaml: {error}"))?;
    Ok(file.providers.into_iter().map(Provider::from).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "shared")]
    _shared: serde::de::IgnoredAny,
    providers: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    title: String,
    #[serde(default)]
    docs: String,
    speaks: BTreeMap<Speaks, String>,
    #[serde(default)]
    auth: Auth,
    #[serde(default)]
    env: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    operations: Vec<Offered>,
    #[serde(default = "whole")]
    batch_percent: u16,
    #[serde(default)]
    quirks: Departures,
    models_like: Option<String>,
    #[serde(default)]
    named_only: bool,
    #[serde(default)]
    local: bool,
    #[serde(default)]
    in_process: bool,
}

/// In the order of preference where both are spoken and the client speaks neither.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Speaks {
    // Ahead of the other that their vendors speak, which knows less.
    Gemini,
    CohereChat,
    #[serde(rename = "openai_chat")]
    OpenAiChat,
    AnthropicMessages,
    #[serde(rename = "openai_responses")]
    OpenAiResponses,
    Voyage,
    Jina,
}

/// What a provider can do besides chat, by the words of `operations`.
const OFFERED: [(&str, &[Operation]); 15] = [
    ("embeddings", &[Operation::Embedding]),
    ("rerank", &[Operation::Rerank]),
    ("completions", &[Operation::Completion]),
    ("count_tokens", &[Operation::CountTokens]),
    (
        "images",
        &[
            Operation::ImageGeneration,
            Operation::ImageEdit,
            Operation::ImageVariation,
        ],
    ),
    ("speech", &[Operation::Speech]),
    (
        "transcriptions",
        &[Operation::Transcription, Operation::Translation],
    ),
    ("moderations", &[Operation::Moderation]),
    ("batches", &[Operation::Files, Operation::Batches]),
    ("fine_tuning", &[Operation::Files, Operation::FineTuning]),
    (
        "vector_stores",
        &[Operation::Files, Operation::VectorStores],
    ),
    ("uploads", &[Operation::Files, Operation::Uploads]),
    ("videos", &[Operation::Videos]),
    ("compact", &[Operation::Compact]),
    ("realtime", &[Operation::Realtime, Operation::ClientSecret]),
];

/// The operations that a word of `operations` stands for.
pub fn offered(word: &str) -> Option<&'static [Operation]> {
    OFFERED.iter().find(|(w, _)| *w == word).map(|(_, o)| *o)
}

/// Every word of `operations`.
pub fn offers() -> impl Iterator<Item = &'static str> {
    OFFERED.iter().map(|(word, _)| *word)
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Offered(&'static [Operation]);

impl TryFrom<String> for Offered {
    type Error = String;

    fn try_from(word: String) -> Result<Offered, String> {
        let known = offered(&word).map(Offered);
        known.ok_or_else(|| format!("unknown operation `{word}`"))
    }
}

fn whole() -> u16 {
    100
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Departures {
    drop: Vec<String>,
    rename: BTreeMap<String, String>,
    developer_as_system: bool,
    string_content: bool,
    reasoning_field: Option<String>,
    no_json_schema: bool,
    signed_thinking: Option<String>,
    refuses_reasoning: bool,
    short_call_ids: bool,
    keeps_no_responses: bool,
}

impl From<Entry> for Provider {
    fn from(mut entry: Entry) -> Provider {
        let key_env = entry.env.remove("key").unwrap_or_default();
        let url_env = entry.env.remove("url").unwrap_or_default();
        let url_vars = entry
            .env
            .into_iter()
            .map(|(name, env)| UrlVar { name, env });
        let speaks = entry.speaks.into_iter().map(|(spoken, base_url)| Endpoint {
            spoken: match spoken {
                Speaks::Gemini => Dialect::Gemini.into(),
                Speaks::CohereChat => Dialect::CohereChat.into(),
                Speaks::OpenAiChat => Dialect::OpenAiChat.into(),
                Speaks::AnthropicMessages => Dialect::AnthropicMessages.into(),
                Speaks::OpenAiResponses => Dialect::OpenAiResponses.into(),
                Speaks::Voyage => Shape::Voyage.into(),
                Speaks::Jina => Shape::Jina.into(),
            },
            base_url,
        });
        let operations = entry.operations.iter().flat_map(|Offered(all)| *all);
        Provider {
            name: entry.name,
            title: entry.title,
            docs: entry.docs,
            speaks: speaks.collect(),
            auth: entry.auth,
            key_env,
            url_env,
            url_vars: url_vars.collect(),
            headers: entry.headers.into_iter().collect(),
            operations: operations.copied().collect(),
            batch_percent: entry.batch_percent,
            quirks: Quirks {
                drop: entry.quirks.drop,
                rename: entry.quirks.rename.into_iter().collect(),
                developer_as_system: entry.quirks.developer_as_system,
                string_content: entry.quirks.string_content,
                reasoning_field: entry.quirks.reasoning_field,
                no_json_schema: entry.quirks.no_json_schema,
                signed_thinking: entry.quirks.signed_thinking,
                refuses_reasoning: entry.quirks.refuses_reasoning,
                short_call_ids: entry.quirks.short_call_ids,
                keeps_no_responses: entry.quirks.keeps_no_responses,
            },
            models_like: entry.models_like,
            named_only: entry.named_only,
            local: entry.local,
            in_process: entry.in_process,
        }
    }
}
