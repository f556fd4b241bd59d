//! Requests and answers that no one would send.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use weir_model::{
    Block, Choice, Content, Effort, Finish, FinishReason, Json, Media, MediaSource, Message,
    OutputFormat, Reasoning, Request, Response, Role, Sampling, Tool, ToolCall, ToolChoice,
    ToolResult, Usage,
};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![" {0,2}", "[a-z\u{2028}\"\\\\ ]{0,6}", ".{0,4}"]
}

fn media() -> impl Strategy<Value = Media> {
    let source = prop_oneof![
        Just(MediaSource::Base64("AAAA".into())),
        Just(MediaSource::Url("https://example.com/a.mp4".into())),
        Just(MediaSource::FileId("file_1".into())),
        Just(MediaSource::FileId("gs://a/b".into())),
        text().prop_map(MediaSource::Text),
    ];
    let kinds = ["image/png", "audio/wav", "text/plain", "video/mp4", ""];
    let media_type = of(prop::sample::select(kinds.to_vec()).prop_map(str::to_owned));
    let detail = of(prop::sample::select(&["low", "auto"][..]).prop_map(str::to_owned));
    (source, media_type, of(text()), detail).prop_map(|(source, media_type, name, detail)| Media {
        source,
        media_type,
        name,
        detail,
    })
}

fn signature() -> impl Strategy<Value = Option<String>> {
    let words = [
        "gemini/call:c2ln",
        "gemini/text:c2ln",
        "gemini/thought:c2ln",
        "EqQB",
        "",
    ];
    of(prop::sample::select(words.to_vec()).prop_map(str::to_owned))
}

/// What a model may answer.
fn said() -> BoxedStrategy<Content> {
    let arguments = prop_oneof![Just(String::new()), Just("{\"a\": 1}".to_owned()), text()];
    prop_oneof![
        text().prop_map(|text| Content::Text {
            text,
            citations: vec![Json::parse("7").unwrap()]
        }),
        (text(), signature()).prop_map(|(text, signature)| Content::Reasoning { text, signature }),
        Just(Content::RedactedReasoning {
            data: "c2ln".into()
        }),
        text().prop_map(|text| Content::Refusal { text }),
        ("[a-z.]{1,4}", "[a-z]{1,4}", arguments).prop_map(|(id, name, arguments)| {
            Content::ToolCall(ToolCall {
                id,
                name,
                arguments,
            })
        }),
        Just(Content::Opaque {
            kind: "gemini:executableCode".into(),
            json: Json::parse(r#"{"executableCode":{"code":"1"}}"#).unwrap(),
        }),
        Just(Content::Opaque {
            kind: "other:x".into(),
            json: Json::empty_object()
        }),
    ]
    .boxed()
}

fn leaf() -> BoxedStrategy<Content> {
    prop_oneof![
        3 => said(),
        1 => media().prop_map(Content::Image),
        1 => media().prop_map(Content::Audio),
        1 => media().prop_map(Content::Document),
    ]
    .boxed()
}

fn block() -> impl Strategy<Value = Block> {
    let result = ("[a-z.]{1,4}", vec(leaf(), 0..3), any::<bool>()).prop_map(
        |(call_id, content, is_error)| {
            let content = content.into_iter().map(Block::from).collect();
            Content::ToolResult(ToolResult {
                call_id,
                content,
                is_error,
            })
        },
    );
    prop_oneof![4 => leaf(), 1 => result].prop_map(Block::from)
}

fn message() -> impl Strategy<Value = Message> {
    let roles = [Role::System, Role::Developer, Role::User, Role::Assistant];
    let role = prop::sample::select(roles.to_vec());
    (role, vec(block(), 0..4), of(text())).prop_map(|(role, blocks, name)| Message {
        role,
        blocks,
        name,
    })
}

fn tool() -> impl Strategy<Value = Tool> {
    let schemas = [
        "{}",
        r#"{"type":"object","properties":{}}"#,
        r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/a","description":"x"}}}"##,
    ];
    let schema = prop::sample::select(schemas.to_vec());
    ("[a-z]{1,4}", of(text()), schema, of(any::<bool>())).prop_map(
        |(name, description, schema, strict)| Tool {
            name,
            description,
            parameters: Json::parse(schema).unwrap(),
            strict,
            cache: None,
        },
    )
}

fn reasoning() -> impl Strategy<Value = Reasoning> {
    let efforts = [Effort::None, Effort::Minimal, Effort::Medium, Effort::Max];
    let effort = of(prop::sample::select(efforts.to_vec()));
    (of(any::<bool>()), effort, of(1_u64..40_000)).prop_map(|(enabled, effort, budget_tokens)| {
        Reasoning {
            enabled,
            effort,
            budget_tokens,
            display: None,
        }
    })
}

fn output() -> impl Strategy<Value = OutputFormat> {
    let schema = OutputFormat::JsonSchema {
        name: Some("a".into()),
        description: None,
        schema: Json::empty_object(),
        strict: None,
    };
    prop_oneof![
        Just(OutputFormat::Text),
        Just(OutputFormat::JsonObject),
        Just(schema)
    ]
}

fn choice() -> impl Strategy<Value = ToolChoice> {
    prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required)
    ]
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    let sampling = (
        of((0_u8..20).prop_map(|tenths| f64::from(tenths) / 8.0)),
        of(any::<i64>()),
        vec(text(), 0..7),
        of(0_u32..9),
    )
        .prop_map(|(temperature, seed, stop, n)| Sampling {
            temperature,
            seed,
            stop,
            n,
            logprobs: n.map(|n| n > 1),
            top_logprobs: n,
            ..Sampling::default()
        });
    let models = ["gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-pro", "x"];
    let conversation = (prop::sample::select(models.to_vec()), vec(message(), 0..5));
    let tools = (vec(tool(), 0..3), of(choice()), of(any::<bool>()));
    let shape = (of(output()), of(reasoning()), sampling);
    (conversation, tools, shape).prop_map(
        |((model, messages), (tools, tool_choice, parallel_tool_calls), shape)| Request {
            model: model.to_owned(),
            messages,
            tools,
            tool_choice,
            parallel_tool_calls,
            output: shape.0,
            reasoning: shape.1,
            sampling: shape.2,
            ..Request::default()
        },
    )
}

pub(super) fn response() -> impl Strategy<Value = Response> {
    let reasons = [
        FinishReason::Stop,
        FinishReason::ToolCalls,
        FinishReason::Length,
        FinishReason::Refusal,
        FinishReason::Other,
    ];
    let finish = prop::sample::select(reasons.to_vec()).prop_map(Finish::new);
    let choice = (vec(said(), 0..4), finish).prop_map(|(blocks, finish)| Choice {
        blocks: blocks.into_iter().map(Block::from).collect(),
        finish: Some(finish),
        logprobs: Vec::new(),
    });
    let usage = of(
        (0_u64..99, 0_u64..99).prop_map(|(input_tokens, output_tokens)| Usage {
            input_tokens,
            output_tokens,
            ..Usage::default()
        }),
    );
    (vec(choice, 1..3), usage).prop_map(|(choices, usage)| Response {
        model: Some("m".to_owned()),
        choices,
        usage,
        ..Response::default()
    })
}
