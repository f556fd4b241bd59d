//! What calls used and cost: the same in every lane, exact where the vendor reports, flagged where
//! it does not, and never a zero that is not one.

use weir_model::{Money, Priced, Usage};

use crate::support::{Gateway, KEY, NARROW_KEY, Reaction, Scripted, Speaks, mimic, providers};

const MODEL: &str = "echo+in=1000+out=50+cached=400+cache_write=100";

/// Micro-USD per million tokens and nano-USD are in these amounts; see the sum below.
const PRICE: &str = "price: { input_usd_per_mtok: 2, output_usd_per_mtok: 8.5, \
                     cache_read_usd_per_mtok: 0.2, cache_write_usd_per_mtok: 2.5, request_usd: 0.001 }";

fn priced(url: &str) -> String {
    providers(url, &format!(", models: {{ \"{MODEL}\": {{ {PRICE} }} }}"))
}

#[tokio::test]
async fn usage_and_cost_are_the_same_in_every_lane() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&priced(&upstream.url())).await;
    for client in Speaks::BOTH {
        for (provider, stream) in [
            ("up", false),
            ("up", true),
            ("claude", false),
            ("claude", true),
        ] {
            let model = format!("{provider}/{MODEL}");
            let reply = gateway.call(client, client.chat(&model, stream)).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            let row = gateway.entry_of(&reply).await;
            // OpenAI's wire has no word for cache writes.
            let written = if provider == "claude" { 100 } else { 0 };
            let usage = Usage {
                input_tokens: 1000,
                output_tokens: 50,
                cache_read_tokens: 400,
                cache_write_tokens: written,
                ..Usage::default()
            };
            assert_eq!(
                (row.usage, row.estimated),
                (usage, false),
                "{client:?} {model}"
            );
            let plain = 1000 - 400 - written as i64;
            let nano = plain * 2000 + 400 * 200 + written as i64 * 2500 + 50 * 8500 + 1_000_000;
            assert_eq!(
                row.cost,
                Priced::Known(Money::from_nano_usd(nano)),
                "{client:?} {model}"
            );
            let shown = (!stream).then(|| format!("0.{nano:09}"));
            assert_eq!(
                reply.header("x-weir-cost-usd"),
                shown.as_deref(),
                "{client:?} {model}"
            );
        }
    }
}

#[tokio::test]
async fn the_ledger_knows_who_asked_what() {
    let upstream = mimic().await;
    let models = "models: { fast: { targets: [ { target: claude/echo } ] } }\n";
    let gateway = Gateway::start(&(providers(&upstream.url(), "") + models)).await;
    for (speaks, dialect) in [
        (Speaks::OpenAi, "openai_chat"),
        (Speaks::Anthropic, "anthropic_messages"),
    ] {
        for (key, name, project) in [(KEY, "all", Some("tests")), (NARROW_KEY, "narrow", None)] {
            for stream in [false, true] {
                let body = speaks.chat("fast", stream);
                let reply = gateway
                    .send(&speaks.post_as(key, speaks.path(), body.as_bytes()))
                    .await;
                let row = gateway.entry_of(&reply).await;
                assert_eq!(
                    (&*row.caller.key_name, row.caller.project.as_deref()),
                    (name, project)
                );
                assert!(row.caller.key_id.starts_with("key_"));
                let question = &row.question;
                assert_eq!((&*question.model, &*question.operation), ("fast", "chat"));
                assert_eq!((&*question.dialect, question.stream), (dialect, stream));
                let answer = &row.answer;
                assert_eq!(
                    (&*answer.target, &*answer.upstream_model),
                    ("claude/echo", "echo")
                );
                assert_eq!(
                    (answer.status, answer.finish.as_deref()),
                    (200, Some("stop"))
                );
                assert_eq!(
                    (answer.losses, answer.first_token_us.is_some()),
                    (0, stream)
                );
                assert!(row.settled_at_nanos >= row.opened_at_nanos && row.opened_at_nanos > 0);
            }
        }
    }
    let totals = gateway.store.ledger().totals_by_key().await.unwrap();
    assert!(
        totals
            .iter()
            .all(|key| (key.calls, key.unpriced_calls) == (4, 4)),
        "{totals:?}"
    );
}

/// What has no price is flagged, and what has no usage is estimated and says so.
#[tokio::test]
async fn what_is_not_known_is_flagged() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for client in Speaks::BOTH {
        for (provider, stream) in [
            ("up", false),
            ("up", true),
            ("claude", false),
            ("claude", true),
        ] {
            let model = format!("{provider}/lorem+no_usage");
            let reply = gateway.call(client, client.chat(&model, stream)).await;
            assert_eq!(reply.header("x-weir-cost-usd"), None);
            let row = gateway.entry_of(&reply).await;
            assert_eq!(
                (row.cost, row.estimated),
                (Priced::Unpriced, true),
                "{model}"
            );
            assert!(
                (10..40).contains(&row.usage.input_tokens),
                "{model}: {:?}",
                row.usage
            );
            let text = match stream {
                true => client.streamed(reply.text()),
                false => client.text(&reply.json()),
            };
            assert!(text.len() > 200, "{text}");
            let tokens = text.len().div_ceil(4) as u64;
            assert_eq!(row.usage.output_tokens, tokens, "{model} to {client:?}");
        }
    }
}

