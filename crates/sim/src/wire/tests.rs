//! Both wires, whole and streamed: frames in order, the same text and usage.

use serde_json::{Map, json};

use super::*;

fn frames(wire: Wire, body: &Value) -> Vec<Frame> {
    let script = Script::parse(body["model"].as_str().unwrap(), &[]).unwrap();
    let prompt = wire.read(body);
    wire.frames(&prompt, &compose(&script, &prompt))
}

fn whole(wire: Wire, body: &Value) -> Value {
    let script = Script::parse(body["model"].as_str().unwrap(), &[]).unwrap();
    let prompt = wire.read(body);
    serde_json::from_str(&wire.whole(&prompt, &compose(&script, &prompt))).unwrap()
}

/// The JSON of a frame, and its event name if it has one; panics unless the framing is exact.
fn event(frame: &Frame) -> (Option<&str>, Value) {
    let text = frame.text.strip_suffix("\n\n").unwrap();
    let (name, data) = match text.split_once('\n') {
        Some((name, data)) => (name.strip_prefix("event: "), data),
        None => (None, text),
    };
    (
        name,
        serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap(),
    )
}

fn append(target: &mut Map<String, Value>, key: &str, piece: &Value) {
    if let Some(piece) = piece.as_str() {
        let so_far = target.get(key).and_then(Value::as_str).unwrap_or_default();
        target.insert(key.to_owned(), json!(format!("{so_far}{piece}")));
    }
}

/// Folds a chat stream into choices as a client would.
fn fold_chat(frames: &[Frame]) -> (Vec<Value>, Option<Value>) {
    let (last, chunks) = frames.split_last().unwrap();
    assert_eq!(last.text, "data: [DONE]\n\n");
    let mut choices: Vec<Map<String, Value>> = Vec::new();
    let mut usage = None;
    for chunk in chunks.iter().map(|frame| event(frame).1) {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        usage = chunk.get("usage").filter(|u| !u.is_null()).cloned();
        for choice in chunk["choices"].as_array().unwrap() {
            let index = choice["index"].as_u64().unwrap() as usize;
            if choices.len() <= index {
                choices.resize(index + 1, Map::new());
            }
            let target = &mut choices[index];
            assert!(
                !target.contains_key("finish"),
                "delta after the finish reason"
            );
            let delta = &choice["delta"];
            append(target, "content", &delta["content"]);
            append(target, "reasoning_content", &delta["reasoning_content"]);
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let slot = format!("call{}", call["index"]);
                if let Some(id) = call.get("id") {
                    assert!(!target.contains_key(&slot), "id given twice");
                    target.insert(
                        slot.clone(),
                        json!({"id": id, "name": call["function"]["name"], "arguments": ""}),
                    );
                }
                let map = target[&slot].as_object_mut().unwrap();
                append(map, "arguments", &call["function"]["arguments"]);
            }
            if !choice["finish_reason"].is_null() {
                target.insert("finish".to_owned(), choice["finish_reason"].clone());
            }
        }
    }
    (choices.into_iter().map(Value::from).collect(), usage)
}

/// The same fold of a whole answer.
fn flat_choice(choice: &Value) -> Value {
    let message = &choice["message"];
    let mut flat = json!({
        "content": message["content"].as_str().unwrap_or_default(),
        "finish": choice["finish_reason"],
    });
    if let Some(text) = message.get("reasoning_content") {
        flat["reasoning_content"] = text.clone();
    }
    for (index, call) in message["tool_calls"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let function = &call["function"];
        flat[format!("call{index}")] =
            json!({"id": call["id"], "name": function["name"], "arguments": function["arguments"]});
    }
    flat
}

#[test]
fn a_chat_stream_says_what_the_whole_answer_says() {
    for model in [
        "echo",
        "unicode",
        "thinking",
        "tools+calls=3",
        "tools+calls=2+interleave+preface",
        "tools+empty",
        "json",
    ] {
        let body = json!({
            "model": model, "n": 2, "stream_options": {"include_usage": true},
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hello there \u{1f600}"}]}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters":
                {"type": "object", "properties": {"q": {"type": "string"}}}}}],
        });
        let (choices, usage) = fold_chat(&frames(Wire::Chat, &body));
        let whole = whole(Wire::Chat, &body);
        assert_eq!(usage.as_ref(), Some(&whole["usage"]), "{model}");
        let expected: Vec<Value> = whole["choices"]
            .as_array()
            .unwrap()
            .iter()
            .map(flat_choice)
            .collect();
        assert_eq!(choices, expected, "{model}");
        assert_eq!(choices.len(), 2);
    }
}

