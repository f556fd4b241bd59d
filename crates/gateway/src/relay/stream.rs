//! Answers that stream.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep};
use weir_dialect::sse::{Cutter, Frame, KEEP_ALIVE};
use weir_dialect::{ClientDialect, StreamDecoder, StreamEncoder};
use weir_model::{Delta, Event, IdMint, Kind, Laws, Opened, Rejection};

use super::Summary;
use super::alias::rename;
use super::list::List;
use crate::admit::{Outcome, Permit};
use crate::call::RequestId;
use crate::route::Timeouts;
use crate::send::Source;
use crate::state::Outward;
use crate::translate::context;
use crate::world::Deployment;

/// Most bytes held back before an answer's head leaves.
const MAX_HELD: usize = 256 << 10;

/// How long a finished stream's connection is given to end, so that it can be used again.
const DRAIN: Duration = Duration::from_secs(1);
const MAX_DRAIN: usize = 64 << 10;

/// A streamed answer on its way to the client.
pub struct Relay {
    source: Option<Source>,
    cutter: Cutter,
    decoder: Box<dyn StreamDecoder>,
    way: Way,
    client: &'static dyn ClientDialect,
    deployment: Arc<Deployment>,
    ids: IdMint,
    now_s: i64,
    request_id: RequestId,
    permit: Box<Permit>,
    summary: Option<Summary>,
    events: Vec<Event>,
    laws: Laws,
    out: VecDeque<Bytes>,
    /// Where the client wants one instead of server-sent events.
    list: Option<List>,
    phase: Phase,
    clocks: Clocks,
}

/// How frames become the client's.
pub(crate) enum Way {
    /// As they are, but for these edits.
    Native {
        /// The name to put where the vendor names its model, as a JSON string.
        alias: Option<Vec<u8>>,
        /// Whether to hold back the usage that only we asked for.
        hide_usage: bool,
    },
    /// Encoded anew from their events, once their state is sealed.
    Translated(Box<dyn StreamEncoder>, Box<Outward>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No content yet: a failure can still become another target's answer.
    Held,
    /// The head has left, or content is there.
    Streaming,
    /// The terminal event is queued, and the call is settled.
    Ended,
}

/// What ends a wait. One timer, armed for whichever comes first.
struct Clocks {
    sleep: Option<Pin<Box<Sleep>>>,
    last_piece: Instant,
    last_sent: Instant,
    first_token_by: Instant,
    idle: Duration,
    keep_alive: Duration,
    deadline: Instant,
}

/// What a stream begins with.
pub(crate) struct Begun {
    pub source: Source,
    pub decoder: Box<dyn StreamDecoder>,
    pub way: Way,
    pub client: &'static dyn ClientDialect,
    pub deployment: Arc<Deployment>,
    pub seed: u128,
    pub now_s: i64,
    pub request_id: RequestId,
    pub keep_alive: Duration,
    pub deadline: Instant,
    /// Where the client wants one.
    pub summary: Option<Summary>,
    /// Whether the client wants a JSON list instead of server-sent events.
    pub listed: bool,
}

/// Takes a stream up to its first content, or until a keep-alive is due.
///
/// # Errors
/// The upstream's failure before any content, with the permit, for another attempt.
pub(crate) async fn begin(
    begun: Begun,
    timeouts: &Timeouts,
    permit: Box<Permit>,
) -> Result<Box<Relay>, Box<(Rejection, Box<Permit>)>> {
    let now = Instant::now();
    let hold_until = now + begun.keep_alive;
    let mut relay = Box::new(Relay {
        source: Some(begun.source),
        cutter: Cutter::default(),
        decoder: begun.decoder,
        way: begun.way,
        client: begun.client,
        deployment: begun.deployment,
        ids: IdMint::new(begun.seed.rotate_left(1)),
        now_s: begun.now_s,
        request_id: begun.request_id,
        permit,
        summary: begun.summary,
        events: Vec::with_capacity(4),
        laws: Laws::default(),
        out: VecDeque::with_capacity(4),
        list: begun.listed.then(List::default),
        phase: Phase::Held,
        clocks: Clocks {
            sleep: None,
            last_piece: now,
            last_sent: now,
            first_token_by: now + timeouts.first_token,
            idle: timeouts.idle,
            keep_alive: begun.keep_alive,
            deadline: begun.deadline,
        },
    });
    let held = poll_fn(|cx| relay.poll_head(cx));
    match tokio::time::timeout_at(hold_until, held).await {
        Ok(Err(rejection)) => Err(Box::new((rejection, relay.permit))),
        Ok(Ok(())) | Err(_) => Ok(relay),
    }
}

impl Relay {
    /// Requests sent upstream for it.
    pub(crate) fn attempts(&self) -> u32 {
        self.permit.meter.attempts
    }

