//! From a request to the vendor's verdict, and to the script of its model.
//!
//! No IO: headers and body in, a script or a refusal out.

use http::{HeaderMap, Method};
use serde_json::{Map, Value};
use weir_sim::{BEHAVIOURS, Route, Script, Wire};

use crate::{
    anthropic, cohere,
    faults::{KNOBS, MORE},
    gemini, openai, openai_responses,
    refusal::{Checked, Refusal, Vendor},
};

const ALIASES: &[&str] = &[
    "gpt-",
    "o1",
    "o3",
    "o4",
    "claude-",
    "gemini-",
    "command-",
    "text-embedding-",
    "embed-",
    "rerank-",
    "voyage-",
    "jina-",
];

/// Whose rules apply.
pub(crate) fn vendor(route: &Route, headers: &HeaderMap) -> Vendor {
    match route {
        Route::Turn(Wire::Messages) | Route::CountTokens => Vendor::Anthropic,
        Route::Turn(Wire::Generate) => Vendor::Google,
        Route::Turn(Wire::Cohere) => Vendor::Cohere,
        Route::Turn(_) | Route::Embeddings | Route::InputTokens | Route::Compact => Vendor::OpenAi,
        _ if headers.contains_key("anthropic-version") || headers.contains_key("x-api-key") => {
            Vendor::Anthropic
        }
        _ => Vendor::OpenAi,
    }
}

/// Checks the request line and the headers.
pub(crate) fn check_head(
    route: &Route,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Checked {
    let vendor = vendor(route, headers);
    let post = !matches!(route, Route::Models(_));
    match (route, vendor) {
        (Route::Unknown, Vendor::OpenAi) => {
            let message = format!("Invalid URL ({method} {path})");
            return Err(Refusal::invalid(message).with_kind(404, "invalid_request_error"));
        }
        (Route::Unknown, Vendor::Anthropic) => {
            return Err(Refusal::invalid("Not Found").with_kind(404, "not_found_error"));
        }
        (Route::WrongMethod, Vendor::OpenAi) => {
            let message = format!(
                "Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)"
            );
            return Err(Refusal::invalid(message)
                .with_kind(405, "invalid_request_error")
                .code("method_not_supported"));
        }
        (Route::WrongMethod, Vendor::Anthropic) => {
            return Err(
                Refusal::invalid("Method Not Allowed").with_kind(405, "invalid_request_error")
            );
        }
        _ => {}
    }
    match vendor {
        Vendor::Anthropic => anthropic::check_headers(headers, post),
        Vendor::Google => gemini::check_headers(headers),
        Vendor::Cohere => cohere::check_headers(headers),
        Vendor::OpenAi => {
            openai::check_key(headers)?;
            if post {
                openai::check_content_type(headers)
            } else {
                Ok(())
            }
        }
    }
}

/// Reads and checks the body of a `POST`, and what its model asks for.
pub(crate) fn check_post(
    route: &Route,
    headers: &HeaderMap,
    body: &[u8],
) -> Checked<(Value, Script)> {
    let vendor = vendor(route, headers);
    let parsed: Value = serde_json::from_slice(body).map_err(|error| match vendor {
        Vendor::OpenAi => openai::not_json(),
        Vendor::Cohere => Refusal::invalid(format!("invalid json syntax: {error}")),
        Vendor::Anthropic | Vendor::Google => {
            Refusal::invalid(format!("The request body is not valid JSON: {error}"))
        }
    })?;
    let Value::Object(map) = &parsed else {
        return Err(match vendor {
            Vendor::OpenAi => openai::not_json(),
            Vendor::Anthropic | Vendor::Google | Vendor::Cohere => {
                Refusal::invalid("Input should be a valid dictionary")
            }
        });
    };
    let beta = headers.get("anthropic-beta");
    let beta = beta.map(|betas| betas.to_str().unwrap_or_default());
    match route {
        Route::Turn(Wire::Chat) => openai::check_chat(map)?,
        Route::Turn(Wire::Completions) => openai::check_completions(map)?,
        Route::Turn(Wire::Responses) | Route::InputTokens | Route::Compact => {
            openai_responses::check(map)?;
        }
        Route::Turn(Wire::Messages) => anthropic::check_body(map, beta, false)?,
        Route::CountTokens => anthropic::check_body(map, beta, true)?,
        Route::Turn(Wire::Cohere) => cohere::check(map)?,
        _ => openai::check_embeddings(map)?,
    }
    let script = script(map, vendor)?;
    if matches!(route, Route::Turn(_)) && script.base == "embed" {
        let message = "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use v1/completions?";
        return Err(Refusal::invalid(message)
            .with_kind(404, "invalid_request_error")
            .param("model"));
    }
    Ok((parsed, script))
}

pub(crate) fn script(body: &Map<String, Value>, vendor: Vendor) -> Checked<Script> {
    let model = body["model"].as_str().unwrap_or_default();
    let mut script = Script::parse(model, KNOBS).map_err(Refusal::invalid)?;
    if ALIASES.iter().any(|prefix| script.base.starts_with(prefix)) {
        script.base = "echo".to_owned();
    }
    if script.base == "text" {
        script.base = "lorem".to_owned();
    }
    if script.plays(BEHAVIOURS) || script.plays(MORE) {
        return Ok(script);
    }
    Err(match vendor {
        Vendor::OpenAi => {
            let message =
                format!("The model `{model}` does not exist or you do not have access to it.");
            Refusal::invalid(message)
                .with_kind(404, "invalid_request_error")
                .code("model_not_found")
        }
        Vendor::Anthropic => {
            Refusal::invalid(format!("model: {model}")).with_kind(404, "not_found_error")
        }
        Vendor::Google => Refusal::invalid(format!("models/{model} is not found"))
            .with_kind(404, "not_found_error"),
        Vendor::Cohere => Refusal::invalid(format!(
            "model '{model}' not found, make sure the correct model ID was used and that you have access to the model."
        ))
        .with_kind(404, "not_found_error"),
    })
}

#[cfg(test)]
mod tests;
