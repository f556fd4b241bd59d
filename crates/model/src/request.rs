//! What a client asks, free of any vendor's shape.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Block, CacheMark, Json};

/// One chat request. Fields that a dialect cannot name become losses when it is decoded or encoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Request {
    /// The model as the client named it.
    pub model: String,
    /// The conversation, system messages included and in their places.
    pub messages: Vec<Message>,
    /// Tools that the model may call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Which tool must or may be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called in one turn; the vendor's default when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// The shape that the answer must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputFormat>,
    /// Upper bound of the answer, reasoning included, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// Sampling parameters.
    pub sampling: Sampling,
    /// Whether and how much to think.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Reasoning>,
    /// How wordy the answer should be (`low`, `medium`, `high`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verbosity: Option<String>,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether the client wants usage in the stream (where the dialect makes that a choice).
    pub stream_usage: bool,
    /// The end user's opaque id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The client's own labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The vendor's service tier, by its own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// A cache mark on the whole request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheMark>,
    /// What the client's dialect repeats in its answers, in its own words; no other reads it.
    #[serde(skip)]
    pub echo: Option<Json>,
}

impl Request {
    /// How many bytes of base64 it holds, which whoever writes it down must have room for.
    pub fn media_len(&self) -> usize {
        let blocks = self.messages.iter().flat_map(|message| &message.blocks);
        blocks.map(|block| block.content.media_len()).sum()
    }
}

/// One turn of the conversation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said. Tool results stand in `User` messages.
    pub blocks: Vec<Block>,
    /// The speaker's name, where the dialect has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions of the operator of the application.
    System,
    /// The same, by the newer name of some vendors.
    Developer,
    /// The person, or the tools answering the model.
    User,
    /// The model.
    Assistant,
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON schema of its arguments; an object schema.
    pub parameters: Json,
    /// Whether arguments must follow the schema exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// A cache mark on the tool list up to here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheMark>,
}

/// Which tool must or may be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// No tool.
    None,
    /// At least one, the model decides which.
    Required,
    /// This one.
    Tool(String),
}

/// The shape that the answer must have.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputFormat {
    /// Any text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON of a schema.
    JsonSchema {
        /// A name for the schema, which some vendors demand.
        name: Option<String>,
        /// What the shape is for.
        description: Option<String>,
        /// The schema.
        schema: Json,
        /// Whether the schema must be followed exactly.
        strict: Option<bool>,
    },
}

/// Sampling parameters, in the units of the vendors.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sampling {
    /// 0 to 2 (some vendors: to 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Count of candidates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u64>,
    /// -2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// -2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// Token id to bias, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logit_bias: Option<Json>,
    /// For repeatable answers, where the vendor tries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Texts that end the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// How many answers; one when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// Whether to return log probabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<bool>,
    /// How many alternatives per token, 0 to 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<u32>,
    /// Whether to say which of the given documents the answer rests on; the vendor's default when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub citations: Option<bool>,
}

/// Whether and how much to think. Vendors name an effort, a token budget, or leave it to the model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reasoning {
    /// `Some(false)` turns thinking off, `Some(true)` on; `None` leaves it to `effort`, or to the vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How hard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// Most tokens to think with. `None` with `enabled` means that the model decides (adaptive).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<u64>,
    /// How thinking is shown (`summarized`, `omitted`), where the dialect has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

/// How hard to think, from nothing to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as possible.
    Minimal,
    /// A little.
    Low,
    /// The usual.
    Medium,
    /// A lot.
    High,
    /// More than a lot.
    XHigh,
    /// All that the model can.
    Max,
}
