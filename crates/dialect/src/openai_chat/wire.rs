//! What vendors answer, borrowed from their bytes. One set of types for whole answers and for
//! stream chunks, chat and legacy completions alike. Lenient: unknown fields are passed over,
//! nulls are absent, and counts may be written as floats.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use weir_model::{Json, Usage};

use super::usage;
use crate::json::walk::Walk;
pub(super) use crate::openai::scalar::{Count, Text, filled, text};

/// A whole answer or one chunk of a stream.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) object: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) model: Option<Text<'a>>,
    pub(super) created: Option<Count>,
    #[serde(borrow)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) service_tier: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

impl Answer<'_> {
    /// What was used so far, wherever it stands.
    pub(super) fn usage(&self) -> Option<Usage> {
        let read = |raw: &RawValue| Walk::through(raw.get().as_bytes(), usage::read).flatten();
        let choices = || self.choices.iter().flatten();
        let whole = self.usage.and_then(read);
        whole.or_else(|| choices().find_map(|choice| choice.usage.and_then(read)))
    }
}

/// One choice: `delta` in streams, `message` in whole answers, `text` in legacy completions.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Choice<'a> {
    pub(super) index: Option<Count>,
    #[serde(borrow)]
    pub(super) delta: Option<Box<Said<'a>>>,
    #[serde(borrow)]
    pub(super) message: Option<Box<Said<'a>>>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) logprobs: Option<&'a RawValue>,
    /// Where Moonshot reports the usage of a stream.
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
}

/// What was said, or more of it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Words<'a>>,
    /// Reasoning, as DeepSeek and vLLM name it.
    #[serde(borrow)]
    pub(super) reasoning_content: Option<Words<'a>>,
    /// Reasoning, as OpenRouter, Groq and newer vLLM name it.
    #[serde(borrow)]
    pub(super) reasoning: Option<Words<'a>>,
    /// Reasoning with its proofs, as OpenRouter and Weir itself send it.
    #[serde(borrow)]
    pub(super) reasoning_details: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(super) refusal: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<Vec<Call<'a>>>,
    #[serde(borrow)]
    pub(super) function_call: Option<Function<'a>>,
    #[serde(borrow)]
    pub(super) annotations: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(super) audio: Option<&'a RawValue>,
}

impl<'a> Said<'a> {
    /// Plain reasoning by whichever name, or as thinking parts of the content (Mistral).
    pub(super) fn reasoning_text(&self) -> &str {
        let fields = [&self.reasoning_content, &self.reasoning];
        let named = fields.into_iter().flatten().map(|words| &*words.text);
        let thought = self.content.iter().map(|words| words.thinking.as_str());
        named.chain(thought).find(|t| !t.is_empty()).unwrap_or("")
    }
}

/// A tool call, or more of one.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Call<'a> {
    pub(super) index: Option<Count>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, alias = "custom")]
    pub(super) function: Option<Function<'a>>,
}

/// What is called, with what.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow, alias = "input")]
    arguments: Option<&'a RawValue>,
}

impl<'a> Function<'a> {
    /// The arguments' text. Some vendors send the object itself instead of a string that holds it.
    pub(super) fn arguments(&self) -> Cow<'a, str> {
        let raw = self.arguments.map_or("", RawValue::get);
        match serde_json::from_str::<Text<'a>>(raw) {
            Ok(Text(text)) => text,
            Err(_) => Cow::Borrowed(raw),
        }
    }
}

/// Log probabilities of a choice; the shape of legacy completions is passed over.
#[derive(Debug, Default, serde::Deserialize)]
struct Logprobs<'a> {
    #[serde(borrow)]
    content: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    refusal: Option<Vec<&'a RawValue>>,
}

/// The log probabilities of a choice, one JSON object a token.
pub(super) fn logprobs(raw: Option<&RawValue>) -> Vec<Json> {
    let read: Option<Logprobs<'_>> = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let Logprobs { content, refusal } = read.unwrap_or_default();
    let tokens = [content, refusal].into_iter().flatten().flatten();
    tokens.map(Json::from).collect()
}

/// Text, or a list of parts from which text and thinking are taken.
#[derive(Debug, Default)]
pub(super) struct Words<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) thinking: String,
}

#[derive(Debug, serde::Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Words<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Words<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordsVisitor)
    }
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of parts")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Words<'de>, E> {
        Ok(Words {
            text: Cow::Borrowed(text),
            thinking: String::new(),
        })
    }

    fn visit_str<E>(self, text: &str) -> Result<Words<'de>, E> {
        Ok(Words {
            text: Cow::Owned(text.to_owned()),
            thinking: String::new(),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Words<'de>, A::Error> {
        let mut words = Words::default();
        while let Some(part) = parts.next_element::<Part<'de>>()? {
            words.text.to_mut().push_str(text(&part.text));
            if let Some(thought) = part.thinking {
                words.thinking.push_str(&thought.text);
            }
        }
        Ok(words)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Words<'de>, A::Error> {
        // `reasoning` is an object in some APIs, with nothing that we could show.
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Words::default())
    }
}
