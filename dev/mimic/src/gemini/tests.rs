//! Every rule with a request that breaks it and its neighbour that does not.

use serde_json::json;

use super::*;

fn check(patch: Value) -> Checked {
    let mut body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    for (key, value) in patch.as_object().unwrap() {
        body[key] = value.clone();
    }
    check_body(&body, "gemini-3-pro", Asked::Whole)
}

fn say(parts: Value) -> Value {
    json!({"contents": [{"role": "user", "parts": parts}]})
}

fn tool(declaration: Value) -> Value {
    json!({"tools": [{"functionDeclarations": [declaration]}]})
}

fn config(config: Value) -> Value {
    json!({ "generationConfig": config })
}

fn call(part: Value) -> Value {
    json!({"contents": [{"parts": [{"text": "hi"}]}, {"role": "model", "parts": [part]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}]})
}

/// Requests that are refused, a part of the reason, and neighbours that are not.
fn hold<const N: usize>(cases: [(Value, &str, Value); N]) {
    for (refused, because, accepted) in cases {
        let refusal = check(refused).expect_err(because);
        assert!(refusal.message.contains(because), "{}", refusal.message);
        assert_eq!((refusal.status, refusal.kind), (400, "INVALID_ARGUMENT"));
        assert_eq!(check(accepted), Ok(()), "{because}");
    }
}

#[test]
fn rules_of_contents_and_configurations() {
    let system = json!({"contents": [{"role": "system", "parts": [{"text": "a"}]}]});
    let (json, shaped) = ("application/json", json!({"responseJsonSchema": {}}));
    let mut typed = shaped.clone();
    typed["responseMimeType"] = json.into();
    let both = json!({"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}});
    let level = json!({"thinkingConfig": {"thinkingLevel": "LOW"}});
    let seed = json!({"seed": 1});
    hold([
        (
            json!({"contents": []}),
            "contents is not specified",
            json!({}),
        ),
        (seed.clone(), "Unknown name \"seed\"", config(seed)),
        (
            config(json!({"top_x": 1})),
            "Unknown name \"top_x\"",
            config(json!({"top_k": 1})),
        ),
        (
            say(json!([])),
            "must not be empty",
            say(json!({"text": ""})),
        ),
        (say(json!([{}])), "oneof field", say(json!([{"text": "a"}]))),
        (system, "valid role", json!({})),
        (config(shaped), "response_mime_type", config(typed)),
        (config(both), "only one", config(level)),
    ]);
}

#[test]
fn rules_of_tools() {
    let object = |schema: Value| tool(json!({"name": "f", "parameters": schema}));
    let typed = json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}}});
    let mut strict = typed.clone();
    strict["additionalProperties"] = false.into();
    let any = json!({"functionCallingConfig": {"mode": "ANY"}});
    let mut chosen = tool(json!({"name": "f"}));
    chosen["toolConfig"] = any.clone();
    let unsigned = json!({"functionCall": {"name": "f"}});
    let signed = json!({"functionCall": {"name": "f"}, "thoughtSignature": SKIP});
    let forged = json!({"functionCall": {"name": "f"}, "thoughtSignature": "AAAA"});
    hold([
        (object(strict), "additionalProperties", object(typed)),
        (
            object(json!({"type": "OBJECT"})),
            "non-empty",
            tool(json!({"name": "f"})),
        ),
        (
            json!({"toolConfig": any}),
            "without function_declarations",
            chosen,
        ),
        (
            call(unsigned),
            "missing a thought_signature",
            call(signed.clone()),
        ),
        (call(forged), "not valid", call(signed)),
    ]);
}

#[test]
fn keys_and_paths() {
    let headers = |name: &'static str, value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        check_headers(&headers).map_err(|refusal| refusal.status)
    };
    assert_eq!(headers("x-goog-api-key", "any"), Ok(()));
    assert_eq!(headers("x-goog-api-key", "sk-bad"), Err(400));
    assert_eq!(headers("authorization", "Bearer any"), Err(401));
    assert_eq!(headers("x-api-key", "any"), Err(403));
    let stream = asked("/v1beta/models/a%2Bb:streamGenerateContent");
    assert_eq!(stream, Some(("a+b".to_owned(), Asked::Stream)));
    assert_eq!(asked("/v1beta/models/a:embedContent"), None);
}
