//! Tools and which of them must or may be called, legacy functions included.

use std::collections::BTreeSet;

use weir_model::{Json, Losses, Rejection, Request, Tool, ToolChoice};

use crate::json::read::{Object, Value};
use crate::openai::read::{UNKNOWN, cache_mark, each, object_json, one_of};

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
    let functions = body.read("functions", |v| {
        losses.add("functions", "calls come back as `tool_calls`");
        each(v, |v| definition(v, losses))
    })?;
    let offered = offered || functions.is_some();
    request.tools.extend(functions.unwrap_or_default());
    request.parallel_tool_calls = body.read("parallel_tool_calls", |v| v.boolean())?;
    let legacy = body.read("function_call", |v| legacy_choice(v, losses))?;
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
        Some(Choice::Lost) => {}
        None => request.tool_choice = legacy,
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
    if tool.require_string("type")? != "function" {
        losses.add(value.path.to_string(), "only function tools can be carried");
        return Ok(None);
    }
    let mark = cache_mark(&mut tool, losses)?;
    let mut function = tool.require("function", |v| definition(v, losses))?;
    function.cache = function.cache.or(mark);
    tool.lose_rest(UNKNOWN, losses);
    Ok(Some(function))
}

fn definition(value: Value<'_, '_>, losses: &mut Losses) -> Result<Tool, Rejection> {
    let mut function = value.object()?;
    let tool = Tool {
        name: function.require_string("name")?,
        description: function.read_string("description")?,
        parameters: function
            .read("parameters", object_json)?
            .or_else(|| Json::parse(r#"{"type":"object","properties":{}}"#))
            .unwrap_or(Json::empty_object()),
        strict: function.read("strict", |v| v.boolean())?,
        cache: cache_mark(&mut function, losses)?,
    };
    function.lose_rest(UNKNOWN, losses);
    Ok(tool)
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
    let kind = choice.require("type", |v| {
        one_of(v, &["function", "allowed_tools", "custom"])
    })?;
    let chosen = match kind.as_str() {
        "function" => Choice::One(ToolChoice::Tool(
            choice.require("function", |v| named(v, losses))?,
        )),
        "allowed_tools" => choice.require("allowed_tools", |v| allowed(v, losses))?,
        _ => {
            choice.take("custom");
            losses.add(value.path.to_string(), "custom tools cannot be carried");
            Choice::Lost
        }
    };
    choice.lose_rest(UNKNOWN, losses);
    Ok(chosen)
}

/// The others are left out of the request, which constrains the model just so.
fn allowed(value: Value<'_, '_>, losses: &mut Losses) -> Result<Choice, Rejection> {
    let mut allowed = value.object()?;
    let choice = match allowed
        .require("mode", |v| one_of(v, &["auto", "required"]))?
        .as_str()
    {
        "auto" => ToolChoice::Auto,
        _ => ToolChoice::Required,
    };
    let names = allowed.require("tools", |v| {
        each(v, |v| {
            let mut tool = v.object()?;
            if tool.require_string("type")? == "function" {
                return tool.require("function", |v| named(v, losses)).map(Some);
            }
            losses.add(v.path.to_string(), "only function tools can be carried");
            Ok(None)
        })
    })?;
    allowed.lose_rest(UNKNOWN, losses);
    Ok(Choice::Among(choice, names.into_iter().flatten().collect()))
}

/// Legacy `function_call`.
fn legacy_choice(value: Value<'_, '_>, losses: &mut Losses) -> Result<ToolChoice, Rejection> {
    if !value.is_string() {
        return named(value, losses).map(ToolChoice::Tool);
    }
    Ok(match one_of(value, &["auto", "none"])?.as_str() {
        "auto" => ToolChoice::Auto,
        _ => ToolChoice::None,
    })
}

fn named(value: Value<'_, '_>, losses: &mut Losses) -> Result<String, Rejection> {
    let mut object = value.object()?;
    let name = object.require_string("name")?;
    object.lose_rest(UNKNOWN, losses);
    Ok(name)
}
