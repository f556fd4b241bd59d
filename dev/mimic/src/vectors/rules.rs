//! What Cohere, Voyage, Jina and Google refuse of embeddings and reranking.

use http::HeaderMap;
use serde_json::{Map, Value};
use weir_sim::Script;

use super::Asked;
use crate::{
    gemini, openai,
    refusal::{Checked, Refusal, Vendor},
    rules::script,
};

/// Checks a request, and reads its body and the script of its model.
pub(super) fn check(
    asked: &Asked,
    headers: &HeaderMap,
    body: &[u8],
) -> Checked<(Map<String, Value>, Script)> {
    if let Asked::Google { .. } = asked {
        gemini::check_headers(headers)?;
    } else {
        openai::check_key(headers)?;
        openai::check_content_type(headers)?;
    }
    let Ok(Value::Object(mut body)) = serde_json::from_slice(body) else {
        return Err(Refusal::invalid("the body is not a JSON object"));
    };
    match asked {
        Asked::Cohere { rerank: true, v1 } => rerank_fields(
            &body,
            match v1 {
                true => {
                    "model query documents top_n rank_fields return_documents max_chunks_per_doc"
                }
                false => "model query documents top_n max_tokens_per_doc relevant_spans priority",
            },
            *v1,
        )?,
        Asked::Cohere { v1, .. } => cohere(&body, *v1)?,
        Asked::Voyage { rerank: true } => {
            rerank_fields(
                &body,
                "model query documents top_k return_documents truncation",
                false,
            )?;
        }
        Asked::Voyage { .. } => voyage(&body)?,
        Asked::Jina { rerank: true } => {
            rerank_fields(
                &body,
                "model query documents top_n return_documents truncation max_doc_length return_embeddings",
                true,
            )?;
        }
        Asked::Jina { .. } => jina(&body)?,
        Asked::Google { model, batch } => {
            google(&body, model, *batch)?;
            body.insert("model".into(), model.as_str().into());
        }
    }
    let vendor = match asked {
        Asked::Google { .. } => Vendor::Google,
        _ => Vendor::OpenAi,
    };
    let script = script(&body, vendor)?;
    Ok((body, script))
}

/// No field that is not among the known ones, and a model.
fn known(body: &Map<String, Value>, fields: &str) -> Checked {
    for key in body.keys() {
        if !fields.split_whitespace().any(|known| known == key) {
            let message = format!("Argument '{key}' is not supported by our API");
            return Err(Refusal::invalid(message));
        }
    }
    if body.get("model").is_some_and(Value::is_string) {
        return Ok(());
    }
    Err(Refusal::invalid("model is required"))
}

/// A field that may be absent or null, and else must be one of the words.
fn word(body: &Map<String, Value>, key: &str, words: &[&str]) -> Checked {
    let value = body.get(key).unwrap_or(&Value::Null);
    let fits = value.is_null() || words.iter().any(|word| value == word);
    fits.then_some(())
        .ok_or_else(|| Refusal::invalid(format!("invalid value for {key}: {value}")))
}

fn number(body: &Map<String, Value>, key: &str, numbers: &[u64]) -> Checked {
    let value = body.get(key).unwrap_or(&Value::Null);
    let fits = value.is_null() || numbers.iter().any(|number| value == number);
    fits.then_some(())
        .ok_or_else(|| Refusal::invalid(format!("{key} must be one of {numbers:?}, got {value}")))
}

fn boolean(body: &Map<String, Value>, key: &str) -> Checked {
    let value = body.get(key).unwrap_or(&Value::Null);
    let fits = value.is_null() || value.is_boolean();
    fits.then_some(())
        .ok_or_else(|| Refusal::invalid(format!("{key} must be a boolean, got {value}")))
}

