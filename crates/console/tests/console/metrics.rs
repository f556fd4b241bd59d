//! What `/metrics` says of calls that were made, to the digit.

use tokio::io::AsyncReadExt;

use crate::support::{Gateway, KEY, open};

const CONFIG: &str = "
providers:
  up:
    kind: openai-compatible
    base_url: MIMIC/v1
    api_key: sk-x
    models:
      echo+in=1000+out=50+cached=400:
        price: { input_usd_per_mtok: 2, output_usd_per_mtok: 8.5, cache_read_usd_per_mtok: 0.2 }
  claude: { kind: anthropic-compatible, base_url: MIMIC, api_key: sk-x }
models:
  fast: { targets: [ { target: up/echo+in=1000+out=50+cached=400 } ] }
  shaky:
    targets: [ { target: up/fail+status=500 } ]
    fallbacks: [ claude/echo+in=7+out=3+cached=4+cache_write=2 ]
    retry: { max_retries: 0 }
  full: { targets: [ { target: up/fail+status=429 } ], retry: { max_retries: 0 } }
";

const FAST: &str = r#"gen_ai_request_model="fast",weir_target="up/echo+in=1000+out=50+cached=400",gen_ai_operation_name="chat""#;
const SHAKY: &str = r#"gen_ai_request_model="shaky",weir_target="claude/echo+in=7+out=3+cached=4+cache_write=2",gen_ai_operation_name="chat""#;
const FULL: &str =
    r#"gen_ai_request_model="full",weir_target="up/fail+status=429",gen_ai_operation_name="chat""#;
const EMBED: &str =
    r#"gen_ai_request_model="up/embed",weir_target="up/embed",gen_ai_operation_name="embeddings""#;

/// Calls of every kind, over both workers: four to `fast`, one of which streams and one of which is
/// translated with a loss; one that falls back, one that fails, one that is no chat, three refusals.
async fn call_all(gateway: &Gateway) {
    let chat = "/v1/chat/completions";
    assert_eq!(gateway.chat(0, KEY, "fast").await.0, 200);
    assert_eq!(gateway.chat(1, KEY, "fast").await.0, 200);
    let stream = r#"{"model":"fast","stream":true,"messages":[{"role":"user","content":"x"}]}"#;
    let (status, text) = gateway.post(1, chat, KEY, stream).await;
    assert!(status == 200 && text.contains("[DONE]"), "{text}");
    let messages =
        r#"{"model":"fast","max_tokens":9,"top_k":7,"messages":[{"role":"user","content":"x"}]}"#;
    assert_eq!(gateway.post(0, "/v1/messages", KEY, messages).await.0, 200);
    assert_eq!(gateway.chat(0, KEY, "shaky").await.0, 200);
    assert_eq!(gateway.chat(1, KEY, "full").await.0, 429);
    let embed = r#"{"model":"up/embed","input":"one two three"}"#;
    assert_eq!(gateway.post(1, "/v1/embeddings", KEY, embed).await.0, 200);
    assert_eq!(gateway.chat(0, KEY, "nothing").await.0, 404);
    assert_eq!(gateway.chat(1, KEY, "nothing").await.0, 404);
    assert_eq!(gateway.chat(1, "sk-weir-wrong", "fast").await.0, 401);
}

/// Lines of a family: a rest of the labels, and the value.
fn lines(name: &str, rows: &[(&str, &str, &str)]) -> Vec<String> {
    let line = |(labels, more, value): &(&str, &str, &str)| {
        let comma = if more.is_empty() { "" } else { "," };
        format!("{name}{{{labels}{comma}{more}}} {value}")
    };
    rows.iter().map(line).collect()
}

