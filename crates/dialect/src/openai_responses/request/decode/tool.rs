//! Tools and which of them must or may be called. Only functions can be carried.

use weir_model::{Losses, Rejection, Request, Tool, ToolChoice};

use crate::json::read::{Object, Value};
use crate::openai::choice::{Choice, no_parameters};
use crate::openai::read::{UNKNOWN, each, object_json};

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
        choice(v, losses)?.checked(v, offered, &request.tools)
    })?;
    choice.unwrap_or(Choice::Lost).apply(request);
    Ok(())
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
            .unwrap_or_else(no_parameters),
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
    if let Some(choice) = Choice::word(value)? {
        return Ok(choice);
    }
    let mut choice = value.object()?;
    let chosen = match choice.require_string("type")?.as_str() {
        "function" => Choice::One(ToolChoice::Tool(choice.require_string("name")?)),
        "allowed_tools" => {
            Choice::among(&mut choice, losses, |tool, _| tool.require_string("name"))?
        }
        kind => {
            let reason = format!("the tool `{kind}` cannot be carried");
            losses.add(value.path.to_string(), reason);
            return Ok(Choice::Lost);
        }
    };
    choice.lose_rest(UNKNOWN, losses);
    Ok(chosen)
}
