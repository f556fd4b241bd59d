//! Tools and which of them must or may be called, legacy functions included.

use weir_model::{Losses, Rejection, Request, Tool, ToolChoice};

use crate::json::read::{Object, Value};
use crate::openai::choice::{Choice, no_parameters};
use crate::openai::read::{UNKNOWN, cache_mark, each, object_json, one_of};

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
        choice(v, losses)?.checked(v, offered, &request.tools)
    })?;
    let choice = choice.or(legacy.map(Choice::One));
    choice.unwrap_or(Choice::Lost).apply(request);
    Ok(())
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
            .unwrap_or_else(no_parameters),
        strict: function.read("strict", |v| v.boolean())?,
        cache: cache_mark(&mut function, losses)?,
    };
    function.lose_rest(UNKNOWN, losses);
    Ok(tool)
}

fn choice(value: Value<'_, '_>, losses: &mut Losses) -> Result<Choice, Rejection> {
    if let Some(choice) = Choice::word(value)? {
        return Ok(choice);
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

fn allowed(value: Value<'_, '_>, losses: &mut Losses) -> Result<Choice, Rejection> {
    let mut allowed = value.object()?;
    let mut unread = Losses::default();
    let choice = Choice::among(&mut allowed, losses, |kind, tool| match kind {
        "function" => tool
            .require("function", |v| named(v, &mut unread))
            .map(Some),
        _ => Ok(None),
    })?;
    losses.extend(unread);
    allowed.lose_rest(UNKNOWN, losses);
    Ok(choice)
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
