//! What the vendor refuses.

use serde_json::Value;

/// Panics at what a strict Messages API refuses, as far as we know it.
pub(super) fn strict(body: &Value) {
    let messages = body["messages"].as_array().unwrap();
    assert!(!messages.is_empty());
    let mut marks = Vec::new();
    let mut last = "";
    for tool in body["tools"].as_array().into_iter().flatten() {
        assert_eq!(tool["input_schema"]["type"], "object", "{tool}");
        marks.extend(mark(tool));
    }
    for part in body["system"].as_array().into_iter().flatten() {
        check_part(part, "system", &mut marks);
    }
    for message in messages {
        let role = message["role"].as_str().unwrap();
        assert_ne!(role, last, "roles alternate");
        assert!(role != "system" || last == "user", "system follows a user");
        assert!(
            last != "system" || role == "assistant",
            "a system text ends a turn"
        );
        let parts = message["content"].as_array().unwrap();
        assert!(!parts.is_empty());
        let first_other = parts.iter().position(|p| p["type"] != "tool_result");
        let results = parts.iter().rposition(|p| p["type"] == "tool_result");
        assert!(results < first_other || results.is_none() || first_other.is_none());
        for part in parts {
            check_part(part, role, &mut marks);
        }
        last = role;
    }
    if last == "assistant" {
        let parts = messages.last().unwrap()["content"].as_array().unwrap();
        let text = parts.last().unwrap()["text"].as_str().unwrap_or_default();
        assert_eq!(text, text.trim_end());
    }
    marks.extend(mark(body));
    assert!(marks.len() <= 4, "{marks:?}");
    check_parameters(body, last);
}

fn mark(value: &Value) -> Option<bool> {
    let mark = value.get("cache_control")?;
    Some(mark["ttl"] == "1h")
}

fn check_part(part: &Value, role: &str, marks: &mut Vec<bool>) {
    let kind = part["type"].as_str().unwrap();
    match kind {
        "text" => assert!(!part["text"].as_str().unwrap().trim().is_empty()),
        "thinking" => assert!(!part["signature"].as_str().unwrap().is_empty()),
        "tool_use" => {
            assert!(part["input"].is_object());
            let id = part["id"].as_str().unwrap();
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            assert!(!id.is_empty() && id.chars().all(fits), "{id}");
        }
        _ => {}
    }
    match role {
        "user" => assert!(!["thinking", "redacted_thinking", "tool_use"].contains(&kind)),
        "assistant" => assert!(!["tool_result", "image", "document"].contains(&kind)),
        _ => assert_eq!(kind, "text"),
    }
    for inner in part["content"].as_array().into_iter().flatten() {
        check_part(inner, "user", marks);
    }
    if let Some(hour) = mark(part) {
        assert!(
            !hour || marks.iter().all(|hour| *hour),
            "an hour follows five minutes"
        );
        marks.push(hour);
    }
}

fn check_parameters(body: &Value, last: &str) {
    let max_tokens = body["max_tokens"].as_u64().unwrap();
    let thinking = body["thinking"]["type"].as_str().unwrap_or_default();
    let thinks = ["enabled", "adaptive"].contains(&thinking);
    if thinking == "enabled" {
        let budget = body["thinking"]["budget_tokens"].as_u64().unwrap();
        assert!(
            (1024..max_tokens).contains(&budget),
            "{budget} of {max_tokens}"
        );
    }
    if thinks {
        assert!(body["temperature"].as_f64().is_none_or(|t| t == 1.0));
        assert!(body["top_p"].as_f64().is_none_or(|p| p >= 0.95));
        assert!(body["top_k"].is_null());
        assert!(
            !["any", "tool"]
                .map(Value::from)
                .contains(&body["tool_choice"]["type"])
        );
        assert_ne!(last, "assistant", "no prefill with thinking");
    }
    assert!(body["temperature"].as_f64().is_none_or(|t| t <= 1.0));
    assert!(body["tools"].is_array() || body["tool_choice"].is_null());
    for stop in body["stop_sequences"].as_array().into_iter().flatten() {
        assert!(!stop.as_str().unwrap().trim().is_empty());
    }
}
