//! What single streams become, in a short notation: `choice.block what`.

use serde_json::Value;
use weir_model::{Cx, Delta, Event, Opened, Rejection, Request};

use crate::openai_chat::OpenAiChat;
use crate::openai_chat::tests::{Given, fixtures, streams::decode_sse};
use crate::{ClientDialect, UpstreamDialect};

fn note(event: &Event) -> String {
    match event {
        Event::Start { model, .. } => format!("start {}", model.as_deref().unwrap_or("-")),
        Event::Open {
            choice,
            block,
            kind,
        } => match kind {
            Opened::ToolCall { id, name } => format!("{choice}.{block} open {name} {id}"),
            Opened::RedactedReasoning { data } => format!("{choice}.{block} open redacted {data}"),
            other => format!("{choice}.{block} open {other:?}"),
        },
        Event::Delta {
            choice,
            block,
            delta,
            logprobs,
        } => {
            let text = match delta {
                Delta::Signature(text) => format!("signed {text}"),
                Delta::Citation(_) => "cited".into(),
                Delta::Text(t) | Delta::Reasoning(t) | Delta::Arguments(t) | Delta::Refusal(t) => {
                    t.clone()
                }
            };
            let tokens = logprobs.iter().map(|_| "*").collect::<String>();
            format!("{choice}.{block} {text}{tokens}")
        }
        Event::Close { choice, block } => format!("{choice}.{block} close"),
        Event::Finish { choice, finish } => format!("{choice} {}", finish.reason.name()),
        Event::Usage(usage) => format!("usage {}/{}", usage.input_tokens, usage.output_tokens),
        Event::Ping => "ping".into(),
        Event::Opaque { kind } => format!("opaque {kind}"),
        Event::End => "end".into(),
        Event::Failed(rejection) => {
            format!("failed {} {}", rejection.kind.name(), rejection.status)
        }
    }
}

fn notes(fixture: &str) -> Vec<String> {
    let all = fixtures("streams", ".sse");
    let (_, sse) = all.iter().find(|(name, _)| name == fixture).unwrap();
    decode_sse(sse, &[]).iter().map(note).collect()
}

#[test]
fn parallel_calls_alternate() {
    assert_eq!(
        notes("tools_parallel"),
        [
            "start gpt-4.1-2025-04-14",
            "0.0 open get_weather call_a",
            "0.0 {\"city\":",
            "0.1 open get_weather call_b",
            "0.1 {\"city\":\"Tok",
            "0.0 \"Paris\"}",
            "0.1 yo\"}",
            "0.2 open get_time call_c",
            "0.0 close",
            "0.1 close",
            "0.2 close",
            "0 tool_calls",
            "usage 11/7",
            "end",
        ]
    );
}

#[test]
fn calls_at_one_index_are_told_apart_by_id_and_stop_is_upgraded() {
    let notes = notes("tools_whole_stop");
    assert!(
        notes[1].starts_with("0.0 open get_weather call_"),
        "{notes:?}"
    );
    assert_eq!(
        notes[2..],
        [
            "0.0 {\"city\":\"Paris\"}",
            "0.1 open get_time function-call-77",
            "0.1 {}",
            "0.0 close",
            "0.1 close",
            "0 tool_calls",
            // The total tells of reasoning that `completion_tokens` left out.
            "usage 20/75",
            "end",
        ]
    );
}

#[test]
fn reasoning_comes_by_three_names() {
    assert_eq!(
        notes("deepseek_reasoning"),
        [
            "start deepseek-reasoner",
            "0.0 open Reasoning",
            "0.0 Two and",
            "0.0  two.",
            "0.0 close",
            "0.1 open Text",
            "0.1 4",
            "0.1 close",
            "0 stop",
            "usage 100/12",
            "end",
        ]
    );
    assert_eq!(
        notes("openrouter_signed"),
        [
            "start anthropic/claude-sonnet-4",
            "0.0 open Reasoning",
            "0.0 The user wants",
            "0.0  the weather.",
            "0.0 signed EvcBCkgIChABGAIqQKkS",
            "0.0 close",
            "0.1 open redacted EmwKAhgBEgy3",
            "0.1 close",
            "0.2 open get_weather toolu_01A",
            "0.2 {\"city\":\"Florence\"}",
            "0.2 close",
            "0 tool_calls",
            "usage 11/7",
            "end",
        ]
    );
    let notes = notes("mistral_thinking");
    assert_eq!(
        notes[1..6],
        [
            "0.0 open Reasoning",
            "0.0 Sum it.",
            "0.0 close",
            "0.1 open Text",
            "0.1 4"
        ]
    );
}

