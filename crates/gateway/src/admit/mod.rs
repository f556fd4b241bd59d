//! Admission: every call that may cost money holds a [`Permit`] from before its first upstream byte
//! until it is settled. The journal knows both moments, whatever happens to the process.

use std::sync::Arc;

use tokio::time::Instant;
use weir_model::{Kind, Money, Operation, Priced, Rejection, Source, Spoken, Usage};
use weir_store::{OpenCall, Opened, Settled};

use crate::account::{Meter, Owed, estimate_tokens};
use crate::call::{Arrival, Call, Caller, RequestId};
use crate::observe::{Observation, Series};
use crate::route::Route;
use crate::stored::Keep;
use crate::worker::{InFlight, Worker};
use crate::world::Deployment;

/// How a call ended, for the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered.
    Ok,
    /// No target answered.
    Failed,
    /// The client went away.
    Cancelled,
    /// The upstream broke off after the answer began.
    Cut,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Failed => "failed",
            Outcome::Cancelled => "cancelled",
            Outcome::Cut => "cut",
        }
    }

    /// Whether any of an answer can have reached the client.
    const fn delivered(self) -> bool {
        !matches!(self, Outcome::Failed)
    }
}

/// The reservation of one call. Dropped unsettled, it settles itself as cancelled by what is known.
pub(crate) struct Permit {
    worker: Arc<Worker>,
    id: RequestId,
    open_call: OpenCall,
    /// The name that allow-lists, metrics and the ledger know.
    public: Arc<str>,
    arrived: Instant,
    settled: bool,
    _in_flight: InFlight,
    /// What is known of the call so far.
    pub meter: Meter,
    /// Keeps the answer, where that is wanted.
    pub keep: Option<Box<Keep>>,
}

/// A call to be put on record.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub arrival: &'a Arrival,
    pub caller: &'a Caller,
    pub spoken: Spoken,
    pub operation: Operation,
    /// The public model name.
    pub public: &'a Arc<str>,
    /// Input tokens, as far as its text tells.
    pub input_tokens: u64,
    /// What it may cost at most.
    pub estimate: Option<Money>,
    /// The bytes of its text.
    pub request_bytes: u64,
    pub stream: bool,
}

/// Opens a call on a model: from here on it is on record.
///
/// # Errors
/// `Overloaded` when the journal cannot be written, because an unrecorded call would be lost money.
pub(crate) fn reserve(
    worker: &Arc<Worker>,
    call: &Call,
    route: &Arc<Route>,
    max_output_tokens: Option<u64>,
    stream: bool,
) -> Result<Box<Permit>, Rejection> {
    let input_tokens = estimate_tokens(call.body.len() as u64);
    let asked = Asked {
        arrival: &call.arrival,
        caller: &call.caller,
        spoken: call.spoken(),
        operation: call.operation,
        public: &route.public,
        input_tokens,
        estimate: estimate(
            route,
            input_tokens,
            max_output_tokens,
            call.operation,
            call.now_s(),
        ),
        request_bytes: call.body.len() as u64,
        stream,
    };
    open(worker, &asked)
}

/// Opens a call: from here on it is on record.
///
/// # Errors
/// As [`reserve`].
pub(crate) fn open(worker: &Arc<Worker>, asked: &Asked<'_>) -> Result<Box<Permit>, Rejection> {
    let opened = Opened {
        id: asked.arrival.id.as_str(),
        at_nanos: asked.arrival.at_nanos,
        key_id: asked.caller.key_id(),
        key_name: asked.caller.key_name(),
        project: asked.caller.project(),
        model: asked.public,
        operation: asked.operation.name(),
        dialect: asked.spoken.name(),
        estimate_nano_usd: asked.estimate.map(Money::nano_usd),
        estimate_input_tokens: asked.input_tokens,
        stream: asked.stream,
    };
    let open_call = worker.journal.opened(&opened).map_err(|error| {
        let message = "The gateway cannot record calls right now, so it takes none.";
        Rejection::new(Kind::Overloaded, Source::Gateway, message)
            .with_private(format!("journal: {error}"))
    })?;
    Ok(Box::new(Permit {
        worker: Arc::clone(worker),
        id: asked.arrival.id.clone(),
        open_call,
        public: Arc::clone(asked.public),
        arrived: asked.arrival.at,
        settled: false,
        _in_flight: InFlight::enter(&worker.shared),
        meter: Meter {
            operation: asked.operation,
            request_bytes: asked.request_bytes,
            ..Meter::default()
        },
        keep: None,
    }))
}