/// Usage comes in many places: each is read once, the largest count wins.
#[tokio::test]
async fn usage_is_read_wherever_it_stands() {
    let chunk = |rest: &str| format!("data: {{\"id\":\"c\",\"choices\":[{rest}}}\n\n");
    let usage = |tokens: u64| {
        format!(
            "\"usage\":{{\"prompt_tokens\":9,\"completion_tokens\":{tokens},\"total_tokens\":0}}"
        )
    };
    let text = chunk(r#"{"index":0,"delta":{"content":"hi"}}]"#);
    let end = chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}]"#);
    let done = "data: [DONE]\n\n".to_owned();
    let with_usage = |frame: &str, tokens| frame.replace("]}", &format!("],{}}}", usage(tokens)));
    for frames in [
        [
            text.clone(),
            end.clone(),
            with_usage(&chunk("]"), 7),
            done.clone(),
        ],
        [
            text.clone(),
            with_usage(&end, 7),
            String::new(),
            done.clone(),
        ],
        [
            with_usage(&text, 1),
            with_usage(&end, 7),
            with_usage(&chunk("]"), 7),
            done.clone(),
        ],
        [
            text.clone(),
            with_usage(&end, 7),
            with_usage(&chunk("]"), 3),
            String::new(),
        ],
    ] {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let bytes = format!("{head}{}", frames.concat()).into_bytes();
        let upstream = Scripted::always(Reaction::Close(bytes)).await;
        let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
        for client in Speaks::BOTH {
            let reply = gateway.call(client, client.chat("up/m", true)).await;
            assert_eq!(client.streamed(reply.text()), "hi", "{frames:?}");
            let row = gateway.entry_of(&reply).await;
            let tokens = (row.usage.input_tokens, row.usage.output_tokens);
            assert_eq!((tokens, row.estimated), ((9, 7), false), "{frames:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_chat_is_accounted_too() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    for (path, body, operation, stream) in [
        (
            "/v1/embeddings",
            r#"{"model":"up/embed","input":"one two three"}"#,
            "embeddings",
            false,
        ),
        (
            "/v1/completions",
            r#"{"model":"up/echo","prompt":"one two"}"#,
            "text_completion",
            false,
        ),
        (
            "/v1/completions",
            r#"{"model":"up/echo","prompt":"one two","stream":true}"#,
            "text_completion",
            true,
        ),
    ] {
        let reply = gateway
            .send(&Speaks::OpenAi.post(path, body.as_bytes()))
            .await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!(reply.text().contains("data: [DONE]"), stream);
        let row = gateway.entry_of(&reply).await;
        assert_eq!(
            (&*row.question.operation, row.question.stream),
            (operation, stream)
        );
        assert!(
            row.usage.input_tokens > 0 && !row.estimated,
            "{path}: {:?}",
            row.usage
        );
        let outputs = if path == "/v1/embeddings" { 0 } else { 2 };
        assert_eq!(row.usage.output_tokens, outputs, "{path}");
    }
}

/// What stands around the words of an answer is no output, nor are an embedding's numbers.
#[tokio::test]
async fn only_words_are_estimated() {
    let call =
        r#"{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}"#;
    let message = format!(
        r#"{{"role":"assistant","content":"four","reasoning_content":"eight by","tool_calls":[{call}]}}"#
    );
    let chat = format!(
        r#"{{"id":"c","model":"m","choices":[{{"index":0,"finish_reason":"stop","message":{message}}}]}}"#
    );
    let text = r#"{"id":"c","model":"m","choices":[{"index":0,"text":"four four"}]}"#;
    let vectors = r#"{"model":"m","data":[{"index":0,"embedding":[0.1,0.2,0.3,0.4,0.5,0.6]}]}"#;
    let (ask, prompt) = (
        Speaks::OpenAi.chat("up/m", false),
        r#"{"model":"up/m","prompt":"x"}"#,
    );
    let embed = r#"{"model":"up/m","input":"x"}"#;
    for (path, body, answer, tokens) in [
        (
            "/v1/chat/completions",
            &*ask,
            &*chat,
            (4 + 8 + 7u64).div_ceil(4),
        ),
        ("/v1/completions", prompt, text, 3),
        ("/v1/embeddings", embed, vectors, 0),
    ] {
        let upstream = Scripted::always(Reaction::json("200 OK", "", answer)).await;
        let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
        let reply = gateway
            .send(&Speaks::OpenAi.post(path, body.as_bytes()))
            .await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let row = gateway.entry_of(&reply).await;
        assert_eq!(
            (row.usage.output_tokens, row.estimated),
            (tokens, true),
            "{path}"
        );
    }
}