    /// Which deployment it comes from.
    pub(crate) fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The next bytes for the client; `None` at the end.
    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.out.pop_front() {
                self.clocks.last_sent = self.clocks.last_piece.max(self.clocks.last_sent);
                let bytes = match &mut self.list {
                    Some(list) => list.push(bytes),
                    None => bytes,
                };
                if !bytes.is_empty() {
                    return Poll::Ready(Some(bytes));
                }
                continue;
            }
            if self.phase == Phase::Ended {
                if let Some(end) = self.list.as_mut().and_then(List::end) {
                    return Poll::Ready(Some(end));
                }
                self.release(cx);
                return Poll::Ready(None);
            }
            self.phase = Phase::Streaming;
            if self.poll_absorb(cx).is_pending() {
                ready!(self.poll_clocks(cx));
            }
        }
    }

    /// Whether all has been sent.
    pub(crate) fn is_done(&self) -> bool {
        let listed = self.list.as_ref().is_none_or(List::is_ended);
        self.phase == Phase::Ended && self.out.is_empty() && listed && self.source.is_none()
    }

    /// Ready at the first content, or with a failure that came before.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        while self.phase == Phase::Held {
            let held: usize = self.out.iter().map(Bytes::len).sum();
            if held > MAX_HELD {
                return Poll::Ready(Ok(()));
            }
            if self.poll_absorb(cx).is_pending() {
                ready!(self.poll_clocks(cx));
            }
            if let Some(Event::Failed(rejection)) = self.events.last()
                && self.phase == Phase::Held
            {
                return Poll::Ready(Err(rejection.clone()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes the next piece of the upstream's body and works off its frames.
    fn poll_absorb(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(source) = &mut self.source else {
            return Poll::Ready(());
        };
        match ready!(source.poll_piece(cx)) {
            Some(Ok(piece)) => {
                self.clocks.last_piece = Instant::now();
                self.cutter.push(piece);
                self.absorb_frames();
            }
            Some(Err(rejection)) => self.fail(rejection),
            None => {
                self.source = None;
                self.absorb_end();
            }
        }
        Poll::Ready(())
    }

    fn absorb_frames(&mut self) {
        while !self.over() {
            match self.cutter.next_frame() {
                Ok(Some(frame)) => self.absorb(frame),
                Ok(None) => return,
                Err(_) => {
                    let message = "The provider sent an event that is too large.";
                    return self.fail(Rejection::upstream(Kind::Malformed, message));
                }
            }
        }
    }

    /// Whether the stream has had its terminal event.
    fn over(&self) -> bool {
        self.phase == Phase::Ended
            || (self.phase == Phase::Held && matches!(self.events.last(), Some(Event::Failed(_))))
    }

    fn absorb(&mut self, frame: Frame) {
        self.events.clear();
        if let Some(data) = frame.data() {
            let quirks = &self.deployment.quirks;
            let cx = context(self.now_s, &self.ids, quirks, &self.deployment.capabilities);
            self.decoder
                .decode(&frame.event(), data, &cx, &mut self.events);
        }
        self.forward(Some(frame));
    }

    /// The upstream's body has ended.
    fn absorb_end(&mut self) {
        if let Some(rest) = self.cutter.finish().filter(|_| !self.over()) {
            let blank = rest.raw.trim_ascii().is_empty();
            let queued = self.out.len();
            self.absorb(rest);
            let failed = matches!(self.events.last(), Some(Event::Failed(_)));
            let forwarded = self.out.len() > queued && !blank && !failed;
            if forwarded && matches!(self.way, Way::Native { .. }) {
                // A reader passes over a frame that lacks its blank line.
                self.out.push_back(Bytes::from_static(b"\n\n"));
            }
        }
        if self.over() {
            return;
        }
        self.events.clear();
        let quirks = &self.deployment.quirks;
        let cx = context(self.now_s, &self.ids, quirks, &self.deployment.capabilities);
        self.decoder.finish(&cx, &mut self.events);
        self.forward(None);
    }

    fn fail(&mut self, rejection: Rejection) {
        self.events.clear();
        self.events.push(Event::Failed(rejection));
        self.forward(None);
    }

    /// Queues what the client gets for `self.events`, which `frame` held. Settles before a terminal
    /// event is queued.
    fn forward(&mut self, frame: Option<Frame>) {
        if cfg!(debug_assertions) {
            for event in &self.events {
                let lawful = self.laws.observe(event);
                debug_assert!(lawful.is_ok(), "{lawful:?} at {event:?}");
            }
        }
        self.permit.meter.observe(&self.events);
        if let (Some(keep), Some(Event::Start { id, .. })) =
            (&mut self.permit.keep, self.events.first())
        {
            keep.begun(id.as_deref());
        }
        if self.permit.meter.first_token.is_none() && self.events.iter().any(is_content) {
            self.permit.meter.first_token = Some(self.clocks.last_piece);
            if self.phase == Phase::Held {
                self.phase = Phase::Streaming;
            }
        }
        match self.events.last() {
            Some(Event::Failed(_)) if self.phase == Phase::Held => {}
            Some(Event::Failed(rejection)) => {
                let rejection = rejection.clone();
                self.end(200, Outcome::Cut, Some(rejection.kind));
                tracing::warn!(request = self.request_id.as_str(), %rejection, "stream failed");
                let last = self
                    .client
                    .encode_stream_rejection(&rejection, self.request_id.as_str());
                self.out.push_back(last.into());
            }
            Some(Event::End) => {
                self.end(200, Outcome::Ok, None);
                self.queue(frame);
                self.keep_answer();
            }
            _ => self.queue(frame),
        }
    }

    /// Keeps the whole answer, which the last frames repeat.
    fn keep_answer(&mut self) {
        if let (Some(mut keep), Some(last)) = (self.permit.keep.take(), self.out.back())
            && !keep.ended(last)
        {
            tracing::warn!(
                request = self.request_id.as_str(),
                "an answer is too large to be kept"
            );
        }
    }

    fn end(&mut self, status: u16, outcome: Outcome, error: Option<Kind>) {
        let cost = self.permit.settle(status, outcome, error);
        if let Some(summary) = &self.summary {
            self.out
                .push_back(summary.comment(&self.permit.meter, cost));
        }
        self.phase = Phase::Ended;
    }

    fn queue(&mut self, frame: Option<Frame>) {
        let bytes = match (&mut self.way, frame) {
            (Way::Native { alias, hide_usage }, Some(frame)) => {
                if *hide_usage && is_only_usage(&self.events) {
                    return;
                }
                match alias {
                    Some(alias) => rename(&frame, alias, &*self.decoder),
                    None => frame.raw,
                }
            }
            // The upstream ended without the words that end a stream.
            (Way::Native { .. }, None) => Bytes::from_static(self.client.stream_end()),
            (Way::Translated(encoder, outward), _) => {
                let mut bytes = Vec::new();
                outward.events(&mut self.events);
                let quirks = &self.deployment.quirks;
                let cx = context(self.now_s, &self.ids, quirks, &self.deployment.capabilities);
                for event in &self.events {
                    encoder.encode(event, &cx, &mut bytes);
                }
                bytes.into()
            }
        };
        if !bytes.is_empty() {
            self.out.push_back(bytes);
        }
    }

    /// Ready when a clock has struck and something is queued or failed.
    fn poll_clocks(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let held = self.phase == Phase::Held;
            let (at, strike) = self
                .clocks
                .next(held, self.permit.meter.first_token.is_none());
            let sleep = self
                .clocks
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
            // Left armed too early rather than re-armed at each piece.
            if sleep.deadline() > at {
                sleep.as_mut().reset(at);
            }
            ready!(sleep.as_mut().poll(cx));
            if Instant::now() < at {
                sleep.as_mut().reset(at);
                continue;
            }
            self.strike(strike);
            return Poll::Ready(());
        }
    }

    fn strike(&mut self, strike: Strike) {
        let message = match strike {
            Strike::KeepAlive => {
                self.clocks.last_sent = Instant::now();
                self.clocks.sleep = None;
                return self.out.push_back(Bytes::from_static(KEEP_ALIVE));
            }
            Strike::FirstToken => "The provider sent no content in time.",
            Strike::Idle => "The provider stopped sending.",
            Strike::Total => "The answer took longer than allowed.",
        };
        self.source = None;
        self.fail(Rejection::upstream(Kind::Timeout, message).with_private(format!("{strike:?}")));
    }

    /// Lets the connection be used again: what ends the body after its terminal event is mostly
    /// there already; else it is waited for, out of the client's way.
    fn release(&mut self, cx: &mut Context<'_>) {
        let Some(mut source) = self.source.take() else {
            return;
        };
        loop {
            match source.poll_piece(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => return,
                Poll::Pending => break,
            }
        }
        self.permit.spawn(async move {
            let _ = source
                .collect(MAX_DRAIN, DRAIN, Instant::now() + DRAIN)
                .await;
        });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strike {
    KeepAlive,
    FirstToken,
    Idle,
    Total,
}

impl Clocks {
    /// Which clock strikes next, and when.
    fn next(&self, held: bool, no_content: bool) -> (Instant, Strike) {
        let mut next = (self.deadline, Strike::Total);
        let mut earlier = |at: Instant, strike: Strike| {
            if at < next.0 {
                next = (at, strike);
            }
        };
        earlier(self.last_piece + self.idle, Strike::Idle);
        if no_content {
            earlier(self.first_token_by, Strike::FirstToken);
        }
        if !held {
            earlier(self.last_sent + self.keep_alive, Strike::KeepAlive);
        }
        next
    }
}

fn is_content(event: &Event) -> bool {
    match event {
        Event::Delta { delta, .. } => delta.text_len() > 0 || matches!(delta, Delta::Signature(_)),
        Event::Open { kind, .. } => {
            !matches!(kind, Opened::Text | Opened::Reasoning | Opened::Refusal)
        }
        Event::Finish { .. } | Event::End => true,
        _ => false,
    }
}

fn is_only_usage(events: &[Event]) -> bool {
    !events.is_empty() && events.iter().all(|event| matches!(event, Event::Usage(_)))
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}
