//! A request for Cohere: what its API would refuse is repaired or left out here, each time as a named
//! loss; only what cannot be expressed at all is refused.

use serde::Serialize;
use serde_json::Value;
use weir_model::{
    Cx, Effort, Json, OutputFormat, Reasoning, ReasoningControl, Rejection, Request, Sampling,
};

use super::{tools, turns};
use crate::Encoded;
use crate::openai::body::{Body, CACHE_CONTROL};

/// Most stop texts in a request.
const MOST_STOPS: usize = 5;
/// Most candidates of a token.
const MOST_K: u64 = 500;
/// Why a cache mark is lost.
pub(super) const NO_MARKS: &str = "Cohere caches prompts on its own";

/// Encodes a chat request.
///
/// # Errors
/// When several answers are asked for, or nothing is said.
pub(in super::super) fn encode(request: &Request, cx: &Cx<'_>) -> Result<Encoded, Rejection> {
    if request.sampling.n.is_some_and(|n| n > 1) {
        let message = "n: this model gives one answer a request. Send n=1, or send more requests.";
        return Err(Rejection::invalid(message).with_param("n"));
    }
    let mut body = Body::new(request, cx.quirks);
    if request.stream {
        body.field("stream", &true);
    }
    body.field("model", &request.model);
    let said = turns::build(&request.messages, &mut body.losses)?;
    let (turns, documents) = (said.turns, said.documents);
    body.field("messages", &turns);
    tools::write(request, &mut body);
    if !documents.is_empty() {
        body.field("documents", &documents);
    }
    if request.sampling.citations == Some(false) {
        body.field("citation_options", &Citing { mode: "OFF" });
    }
    body.shape(request, !documents.is_empty());
    body.bound(request, cx);
    body.sampled(&request.sampling, cx);
    if let Some(reasoning) = &request.reasoning {
        body.thinking(reasoning, cx.capabilities.reasoning);
    }
    body.lose_foreign(request);
    Ok(body.finish())
}

#[derive(Serialize)]
struct Citing {
    mode: &'static str,
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<&'a Json>,
}

#[derive(Serialize)]
struct Thinking {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_budget: Option<u64>,
}

