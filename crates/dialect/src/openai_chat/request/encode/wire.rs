//! Messages as they are sent.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::openai::media::Address;

/// One message. `content` is null where there is none.
#[derive(Debug, Default, Serialize)]
pub(super) struct SentMessage<'a> {
    pub(super) role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_call_id: Option<Cow<'a, str>>,
    pub(super) content: Option<SentContent<'a>>,
    /// Earlier reasoning, under the provider's name for it; at most one.
    #[serde(flatten)]
    pub(super) reasoning: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<SentCall<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum SentContent<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<SentPart<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SentPart<'a> {
    Text { text: Cow<'a, str> },
    Refusal { refusal: &'a str },
    ImageUrl { image_url: SentImage<'a> },
    InputAudio { input_audio: SentAudio<'a> },
    File { file: SentFile<'a> },
}

#[derive(Debug, Serialize)]
pub(super) struct SentImage<'a> {
    pub(super) url: Address<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct SentAudio<'a> {
    pub(super) data: &'a str,
    pub(super) format: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct SentFile<'a> {
    pub(super) filename: &'a str,
    pub(super) file_data: Address<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct SentCall<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) r#type: &'static str,
    pub(super) function: SentCalled<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct SentCalled<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: &'a str,
}
