//! Tools and which of them must or may be called. Only functions can be carried.

use std::collections::BTreeSet;

use weir_model::{Json, Losses, Rejection, Request, Tool, ToolChoice};

use crate::json::read::{Object, Value};
use crate::openai::read::{UNKNOWN, each, object_json, one_of};

/// What `tool_choice` says.
enum Choice {
    One(ToolChoice),
    /// One of these names only.
    Among(ToolChoice, BTreeSet<String>),
    /// A tool that was not carried.
    Lost,
}

/// Reads all that has to do with tools into `request`.
pub(super) fn read(
    body: &mut Object<'_, '_>,
    request: &mut Request,
    losses: &mut Losses,
) -> Result<(), Rejection> {
    let tools = body.read("tools", |v| each(v, |v| tool(v, losses)))?;
    let offered = tools.as_ref().is_some_and(|tools| !tools.is_empty());
    request.tools = tools.into_iter().flatten().flatten().collect();
    request.parallel_tool_calls = body.read("parallel_tool_calls", |v| v.boolean())?;
    let choice = body.read("tool_choice", |v| {
        let choice = choice(v, losses)?;
        check(v, &choice, offered, &request.tools)?;
        Ok(choice)
    })?;
    match choice {
        Some(Choice::One(choice)) => request.tool_choice = Some(choice),
        Some(Choice::Among(choice, names)) => {
            request.tools.retain(|tool| names.contains(&tool.name));
            request.tool_choice = Some(choice);
        }
        Some(Choice::Lost) | None => {}
    }
    if request.tools.is_empty() {
        request.tool_choice = None;
    }
    Ok(())
}

/// Refuses a choice that the tools given cannot satisfy.
fn check(
    value: Value<'_, '_>,
    choice: &Choice,
    offered: bool,
    tools: &[Tool],
) -> Result<(), Rejection> {
    match choice {
        Choice::One(ToolChoice::Required) | Choice::Among(..) if !offered => {
            Err(value.invalid("is only allowed when `tools` are given"))
        }
        Choice::One(ToolChoice::Tool(name)) if tools.iter().all(|tool| tool.name != *name) => {
            Err(value.invalid(format_args!("the tool `{name}` is not among `tools`")))
        }
        _ => Ok(()),
    }
}

/// A tool; `None` when it is of a kind that only OpenAI has.
fn tool(value: Value<'_, '_>, losses: &mut Losses) -> Result<Option<Tool>, Rejection> {
    let mut tool = value.object()?;
    let kind = tool.require_string("type")?;
    if kind != "function" {
        let reason = match kind.as_str() {
            "custom" => "only OpenAI's models write to tools in free text".to_owned(),
            kind => format!("only OpenAI has the tool `{kind}`"),
        };
        losses.add(value.path.to_string(), reason);
        return Ok(None);
    }
    let function = Tool {
        name: tool.require_string("name")?,
        description: tool.read_string("description")?,
        parameters: tool
            .read("parameters", object_json)?
            .or_else(|| Json::parse(r#"{"type":"object","properties":{}}"#))
            .unwrap_or(Json::empty_object()),
        strict: tool.read("strict", |v| v.boolean())?,
        cache: None,
    };
    for field in ["allowed_callers", "defer_loading", "output_schema"] {
        tool.lose(field, "only OpenAI has tools that call tools", losses);
    }
    tool.lose_rest(UNKNOWN, losses);
    Ok(Some(function))
}

fn choice(value: Value<'_, '_>, losses: &mut Losses) -> Result<Choice, Rejection> {
    if value.is_string() {
        return Ok(Choice::One(
            match one_of(value, &["auto", "none", "required"])?.as_str() {
                "auto" => ToolChoice::Auto,
                "none" => ToolChoice::None,
                _ => ToolChoice::Required,
            },
        ));
    }
    if !value.is_object() {
        return Err(value.wrong("a string or an object"));
    }
    let mut choice = value.object()?;
    let chosen = match choice.require_string("type")?.as_str() {
        "function" => Choice::One(ToolChoice::Tool(choice.require_string("name")?)),
        "allowed_tools" => allowed(&mut choice, losses)?,
        kind => {
            let reason = format!("the tool `{kind}` cannot be carried");
            losses.add(value.path.to_string(), reason);
            return Ok(Choice::Lost);
        }
    };
    choice.lose_rest(UNKNOWN, losses);
    Ok(chosen)
}

/// The others are left out of the request, which constrains the model just so.
fn allowed(allowed: &mut Object<'_, '_>, losses: &mut Losses) -> Result<Choice, Rejection> {
    let mode = allowed.require("mode", |v| one_of(v, &["auto", "required"]))?;
    let names = allowed.require("tools", |v| {
        each(v, |v| {
            let mut tool = v.object()?;
            if tool.require_string("type")? == "function" {
                return tool.require_string("name").map(Some);
            }
            losses.add(v.path.to_string(), "only function tools can be carried");
            Ok(None)
        })
    })?;
    let choice = match mode.as_str() {
        "auto" => ToolChoice::Auto,
        _ => ToolChoice::Required,
    };
    Ok(Choice::Among(choice, names.into_iter().flatten().collect()))
}