#[test]
fn ends_are_what_the_vendor_said() {
    let last = |fixture: &str| notes(fixture).pop().unwrap();
    assert_eq!(last("missing_done"), "end");
    assert_eq!(last("cut"), "failed malformed 502");
    assert_eq!(last("error_midstream"), "failed upstream_failed 502");
    assert_eq!(last("openrouter_error"), "failed upstream_failed 502");
    assert_eq!(notes("content_filter")[4..], ["0 content_filter", "end"]);
    assert_eq!(notes("done_without_reason")[4..], ["0 other", "end"]);
    assert_eq!(notes("azure")[0], "start gpt-4o-2024-11-20");
    assert_eq!(
        notes("refusal")[1..4],
        ["0.0 open Refusal", "0.0 I can't", "0.0  help with that."]
    );
    assert_eq!(
        notes("web_search")[2..4],
        ["0.0 It is 12 degrees.", "0.0 cited"]
    );
    assert_eq!(notes("legacy_function_call").last().unwrap(), "end");
    assert_eq!(
        notes("n2_logprobs"),
        [
            "start gpt-4.1-2025-04-14",
            "0.0 open Text",
            "0.0 Heads*",
            "1.0 open Text",
            "1.0 Tails*",
            "1.0 close",
            "1 stop",
            "0.0 .",
            "0.0 close",
            "0 stop",
            "usage 11/7",
            "end",
        ]
    );
}

#[test]
fn the_model_is_found_in_a_chunk() {
    let decoder = OpenAiChat.stream_decoder();
    let data = br#"{"id":"x","model":"m-1","choices":[{"delta":{"content":"\"model\":\"no\""}}]}"#;
    assert_eq!(&data[decoder.model_span(data).unwrap()], b"\"m-1\"");
    assert_eq!(decoder.model_span(b"[DONE]"), None);
}

/// Encodes events, and parses the frames again; `[DONE]` becomes null.
fn encoded(events: &[Event], stream_usage: bool, cx: &Cx<'_>) -> Vec<Value> {
    let request = Request {
        stream_usage,
        ..Request::default()
    };
    let mut encoder = OpenAiChat.stream_encoder(&request, "alias");
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, cx, &mut out);
    }
    let text = String::from_utf8(out).unwrap();
    text.split_terminator("\n\n")
        .map(|frame| match frame.strip_prefix("data: ").unwrap() {
            "[DONE]" => Value::Null,
            data => serde_json::from_str(data).unwrap(),
        })
        .collect()
}

#[test]
fn usage_alone_is_no_answer() {
    let sse = b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\ndata: [DONE]\n\n";
    let events: Vec<_> = decode_sse(sse, &[]).iter().map(note).collect();
    assert_eq!(events, ["start -", "usage 3/0", "failed malformed 502"]);
}

#[test]
fn chunks_carry_identity_and_role_once() {
    let all = fixtures("streams", ".sse");
    let (_, sse) = all
        .iter()
        .find(|(name, _)| name == "tools_parallel")
        .unwrap();
    let frames = encoded(&decode_sse(sse, &[]), true, &Given::default().cx());
    let (done, chunks) = frames.split_last().unwrap();
    assert!(done.is_null());
    let ids: Vec<_> = chunks.iter().map(|chunk| &chunk["id"]).collect();
    assert!(ids.iter().all(|id| *id == "chatcmpl-BxN1"), "{ids:?}");
    assert!(chunks.iter().all(|chunk| chunk["model"] == "alias"));
    let roles = chunks
        .iter()
        .filter(|c| c["choices"][0]["delta"]["role"] == "assistant");
    assert_eq!(roles.count(), 1);
    let delta = |at: usize| &chunks[at]["choices"][0]["delta"]["tool_calls"][0];
    assert_eq!(delta(0)["id"], "call_a");
    assert_eq!(delta(2)["index"], 1);
    assert_eq!(delta(3).get("id"), None);
    // The call without arguments gets the empty object when it closes.
    assert_eq!(delta(7)["index"], 2);
    assert_eq!(delta(7)["function"]["arguments"], "{}");
    assert_eq!(chunks[8]["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(chunks[8]["usage"], Value::Null);
    let usage = chunks.last().unwrap();
    assert_eq!(usage["choices"], Value::Array(vec![]));
    assert_eq!(usage["usage"]["total_tokens"], 18);
}

#[test]
fn usage_is_hidden_from_those_who_did_not_ask() {
    let all = fixtures("streams", ".sse");
    let (_, sse) = all.iter().find(|(name, _)| name == "text").unwrap();
    let frames = encoded(&decode_sse(sse, &[]), false, &Given::default().cx());
    assert!(frames.iter().all(|frame| frame.get("usage").is_none()));
}

#[test]
fn a_failure_ends_the_stream_once() {
    let start = Event::Start {
        id: None,
        model: None,
        created: None,
    };
    let failed = Event::Failed(Rejection::upstream(weir_model::Kind::Timeout, "Too slow."));
    let mut given = Given::default();
    let frames = encoded(
        &[start, failed.clone(), failed, Event::End],
        true,
        &given.cx(),
    );
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0]["error"]["code"], "timeout");
    assert!(frames[1].is_null());
}
