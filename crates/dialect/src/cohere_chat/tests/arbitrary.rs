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

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{1,6}", "[0-9a-z.-]{1,4}", "(_x[0-9a-f]{1,2}_?){1,2}"]
}

fn media() -> impl Strategy<Value = Media> {
    let source = prop_oneof![
        Just(MediaSource::Base64("AAAA".into())),
        Just(MediaSource::Url("https://example.com/a".into())),
        Just(MediaSource::Url("gs://a/b".into())),
        Just(MediaSource::FileId("file_1".into())),
        text().prop_map(MediaSource::Text),
    ];
    let kinds = ["image/png", "text/plain"];
    let media_type = of(prop::sample::select(kinds.to_vec()).prop_map(str::to_owned));
    let detail = of(prop::sample::select(&["low", "auto"][..]).prop_map(str::to_owned));
    (source, media_type, of(text()), detail).prop_map(|(source, media_type, name, detail)| Media {
        source,
        media_type,
        name,
        detail,
    })
}

/// Citations of three vendors, and of nobody.
fn citation() -> impl Strategy<Value = Json> {
    let shapes = [
        r#"{"start":0,"end":2,"text":"ab","sources":[{"type":"document","id":"d"}],"type":"TEXT_CONTENT"}"#,
        r#"{"type":"url_citation","start_index":1,"end_index":900,"url":"u","title":"t"}"#,
        r#"{"type":"char_location","cited_text":"q","document_index":0,"document_title":"t"}"#,
        "7",
    ];
    prop::sample::select(shapes.to_vec()).prop_map(|shape| Json::parse(shape).unwrap())
}

/// What a model may answer.
fn said() -> BoxedStrategy<Content> {
    let arguments = prop_oneof![Just(String::new()), Just("{\"a\": 1}".to_owned()), text()];
    prop_oneof![
        (text(), vec(citation(), 0..3))
            .prop_map(|(text, citations)| Content::Text { text, citations }),
        (text(), of(text())).prop_map(|(text, signature)| Content::Reasoning { text, signature }),
        Just(Content::RedactedReasoning {
            data: "c2ln".into()
        }),
        text().prop_map(|text| Content::Refusal { text }),
        ("[a-z.]{1,4}", name(), arguments).prop_map(|(id, name, arguments)| {
            Content::ToolCall(ToolCall {
                id,
                name,
                arguments,
            })
        }),
        Just(Content::Opaque {
            kind: "cohere:drawing".into(),
            json: Json::parse(r#"{"type":"drawing"}"#).unwrap(),
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
        r#"{"type":"object"}"#,
        r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}"#,
    ];
    let schema = prop::sample::select(schemas.to_vec());
    (name(), of(text()), schema, of(any::<bool>())).prop_map(
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
    (of(any::<bool>()), effort, of(0_u64..40_000)).prop_map(|(enabled, effort, budget_tokens)| {
        Reasoning {
            enabled,
            effort,
            budget_tokens,
            display: None,
        }
    })
}

fn output() -> impl Strategy<Value = OutputFormat> {
    let schema = |schema: &str| OutputFormat::JsonSchema {
        name: Some("a".into()),
        description: None,
        schema: Json::parse(schema).unwrap(),
        strict: None,
    };
    prop_oneof![
        Just(OutputFormat::Text),
        Just(OutputFormat::JsonObject),
        Just(schema("{}")),
        Just(schema(
            r#"{"type":"object","required":["a"],"properties":{"a":{}}}"#
        )),
        Just(schema(
            r#"{"type":"object","required":["a"],"properties":{"a":{"type":"object"}}}"#
        )),
    ]
}

fn choice() -> impl Strategy<Value = ToolChoice> {
    prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        name().prop_map(ToolChoice::Tool),
    ]
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    let tenths = || of((-8_i8..20).prop_map(|tenths| f64::from(tenths) / 8.0));
    let numbers = (tenths(), tenths(), tenths(), tenths());
    let counts = (
        of(any::<i64>()),
        of(0_u64..900),
        of(0_u32..2),
        of(any::<bool>()),
    );
    let sampling = (numbers, counts, vec(text(), 0..7)).prop_map(|(numbers, counts, stop)| {
        let (temperature, top_p, frequency_penalty, presence_penalty) = numbers;
        let (seed, top_k, n, logprobs) = counts;
        Sampling {
            temperature,
            top_p,
            frequency_penalty,
            presence_penalty,
            seed,
            top_k,
            n,
            logprobs,
            stop,
            citations: logprobs,
            ..Sampling::default()
        }
    });
    let tools = (vec(tool(), 0..3), of(choice()), of(any::<bool>()));
    let shape = (of(output()), of(reasoning()), sampling, of(1_u64..9));
    (vec(message(), 0..5), tools, shape).prop_map(
        |(messages, (tools, tool_choice, parallel_tool_calls), shape)| Request {
            model: "m".to_owned(),
            messages,
            tools,
            tool_choice,
            parallel_tool_calls,
            output: shape.0,
            reasoning: shape.1,
            sampling: shape.2,
            max_output_tokens: shape.3,
            stream_usage: true,
            ..Request::default()
        },
    )
}

pub(super) fn response() -> impl Strategy<Value = Response> {
    let reasons = [
        FinishReason::Stop,
        FinishReason::ToolCalls,
        FinishReason::Length,
        FinishReason::ContentFilter,
        FinishReason::Refusal,
        FinishReason::Other,
    ];
    let finish = prop::sample::select(reasons.to_vec()).prop_map(Finish::new);
    let choice = (vec(said(), 0..5), finish).prop_map(|(blocks, finish)| Choice {
        blocks: blocks.into_iter().map(Block::from).collect(),
        finish: Some(finish),
        logprobs: Vec::new(),
    });
    let usage = of((0_u64..99, 0_u64..99, 0_u64..99).prop_map(
        |(input_tokens, output_tokens, cached)| Usage {
            input_tokens,
            output_tokens,
            cache_read_tokens: cached.min(input_tokens),
            ..Usage::default()
        },
    ));
    (vec(choice, 1..3), usage).prop_map(|(choices, usage)| Response {
        model: Some("m".to_owned()),
        choices,
        usage,
        ..Response::default()
    })
}
