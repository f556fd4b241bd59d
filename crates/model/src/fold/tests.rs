//! `fold` undoes `unfold`, and what `unfold` makes keeps the laws.

use proptest::prelude::*;

use crate::{
    Block, Choice, Content, Finish, FinishReason, Laws, Response, ToolCall, Usage, fold, unfold,
};

fn block() -> impl Strategy<Value = Block> {
    prop_oneof![
        ".*".prop_map(Block::text),
        (".*", proptest::option::of("[a-z]+")).prop_map(|(text, signature)| Content::Reasoning {
            text,
            signature
        }
        .into()),
        "[a-z]+".prop_map(|data| Content::RedactedReasoning { data }.into()),
        ".*".prop_map(|text| Content::Refusal { text }.into()),
        ("[a-z]+", "[a-z]+", ".*").prop_map(|(id, name, arguments)| {
            Content::ToolCall(ToolCall {
                id,
                name,
                arguments,
            })
            .into()
        }),
    ]
}

fn response() -> impl Strategy<Value = Response> {
    let choice = proptest::collection::vec(block(), 0..4).prop_map(|blocks| Choice {
        blocks,
        finish: Some(Finish::new(FinishReason::Stop)),
        logprobs: Vec::new(),
    });
    (proptest::collection::vec(choice, 0..3), any::<bool>()).prop_map(|(choices, used)| Response {
        id: Some("id".into()),
        choices,
        usage: used.then(|| Usage {
            input_tokens: 3,
            output_tokens: 4,
            ..Usage::default()
        }),
        ..Response::default()
    })
}

proptest! {
    #[test]
    fn fold_undoes_unfold(response in response()) {
        let events = unfold(response.clone());
        let mut laws = Laws::default();
        for event in &events {
            laws.observe(event).unwrap();
        }
        prop_assert_eq!(fold(events).unwrap(), response);
    }
}
