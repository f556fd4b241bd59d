//! What a client of each dialect sends, and the shapes in which it must be answered.

use serde_json::{Value, json};

use super::{KEY, request};

/// The dialect of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    OpenAi,
    Anthropic,
}

/// An error as a client reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) message: String,
    /// OpenAI only.
    pub(crate) param: Option<String>,
    /// OpenAI only.
    pub(crate) code: Option<String>,
}

impl Speaks {
    pub(crate) const BOTH: [Speaks; 2] = [Speaks::OpenAi, Speaks::Anthropic];

    /// Where chats go.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Speaks::OpenAi => "/v1/chat/completions",
            Speaks::Anthropic => "/v1/messages",
        }
    }

    /// The provider in [`super::providers`] that speaks it.
    pub(crate) fn provider(self) -> &'static str {
        match self {
            Speaks::OpenAi => "up",
            Speaks::Anthropic => "claude",
        }
    }

    /// Headers as the vendor's own SDK sends them, but for the content type.
    pub(crate) fn headers(self, key: &str) -> Vec<(&'static str, String)> {
        match self {
            Speaks::OpenAi => vec![("authorization", format!("Bearer {key}"))],
            Speaks::Anthropic => {
                vec![
                    ("x-api-key", key.to_owned()),
                    ("anthropic-version", "2023-06-01".to_owned()),
                ]
            }
        }
    }

    /// The bytes of a `POST` with the key that may do everything.
    pub(crate) fn post(self, path: &str, body: &[u8]) -> Vec<u8> {
        self.post_as(KEY, path, body)
    }

    /// The same with another key.
    pub(crate) fn post_as(self, key: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let own = self.headers(key);
        let mut headers: Vec<_> = own
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        headers.push(("content-type", "application/json"));
        request("POST", path, &headers, body)
    }

    /// The head of a `POST` of a chat, with the key that may do everything and further headers.
    pub(crate) fn head(self, more: &str) -> Vec<u8> {
        let mut head = format!("POST {} HTTP/1.1\r\nhost: gateway\r\n", self.path());
        for (name, value) in self.headers(KEY) {
            head += &format!("{name}: {value}\r\n");
        }
        (head + more + "\r\n\r\n").into_bytes()
    }

    /// The body of a small chat.
    pub(crate) fn chat(self, model: &str, stream: bool) -> String {
        self.say(model, "one two three four five six", stream)
    }

    /// The body of a chat that says something.
    pub(crate) fn say(self, model: &str, text: &str, stream: bool) -> String {
        let mut body = json!({"model": model, "messages": [{"role": "user", "content": text}]});
        if self == Speaks::Anthropic {
            body["max_tokens"] = 1000.into();
        }
        if stream {
            body["stream"] = true.into();
        }
        body.to_string()
    }

    /// The text of a whole answer.
    pub(crate) fn text(self, answer: &Value) -> String {
        let text = match self {
            Speaks::OpenAi => &answer["choices"][0]["message"]["content"],
            Speaks::Anthropic => &answer["content"][0]["text"],
        };
        text.as_str()
            .unwrap_or_else(|| panic!("no text in {answer}"))
            .to_owned()
    }

    /// The text of a stream, whose frames are checked: every one is JSON of this dialect, and the
    /// last one, and no other, ends the stream.
    pub(crate) fn streamed(self, stream: &str) -> String {
        let (text, error) = self.frames(stream);
        assert_eq!(error, None, "{stream}");
        text
    }

    /// What a stream told before it failed, and the error that ended it.
    pub(crate) fn failed(self, stream: &str) -> (String, Told) {
        let (text, error) = self.frames(stream);
        (
            text,
            error.unwrap_or_else(|| panic!("no error in {stream}")),
        )
    }

    fn frames(self, stream: &str) -> (String, Option<Told>) {
        let stream = stream.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let frames: Vec<&str> = stream
            .split_terminator("\n\n")
            .filter(|frame| !frame.starts_with(':'))
            .collect();
        let (mut text, mut error, mut ends) = (String::new(), None, Vec::new());
        for (at, frame) in frames.iter().enumerate() {
            let data = frame.lines().find_map(|line| line.strip_prefix("data: "));
            let data = data.unwrap_or_else(|| panic!("no data in {frame:?} of {stream:?}"));
            if self == Speaks::OpenAi && data == "[DONE]" {
                ends.push(at);
                continue;
            }
            let json: Value =
                serde_json::from_str(data).unwrap_or_else(|e| panic!("{e} in {frame:?}"));
            if json.get("error").is_some_and(|error| !error.is_null()) {
                assert_eq!(error, None, "a second error in {stream}");
                error = Some(self.told(data.as_bytes()));
            }
            let event = json["type"].as_str().unwrap_or_default();
            if self == Speaks::Anthropic {
                assert!(frame.starts_with(&format!("event: {event}\n")), "{frame:?}");
                if ["message_stop", "error"].contains(&event) {
                    ends.push(at);
                }
            }
            let piece = match self {
                Speaks::OpenAi => &json["choices"][0]["delta"]["content"],
                Speaks::Anthropic => &json["delta"]["text"],
            };
            text.push_str(piece.as_str().unwrap_or_default());
        }
        assert_eq!(
            ends,
            [frames.len() - 1],
            "one end, and it is last: {stream}"
        );
        (text, error)
    }

    /// Reads an error, which must have exactly the vendor's shape.
    pub(crate) fn told(self, body: &[u8]) -> Told {
        let text = String::from_utf8_lossy(body);
        let json: Value = serde_json::from_slice(body).unwrap_or_else(|e| panic!("{e}: {text}"));
        let word = |value: &Value| value.as_str().map(str::to_owned);
        let error = &json["error"];
        let keys: Vec<_> = error
            .as_object()
            .expect("an error object")
            .keys()
            .cloned()
            .collect();
        match self {
            // https://platform.openai.com/docs/guides/error-codes
            Speaks::OpenAi => assert_eq!(keys, ["code", "message", "param", "type"], "{text}"),
            // https://platform.claude.com/docs/en/api/errors
            Speaks::Anthropic => {
                assert_eq!(json["type"], "error", "{text}");
                assert!(json["request_id"].is_string(), "{text}");
                assert_eq!(keys, ["message", "type"], "{text}");
            }
        }
        let message = word(&error["message"]).unwrap_or_default();
        assert!(!message.is_empty(), "{text}");
        let kind = word(&error["type"]).unwrap_or_else(|| panic!("no type: {text}"));
        Told {
            kind,
            message,
            param: word(&error["param"]),
            code: word(&error["code"]),
        }
    }
}
