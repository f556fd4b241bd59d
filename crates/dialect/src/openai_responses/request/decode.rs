//! A client's request, decoded whole. Every field of the reference is modelled, refused or a named
//! loss; what OpenAI would refuse is refused, with the path of the field.
//! <https://platform.openai.com/docs/api-reference/responses/create>

mod item;
mod part;
mod tool;

use bytes::Bytes;
use weir_model::{
    Json, Losses, Message, OutputFormat, Reasoning, Rejection, Request, Role, Sampling,
};

use super::super::echo;
use crate::Decoded;
use crate::json::read::{Object, Path, Value};
use crate::openai::head::no_model;
use crate::openai::read::{UNKNOWN, each, effort, object_json, one_of, parse, user, whole, within};

/// What OpenAI has stored and nobody else can know, and what to do instead.
const STORED: [(&str, &str); 3] = [
    (
        "previous_response_id",
        "this model's provider keeps no earlier responses; send the whole conversation in `input`",
    ),
    (
        "conversation",
        "this model's provider keeps no conversations; send the whole conversation in `input`",
    ),
    (
        "prompt",
        "this model's provider keeps no prompts; send their text in `instructions` or `input`",
    ),
];

/// Fields of the reference that no other vendor has a word for, and the values without effect.
const OPENAI_ONLY: [(&str, &str, &str); 7] = [
    ("context_management", "[]", "only OpenAI compacts by itself"),
    ("max_tool_calls", "", "only OpenAI runs tools itself"),
    ("moderation", "", "only OpenAI moderates in the same call"),
    ("prompt_cache_key", "", "only OpenAI routes by a cache key"),
    (
        "prompt_cache_options",
        "{}",
        "only OpenAI places cache breakpoints itself",
    ),
    (
        "prompt_cache_retention",
        "",
        "only OpenAI has cache retention classes",
    ),
    (
        "truncation",
        r#""disabled""#,
        "only OpenAI shortens a long conversation",
    ),
];

pub(in super::super) fn decode(body: &Bytes) -> Result<Decoded<Request>, Rejection> {
    let mut body = Object::of_body(body)?;
    let echo = echo::of(body.clone());
    let mut losses = Losses::default();
    let model = body.read_string("model")?.filter(|model| !model.is_empty());
    let model = model.ok_or_else(no_model)?;
    refuse_stored(&mut body)?;
    let (output, verbosity) = text(&mut body, &mut losses)?;
    let mut request = Request {
        model,
        messages: messages(&mut body, &mut losses)?,
        output,
        verbosity,
        max_output_tokens: body.read("max_output_tokens", |v| match v.count()? {
            0 => Err(v.invalid("must be at least 1")),
            count => Ok(count),
        })?,
        sampling: Sampling {
            temperature: body.read("temperature", |v| within(v, 0.0, 2.0))?,
            top_p: body.read("top_p", |v| within(v, 0.0, 1.0))?,
            top_logprobs: body.read("top_logprobs", |v| whole(v, 0, 20))?,
            logprobs: include(&mut body, &mut losses)?,
            ..Sampling::default()
        },
        reasoning: body.read("reasoning", |v| reasoning(v, &mut losses))?,
        stream: body.read("stream", |v| v.boolean())?.unwrap_or(false),
        stream_usage: true,
        user: user(&mut body, &mut losses)?,
        metadata: body
            .read("metadata", |v| parse(v, "an object of strings"))?
            .unwrap_or_default(),
        service_tier: body.read_string("service_tier")?,
        echo,
        ..Request::default()
    };
    tool::read(&mut body, &mut request, &mut losses)?;
    lose_the_rest(body, &mut losses)?;
    Ok(Decoded {
        value: request,
        losses,
    })
}

/// Refuses what cannot be answered rightly without what OpenAI has stored.
fn refuse_stored(body: &mut Object<'_, '_>) -> Result<(), Rejection> {
    for (field, advice) in STORED {
        body.read(field, |v| Err::<(), _>(v.invalid(advice)))?;
    }
    body.read("background", |v| match v.boolean()? {
        false => Ok(()),
        true => Err(v.invalid("this model's provider answers at once or not at all; leave it out")),
    })?;
    Ok(())
}

