//! Another try: when, where, how often, and what the client learns of it.

use weir_mimic::Mimic;

use crate::support::{Gateway, Reaction, Scripted, Speaks, mimic, providers};

/// Two upstreams of both dialects: `a` and `a-claude`, `b` and `b-claude`.
fn two(a: &str, b: &str) -> String {
    let named = |url: &str, name: &str| {
        let entries = providers(url, "");
        let entries = entries.replace(" up:", &format!(" {name}:"));
        entries.replace(" claude:", &format!(" {name}-claude:"))
    };
    let b = named(b, "b");
    named(a, "a") + b.strip_prefix("providers:\n").unwrap()
}

fn model(target: &str, rest: &str) -> String {
    format!("models: {{ fast: {{ targets: [ {{ target: \"{target}\" }} ], {rest} }} }}\n")
}

/// Impatient with a first target that would never answer, and with no other.
fn falling_back(first: &str, second: &str) -> String {
    let silent = ["hang", "stall", "first_ms"]
        .iter()
        .any(|word| first.contains(word));
    let timeouts = if silent {
        ", timeouts: { headers_ms: 500, first_token_ms: 500 }"
    } else {
        ""
    };
    let retry = "retry: { max_retries: 0 }";
    model(
        first,
        &format!("fallbacks: [ \"{second}\" ], {retry}{timeouts}"),
    )
}

#[tokio::test]
async fn what_another_target_can_help_with_goes_there() {
    let (a, b) = (mimic().await, mimic().await);
    for fault in [
        "fail+status=429",
        "fail+status=429+retry_after=60",
        "fail+status=500",
        "fail+status=502+body=html",
        "fail+status=503",
        "fail+status=529",
        "fail+status=401",
        "fail+status=404",
        "hang",
        "drop",
        "reset+at=0",
        "echo+body=html",
    ] {
        for (first, second) in [("a", "b"), ("a-claude", "b"), ("a", "b-claude")] {
            let models = falling_back(&format!("{first}/{fault}"), &format!("{second}/echo"));
            let gateway = Gateway::start(&(two(&a.url(), &b.url()) + &models)).await;
            for (client, stream) in [(Speaks::OpenAi, false), (Speaks::Anthropic, true)] {
                b.clear();
                let what = format!("{first}/{fault} for {client:?}");
                let reply = gateway.call(client, client.chat("fast", stream)).await;
                assert_eq!(reply.status, 200, "{what}: {}", reply.text());
                let text = match stream {
                    true => client.streamed(reply.text()),
                    false => client.text(&reply.json()),
                };
                assert_eq!(text, "one two three four five six", "{what}");
                let target = format!("{second}/echo");
                assert_eq!(reply.header("x-weir-target"), Some(&*target), "{what}");
                assert_eq!(reply.header("x-weir-attempts"), Some("2"), "{what}");
                assert_eq!(b.requests().len(), 1, "{what}");
                let row = gateway.entry_of(&reply).await;
                assert_eq!(
                    (row.answer.target, row.answer.attempts),
                    (target, 2),
                    "{what}"
                );
                assert_eq!(
                    (&*row.answer.outcome, row.answer.error_kind),
                    ("ok", None),
                    "{what}"
                );
                assert_eq!(
                    (row.usage.output_tokens, row.estimated),
                    (6, false),
                    "{what}"
                );
                assert_eq!(row.question.model, "fast");
            }
        }
    }
}

