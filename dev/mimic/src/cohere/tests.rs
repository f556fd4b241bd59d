//! Every rule with a request that breaks it and its neighbour that does not.

use serde_json::json;

use super::*;

fn refusal(patch: &Value) -> Option<Refusal> {
    let mut body = json!({"model": "echo", "messages": [{"role": "user", "content": "hi"}]});
    for (key, value) in patch.as_object().unwrap() {
        body[key] = value.clone();
    }
    check(body.as_object().unwrap()).err()
}

/// Requests that are refused, the status and a part of the reason, and neighbours that are not.
fn hold<const N: usize>(cases: [(Value, u16, &str, Value); N]) {
    for (refused, status, because, accepted) in cases {
        let refusal_ = refusal(&refused).expect(because);
        assert!(refusal_.message.contains(because), "{}", refusal_.message);
        assert_eq!(refusal_.status, status, "{because}");
        assert_eq!(refusal(&accepted), None, "{because}");
    }
}

fn messages(list: Value) -> Value {
    json!({ "messages": list })
}

fn said(content: Value) -> Value {
    messages(json!([{"role": "user", "content": content}]))
}

fn tools(function: Value) -> Value {
    json!({"tools": [{"type": "function", "function": function}]})
}

fn looped(call: Value, result: Value) -> Value {
    messages(json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_plan": "I look.", "tool_calls": [call]},
        result,
    ]))
}

#[test]
fn rules_of_fields() {
    hold([
        (
            json!({"top_p": 0.5}),
            422,
            "unknown field",
            json!({"p": 0.5}),
        ),
        (json!({"model": ""}), 400, "a model parameter", json!({})),
        (
            json!({"temperature": 1.5}),
            400,
            "between 0 and 1",
            json!({"temperature": 1}),
        ),
        (json!({"p": 1.0}), 400, "p must be", json!({"p": 0.99})),
        (json!({"k": 501}), 400, "k must be", json!({"k": 0})),
        (
            json!({"max_tokens": 0}),
            400,
            "max_tokens",
            json!({"max_tokens": 1}),
        ),
        (json!({"seed": -1}), 400, "seed", json!({"seed": u64::MAX})),
        (
            json!({"frequency_penalty": 0.1, "presence_penalty": 0.1}),
            400,
            "cannot specify both",
            json!({"frequency_penalty": 0.1, "presence_penalty": 0}),
        ),
        (
            json!({"stop_sequences": ["a", "b", "c", "d", "e", "f"]}),
            400,
            "at most 5",
            json!({"stop_sequences": ["a", "b", "c", "d", "e"]}),
        ),
        (
            json!({"stream": "yes"}),
            422,
            "boolean",
            json!({"stream": true}),
        ),
        (
            json!({"thinking": {"type": "enabled", "token_budget": 0}}),
            400,
            "positive integer",
            json!({"thinking": {"type": "disabled"}}),
        ),
        (
            json!({"thinking": {}}),
            400,
            "thinking.type",
            json!({"thinking": {"type": "enabled"}}),
        ),
        (
            json!({"citation_options": {"mode": "fast"}}),
            400,
            "citation_options.mode",
            json!({"citation_options": {"mode": "FAST"}}),
        ),
        (
            json!({"safety_mode": "NONE"}),
            400,
            "safety_mode",
            json!({"safety_mode": "OFF"}),
        ),
    ]);
}

