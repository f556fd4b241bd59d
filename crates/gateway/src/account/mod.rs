//! Usage to cost, and honest guesses where a vendor gave no usage. Refuses nothing.

mod tokens;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use tokens::Counter;
use tokio::time::Instant;
use weir_model::{Event, FinishReason, Operation, Priced, Usage};

use crate::world::Deployment;

/// English text and code hold about four bytes a token in today's vocabularies.
const BYTES_PER_TOKEN: u64 = 4;

/// Tokens that so many bytes of text most likely are.
pub(crate) fn estimate_tokens(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// Whether what a call used is to be paid for with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Owed {
    /// Yes, by an estimate where it is not told.
    #[default]
    Always,
    /// Once it is told; else it will be with another call.
    AtEnd,
    /// No: it was with another call.
    Never,
}

/// What is known of a call so far, for its settlement.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// What is asked.
    pub operation: Operation,
    /// What the request itself says of usage: characters to be spoken.
    pub asked: Usage,
    /// What it costs where that is not a matter of usage.
    pub fixed: Option<Priced>,
    /// Bytes of the request, for an estimate of its input.
    pub request_bytes: u64,
    /// Where the call went last; `None` until a request was sent.
    pub deployment: Option<Arc<Deployment>>,
    /// Requests sent upstream.
    pub attempts: u32,
    /// What the vendor reported.
    pub usage: Option<Usage>,
    /// Whether the vendor's report is complete (it comes at the end of an answer).
    pub usage_complete: bool,
    /// Text received, in bytes.
    pub text_bytes: u64,
    /// Why the answer ended.
    pub finish: Option<FinishReason>,
    /// When the first content came.
    pub first_token: Option<Instant>,
    /// How long we waited for vendors, as opposed to our own work.
    pub upstream_wait: Duration,
    /// What translation could not carry.
    pub losses: u32,
    /// Of the call, not of an attempt.
    pub owed: Owed,
}

impl Meter {
    /// Forgets what a failed attempt has brought, and goes on to the next.
    pub(crate) fn begin_attempt(&mut self, deployment: &Arc<Deployment>, losses: usize) {
        *self = Meter {
            operation: self.operation,
            asked: self.asked,
            fixed: self.fixed,
            request_bytes: self.request_bytes,
            deployment: Some(Arc::clone(deployment)),
            attempts: self.attempts + 1,
            upstream_wait: self.upstream_wait,
            losses: u32::try_from(losses).unwrap_or(u32::MAX),
            owed: self.owed,
            ..Meter::default()
        };
    }

    /// Watches the events of a stream.
    pub(crate) fn observe(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Usage(usage) => self.usage.get_or_insert_default().merge(usage),
                Event::Delta { delta, .. } => self.text_bytes += delta.text_len() as u64,
                Event::Finish { choice: 0, finish } => self.finish = Some(finish.reason),
                Event::End => self.usage_complete = self.usage.is_some(),
                _ => {}
            }
        }
    }

    /// The usage to bill, and whether part of it is an estimate: a stream that was cut has
    /// delivered tokens that nobody reported.
    pub(crate) fn billable(&self, delivered: bool) -> (Usage, bool) {
        match self.owed {
            Owed::Always => {}
            Owed::AtEnd if self.usage_complete => {}
            Owed::AtEnd | Owed::Never => return (Usage::default(), false),
        }
        let mut reported = self.usage.unwrap_or_default();
        if !self.operation.is_chat() {
            // The bytes of a picture tell no tokens.
            if delivered {
                reported.merge(&self.asked);
            }
            return (reported, false);
        }
        if self.usage_complete || self.attempts == 0 {
            return (reported, false);
        }
        if !delivered && self.text_bytes == 0 && self.usage.is_none() {
            return (reported, false);
        }
        let mut usage = Usage {
            input_tokens: estimate_tokens(self.request_bytes),
            output_tokens: estimate_tokens(self.text_bytes),
            ..Usage::default()
        };
        if reported.input_tokens > 0 {
            usage.input_tokens = reported.input_tokens;
        }
        usage.merge(&reported);
        (usage, true)
    }

    /// What a usage costs at the target that served it.
    pub(crate) fn cost(&self, usage: &Usage, now_s: i64) -> Priced {
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        // Moderation is the one operation that reports nothing and is priced all the same.
        let told = self.operation.is_chat() || self.operation == Operation::Moderation;
        match &self.deployment {
            Some(deployment) if told || *usage != Usage::default() => deployment.cost(usage, now_s),
            Some(deployment) => deployment.cost_of_request(now_s),
            None => Priced::Known(weir_model::Money::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_model::Delta;

    use super::*;

    fn delta(text: &str) -> Event {
        Event::Delta {
            choice: 0,
            block: 0,
            delta: Delta::Text(text.into()),
            logprobs: Vec::new(),
        }
    }

    fn meter() -> Meter {
        Meter {
            request_bytes: 400,
            attempts: 1,
            ..Meter::default()
        }
    }

    #[test]
    fn a_complete_report_is_billed_as_it_is() {
        let mut meter = meter();
        let usage = Usage {
            input_tokens: 7,
            output_tokens: 9,
            ..Usage::default()
        };
        meter.observe(&[delta("hello"), Event::Usage(usage), Event::End]);
        assert_eq!(meter.billable(true), (usage, false));
    }

    #[test]
    fn a_cut_stream_is_billed_by_what_came() {
        let mut meter = meter();
        let partial = Usage {
            input_tokens: 50,
            output_tokens: 1,
            ..Usage::default()
        };
        meter.observe(&[Event::Usage(partial), delta(&"x".repeat(80))]);
        let (usage, estimated) = meter.billable(true);
        assert!(estimated);
        assert_eq!((usage.input_tokens, usage.output_tokens), (50, 20));
    }

    #[test]
    fn an_answer_without_usage_is_estimated() {
        let mut meter = meter();
        meter.observe(&[delta(&"x".repeat(80)), Event::End]);
        let (usage, estimated) = meter.billable(true);
        assert!(estimated);
        assert_eq!((usage.input_tokens, usage.output_tokens), (100, 20));
    }

    #[test]
    fn what_is_told_later_is_paid_for_then() {
        let mut meter = meter();
        meter.owed = Owed::AtEnd;
        meter.observe(&[delta("hello")]);
        assert_eq!(meter.billable(true), (Usage::default(), false));
        let usage = Usage {
            input_tokens: 7,
            ..Usage::default()
        };
        meter.observe(&[Event::Usage(usage), Event::End]);
        assert_eq!(meter.billable(true), (usage, false));
        meter.owed = Owed::Never;
        assert_eq!(meter.billable(true), (Usage::default(), false));
    }

    #[test]
    fn a_refused_request_costs_nothing() {
        assert_eq!(meter().billable(false), (Usage::default(), false));
    }
}
