//! The answer and its items as they are sent, whole and in the frames of a stream.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use weir_model::{FinishReason, Json, Usage};

use super::super::carried::{Kind, Origin};
use super::super::echo::Echo;
use super::super::finish;
use super::super::usage::SentUsage;

/// The answer itself.
#[derive(Serialize)]
pub(in super::super) struct SentResponse<'a> {
    id: &'a str,
    object: &'static str,
    created_at: i64,
    status: &'static str,
    error: Option<()>,
    incomplete_details: Option<SentIncomplete>,
    model: &'a str,
    pub(in super::super) output: &'a [Box<RawValue>],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) service_tier: Option<&'a str>,
    usage: Option<SentUsage>,
    #[serde(flatten)]
    echo: &'a Echo,
}

#[derive(Serialize)]
struct SentIncomplete {
    reason: &'static str,
}

impl<'a> SentResponse<'a> {
    /// One that has just begun.
    pub(in super::super) fn new(
        id: &'a str,
        model: &'a str,
        created_at: i64,
        echo: &'a Echo,
    ) -> SentResponse<'a> {
        SentResponse {
            id,
            object: "response",
            created_at,
            status: "in_progress",
            error: None,
            incomplete_details: None,
            model,
            output: &[],
            service_tier: None,
            usage: None,
            echo,
        }
    }

    /// Says how it ended; returns its status.
    pub(in super::super) fn end(
        &mut self,
        reason: FinishReason,
        usage: Option<&Usage>,
    ) -> &'static str {
        let words = finish::words(reason);
        self.status = words.status;
        self.incomplete_details = words.incomplete.map(|reason| SentIncomplete { reason });
        self.usage = usage.map(SentUsage::from);
        self.status
    }
}

/// An item of the output.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in super::super) enum SentItem<'a> {
    Message {
        id: &'a str,
        status: &'static str,
        role: &'static str,
        content: &'a [SentPart<'a>],
    },
    Reasoning {
        id: &'a str,
        summary: &'a [SentSummary<'a>],
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<&'a str>,
    },
    FunctionCall {
        id: &'a str,
        call_id: &'a str,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        arguments: &'a str,
        status: &'static str,
    },
    CustomToolCall {
        id: &'a str,
        call_id: &'a str,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        input: Cow<'a, str>,
        status: &'static str,
    },
    #[serde(untagged)]
    HostedCall(serde_json::Value),
}

impl<'a> SentItem<'a> {
    pub(in super::super) fn message(
        id: &'a str,
        content: &'a [SentPart<'a>],
        status: &'static str,
    ) -> SentItem<'a> {
        SentItem::Message {
            id,
            status,
            role: "assistant",
            content,
        }
    }

    /// A call of what a function stands for. `input` is that of a custom tool.
    pub(in super::super) fn call(
        (id, call_id): (&'a str, &'a str),
        origin: &'a Origin,
        arguments: &'a str,
        input: impl FnOnce() -> Cow<'a, str>,
        status: &'static str,
    ) -> SentItem<'a> {
        let name = origin.name.as_str();
        let namespace = origin.namespace.as_deref();
        match origin.kind {
            Kind::Function => SentItem::FunctionCall {
                id,
                call_id,
                name,
                namespace,
                arguments,
                status,
            },
            Kind::Custom => SentItem::CustomToolCall {
                id,
                call_id,
                name,
                namespace,
                input: input(),
                status,
            },
            Kind::Hosted(hosted) => {
                let mut item = serde_json::json!({
                    "type": hosted.call, "id": id, "call_id": call_id, "status": status,
                });
                item[hosted.field] = hosted.filled(arguments);
                SentItem::HostedCall(item)
            }
        }
    }
}

/// How the ids of calls begin.
pub(in super::super) fn call_prefix(kind: Kind) -> &'static str {
    match kind {
        Kind::Function => "fc_",
        Kind::Custom => "ctc_",
        Kind::Hosted(_) => "sh_",
    }
}

/// A part of a message.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in super::super) enum SentPart<'a> {
    OutputText {
        text: &'a str,
        annotations: Vec<Cow<'a, Json>>,
        logprobs: &'a [Json],
    },
    Refusal {
        refusal: &'a str,
    },
}

/// A part of a thought.
#[derive(Serialize)]
#[serde(tag = "type", rename = "summary_text")]
pub(in super::super) struct SentSummary<'a> {
    pub(in super::super) text: &'a str,
}
