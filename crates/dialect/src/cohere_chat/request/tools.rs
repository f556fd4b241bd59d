//! Tools and which of them must be called, both ways.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value as Parsed;
use weir_model::{Json, Losses, Rejection, Request, Tool, ToolChoice};

use super::super::name;
use super::UNKNOWN;
use crate::json::read::{Object, Value};
use crate::openai::body::{Body, CACHE_CONTROL};
use crate::openai::parameters::parameters;
use crate::openai::read::{each, object_json, one_of};

/// Reads all that has to do with tools into `request`.
pub(super) fn read(
    body: &mut Object<'_, '_>,
    request: &mut Request,
    losses: &mut Losses,
) -> Result<(), Rejection> {
    let strict = body.read("strict_tools", |v| v.boolean())?;
    let tool = |v: Value<'_, '_>| {
        let mut tool = v.object()?;
        tool.require("type", |v| one_of(v, &["function"]))?;
        let definition = tool.require("function", |v| {
            let mut function = v.object()?;
            let tool = Tool {
                name: function.require_string("name")?,
                description: function.read_string("description")?,
                parameters: function.require("parameters", object_json)?,
                strict,
                cache: None,
            };
            function.lose_rest(UNKNOWN, losses);
            Ok(tool)
        })?;
        tool.lose_rest(UNKNOWN, losses);
        Ok(definition)
    };
    request.tools = body.read("tools", |v| each(v, tool))?.unwrap_or_default();
    let offered = !request.tools.is_empty();
    request.tool_choice = body.read("tool_choice", |v| {
        Ok(match one_of(v, &["REQUIRED", "NONE"])?.as_str() {
            "REQUIRED" if !offered => {
                return Err(v.invalid("is only allowed when `tools` are given"));
            }
            "REQUIRED" => ToolChoice::Required,
            _ => ToolChoice::None,
        })
    })?;
    Ok(())
}

#[derive(Serialize)]
struct SentTool<'a> {
    r#type: &'static str,
    function: SentFunction<'a>,
}

#[derive(Serialize)]
struct SentFunction<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Cow<'a, Json>,
}

/// Writes all that has to do with tools. Cohere cannot be told which one to call: it is given only
/// that one.
pub(super) fn write(request: &Request, body: &mut Body<'_>) {
    let one = match &request.tool_choice {
        Some(ToolChoice::Tool(name)) => Some(name),
        _ => None,
    };
    let tools = request.tools.iter();
    let offered: Vec<_> = tools
        .filter(|tool| one.is_none_or(|one| tool.name == *one))
        .collect();
    let must = matches!(
        request.tool_choice,
        Some(ToolChoice::Required) | Some(ToolChoice::Tool(_))
    );
    if offered.is_empty() {
        if must {
            body.losses.add("tool_choice", "there are no tools");
        }
        return;
    }
    if offered.iter().any(|tool| tool.cache.is_some()) {
        body.losses.add(CACHE_CONTROL.0, super::encode::NO_MARKS);
    }
    let sent: Vec<_> = offered.iter().map(|tool| SentTool::new(tool)).collect();
    body.field("tools", &sent);
    if offered.iter().any(|tool| tool.strict == Some(true)) {
        strict(&offered, body);
    }
    match &request.tool_choice {
        _ if must => body.field("tool_choice", "REQUIRED"),
        Some(ToolChoice::None) => body.field("tool_choice", "NONE"),
        _ => {}
    }
    if request.parallel_tool_calls == Some(false) {
        let reason = "Cohere may call several tools at a time";
        body.losses.add("parallel_tool_calls", reason);
    }
}

/// Cohere is strict with all tools or with none, and only with those that require something.
fn strict(tools: &[&Tool], body: &mut Body<'_>) {
    let strict = |tool: &&Tool| tool.strict == Some(true) && requires(&tool.parameters);
    if tools.iter().all(strict) {
        return body.field("strict_tools", &true);
    }
    let reason = "Cohere is strict with all tools or none, and wants each to require something";
    body.losses.add("tools[].strict", reason);
}

/// Whether a schema requires at least one of its properties.
fn requires(schema: &Json) -> bool {
    let schema = serde_json::from_str::<Parsed>(schema.get()).unwrap_or_default();
    schema["required"]
        .as_array()
        .is_some_and(|names| !names.is_empty())
}

impl<'a> SentTool<'a> {
    fn new(tool: &'a Tool) -> SentTool<'a> {
        SentTool {
            r#type: "function",
            function: SentFunction {
                name: name::escape(&tool.name),
                description: tool.description.as_deref(),
                parameters: parameters(&tool.parameters),
            },
        }
    }
}
