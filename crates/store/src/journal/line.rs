//! The lines of a segment: JSON arrays, `["opened",ID,QUESTION,RESERVED]` and
//! `["settled",ID,QUESTION,ANSWER,FIGURES]`. QUESTION and ANSWER are the specs of the ledger's
//! tables of these names and FIGURES its other columns in their order, so that a settled line
//! tells the whole call. Both directions stand here: what is written can be read.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use weir_model::{Money, Priced, Usage};

use super::{Opened, Settled};

/// The ledger's columns after id, question and answer.
pub(crate) type Figures = [Option<i64>; 20];

/// What a line that opens a call begins with, up to the id.
const OPENED: &str = "[\"opened\",\"";
const SETTLED: &str = "[\"settled\",\"";

/// A call that is on record as opened, and stays so until the writer that opened it settles it.
#[derive(Debug)]
pub struct OpenCall {
    /// What both lines have in common: `ID",QUESTION`.
    head: Box<[u8]>,
    at_nanos: i64,
}

impl OpenCall {
    /// Fails with `InvalidInput` for an id that JSON would escape.
    pub(crate) fn new(opened: &Opened<'_>) -> io::Result<OpenCall> {
        let plain = |byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if !opened.id.bytes().all(plain) {
            return Err(invalid("the id of a call is not plain"));
        }
        let mut head = Vec::with_capacity(192);
        head.extend_from_slice(opened.id.as_bytes());
        head.push(b'"');
        let question = (
            opened.key_id,
            opened.key_name,
            opened.project.unwrap_or_default(),
            opened.model,
            opened.operation,
            opened.dialect,
            opened.stream,
        );
        push(&mut head, &question)?;
        Ok(OpenCall {
            head: head.into(),
            at_nanos: opened.at_nanos,
        })
    }

    pub(super) fn write_opened(&self, opened: &Opened<'_>, line: &mut Vec<u8>) -> io::Result<()> {
        let (tokens, nano_usd) = (opened.estimate_input_tokens, opened.estimate_nano_usd);
        line.extend_from_slice(OPENED.as_bytes());
        line.extend_from_slice(&self.head);
        push(line, &(opened.at_nanos, tokens, nano_usd))?;
        line.extend_from_slice(b"]\n");
        Ok(())
    }

    pub(super) fn write_settled(
        &self,
        settled: &Settled<'_>,
        line: &mut Vec<u8>,
    ) -> io::Result<()> {
        line.extend_from_slice(SETTLED.as_bytes());
        line.extend_from_slice(&self.head);
        push(line, &answer(settled))?;
        push(line, &figures(self.at_nanos, settled))?;
        line.extend_from_slice(b"]\n");
        Ok(())
    }
}

fn answer<'a>(settled: &Settled<'a>) -> impl Serialize + use<'a> {
    (
        settled.target,
        settled.upstream_model,
        settled.status,
        settled.outcome,
        settled.finish.unwrap_or_default(),
        settled.error_kind.unwrap_or_default(),
    )
}

fn figures(opened_at_ns: i64, settled: &Settled<'_>) -> Figures {
    let usage = &settled.usage;
    [
        Some(opened_at_ns),
        Some(settled.at_nanos),
        Some(settled.attempts.into()),
        Some(settled.losses.into()),
        settled.first_token_us.map(signed),
        Some(signed(settled.total_us)),
        Some(signed(usage.input_tokens)),
        Some(signed(usage.cache_read_tokens)),
        Some(signed(usage.cache_write_tokens)),
        Some(signed(usage.cache_write_1h_tokens)),
        Some(signed(usage.input_audio_tokens)),
        Some(signed(usage.output_tokens)),
        Some(signed(usage.reasoning_tokens)),
        Some(signed(usage.output_audio_tokens)),
        Some(signed(usage.web_searches)),
        Some(settled.usage_estimated.into()),
        match settled.cost {
            Priced::Known(cost) => Some(Money::nano_usd(cost)),
            Priced::Unpriced => None,
        },
        Some(signed(usage.images)),
        Some(signed(usage.audio_ms)),
        Some(signed(usage.characters)),
    ]
}

