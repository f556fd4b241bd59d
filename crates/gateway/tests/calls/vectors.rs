//! Embeddings and reranking: every client's shape to every vendor's, split, metered, refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use weir_mimic::Mimic;
use weir_model::{Money, Priced};

use crate::support::{Gateway, KEY, Reaction, Reply, Scripted, Speaks, mimic, request};

/// Clients of embeddings: their path, and the body that asks a model for vectors of texts.
type Asks = fn(&str, &[&str]) -> (String, Value);

const EMBED: [(&str, Asks); 7] = [
    ("openai", |model, texts| {
        let body = json!({"model": model, "input": texts, "encoding_format": "base64"});
        ("/v1/embeddings".into(), body)
    }),
    ("cohere", |model, texts| {
        let body = json!({"model": model, "texts": texts, "input_type": "search_query", "embedding_types": ["float"]});
        ("/v2/embed".into(), body)
    }),
    ("cohere_v1", |model, texts| {
        (
            "/v1/embed".into(),
            json!({"model": model, "texts": texts, "input_type": "search_query"}),
        )
    }),
    ("voyage", |model, texts| {
        // As its SDK writes it.
        let body = json!({"model": model, "input": texts, "input_type": null, "truncation": true, "output_dtype": null, "output_dimension": null, "encoding_format": "base64"});
        ("/v1/embeddings".into(), body)
    }),
    ("jina", |model, texts| {
        (
            "/v1/embeddings".into(),
            json!({"model": model, "input": texts, "task": "retrieval.query"}),
        )
    }),
    ("gemini", |model, texts| {
        let one = |text: &&str| json!({"model": format!("models/{model}"), "content": {"parts": [{"text": text}]}});
        let requests: Vec<_> = texts.iter().map(one).collect();
        (
            format!("/v1beta/models/{model}:batchEmbedContents"),
            json!({"requests": requests}),
        )
    }),
    ("gemini_one", |model, texts| {
        (
            format!("/v1beta/models/{model}:embedContent"),
            json!({"content": {"parts": [{"text": texts[0]}]}}),
        )
    }),
];

const RERANK: [(&str, Asks); 4] = [
    ("cohere", |model, texts| {
        (
            "/v2/rerank".into(),
            json!({"model": model, "query": "green tea", "documents": texts, "top_n": 2}),
        )
    }),
    ("cohere_v1", |model, texts| {
        let body = json!({"model": model, "query": "green tea", "documents": texts, "top_n": 2, "return_documents": true, "max_chunks_per_doc": 10});
        ("/v1/rerank".into(), body)
    }),
    ("voyage", |model, texts| {
        (
            "/v1/rerank".into(),
            json!({"model": model, "query": "green tea", "documents": texts, "top_k": 2, "truncation": true, "return_documents": true}),
        )
    }),
    ("jina", |model, texts| {
        (
            "/v1/rerank".into(),
            json!({"model": model, "query": "green tea", "documents": texts, "top_n": 2}),
        )
    }),
];

/// One provider a shape, with these models known of each.
fn providers(url: &str, models: &str) -> String {
    let custom = |name: &str, spoken: &str, path: &str| {
        format!(
            "  {name}: {{ kind: custom, speaks: {{ {spoken}: \"{url}{path}\" }}, api_key: sk-upstream{models} }}\n"
        )
    };
    format!(
        "providers:\n  up: {{ kind: openai-compatible, base_url: \"{url}/v1\", api_key: sk-upstream{models} }}\n  \
         google: {{ kind: gemini-compatible, base_url: \"{url}/v1beta\", api_key: key{models} }}\n{}{}{}",
        custom("cohere", "cohere_chat", "/cohere"),
        custom("voyage", "voyage", "/voyage/v1"),
        custom("jina", "jina", "/jina/v1"),
    )
}

async fn started(upstream: &Mimic) -> Gateway {
    Gateway::start(&providers(&upstream.url(), "")).await
}

async fn post(gateway: &Gateway, (path, body): (String, Value)) -> Reply {
    let body = body.to_string();
    gateway
        .send(&Speaks::OpenAi.post(&path, body.as_bytes()))
        .await
}

