//! A client's request, decoded whole. Every field of the reference is modelled or a named loss;
//! what Cohere would refuse is refused, with the path of the field.

use bytes::Bytes;
use weir_model::{
    Block, Content, Json, Losses, Message, OutputFormat, Reasoning, Rejection, Request, Role,
    Sampling,
};

use super::UNKNOWN;
use super::documents::document;
use super::{messages, tools};
use crate::Decoded;
use crate::json::read::{Object, Value};
use crate::openai::head::no_model;
use crate::openai::read::{each, object_json, one_of, within};

const CITING: [&str; 5] = ["ENABLED", "DISABLED", "FAST", "ACCURATE", "OFF"];

/// Decodes a chat request.
///
/// # Errors
/// An invalid-request rejection that names the field.
pub(in super::super) fn decode(body: &Bytes) -> Result<Decoded<Request>, Rejection> {
    let mut body = Object::of_body(body)?;
    let mut losses = Losses::default();
    let model = body.read_string("model")?.filter(|model| !model.is_empty());
    let mut request = Request {
        model: model.ok_or_else(no_model)?,
        messages: body.require("messages", |v| messages::conversation(v, &mut losses))?,
        output: body.read("response_format", |v| output(v, &mut losses))?,
        max_output_tokens: body.read("max_tokens", |v| match v.count()? {
            0 => Err(v.invalid("must be at least 1")),
            count => Ok(count),
        })?,
        sampling: sampling(&mut body, &mut losses)?,
        reasoning: body.read("thinking", |v| thinking(v, &mut losses))?,
        stream: body.read("stream", |v| v.boolean())?.unwrap_or(false),
        stream_usage: true,
        ..Request::default()
    };
    tools::read(&mut body, &mut request, &mut losses)?;
    documents(&mut body, &mut request, &mut losses)?;
    for (field, harmless, reason) in [
        (
            "safety_mode",
            r#""CONTEXTUAL""#,
            "only Cohere has such modes",
        ),
        ("priority", "0", "only Cohere takes calls in this order"),
    ] {
        if body.take(field).is_some_and(|raw| raw.get() != harmless) {
            losses.add(field, reason);
        }
    }
    body.lose_rest(UNKNOWN, &mut losses);
    Ok(Decoded {
        value: request,
        losses,
    })
}

fn sampling(body: &mut Object<'_, '_>, losses: &mut Losses) -> Result<Sampling, Rejection> {
    let seed = body.read("seed", |v| v.count())?;
    if seed.is_some_and(|seed| i64::try_from(seed).is_err()) {
        losses.add("seed", "others take 63 bits at most");
    }
    let k = body.read("k", |v| match v.count()? {
        count @ 0..=500 => Ok(count),
        count => Err(v.invalid(format_args!("must be between 0 and 500, got {count}"))),
    })?;
    Ok(Sampling {
        temperature: body.read("temperature", |v| within(v, 0.0, 1.0))?,
        top_p: body.read("p", |v| within(v, 0.01, 0.99))?,
        // None at all is how Cohere says all.
        top_k: k.filter(|k| *k > 0),
        frequency_penalty: body.read("frequency_penalty", |v| within(v, 0.0, 1.0))?,
        presence_penalty: body.read("presence_penalty", |v| within(v, 0.0, 1.0))?,
        seed: seed.and_then(|seed| i64::try_from(seed).ok()),
        stop: body
            .read("stop_sequences", |v| {
                each(v, |v| Ok(v.string()?.into_owned()))
            })?
            .unwrap_or_default(),
        logprobs: body.read("logprobs", |v| v.boolean())?,
        ..Sampling::default()
    })
}

fn output(value: Value<'_, '_>, losses: &mut Losses) -> Result<OutputFormat, Rejection> {
    let mut format = value.object()?;
    let kind = format.require("type", |v| one_of(v, &["text", "json_object"]))?;
    // The first is the older name of the second.
    let older: Option<Json> = format.read("schema", object_json)?;
    let schema = format.read("json_schema", object_json)?.or(older);
    format.lose_rest(UNKNOWN, losses);
    Ok(match (kind.as_str(), schema) {
        ("text", None) => OutputFormat::Text,
        ("text", Some(_)) => return Err(value.invalid("a schema needs the type `json_object`")),
        (_, None) => OutputFormat::JsonObject,
        (_, Some(schema)) => OutputFormat::JsonSchema {
            name: None,
            description: None,
            schema,
            strict: None,
        },
    })
}

fn thinking(value: Value<'_, '_>, losses: &mut Losses) -> Result<Reasoning, Rejection> {
    let mut thinking = value.object()?;
    let kind = thinking.read("type", |v| one_of(v, &["enabled", "disabled"]))?;
    let reasoning = Reasoning {
        // Cohere's own examples name a budget alone.
        enabled: Some(kind.as_deref() != Some("disabled")),
        budget_tokens: thinking.read("token_budget", |v| match v.count()? {
            0 => Err(v.invalid("must be at least 1")),
            count => Ok(count),
        })?,
        ..Reasoning::default()
    };
    thinking.lose_rest(UNKNOWN, losses);
    Ok(reasoning)
}

/// The documents, which become those of the user's last turn, and whether they are to be cited.
fn documents(
    body: &mut Object<'_, '_>,
    request: &mut Request,
    losses: &mut Losses,
) -> Result<(), Rejection> {
    let documents = body.read("documents", |v| each(v, |v| document(v, losses)))?;
    let mode = body.read("citation_options", |v| {
        let mut options = v.object()?;
        let mode = options.read("mode", |v| {
            let word = v.string()?.to_ascii_uppercase();
            match CITING.contains(&word.as_str()) {
                true => Ok(word),
                false => Err(v.invalid(format_args!("is not one of {}", CITING.join(", ")))),
            }
        })?;
        options.lose_rest(UNKNOWN, losses);
        Ok(mode)
    })?;
    let mode = mode.flatten();
    if matches!(mode.as_deref(), Some("FAST" | "ACCURATE")) {
        losses.add("citation_options.mode", "only Cohere has ways to cite");
    }
    let documents = documents.unwrap_or_default();
    match mode.as_deref() {
        Some("DISABLED" | "OFF") => request.sampling.citations = Some(false),
        // Cohere cites unasked, what there is to cite.
        Some(_) => request.sampling.citations = Some(true),
        None if !documents.is_empty() => request.sampling.citations = Some(true),
        None => {}
    }
    if documents.is_empty() {
        return Ok(());
    }
    let says = |message: &Message| {
        let results = |block: &Block| matches!(block.content, Content::ToolResult(_));
        message.role == Role::User && !message.blocks.iter().any(results)
    };
    let blocks = documents.into_iter().map(Block::from);
    match request.messages.iter_mut().rfind(|message| says(message)) {
        Some(message) => {
            message.blocks.splice(..0, blocks);
        }
        None => request.messages.push(Message {
            role: Role::User,
            blocks: blocks.collect(),
            name: None,
        }),
    }
    Ok(())
}
