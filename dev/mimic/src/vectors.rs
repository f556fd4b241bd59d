//! Embeddings and reranking of Cohere, Voyage, Jina and Google: what each refuses, and its answers.
//!
//! Fields: <https://docs.cohere.com/reference/embed>, <https://docs.voyageai.com/reference/embeddings-api>,
//! <https://api.jina.ai/docs>, <https://ai.google.dev/api/embeddings>. OpenAI's embeddings are in `openai`.

mod rules;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;
use serde_json::{Map, Value, json};
use weir_sim::{Reply, Script, document_text, input_words, packed, relevance, unit_vectors};

use crate::{
    faults::distort,
    refusal::{Refusal, Vendor},
};

/// What is asked of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Cohere {
        v1: bool,
        rerank: bool,
    },
    Voyage {
        rerank: bool,
    },
    Jina {
        rerank: bool,
    },
    /// The model, and whether it is a batch.
    Google {
        model: String,
        batch: bool,
    },
}

const CALLED: &[(&str, Asked)] = &[
    (
        "/cohere/v2/embed",
        Asked::Cohere {
            v1: false,
            rerank: false,
        },
    ),
    (
        "/cohere/v1/embed",
        Asked::Cohere {
            v1: true,
            rerank: false,
        },
    ),
    (
        "/cohere/v2/rerank",
        Asked::Cohere {
            v1: false,
            rerank: true,
        },
    ),
    (
        "/cohere/v1/rerank",
        Asked::Cohere {
            v1: true,
            rerank: true,
        },
    ),
    ("/voyage/v1/embeddings", Asked::Voyage { rerank: false }),
    ("/voyage/v1/rerank", Asked::Voyage { rerank: true }),
    ("/jina/v1/embeddings", Asked::Jina { rerank: false }),
    ("/jina/v1/rerank", Asked::Jina { rerank: true }),
    // As vLLM and most others have it.
    ("/v1/rerank", Asked::Jina { rerank: true }),
];

/// What a path asks for.
pub(crate) fn asked(path: &str) -> Option<Asked> {
    if let Some((_, asked)) = CALLED.iter().find(|(called, _)| *called == path) {
        return Some(asked.clone());
    }
    let (model, method) = path.strip_prefix("/v1beta/models/")?.rsplit_once(':')?;
    let batch = match method {
        "embedContent" => false,
        "batchEmbedContents" => true,
        _ => return None,
    };
    let model = model.replace("%2B", "+").replace("%3D", "=");
    Some(Asked::Google { model, batch })
}

/// What becomes of a request; `None` when nothing ever comes.
pub(crate) fn answer(asked: &Asked, headers: &HeaderMap, body: &[u8]) -> Option<Reply> {
    let (body, script) = match rules::check(asked, headers, body) {
        Ok(checked) => checked,
        Err(refusal) => return Some(refuse(asked, &refusal)),
    };
    let reply = match script.base.as_str() {
        "hang" => return None,
        "fail" => {
            let status = script.number("status").unwrap_or(500).clamp(400, 599) as u16;
            let refusal = Refusal::invalid("simulated failure").with_kind(status, "api_error");
            let reply = refuse(asked, &refusal);
            match script.number("retry_after") {
                Some(seconds) => reply.with("retry-after", seconds.to_string()),
                None => reply,
            }
        }
        _ => Reply::json(200, write(asked, &script, &body).to_string()),
    };
    Some(distort(&script, reply))
}

fn refuse(asked: &Asked, refusal: &Refusal) -> Reply {
    let message = &refusal.message;
    let body = match asked {
        Asked::Google { .. } => refusal.body(Vendor::Google),
        Asked::Cohere { .. } => json!({"id": "mimic", "message": message}).to_string(),
        Asked::Voyage { .. } | Asked::Jina { .. } => json!({"detail": message}).to_string(),
    };
    Reply::json(refusal.status, body)
}

fn write(asked: &Asked, script: &Script, body: &Map<String, Value>) -> Value {
    match asked {
        Asked::Cohere { rerank: true, v1 } => {
            let documents = body["documents"].as_array().map_or(0, Vec::len);
            let mut answer = json!({
                "id": "mimic-rerank",
                "results": ranked(body, "top_n", *v1 && body.get("return_documents") == Some(&true.into())),
                "meta": {"api_version": {"version": if *v1 { "1" } else { "2" }}},
            });
            if !script.is("no_usage") {
                answer["meta"]["billed_units"] = json!({"search_units": documents.div_ceil(100)});
            }
            answer
        }
        Asked::Voyage { rerank: true } => {
            let wanted = body.get("return_documents") == Some(&true.into());
            let mut data = ranked(body, "top_k", wanted);
            for item in data.as_array_mut().into_iter().flatten() {
                if let Some(text) = item
                    .get("document")
                    .map(|document| document["text"].clone())
                {
                    item["document"] = text;
                }
            }
            json!({"object": "list", "data": data, "model": body["model"], "usage": {"total_tokens": tokens(script, body)}})
        }
        Asked::Jina { rerank: true } => {
            let wanted = body.get("return_documents") != Some(&false.into());
            json!({"model": body["model"], "object": "list", "results": ranked(body, "top_n", wanted), "usage": {"total_tokens": tokens(script, body)}})
        }
        Asked::Cohere { v1, .. } => cohere_vectors(script, body, *v1),
        Asked::Voyage { .. } | Asked::Jina { .. } => listed(script, body),
        Asked::Google { batch, .. } => google_vectors(script, body, *batch),
    }
}

