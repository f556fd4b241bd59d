//! Tools and which of them must or may be called: functions, and what can be carried as one.

use weir_model::{Json, Losses, Rejection, Request, Tool, ToolChoice};

use super::super::super::carried::{Hosted, flat};
use crate::json::read::{Object, Path, Value};
use crate::openai::choice::{Choice, no_parameters};
use crate::openai::read::{UNKNOWN, each, object_json};

/// Reads all that has to do with tools into `request`.
pub(super) fn read(
    body: &mut Object<'_, '_>,
    request: &mut Request,
    losses: &mut Losses,
) -> Result<(), Rejection> {
    let mut tools = Vec::new();
    let given = body.read("tools", |v| each(v, |v| tool(v, None, &mut tools, losses)))?;
    let offered = given.is_some_and(|given| !given.is_empty());
    request.tools = tools;
    request.parallel_tool_calls = body.read("parallel_tool_calls", |v| v.boolean())?;
    let choice = body.read("tool_choice", |v| {
        choice(v, losses)?.checked(v, offered, &request.tools)
    })?;
    choice.unwrap_or(Choice::Lost).apply(request);
    Ok(())
}

/// Adds a tool, or those of a namespace; a kind that only OpenAI can run is lost.
fn tool(
    value: Value<'_, '_>,
    namespace: Option<&str>,
    tools: &mut Vec<Tool>,
    losses: &mut Losses,
) -> Result<(), Rejection> {
    let mut tool = value.object()?;
    let kind = tool.require_string("type")?;
    match kind.as_str() {
        "function" => tools.push(function(&mut tool, namespace)?),
        "custom" => tools.push(custom(&mut tool, namespace, losses)?),
        "namespace" if namespace.is_none() => {
            let name = tool.require_string("name")?;
            let reason =
                "other vendors have no namespaces; the name of each tool begins with this one";
            tool.lose("description", reason, losses);
            tool.require("tools", |v| {
                each(v, |v| self::tool(v, Some(&name), tools, losses))
            })?;
        }
        kind => match Hosted::tool(kind).filter(|_| runs_at_client(&mut tool)) {
            Some(hosted) => tools.push(Tool {
                name: hosted.tool.to_owned(),
                description: Some(hosted.description.to_owned()),
                parameters: Json::parse(hosted.schema).unwrap_or_else(no_parameters),
                strict: None,
                cache: None,
            }),
            None => {
                losses.add(
                    value.path.to_string(),
                    format!("only OpenAI has the tool `{kind}`"),
                );
                return Ok(());
            }
        },
    }
    for field in ["allowed_callers", "output_schema"] {
        tool.lose(field, "only OpenAI has tools that call tools", losses);
    }
    tool.lose("defer_loading", "only OpenAI searches for tools", losses);
    tool.lose(
        "async",
        "only OpenAI waits for tools across answers",
        losses,
    );
    tool.lose_rest(UNKNOWN, losses);
    Ok(())
}

fn function(tool: &mut Object<'_, '_>, namespace: Option<&str>) -> Result<Tool, Rejection> {
    Ok(Tool {
        name: flat(namespace, &tool.require_string("name")?).into_owned(),
        description: tool.read_string("description")?,
        parameters: tool
            .read("parameters", object_json)?
            .unwrap_or_else(no_parameters),
        strict: tool.read("strict", |v| v.boolean())?,
        cache: None,
    })
}

/// A tool that is called with a free text, as a function with one argument.
fn custom(
    tool: &mut Object<'_, '_>,
    namespace: Option<&str>,
    losses: &mut Losses,
) -> Result<Tool, Rejection> {
    let mut about = String::from("The input of the tool: plain text.");
    let format = Path::Field(&tool.path, "format").to_string();
    let grammar = tool.read("format", |v| {
        let mut format = v.object()?;
        if format.require_string("type")? == "text" {
            return Ok(None);
        }
        let syntax = format.read_string("syntax")?.unwrap_or_default();
        Ok(Some((syntax, format.require_string("definition")?)))
    })?;
    if let Some((syntax, definition)) = grammar.flatten() {
        about = format!("The input of the tool: text of this grammar ({syntax}):\n{definition}");
        let reason = "other vendors enforce no grammar; it is told to the model";
        losses.add(format, reason);
    }
    let parameters = serde_json::json!({
        "type": "object",
        "properties": { "input": { "type": "string", "description": about } },
        "required": ["input"],
        "additionalProperties": false,
    });
    Ok(Tool {
        name: flat(namespace, &tool.require_string("name")?).into_owned(),
        description: tool.read_string("description")?,
        parameters: Json::from(&parameters),
        strict: None,
        cache: None,
    })
}

/// Whether the client itself runs the commands, and not a container of OpenAI's.
fn runs_at_client(tool: &mut Object<'_, '_>) -> bool {
    let environment = tool.take("environment");
    environment.is_none_or(|raw| {
        let kind: Result<Typed, _> = serde_json::from_str(raw.get());
        kind.is_ok_and(|kind| kind.r#type == "local")
    })
}

#[derive(serde::Deserialize)]
struct Typed {
    r#type: String,
}

fn choice(value: Value<'_, '_>, losses: &mut Losses) -> Result<Choice, Rejection> {
    if let Some(choice) = Choice::word(value)? {
        return Ok(choice);
    }
    let mut choice = value.object()?;
    let kind = choice.require_string("type")?;
    let chosen = if kind == "allowed_tools" {
        Choice::among(&mut choice, losses, chosen)?
    } else if let Some(name) = chosen(&kind, &mut choice)? {
        Choice::One(ToolChoice::Tool(name))
    } else {
        let reason = format!("the tool `{kind}` cannot be carried");
        losses.add(value.path.to_string(), reason);
        return Ok(Choice::Lost);
    };
    choice.lose_rest(UNKNOWN, losses);
    Ok(chosen)
}

/// The function that a chosen tool is carried as.
fn chosen(kind: &str, tool: &mut Object<'_, '_>) -> Result<Option<String>, Rejection> {
    if let "function" | "custom" = kind {
        let namespace = tool.read_string("namespace")?;
        let name = tool.require_string("name")?;
        return Ok(Some(flat(namespace.as_deref(), &name).into_owned()));
    }
    Ok(Hosted::tool(kind).map(|hosted| hosted.tool.to_owned()))
}
