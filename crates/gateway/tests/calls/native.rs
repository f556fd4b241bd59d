//! The native lane: the client's own bytes travel, and the vendor's come back, but for a closed
//! list of edits.

use weir_mimic::Received;

use crate::support::{Gateway, KEY, Reaction, Scripted, Speaks, mimic, providers, request};

/// What no encoder would write: odd spacing, number formats, escapes, unknown fields, `null`s.
const ODD: &str = "\r\n{ \"messages\" :\t[ {\"role\":\"user\",\"content\":\"caf\\u00e9 \\ud83d\\ude00 \\/ ok\"\n} ] ,\
                   \"model\":@,\"temperature\" : 1.0e-0,\"top_p\":0.10, \"x_new_field\": \
                   {\"deep\":[1,2.50,1E3,null,{\"a\":[]}]},\"user\":\"\\u0075\"@@ } \n";

fn odd(model: &str, stream: bool) -> String {
    let stream = if stream { ", \"stream\" : true" } else { "" };
    ODD.replace("@@", stream)
        .replace('@', &format!("\"{model}\""))
}

/// An upstream that takes any body.
async fn accepting() -> Scripted {
    Scripted::always(Reaction::chat("hello")).await
}

const MODELS: &str = "models:\n  same: { targets: [ { target: up/same } ] }\n  \
                      alias: { targets: [ { target: \"up/its\\\"name\\\"\" } ] }\n";

