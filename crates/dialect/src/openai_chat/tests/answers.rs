//! A whole answer, the stream of the same answer and its receipt say the same.

use proptest::prelude::*;
use weir_model::{
    Block, Choice, Content, Finish, FinishReason, Json, Operation, Request, Response, ToolCall,
    Usage, fold, unfold,
};

use super::streams::decode_sse;
use super::{Given, OpenAiChat};
use crate::{ClientDialect, UpstreamDialect};

fn reasoning() -> impl Strategy<Value = Vec<Content>> {
    let signed = (".{0,8}", "[a-z]{1,8}").prop_map(|(text, signature)| Content::Reasoning {
        text,
        signature: Some(signature),
    });
    let redacted = "[a-z]{1,8}".prop_map(|data| Content::RedactedReasoning { data });
    let plain = ".{1,8}".prop_map(|text| Content::Reasoning {
        text,
        signature: None,
    });
    prop_oneof![
        proptest::collection::vec(prop_oneof![signed, redacted], 0..4),
        plain.prop_map(|block| vec![block]),
    ]
}

fn calls() -> impl Strategy<Value = Vec<ToolCall>> {
    let call = ("[a-z]{1,6}", r#"\{("[a-z\\n]{0,4}":[0-9])?\}"#);
    proptest::collection::vec(call, 0..4).prop_map(|calls| {
        let calls = calls.into_iter().enumerate();
        calls
            .map(|(index, (name, arguments))| ToolCall {
                id: format!("call_{index}"),
                name,
                arguments,
            })
            .collect()
    })
}

fn choice() -> impl Strategy<Value = Choice> {
    let reason = prop_oneof![
        Just(FinishReason::Stop),
        Just(FinishReason::Length),
        Just(FinishReason::ContentFilter),
    ];
    let parts = (reasoning(), ".{0,12}", ".{0,6}", calls(), reason, 0usize..3);
    parts.prop_map(|(mut blocks, text, refusal, calls, reason, tokens)| {
        let mut logprobs = Vec::new();
        if !text.is_empty() {
            logprobs = vec![Json::parse(r#"{"token":"a"}"#).unwrap(); tokens];
            blocks.push(Block::text(text).content);
        }
        if !refusal.is_empty() {
            blocks.push(Content::Refusal { text: refusal });
        }
        let reason = match reason {
            FinishReason::Stop if !calls.is_empty() => FinishReason::ToolCalls,
            reason => reason,
        };
        blocks.extend(calls.into_iter().map(Content::ToolCall));
        Choice {
            blocks: blocks.into_iter().map(Block::from).collect(),
            finish: Some(Finish {
                native: Some(reason.name().to_owned()),
                ..Finish::new(reason)
            }),
            logprobs,
        }
    })
}

prop_compose! {
    fn response()(
        choices in proptest::collection::vec(choice(), 1..3),
        plain in 0u64..1000,
        cached in 0u64..100,
        written in 0u64..100,
        output in 0u64..1000,
        reasoned in 0u64..100,
    ) -> Response {
        Response {
            id: Some("chatcmpl-1".into()),
            model: Some("m".into()),
            created: Some(1),
            choices,
            usage: Some(Usage {
                input_tokens: plain + cached + written,
                cache_read_tokens: cached,
                cache_write_tokens: written,
                output_tokens: output,
                reasoning_tokens: reasoned,
                ..Usage::default()
            }),
            service_tier: None,
        }
    }
}

proptest! {
    #[test]
    fn whole_streamed_and_read_answers_agree(response in response()) {
        let mut given = Given::default();
        let whole = OpenAiChat.encode_response(&response, &given.cx());
        prop_assert!(whole.losses.is_empty(), "{:?}", whole.losses);
        let decoded = OpenAiChat.decode_response(&whole.value, &given.cx()).unwrap();
        prop_assert_eq!(&decoded, &response);

        let request = Request { stream_usage: true, ..Request::default() };
        let mut encoder = OpenAiChat.stream_encoder(&request, "m");
        let mut sse = Vec::new();
        for event in unfold(response.clone()) {
            encoder.encode(&event, &given.cx(), &mut sse);
        }
        prop_assert_eq!(&fold(decode_sse(&sse, &[])).unwrap(), &response);

        let receipt = OpenAiChat.read_receipt(Operation::Chat, &whole.value).unwrap();
        prop_assert_eq!(receipt.usage, response.usage);
        prop_assert_eq!(receipt.finish, response.choices[0].finish.as_ref().map(|f| f.reason));
        prop_assert_eq!(&whole.value[receipt.model_span.unwrap()], b"\"m\"");
    }
}