fn tokens(script: &Script, body: &Map<String, Value>) -> u64 {
    let asked = [
        "query",
        "documents",
        "input",
        "texts",
        "inputs",
        "requests",
        "content",
    ];
    let given: Vec<&Value> = asked.iter().filter_map(|key| body.get(*key)).collect();
    input_words(script, &given)
}

fn ranked(body: &Map<String, Value>, bound: &str, wanted: bool) -> Value {
    let documents: &[Value] = body["documents"].as_array().map_or(&[], Vec::as_slice);
    let texts: Vec<&str> = documents.iter().map(document_text).collect();
    let most = body.get(bound).and_then(Value::as_u64).unwrap_or(u64::MAX);
    let ranked = relevance(body["query"].as_str().unwrap_or_default(), &texts);
    let results = ranked
        .iter()
        .take(usize::try_from(most).unwrap_or(usize::MAX));
    let results = results.map(|(index, score)| {
        let mut item = json!({"index": index, "relevance_score": score});
        if wanted {
            item["document"] = json!({"text": texts[*index]});
        }
        item
    });
    results.collect()
}

/// Vectors of one kind of number.
fn numbers(vector: &[f32], kind: &str) -> Value {
    let bits = || {
        vector.chunks(8).map(|eight| {
            eight
                .iter()
                .fold(0_u8, |byte, x| byte << 1 | u8::from(*x > 0.0))
        })
    };
    match kind {
        "int8" => vector.iter().map(|x| (x * 127.0) as i8).collect(),
        "uint8" => vector.iter().map(|x| (x * 127.0 + 128.0) as u8).collect(),
        "ubinary" => bits().collect(),
        "binary" => bits().map(|byte| i16::from(byte) - 128).collect(),
        "base64" => json!(packed(vector)),
        _ => json!(vector),
    }
}

fn cohere_vectors(script: &Script, body: &Map<String, Value>, v1: bool) -> Value {
    let given = ["texts", "images", "inputs"]
        .iter()
        .find_map(|key| body.get(*key)?.as_array());
    let inputs: Vec<&Value> = given.into_iter().flatten().collect();
    let dims = body.get("output_dimension").and_then(Value::as_u64);
    let vectors = unit_vectors(script, &inputs, dims);
    let of = |kind: &str| -> Value { vectors.iter().map(|vector| numbers(vector, kind)).collect() };
    let types = body.get("embedding_types").and_then(Value::as_array);
    let embeddings = match types {
        None if v1 => of("float"),
        None => json!({"float": of("float")}),
        Some(types) => {
            let kinds = types.iter().filter_map(Value::as_str);
            Value::Object(kinds.map(|kind| (kind.to_owned(), of(kind))).collect())
        }
    };
    let kind = if embeddings.is_array() {
        "embeddings_floats"
    } else {
        "embeddings_by_type"
    };
    let mut answer = json!({
        "id": "mimic-embed", "response_type": kind, "embeddings": embeddings, "texts": body.get("texts").unwrap_or(&json!([])),
        "meta": {"api_version": {"version": if v1 { "1" } else { "2" }}},
    });
    if !script.is("no_usage") {
        answer["meta"]["billed_units"] = json!({"input_tokens": tokens(script, body)});
    }
    answer
}

/// Voyage's and Jina's list, whose words for the kind of numbers differ.
fn listed(script: &Script, body: &Map<String, Value>) -> Value {
    let word = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let inputs: Vec<&Value> = match &body["input"] {
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    };
    let dims = body
        .get("output_dimension")
        .or_else(|| body.get("dimensions"));
    let vectors = unit_vectors(script, &inputs, dims.and_then(Value::as_u64));
    let kind = match (word("output_dtype"), word("embedding_type")) {
        ("" | "float", "") if word("encoding_format") == "base64" => "base64",
        ("", kind) => kind,
        (kind, _) => kind,
    };
    let pack = |numbers: Value| match (word("encoding_format"), kind) {
        ("base64", "int8" | "uint8" | "binary" | "ubinary") => {
            let bytes = numbers.as_array().into_iter().flatten();
            let bytes: Vec<u8> = bytes.filter_map(Value::as_i64).map(|n| n as u8).collect();
            json!(STANDARD.encode(bytes))
        }
        _ => numbers,
    };
    let data = vectors.iter().enumerate();
    let data = data.map(|(index, vector)| json!({"object": "embedding", "index": index, "embedding": pack(numbers(vector, kind))}));
    let mut answer =
        json!({"object": "list", "data": data.collect::<Vec<_>>(), "model": body["model"]});
    if !script.is("no_usage") {
        answer["usage"] = json!({"total_tokens": tokens(script, body)});
    }
    answer
}

/// No usage, as AI Studio answered for long.
fn google_vectors(script: &Script, body: &Map<String, Value>, batch: bool) -> Value {
    let one = Value::Object(body.clone());
    let requests: Vec<&Value> = match body.get("requests").and_then(Value::as_array) {
        Some(requests) => requests.iter().collect(),
        None => vec![&one],
    };
    let mut embeddings: Vec<Value> = requests
        .iter()
        .map(|request| {
            let dims = request["outputDimensionality"].as_u64();
            let text = &request["content"]["parts"][0]["text"];
            json!({"values": unit_vectors(script, &[text], dims)[0]})
        })
        .collect();
    match batch {
        true => json!({"embeddings": embeddings}),
        false => json!({"embedding": embeddings.remove(0)}),
    }
}

#[cfg(test)]
mod tests;
