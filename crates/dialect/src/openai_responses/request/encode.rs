//! A request for an upstream that speaks Responses: what OpenAI accepts, bent to the quirks of the
//! provider. Nothing is stored there. What cannot be said is a named loss.
//! <https://platform.openai.com/docs/api-reference/responses/create>

mod item;
mod wire;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::json;
use weir_model::{
    Cx, Json, OutputFormat, Reasoning, ReasoningControl, Rejection, Request, Sampling, Tool,
};

use crate::Encoded;
use crate::openai::body::Body;
use crate::openai::effort::effort_of;
use crate::openai::parameters::parameters;
use crate::openai::quirks::drops;

/// The smallest bound of an answer that OpenAI takes, in tokens.
const LEAST_OUTPUT: u64 = 16;

/// Why sampling parameters of other APIs are lost.
const NO_PARAMETER: &str = "the Responses API has no such parameter";

pub(in super::super) fn encode(request: &Request, cx: &Cx<'_>) -> Result<Encoded, Rejection> {
    if request.messages.is_empty() {
        let message = "`messages`: must hold at least one message.";
        return Err(Rejection::invalid(message).with_param("messages"));
    }
    let mut body = Body::new(request, cx.quirks);
    body.field("model", &request.model);
    let (instructions, items) = item::encode(&request.messages, cx.quirks, &mut body.losses);
    body.optional("instructions", &instructions);
    body.field("input", &items);
    body.tools(
        request,
        "strict",
        SentTool::new,
        |name| json!({ "type": "function", "name": name }),
    );
    text(&mut body, request);
    if let Some(bound) = request.max_output_tokens {
        if bound < LEAST_OUTPUT {
            let reason = format!("OpenAI takes no less than {LEAST_OUTPUT}");
            body.losses.add("max_output_tokens", reason);
        }
        body.field("max_output_tokens", &bound.max(LEAST_OUTPUT));
    }
    sampling(&mut body, &request.sampling, cx);
    reasoning(&mut body, request, cx.capabilities.reasoning);
    body.account(request);
    if !request.metadata.is_empty() {
        body.field("metadata", &request.metadata);
    }
    // No client asked for it, so none loses it.
    if !drops(cx.quirks, "store") {
        body.field("store", &false);
    }
    if request.stream {
        body.field("stream", &true);
    }
    Ok(body.finish())
}

/// The shape of the answer, and how wordy it should be.
fn text(body: &mut Body<'_>, request: &Request) {
    let format = request.output.as_ref().map(|output| match output {
        OutputFormat::Text => SentFormat::Text,
        OutputFormat::JsonObject => SentFormat::JsonObject,
        OutputFormat::JsonSchema { .. } if body.quirks.no_json_schema => {
            let reason = "the provider takes no schema; sent as `json_object`";
            body.losses.add("text.format", reason);
            SentFormat::JsonObject
        }
        OutputFormat::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => SentFormat::JsonSchema {
            name: name.as_deref().unwrap_or("response"),
            description: description.as_deref(),
            schema,
            strict: body.strict(*strict, schema, || "text.format.strict".to_owned()),
        },
    });
    let verbosity = request.verbosity.as_deref();
    if format.is_some() || verbosity.is_some() {
        body.field("text", &SentText { format, verbosity });
    }
}

fn sampling(body: &mut Body<'_>, sampling: &Sampling, cx: &Cx<'_>) {
    let refused = cx.capabilities.no_sampling;
    let both = sampling.temperature.is_some() && sampling.top_p.is_some();
    let top_p_refused = refused || both && cx.capabilities.temperature_xor_top_p;
    for (name, value, lost) in [
        ("temperature", sampling.temperature, refused),
        ("top_p", sampling.top_p, top_p_refused),
    ] {
        match value {
            Some(_) if lost => body.losses.add(name, "the model does not accept it"),
            value => body.optional(name, &value),
        }
    }
    body.optional("top_logprobs", &sampling.top_logprobs);
    for (name, given) in [
        ("top_k", sampling.top_k.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("logit_bias", sampling.logit_bias.is_some()),
        ("seed", sampling.seed.is_some()),
        ("stop", !sampling.stop.is_empty()),
        ("n", sampling.n.is_some_and(|n| n > 1)),
    ] {
        if given {
            body.losses.add(name, NO_PARAMETER);
        }
    }
}

/// How to think, and what to send of it: encrypted reasoning is asked for wherever the model is
/// known or asked to think, because others refuse that.
fn reasoning(body: &mut Body<'_>, request: &Request, control: ReasoningControl) {
    let wanted = request.reasoning.as_ref();
    let effort = wanted.and_then(|wanted| effort(body, wanted, control));
    let summary = wanted
        .and_then(|wanted| wanted.display.as_deref())
        .filter(|_| control != ReasoningControl::None)
        .and_then(|display| (display == "summarized").then_some("auto"));
    if effort.is_some() || summary.is_some() {
        body.field("reasoning", &SentReasoning { effort, summary });
    }
    let thinks = match control {
        ReasoningControl::None => false,
        ReasoningControl::Unknown => effort.is_some_and(|word| word != "none") || summary.is_some(),
        _ => true,
    };
    let mut include = Vec::new();
    // No client asked for it, so none loses it.
    if thinks && !drops(body.quirks, "include") {
        include.push("reasoning.encrypted_content");
    }
    if request.sampling.logprobs == Some(true) {
        include.push("message.output_text.logprobs");
    }
    if !include.is_empty() {
        body.field("include", &include);
    }
}

/// The word for how hard to think, where the model takes one.
fn effort(
    body: &mut Body<'_>,
    reasoning: &Reasoning,
    control: ReasoningControl,
) -> Option<&'static str> {
    let (effort, field) = effort_of(reasoning, control)?;
    match control {
        ReasoningControl::None => body.losses.add(field, "the model does not think"),
        ReasoningControl::Budget => {
            let reason = "the model takes a token budget, OpenAI's field an effort";
            body.losses.add(field, reason);
        }
        ReasoningControl::Unknown | ReasoningControl::Adaptive | ReasoningControl::Effort => {
            if field == "reasoning.budget_tokens" {
                let reason = format!("OpenAI takes a word; sent as `{effort}`");
                body.losses.add(field, reason);
            }
            return Some(effort);
        }
    }
    None
}

#[derive(Serialize)]
struct SentReasoning {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'static str>,
}

/// `strict` is always said: left out, it would be taken for true.
#[derive(Serialize)]
struct SentTool<'a> {
    r#type: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Cow<'a, Json>,
    strict: bool,
}

impl<'a> SentTool<'a> {
    fn new(tool: &'a Tool, strict: Option<bool>) -> SentTool<'a> {
        SentTool {
            r#type: "function",
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: parameters(&tool.parameters),
            strict: strict.unwrap_or(false),
        }
    }
}

#[derive(Serialize)]
struct SentText<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<SentFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum SentFormat<'a> {
    Text,
    JsonObject,
    JsonSchema {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        schema: &'a Json,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}
