//! The cases of the benchmark: what is asked, and what it may cost against the bare proxy. The baselines always
//! carry the OpenAI request of the same size, since a proxy that parses nothing does the same work for any format.

use std::net::SocketAddr;

use crate::load::{Format, Plan};

/// The virtual key that the gateway is configured with.
pub const KEY: &str = "sk-weir-bench-0123456789abcdef0123456789abcdef";
/// The key that the upstream sees.
pub const UPSTREAM_KEY: &str = "sk-test";

/// A stream that is asked of the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Text chunks.
    pub chunks: u32,
    /// Pause between two chunks; long enough that each one travels alone.
    pub gap_ms: u32,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What `--only` calls it.
    pub name: &'static str,
    /// What the client speaks.
    pub client: Format,
    /// What the upstream speaks.
    pub upstream: Format,
    /// Length of the prompt.
    pub prompt_bytes: usize,
    /// The stream, or `None` for whole answers.
    pub stream: Option<Stream>,
    /// The most that it may cost, as a multiple of the bare proxy.
    pub goal: f64,
}

const KB: usize = 900;
const FLOW: Option<Stream> = Some(Stream {
    chunks: 200,
    gap_ms: 5,
});

/// All cases, in the order of the table.
pub const CASES: [Case; 7] = {
    use Format::{Anthropic, OpenAi};
    let case = Case {
        name: "native-1k",
        client: OpenAi,
        upstream: OpenAi,
        prompt_bytes: KB,
        stream: None,
        goal: 1.5,
    };
    [
        case,
        Case {
            name: "native-200k",
            prompt_bytes: 200_000,
            goal: 2.0,
            ..case
        },
        Case {
            name: "native-stream",
            stream: FLOW,
            ..case
        },
        Case {
            name: "translated",
            upstream: Anthropic,
            goal: 2.5,
            ..case
        },
        Case {
            name: "translated-stream",
            upstream: Anthropic,
            stream: FLOW,
            goal: 2.5,
            ..case
        },
        Case {
            name: "messages-to-chat",
            client: Anthropic,
            goal: 2.5,
            ..case
        },
        Case {
            name: "messages-to-chat-stream",
            client: Anthropic,
            stream: FLOW,
            goal: 2.5,
            ..case
        },
    ]
};

/// A stream that stays open: one chunk, then silence.
pub const PAUSED: Case = Case {
    name: "paused-stream",
    stream: Some(Stream {
        chunks: 3,
        gap_ms: 20_000,
    }),
    ..CASES[0]
};

impl Case {
    /// The request to the gateway at `address`, with its key and a `provider/model` name.
    #[must_use]
    pub fn through_gateway(&self, address: SocketAddr) -> Plan {
        let provider = match self.upstream {
            Format::OpenAi => "openai",
            Format::Anthropic => "anthropic",
        };
        self.plan(
            address,
            self.client,
            &format!("{provider}/{}", self.model()),
            KEY,
        )
    }

    /// The request to a proxy at `address` that passes it on as it is.
    #[must_use]
    pub fn through_baseline(&self, address: SocketAddr) -> Plan {
        self.plan(address, Format::OpenAi, &self.model(), UPSTREAM_KEY)
    }

    /// What CPU time is divided by.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        if self.stream.is_some() {
            "chunk"
        } else {
            "request"
        }
    }

    fn model(&self) -> String {
        match self.stream {
            None => "bench".to_owned(),
            Some(Stream { chunks, gap_ms }) => {
                format!("bench-stream+chunks={chunks}+gap_ms={gap_ms}")
            }
        }
    }

    fn plan(&self, address: SocketAddr, client: Format, model: &str, key: &str) -> Plan {
        let mut body = serde_json::json!({
            "max_tokens": 1024,
            "messages": [{ "role": "user", "content": prompt(self.prompt_bytes) }],
            "model": model,
            "temperature": 0.5,
        });
        if self.stream.is_some() {
            body["stream"] = true.into();
        }
        let (headers, expect) = (client.headers(key), client.expect(self.stream.is_some()));
        Plan::post(address, client.path(), &headers, &body.to_string(), expect)
    }
}

/// Prose with the quotes, line ends and letters beyond ASCII that prompts have; exactly so many bytes.
fn prompt(bytes: usize) -> String {
    let line = "The keeper wrote: \"the river stands a hand above the weir\", and went home.\n\
                Nothing else happened on that day; the mill was as quiet as the café beside it.\n";
    let mut text = line.repeat(bytes / line.len() + 1);
    let end = (0..=bytes)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    text.truncate(end);
    text.extend(std::iter::repeat_n('.', bytes - end));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(plan: &Plan) -> String {
        String::from_utf8(plan.request.to_vec()).unwrap()
    }

    #[test]
    fn prompts_have_the_length_that_is_asked() {
        for bytes in [1, 150, 151, 152, 153, 900, 200_000] {
            assert_eq!(prompt(bytes).len(), bytes);
        }
    }

    #[test]
    fn gateway_and_baseline_get_the_same_prompt() {
        let address = "127.0.0.1:4000".parse().unwrap();
        for case in CASES {
            let [ours, theirs] = [
                case.through_gateway(address),
                case.through_baseline(address),
            ];
            let (ours, theirs) = (text(&ours), text(&theirs));
            assert!(ours.contains(KEY) && theirs.contains(UPSTREAM_KEY));
            assert!(theirs.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"));
            assert_eq!(ours.contains("\"stream\":true"), case.stream.is_some());
            let difference = ours.len().abs_diff(theirs.len());
            assert!(difference < 120, "{}: {difference}", case.name);
        }
    }

    #[test]
    fn formats_choose_path_and_model() {
        let address = "127.0.0.1:4000".parse().unwrap();
        let translated = text(&CASES[4].through_gateway(address));
        assert!(translated.contains("\"anthropic/bench-stream+chunks=200+gap_ms=5\""));
        let messages = text(&CASES[5].through_gateway(address));
        assert!(messages.starts_with("POST /v1/messages "));
        assert!(messages.contains("x-api-key: ") && messages.contains("\"openai/bench\""));
    }
}