fn floats(vector: &Value) -> Vec<f32> {
    match vector {
        Value::String(packed) => {
            let bytes = STANDARD.decode(packed).unwrap();
            let (floats, rest) = bytes.as_chunks::<4>();
            assert_eq!(rest, [0_u8; 0]);
            floats
                .iter()
                .map(|four| f32::from_le_bytes(*four))
                .collect()
        }
        list => serde_json::from_value(list.clone()).unwrap(),
    }
}

/// The vectors of an answer in a client's shape, which is checked.
fn vectors(client: &str, answer: &Value) -> Vec<Vec<f32>> {
    let list = |list: &Value, at: &str| -> Vec<Vec<f32>> {
        let items = list.as_array().unwrap_or_else(|| panic!("{answer}"));
        items
            .iter()
            .map(|item| floats(item.pointer(at).unwrap()))
            .collect()
    };
    match client {
        "openai" | "voyage" | "jina" => {
            assert_eq!(answer["object"], "list");
            let base64 = client != "jina";
            for (index, item) in answer["data"].as_array().unwrap().iter().enumerate() {
                assert_eq!(
                    (&item["object"], &item["index"]),
                    (&json!("embedding"), &json!(index))
                );
                assert_eq!(item["embedding"].is_string(), base64, "{client}");
            }
            list(&answer["data"], "/embedding")
        }
        "cohere" => {
            assert_eq!(answer["response_type"], "embeddings_by_type");
            list(&answer["embeddings"]["float"], "")
        }
        "cohere_v1" => list(&answer["embeddings"], ""),
        "gemini" => list(&answer["embeddings"], "/values"),
        _ => vec![floats(&answer["embedding"]["values"])],
    }
}

#[tokio::test]
async fn every_client_gets_the_same_vectors_of_every_vendor() {
    let upstream = mimic().await;
    let gateway = started(&upstream).await;
    let mut seen: Option<Vec<Vec<f32>>> = None;
    for provider in ["up", "google", "cohere", "voyage", "jina"] {
        for (client, asks) in EMBED {
            let model = format!("{provider}/embed");
            let reply = post(&gateway, asks(&model, &["one two", "three"])).await;
            assert_eq!(
                reply.status,
                200,
                "{client} to {provider}: {}",
                reply.text()
            );
            let got = vectors(client, &reply.json());
            let wanted = seen.get_or_insert_with(|| got.clone());
            assert_eq!(got[..], wanted[..got.len()], "{client} to {provider}");
            assert_eq!(got.len(), if client == "gemini_one" { 1 } else { 2 });
            assert_eq!(reply.header("x-weir-target"), Some(&*model));
            let row = gateway.entry_of(&reply).await;
            assert_eq!(
                (&*row.question.dialect, &*row.question.operation),
                (client, "embeddings")
            );
            let native = client.starts_with(if provider == "up" {
                "openai"
            } else if provider == "google" {
                "gemini"
            } else {
                provider
            });
            assert_eq!(
                row.estimated,
                provider == "google",
                "{client} to {provider}"
            );
            if !row.estimated {
                assert_eq!(
                    row.usage.input_tokens,
                    if client == "gemini_one" { 2 } else { 3 },
                    "{client} to {provider}"
                );
            }
            assert_eq!(row.usage.output_tokens, 0);
            if native && client != "gemini_one" {
                continue;
            }
            // Whoever cannot leave it out reads the guess, and no zero.
            let told = reply.json();
            let told = told["usage"]["total_tokens"]
                .as_u64()
                .or(told["meta"]["billed_units"]["input_tokens"].as_u64());
            assert_ne!(told, Some(0), "{client} to {provider}");
        }
    }
}