#[test]
fn rules_of_messages() {
    let system = json!({"role": "system", "content": "Be brief."});
    let user = json!({"role": "user", "content": "hi"});
    hold([
        (messages(json!([])), 400, "must not be empty", json!({})),
        (
            messages(json!([{"role": "developer", "content": "a"}])),
            400,
            "invalid role",
            json!({}),
        ),
        (
            messages(json!([user, system])),
            400,
            "system turn must be the first",
            messages(json!([system, user])),
        ),
        (
            said(json!("")),
            400,
            "must not be empty in a turn",
            said(json!(" ")),
        ),
        (
            said(json!([{"type": "document", "document": {"data": "a"}}])),
            400,
            "invalid type 'document'",
            said(json!([{"type": "text", "text": "a"}])),
        ),
        (
            said(json!([{"type": "image_url", "image_url": {"url": "gs://a"}}])),
            400,
            "not an image",
            said(
                json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]),
            ),
        ),
        (
            messages(json!([{"role": "user", "content": "hi", "name": "Ann"}])),
            422,
            "messages[0].name",
            json!({}),
        ),
    ]);
}

#[test]
fn rules_of_tools() {
    let call =
        json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let result = json!({"role": "tool", "tool_call_id": "c1", "content": ""});
    let fine = looped(call.clone(), result.clone());
    let mut other = result.clone();
    other["tool_call_id"] = "c2".into();
    let mut cut = call.clone();
    cut["function"]["arguments"] = "{\"a".into();
    let schema =
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let named = |name: &str| tools(json!({"name": name, "parameters": schema}));
    let lax = json!({"type": "object", "properties": {}});
    let mut strict = tools(json!({"name": "f", "parameters": lax}));
    let untied = strict.clone();
    strict["strict_tools"] = true.into();
    let mut required = named("f");
    required["tool_choice"] = "REQUIRED".into();
    hold([
        (
            looped(call.clone(), other),
            400,
            "not found in previous",
            fine.clone(),
        ),
        (looped(cut, result.clone()), 400, "not JSON", fine),
        (named("a-b"), 400, "certain characters", named("a_b")),
        (named("2b"), 400, "begin with a digit", named("b2")),
        (
            tools(json!({"name": "f"})),
            400,
            "schema must be an object",
            named("f"),
        ),
        (strict, 400, "at least one required", untied),
        (
            json!({"tool_choice": "REQUIRED"}),
            400,
            "needs tools",
            required,
        ),
    ]);
}

#[test]
fn rules_of_documents_and_shapes() {
    let shaped =
        |schema: Value| json!({"response_format": {"type": "json_object", "json_schema": schema}});
    let fits =
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let mut grounded = shaped(fits.clone());
    grounded["documents"] = json!(["a"]);
    hold([
        (
            json!({"documents": []}),
            400,
            "must not be empty",
            json!({"documents": ["a"]}),
        ),
        (
            json!({"documents": [{"data": {}}]}),
            400,
            "index 0 cannot be empty",
            json!({"documents": [{"data": {"text": "a"}}]}),
        ),
        (
            json!({"documents": [{"id": "a", "data": "a"}, {"id": "a", "data": "b"}]}),
            400,
            "duplicate document ID",
            json!({"documents": [{"id": "a", "data": "a"}, {"id": "b", "data": "b"}]}),
        ),
        (
            grounded,
            400,
            "not supported with RAG",
            shaped(fits.clone()),
        ),
        (
            shaped(json!({"type": "array"})),
            400,
            "schema must be an object",
            shaped(fits.clone()),
        ),
        (
            shaped(json!({"type": "object"})),
            400,
            "required field",
            shaped(fits),
        ),
        (
            json!({"safety_mode": "STRICT", "documents": ["a"]}),
            400,
            "safety_mode is not supported",
            json!({"safety_mode": "STRICT"}),
        ),
    ]);
}

#[test]
fn rules_of_keys() {
    let asked = |value: Option<&'static str>| {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert("authorization", value.parse().unwrap());
        }
        check_headers(&headers).map_err(|refusal| refusal.status)
    };
    assert_eq!(asked(Some("Bearer anything")), Ok(()));
    assert_eq!(asked(Some("bearer anything")), Ok(()));
    for wrong in [None, Some("Bearer sk-bad"), Some("Basic a")] {
        assert_eq!(asked(wrong), Err(401));
    }
}