/// Streams, up to their first word.
#[tokio::test]
async fn a_stream_falls_back_before_its_first_word_alone() {
    let (a, b) = (mimic().await, mimic().await);
    for (fault, helped) in [
        ("reset+at=1", true),
        ("stall+at=1", true),
        ("lorem+error+at=1", true),
        ("lorem+cut+at=0", true),
        ("echo+first_ms=60000", true),
        ("reset+at=8", false),
        ("lorem+error+at=8", false),
        ("lorem+cut+at=8", false),
    ] {
        for first in ["a", "a-claude"] {
            let models = falling_back(&format!("{first}/{fault}"), "b/echo");
            let gateway = Gateway::start(&(two(&a.url(), &b.url()) + &models)).await;
            for client in Speaks::BOTH {
                b.clear();
                let reply = gateway.call(client, client.chat("fast", true)).await;
                assert_eq!(reply.status, 200, "{first}/{fault}: {}", reply.text());
                let attempts = if helped { "2" } else { "1" };
                assert_eq!(
                    reply.header("x-weir-attempts"),
                    Some(attempts),
                    "{first}/{fault}"
                );
                assert_eq!(b.requests().len(), usize::from(helped), "{first}/{fault}");
                let row = gateway.entry_of(&reply).await;
                if helped {
                    assert_eq!(client.streamed(reply.text()), "one two three four five six");
                    assert_eq!((row.usage.output_tokens, row.estimated), (6, false));
                } else {
                    assert!(client.failed(reply.text()).0.starts_with("Lorem"));
                    assert_eq!(row.answer.outcome, "cut");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_callers_mistake_goes_nowhere_else() {
    let (a, b) = (mimic().await, mimic().await);
    for status in [400, 413, 422] {
        for first in ["a", "a-claude"] {
            let models = falling_back(&format!("{first}/fail+status={status}"), "b/echo");
            let gateway = Gateway::start(&(two(&a.url(), &b.url()) + &models)).await;
            for client in Speaks::BOTH {
                let reply = gateway.call(client, client.chat("fast", false)).await;
                client.told(&reply.body);
                assert_eq!(reply.status, status);
                assert_eq!(gateway.entry_of(&reply).await.answer.attempts, 1);
            }
        }
    }
    assert_eq!(b.requests(), []);
}

/// What is told at the end says nothing of where the gateway has looked.
#[tokio::test]
async fn when_all_fail_the_last_failure_is_told() {
    let (a, b) = (mimic().await, mimic().await);
    for (first, second, status) in [
        ("a/drop", "b/fail+status=500", 500),
        ("a/fail+status=500", "b/drop", 502),
        (
            "a/fail+status=500",
            "b-claude/fail+status=429+retry_after=3",
            429,
        ),
        ("a-claude/hang", "b/hang", 504),
        ("a/hang", "b/fail+status=401", 502),
        ("a/fail+status=503", "b/fail+status=400", 400),
    ] {
        let models = falling_back(first, second);
        let gateway = Gateway::start(&(two(&a.url(), &b.url()) + &models)).await;
        for client in Speaks::BOTH {
            for stream in [false, true] {
                let reply = gateway.call(client, client.chat("fast", stream)).await;
                client.told(&reply.body);
                assert_eq!(reply.status, status, "{first}, {second}: {}", reply.text());
                let shown = format!("{:?} {}", reply.headers, reply.text());
                for secret in [first, second, "claude", "127.0.0.1", "sk-upstream"] {
                    assert!(!shown.contains(secret), "{secret} in {shown}");
                }
                assert_eq!(reply.header("retry-after"), (status == 429).then_some("3"));
                assert_eq!(reply.header("x-weir-attempts"), Some("2"));
                let row = gateway.entry_of(&reply).await;
                assert_eq!((row.answer.attempts, row.answer.status), (2, status));
                assert_eq!(
                    (&*row.answer.target, &*row.answer.outcome),
                    (second, "failed")
                );
            }
        }
    }
}

#[tokio::test]
async fn shares_are_exact() {
    let (a, b) = (mimic().await, mimic().await);
    let models = "models: { fast: { targets: [ { target: a/echo, weight: 90 }, \
                  { target: b/echo, weight: 10 }, { target: b/lorem, weight: 0 } ] } }\n";
    let gateway = Gateway::start(&(two(&a.url(), &b.url()) + models)).await;
    for _ in 0..100 {
        let reply = gateway
            .call(Speaks::OpenAi, Speaks::OpenAi.chat("fast", false))
            .await;
        assert_eq!(reply.status, 200);
    }
    assert_eq!((a.requests().len(), b.requests().len()), (90, 10));
    assert!(
        b.requests()
            .iter()
            .all(|request| request.json()["model"] == "echo")
    );
}

/// The other targets come before the fallbacks, one of weight 0 never, and none twice.
#[tokio::test]
async fn the_whole_plan_is_walked_once() {
    let upstream = mimic().await;
    let models = "models: { fast: { targets: [ { target: up/fail+status=500 }, \
                  { target: up/fail+status=501, weight: 0 }, { target: up/fail+status=502 } ], \
                  fallbacks: [ up/fail+status=500, other, up/fail+status=504 ], \
                  retry: { max_retries: 0 } }, \
                  other: { targets: [ { target: up/fail+status=503 } ], \
                  fallbacks: [ up/echo ] } }\n";
    let gateway = Gateway::start(&(providers(&upstream.url(), "") + models)).await;
    let walk = async || -> Vec<u64> {
        upstream.clear();
        let reply = gateway
            .call(Speaks::OpenAi, Speaks::OpenAi.chat("fast", false))
            .await;
        assert_eq!(reply.status, 504);
        upstream
            .requests()
            .iter()
            .map(|request| u64::from(request.status))
            .collect()
    };
    assert_eq!(walk().await, [500, 502, 503, 504]);
    assert_eq!(walk().await, [502, 500, 503, 504]);
}

/// The same target again, when and as long as it says.
#[tokio::test]
async fn retries_wait_as_they_are_told() {
    let busy = |after: &str| Reaction::json("429 Too Many", &format!("{after}\r\n"), "{}");
    let fails = [busy("retry-after-ms: 20"), busy("retry-after: 0")];
    let upstream = Scripted::start(move |number| {
        let answer = fails.get(number % 3).cloned();
        std::future::ready(answer.unwrap_or_else(|| Reaction::chat("hello")))
    })
    .await;
    let models = model("up/m", "retry: { max_retries: 2 }");
    let gateway = Gateway::start(&(providers(&upstream.url(), "") + &models)).await;
    for stream in [false, true] {
        let reply = gateway
            .call(Speaks::OpenAi, Speaks::OpenAi.chat("fast", stream))
            .await;
        assert_eq!(
            (reply.status, reply.header("x-weir-attempts")),
            (200, Some("3"))
        );
        let row = gateway.entry_of(&reply).await;
        assert_eq!((row.answer.attempts, &*row.answer.target), (3, "up/m"));
        assert!(
            row.answer.total_us >= 20_000,
            "it did not wait: {}",
            row.answer.total_us
        );
    }
    let bodies = upstream.bodies();
    assert!(bodies[0] == bodies[1] && bodies[1] == bodies[2] && bodies[0] != bodies[3]);
}

/// On time that a test owns.
#[tokio::test]
async fn waits_are_bounded() {
    for (model, retry, attempts, ms) in [
        (
            "fail+status=429+retry_after=2",
            "retry: { max_retries: 2 }",
            3,
            4000..4010,
        ),
        (
            "fail+status=429+retry_after=2",
            "retry: { max_retries: 0 }",
            1,
            0..10,
        ),
        // Longer than a caller should wait for.
        (
            "fail+status=429+retry_after=60",
            "retry: { max_retries: 2 }",
            1,
            0..10,
        ),
        // Longer than there is time.
        (
            "fail+status=503+retry_after=2",
            "retry: { max_retries: 9 }, timeouts: { total_ms: 3000 }",
            2,
            2000..2010,
        ),
        ("fail+status=400", "retry: { max_retries: 9 }", 1, 0..10),
    ] {
        let config = format!(
            "providers: {{ sim: {{}} }}\n{}",
            self::model(&format!("sim/{model}"), retry)
        );
        let gateway = Gateway::start(&config).await;
        for client in Speaks::BOTH {
            tokio::time::pause();
            let reply = gateway.call(client, client.chat("fast", false)).await;
            tokio::time::resume();
            client.told(&reply.body);
            let row = gateway.entry_of(&reply).await;
            assert_eq!(row.answer.attempts, attempts, "{model}, {retry}");
            let took = row.answer.total_us / 1000;
            assert!(ms.contains(&took), "{model}, {retry}: {took} ms");
        }
    }
}

/// Without a word from the vendor, a wait grows and is drawn by lot, but stays below its bound.
#[tokio::test]
async fn waits_grow_by_themselves() {
    let config = format!(
        "providers: {{ sim: {{}} }}\n{}",
        model("sim/fail+status=500", "retry: { max_retries: 4 }")
    );
    let gateway = Gateway::start(&config).await;
    let mut waits = Vec::new();
    for _ in 0..5 {
        tokio::time::pause();
        let reply = gateway
            .call(Speaks::OpenAi, Speaks::OpenAi.chat("fast", false))
            .await;
        tokio::time::resume();
        let row = gateway.entry_of(&reply).await;
        assert_eq!(row.answer.attempts, 5);
        waits.push(row.answer.total_us / 1000);
    }
    // Half, one, two and four seconds at most.
    assert!(waits.iter().all(|ms| *ms < 7550), "{waits:?}");
    waits.dedup();
    assert!(waits.len() > 1, "always the same: {waits:?}");
}

/// A refused connection is as good a reason as any.
#[tokio::test]
async fn an_upstream_that_is_gone_is_passed_over() {
    let (a, b): (Mimic, Mimic) = (mimic().await, mimic().await);
    let models = falling_back("a/echo", "b/echo");
    let gateway = Gateway::start(&(two(&a.url(), &b.url()) + &models)).await;
    let target = async || {
        let reply = gateway
            .call(Speaks::Anthropic, Speaks::Anthropic.chat("fast", true))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.header("x-weir-target").unwrap().to_owned()
    };
    assert_eq!(target().await, "a/echo");
    drop(a);
    assert_eq!(target().await, "b/echo");
    assert_eq!(target().await, "b/echo");
}
