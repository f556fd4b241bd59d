//! What Google refuses: headers, fields that no message of its API has, parts, tools, signatures.
//!
//! Fields: <https://ai.google.dev/api/generate-content>. Both spellings of a field are one.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use http::HeaderMap;
use serde_json::{Map, Value};
use weir_sim::SIGNED;

use crate::refusal::{Checked, Refusal};

/// The method behind the model's name in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Whole,
    Stream,
    Count,
}

const FIELDS: &str = "contents tools toolConfig safetySettings systemInstruction generationConfig \
    cachedContent serviceTier store model";
const CONFIG: &str = "stopSequences responseMimeType responseSchema responseJsonSchema \
    responseModalities candidateCount maxOutputTokens temperature topP topK seed presencePenalty \
    frequencyPenalty responseLogprobs logprobs enableEnhancedCivicAnswers speechConfig \
    thinkingConfig imageConfig mediaResolution";
/// What a part can be; one of these.
const KINDS: &str = "text inlineData fileData functionCall functionResponse executableCode \
    codeExecutionResult toolCall toolResponse";
const BESIDE: &str = "thought thoughtSignature videoMetadata mediaResolution partMetadata";
const TOOLS: &str = "functionDeclarations googleSearchRetrieval codeExecution googleSearch \
    urlContext computerUse fileSearch googleMaps mcpServers";
const DECLARATION: &str =
    "name description behavior parameters parametersJsonSchema response responseJsonSchema";
/// The words of an OpenAPI schema, of which `additionalProperties` is none.
const SCHEMA: &str = "type format title description nullable enum maxItems minItems properties \
    required minProperties maxProperties minLength maxLength pattern example anyOf \
    propertyOrdering default items minimum maximum";
/// What Google takes instead of a signature.
const SKIP: &str = "skip_thought_signature_validator";

/// Takes a path apart: the model and the method.
pub(crate) fn asked(path: &str) -> Option<(String, Asked)> {
    let tail = path.strip_prefix("/v1beta/models/")?;
    let (model, method) = tail.rsplit_once(':')?;
    let asked = match method {
        "generateContent" => Asked::Whole,
        "streamGenerateContent" => Asked::Stream,
        "countTokens" => Asked::Count,
        _ => return None,
    };
    // The only escapes that a model's script needs.
    Some((model.replace("%2B", "+").replace("%3D", "="), asked))
}

fn fault(message: impl Into<String>) -> Refusal {
    Refusal::invalid(message).with_kind(400, "INVALID_ARGUMENT")
}

fn camel(key: &str) -> String {
    let mut words = key.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut all, word| {
        let mut letters = word.chars();
        all.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        all.push_str(letters.as_str());
        all
    })
}

/// A checked body by its camel names throughout; what is the client's own keeps its keys.
pub(crate) fn normal(value: &Value) -> Value {
    const FREE: &str =
        "args response parameters parametersJsonSchema responseSchema responseJsonSchema";
    match value {
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| {
                let key = camel(key);
                let free = FREE.split_whitespace().any(|free| free == key);
                let value = if free { value.clone() } else { normal(value) };
                (key, value)
            });
            Value::Object(fields.collect())
        }
        plain => plain.clone(),
    }
}

/// The fields of a message by their camel names, none of which is unknown.
fn fields(value: &Value, at: &str, known: &str) -> Checked<Map<String, Value>> {
    let object = value.as_object().ok_or_else(|| {
        fault(format!(
            "Invalid value at '{at}', Starting an object on a scalar field"
        ))
    })?;
    let mut fields = Map::new();
    for (key, value) in object {
        let name = camel(key);
        if !known.split_whitespace().any(|known| known == name) {
            return Err(fault(format!(
                "Invalid JSON payload received. Unknown name \"{key}\" at '{at}': Cannot find field."
            ))
            .param(at));
        }
        fields.insert(name, value.clone());
    }
    Ok(fields)
}

fn list(value: Option<&Value>) -> Vec<Value> {
    match value {
        None => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        Some(one) => vec![one.clone()],
    }
}

/// Checks the credentials: an API key in its own header and nowhere else.
pub(crate) fn check_headers(headers: &HeaderMap) -> Checked {
    if headers.contains_key("authorization") {
        let message =
            "Request had invalid authentication credentials. Expected OAuth 2 access token.";
        return Err(Refusal::invalid(message).with_kind(401, "UNAUTHENTICATED"));
    }
    let key = headers.get("x-goog-api-key").and_then(|v| v.to_str().ok());
    match key {
        None => {
            let message = "Method doesn't allow unregistered callers (callers without established \
                           identity). Please use API Key or other form of API consumer identity.";
            Err(Refusal::invalid(message).with_kind(403, "PERMISSION_DENIED"))
        }
        Some("" | "sk-bad") => {
            Err(fault("API key not valid. Please pass a valid API key.").code("API_KEY_INVALID"))
        }
        Some(_) => Ok(()),
    }
}

