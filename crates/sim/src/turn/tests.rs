//! What is answered to a prompt, the same each time.

use serde_json::json;

use super::*;

fn prompt(text: &str) -> Prompt {
    Prompt {
        text: text.to_owned(),
        input_tokens: 7,
        choices: 1,
        ..Prompt::default()
    }
}

fn answer(model: &str, prompt: &Prompt) -> Answer {
    compose(&Script::parse(model, &[]).unwrap(), prompt)
}

#[test]
fn words_lose_nothing() {
    for text in [
        "",
        " ",
        "a",
        " a b\n\nc ",
        "\u{2028}x\u{2029} y",
        UNICODE,
        LOREM,
    ] {
        assert_eq!(words(text).concat(), text);
    }
    assert_eq!(words("a b  c"), ["a", " b", "  c"]);
}

#[test]
fn echo_obeys_limits_and_stop_sequences() {
    let mut prompt = prompt("one two three four");
    let full = answer("echo", &prompt);
    assert_eq!(
        (full.text().as_str(), full.finish),
        ("one two three four", Some(Finish::Stop))
    );
    let usage = full.usage.unwrap();
    assert_eq!((usage.input, usage.output), (7, 4));

    prompt.max_tokens = Some(2);
    let short = answer("echo", &prompt);
    assert_eq!(
        (short.text().as_str(), short.finish),
        ("one two", Some(Finish::Length))
    );

    prompt.max_tokens = Some(4);
    prompt.stop = vec!["four".to_owned(), "three".to_owned()];
    let stopped = answer("echo", &prompt);
    assert_eq!(stopped.text(), "one two ");
    assert_eq!(stopped.finish, Some(Finish::Sequence("three".to_owned())));
}

#[test]
fn sizes_are_exact() {
    let prompt = Prompt {
        max_tokens: Some(1),
        ..prompt("hi")
    };
    assert_eq!(answer("lorem+size=100001", &prompt).text().len(), 100_001);
    assert_eq!(answer("lorem+size=1000+chunks=7", &prompt).pieces.len(), 7);
    for count in [0, 1, 2, 500] {
        let answer = answer(&format!("echo+chunks={count}"), &prompt);
        assert_eq!(answer.pieces.len(), count);
        assert_eq!(answer.usage.unwrap().output, count as u64);
    }
}

#[test]
fn usage_can_be_scripted() {
    let model = "echo+in=1000+out=50+cached=900+cache_write=500";
    let usage = answer(model, &prompt("hi")).usage.unwrap();
    let expected = Usage {
        input: 1000,
        output: 50,
        reasoning: 0,
        cache_read: 900,
        cache_write: 100,
    };
    assert_eq!(usage, expected);
    assert_eq!(answer("echo+no_usage", &prompt("hi")).usage, None);
    assert_eq!(answer("echo+no_finish", &prompt("hi")).finish, None);
}

#[test]
fn tools_are_called_with_arguments_that_fit() {
    let schema = json!({"type": "object", "properties": {
        "city": {"type": "string"}, "days": {"type": "integer", "minimum": 2},
        "unit": {"enum": ["c", "f"]}, "at": {"$ref": "#/$defs/when"},
        "tags": {"type": "array", "items": {"anyOf": [{"type": "boolean"}]}},
    }, "$defs": {"when": {"type": ["null", "string"], "format": "date"}}});
    let tool = |name: &str| Tool {
        name: name.to_owned(),
        schema: schema.clone(),
        custom: false,
    };
    let mut prompt = Prompt {
        tools: vec![tool("a"), tool("b")],
        ..prompt("weather?")
    };
    let called = answer("tools+calls=3", &prompt);
    assert_eq!(called.finish, Some(Finish::Calls));
    let names: Vec<&str> = called.calls.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "a"]);
    assert_ne!(called.calls[0].id, called.calls[2].id);
    assert!(called.calls.iter().all(|c| c.id.len() == 22));
    let arguments: Value = serde_json::from_str(&called.calls[0].arguments).unwrap();
    let expected =
        json!({"city": "sample", "days": 2, "unit": "c", "at": "2026-01-31", "tags": [true]});
    assert_eq!(arguments, expected);
    assert_eq!(answer("tools+empty", &prompt).calls[0].arguments, "{}");
    assert!(answer("echo", &prompt).calls.is_empty());

    prompt.result = Some("sunny".to_owned());
    assert_eq!(answer("tools", &prompt).text(), "sunny");
    prompt.forced = true;
    assert_eq!(answer("echo", &prompt).calls.len(), 1);
}

#[test]
fn a_signature_depends_on_every_byte() {
    let long = "x".repeat(1000);
    let changed = format!("{}y{}", &long[..500], &long[501..]);
    assert_ne!(sign(&long), sign(&changed));
    assert_eq!(sign(&long), sign(&long));
    assert_ne!(sign(""), sign(" "));
    let thought = answer("thinking+redact", &prompt("hi")).thought.unwrap();
    assert_eq!(thought.signature, sign(&thought.text));
    assert!(thought.redacted.is_some());
}
