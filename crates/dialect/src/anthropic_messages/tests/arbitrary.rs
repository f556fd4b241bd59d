//! Requests and streams that no one would send.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use weir_model::{
    Block, CacheMark, CacheTtl, Capabilities, Content, Effort, Event, Finish, FinishReason, Json,
    Media, MediaSource, Message, OutputFormat, Reasoning, ReasoningControl, Request, Response,
    Role, Sampling, Tool, ToolCall, ToolChoice, ToolResult, Usage, unfold,
};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![" {0,2}", "[a-z\u{2028}\"\\\\ ]{0,6}", ".{0,4}"]
}

fn mark() -> impl Strategy<Value = Option<CacheMark>> {
    let ttl = prop_oneof![
        Just(None),
        Just(Some(CacheTtl::FiveMinutes)),
        Just(Some(CacheTtl::OneHour))
    ];
    of(ttl.prop_map(|ttl| CacheMark { ttl }))
}

fn media() -> impl Strategy<Value = Media> {
    let source = prop_oneof![
        prop_oneof![Just("iVBORw0KGgo="), Just("JVBERi0x"), Just("AAAA")]
            .prop_map(|data| MediaSource::Base64(data.into())),
        Just(MediaSource::Url("https://example.com/a".into())),
        Just(MediaSource::FileId("file_1".into())),
        text().prop_map(MediaSource::Text),
    ];
    let media_type = of(prop_oneof![
        Just("image/png".to_owned()),
        Just("image/bmp".to_owned()),
        Just("text/plain".to_owned())
    ]);
    (source, media_type, of(text()), of(Just("low".to_owned()))).prop_map(
        |(source, media_type, name, detail)| Media {
            source,
            media_type,
            name,
            detail,
        },
    )
}

fn arguments() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("{\"a\": 1}".to_owned()),
        Just("[1]".to_owned()),
        text()
    ]
}