/// Checks a body. Nothing is checked of a count but its conversation.
pub(crate) fn check_body(body: &Value, model: &str, asked: Asked) -> Checked {
    let top = match asked {
        Asked::Count => fields(body, "", &format!("{FIELDS} generateContentRequest"))?,
        _ => fields(body, "", FIELDS)?,
    };
    if let Some(request) = top.get("generateContentRequest") {
        return check_body(request, model, Asked::Whole);
    }
    let signs = ["gemini-3", "thinking"]
        .iter()
        .any(|name| model.contains(name));
    check_contents(top.get("contents"), signs)?;
    if let Some(system) = top.get("systemInstruction") {
        check_parts(system, "system_instruction", false)?;
    }
    let declared = check_tools(&list(top.get("tools")))?;
    if let Some(config) = top.get("toolConfig") {
        check_choice(config, &declared)?;
    }
    match top.get("generationConfig") {
        Some(config) => check_config(config, !declared.is_empty() && model.contains("gemini-2")),
        None => Ok(()),
    }
}

fn check_contents(contents: Option<&Value>, signs: bool) -> Checked {
    let contents = list(contents);
    if contents.is_empty() {
        let message = "* GenerateContentRequest.contents: contents is not specified\n";
        return Err(fault(message).param("contents"));
    }
    let mut called = 0;
    for (index, content) in contents.iter().enumerate() {
        let at = format!("contents[{index}]");
        let role = content["role"].as_str().unwrap_or("user");
        if !["user", "model", "function"].contains(&role) {
            return Err(fault("Please use a valid role: user, model."));
        }
        let (calls, results) = check_parts(content, &at, signs && role == "model")?;
        if (calls > 0 && role != "model") || (results > 0 && role == "model") {
            return Err(fault(format!(
                "{at}: this part cannot stand in a turn of {role}"
            )));
        }
        if results != called {
            return Err(fault(
                "Please ensure that the number of function response parts is equal to the number \
                 of function call parts of the function call turn.",
            ));
        }
        called = calls;
    }
    Ok(())
}

/// How many calls and how many results a content holds.
fn check_parts(content: &Value, at: &str, signs: bool) -> Checked<(usize, usize)> {
    let content = fields(content, at, "role parts")?;
    let parts = list(content.get("parts"));
    if parts.is_empty() {
        return Err(fault(format!(
            "* GenerateContentRequest.{at}.parts: contents.parts must not be empty.\n"
        )));
    }
    let (mut calls, mut results) = (0, 0);
    for (index, part) in parts.iter().enumerate() {
        let at = format!("{at}.parts[{index}]");
        let part = fields(part, &at, &format!("{KINDS} {BESIDE}"))?;
        let kinds = part
            .keys()
            .filter(|key| KINDS.split_whitespace().any(|kind| kind == *key));
        if kinds.count() != 1 {
            return Err(fault(format!(
                "* GenerateContentRequest.{at}.data: required oneof field 'data' must have one \
                 initialized field\n"
            )));
        }
        check_signature(
            &part,
            signs && part.contains_key("functionCall") && calls == 0,
        )?;
        if let Some(call) = part.get("functionCall") {
            calls += 1;
            check_call(call, &format!("{at}.function_call"), "args")?;
        }
        if let Some(result) = part.get("functionResponse") {
            results += 1;
            check_call(result, &format!("{at}.function_response"), "response")?;
        }
        if let Some(blob) = part.get("inlineData") {
            let blob = fields(blob, &at, "mimeType data")?;
            let data = blob.get("data").and_then(Value::as_str).unwrap_or_default();
            if STANDARD.decode(data).or(URL_SAFE.decode(data)).is_err() || data.is_empty() {
                return Err(fault(format!(
                    "Invalid value at '{at}.inline_data.data' (TYPE_BYTES), Base64 decoding failed"
                )));
            }
            if blob
                .get("mimeType")
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
            {
                return Err(fault(format!("{at}.inline_data.mime_type: must be set")));
            }
        }
    }
    Ok((calls, results))
}

fn check_call(call: &Value, at: &str, object: &str) -> Checked {
    let call = fields(
        call,
        at,
        &format!("id name parts willContinue scheduling {object}"),
    )?;
    if call
        .get("name")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
    {
        return Err(fault(format!(
            "* GenerateContentRequest.{at}.name: Name cannot be empty.\n"
        )));
    }
    if call.get(object).is_some_and(|value| !value.is_object()) {
        return Err(fault(format!(
            "Invalid value at '{at}.{object}' (type.googleapis.com/google.protobuf.Struct)"
        )));
    }
    Ok(())
}