fn messages(body: &mut Object<'_, '_>, losses: &mut Losses) -> Result<Vec<Message>, Rejection> {
    let instructions = body.read("instructions", |v| part::content(v, losses))?;
    let mut messages = item::conversation(body, losses)?;
    if let Some(blocks) = instructions.filter(|blocks| !blocks.is_empty()) {
        let message = Message {
            role: Role::System,
            blocks,
            name: None,
        };
        messages.insert(0, message);
    }
    if messages.is_empty() {
        // It was taken and found wanting, so this names it.
        body.require("input", |_| Ok(()))?;
    }
    Ok(messages)
}

fn lose_the_rest(mut body: Object<'_, '_>, losses: &mut Losses) -> Result<(), Rejection> {
    // Says where the answer is kept, which is not the model's business; and what Codex tells of itself.
    body.read("store", |v| v.boolean())?;
    body.take("client_metadata");
    for (field, without_effect, reason) in OPENAI_ONLY {
        if let Some(raw) = body.take(field)
            && raw.get() != without_effect
        {
            losses.add(field, reason);
        }
    }
    body.read("stream_options", |v| {
        let mut options = v.object()?;
        if options.read("include_obfuscation", |v| v.boolean())? == Some(true) {
            let field = "stream_options.include_obfuscation";
            losses.add(field, "this gateway does not pad its frames");
        }
        options.lose_rest(UNKNOWN, losses);
        Ok(())
    })?;
    body.lose_rest(UNKNOWN, losses);
    Ok(())
}

/// `text`: the shape of the answer, and how wordy it should be.
fn text(
    body: &mut Object<'_, '_>,
    losses: &mut Losses,
) -> Result<(Option<OutputFormat>, Option<String>), Rejection> {
    let read = body.read("text", |v| {
        let mut text = v.object()?;
        let output = text.read("format", |v| output(v, losses))?;
        let verbosity = text.read("verbosity", |v| one_of(v, &["low", "medium", "high"]))?;
        text.lose_rest(UNKNOWN, losses);
        Ok((output, verbosity))
    })?;
    Ok(read.unwrap_or_default())
}

fn output(value: Value<'_, '_>, losses: &mut Losses) -> Result<OutputFormat, Rejection> {
    let mut format = value.object()?;
    let kind = format.require("type", |v| {
        one_of(v, &["text", "json_object", "json_schema"])
    })?;
    let output = match kind.as_str() {
        "text" => OutputFormat::Text,
        "json_object" => OutputFormat::JsonObject,
        _ => OutputFormat::JsonSchema {
            name: Some(format.require_string("name")?),
            description: format.read_string("description")?,
            schema: format
                .read("schema", object_json)?
                .unwrap_or(Json::empty_object()),
            strict: format.read("strict", |v| v.boolean())?,
        },
    };
    format.lose_rest(UNKNOWN, losses);
    Ok(output)
}

fn reasoning(value: Value<'_, '_>, losses: &mut Losses) -> Result<Reasoning, Rejection> {
    let mut object = value.object()?;
    let effort = object.read("effort", effort)?;
    let mut display = None;
    for field in ["summary", "generate_summary"] {
        if let Some(wanted) = object.read(field, |v| one_of(v, &["auto", "concise", "detailed"]))? {
            if wanted != "auto" {
                let place = Path::Field(&object.path, field).to_string();
                losses.add(place, "only OpenAI has summaries of several lengths");
            }
            display = Some(String::from("summarized"));
        }
    }
    for (field, usual) in [("context", r#""auto""#), ("mode", r#""standard""#)] {
        if let Some(raw) = object.take(field)
            && raw.get() != usual
        {
            let place = Path::Field(&object.path, field).to_string();
            losses.add(place, "only OpenAI's models have such a mode");
        }
    }
    object.lose_rest(UNKNOWN, losses);
    Ok(Reasoning {
        effort,
        display,
        ..Reasoning::default()
    })
}

/// `include`: whether log probabilities are asked for. Encrypted reasoning is sent in any case.
fn include(body: &mut Object<'_, '_>, losses: &mut Losses) -> Result<Option<bool>, Rejection> {
    let mut logprobs = None;
    body.read("include", |v| {
        each(v, |v| {
            match &*v.string()? {
                "message.output_text.logprobs" => logprobs = Some(true),
                "reasoning.encrypted_content" => {}
                _ => losses.add(v.path.to_string(), "only OpenAI has it"),
            }
            Ok(())
        })
    })?;
    Ok(logprobs)
}
