//! A client's request to the model. What Anthropic would refuse up front is refused here, with
//! what to do about it; limits that depend on a model are left to the upstream.

use bytes::Bytes;
use weir_model::{
    Effort, Losses, Message, Operation, OutputFormat, Reasoning, Rejection, Request, Role,
    Sampling, Tool, ToolChoice,
};

use super::super::native::{missing, no_model};
use super::blocks::{ANTHROPIC_ONLY, Piece, UNKNOWN, blocks, lose_unless, mark, piece};
use crate::Decoded;
use crate::json::read::{Object, Path, Value};
use crate::json::walk::Walk;

/// Top-level fields that no other vendor has, and the values without effect.
const OWN_FIELDS: [(&str, &[&str]); 8] = [
    ("container", &[]),
    ("context_management", &["{}", r#"{"edits":[]}"#]),
    ("diagnostics", &["{}"]),
    ("fallback_credit_token", &[]),
    ("fallbacks", &["[]"]),
    ("inference_geo", &[]),
    ("mcp_servers", &["[]"]),
    ("speed", &["\"standard\""]),
];

/// Decodes a chat or token-count request.
///
/// # Errors
/// An invalid-request rejection that names the field.
pub(in super::super) fn decode(
    operation: Operation,
    body: &Bytes,
) -> Result<Decoded<Request>, Rejection> {
    let mut object = Object::of_body(body)?;
    let mut losses = Losses::default();
    let model = object
        .read_string("model")?
        .filter(|model| !model.is_empty())
        .ok_or_else(no_model)?;
    let max_output_tokens = object.read("max_tokens", |v| v.count())?;
    if max_output_tokens.is_none() && operation == Operation::Chat {
        let advice = "Say how many tokens the answer may have.";
        return Err(missing("max_tokens", advice));
    }
    let mut messages = Vec::new();
    if let Some(blocks) = object.read("system", |v| blocks(v, &mut losses))? {
        messages.push(message(Role::System, blocks));
    }
    let cites = object
        .read("messages", |v| {
            turns(v, &mut messages, &mut losses)?;
            Ok(cites(v.text()))
        })?
        .ok_or_else(|| missing("messages", "Send at least one message."))?;
    let mut request = Request {
        model,
        messages,
        max_output_tokens,
        sampling: sampling(&mut object)?,
        stream: object.read("stream", |v| v.boolean())?.unwrap_or(false),
        stream_usage: true,
        cache: mark(&mut object, &mut losses)?,
        service_tier: object.read_string("service_tier")?,
        ..Request::default()
    };
    request.sampling.citations = cites.then_some(true);
    request.user = object
        .read("metadata", |v| user_id(v, &mut losses))?
        .flatten();
    read_tools(&mut object, &mut request, &mut losses)?;
    read_output(&mut object, &mut request, &mut losses)?;
    for (key, without_effect) in OWN_FIELDS {
        lose_unless(&mut object, key, without_effect, &mut losses);
    }
    object.lose_rest(UNKNOWN, &mut losses);
    Ok(Decoded {
        value: request,
        losses,
    })
}

/// Whether a document is to be cited.
fn cites(messages: &str) -> bool {
    let mut found = false;
    let mut block = |walk: &mut Walk<'_>| {
        walk.object(|walk, key| match key {
            b"citations" => walk.object(|walk, key| {
                found |= walk.raw()? == b"true" && key == b"enabled";
                Some(())
            }),
            _ => walk.skip().map(drop),
        })
    };
    Walk::through(messages.as_bytes(), |walk| {
        walk.array(|walk| {
            walk.object(|walk, key| match key {
                b"content" => walk.array(&mut block),
                _ => walk.skip().map(drop),
            })
        })
    });
    found
}

fn message(role: Role, blocks: Vec<weir_model::Block>) -> Message {
    Message {
        role,
        blocks,
        name: None,
    }
}

fn turns(
    value: Value<'_, '_>,
    messages: &mut Vec<Message>,
    losses: &mut Losses,
) -> Result<(), Rejection> {
    let turns = value.array()?;
    if turns.is_empty() {
        return Err(value.invalid("at least one message is required"));
    }
    for (at, raw) in turns.into_iter().enumerate() {
        turn(
            Value::new(raw, Path::Index(&value.path, at)),
            messages,
            losses,
        )?;
    }
    Ok(())
}

fn turn(
    value: Value<'_, '_>,
    messages: &mut Vec<Message>,
    losses: &mut Losses,
) -> Result<(), Rejection> {
    let mut object = value.object()?;
    let role = object.require("role", |v| match &*v.string()? {
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "system" => Ok(Role::System),
        _ => Err(v.invalid("expected \"user\", \"assistant\" or \"system\"")),
    })?;
    object.require("content", |content| {
        let mut said = Vec::new();
        if content.is_string() {
            said = blocks(content, losses)?;
        } else {
            for (at, raw) in content.array()?.into_iter().enumerate() {
                match piece(Value::new(raw, Path::Index(&content.path, at)), losses)? {
                    Piece::Block(block) => said.push(block),
                    Piece::System(system) => {
                        if !said.is_empty() {
                            messages.push(message(role, std::mem::take(&mut said)));
                        }
                        messages.push(message(Role::System, system));
                    }
                }
            }
        }
        if !said.is_empty() {
            messages.push(message(role, said));
        }
        Ok(())
    })?;
    object.lose("clear_at", ANTHROPIC_ONLY, losses);
    object.lose_rest(UNKNOWN, losses);
    Ok(())
}

fn sampling(object: &mut Object<'_, '_>) -> Result<Sampling, Rejection> {
    let stop = object.read("stop_sequences", |v| {
        let path = v.path;
        let texts = v.array()?.into_iter().enumerate();
        texts
            .map(|(at, raw)| Value::new(raw, Path::Index(&path, at)).string())
            .map(|text| text.map(|t| t.into_owned()))
            .collect()
    })?;
    Ok(Sampling {
        temperature: object.read("temperature", |v| v.number())?,
        top_p: object.read("top_p", |v| v.number())?,
        top_k: object.read("top_k", |v| v.count())?,
        stop: stop.unwrap_or_default(),
        ..Sampling::default()
    })
}

fn user_id(value: Value<'_, '_>, losses: &mut Losses) -> Result<Option<String>, Rejection> {
    let mut object = value.object()?;
    let user = object.read_string("user_id")?;
    object.lose_rest(UNKNOWN, losses);
    Ok(user)
}

fn read_tools(
    object: &mut Object<'_, '_>,
    request: &mut Request,
    losses: &mut Losses,
) -> Result<(), Rejection> {
    let tools = object.read("tools", |v| {
        let path = v.path;
        let mut tools = Vec::new();
        for (at, raw) in v.array()?.into_iter().enumerate() {
            tools.extend(tool(Value::new(raw, Path::Index(&path, at)), losses)?);
        }
        Ok(tools)
    })?;
    request.tools = tools.unwrap_or_default();
    let choice = object.read("tool_choice", |v| tool_choice(v, losses))?;
    let Some((choice, parallel)) = choice else {
        return Ok(());
    };
    request.parallel_tool_calls = parallel;
    // A choice that only a lost tool could satisfy is lost with it.
    let satisfiable = match &choice {
        ToolChoice::Tool(name) => request.tools.iter().any(|tool| tool.name == *name),
        ToolChoice::Required => !request.tools.is_empty(),
        ToolChoice::Auto | ToolChoice::None => true,
    };
    if satisfiable {
        request.tool_choice = Some(choice);
    } else {
        losses.add("tool_choice", "it wants a tool that is not carried");
    }
    Ok(())
}

/// A tool of the client's own; `None` for one that Anthropic runs or defines.
fn tool(value: Value<'_, '_>, losses: &mut Losses) -> Result<Option<Tool>, Rejection> {
    let mut object = value.object()?;
    let kind = object.read_string("type")?;
    if kind.is_some_and(|kind| kind != "custom") {
        losses.add(
            value.path.to_string(),
            "a tool that Anthropic runs or defines",
        );
        return Ok(None);
    }
    lose_unless(&mut object, "allowed_callers", &[r#"["direct"]"#], losses);
    lose_unless(&mut object, "defer_loading", &["false"], losses);
    lose_unless(&mut object, "eager_input_streaming", &["false"], losses);
    lose_unless(&mut object, "input_examples", &["[]"], losses);
    let tool = Tool {
        name: object.require_string("name")?,
        description: object.read_string("description")?,
        parameters: object.require("input_schema", |v| {
            v.is_object()
                .then(|| v.json())
                .ok_or_else(|| v.wrong("an object"))
        })?,
        strict: object.read("strict", |v| v.boolean())?,
        cache: mark(&mut object, losses)?,
    };
    object.lose_rest(UNKNOWN, losses);
    Ok(Some(tool))
}

fn tool_choice(
    value: Value<'_, '_>,
    losses: &mut Losses,
) -> Result<(ToolChoice, Option<bool>), Rejection> {
    let mut object = value.object()?;
    let choice = match object.require_string("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Tool(object.require_string("name")?),
        _ => return Err(value.invalid("expected type \"auto\", \"any\", \"tool\" or \"none\"")),
    };
    let serial = object.read("disable_parallel_tool_use", |v| v.boolean())?;
    object.lose_rest(UNKNOWN, losses);
    Ok((choice, serial.map(|serial| !serial)))
}

/// Thinking and the shape of the answer.
fn read_output(
    object: &mut Object<'_, '_>,
    request: &mut Request,
    losses: &mut Losses,
) -> Result<(), Rejection> {
    request.reasoning = object.read("thinking", |v| thinking(v, losses))?;
    // Older clients say `output_format`; the newer field wins where both stand.
    request.output = object.read("output_format", |v| format(v, losses))?;
    object.read("output_config", |value| {
        let mut object = value.object()?;
        let effort = object.read("effort", |v| Ok(effort(&v.string()?)))?;
        match effort {
            Some(Some(effort)) => {
                request.reasoning.get_or_insert_default().effort = Some(effort);
            }
            Some(None) => losses.add("output_config.effort", "unknown effort"),
            None => {}
        }
        if let Some(format) = object.read("format", |v| format(v, losses))? {
            request.output = Some(format);
        }
        object.lose("task_budget", ANTHROPIC_ONLY, losses);
        object.lose_rest(UNKNOWN, losses);
        Ok(())
    })?;
    Ok(())
}

fn thinking(value: Value<'_, '_>, losses: &mut Losses) -> Result<Reasoning, Rejection> {
    let mut object = value.object()?;
    let mut reasoning = Reasoning::default();
    match object.require_string("type")?.as_str() {
        "enabled" => {
            reasoning.enabled = Some(true);
            reasoning.budget_tokens = Some(object.require("budget_tokens", |v| v.count())?);
        }
        "adaptive" => reasoning.enabled = Some(true),
        "disabled" => reasoning.enabled = Some(false),
        _ => return Err(value.invalid("expected type \"enabled\", \"adaptive\" or \"disabled\"")),
    }
    reasoning.display = object.read_string("display")?;
    object.lose_rest(UNKNOWN, losses);
    Ok(reasoning)
}

fn effort(word: &str) -> Option<Effort> {
    Some(match word {
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::XHigh,
        "max" => Effort::Max,
        _ => return None,
    })
}

fn format(value: Value<'_, '_>, losses: &mut Losses) -> Result<OutputFormat, Rejection> {
    let mut object = value.object()?;
    object.require("type", |v| match &*v.string()? {
        "json_schema" => Ok(()),
        _ => Err(v.invalid("expected \"json_schema\"")),
    })?;
    let schema = object.require("schema", |v| Ok(v.json()))?;
    object.lose_rest(UNKNOWN, losses);
    Ok(OutputFormat::JsonSchema {
        name: None,
        description: None,
        schema,
        // The vendor holds the model to it by a grammar.
        strict: Some(true),
    })
}
