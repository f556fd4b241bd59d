//! The lines of a segment: JSON objects without what is zero, empty or absent. One definition for
//! both directions, so that what is written can be read.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use weir_model::{Money, Priced, Usage};

use super::{Opened, Settled};

type Text<'a> = Cow<'a, str>;

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    /// A call was opened.
    Opened(#[serde(borrow)] OpenedLine<'a>),
    /// A call was settled.
    Settled(#[serde(borrow)] SettledLine<'a>),
}

impl Line<'_> {
    /// The request's id.
    pub(crate) fn id(&self) -> &str {
        match self {
            Line::Opened(line) => &line.id,
            Line::Settled(line) => &line.id,
        }
    }
}

/// [`Opened`] as it is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct OpenedLine<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    pub(crate) at_ns: i64,
    #[serde(borrow)]
    pub(crate) key_id: Text<'a>,
    #[serde(borrow)]
    pub(crate) key_name: Text<'a>,
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub(crate) project: Text<'a>,
    #[serde(borrow)]
    pub(crate) model: Text<'a>,
    #[serde(borrow)]
    pub(crate) operation: Text<'a>,
    #[serde(borrow)]
    pub(crate) dialect: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) estimate_nano_usd: Option<i64>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) estimate_input_tokens: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) stream: bool,
}

/// [`Settled`] as it is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SettledLine<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    pub(crate) at_ns: i64,
    pub(crate) status: u16,
    #[serde(borrow)]
    pub(crate) outcome: Text<'a>,
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub(crate) target: Text<'a>,
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub(crate) upstream_model: Text<'a>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) input_tokens: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) cache_read_tokens: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) cache_write_tokens: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) cache_write_1h_tokens: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) input_audio_tokens: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) output_tokens: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) reasoning_tokens: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) output_audio_tokens: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) web_searches: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) estimated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cost_nano_usd: Option<i64>,
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub(crate) finish: Text<'a>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) attempts: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) losses: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_token_us: Option<u64>,
    pub(crate) total_us: u64,
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub(crate) error_kind: Text<'a>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl<'a> From<&Opened<'a>> for OpenedLine<'a> {
    fn from(opened: &Opened<'a>) -> OpenedLine<'a> {
        OpenedLine {
            id: opened.id.into(),
            at_ns: opened.at_nanos,
            key_id: opened.key_id.into(),
            key_name: opened.key_name.into(),
            project: opened.project.unwrap_or_default().into(),
            model: opened.model.into(),
            operation: opened.operation.into(),
            dialect: opened.dialect.into(),
            estimate_nano_usd: opened.estimate_nano_usd,
            estimate_input_tokens: opened.estimate_input_tokens,
            stream: opened.stream,
        }
    }
}

impl<'a> From<&Settled<'a>> for SettledLine<'a> {
    fn from(settled: &Settled<'a>) -> SettledLine<'a> {
        let Usage {
            input_tokens,
            cache_read_tokens,
            cache_write_tokens,
            cache_write_1h_tokens,
            input_audio_tokens,
            output_tokens,
            reasoning_tokens,
            output_audio_tokens,
            web_searches,
        } = settled.usage;
        SettledLine {
            id: settled.id.into(),
            at_ns: settled.at_nanos,
            status: settled.status,
            outcome: settled.outcome.into(),
            target: settled.target.into(),
            upstream_model: settled.upstream_model.into(),
            input_tokens,
            cache_read_tokens,
            cache_write_tokens,
            cache_write_1h_tokens,
            input_audio_tokens,
            output_tokens,
            reasoning_tokens,
            output_audio_tokens,
            web_searches,
            estimated: settled.usage_estimated,
            cost_nano_usd: match settled.cost {
                Priced::Known(cost) => Some(Money::nano_usd(cost)),
                Priced::Unpriced => None,
            },
            finish: settled.finish.unwrap_or_default().into(),
            attempts: settled.attempts,
            losses: settled.losses,
            first_token_us: settled.first_token_us,
            total_us: settled.total_us,
            error_kind: settled.error_kind.unwrap_or_default().into(),
        }
    }
}
