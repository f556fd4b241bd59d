//! Each rule, with a neighbour that is just allowed.

use http::HeaderValue;

use super::*;

fn status(path: &str, body: &Value) -> (u16, Value) {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer sk-test"));
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    if path.starts_with("/v1beta") {
        headers.remove("authorization");
        headers.insert("x-goog-api-key", HeaderValue::from_static("key"));
    }
    let reply = answer(&asked(path).unwrap(), &headers, body.to_string().as_bytes()).unwrap();
    let bytes: Vec<u8> = reply
        .steps
        .iter()
        .flat_map(|step| step.bytes.to_vec())
        .collect();
    (reply.status, serde_json::from_slice(&bytes).unwrap())
}

fn patched(base: &Value, patch: &Value) -> Value {
    let mut body = base.clone();
    for (key, value) in patch.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

/// A path, a request that is fine, a patch that is refused, and one that is not.
type Case = (&'static str, &'static str, Value, Value);

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let named = |model: &str| json!([{"model": model, "content": {"parts": [{"text": "a"}]}, "taskType": "CLUSTERING"}]);
    vec![
        ("/cohere/v2/embed", EMBED, json!({"input_type": null}), json!({"input_type": "clustering"})),
        ("/cohere/v2/embed", EMBED, json!({"texts": vec!["a"; 97]}), json!({"texts": vec!["a"; 96]})),
        ("/cohere/v2/embed", EMBED, json!({"images": ["data:image/png;base64,AA=="]}), json!({"images": null})),
        ("/cohere/v2/embed", EMBED, json!({"embedding_types": ["half"]}), json!({"embedding_types": ["int8", "base64"]})),
        ("/cohere/v2/embed", EMBED, json!({"output_dimension": 257}), json!({"output_dimension": 256})),
        ("/cohere/v1/embed", EMBED, json!({"output_dimension": 256}), json!({"truncate": "END"})),
        ("/cohere/v2/rerank", RANK, json!({"return_documents": true}), json!({"top_n": 1})),
        ("/cohere/v2/rerank", RANK, json!({"documents": [{"text": "a"}]}), json!({"documents": ["a"]})),
        ("/cohere/v1/rerank", RANK, json!({"top_n": 0}), json!({"documents": [{"text": "a"}]})),
        ("/voyage/v1/embeddings", LIST, json!({"dimensions": 256}), json!({"output_dimension": 256})),
        ("/voyage/v1/embeddings", LIST, json!({"encoding_format": "float"}), json!({"encoding_format": "base64"})),
        ("/voyage/v1/embeddings", LIST, json!({"input": [[1]]}), json!({"input": "a"})),
        ("/voyage/v1/rerank", RANK, json!({"top_n": 1}), json!({"top_k": 1})),
        ("/jina/v1/embeddings", LIST, json!({"task": "search"}), json!({"task": "text-matching"})),
        ("/jina/v1/embeddings", LIST, json!({"encoding_format": "float"}), json!({"embedding_type": "base64"})),
        ("/jina/v1/rerank", RANK, json!({"query": ""}), json!({"return_documents": false})),
        (BATCH, "{}", json!({"requests": named("models/other")}), json!({"requests": named("models/embed")})),
        (BATCH, "{}", json!({"requests": named("models/embed"), "model": "m"}), json!({"requests": named("models/embed")})),
    ]
}

const EMBED: &str = r#"{"model":"embed","texts":["a"],"input_type":"search_query"}"#;
const LIST: &str = r#"{"model":"embed","input":["a"]}"#;
const RANK: &str = r#"{"model":"rerank","query":"q","documents":["a","b"]}"#;
const BATCH: &str = "/v1beta/models/embed:batchEmbedContents";

#[test]
fn each_vendor_refuses_what_it_does_not_know() {
    for (path, base, refused, accepted) in cases() {
        let base: Value = serde_json::from_str(base).unwrap();
        let (code, told) = status(path, &patched(&base, &refused));
        assert_eq!(code, 400, "{path} {refused}");
        let places = ["/message", "/detail", "/error/message"];
        assert!(places.iter().any(|at| told.pointer(at).is_some()), "{told}");
        let (code, told) = status(path, &patched(&base, &accepted));
        assert_eq!(code, 200, "{path} {accepted}: {told}");
    }
}

#[test]
fn numbers_of_every_kind_come_of_one_vector() {
    let vector = [0.5, -0.5, 1.0, -1.0, 0.25, 0.25, 0.25, 0.25];
    assert_eq!(numbers(&vector, "int8")[2], 127);
    assert_eq!(numbers(&vector, "uint8")[3], 1);
    assert_eq!(numbers(&vector, "ubinary"), json!([0b1010_1111]));
    assert_eq!(numbers(&vector, "binary"), json!([0b1010_1111 - 128]));
}
