//! The model to a request for Anthropic. Whatever its API would refuse is repaired or left out
//! here, each time as a named loss; only what cannot be expressed at all is refused.

use serde::Serialize;
use weir_model::{Cx, Json, Losses, OutputFormat, Rejection, Request, Sampling, Tool, ToolChoice};

use super::super::native::apply_quirks;
use super::super::wire::{Mark, Part};
use super::schema;
use super::tuning::{Thinking, sample, tune};
use super::turns::{self, Conversation, Turn};
use crate::Encoded;
use crate::json::splice::Splices;
use crate::json::{scan, write};

/// Most cache marks in a request.
const MOST_MARKS: usize = 4;
/// Longest `metadata.user_id`, in characters.
const LONGEST_USER: usize = 256;

/// The body, in the order of the vendor's reference.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Part<'a>>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking<'a>>,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    output_config: OutputConfig,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Mark>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

#[derive(Serialize)]
struct Metadata<'a> {
    user_id: &'a str,
}

#[derive(Serialize)]
struct ToolOut<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: Json,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Mark>,
}

#[derive(Serialize)]
struct Choice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_parallel_tool_use: bool,
}

#[derive(Default, Serialize)]
struct OutputConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format>,
}

impl OutputConfig {
    fn is_empty(&self) -> bool {
        self.effort.is_none() && self.format.is_none()
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "json_schema")]
struct Format {
    schema: Json,
}

/// Encodes a chat request.
///
/// # Errors
/// When several answers are asked for, or nothing is said.
pub(in super::super) fn encode(request: &Request, cx: &Cx<'_>) -> Result<Encoded, Rejection> {
    if request.sampling.n.is_some_and(|n| n > 1) {
        let message = "n: this model gives one answer a request. Send n=1, or send more requests.";
        return Err(Rejection::invalid(message).with_param("n"));
    }
    let mut losses = Losses::default();
    let capabilities = cx.capabilities;
    let mut said = turns::build(&request.messages, capabilities, &mut losses)?;
    let unthinking = said.calls_tools_unthinking();
    let tuning = tune(request, capabilities, unthinking, &mut losses);
    let thinks = tuning.thinks();
    let grammar = capabilities.json_schema && !cx.quirks.no_json_schema;
    let format = output(request, grammar, &mut said, &mut losses);
    let can_continue = !capabilities.no_prefill && !thinks && format.is_none();
    said.settle_prefill(can_continue, &mut losses);
    match request.sampling.citations {
        Some(true) if format.is_none() => said.cite_documents(),
        Some(true) => losses.add("citations", "not together with a shape of the answer"),
        _ => {}
    }
    let sampled = sample(request, capabilities, thinks, &mut losses);
    let mut tools = tools(&request.tools, grammar, &mut losses);
    lose_foreign(request, &mut losses);
    let cache_control = request.cache.map(Mark::from);
    let fixed = said.fixed_marks + usize::from(cache_control.is_some());
    prune_marks(&mut tools, &mut said, fixed, &mut losses);
    let names_files = said.names_files;
    let body = Body {
        model: &request.model,
        max_tokens: tuning.max_tokens,
        system: said.system,
        messages: said.turns,
        tools,
        tool_choice: choice(request, thinks, &mut losses),
        thinking: tuning.thinking,
        output_config: OutputConfig {
            effort: tuning.effort,
            format,
        },
        stop_sequences: stops(&request.sampling, &mut losses),
        temperature: sampled.temperature,
        top_p: sampled.top_p,
        top_k: sampled.top_k,
        metadata: user(request, &mut losses),
        service_tier: tier(request, &mut losses),
        cache_control,
        stream: request.stream,
    };
    let body = write::to_sized_vec(&body, request.media_len());
    let files = ("anthropic-beta", "files-api-2025-04-14".to_owned());
    Ok(Encoded {
        body: fit(body, cx, &mut losses)?,
        headers: names_files.then_some(files).into_iter().collect(),
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

/// The grammar of the answer; without one, the shape is asked for in words. A forced tool would
/// hide the caller's own tools, so none is made up.
fn output<'a>(
    request: &'a Request,
    grammar: bool,
    said: &mut Conversation<'a>,
    losses: &mut Losses,
) -> Option<Format> {
    let words = match request.output.as_ref()? {
        OutputFormat::Text => return None,
        OutputFormat::JsonObject => {
            "Answer with one JSON object and nothing else, not even a code fence.".to_owned()
        }
        OutputFormat::JsonSchema {
            schema,
            description,
            ..
        } => {
            if grammar {
                if description.is_some() {
                    losses.add(
                        "response_format.description",
                        "Anthropic has no place for it",
                    );
                }
                let (schema, moved) = schema::for_grammar(schema);
                if moved {
                    let reason = "constraints that the grammar lacks moved into descriptions";
                    losses.add("response_format.schema", reason);
                }
                return Some(Format { schema });
            }
            format!(
                "Answer with one JSON value that follows this JSON schema, and nothing else, not \
                 even a code fence:\n{}",
                schema.get()
            )
        }
    };
    losses.add("response_format", "asked for in words");
    said.system.push(Part::text(words));
    None
}

fn tools<'a>(tools: &'a [Tool], grammar: bool, losses: &mut Losses) -> Vec<ToolOut<'a>> {
    let mut out = Vec::with_capacity(tools.len());
    for (at, tool) in tools.iter().enumerate() {
        let strict = tool.strict == Some(true);
        let mut input_schema = schema::for_tool(&tool.parameters);
        if strict && grammar {
            let (schema, moved) = schema::for_grammar(&input_schema);
            input_schema = schema;
            if moved {
                let reason = "constraints that the grammar lacks moved into descriptions";
                losses.add(format!("tools[{at}].parameters"), reason);
            }
        } else if strict {
            losses.add(
                format!("tools[{at}].strict"),
                "the model does not promise it",
            );
        }
        out.push(ToolOut {
            name: &tool.name,
            description: tool.description.as_deref().filter(|text| !text.is_empty()),
            input_schema,
            strict: strict && grammar,
            cache_control: tool.cache.map(Mark::from),
        });
    }
    out
}

