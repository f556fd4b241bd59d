//! A client's request, decoded whole. Every field of the reference is modelled or a named loss;
//! what OpenAI would refuse is refused, with the path of the field.
//! <https://platform.openai.com/docs/api-reference/chat/create>

mod message;
mod part;
mod tool;

use bytes::Bytes;
use weir_model::{Json, Losses, OutputFormat, Reasoning, Rejection, Request, Sampling};

use crate::Decoded;
use crate::json::read::{Object, Value};
use crate::openai::head::no_model;
use crate::openai::read::{
    UNKNOWN, cache_mark, each, effort, object_json, one_of, parse, user, whole, within,
};

/// Fields of the reference that no other vendor has a word for.
const OPENAI_ONLY: [(&str, &str); 7] = [
    ("audio", "only OpenAI speaks its answers"),
    ("moderation", "only OpenAI moderates in the same call"),
    ("prediction", "only OpenAI takes a predicted answer"),
    ("prompt_cache_key", "only OpenAI routes by a cache key"),
    (
        "prompt_cache_options",
        "only OpenAI places cache breakpoints itself",
    ),
    (
        "prompt_cache_retention",
        "only OpenAI has cache retention classes",
    ),
    (
        "web_search_options",
        "only OpenAI's search models take them",
    ),
];

pub(in super::super) fn decode(body: &Bytes) -> Result<Decoded<Request>, Rejection> {
    let mut body = Object::of_body(body)?;
    let mut losses = Losses::default();
    let model = body.read_string("model")?.filter(|model| !model.is_empty());
    let mut request = Request {
        model: model.ok_or_else(no_model)?,
        messages: body.require("messages", |v| message::conversation(v, &mut losses))?,
        output: body.read("response_format", |v| output(v, &mut losses))?,
        max_output_tokens: max_output_tokens(&mut body, &mut losses)?,
        sampling: sampling(&mut body)?,
        reasoning: reasoning(&mut body, &mut losses)?,
        verbosity: body.read("verbosity", |v| one_of(v, &["low", "medium", "high"]))?,
        stream: body.read("stream", |v| v.boolean())?.unwrap_or(false),
        stream_usage: stream_usage(&mut body, &mut losses)?,
        user: user(&mut body, &mut losses)?,
        metadata: body
            .read("metadata", |v| parse(v, "an object of strings"))?
            .unwrap_or_default(),
        service_tier: body.read_string("service_tier")?,
        cache: cache_mark(&mut body, &mut losses)?,
        ..Request::default()
    };
    tool::read(&mut body, &mut request, &mut losses)?;
    lose_the_rest(body, &mut losses);
    Ok(Decoded {
        value: request,
        losses,
    })
}

fn lose_the_rest(mut body: Object<'_, '_>, losses: &mut Losses) {
    for (field, reason) in OPENAI_ONLY {
        body.lose(field, reason, losses);
    }
    for (field, harmless) in [("store", "false"), ("modalities", r#"["text"]"#)] {
        if let Some(raw) = body.take(field)
            && raw.get().split_whitespace().collect::<String>() != harmless
        {
            losses.add(field, "only OpenAI can do this");
        }
    }
    body.lose(
        "thinking",
        "not an OpenAI field; `reasoning_effort` is understood",
        losses,
    );
    body.lose_rest(UNKNOWN, losses);
}

fn max_output_tokens(
    body: &mut Object<'_, '_>,
    losses: &mut Losses,
) -> Result<Option<u64>, Rejection> {
    let read = |v: Value<'_, '_>| match v.count()? {
        0 => Err(v.invalid("must be at least 1")),
        count => Ok(count),
    };
    let newer = body.read("max_completion_tokens", read)?;
    if newer.is_some() {
        body.lose(
            "max_tokens",
            "`max_completion_tokens` is given as well",
            losses,
        );
    }
    Ok(newer.or(body.read("max_tokens", read)?))
}

fn sampling(body: &mut Object<'_, '_>) -> Result<Sampling, Rejection> {
    Ok(Sampling {
        temperature: body.read("temperature", |v| within(v, 0.0, 2.0))?,
        top_p: body.read("top_p", |v| within(v, 0.0, 1.0))?,
        top_k: body.read("top_k", |v| v.count())?,
        frequency_penalty: body.read("frequency_penalty", |v| within(v, -2.0, 2.0))?,
        presence_penalty: body.read("presence_penalty", |v| within(v, -2.0, 2.0))?,
        logit_bias: body.read("logit_bias", object_json)?,
        seed: body.read("seed", |v| v.integer())?,
        stop: body.read("stop", stop)?.unwrap_or_default(),
        n: body.read("n", |v| whole(v, 1, 128))?,
        logprobs: body.read("logprobs", |v| v.boolean())?,
        top_logprobs: body.read("top_logprobs", |v| whole(v, 0, 20))?,
        citations: None,
    })
}

fn stop(value: Value<'_, '_>) -> Result<Vec<String>, Rejection> {
    if value.is_string() {
        return Ok(vec![value.string()?.into_owned()]);
    }
    each(value, |v| Ok(v.string()?.into_owned()))
}

/// `reasoning_effort`, and OpenRouter's `reasoning` object.
fn reasoning(
    body: &mut Object<'_, '_>,
    losses: &mut Losses,
) -> Result<Option<Reasoning>, Rejection> {
    let mut reasoning = body.read("reasoning", |v| {
        let mut object = v.object()?;
        let hidden = object.read("exclude", |v| v.boolean())?.unwrap_or(false);
        let reasoning = Reasoning {
            enabled: object.read("enabled", |v| v.boolean())?,
            effort: object.read("effort", effort)?,
            budget_tokens: object.read("max_tokens", |v| v.count())?,
            display: hidden.then(|| String::from("omitted")),
        };
        object.lose_rest(UNKNOWN, losses);
        Ok(reasoning)
    })?;
    if let Some(effort) = body.read("reasoning_effort", effort)? {
        reasoning.get_or_insert_default().effort = Some(effort);
    }
    Ok(reasoning)
}

fn output(value: Value<'_, '_>, losses: &mut Losses) -> Result<OutputFormat, Rejection> {
    let mut format = value.object()?;
    let kind = format.require("type", |v| {
        one_of(v, &["text", "json_object", "json_schema"])
    })?;
    let output = match kind.as_str() {
        "text" => OutputFormat::Text,
        "json_object" => OutputFormat::JsonObject,
        _ => format.require("json_schema", |v| {
            let mut shape = v.object()?;
            let output = OutputFormat::JsonSchema {
                name: Some(shape.require_string("name")?),
                description: shape.read_string("description")?,
                schema: shape
                    .read("schema", object_json)?
                    .unwrap_or(Json::empty_object()),
                strict: shape.read("strict", |v| v.boolean())?,
            };
            shape.lose_rest(UNKNOWN, losses);
            Ok(output)
        })?,
    };
    format.lose_rest(UNKNOWN, losses);
    Ok(output)
}

fn stream_usage(body: &mut Object<'_, '_>, losses: &mut Losses) -> Result<bool, Rejection> {
    let asked = body.read("stream_options", |v| {
        let mut options = v.object()?;
        let asked = options.read("include_usage", |v| v.boolean())?;
        if options.read("include_obfuscation", |v| v.boolean())? == Some(true) {
            let field = "stream_options.include_obfuscation";
            losses.add(field, "this gateway does not pad its frames");
        }
        options.lose_rest(UNKNOWN, losses);
        Ok(asked.unwrap_or(false))
    })?;
    Ok(asked.unwrap_or(false))
}

#[cfg(test)]
mod tests;