fn check_signature(part: &Map<String, Value>, needed: bool) -> Checked {
    let Some(signature) = part.get("thoughtSignature").and_then(Value::as_str) else {
        return match needed {
            true => Err(fault(
                "Function call is missing a thought_signature in functionCall parts.",
            )),
            false => Ok(()),
        };
    };
    let bytes = STANDARD.decode(signature).or(URL_SAFE.decode(signature));
    // The SDKs write the bytes of the skip in base64.
    let taken = |bytes: Vec<u8>| bytes.starts_with(SIGNED.as_bytes()) || bytes == SKIP.as_bytes();
    match signature == SKIP || bytes.is_ok_and(taken) {
        true => Ok(()),
        false => Err(fault("Thought signature is not valid.")),
    }
}

/// The names of the tools that are declared.
fn check_tools(tools: &[Value]) -> Checked<Vec<String>> {
    let mut names = Vec::new();
    for (index, tool) in tools.iter().enumerate() {
        let tool = fields(tool, &format!("tools[{index}]"), TOOLS)?;
        for (number, declared) in list(tool.get("functionDeclarations")).iter().enumerate() {
            let at = format!("tools[{index}].function_declarations[{number}]");
            let declared = fields(declared, &at, DECLARATION)?;
            let name = declared
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if name.is_empty() || names.iter().any(|known| known == name) {
                return Err(fault(format!(
                    "{at}.name: Invalid or duplicate function name: {name}"
                )));
            }
            names.push(name.to_owned());
            if declared.contains_key("parameters") && declared.contains_key("parametersJsonSchema")
            {
                return Err(fault(format!(
                    "{at}: parameters and parameters_json_schema exclude each other"
                )));
            }
            if let Some(schema) = declared.get("parameters") {
                check_schema(schema, &format!("{at}.parameters"))?;
            }
        }
    }
    Ok(names)
}

/// A schema of OpenAPI's kind.
fn check_schema(schema: &Value, at: &str) -> Checked {
    let schema = fields(schema, at, SCHEMA)?;
    let kind = schema
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let empty = schema
        .get("properties")
        .and_then(Value::as_object)
        .is_none_or(Map::is_empty);
    if kind.eq_ignore_ascii_case("object") && empty {
        return Err(fault(format!(
            "{at}.properties: should be non-empty for OBJECT type"
        )));
    }
    for (name, inner) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        check_schema(inner, &format!("{at}.properties[{name}]"))?;
    }
    schema
        .get("items")
        .map_or(Ok(()), |items| check_schema(items, &format!("{at}.items")))
}

fn check_choice(config: &Value, declared: &[String]) -> Checked {
    let known = "functionCallingConfig retrievalConfig includeServerSideToolInvocations";
    let config = fields(config, "tool_config", known)?;
    let Some(calling) = config.get("functionCallingConfig") else {
        return Ok(());
    };
    let at = "tool_config.function_calling_config";
    let calling = fields(calling, at, "mode allowedFunctionNames")?;
    let mode = calling
        .get("mode")
        .and_then(Value::as_str)
        .unwrap_or("AUTO");
    let allowed = list(calling.get("allowedFunctionNames"));
    if !["AUTO", "ANY", "NONE", "VALIDATED"].contains(&mode.to_ascii_uppercase().as_str()) {
        return Err(fault(format!("Invalid value at '{at}.mode': \"{mode}\"")));
    }
    if !allowed.is_empty() && !mode.eq_ignore_ascii_case("ANY") {
        return Err(fault(
            "Please set allowed_function_names only when function calling mode is ANY.",
        ));
    }
    let unknown = |name: &&Value| !declared.iter().any(|known| **name == known.as_str());
    if declared.is_empty() || allowed.iter().find(unknown).is_some() {
        return Err(fault(
            "Function calling config is set without function_declarations.",
        ));
    }
    Ok(())
}

fn check_config(config: &Value, older_with_tools: bool) -> Checked {
    let config = fields(config, "generation_config", CONFIG)?;
    let kind = config.get("responseMimeType").and_then(Value::as_str);
    let shaped = config.contains_key("responseSchema") || config.contains_key("responseJsonSchema");
    if shaped && kind != Some("application/json") {
        return Err(fault(
            "response_schema requires response_mime_type application/json",
        ));
    }
    if older_with_tools && kind == Some("application/json") {
        return Err(fault(
            "Function calling with a response mime type: 'application/json' is unsupported",
        ));
    }
    if let Some(schema) = config.get("responseSchema") {
        check_schema(schema, "generation_config.response_schema")?;
    }
    if list(config.get("stopSequences")).len() > 5 {
        return Err(fault("the number of stop_sequences must be at most 5"));
    }
    if config
        .get("candidateCount")
        .is_some_and(|n| !(1..=8).contains(&n.as_u64().unwrap_or(0)))
    {
        return Err(fault("candidate_count must be between 1 and 8"));
    }
    if let Some(thinking) = config.get("thinkingConfig") {
        let known = "includeThoughts thinkingBudget thinkingLevel";
        let thinking = fields(thinking, "generation_config.thinking_config", known)?;
        if thinking.contains_key("thinkingBudget") && thinking.contains_key("thinkingLevel") {
            return Err(fault(
                "You can only set only one of thinking budget and thinking level.",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