#[tokio::test]
async fn every_client_gets_the_same_ranks_of_every_vendor() {
    let upstream = mimic().await;
    let gateway = started(&upstream).await;
    let documents = ["black coffee", "green tea is green", "tea"];
    for provider in ["up", "cohere", "voyage", "jina"] {
        for (client, asks) in RERANK {
            let reply = post(&gateway, asks(&format!("{provider}/rerank"), &documents)).await;
            assert_eq!(
                reply.status,
                200,
                "{client} to {provider}: {}",
                reply.text()
            );
            let answer = reply.json();
            let results = match client {
                "voyage" => &answer["data"],
                _ => &answer["results"],
            };
            let ranks: Vec<_> = results.as_array().unwrap().iter().collect();
            assert_eq!(ranks.len(), 2);
            let ranked = |rank: &Value| (rank["index"].clone(), rank["relevance_score"].clone());
            assert_eq!(ranked(ranks[0]), (json!(1), json!(1.0)));
            assert_eq!(ranked(ranks[1]), (json!(2), json!(0.5)));
            let document = match client {
                "cohere" => Value::Null,
                "voyage" => json!("tea"),
                _ => json!({"text": "tea"}),
            };
            assert_eq!(ranks[1]["document"], document, "{client} to {provider}");
            let row = gateway.entry_of(&reply).await;
            assert_eq!(
                (&*row.question.dialect, &*row.question.operation),
                (client, "rerank")
            );
            let units = u64::from(provider == "cohere");
            assert_eq!(
                (row.usage.web_searches, row.estimated),
                (units, false),
                "{client} to {provider}"
            );
        }
    }
}

/// Same shape, same bytes, but for the model's name; and the vendor's own bytes back.
#[tokio::test]
async fn the_same_shape_travels_as_it_is() {
    let body = r#"{ "input" : ["a"], "model":"fast", "input_type":"query", "new_field" : {"x":1.0e0}, "truncation":true }"#;
    let answer = r#"{"object":"list", "data":[{"embedding":[0.10,1e-5]}],"model":"own","more":1,"usage":{"total_tokens":5}}"#;
    let upstream = Scripted::always(Reaction::json("200 OK", "", answer)).await;
    let models = "models: { fast: { targets: [ { target: voyage/voyage-4 } ] } }\n";
    let url = format!("http://{}", upstream.addr);
    let gateway = Gateway::start(&(providers(&url, "") + models)).await;
    let reply = gateway
        .send(&Speaks::OpenAi.post("/v1/embeddings", body.as_bytes()))
        .await;
    assert_eq!(reply.text(), answer.replace("\"own\"", "\"fast\""));
    let (head, sent) = (
        upstream.heads().pop().unwrap(),
        upstream.bodies().pop().unwrap(),
    );
    assert!(head.starts_with("post /voyage/v1/embeddings "), "{head}");
    assert_eq!(sent, body.replace("\"fast\"", "\"voyage-4\""));
}