/// A list of at least one and at most `most` elements that are all as they should be.
fn list(value: Option<&Value>, key: &str, most: usize, fits: impl Fn(&Value) -> bool) -> Checked {
    let list = value.and_then(Value::as_array);
    let list = list.ok_or_else(|| Refusal::invalid(format!("{key} must be a list")))?;
    if list.is_empty() || list.len() > most {
        let message = format!(
            "{key} must have between 1 and {most} elements, got {}",
            list.len()
        );
        return Err(Refusal::invalid(message));
    }
    match list.iter().position(|one| !fits(one)) {
        None => Ok(()),
        Some(at) => Err(Refusal::invalid(format!("{key}[{at}] is invalid"))),
    }
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

const DTYPES: &[&str] = &["float", "int8", "uint8", "binary", "ubinary"];

fn cohere(body: &Map<String, Value>, v1: bool) -> Checked {
    known(
        body,
        match v1 {
            true => "model texts images input_type embedding_types truncate",
            false => {
                "model texts images inputs input_type embedding_types truncate max_tokens output_dimension priority"
            }
        },
    )?;
    let types = [
        "search_document",
        "search_query",
        "classification",
        "clustering",
        "image",
    ];
    word(body, "input_type", &types)?;
    if body.get("input_type").is_none_or(Value::is_null) {
        return Err(Refusal::invalid(
            "valid input_type must be provided with the provided model",
        ));
    }
    let given: Vec<&str> = ["texts", "images", "inputs"]
        .into_iter()
        .filter(|key| body.get(*key).is_some_and(|value| !value.is_null()))
        .collect();
    let [given] = given[..] else {
        return Err(Refusal::invalid(
            "one of texts, images or inputs must be set",
        ));
    };
    let is_image = |value: &Value| {
        value
            .as_str()
            .is_some_and(|url| url.starts_with("data:image/"))
    };
    list(body.get(given), given, 96, |value| match given {
        "texts" => value.is_string(),
        "images" => is_image(value),
        _ => value["content"].as_array().is_some_and(|parts| {
            !parts.is_empty()
                && parts.iter().all(|part| match part["type"].as_str() {
                    Some("text") => is_text(&part["text"]),
                    Some("image_url") => is_image(&part["image_url"]["url"]),
                    _ => false,
                })
        }),
    })?;
    if let Some(types) = body.get("embedding_types").filter(|types| !types.is_null()) {
        let fits = |value: &Value| {
            let word = value.as_str().unwrap_or_default();
            DTYPES.contains(&word) || (word == "base64" && !v1)
        };
        list(Some(types), "embedding_types", 6, fits)?;
    }
    word(body, "truncate", &["NONE", "START", "END"])?;
    number(body, "output_dimension", &[256, 512, 1024, 1536])
}

fn voyage(body: &Map<String, Value>) -> Checked {
    known(
        body,
        "model input input_type truncation output_dimension output_dtype encoding_format",
    )?;
    if !body.get("input").is_some_and(is_text) {
        list(body.get("input"), "input", 1000, is_text)?;
    }
    word(body, "input_type", &["query", "document"])?;
    word(body, "output_dtype", DTYPES)?;
    word(body, "encoding_format", &["base64"])?;
    boolean(body, "truncation")?;
    number(body, "output_dimension", &[256, 512, 1024, 2048])
}

fn jina(body: &Map<String, Value>) -> Checked {
    known(
        body,
        "model input task dimensions late_chunking truncate embedding_type normalized return_multivector",
    )?;
    let fits = |value: &Value| {
        let image = value.as_object().is_some_and(|object| {
            object.len() == 1 && (object.contains_key("text") || object.contains_key("image"))
        });
        is_text(value) || image
    };
    if !body.get("input").is_some_and(is_text) {
        list(body.get("input"), "input", 512, fits)?;
    }
    let tasks = [
        "retrieval.query",
        "retrieval.passage",
        "text-matching",
        "classification",
        "separation",
        "code.query",
        "code.passage",
    ];
    word(body, "task", &tasks)?;
    word(
        body,
        "embedding_type",
        &["float", "base64", "binary", "ubinary"],
    )?;
    for key in [
        "late_chunking",
        "truncate",
        "normalized",
        "return_multivector",
    ] {
        boolean(body, key)?;
    }
    let dims: Vec<u64> = (1..=2048).collect();
    number(body, "dimensions", &dims)
        .map_err(|_| Refusal::invalid("dimensions must be between 1 and 2048"))
}

fn rerank_fields(body: &Map<String, Value>, fields: &str, objects: bool) -> Checked {
    known(body, fields)?;
    if !body.get("query").is_some_and(is_text) {
        return Err(Refusal::invalid("query is required"));
    }
    let fits = |value: &Value| value.is_string() || (objects && value.is_object());
    list(body.get("documents"), "documents", 1000, fits)?;
    boolean(body, "return_documents")?;
    boolean(body, "truncation")?;
    for key in ["top_n", "top_k"] {
        if body
            .get(key)
            .is_some_and(|most| !most.is_null() && most.as_u64().is_none_or(|most| most == 0))
        {
            return Err(Refusal::invalid(format!(
                "{key} must be a positive integer"
            )));
        }
    }
    Ok(())
}

const TASKS: &[&str] = &[
    "TASK_TYPE_UNSPECIFIED",
    "RETRIEVAL_QUERY",
    "RETRIEVAL_DOCUMENT",
    "SEMANTIC_SIMILARITY",
    "CLASSIFICATION",
    "CLUSTERING",
    "QUESTION_ANSWERING",
    "FACT_VERIFICATION",
    "CODE_RETRIEVAL_QUERY",
];

fn google(body: &Map<String, Value>, model: &str, batch: bool) -> Checked {
    let fault = |message: String| Refusal::invalid(message).with_kind(400, "INVALID_ARGUMENT");
    let one = |request: &Value, at: &str| -> Checked {
        for key in request.as_object().into_iter().flat_map(Map::keys) {
            if ![
                "model",
                "content",
                "taskType",
                "title",
                "outputDimensionality",
            ]
            .contains(&key.as_str())
            {
                let message = format!(
                    "Invalid JSON payload received. Unknown name \"{key}\" at '{at}': Cannot find field."
                );
                return Err(fault(message));
            }
        }
        let named = request["model"].as_str().unwrap_or_default();
        if named != format!("models/{model}") && (batch || !named.is_empty()) {
            return Err(fault(format!(
                "* {at}.model: must be the model of the path, got '{named}'"
            )));
        }
        let parts = request["content"]["parts"].as_array();
        let fits = |part: &Value| is_text(&part["text"]) || part["inlineData"]["data"].is_string();
        if !parts.is_some_and(|parts| !parts.is_empty() && parts.iter().all(fits)) {
            return Err(fault(format!("* {at}.content: content is required")));
        }
        let task = request["taskType"]
            .as_str()
            .unwrap_or("TASK_TYPE_UNSPECIFIED");
        if !TASKS.contains(&task) {
            return Err(fault(format!(
                "Invalid value at '{at}.task_type', \"{task}\""
            )));
        }
        if request.get("title").is_some() && task != "RETRIEVAL_DOCUMENT" {
            return Err(fault(format!("* {at}.title: only with RETRIEVAL_DOCUMENT")));
        }
        Ok(())
    };
    if !batch {
        return one(&Value::Object(body.clone()), "embed_content_request");
    }
    if let Some(key) = body.keys().find(|key| *key != "requests") {
        return Err(fault(format!(
            "Invalid JSON payload received. Unknown name \"{key}\": Cannot find field."
        )));
    }
    let requests = body.get("requests").and_then(Value::as_array);
    let requests = requests.filter(|list| (1..=100).contains(&list.len()));
    let requests = requests.ok_or_else(|| {
        fault(
            "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch".into(),
        )
    })?;
    requests
        .iter()
        .try_for_each(|request| one(request, "requests"))
}
