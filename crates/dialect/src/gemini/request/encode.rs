//! The model to a request for Google. Whatever its API would refuse is repaired or left out here,
//! each time as a named loss; only what cannot be expressed at all is refused.

use serde::Serialize;
use weir_model::{Cx, Json, Losses, OutputFormat, Rejection, Request, Sampling};

use super::super::native::apply_quirks;
use super::super::wire::{Own, is_newer};
use super::contents::{self, Conversation, System, Turn};
use super::schema;
use super::tools::{self, ConfigOut, ToolsOut};
use super::tuning::{Thinking, max_tokens, think};
use crate::Encoded;
use crate::json::splice::Splices;
use crate::json::{scan, write};

/// Most stop texts in a request.
const MOST_STOPS: usize = 5;
/// Most answers to a request.
const MOST_ANSWERS: u32 = 8;
/// Why a cache mark is lost.
pub(super) const NO_MARKS: &str = "Gemini caches by itself, or by name";

/// The body, in the order of the vendor's reference.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    contents: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[ToolsOut<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ConfigOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<System<'a>>,
    #[serde(skip_serializing_if = "Config::is_empty")]
    generation_config: Config<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

/// `generationConfig`.
#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Thinking>,
}

impl Config<'_> {
    fn is_empty(&self) -> bool {
        *self == Config::default()
    }
}

/// Encodes a chat request. The path names the model and asks for a stream.
///
/// # Errors
/// When more answers are asked for than Google gives, or nothing is said.
pub(in super::super) fn encode(request: &Request, cx: &Cx<'_>) -> Result<Encoded, Rejection> {
    let sampling = &request.sampling;
    if sampling.n.is_some_and(|n| n > MOST_ANSWERS) {
        let message = format!("n: this model gives at most {MOST_ANSWERS} answers a request.");
        return Err(Rejection::invalid(message).with_param("n"));
    }
    let mut losses = Losses::default();
    let mut said = contents::build(&request.model, &request.messages, &mut losses)?;
    let (mime_type, response_json_schema) = output(request, cx, &mut said, &mut losses);
    let declared = tools::encode(&request.tools, &mut losses);
    lose_foreign(request, &mut losses);
    let body = Body {
        contents: said.turns,
        tools: declared.map(|tools| [tools]),
        tool_config: tools::choice(request, &mut losses),
        system_instruction: (!said.system.parts.is_empty()).then_some(said.system),
        generation_config: Config {
            stop_sequences: stops(sampling, &mut losses),
            response_mime_type: mime_type,
            response_json_schema,
            candidate_count: sampling.n,
            max_output_tokens: max_tokens(request, cx.capabilities, &mut losses),
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            top_k: sampling.top_k,
            seed: seed(sampling, &mut losses),
            presence_penalty: sampling.presence_penalty,
            frequency_penalty: sampling.frequency_penalty,
            response_logprobs: sampling.logprobs,
            logprobs: sampling
                .top_logprobs
                .filter(|_| sampling.logprobs == Some(true)),
            thinking_config: think(request, cx.capabilities, &mut losses),
        },
        service_tier: tier(request, &mut losses),
    };
    let body = write::to_sized_vec(&body, request.media_len());
    Ok(Encoded {
        body: fit(body, cx, &mut losses)?,
        headers: Vec::new(),
        losses,
    })
}

/// Applies the provider's quirks to a body of ours.
fn fit(body: Vec<u8>, cx: &Cx<'_>, losses: &mut Losses) -> Result<Vec<u8>, Rejection> {
    if cx.quirks.drop.is_empty() && cx.quirks.rename.is_empty() {
        return Ok(body);
    }
    let top = scan::top_level(&body)?;
    let mut splices = Splices::default();
    apply_quirks(&body, &top, cx.quirks, &mut splices, losses);
    Ok(splices.apply(&body.into()).into())
}

/// The shape of the answer. Beside tools older models take none: there it is asked for in words.
fn output(
    request: &Request,
    cx: &Cx<'_>,
    said: &mut Conversation<'_>,
    losses: &mut Losses,
) -> (Option<&'static str>, Option<Json>) {
    const JSON: Option<&str> = Some("application/json");
    let shaped = request.tools.is_empty() || is_newer(&request.model);
    let words = match &request.output {
        None | Some(OutputFormat::Text) => return (None, None),
        Some(OutputFormat::JsonObject) if shaped => return (JSON, None),
        Some(OutputFormat::JsonObject) => {
            "Answer with one JSON object and nothing else, not even a code fence.".to_owned()
        }
        Some(OutputFormat::JsonSchema {
            schema,
            description,
            ..
        }) => {
            if description.is_some() {
                losses.add("response_format.description", "Gemini has no place for it");
            }
            if shaped && !cx.quirks.no_json_schema {
                let (schema, moved) = schema::for_gemini(schema);
                if moved {
                    losses.add("response_format.schema", "Gemini takes nothing beside $ref");
                }
                return (JSON, Some(schema));
            }
            format!(
                "Answer with one JSON value that follows this JSON schema, and nothing else, not \
                 even a code fence:\n{}",
                schema.get()
            )
        }
    };
    losses.add("response_format", "asked for in words");
    said.system.parts.push(Own::text(words).into());
    (JSON.filter(|_| shaped), None)
}

fn stops<'a>(sampling: &'a Sampling, losses: &mut Losses) -> Vec<&'a str> {
    let kept = sampling.stop.iter().map(String::as_str);
    let kept: Vec<_> = kept
        .filter(|stop| !stop.is_empty())
        .take(MOST_STOPS)
        .collect();
    if kept.len() < sampling.stop.len() {
        losses.add("stop", "Gemini takes five stop texts, none of them empty");
    }
    kept
}

fn seed(sampling: &Sampling, losses: &mut Losses) -> Option<i64> {
    let seed = sampling.seed?;
    if i32::try_from(seed).is_err() {
        losses.add("seed", "Gemini's seeds have 32 bits");
        return None;
    }
    Some(seed)
}

fn tier<'a>(request: &'a Request, losses: &mut Losses) -> Option<&'a str> {
    let tier = request.service_tier.as_deref()?;
    if !["standard", "flex", "priority"].contains(&tier) {
        losses.add(
            "service_tier",
            "Gemini has \"standard\", \"flex\" and \"priority\"",
        );
        return None;
    }
    Some(tier)
}

/// What Google has no field for, but where it says what holds anyway.
fn lose_foreign(request: &Request, losses: &mut Losses) {
    let sampling = &request.sampling;
    let bias = sampling.logit_bias.as_ref();
    let lost = [
        ("logit_bias", bias.is_some_and(|bias| bias.get() != "{}")),
        ("verbosity", request.verbosity.is_some()),
        ("user", request.user.is_some()),
        ("metadata", !request.metadata.is_empty()),
    ];
    for (field, _) in lost.into_iter().filter(|(_, lost)| *lost) {
        losses.add(field, "Gemini has no such field");
    }
    if request.cache.is_some() {
        losses.add("cache_control", NO_MARKS);
    }
    if sampling.citations == Some(true) {
        let reason = "Gemini does not cite the documents that it is given";
        losses.add("citations", reason);
    }
    if sampling.top_logprobs.is_some() && sampling.logprobs != Some(true) {
        losses.add("top_logprobs", "Gemini gives none without `logprobs`");
    }
}
