//! Whole answers and failures: each becomes an answer or an error that every client can read.

use http::HeaderMap;
use http::header::{HeaderValue, RETRY_AFTER};
use serde::de::IgnoredAny;
use weir_dialect::{client, upstream};
use weir_model::{Content, Dialect, Laws, Operation, Rejection, Response, fold, unfold};

use crate::setting::{Choices, Setting};

/// Holds both lanes to it.
pub fn check(dialect: Dialect, body: &[u8]) {
    let setting = Setting::of(body);
    let receipts = Operation::ALL.map(|operation| upstream(dialect).read_receipt(operation, body));
    for receipt in receipts.iter().flatten() {
        let span = receipt.model_span.clone().map(|span| &body[span]);
        assert!(span.is_none_or(|raw| raw.starts_with(b"\"") && raw.ends_with(b"\"")));
    }
    for refused in receipts.iter().filter_map(|receipt| receipt.as_ref().err()) {
        rejected(refused);
    }
    match upstream(dialect).decode_response(body, &setting.cx()) {
        Err(refused) => rejected(&refused),
        Ok(response) => {
            if let Ok(receipt) = &receipts[0] {
                let finish = response
                    .choices
                    .first()
                    .and_then(|choice| choice.finish.as_ref());
                assert_eq!(receipt.usage, response.usage);
                assert_eq!(receipt.finish, finish.map(|finish| finish.reason));
            }
            answered(&response, &setting);
        }
    }
    failed(dialect, body);
}

/// What every client gets of an answer is an answer of its dialect, with the same words.
fn answered(response: &Response, setting: &Setting) {
    let events = unfold(response.clone());
    let mut laws = Laws::default();
    for event in &events {
        laws.observe(event).expect("a lawful stream");
    }
    fold(events).expect("an answer");
    for target in Dialect::ALL {
        let encoded = client(target)
            .encode_response(response, &setting.cx())
            .value;
        match upstream(target).decode_response(&encoded, &setting.cx()) {
            Ok(again) => {
                assert_eq!(words(target, response), words(target, &again));
                assert_eq!(tokens(response), tokens(&again));
            }
            Err(refused) => panic!("{refused}: {}", String::from_utf8_lossy(&encoded)),
        }
    }
}

/// The same bytes as the body of a failure.
fn failed(dialect: Dialect, body: &[u8]) {
    let mut choices = Choices::of(body);
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(&body[..body.len().min(8)]) {
        headers.insert(RETRY_AFTER, value);
    }
    let status = 300 + choices.below(300) as u16;
    rejected(&upstream(dialect).decode_failure(status, &headers, body));
}

/// Every client can read it.
fn rejected(rejection: &Rejection) {
    for target in Dialect::ALL {
        let body = client(target).encode_rejection(rejection, "req_1");
        serde_json::from_slice::<IgnoredAny>(&body).expect("JSON");
        assert!((400..600).contains(&client(target).rejection_status(rejection)));
        let frames = client(target).encode_stream_rejection(rejection, "req_1");
        crate::stream::terminal(target, &frames, true);
    }
}

/// What a client of the dialect reads of an answer, whatever blocks it is cut into: a line for each
/// choice that it sees.
pub(crate) fn words(target: Dialect, response: &Response) -> String {
    let seen = match target {
        Dialect::OpenAiChat | Dialect::Gemini => response.choices.len(),
        Dialect::AnthropicMessages | Dialect::OpenAiResponses | Dialect::CohereChat => 1,
    };
    let mut lines = String::new();
    for choice in response.choices.iter().take(seen) {
        let [mut text, mut refusal, mut reasoning] = [const { String::new() }; 3];
        let mut tools = Vec::new();
        for block in &choice.blocks {
            match &block.content {
                Content::Refusal { text: more }
                    if !matches!(target, Dialect::AnthropicMessages | Dialect::CohereChat) =>
                {
                    refusal += more;
                }
                Content::Text { text: more, .. } | Content::Refusal { text: more } => text += more,
                Content::Reasoning { text: more, .. } => reasoning += more,
                Content::ToolCall(call) => tools.push(&call.name),
                _ => {}
            }
        }
        lines += &format!("{text:?} {refusal:?} {reasoning:?} {tools:?}\n");
    }
    lines
}

/// All input and all output tokens.
fn tokens(response: &Response) -> (u64, u64) {
    let usage = response.usage.unwrap_or_default();
    let cached = usage
        .cache_read_tokens
        .saturating_add(usage.cache_write_tokens);
    assert!(
        cached <= usage.input_tokens && usage.cache_write_1h_tokens <= usage.cache_write_tokens
    );
    (usage.input_tokens, usage.output_tokens)
}
