//! Items as they are sent.

use std::borrow::Cow;

use serde::Serialize;

use crate::openai::media::Address;
use weir_model::Json;

/// One item of `input`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SentItem<'a> {
    Message {
        role: &'static str,
        content: SentContent<'a>,
    },
    Reasoning {
        summary: Vec<SentSummary<'a>>,
        encrypted_content: &'a str,
    },
    FunctionCall {
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
    FunctionCallOutput {
        call_id: &'a str,
        output: SentContent<'a>,
    },
    #[serde(untagged)]
    Opaque(&'a Json),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "summary_text")]
pub(super) struct SentSummary<'a> {
    pub(super) text: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum SentContent<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<SentPart<'a>>),
}

impl<'a> SentContent<'a> {
    /// One string where that says it all.
    pub(super) fn new(mut parts: Vec<SentPart<'a>>) -> SentContent<'a> {
        match parts.as_mut_slice() {
            [] => SentContent::Text("".into()),
            [SentPart::InputText { text } | SentPart::OutputText { text }] => {
                SentContent::Text(std::mem::take(text))
            }
            _ => SentContent::Parts(parts),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SentPart<'a> {
    InputText {
        text: Cow<'a, str>,
    },
    OutputText {
        text: Cow<'a, str>,
    },
    Refusal {
        refusal: &'a str,
    },
    InputImage {
        image_url: Address<'a>,
        detail: &'a str,
    },
    InputFile {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<Address<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<&'a str>,
    },
}
