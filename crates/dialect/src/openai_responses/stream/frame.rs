//! Frames on their way to a client.

use serde::Serialize;
use serde_json::value::RawValue;
use weir_model::Json;

use super::super::response::{SentPart, SentResponse, SentSummary};
use crate::json::write;
use crate::sse;

/// One frame; which fields it has depends on its type.
#[derive(Default, Serialize)]
pub(super) struct Frame<'a> {
    pub(super) r#type: &'static str,
    pub(super) sequence_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response: Option<&'a SentResponse<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotation_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<SentPart<'a>>,
    #[serde(rename = "part", skip_serializing_if = "Option::is_none")]
    pub(super) thought: Option<SentSummary<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delta: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arguments: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotation: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<&'a [Json]>,
}

impl<'a> Frame<'a> {
    /// About a part of a message.
    pub(super) fn of_part(
        kind: &'static str,
        id: &'a str,
        (item, part): (usize, usize),
    ) -> Frame<'a> {
        Frame {
            content_index: Some(part),
            ..Frame::of_item(kind, id, item)
        }
    }

    /// About the summary of a thought.
    pub(super) fn of_summary(kind: &'static str, id: &'a str, item: usize) -> Frame<'a> {
        Frame {
            summary_index: Some(0),
            ..Frame::of_item(kind, id, item)
        }
    }

    pub(super) fn of_item(kind: &'static str, id: &'a str, item: usize) -> Frame<'a> {
        Frame {
            r#type: kind,
            item_id: Some(id),
            output_index: Some(item),
            ..Frame::default()
        }
    }
}

/// Writes frames, and numbers them.
#[derive(Debug, Default)]
pub(super) struct Sink {
    /// The number of the next frame.
    pub(super) sequence: u64,
    json: Vec<u8>,
}

impl Sink {
    pub(super) fn write(&mut self, out: &mut Vec<u8>, mut frame: Frame<'_>) {
        frame.sequence_number = self.sequence;
        self.sequence += 1;
        self.json.clear();
        write::append(&mut self.json, &frame);
        sse::write_event(out, frame.r#type, &self.json);
    }

    /// A frame that holds a whole item.
    pub(super) fn item(
        &mut self,
        out: &mut Vec<u8>,
        kind: &'static str,
        at: usize,
        item: &RawValue,
    ) {
        let frame = Frame {
            r#type: kind,
            output_index: Some(at),
            item: Some(item),
            ..Frame::default()
        };
        self.write(out, frame);
    }
}