fn choice<'a>(request: &'a Request, thinks: bool, losses: &mut Losses) -> Option<Choice<'a>> {
    let serial = request.parallel_tool_calls == Some(false);
    if request.tools.is_empty() {
        if matches!(
            request.tool_choice,
            Some(ToolChoice::Required | ToolChoice::Tool(_))
        ) {
            losses.add("tool_choice", "there are no tools");
        }
        return None;
    }
    let (kind, name) = match &request.tool_choice {
        None if serial => ("auto", None),
        None => return None,
        Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Required | ToolChoice::Tool(_)) if thinks => {
            losses.add(
                "tool_choice",
                "thinking forbids a forced tool: the model decides",
            );
            ("auto", None)
        }
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::Tool(name)) => ("tool", Some(name.as_str())),
    };
    Some(Choice {
        kind,
        name,
        disable_parallel_tool_use: serial && kind != "none",
    })
}

fn stops<'a>(sampling: &'a Sampling, losses: &mut Losses) -> Vec<&'a str> {
    let kept = sampling.stop.iter().map(String::as_str);
    let kept: Vec<_> = kept.filter(|stop| !stop.trim().is_empty()).collect();
    if kept.len() < sampling.stop.len() {
        losses.add("stop", "Anthropic takes no blank stop text");
    }
    kept
}

fn user<'a>(request: &'a Request, losses: &mut Losses) -> Option<Metadata<'a>> {
    let user_id = request.user.as_deref().filter(|user| !user.is_empty())?;
    if user_id.chars().count() > LONGEST_USER {
        losses.add("user", "longer than Anthropic takes");
        return None;
    }
    Some(Metadata { user_id })
}

fn tier<'a>(request: &'a Request, losses: &mut Losses) -> Option<&'a str> {
    let tier = request.service_tier.as_deref()?;
    if !matches!(tier, "auto" | "standard_only") {
        losses.add(
            "service_tier",
            "Anthropic has \"auto\" and \"standard_only\"",
        );
        return None;
    }
    Some(tier)
}

/// What Anthropic has no field for, but where it says what holds anyway.
fn lose_foreign(request: &Request, losses: &mut Losses) {
    let sampling = &request.sampling;
    let nonzero = |penalty: Option<f64>| penalty.is_some_and(|p| p != 0.0);
    let lost = [
        ("frequency_penalty", nonzero(sampling.frequency_penalty)),
        ("presence_penalty", nonzero(sampling.presence_penalty)),
        (
            "logit_bias",
            sampling
                .logit_bias
                .as_ref()
                .is_some_and(|bias| bias.get() != "{}"),
        ),
        ("seed", sampling.seed.is_some()),
        ("logprobs", sampling.logprobs == Some(true)),
        ("top_logprobs", sampling.top_logprobs.is_some_and(|n| n > 0)),
        ("verbosity", request.verbosity.is_some()),
        ("metadata", !request.metadata.is_empty()),
    ];
    for (field, _) in lost.into_iter().filter(|(_, lost)| *lost) {
        losses.add(field, "Anthropic has no such field");
    }
}

/// Keeps the marks that the vendor takes: at most four, the first (what changes least) and the
/// last ones (what grows); and none of an hour behind one of five minutes.
fn prune_marks(
    tools: &mut [ToolOut<'_>],
    said: &mut Conversation<'_>,
    fixed: usize,
    losses: &mut Losses,
) {
    let mut slots: Vec<&mut Option<Mark>> = Vec::new();
    slots.extend(tools.iter_mut().map(|tool| &mut tool.cache_control));
    let said_parts = said.turns.iter_mut().flat_map(|turn| &mut turn.content);
    for part in said.system.iter_mut().chain(said_parts) {
        if let Part::ToolResult {
            content,
            cache_control,
            ..
        } = part
        {
            slots.extend(content.iter_mut().filter_map(Part::mark));
            slots.push(cache_control);
        } else {
            slots.extend(part.mark());
        }
    }
    slots.retain(|slot| slot.is_some());
    let allowed = MOST_MARKS.saturating_sub(fixed);
    let last = slots.len().saturating_sub(allowed.saturating_sub(1));
    let mut short_seen = false;
    for (at, slot) in slots.into_iter().enumerate() {
        if !(at == 0 && allowed > 0 || at >= last) {
            losses.add("cache_control", "more than four marks");
            *slot = None;
        }
        let Some(mark) = slot else { continue };
        short_seen |= mark.ttl != Some("1h");
        if short_seen && mark.ttl == Some("1h") {
            losses.add("cache_control.ttl", "an hour may not follow five minutes");
            mark.ttl = None;
        }
    }
}