#[tokio::test]
async fn counters_are_exact_and_summed_over_workers() {
    let gateway = Gateway::start(CONFIG).await;
    call_all(&gateway).await;
    let (ok, full) = (
        r#"http_response_status_code="200""#,
        r#"http_response_status_code="429""#,
    );
    let requests = [
        (FAST, ok, "4.0"),
        (FULL, full, "1.0"),
        (SHAKY, ok, "1.0"),
        (EMBED, ok, "1.0"),
    ];
    assert_eq!(
        gateway.scrape(&["weir_requests_total{"]).await,
        lines("weir_requests_total", &requests)
    );
    for (class, [fast, full, shaky, embed]) in [
        ("input", ["4000.0", "0.0", "7.0", "3.0"]),
        ("output", ["200.0", "0.0", "3.0", "0.0"]),
        ("cache_read", ["1600.0", "0.0", "4.0", "0.0"]),
        ("cache_write", ["0.0", "0.0", "2.0", "0.0"]),
        ("reasoning", ["0.0", "0.0", "0.0", "0.0"]),
    ] {
        let class = format!("gen_ai_token_type=\"{class}\"");
        let rows = [
            (FAST, &*class, fast),
            (FULL, &*class, full),
            (SHAKY, &*class, shaky),
            (EMBED, &*class, embed),
        ];
        let expected = lines("gen_ai_client_token_usage_total", &rows);
        let mut seen = gateway.scrape(&["gen_ai_client_token_usage_total{"]).await;
        seen.retain(|line| line.contains(&class));
        assert_eq!(seen, expected);
    }
    // Each answer of `fast`: 600 x 2000 + 400 x 200 + 50 x 8500 nano-USD.
    for (name, [fast, full, shaky, embed]) in [
        ("weir_cost_usd_total", ["0.00682", "0.0", "0.0", "0.0"]),
        ("weir_unpriced_requests_total", ["0.0", "0.0", "1.0", "1.0"]),
        ("weir_retries_total", ["0.0", "0.0", "1.0", "0.0"]),
        ("weir_losses_total", ["1.0", "0.0", "0.0", "0.0"]),
    ] {
        let rows = [
            (FAST, "", fast),
            (FULL, "", full),
            (SHAKY, "", shaky),
            (EMBED, "", embed),
        ];
        assert_eq!(gateway.scrape(&[name]).await, lines(name, &rows));
    }
    let refused = [
        (r#"kind="unauthenticated",source="client""#, "", "1.0"),
        (r#"kind="not_found",source="client""#, "", "2.0"),
        (r#"kind="rate_limited",source="upstream""#, "", "1.0"),
    ];
    assert_eq!(
        gateway.scrape(&["weir_rejections_total{"]).await,
        lines("weir_rejections_total", &refused)
    );
}

/// Every call is in every distribution that it has a part in, and in the last bucket.
#[tokio::test]
async fn histograms_count_every_call_once() {
    let gateway = Gateway::start(CONFIG).await;
    call_all(&gateway).await;
    for (name, [fast, full, shaky, embed]) in [
        (
            "gen_ai_server_request_duration_seconds",
            ["4", "1", "1", "1"],
        ),
        (
            "gen_ai_server_time_to_first_token_seconds",
            ["1", "0", "0", "0"],
        ),
        ("weir_overhead_seconds", ["3", "1", "1", "1"]),
    ] {
        let (count, bucket) = (format!("{name}_count"), format!("{name}_bucket"));
        let rows = |more| {
            [
                (FAST, more, fast),
                (FULL, more, full),
                (SHAKY, more, shaky),
                (EMBED, more, embed),
            ]
        };
        assert_eq!(gateway.scrape(&[&count]).await, lines(&count, &rows("")));
        let mut last = gateway.scrape(&[&bucket]).await;
        assert_eq!(last.len(), 4 * 19, "{last:?}");
        last.retain(|line| line.contains("+Inf"));
        assert_eq!(last.len(), 4);
        for (line, (labels, _, value)) in last.iter().zip(rows("")) {
            assert!(line.contains(labels), "{line}");
            assert!(line.ends_with(&format!("}} {value}")), "{line}");
        }
    }
}

/// A call is in flight from its admission to its last byte, whoever serves it, and to the moment when
/// its client leaves.
#[tokio::test]
async fn calls_in_flight_come_and_go() {
    let gateway = Gateway::start(CONFIG).await;
    gateway.until("weir_in_flight 0").await;
    let endless =
        r#"{"model":"up/stall+at=5","stream":true,"messages":[{"role":"user","content":"x"}]}"#;
    let mut open_calls = Vec::new();
    for (worker, in_flight) in [(0, "weir_in_flight 1"), (1, "weir_in_flight 2")] {
        let addr = gateway.workers[worker];
        let mut call = open(addr, "POST", "/v1/chat/completions", KEY, endless).await;
        assert!(call.read_u8().await.is_ok());
        gateway.until(in_flight).await;
        open_calls.push(call);
    }
    assert_eq!(gateway.chat(0, KEY, "fast").await.0, 200);
    gateway.until("weir_in_flight 2").await;
    open_calls.pop();
    gateway.until("weir_in_flight 1").await;
    open_calls.pop();
    gateway.until("weir_in_flight 0").await;
    let cancelled = r#"weir_requests_total{gen_ai_request_model="up/stall+at=5",weir_target="up/stall+at=5",gen_ai_operation_name="chat",http_response_status_code="499"} 2.0"#;
    gateway.until(cancelled).await;
}