#[tokio::test]
async fn the_request_is_the_clients_own() {
    let upstream = accepting().await;
    let gateway = Gateway::start(&(providers(&upstream.url(), "") + MODELS)).await;
    let client = Speaks::OpenAi;
    let usage = r#","stream_options":{"include_usage":true}"#;
    let asking = odd("same", true).replace("} \n", &format!("{usage}}} \n"));
    for (model, stream, expected) in [
        ("same", false, odd("same", false)),
        // One edit: the model's name.
        ("alias", false, odd(r#"its\"name\""#, false)),
        // Another: usage is asked for.
        ("same", true, asking),
    ] {
        let reply = gateway.call(client, odd(model, stream)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(upstream.bodies().pop().unwrap(), expected);
    }
}

/// The options that a client gives are its own, but for the one that we need.
#[tokio::test]
async fn usage_is_asked_for_and_hidden_again() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    let client = Speaks::OpenAi;
    let chat = |options: &str| {
        let body = client.chat("up/echo", true);
        body.replacen('{', &format!("{{{options}"), 1)
    };
    for (options, sent, shown) in [
        ("", r#"{"include_usage":true}"#, false),
        (
            r#""stream_options":null,"#,
            r#"{"include_usage":true}"#,
            false,
        ),
        (
            r#""stream_options":{},"#,
            r#"{"include_usage":true}"#,
            false,
        ),
        (
            r#""stream_options":{"include_usage":false},"#,
            r#"{"include_usage":true}"#,
            false,
        ),
        (
            r#""stream_options":{"include_obfuscation":false},"#,
            r#"{"include_obfuscation":false,"include_usage":true}"#,
            false,
        ),
        (
            r#""stream_options":{"include_usage":true},"#,
            r#"{"include_usage":true}"#,
            true,
        ),
    ] {
        let reply = gateway.call(client, chat(options)).await;
        assert_eq!(client.streamed(reply.text()), "one two three four five six");
        let body = upstream.requests().pop().unwrap().json();
        assert_eq!(body["stream_options"].to_string(), sent);
        assert_eq!(
            reply.text().contains("\"total_tokens\""),
            shown,
            "{options}: {}",
            reply.text()
        );
        let row = gateway.entry_of(&reply).await;
        assert_eq!(
            (row.usage.output_tokens, row.estimated),
            (6, false),
            "{options}"
        );
    }
}

/// Frames as no encoder would write them.
const FRAMES: &str = ": a comment\n\n\
    id: 7\nretry: 10\ndata:{\"model\":\"own\" , \"id\":\"c\",\"choices\":[ {\"index\":0,\"delta\":{\"content\":\"\\u0068i\"}}],\"x\":1.0e2}\n\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"model\":\"own\",\"usage\":null}\r\n\r\n\
    data: {\"id\":\"c\",\"model\":\"own\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n\
    data: [DONE]\n\n";

/// The one of them that tells of usage alone.
const USAGE: &str = "data: {\"id\":\"c\",\"model\":\"own\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n";

#[tokio::test]
async fn the_answer_is_the_vendors_own() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: theirs\r\n\
                openai-processing-ms: 12\r\nset-cookie: a=b\r\nserver: vendor\r\n\r\n";
    let bytes = format!("{head}{FRAMES}").into_bytes();
    let upstream = Scripted::always(Reaction::Close(bytes)).await;
    let models = "models:\n  own: { targets: [ { target: up/own } ] }\n  \
                  \"a\\\"b\\\"\": { targets: [ { target: up/own } ] }\n";
    let gateway = Gateway::start(&(providers(&upstream.url(), "") + models)).await;
    let hidden = FRAMES.replace(USAGE, "");
    let renamed = |frames: &str| frames.replace("\"own\"", r#""a\"b\"""#);
    let asked = r#""stream_options":{"include_usage":true},"#;
    for (model, options, expected) in [
        ("own", "", hidden.clone()),
        ("own", asked, FRAMES.to_owned()),
        (r#"a\"b\""#, "", renamed(&hidden)),
        (r#"a\"b\""#, asked, renamed(FRAMES)),
    ] {
        let body = format!(r#"{{{options}"model":"{model}","stream":true,"messages":[]}}"#);
        let reply = gateway.call(Speaks::OpenAi, body).await;
        assert_eq!(reply.text(), expected, "{model} {options}");
        assert_eq!(reply.header("x-request-id"), Some("theirs"));
        assert_eq!(reply.header("openai-processing-ms"), Some("12"));
        assert_eq!(reply.header("x-weir-target"), Some("up/own"));
        assert_eq!(
            (reply.header("set-cookie"), reply.header("server")),
            (None, None)
        );
    }
}

/// The same for whole answers, in both dialects, and for what is not a chat.
#[tokio::test]
async fn whole_answers_are_the_vendors_own() {
    let bodies = [
        (
            Speaks::OpenAi,
            "/v1/chat/completions",
            "up",
            r#" {"id":"c", "model" :"own","choices":[{"index":0,"message":{"content":"a\u0062"},"finish_reason":"stop"}],"x":1.0e2,"usage":{"prompt_tokens":1,"completion_tokens":1}}"#,
        ),
        (
            Speaks::Anthropic,
            "/v1/messages",
            "claude",
            r#"{"id":"m","type":"message","role":"assistant", "model":"own","content":[{"type":"text","text":"\u0061"}],"stop_reason":"end_turn","x":[1.50],"usage":{"input_tokens":1,"output_tokens":1}} "#,
        ),
        (
            Speaks::OpenAi,
            "/v1/embeddings",
            "up",
            r#"{"object":"list","data":[{"embedding":[0.10,1e-5]}],"model":"own","usage":{"prompt_tokens":1,"total_tokens":1}}"#,
        ),
        (
            Speaks::OpenAi,
            "/v1/completions",
            "up",
            r#"{"id":"c","choices":[{"text":"a\u0062","index":0,"finish_reason":"stop"}],"model":"own","usage":{"prompt_tokens":1,"completion_tokens":1}}"#,
        ),
        (
            Speaks::Anthropic,
            "/v1/messages/count_tokens",
            "claude",
            r#"{"input_tokens": 17}"#,
        ),
    ];
    for (client, path, provider, answer) in bodies {
        let upstream = Scripted::always(Reaction::json("200 OK", "", answer)).await;
        let models = format!(
            "models: {{ own: {{ targets: [ {{ target: {provider}/own }} ] }}, \
             alias: {{ targets: [ {{ target: {provider}/own }} ] }} }}\n"
        );
        let gateway = Gateway::start(&(providers(&upstream.url(), "") + &models)).await;
        for name in ["own", "alias"] {
            let body = format!(r#"{{"model":"{name}","max_tokens":5,"messages":[]}}"#);
            let reply = gateway.send(&client.post(path, body.as_bytes())).await;
            let expected = answer.replace("\"own\"", &format!("\"{name}\""));
            assert_eq!(reply.text(), expected, "{path}");
            let sent = upstream.bodies().pop().unwrap();
            assert_eq!(sent, body.replace(name, "own"), "{path}");
            let row = gateway.entry_of(&reply).await;
            assert!(!row.estimated, "{path}");
            let counted = path.ends_with("count_tokens");
            assert_eq!(row.usage.input_tokens, u64::from(!counted), "{path}");
        }
    }
}

/// Headers of a client that travel natively; the operator has its own word for the last.
const KEPT: [(&str, &str); 8] = [
    ("content-type", "application/json"),
    ("user-agent", "OpenAI/Python 2.0"),
    ("x-stainless-lang", "python"),
    ("x-brand-new", "some thing"),
    ("openai-beta", "one=1"),
    ("idempotency-key", "i"),
    ("traceparent", "00-1-2-01"),
    ("x-both", "client"),
];

/// Headers that concern only the client and us.
const DROPPED: [(&str, &str); 15] = [
    ("x-api-key", "client-x"),
    ("api-key", "client-y"),
    ("x-goog-api-key", "client-z"),
    ("cookie", "session=secret"),
    ("openai-organization", "org-client"),
    ("openai-project", "proj-client"),
    ("x-forwarded-for", "10.0.0.1"),
    ("x-forwarded-host", "inside"),
    ("x-real-ip", "10.0.0.2"),
    ("forwarded", "for=10.0.0.3"),
    ("via", "1.1 inside"),
    ("x-weir-summary", "1"),
    ("proxy-authorization", "Basic abc"),
    ("accept-encoding", "gzip, br"),
    ("te", "trailers"),
];

#[tokio::test]
async fn headers_travel_but_for_the_clients_own() {
    let upstream = mimic().await;
    let headers = ", headers: { x-operator: yes-please, x-both: operator }";
    let gateway = Gateway::start(&providers(&upstream.url(), headers)).await;
    let bearer = format!("Bearer {KEY}");
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(KEPT.iter().chain(&DROPPED));
    let send = async |model: &str| -> Received {
        let body = Speaks::OpenAi.chat(model, false);
        let bytes = request("POST", "/v1/chat/completions", &headers, body.as_bytes());
        assert_eq!(gateway.send(&bytes).await.status, 200);
        upstream.requests().pop().unwrap()
    };
    let native = send("up/echo").await;
    for (name, value) in KEPT {
        let expected = if name == "x-both" { "operator" } else { value };
        assert_eq!(native.header(name), Some(expected), "{name}");
    }
    for (name, value) in DROPPED {
        assert!(
            native.headers.iter().all(|(_, v)| v != value),
            "{name} travelled"
        );
    }
    let host = upstream.addr().to_string();
    let own = [
        ("authorization", "Bearer sk-upstream"),
        ("x-operator", "yes-please"),
        ("host", &host),
    ];
    for (name, value) in own {
        assert_eq!(native.header(name), Some(value));
    }

    let translated = send("claude/echo").await;
    let mut names: Vec<_> = translated.headers.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    let expected = "anthropic-version content-length content-type host idempotency-key traceparent \
                    user-agent x-api-key x-both x-operator";
    assert_eq!(names.join(" "), expected);
    assert_eq!(translated.header("x-api-key"), Some("sk-upstream"));
    assert!(
        translated
            .header("user-agent")
            .unwrap()
            .starts_with("weir/")
    );
}

/// A vendor's header that the client sets is its own; without one there is a default.
#[tokio::test]
async fn defaults_fill_what_the_client_leaves_out() {
    let upstream = mimic().await;
    let gateway = Gateway::start(&providers(&upstream.url(), "")).await;
    let body = Speaks::Anthropic.chat("claude/echo", false);
    for (given, sent) in [(Some("2023-01-01"), "2023-01-01"), (None, "2023-06-01")] {
        let mut headers = vec![("x-api-key", KEY), ("anthropic-beta", "b1,b2")];
        headers.extend(given.map(|version| ("anthropic-version", version)));
        let bytes = request("POST", "/v1/messages?beta=true", &headers, body.as_bytes());
        assert_eq!(gateway.send(&bytes).await.status, 200);
        let seen = upstream.requests().pop().unwrap();
        assert_eq!(seen.header("anthropic-version"), Some(sent));
        assert_eq!(seen.header("anthropic-beta"), Some("b1,b2"));
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert_eq!(seen.path, "/v1/messages?beta=true");
    }
}
