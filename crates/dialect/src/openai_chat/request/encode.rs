//! A request for an OpenAI-shaped upstream: what the strictest of them accepts, bent to the quirks
//! of the provider. What cannot be said is a named loss.
//! <https://platform.openai.com/docs/api-reference/chat/create>

mod message;
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

/// Most stop texts that OpenAI takes.
const MOST_STOPS: usize = 4;

pub(in super::super) fn encode(request: &Request, cx: &Cx<'_>) -> Result<Encoded, Rejection> {
    if request.messages.is_empty() {
        let message = "`messages`: must hold at least one message.";
        return Err(Rejection::invalid(message).with_param("messages"));
    }
    let mut body = Body::new(request, cx.quirks);
    body.field("model", &request.model);
    let messages = message::encode(&request.messages, cx.quirks, &mut body.losses);
    body.field("messages", &messages);
    body.tools(
        request,
        "function.strict",
        SentTool::new,
        |name| json!({ "type": "function", "function": { "name": name } }),
    );
    if let Some(output) = &request.output {
        body.output(output);
    }
    body.optional("max_completion_tokens", &request.max_output_tokens);
    body.sampling(&request.sampling, cx);
    if let Some(reasoning) = &request.reasoning {
        body.reasoning(reasoning, cx.capabilities.reasoning);
    }
    body.optional("verbosity", &request.verbosity);
    body.account(request);
    if !request.metadata.is_empty() {
        body.losses
            .add("metadata", "OpenAI labels only the chats that it stores");
    }
    if request.stream {
        body.field("stream", &true);
        // We ask for usage in any case; only a client that asked too loses it.
        if request.stream_usage || !drops(cx.quirks, "stream_options") {
            body.field("stream_options", &json!({ "include_usage": true }));
        }
    }
    Ok(body.finish())
}

impl Body<'_> {
    fn output(&mut self, output: &OutputFormat) {
        let format = match output {
            OutputFormat::Text => SentFormat::Text,
            OutputFormat::JsonObject => SentFormat::JsonObject,
            OutputFormat::JsonSchema { .. } if self.quirks.no_json_schema => {
                let reason = "the provider takes no schema; sent as `json_object`";
                self.losses.add("response_format.json_schema", reason);
                SentFormat::JsonObject
            }
            OutputFormat::JsonSchema {
                name,
                description,
                schema,
                strict,
            } => SentFormat::JsonSchema {
                json_schema: SentSchema {
                    name: name.as_deref().unwrap_or("response"),
                    description: description.as_deref(),
                    schema,
                    strict: self.strict(*strict, schema, || {
                        "response_format.json_schema.strict".to_owned()
                    }),
                },
            },
        };
        self.field("response_format", &format);
    }

    fn sampling(&mut self, sampling: &Sampling, cx: &Cx<'_>) {
        let refused = cx.capabilities.no_sampling;
        let both = sampling.temperature.is_some() && sampling.top_p.is_some();
        let top_p_refused = refused || both && cx.capabilities.temperature_xor_top_p;
        for (name, value, lost) in [
            ("temperature", sampling.temperature, refused),
            ("top_p", sampling.top_p, top_p_refused),
            ("frequency_penalty", sampling.frequency_penalty, false),
            ("presence_penalty", sampling.presence_penalty, false),
        ] {
            match value {
                Some(_) if lost => self.losses.add(name, "the model does not accept it"),
                value => self.optional(name, &value),
            }
        }
        if sampling.top_k.is_some() {
            self.losses.add("top_k", "OpenAI has no such parameter");
        }
        self.optional("logit_bias", &sampling.logit_bias);
        self.optional("seed", &sampling.seed);
        if sampling.stop.len() > MOST_STOPS {
            let reason = format!("OpenAI takes {MOST_STOPS}; the others were left out");
            self.losses.add("stop", reason);
        }
        if !sampling.stop.is_empty() {
            let kept = sampling.stop.len().min(MOST_STOPS);
            self.field("stop", &sampling.stop[..kept]);
        }
        self.optional("n", &sampling.n);
        self.optional("logprobs", &sampling.logprobs);
        self.optional("top_logprobs", &sampling.top_logprobs);
    }

    fn reasoning(&mut self, reasoning: &Reasoning, control: ReasoningControl) {
        if let Some(display) = &reasoning.display {
            let reason = format!("OpenAI cannot be told to show it `{display}`");
            self.losses.add("reasoning.display", reason);
        }
        let Some((effort, field)) = effort_of(reasoning, control) else {
            return;
        };
        match control {
            ReasoningControl::None => self.losses.add(field, "the model does not think"),
            ReasoningControl::Budget => {
                self.losses.add(
                    field,
                    "the model takes a token budget, OpenAI's field an effort",
                );
            }
            ReasoningControl::Unknown | ReasoningControl::Adaptive | ReasoningControl::Effort => {
                if field == "reasoning.budget_tokens" {
                    let reason = format!("OpenAI takes a word; sent as `{effort}`");
                    self.losses.add(field, reason);
                }
                self.field("reasoning_effort", effort);
            }
        }
    }
}

#[derive(Serialize)]
struct SentTool<'a> {
    r#type: &'static str,
    function: SentFunction<'a>,
}

#[derive(Serialize)]
struct SentFunction<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Cow<'a, Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

impl<'a> SentTool<'a> {
    fn new(tool: &'a Tool, strict: Option<bool>) -> SentTool<'a> {
        SentTool {
            r#type: "function",
            function: SentFunction {
                name: &tool.name,
                description: tool.description.as_deref(),
                parameters: parameters(&tool.parameters),
                strict,
            },
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum SentFormat<'a> {
    Text,
    JsonObject,
    JsonSchema { json_schema: SentSchema<'a> },
}

#[derive(Serialize)]
struct SentSchema<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: &'a Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[cfg(test)]
mod tests;