/// A line that was read.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum Line<'a> {
    /// A call was opened. What else the line says is needed only if the call is lost.
    Opened { id: &'a str },
    /// A call was settled.
    Settled(SettledLine<'a>),
}

impl<'a> Line<'a> {
    /// Takes a line apart without building anything; `None` when it is torn.
    pub(crate) fn read(text: &'a str) -> Option<Line<'a>> {
        let opened = text.strip_prefix(OPENED);
        let (id, rest) = opened
            .or_else(|| text.strip_prefix(SETTLED))?
            .split_once('"')?;
        if opened.is_some() {
            return Some(Line::Opened { id });
        }
        let (question, rest) = array(rest)?;
        let (answer, rest) = array(rest)?;
        Some(Line::Settled(SettledLine {
            id,
            question,
            answer,
            figures: read_figures(rest)?,
        }))
    }
}

/// The whole call.
#[derive(Debug)]
pub(crate) struct SettledLine<'a> {
    pub(crate) id: &'a str,
    /// JSON, as are all specs; broken only if the disk broke it.
    pub(crate) question: &'a str,
    pub(crate) answer: &'a str,
    pub(crate) figures: Figures,
}

/// The array of scalars after a comma, and what follows it.
fn array(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix(",[").and(text.get(1..))?;
    let (mut quoted, mut escaped) = (false, false);
    let end = text.bytes().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b']' => return !quoted,
            _ => {}
        }
        false
    })?;
    text.split_at_checked(end + 1)
}

fn read_figures(text: &str) -> Option<Figures> {
    let mut numbers = text.strip_prefix(",[")?.strip_suffix("]]")?.split(',');
    let mut figures = [Some(0); 20];
    for (index, figure) in figures.iter_mut().enumerate() {
        *figure = match numbers.next() {
            Some("null") => None,
            Some(number) => Some(number.parse().ok()?),
            // Written before there were the last three.
            None if index == 17 => break,
            None => return None,
        };
    }
    numbers.next().is_none().then_some(figures)
}

/// What a line says of a call that may be lost: who asked for what, and what to charge.
#[derive(Debug, Deserialize)]
struct OpenedLine<'a> {
    _opened: &'a str,
    _id: &'a str,
    #[serde(borrow)]
    question: &'a RawValue,
    /// When it was opened; input tokens and nano-USD.
    reserved: (i64, u64, Option<i64>),
}

/// Question, answer and figures of a call whose process died: it is charged what was reserved.
pub(crate) fn lost(
    opened: &str,
    now_ns: i64,
) -> Result<(&str, String, Figures), serde_json::Error> {
    let line: OpenedLine<'_> = serde_json::from_str(opened)?;
    let (opened_at_ns, input_tokens, nano_usd) = line.reserved;
    let settled = Settled {
        at_nanos: now_ns,
        status: 0,
        outcome: "lost",
        target: "",
        upstream_model: "",
        usage: Usage {
            input_tokens,
            ..Usage::default()
        },
        usage_estimated: true,
        cost: nano_usd.map_or(Priced::Unpriced, |nano_usd| {
            Priced::Known(Money::from_nano_usd(nano_usd))
        }),
        finish: None,
        attempts: 0,
        losses: 0,
        first_token_us: None,
        total_us: 0,
        error_kind: None,
    };
    let answer = serde_json::to_string(&answer(&settled))?;
    Ok((line.question.get(), answer, figures(opened_at_ns, &settled)))
}

/// Appends one more element of an array.
fn push(line: &mut Vec<u8>, element: &impl Serialize) -> io::Result<()> {
    line.push(b',');
    Ok(serde_json::to_writer(line, element)?)
}

/// Counts are stored as SQL's signed integers.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