impl Body<'_> {
    /// The shape of the answer, which Cohere does not take beside tools and documents.
    fn shape(&mut self, request: &Request, documents: bool) {
        let Some(output) = &request.output else {
            return;
        };
        if matches!(output, OutputFormat::Text) {
            return self.field("response_format", &Format::of("text"));
        }
        if documents || !request.tools.is_empty() {
            let reason = "Cohere takes no shape of the answer beside tools or documents";
            return self.losses.add("response_format", reason);
        }
        let mut format = Format::of("json_object");
        if let OutputFormat::JsonSchema {
            schema,
            description,
            ..
        } = output
        {
            if description.is_some() {
                let reason = "Cohere has no place for it";
                self.losses.add("response_format.description", reason);
            }
            match (self.quirks.no_json_schema, fits(schema)) {
                (false, true) => format.json_schema = Some(schema),
                (true, _) => {
                    self.lose_schema("the provider takes no schema; sent as `json_object`")
                }
                (_, false) => self.lose_schema(
                    "Cohere wants objects, each requiring something; sent as `json_object`",
                ),
            }
        }
        self.field("response_format", &format);
    }

    fn lose_schema(&mut self, reason: &'static str) {
        self.losses.add("response_format.json_schema", reason);
    }

    fn bound(&mut self, request: &Request, cx: &Cx<'_>) {
        let most = cx.capabilities.max_output_tokens;
        let bound = match (request.max_output_tokens, most) {
            (Some(wanted), Some(most)) if wanted > most => {
                let reason = "lowered to the most that the model gives";
                self.losses.add("max_output_tokens", reason);
                Some(most)
            }
            (wanted, _) => wanted,
        };
        self.optional("max_tokens", &bound);
    }

    fn sampled(&mut self, sampling: &Sampling, cx: &Cx<'_>) {
        if sampling.stop.len() > MOST_STOPS {
            let reason = format!("Cohere takes {MOST_STOPS}; the others were left out");
            self.losses.add("stop", reason);
        }
        let stops: Vec<_> = sampling.stop.iter().take(MOST_STOPS).collect();
        if !stops.is_empty() {
            self.field("stop_sequences", &stops);
        }
        let refused = cx.capabilities.no_sampling;
        self.within("temperature", sampling.temperature, (0.0, 1.0), refused);
        self.seed(sampling.seed);
        self.within(
            "frequency_penalty",
            sampling.frequency_penalty,
            (0.0, 1.0),
            false,
        );
        match (sampling.frequency_penalty, sampling.presence_penalty) {
            (Some(frequency), Some(presence)) if frequency != 0.0 && presence != 0.0 => {
                let reason = "Cohere takes it or `frequency_penalty`, not both";
                self.losses.add("presence_penalty", reason);
            }
            (_, presence) => self.within("presence_penalty", presence, (0.0, 1.0), false),
        }
        match sampling.top_k {
            Some(_) if refused => self.losses.add("top_k", "the model does not accept it"),
            Some(k) if k > MOST_K => {
                let reason = format!("lowered to {MOST_K}, the most that Cohere takes");
                self.losses.add("top_k", reason);
                self.field("k", &MOST_K);
            }
            // None at all is how Cohere says all.
            k => self.optional("k", &k.filter(|k| *k > 0)),
        }
        let both = sampling.temperature.is_some() && cx.capabilities.temperature_xor_top_p;
        self.within("p", sampling.top_p, (0.01, 0.99), refused || both);
        self.optional("logprobs", &sampling.logprobs);
        if sampling.top_logprobs.is_some_and(|count| count > 0) {
            let reason = "Cohere tells nothing of the alternatives";
            self.losses.add("top_logprobs", reason);
        }
    }

    /// A number, brought into the range that Cohere takes.
    fn within(&mut self, name: &str, value: Option<f64>, range: (f64, f64), refused: bool) {
        let Some(value) = value else { return };
        let field = if name == "p" { "top_p" } else { name };
        if refused {
            return self.losses.add(field, "the model does not accept it");
        }
        let taken = value.clamp(range.0, range.1);
        // All candidates is what the most of them nearly are.
        if taken != value && (name != "p" || value < 1.0) {
            let reason = format!("Cohere takes {} to {}; sent as {taken}", range.0, range.1);
            self.losses.add(field, reason);
        }
        self.field(name, &taken);
    }

    fn seed(&mut self, seed: Option<i64>) {
        match seed {
            Some(..0) => self.losses.add("seed", "Cohere's seeds are not negative"),
            seed => self.optional("seed", &seed),
        }
    }

    fn thinking(&mut self, reasoning: &Reasoning, control: ReasoningControl) {
        if let Some(display) = &reasoning.display {
            let reason = format!("Cohere cannot be told to show it `{display}`");
            self.losses.add("reasoning.display", reason);
        }
        let off = reasoning.enabled == Some(false) || reasoning.effort == Some(Effort::None);
        let on = reasoning.enabled.is_some()
            || reasoning.effort.is_some()
            || reasoning.budget_tokens.is_some();
        if control == ReasoningControl::None {
            if on && !off {
                self.losses.add("reasoning", "the model does not think");
            }
        } else if off {
            let (r#type, token_budget) = ("disabled", None);
            let disabled = Thinking {
                r#type,
                token_budget,
            };
            self.field("thinking", &disabled);
        } else if on {
            if reasoning.effort.is_some() {
                let reason = "Cohere takes a token budget instead";
                self.losses.add("reasoning.effort", reason);
            }
            let enabled = Thinking {
                r#type: "enabled",
                token_budget: reasoning.budget_tokens.filter(|budget| *budget > 0),
            };
            self.field("thinking", &enabled);
        }
    }

    /// What Cohere has no field for, but where it says what holds anyway.
    fn lose_foreign(&mut self, request: &Request) {
        let bias = request.sampling.logit_bias.as_ref();
        let lost = [
            ("logit_bias", bias.is_some_and(|bias| bias.get() != "{}")),
            ("verbosity", request.verbosity.is_some()),
            ("user", request.user.is_some()),
            ("metadata", !request.metadata.is_empty()),
            ("service_tier", request.service_tier.is_some()),
        ];
        for (field, _) in lost.into_iter().filter(|(_, lost)| *lost) {
            self.losses.add(field, "Cohere has no such field");
        }
        if request.cache.is_some() {
            self.losses.add(CACHE_CONTROL.0, NO_MARKS);
        }
    }
}

impl Format<'_> {
    fn of(kind: &'static str) -> Self {
        Format {
            r#type: kind,
            json_schema: None,
        }
    }
}

/// Whether Cohere takes a schema: one of objects, each of which requires something.
fn fits(schema: &Json) -> bool {
    let schema = serde_json::from_str::<Value>(schema.get()).unwrap_or_default();
    schema["type"] == "object" && requires(&schema)
}

fn requires(schema: &Value) -> bool {
    match schema {
        Value::Array(items) => items.iter().all(requires),
        Value::Object(fields) => {
            let required = fields.get("required").and_then(Value::as_array);
            let lax = required.is_none_or(Vec::is_empty);
            let is_object = fields.get("type").is_some_and(|kind| kind == "object");
            !(is_object && lax) && fields.values().all(requires)
        }
        _ => true,
    }
}