fn leaf() -> BoxedStrategy<Content> {
    let citation = prop_oneof![
        Just(r#"{"type":"char_location"}"#),
        Just(r#"{"type":"url_citation"}"#),
        Just("7")
    ];
    prop_oneof![
        (
            text(),
            vec(citation.prop_map(|c| Json::parse(c).unwrap()), 0..2)
        )
            .prop_map(|(text, citations)| Content::Text { text, citations }),
        (text(), of("[a-z]{1,3}"))
            .prop_map(|(text, signature)| Content::Reasoning { text, signature }),
        Just(Content::RedactedReasoning {
            data: "c2ln".into()
        }),
        text().prop_map(|text| Content::Refusal { text }),
        media().prop_map(Content::Image),
        media().prop_map(Content::Audio),
        media().prop_map(Content::Document),
        ("[a-z.]{0,4}", "[a-z]{1,4}", arguments()).prop_map(|(id, name, arguments)| {
            Content::ToolCall(ToolCall {
                id,
                name,
                arguments,
            })
        }),
        Just(Content::Opaque {
            kind: "anthropic:fallback".into(),
            json: Json::parse(r#"{"type":"fallback"}"#).unwrap(),
        }),
        Just(Content::Opaque {
            kind: "other:x".into(),
            json: Json::empty_object()
        }),
    ]
    .boxed()
}

fn block() -> BoxedStrategy<Block> {
    let inner = (leaf(), mark()).prop_map(|(content, cache)| Block { content, cache });
    let result = ("[a-z.]{0,4}", vec(inner, 0..3), any::<bool>()).prop_map(
        |(call_id, content, is_error)| {
            Content::ToolResult(ToolResult {
                call_id,
                content,
                is_error,
            })
        },
    );
    let content = prop_oneof![4 => leaf(), 1 => result];
    (content, mark())
        .prop_map(|(content, cache)| Block { content, cache })
        .boxed()
}

fn message() -> BoxedStrategy<Message> {
    let role = prop_oneof![
        Just(Role::System),
        Just(Role::Developer),
        Just(Role::User),
        Just(Role::Assistant)
    ];
    let messages = (role, vec(block(), 0..4)).prop_map(|(role, blocks)| Message {
        role,
        blocks,
        name: None,
    });
    messages.boxed()
}

fn tool() -> impl Strategy<Value = Tool> {
    let parameters = prop_oneof![
        Just("{}"),
        Just("[]"),
        Just(r#"{"type":"object","properties":{"n":{"type":"integer","minimum":1}}}"#)
    ];
    ("[a-z]{1,4}", parameters, of(any::<bool>()), mark()).prop_map(
        |(name, parameters, strict, cache)| Tool {
            name,
            description: None,
            parameters: Json::parse(parameters).unwrap(),
            strict,
            cache,
        },
    )
}

fn reasoning() -> impl Strategy<Value = Reasoning> {
    let effort = prop_oneof![
        Just(Effort::None),
        Just(Effort::Minimal),
        Just(Effort::Medium),
        Just(Effort::Max)
    ];
    (of(any::<bool>()), of(effort), of(0..70_000_u64)).prop_map(
        |(enabled, effort, budget_tokens)| Reasoning {
            enabled,
            effort,
            budget_tokens,
            display: None,
        },
    )
}

fn sampling() -> impl Strategy<Value = Sampling> {
    (of(0.0..2.0), of(0.0..1.0), of(1..50_u64), vec(text(), 0..2)).prop_map(
        |(temperature, top_p, top_k, stop)| Sampling {
            temperature,
            top_p,
            top_k,
            stop,
            ..Sampling::default()
        },
    )
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    let choice = prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        Just(ToolChoice::Tool("x".into()))
    ];
    let output = prop_oneof![
        Just(OutputFormat::Text),
        Just(OutputFormat::JsonObject),
        Just(OutputFormat::JsonSchema {
            name: Some("x".into()),
            description: None,
            schema: Json::parse(r#"{"type":"object","properties":{}}"#).unwrap(),
            strict: Some(true),
        })
    ];
    let talk = (vec(message(), 0..6), vec(tool(), 0..3), of(choice)).boxed();
    let rest = (of(any::<bool>()), of(output), of(0..70_000_u64), mark()).boxed();
    (talk, rest, sampling().boxed(), of(reasoning()).boxed()).prop_map(
        |((messages, tools, tool_choice), rest, sampling, reasoning)| Request {
            model: "claude".into(),
            messages,
            tools,
            tool_choice,
            parallel_tool_calls: rest.0,
            output: rest.1,
            max_output_tokens: rest.2,
            cache: rest.3,
            sampling,
            reasoning,
            ..Request::default()
        },
    )
}

pub(super) fn capabilities() -> impl Strategy<Value = Capabilities> {
    let reasoning = prop_oneof![
        Just(ReasoningControl::Unknown),
        Just(ReasoningControl::None),
        Just(ReasoningControl::Budget),
        Just(ReasoningControl::Adaptive)
    ];
    let most = of(prop_oneof![Just(512), Just(4096_u64), Just(64_000)]);
    (reasoning, most, any::<[bool; 5]>()).prop_map(|(reasoning, max_output_tokens, able)| {
        Capabilities {
            context_window: None,
            max_output_tokens,
            reasoning,
            no_sampling: able[0],
            temperature_xor_top_p: able[1],
            json_schema: able[2],
            no_prefill: able[3],
            mid_system: able[4],
        }
    })
}

/// An answer that Anthropic could give.
pub(super) fn response() -> impl Strategy<Value = Response> {
    let citation = Json::parse(r#"{"type":"page_location","cited_text":"x"}"#).unwrap();
    let block = prop_oneof![
        ("[a-z\u{2029}\n]{0,5}", 0..2_usize).prop_map(move |(text, n)| Content::Text {
            text,
            citations: vec![citation.clone(); n],
        }),
        (text(), of("[a-z]{1,3}"))
            .prop_map(|(text, signature)| Content::Reasoning { text, signature }),
        Just(Content::RedactedReasoning { data: "x".into() }),
        "[a-z]{1,3}".prop_map(|id| Content::ToolCall(ToolCall {
            id,
            name: "look".into(),
            arguments: "{\"n\":12345678901234567890}".into(),
        })),
        Just(Content::Opaque {
            kind: "anthropic:fallback".into(),
            json: Json::parse(r#"{"type":"fallback"}"#).unwrap(),
        }),
    ];
    let usage =
        (0..9_u64, 0..9_u64, 0..9_u64, 0..9_u64).prop_map(|(plain, read, write, out)| Usage {
            input_tokens: plain + read + write,
            cache_read_tokens: read,
            cache_write_tokens: write,
            cache_write_1h_tokens: write / 2,
            output_tokens: out,
            reasoning_tokens: out / 2,
            web_searches: read,
            ..Usage::default()
        });
    let finish = prop_oneof![
        Just(("end_turn", FinishReason::Stop)),
        Just(("max_tokens", FinishReason::Length)),
        Just(("tool_use", FinishReason::ToolCalls)),
        Just(("refusal", FinishReason::Refusal))
    ];
    // An answer never ends with a thought that says nothing.
    let blocks = vec(block, 0..5).prop_map(|mut blocks| {
        while matches!(&blocks[..], [_, .., Content::Reasoning { text, .. }] if text.is_empty()) {
            blocks.pop();
        }
        blocks
    });
    (blocks, usage, finish).prop_map(|(blocks, usage, (word, reason))| Response {
        id: Some("msg_1".into()),
        model: Some("claude".into()),
        choices: vec![weir_model::Choice {
            blocks: blocks.into_iter().map(Block::from).collect(),
            finish: Some(Finish {
                native: Some(word.into()),
                ..Finish::new(reason)
            }),
            logprobs: Vec::new(),
        }],
        usage: Some(usage),
        ..Response::default()
    })
}

/// The events of an answer, its blocks interleaved as other vendors do: all open, then all grow.
pub(super) fn interleaved(response: Response) -> Vec<Event> {
    let mut events = unfold(response);
    let rank = |event: &Event| match event {
        Event::Start { .. } => 0,
        Event::Open { .. } => 1,
        Event::Delta { .. } => 2,
        Event::Close { .. } => 3,
        _ => 4,
    };
    events.sort_by_key(rank);
    events
}