/// What the call may cost at most at its first target; without a bound of the client's, the answer
/// is taken to be as long as the prompt.
fn estimate(
    route: &Route,
    input_tokens: u64,
    max_output_tokens: Option<u64>,
    operation: Operation,
    now_s: i64,
) -> Option<Money> {
    let output_tokens = max_output_tokens.unwrap_or(input_tokens);
    let usage = Usage {
        input_tokens,
        output_tokens,
        // Where searches are billed at all, there is one at least.
        web_searches: u64::from(operation == Operation::Rerank),
        ..Usage::default()
    };
    match route.first().cost(&usage, now_s) {
        Priced::Known(money) => Some(money),
        Priced::Unpriced => None,
    }
}

impl Permit {
    /// The name that the client asked for, where the vendor knows the model by another.
    pub(crate) fn alias(&self, deployment: &Deployment) -> Option<&str> {
        (*self.public != *deployment.model).then_some(&*self.public)
    }

    /// Whether the call is settled.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }

    /// Runs something that outlives the call; drain waits for it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.worker.shared.tasks.spawn(task);
    }

    /// Settles the call: journal first, then the metrics. Returns what it cost. Later calls do nothing.
    pub(crate) fn settle(&mut self, status: u16, outcome: Outcome, error: Option<Kind>) -> Priced {
        let (usage, estimated) = self.meter.billable(outcome.delivered());
        let now_nanos = self.worker.shared.clock.now_nanos();
        let cost = match outcome {
            // Nothing came, so nothing is owed: not even the price of a request.
            Outcome::Failed if usage == Usage::default() => Priced::Known(Money::ZERO),
            // Nor is it for what another call pays.
            _ if usage == Usage::default() && self.meter.owed != Owed::Always => {
                Priced::Known(Money::ZERO)
            }
            _ => self.meter.cost(&usage, now_nanos / 1_000_000_000),
        };
        if std::mem::replace(&mut self.settled, true) {
            return cost;
        }
        let total = self.arrived.elapsed();
        let first_token = self
            .meter
            .first_token
            .map(|at| at.duration_since(self.arrived));
        let deployment = self.meter.deployment.as_deref();
        let micros = |d: std::time::Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
        let settled = Settled {
            at_nanos: now_nanos,
            status,
            outcome: outcome.name(),
            target: deployment.map_or("", |d| &d.name),
            upstream_model: deployment.map_or("", |d| &d.model),
            usage,
            usage_estimated: estimated,
            cost,
            finish: self.meter.finish.map(|f| f.name()),
            attempts: self.meter.attempts,
            losses: self.meter.losses,
            first_token_us: first_token.map(micros),
            total_us: micros(total),
            error_kind: error.map(Kind::name),
        };
        if let Err(error) = self.worker.journal.settled(&self.open_call, &settled) {
            tracing::error!(request = self.id.as_str(), %error, "cannot write the journal");
        }
        self.observe(status, &usage, cost, total, first_token);
        cost
    }

    fn observe(
        &self,
        status: u16,
        usage: &Usage,
        cost: Priced,
        total: std::time::Duration,
        first_token: Option<std::time::Duration>,
    ) {
        let series = Series {
            model: Arc::clone(&self.public),
            target: self
                .meter
                .deployment
                .as_ref()
                .map(|d| Arc::clone(&d.name))
                .unwrap_or_default(),
            operation: self.meter.operation,
            status,
        };
        let own_time = total.saturating_sub(self.meter.upstream_wait);
        let observation = Observation {
            usage: *usage,
            cost,
            total,
            first_token,
            overhead: self.meter.first_token.is_none().then_some(own_time),
            attempts: self.meter.attempts,
            losses: self.meter.losses,
        };
        self.worker.sheet.observe(series, &observation);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.settled {
            // 499 is nginx's word for a client that left, and what operators look for.
            self.settle(499, Outcome::Cancelled, None);
        }
    }
}
