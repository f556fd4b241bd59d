//! Tools and which of them to call, both ways: <https://ai.google.dev/api/caching#Tool>.

use serde::Serialize;
use weir_model::{Json, Losses, Rejection, Request, Tool, ToolChoice};

use super::super::wire::camel;
use super::parts::{GEMINI_ONLY, UNKNOWN, each};
use super::schema;
use crate::json::read::{Path, Value};

/// Why a tool that the vendor runs is lost.
const THEIRS: &str = "a tool that Google runs";

/// Reads one entry of `tools`, which holds any number of the client's own tools.
pub(super) fn decode(
    value: Value<'_, '_>,
    tools: &mut Vec<Tool>,
    losses: &mut Losses,
) -> Result<(), Rejection> {
    let mut object = camel(value.object()?);
    object.read("functionDeclarations", |v| {
        each(v, |declared| {
            tools.push(declaration(declared, losses)?);
            Ok(())
        })
    })?;
    object.lose_rest(THEIRS, losses);
    Ok(())
}

fn declaration(value: Value<'_, '_>, losses: &mut Losses) -> Result<Tool, Rejection> {
    let mut object = camel(value.object()?);
    let openapi = object.read("parameters", |v| schema::from_openapi(v))?;
    let parameters = match object.read("parametersJsonSchema", |v| schema::from_json_schema(v))? {
        Some(schema) => Some(schema),
        None => openapi,
    };
    for key in ["behavior", "response", "responseJsonSchema"] {
        object.lose(key, GEMINI_ONLY, losses);
    }
    let tool = Tool {
        name: object.require_string("name")?,
        description: object.read_string("description")?,
        parameters: parameters.unwrap_or_else(schema::no_parameters),
        strict: None,
        cache: None,
    };
    object.lose_rest(UNKNOWN, losses);
    Ok(tool)
}

/// Reads `toolConfig`.
pub(super) fn config(
    value: Value<'_, '_>,
    request: &mut Request,
    losses: &mut Losses,
) -> Result<(), Rejection> {
    let mut object = camel(value.object()?);
    object.read("functionCallingConfig", |v| calling(v, request, losses))?;
    object.lose_rest(GEMINI_ONLY, losses);
    Ok(())
}

fn calling(
    value: Value<'_, '_>,
    request: &mut Request,
    losses: &mut Losses,
) -> Result<(), Rejection> {
    let mut object = camel(value.object()?);
    let mode = object.read("mode", |v| v.string())?;
    let mut allowed = object
        .read("allowedFunctionNames", |v| {
            let names = v.array()?.into_iter();
            let names = names.map(|raw| Ok(Value::new(raw, v.path).string()?.into_owned()));
            names.collect::<Result<Vec<_>, Rejection>>()
        })?
        .unwrap_or_default();
    let named = Path::Field(&value.path, "allowedFunctionNames").to_string();
    request.tool_choice = match mode.as_deref().map(str::to_ascii_uppercase).as_deref() {
        None | Some("MODE_UNSPECIFIED") => None,
        Some("AUTO") => Some(ToolChoice::Auto),
        Some("NONE") => Some(ToolChoice::None),
        Some("ANY") => Some(match (allowed.pop(), allowed.is_empty()) {
            (Some(only), true) => ToolChoice::Tool(only),
            (more, _) => {
                allowed.extend(more);
                ToolChoice::Required
            }
        }),
        Some("VALIDATED") => {
            let path = Path::Field(&value.path, "mode").to_string();
            losses.add(path, GEMINI_ONLY);
            Some(ToolChoice::Auto)
        }
        Some(_) => {
            return Err(value.invalid("expected mode \"AUTO\", \"ANY\", \"NONE\" or \"VALIDATED\""));
        }
    };
    if !allowed.is_empty() {
        // Nothing but these may be called, so nothing else is offered.
        request.tools.retain(|tool| allowed.contains(&tool.name));
        losses.add(named, "the other tools are not offered");
    }
    // A choice that only a lost tool could satisfy is lost with it.
    let satisfiable = match &request.tool_choice {
        Some(ToolChoice::Tool(name)) => request.tools.iter().any(|tool| tool.name == *name),
        Some(ToolChoice::Required) => !request.tools.is_empty(),
        _ => true,
    };
    if !satisfiable {
        request.tool_choice = None;
        losses.add(
            value.path.to_string(),
            "it wants a tool that is not carried",
        );
    }
    object.lose_rest(GEMINI_ONLY, losses);
    Ok(())
}

/// One entry of `tools`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolsOut<'a> {
    function_declarations: Vec<Declaration<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// Never `parameters`: that is a dialect of its own, which knows less.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<Json>,
}

/// The client's tools for the vendor.
pub(super) fn encode<'a>(tools: &'a [Tool], losses: &mut Losses) -> Option<ToolsOut<'a>> {
    let mut function_declarations = Vec::with_capacity(tools.len());
    for (at, tool) in tools.iter().enumerate() {
        if tool.strict == Some(true) {
            let path = format!("tools[{at}].strict");
            losses.add(path, "Gemini does not promise it");
        }
        if tool.cache.is_some() {
            losses.add("cache_control", super::encode::NO_MARKS);
        }
        let (schema, moved) = schema::for_gemini(&tool.parameters);
        if moved {
            let path = format!("tools[{at}].parameters");
            losses.add(path, "Gemini takes nothing beside $ref");
        }
        function_declarations.push(Declaration {
            name: &tool.name,
            description: tool.description.as_deref().filter(|text| !text.is_empty()),
            parameters_json_schema: (!schema::is_empty(&schema)).then_some(schema),
        });
    }
    (!function_declarations.is_empty()).then_some(ToolsOut {
        function_declarations,
    })
}

/// `toolConfig`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigOut<'a> {
    function_calling_config: Calling<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Calling<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'a str; 1]>,
}

/// Which tool is to be called.
pub(super) fn choice<'a>(request: &'a Request, losses: &mut Losses) -> Option<ConfigOut<'a>> {
    if request.parallel_tool_calls == Some(false) && !request.tools.is_empty() {
        losses.add("parallel_tool_calls", "Gemini decides how many it calls");
    }
    let choice = request.tool_choice.as_ref()?;
    if request.tools.is_empty() {
        if matches!(choice, ToolChoice::Required | ToolChoice::Tool(_)) {
            losses.add("tool_choice", "there are no tools");
        }
        return None;
    }
    let (mode, named) = match choice {
        ToolChoice::Auto => ("AUTO", None),
        ToolChoice::None => ("NONE", None),
        ToolChoice::Required => ("ANY", None),
        ToolChoice::Tool(name) => ("ANY", Some([name.as_str()])),
    };
    Some(ConfigOut {
        function_calling_config: Calling {
            mode,
            allowed_function_names: named,
        },
    })
}