#[tokio::test]
async fn too_many_inputs_go_in_several_requests() {
    let upstream = mimic().await;
    let price = ", models: { embed: { price: { input_usd_per_mtok: 1, output_usd_per_mtok: 0 } } }";
    let gateway = Gateway::start(&providers(&upstream.url(), price)).await;
    let texts: Vec<String> = (0..200).map(|n| format!("text {n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let whole = post(&gateway, EMBED[0].1("up/embed", &texts)).await;
    upstream.clear();
    let split = post(&gateway, EMBED[0].1("cohere/embed", &texts)).await;
    assert_eq!(split.status, 200, "{}", split.text());
    assert_eq!(
        vectors("openai", &split.json()),
        vectors("openai", &whole.json())
    );
    let sizes: Vec<_> = upstream
        .requests()
        .iter()
        .map(|r| r.json()["texts"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [96, 96, 8]);
    // One call, metered as one.
    let row = gateway.entry_of(&split).await;
    assert_eq!((row.usage.input_tokens, row.answer.attempts), (400, 1));
    assert_eq!(row.cost, Priced::Known(Money::from_nano_usd(400_000)));
    assert_eq!(split.json()["usage"]["total_tokens"], 400);

    upstream.clear();
    let most = vec!["x"; 32 * 96 + 1];
    let reply = post(&gateway, EMBED[0].1("cohere/embed", &most)).await;
    let told = Speaks::OpenAi.told(&reply.body);
    assert_eq!((reply.status, told.param.as_deref()), (400, Some("input")));
    assert!(
        told.message.contains("3073 inputs") && told.message.contains("at most 3072"),
        "{told:?}"
    );
    assert_eq!(upstream.requests(), []);
}

/// When a later request fails, all of the answer fails, in the client's words.
#[tokio::test]
async fn a_failure_among_several_requests_is_told() {
    let first = json!({"embeddings": {"float": vec![[0.5]; 96]}, "meta": {"billed_units": {"input_tokens": 96}}}).to_string();
    let upstream = Scripted::start(move |sent| {
        let refused = r#"{"message":"text 3 is odd"}"#;
        let reaction = match sent {
            0 => Reaction::json("200 OK", "", &first),
            _ => Reaction::json("422 Unprocessable Entity", "", refused),
        };
        async move { reaction }
    })
    .await;
    let gateway = Gateway::start(&providers(&format!("http://{}", upstream.addr), "")).await;
    let reply = post(&gateway, EMBED[0].1("cohere/embed", &["x"; 97])).await;
    assert_eq!(reply.status, 422, "{}", reply.text());
    assert_eq!(Speaks::OpenAi.told(&reply.body).message, "text 3 is odd");
    let row = gateway.entry_of(&reply).await;
    assert_eq!(&*row.answer.outcome, "failed");
}

/// By tokens, by search units, estimated where the vendor says nothing in the unit of the price.
#[tokio::test]
async fn each_is_billed_in_its_own_unit() {
    let upstream = mimic().await;
    let prices = ", models: { rerank: { price: { input_usd_per_mtok: 0, output_usd_per_mtok: 0, web_search_usd: 0.002 } }, \"embed+in=1000\": { price: { input_usd_per_mtok: 0.12, output_usd_per_mtok: 0 } }, \
                  \"embed+no_usage\": { price: { input_usd_per_mtok: 4, output_usd_per_mtok: 0 } }, \"rerank+in=1000\": { price: { input_usd_per_mtok: 0.05, output_usd_per_mtok: 0 } } }";
    let gateway = Gateway::start(&providers(&upstream.url(), prices)).await;
    let documents = vec!["tea"; 250];
    let cost = |reply: &Reply| reply.header("x-weir-cost-usd").map(str::to_owned);
    let units = post(&gateway, RERANK[3].1("cohere/rerank", &documents)).await;
    assert_eq!(cost(&units).as_deref(), Some("0.006000000"));
    assert!(!gateway.entry_of(&units).await.estimated);
    // The price is for search units, and this vendor reports tokens.
    for client in [0, 3] {
        let guessed = post(&gateway, RERANK[client].1("jina/rerank", &documents)).await;
        assert_eq!(cost(&guessed).as_deref(), Some("0.006000000"));
        let row = gateway.entry_of(&guessed).await;
        assert_eq!((row.usage.web_searches, row.estimated), (3, true));
    }
    // The price is for tokens, and this vendor reports search units.
    let guessed = post(
        &gateway,
        RERANK[0].1("cohere/rerank+in=1000", &["green tea"]),
    )
    .await;
    let row = gateway.entry_of(&guessed).await;
    assert!(row.estimated && row.usage.input_tokens > 10, "{row:?}");
    assert_ne!(row.cost, Priced::Known(Money::ZERO));
    let tokens = post(&gateway, EMBED[1].1("voyage/embed+in=1000", &["a"])).await;
    assert_eq!(cost(&tokens).as_deref(), Some("0.000120000"));
    for (provider, client) in [("up", 0), ("up", 1), ("jina", 0), ("cohere", 5)] {
        let silent = post(
            &gateway,
            EMBED[client].1(&format!("{provider}/embed+no_usage"), &["a"]),
        )
        .await;
        let row = gateway.entry_of(&silent).await;
        assert!(
            row.estimated && row.usage.input_tokens > 10,
            "{provider}: {row:?}"
        );
        assert_ne!(row.cost, Priced::Known(Money::ZERO));
    }
    let unpriced = post(&gateway, EMBED[0].1("voyage/embed", &["a"])).await;
    assert_eq!(
        (cost(&unpriced), gateway.entry_of(&unpriced).await.cost),
        (None, Priced::Unpriced)
    );
}

/// An error as a client of a shape reads it.
fn told(path: &str, client: &str, reply: &Reply) -> String {
    let json = reply.json();
    let place = match client {
        "openai" => "/error/message",
        "gemini" | "gemini_one" => "/error/message",
        "cohere" | "cohere_v1" => "/message",
        _ => "/detail",
    };
    let message = json
        .pointer(place)
        .unwrap_or_else(|| panic!("{path} {client}: {json}"));
    message.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn refusals_and_failures_come_in_the_clients_words() {
    let upstream = mimic().await;
    let gateway = started(&upstream).await;
    for (clients, base) in [(&EMBED[..], "embed"), (&RERANK[..], "rerank")] {
        for (client, asks) in clients {
            for (model, status, words) in [
                (format!("nobody/{base}"), 404, "nobody"),
                (format!("cohere/{base}+nonsense"), 400, "unknown option"),
                ("jina/fail+status=422".to_owned(), 422, "simulated failure"),
                ("voyage/fail+status=401".to_owned(), 502, "credential"),
            ] {
                let reply = post(&gateway, asks(&model, &["a"])).await;
                let told = told(&model, client, &reply);
                assert_eq!(reply.status, status, "{client} {model}: {told}");
                assert!(told.contains(words), "{client} {model}: {told}");
            }
            let (path, _) = asks(&format!("up/{base}"), &["a"]);
            for body in ["", "[]", "{", "{\"model\":5}"] {
                if body == "{\"model\":5}" && path.contains("models/") {
                    continue;
                }
                let reply = gateway
                    .send(&Speaks::OpenAi.post(&path, body.as_bytes()))
                    .await;
                assert_eq!(reply.status, 400, "{path} {body}: {}", reply.text());
            }
            let bytes = request(
                "POST",
                &path,
                &[("content-type", "application/json")],
                b"{}",
            );
            let reply = gateway.send(&bytes).await;
            assert_eq!(reply.status, 401, "{path}: {}", reply.text());
        }
    }
    assert_eq!(
        gateway
            .entries()
            .await
            .iter()
            .filter(|row| row.answer.status == 200)
            .count(),
        0
    );
    let wrong = request(
        "GET",
        "/v2/embed",
        &[("authorization", &format!("Bearer {KEY}"))],
        b"",
    );
    assert_eq!(gateway.send(&wrong).await.status, 405);
}

fn embed(body: Value) -> (String, Value) {
    ("/v1/embeddings".to_owned(), body)
}

fn rank(path: &str, body: Value) -> (String, Value) {
    (path.to_owned(), body)
}

/// Requests that would be answered by something else than was asked, and why they are refused.
#[rustfmt::skip]
fn refused() -> Vec<((String, Value), &'static str)> {
    vec![
        (embed(json!({"model": "voyage/embed", "input": [[1, 2]]})), "holds tokens"),
        (embed(json!({"model": "cohere/embed", "input": []})), "must not be empty"),
        (embed(json!({"model": "cohere/embed", "input": ["a", ""]})), "empty string"),
        (embed(json!({"model": "cohere/embed", "input": {"a": 1}})), "a string or an array"),
        (embed(json!({"model": "cohere/embed", "input": "a", "dimensions": "x"})), "whole number"),
        (embed(json!({"model": "up/embed", "input": "a", "output_dtype": "int8"})), "`float`"),
        (embed(json!({"model": "up/embed", "input": [{"image": "https://example.com/a.png"}]})), "text alone"),
        (rank("/v2/embed", json!({"model": "up/embed", "texts": ["a"], "images": ["data:image/png;base64,AA=="]})), "one of `texts`"),
        (rank("/v1/rerank", json!({"model": "cohere/rerank", "query": "q", "documents": []})), "must not be empty"),
        (rank("/v1/rerank", json!({"model": "cohere/rerank", "documents": ["a"]})), "`query`: this field is required"),
        (rank("/v2/rerank", json!({"model": "google/rerank", "query": "q", "documents": ["a"]})), "does not offer rerank"),
        (EMBED[1].1("strict", &["a"]), "`input_type` cannot be carried"),
    ]
}

/// What would be another answer is refused; what is merely not carried is a loss.
#[tokio::test]
async fn what_cannot_be_carried_is_refused_or_named() {
    let upstream = mimic().await;
    let models = "models: { strict: { targets: [ { target: up/embed } ], on_loss: reject } }\n";
    let gateway = Gateway::start(&(providers(&upstream.url(), "") + models)).await;
    for (asked, words) in refused() {
        let reply = post(&gateway, asked.clone()).await;
        assert_eq!(reply.status, 400, "{asked:?}: {}", reply.text());
        assert!(reply.text().contains(words), "{asked:?}: {}", reply.text());
    }
    assert_eq!(upstream.requests(), []);
    let odd = json!({"model": "google/embed", "input": "a", "user": "u", "odd": 1});
    let lost = "the model's vendor has no word for it";
    for (asked, losses) in [
        (
            EMBED[1].1("up/embed", &["a"]),
            Some(format!("input_type: {lost}")),
        ),
        (
            embed(odd),
            Some(format!("odd: unknown field; user: {lost}")),
        ),
        (embed(json!({"model": "cohere/embed", "input": "a"})), None),
    ] {
        let reply = post(&gateway, asked.clone()).await;
        assert_eq!(reply.status, 200, "{asked:?}: {}", reply.text());
        assert_eq!(
            reply.header("x-weir-losses"),
            losses.as_deref(),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn another_length_than_was_asked_for_is_told() {
    let short = Reaction::json(
        "200 OK",
        "",
        r#"{"data":[{"index":0,"embedding":[1,2,3]}]}"#,
    );
    let upstream = Scripted::always(short).await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    let asked = json!({"model": "up/m", "texts": ["a"], "output_dimension": 256});
    let reply = post(&gateway, rank("/v2/embed", asked)).await;
    let told = reply.header("x-weir-losses");
    assert_eq!(told, Some("dimensions: the model gave 3 instead of 256"));
}

#[tokio::test]
async fn another_shape_answers_when_one_fails() {
    let upstream = mimic().await;
    let models = "models: { fast: { targets: [ { target: cohere/fail+status=503 } ], fallbacks: [ voyage/embed ], retry: { max_retries: 0 } } }\n";
    let gateway = Gateway::start(&(providers(&upstream.url(), "") + models)).await;
    for (client, asks) in EMBED {
        let reply = post(&gateway, asks("fast", &["one", "two"])).await;
        assert_eq!(reply.status, 200, "{client}: {}", reply.text());
        assert_eq!(reply.header("x-weir-target"), Some("voyage/embed"));
        assert_eq!(gateway.entry_of(&reply).await.answer.attempts, 2);
        let named = reply.json()["model"].clone();
        assert!(named.is_null() || named == "fast", "{client}: {named}");
    }
}

/// An answer that is none is never passed on.
#[tokio::test]
async fn nonsense_from_a_vendor_is_told() {
    for answer in [
        "{}",
        "null",
        "[1]",
        "",
        r#"{"data":[]}"#,
        r#"{"data":[{"embedding":"?"}]}"#,
        r#"{"embeddings":{"float":[["a"]]}}"#,
    ] {
        let upstream = Scripted::always(Reaction::json("200 OK", "", answer)).await;
        let url = format!("http://{}", upstream.addr);
        let no_retry =
            "models: { m: { targets: [ { target: cohere/m } ], retry: { max_retries: 0 } } }\n";
        let gateway = Gateway::start(&(providers(&url, "") + no_retry)).await;
        let reply = post(&gateway, EMBED[0].1("m", &["a"])).await;
        assert_eq!(reply.status, 502, "{answer}: {}", reply.text());
        assert!(told(answer, "openai", &reply).contains("could not be understood"));
    }
}
