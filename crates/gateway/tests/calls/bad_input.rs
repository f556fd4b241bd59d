//! What clients do wrong: refused in their own dialect with the vendor's status, in words that say
//! what to do, before anything is sent upstream or recorded.

use crate::support::{
    Connection, Gateway, H2Client, KEY, MAX_BODY, Speaks, mimic, providers, request, within,
};

/// A faulty body, and the refusal of it.
struct Fault {
    body: Vec<u8>,
    status: u16,
    /// OpenAI's type, Anthropic's type.
    kinds: [&'static str; 2],
    /// Stands in the message.
    says: &'static str,
    /// OpenAI's `param`.
    param: Option<&'static str>,
}

const INVALID: [&str; 2] = ["invalid_request_error"; 2];
const NOT_FOUND: [&str; 2] = ["invalid_request_error", "not_found_error"];

fn fault(body: impl Into<Vec<u8>>, says: &'static str) -> Fault {
    Fault {
        body: body.into(),
        status: 400,
        kinds: INVALID,
        says,
        param: None,
    }
}

fn about(param: &'static str, body: impl Into<Vec<u8>>, says: &'static str) -> Fault {
    Fault {
        param: Some(param),
        ..fault(body, says)
    }
}

fn faults() -> Vec<Fault> {
    let nested = format!(
        r#"{{"model":"up/echo","metadata":{}{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    let unclosed = format!(r#"{{"model":"up/echo","metadata":{}"#, "[".repeat(100_000));
    let unknown = |name: &str, says| Fault {
        status: 404,
        kinds: NOT_FOUND,
        ..about("model", format!(r#"{{"model":"{name}"}}"#), says)
    };
    vec![
        fault("", "is empty; send a JSON object"),
        fault("  \r\n", "is empty; send a JSON object"),
        fault(
            "not json",
            "not valid JSON: expected a JSON object at byte 0",
        ),
        fault("null", "expected a JSON object"),
        fault(r#"["model","up/echo"]"#, "expected a JSON object"),
        fault(
            r#"{"model":"up/echo""#,
            "not valid JSON: expected ',' or '}' at byte 18",
        ),
        fault(
            r#"{"model":"up/echo"} trailing"#,
            "expected the end of the body",
        ),
        fault(r#"{'model':'up/echo'}"#, "not valid JSON"),
        fault(r#"{"model":"up/echo","n":+1}"#, "not valid JSON"),
        fault(
            *b"{\"model\":\"up/\xff\xfe\"}",
            "not valid UTF-8 at byte 13",
        ),
        fault(nested, "nested deeper than 128 levels"),
        fault(unclosed, "nested deeper than 128 levels"),
        fault(
            r#"{"model":"up/echo","model":"up/lorem"}"#,
            "the field `model` twice",
        ),
        about("model", r#"{"messages":[]}"#, "model"),
        about("model", r#"{"model":17}"#, "model"),
        about("model", r#"{"model":null}"#, "model"),
        about("model", r#"{"model":""}"#, "model"),
        about("stream", r#"{"model":"up/echo","stream":"yes"}"#, "stream"),
        about(
            "max_tokens",
            r#"{"model":"up/echo","max_tokens":"many"}"#,
            "max_tokens",
        ),
        about(
            "max_tokens",
            r#"{"model":"up/echo","max_tokens":-1}"#,
            "max_tokens",
        ),
        unknown("nothing", "`nothing` does not exist"),
        unknown("fats", "Did you mean `fast`?"),
        unknown("down/echo", "GET /v1/models"),
    ]
}

async fn gateway(url: &str) -> Gateway {
    let models = "models: { fast: { targets: [ { target: up/echo } ] } }\n";
    Gateway::start(&(providers(url, "") + models)).await
}

#[tokio::test]
async fn faulty_bodies_are_refused() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    for (at, speaks) in Speaks::BOTH.into_iter().enumerate() {
        for fault in faults() {
            let sent =
                String::from_utf8_lossy(&fault.body[..fault.body.len().min(80)]).into_owned();
            let reply = gateway.call(speaks, &fault.body).await;
            let told = speaks.told(&reply.body);
            assert_eq!(reply.status, fault.status, "{speaks:?} {sent}: {told:?}");
            assert_eq!(told.kind, fault.kinds[at], "{speaks:?} {sent}: {told:?}");
            assert!(
                told.message.contains(fault.says),
                "{speaks:?} {sent}: {told:?}"
            );
            assert_eq!(reply.header("content-type"), Some("application/json"));
            assert!(
                reply
                    .header("x-weir-request-id")
                    .is_some_and(|id| id.starts_with("req_"))
            );
            if fault.status == 400 {
                assert_eq!(reply.header("x-should-retry"), Some("false"));
            }
            if speaks == Speaks::OpenAi {
                assert_eq!(told.param.as_deref(), fault.param, "{sent}: {told:?}");
            }
        }
    }
    assert_eq!(upstream.requests(), []);
    assert_eq!(gateway.entries().await, []);
}

/// In the native lane the vendor judges what stands below the top level; in the translated lane
/// there is nobody else to do it.
#[tokio::test]
async fn wrong_types_within_are_refused_in_both_lanes() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    for (speaks, field) in [
        (Speaks::OpenAi, r#""messages":"hello""#),
        (
            Speaks::OpenAi,
            r#""messages":[{"role":"user","content":7}]"#,
        ),
        (
            Speaks::OpenAi,
            r#""messages":[{"role":"user","content":"a"}],"temperature":"hot""#,
        ),
        (Speaks::Anthropic, r#""max_tokens":9,"messages":"hello""#),
        (
            Speaks::Anthropic,
            r#""max_tokens":9,"messages":[{"role":"user","content":7}]"#,
        ),
        (
            Speaks::Anthropic,
            r#""messages":[{"role":"user","content":"a"}]"#,
        ),
    ] {
        for provider in ["up", "claude"] {
            let body = format!(r#"{{"model":"{provider}/echo",{field}}}"#);
            let reply = gateway.call(speaks, &body).await;
            let told = speaks.told(&reply.body);
            assert_eq!(
                (reply.status, &*told.kind),
                (400, INVALID[0]),
                "{body}: {told:?}"
            );
            let row = gateway.entry_of(&reply).await;
            assert_eq!(
                row.answer.error_kind.as_deref(),
                Some("invalid_request"),
                "{body}"
            );
            assert_eq!(
                u32::from(provider == speaks.provider()),
                row.answer.attempts,
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn bodies_over_the_cap_are_refused() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    for (at, speaks) in Speaks::BOTH.into_iter().enumerate() {
        let body = vec![b' '; 3 * MAX_BODY];
        let chunk = format!("{:x}\r\n", body.len()).into_bytes();
        let chunked = [
            &speaks.head("transfer-encoding: chunked")[..],
            &chunk,
            &body,
            b"\r\n0\r\n\r\n",
        ];
        for bytes in [speaks.post(speaks.path(), &body), chunked.concat()] {
            let reply = gateway.send(&bytes).await;
            let told = speaks.told(&reply.body);
            assert_eq!(reply.status, 413, "{told:?}");
            assert_eq!(
                told.kind,
                ["invalid_request_error", "request_too_large"][at]
            );
            assert!(
                told.message.contains("over the limit of 1048576 bytes"),
                "{told:?}"
            );
        }
        // One byte less than too much is the model's affair.
        let mut fits = speaks.chat("up/lorem", false);
        fits.push_str(&" ".repeat(MAX_BODY - fits.len()));
        assert_eq!(gateway.call(speaks, &fits).await.status, 200);
        fits.push(' ');
        assert_eq!(gateway.call(speaks, &fits).await.status, 413);
    }
}

/// Closing under a client that still sends would destroy the answer that says why.
#[tokio::test]
async fn a_refusal_survives_a_large_body() {
    let gateway = gateway("http://127.0.0.1:9").await;
    let body = vec![b' '; 16 * MAX_BODY];
    for speaks in Speaks::BOTH {
        let reply = gateway
            .send(&speaks.post_as("sk-wrong", speaks.path(), &body))
            .await;
        assert_eq!(reply.status, 401);
        let reply = gateway.send(&speaks.post("/v1/nowhere", &body)).await;
        assert_eq!(reply.status, 404);
        let mut client = H2Client::open(gateway.addr).await;
        let text = String::from_utf8(body.clone()).unwrap();
        assert_eq!(client.call(speaks, text).await.status, 413);
        let next = client.call(speaks, "{".to_owned()).await;
        assert_eq!(next.status, 400, "the connection goes on");
    }
}

/// A client may keep its body to itself until it has an answer. All of these together take less
/// time than a refused body is given to come.
#[tokio::test]
async fn a_refusal_does_not_wait_for_the_body() {
    let gateway = gateway("http://127.0.0.1:9").await;
    let body = vec![b' '; MAX_BODY + 1];
    let ask = async |head: &[u8], status| {
        let mut connection = gateway.connect().await;
        connection.write(head).await;
        let reply = connection.reply().await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("connection"), Some("close"));
        connection.write(&body).await;
        connection.closed().await;
    };
    within("all answers", async {
        for speaks in Speaks::BOTH {
            let refused = speaks.post_as("sk-wrong", speaks.path(), &body);
            let refused = &refused[..refused.len() - body.len()];
            ask(refused, 401).await;
            ask(&[refused, &body[..1000]].concat(), 401).await;
            let much = format!("content-length: {}", body.len());
            ask(&speaks.head(&much), 413).await;
            ask(&speaks.head("content-length: 9\r\ncontent-type: a/b"), 415).await;
        }
    })
    .await;
}

/// What came whole leaves the connection as it was.
#[tokio::test]
async fn a_refusal_keeps_the_connection() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    for speaks in Speaks::BOTH {
        let body = speaks.chat("fast", false);
        let mut connection = gateway.connect().await;
        for (key, status) in [("sk-wrong", 401), (KEY, 200)] {
            connection
                .write(&speaks.post_as(key, speaks.path(), body.as_bytes()))
                .await;
            let reply = connection.reply().await;
            assert_eq!((reply.status, reply.header("connection")), (status, None));
        }
    }
}

#[tokio::test]
async fn only_plain_json_is_taken() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    for speaks in Speaks::BOTH {
        let model = format!("{}/echo", speaks.provider());
        let body = speaks.chat(&model, false);
        let send = async |more: &[(&str, &str)]| {
            let own = speaks.headers(KEY);
            let mut headers: Vec<_> = own.iter().map(|(n, v)| (*n, v.as_str())).collect();
            headers.extend(more);
            gateway
                .send(&request("POST", speaks.path(), &headers, body.as_bytes()))
                .await
        };
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        ] {
            let reply = send(&[("content-type", kind)]).await;
            let told = speaks.told(&reply.body);
            assert_eq!((reply.status, &*told.kind), (415, INVALID[0]), "{told:?}");
            assert!(
                told.message.contains("Content-Type: application/json"),
                "{told:?}"
            );
            assert!(told.message.contains(kind), "{told:?}");
        }
        let reply = send(&[
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
        ])
        .await;
        let told = speaks.told(&reply.body);
        assert_eq!(reply.status, 415);
        assert!(told.message.contains("uncompressed"), "{told:?}");
        let fine = ("content-type", "application/json; charset=utf-8");
        assert_eq!(send(&[fine]).await.status, 200);
        assert_eq!(send(&[]).await.status, 200, "without a content type");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    for (at, speaks) in Speaks::BOTH.into_iter().enumerate() {
        let own = speaks.headers(KEY);
        let own: Vec<_> = own
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let ask = async |method: &str, path: &str| {
            let reply = gateway.send(&request(method, path, &own, b"")).await;
            (
                reply.status,
                reply.header("allow").map(str::to_owned),
                speaks.told(&reply.body),
            )
        };
        for path in ["/", "/v1", "/v1/chat", "/v3/nowhere", "/v1/models/"] {
            let (status, _, told) = ask("POST", path).await;
            assert_eq!(
                (status, &*told.kind),
                (404, NOT_FOUND[at]),
                "{path}: {told:?}"
            );
            assert!(
                told.message.contains("/v1/chat/completions, /v1/responses"),
                "{told:?}"
            );
        }
        let (path, wrong) = (
            speaks.path(),
            [("GET", "POST"), ("PUT", "POST"), ("DELETE", "POST")],
        );
        let models = wrong.map(|(method, _)| (method.replace("GET", "POST"), "/v1/models", "GET"));
        let chats = wrong.map(|(method, right)| (method.to_owned(), path, right));
        for (method, path, right) in chats.into_iter().chain(models) {
            let (status, allow, told) = ask(&method, path).await;
            assert_eq!(
                (status, &*told.kind),
                (405, INVALID[at]),
                "{method} {path}: {told:?}"
            );
            assert_eq!(allow.as_deref(), Some(right), "{method} {path}");
            assert!(
                told.message
                    .contains(&format!("with {right}, not {method}")),
                "{told:?}"
            );
        }
    }
    assert_eq!(gateway.entries().await, []);
}

/// A client that leaves within its request is nobody's fault, and nothing is kept of it.
#[tokio::test]
async fn a_request_cut_short_is_forgotten() {
    let upstream = mimic().await;
    let gateway = gateway(&upstream.url()).await;
    for speaks in Speaks::BOTH {
        let whole = speaks.post(speaks.path(), speaks.chat("fast", false).as_bytes());
        for end in [1, 20, whole.len() - 1] {
            let mut connection = Connection::open(gateway.addr).await;
            connection.write(&whole[..end]).await;
            drop(connection);
        }
        assert_eq!(gateway.send(&whole).await.status, 200);
    }
    assert_eq!(upstream.requests().len(), 2);
    assert_eq!(gateway.entries().await.len(), 2);
}