#[test]
fn a_messages_stream_says_what_the_whole_answer_says() {
    for model in [
        "echo",
        "unicode",
        "thinking+redact",
        "thinking+calls=1",
        "tools+calls=2+preface",
        "tools+empty",
    ] {
        let body = json!({
            "model": model, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}],
            "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}}}],
        });
        let mut blocks: Vec<Value> = Vec::new();
        let mut open = None;
        let mut last = Value::Null;
        let frames = frames(Wire::Messages, &body);
        for frame in &frames {
            let (name, event) = event(frame);
            assert_eq!(name, event["type"].as_str());
            match name.unwrap() {
                "content_block_start" => {
                    assert_eq!(
                        (open, event["index"].as_u64()),
                        (None, Some(blocks.len() as u64))
                    );
                    open = Some(blocks.len());
                    blocks.push(event["content_block"].clone());
                }
                "content_block_delta" => {
                    let block = blocks[open.unwrap()].as_object_mut().unwrap();
                    for key in ["text", "thinking", "signature", "partial_json"] {
                        append(block, key, &event["delta"][key]);
                    }
                }
                "content_block_stop" => open = None,
                "message_delta" => last = event,
                _ => {}
            }
        }
        assert_eq!(open, None);
        for block in blocks.iter_mut().filter_map(Value::as_object_mut) {
            if let Some(Value::String(json)) = block.remove("partial_json")
                && !json.is_empty()
            {
                block.insert("input".to_owned(), serde_json::from_str(&json).unwrap());
            }
        }
        let whole = whole(Wire::Messages, &body);
        assert_eq!(whole["content"], Value::from(blocks), "{model}");
        assert_eq!(last["delta"]["stop_reason"], whole["stop_reason"]);
        assert_eq!(last["usage"], whole["usage"]);
        assert_eq!(frames.first().unwrap().part, Part::Open);
        assert_eq!(frames.last().unwrap().part, Part::Done);
    }
}

#[test]
fn usage_appears_where_it_is_asked_for() {
    let seen = |model: &str, asked: bool| {
        let body = json!({"model": model, "stream_options": {"include_usage": asked},
            "messages": [{"role": "user", "content": "a b c"}]});
        let frames = frames(Wire::Chat, &body);
        let usages = frames[..frames.len() - 1]
            .iter()
            .map(|f| event(f).1["usage"].clone());
        usages.filter(|u| !u.is_null()).collect::<Vec<_>>()
    };
    assert_eq!(seen("echo", false).len(), 0);
    assert_eq!(seen("echo", true).len(), 1);
    assert_eq!(seen("echo+no_usage", true).len(), 0);
    let each = seen("echo+usage_each", true);
    let written: Vec<u64> = each
        .iter()
        .map(|u| u["completion_tokens"].as_u64().unwrap())
        .collect();
    assert_eq!(written, [0, 1, 2, 3, 3, 3]);
}

#[test]
fn anthropic_input_tokens_exclude_the_cache() {
    let body = json!({"model": "echo+in=100+cached=60+cache_write=30", "max_tokens": 5,
        "messages": [{"role": "user", "content": "hi"}]});
    let usage = &whole(Wire::Messages, &body)["usage"];
    assert_eq!(usage["input_tokens"], 10);
    assert_eq!(usage["cache_read_input_tokens"], 60);
    assert_eq!(usage["cache_creation_input_tokens"], 30);
    let usage = &whole(Wire::Chat, &body)["usage"];
    assert_eq!(
        (
            &usage["prompt_tokens"],
            &usage["prompt_tokens_details"]["cached_tokens"]
        ),
        (&json!(100), &json!(60))
    );
}

#[test]
fn log_probabilities_cover_the_text() {
    let body = json!({"model": "echo", "logprobs": true, "top_logprobs": 2,
        "messages": [{"role": "user", "content": "one two"}]});
    let whole = whole(Wire::Chat, &body);
    let content = whole["choices"][0]["logprobs"]["content"]
        .as_array()
        .unwrap();
    let tokens: Vec<&str> = content
        .iter()
        .map(|t| t["token"].as_str().unwrap())
        .collect();
    assert_eq!(tokens, ["one", " two"]);
    assert!(
        content
            .iter()
            .all(|t| t["top_logprobs"].as_array().unwrap().len() == 2)
    );
}

#[test]
fn the_same_request_gets_the_same_bytes() {
    for wire in [Wire::Chat, Wire::Completions, Wire::Messages] {
        let body = json!({"model": "tools+calls=2", "prompt": "p", "max_tokens": 9, "stream": true,
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [{"type": "function", "function": {"name": "f"}, "name": "f", "input_schema": {}}]});
        assert_eq!(frames(wire, &body), frames(wire, &body));
        let mut other = body.clone();
        other["user"] = json!("u");
        assert_ne!(
            frames(wire, &body),
            frames(wire, &other),
            "ids depend on the request"
        );
    }
}

#[test]
fn a_streamed_response_repeats_itself_at_its_end() {
    let tool = json!({"type": "function", "name": "f", "parameters": {"type": "object"}});
    for (model, kinds) in [
        ("echo", &["message"][..]),
        ("thinking+redact", &["reasoning", "reasoning", "message"]),
        (
            "tools+calls=2+preface",
            &["message", "function_call", "function_call"],
        ),
    ] {
        let body = json!({"model": model, "input": "one two", "tools": [tool], "stream": true});
        let frames = frames(Wire::Responses, &body);
        let mut items = Vec::new();
        for (number, frame) in frames.iter().enumerate() {
            let (name, data) = event(frame);
            assert_eq!(
                (name, &data["sequence_number"]),
                (data["type"].as_str(), &json!(number))
            );
            if name == Some("response.output_item.done") {
                items.push(data["item"].clone());
            }
        }
        let (name, last) = event(frames.last().unwrap());
        assert_eq!(name, Some("response.completed"));
        assert_eq!(last["response"]["output"], Value::Array(items));
        let found: Vec<_> = last["response"]["output"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| &item["type"])
            .collect();
        assert_eq!(found, kinds, "{model}");
        let whole = whole(Wire::Responses, &body);
        assert_eq!(whole, last["response"]);
    }
}
