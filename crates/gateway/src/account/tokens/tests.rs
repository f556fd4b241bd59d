//! Known counts of known texts and conversations, and how a count shares the process.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use weir_model::Dialect;

use super::*;

fn decoded(dialect: Dialect, body: &str) -> Request {
    let client = weir_dialect::client(dialect);
    client
        .decode_counted(&body.to_owned().into())
        .unwrap()
        .value
}

fn claude(rest: &str) -> u64 {
    let body = format!(r#"{{"model":"m",{rest}}}"#);
    of_request(&decoded(Dialect::AnthropicMessages, &body))
}

/// A request of one user turn, and what its blocks add to an empty one.
fn added(blocks: &str) -> u64 {
    let turn = |blocks| {
        claude(&format!(
            r#""messages":[{{"role":"user","content":[{{"type":"text","text":"x"}}{blocks}]}}]"#
        ))
    };
    turn(blocks) - turn("")
}

/// Counts that OpenAI's cookbook gives for `o200k_base`.
#[test]
fn texts_have_their_known_counts() {
    for (text, count) in [
        ("", 0),
        ("hello world", 2),
        ("antidisestablishmentarianism", 6),
        ("2 + 2 = 4", 7),
        ("お誕生日おめでとう", 8),
        ("<|endoftext|>", 7),
    ] {
        assert_eq!(of_text(text), count, "{text}");
    }
}

/// The cookbook's conversations, for which the vendor itself reported 124 and 101 tokens.
#[test]
fn conversations_are_counted_as_the_vendor_does() {
    let conversation = r#"{"model":"gpt-4o","messages":[
        {"role":"system","content":"You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
        {"role":"system","name":"example_user","content":"New synergies will help drive top-line growth."},
        {"role":"system","name":"example_assistant","content":"Things working well together will increase revenue."},
        {"role":"system","name":"example_user","content":"Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
        {"role":"system","name":"example_assistant","content":"Let's talk later when we're less busy about how to do better."},
        {"role":"user","content":"This late pivot means we don't have time to boil the ocean for the client deliverable."}]}"#;
    assert_eq!(of_request(&decoded(Dialect::OpenAiChat, conversation)), 124);
    let weather = r#"{"model":"gpt-4o",
        "tools":[{"type":"function","function":{"name":"get_current_weather","description":"Get the current weather in a given location","parameters":{"type":"object","properties":{"location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"},"unit":{"type":"string","description":"The unit of temperature to return","enum":["celsius","fahrenheit"]}},"required":["location"]}}}],
        "messages":[
            {"role":"system","content":"You are a helpful assistant that can answer to questions about the weather."},
            {"role":"user","content":"What's the weather like in Pittsburgh?"}]}"#;
    let counted = of_request(&decoded(Dialect::OpenAiChat, weather));
    assert_eq!(counted, 102, "one more than the vendor's");
}

/// Every part of a request of the other dialect counts, once.
#[test]
fn every_part_counts() {
    let hello = r#""messages":[{"role":"user","content":"hello world"}]"#;
    assert_eq!(claude(hello), PER_ANSWER + PER_MESSAGE + 2);
    let system = format!(r#"{hello},"system":"hello world""#);
    assert_eq!(claude(&system), claude(hello) + PER_MESSAGE + 2);
    let image = r#",{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}"#;
    assert_eq!(added(image), PER_IMAGE);
    let pdf = r#",{"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}}"#;
    assert_eq!(added(pdf), PER_DOCUMENT);
    let text = r#",{"type":"document","source":{"type":"text","media_type":"text/plain","data":"hello world"}}"#;
    assert_eq!(added(text), 2);
    let said = |blocks: &str| {
        let turn = format!(r#",{{"role":"assistant","content":[{blocks}]}}]"#);
        claude(&hello.replace("}]", &format!("}}{turn}"))) - claude(hello) - PER_MESSAGE
    };
    let call = r#"{"type":"tool_use","id":"toolu_1","name":"hello","input":{"a":1}}"#;
    assert_eq!(said(call), PER_MESSAGE + 1 + of_text(r#"{"a":1}"#));
    let thought = r#"{"type":"thinking","thinking":"a long thought","signature":"x"}"#;
    assert_eq!(said(thought), 0);
    let result = r#",{"type":"tool_result","tool_use_id":"toolu_1","content":"hello world"}"#;
    assert_eq!(added(result), PER_MESSAGE + 2);
}

/// Megabytes of one letter or of blanks, which trip up backtracking splitters, count in one go.
#[test]
fn long_texts_count() {
    let bytes = 2 << 20;
    assert_eq!(of_text(&"a".repeat(bytes)), (bytes / 8) as u64);
    assert!(of_text(&" ".repeat(bytes)) < (bytes / 100) as u64);
    assert!(of_text(&"é".repeat(bytes)) > 0);
    let line = "One line of the text.\n";
    let lines = bytes / line.len();
    assert_eq!(of_text(&line.repeat(lines)), lines as u64 * of_text(line));
}

/// Whoever polls the count goes on with other work while it runs, and one that gets no turn gives up.
#[tokio::test(start_paused = true)]
async fn a_count_stalls_nobody_and_waits_its_turn() {
    let body = |text: &str| {
        let messages = format!(r#"[{{"role":"user","content":"{text}"}}]"#);
        Bytes::from(format!(r#"{{"model":"m","messages":{messages}}}"#))
    };
    let client = weir_dialect::client(Dialect::AnthropicMessages);
    let (counter, tasks) = (Counter::default(), TaskTracker::new());
    let deadline = Instant::now() + std::time::Duration::from_secs(5);
    let held = counter.0.acquire_many(MAX_COUNTS as u32).await.unwrap();
    let refused = counter.count(client, body("x"), &tasks, deadline).await;
    assert_eq!(refused.unwrap_err().kind, Kind::Overloaded);
    drop(held);
    let deadline = Instant::now() + std::time::Duration::from_secs(5);
    let mut large = pin!(counter.count(client, body(&"a".repeat(4 << 20)), &tasks, deadline));
    let first = poll_fn(|cx| Poll::Ready(large.as_mut().poll(cx)));
    assert!(first.await.is_pending());
    assert_eq!(large.await, Ok(PER_ANSWER + PER_MESSAGE + (4 << 20) / 8));
}
