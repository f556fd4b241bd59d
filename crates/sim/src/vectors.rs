//! Embeddings on OpenAI's wire and reranking on Jina's, written by hand: the same text always has the
//! same vector, and a document is as relevant as it shares words with the query.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{script::Script, turn::hash, wire::count_words};

/// Per input a unit vector that depends on its JSON text alone, of `dims` numbers or as many as the
/// model's name says.
#[must_use]
pub fn unit_vectors(script: &Script, inputs: &[&Value], dims: Option<u64>) -> Vec<Vec<f32>> {
    let dims = dims
        .or_else(|| script.number("dims"))
        .unwrap_or(256)
        .clamp(1, 4096);
    let vectors = inputs.iter().map(|input| {
        let seed = hash(7, input.to_string().as_bytes());
        let raw: Vec<f32> = (0..dims)
            .map(|n| (hash(seed, &n.to_be_bytes()) >> 40) as f32 / (1_u32 << 23) as f32 - 1.0)
            .collect();
        let squares = raw.iter().map(|x| x * x).sum::<f32>();
        let length = squares.sqrt().max(f32::MIN_POSITIVE);
        raw.iter().map(|x| x / length).collect()
    });
    vectors.collect()
}

/// Base64 of little-endian `f32`.
#[must_use]
pub fn packed(vector: &[f32]) -> String {
    STANDARD.encode(
        vector
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect::<Vec<u8>>(),
    )
}

/// The tokens of inputs, or of a query and its documents: their words, or the model's `in`.
#[must_use]
pub fn input_words(script: &Script, inputs: &[&Value]) -> u64 {
    let numbers = |v: &Value| v.as_array().map_or(0, |list| list.len() as u64);
    let words = inputs.iter().map(|v| count_words(v).max(numbers(v))).sum();
    script.number("in").unwrap_or(words)
}

/// The answer to `POST /v1/embeddings`: vectors as floats, or as base64 when `encoding_format` asks
/// for it.
#[must_use]
pub fn embeddings(script: &Script, body: &Value) -> String {
    let input = &body["input"];
    let inputs: Vec<&Value> = match input.as_array() {
        Some(list) if !list.first().is_some_and(Value::is_number) => list.iter().collect(),
        _ => vec![input],
    };
    let encoded = body["encoding_format"] == "base64";
    let vectors = unit_vectors(script, &inputs, body["dimensions"].as_u64());
    let data = vectors.iter().enumerate().map(|(index, unit)| {
        let vector = match encoded {
            true => json!(packed(unit)),
            false => json!(unit),
        };
        json!({"object": "embedding", "index": index, "embedding": vector})
    });
    let tokens = input_words(script, &inputs);
    let mut answer = json!({
        "object": "list",
        "data": data.collect::<Vec<_>>(),
        "model": body["model"],
    });
    if !script.is("no_usage") {
        answer["usage"] = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    }
    answer.to_string()
}

/// Documents by the share of the query's words that they hold, the greatest first: index and score.
#[must_use]
pub fn relevance(query: &str, documents: &[&str]) -> Vec<(usize, f64)> {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect()
    };
    let asked = words(query);
    let mut ranked: Vec<(usize, f64)> = documents
        .iter()
        .map(|document| {
            let held = words(document);
            let shared = asked.iter().filter(|word| held.contains(word)).count();
            shared as f64 / asked.len().max(1) as f64
        })
        .enumerate()
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked
}

/// The text of a document, which may stand in an object.
#[must_use]
pub fn document_text(document: &Value) -> &str {
    let text = document.as_str().or_else(|| document["text"].as_str());
    text.unwrap_or_default()
}

/// The answer to `POST /v1/rerank`.
#[must_use]
pub fn rerank(script: &Script, body: &Value) -> String {
    let documents: &[Value] = body["documents"].as_array().map_or(&[], Vec::as_slice);
    let texts: Vec<&str> = documents.iter().map(document_text).collect();
    let ranked = relevance(document_text(&body["query"]), &texts);
    let most = body["top_n"].as_u64().unwrap_or(u64::MAX);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let results = ranked.iter().take(most).map(|(index, score)| {
        let mut result = json!({"index": index, "relevance_score": score});
        if body["return_documents"] != false {
            result["document"] = json!({"text": texts[*index]});
        }
        result
    });
    let results: Vec<Value> = results.collect();
    let tokens = input_words(script, &[&body["query"], &body["documents"]]);
    let mut answer = json!({"object": "list", "model": body["model"], "results": results});
    if !script.is("no_usage") {
        answer["usage"] = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    }
    answer.to_string()
}
