//! One request to one provider, outside of any route: on record before it leaves, within the provider's
//! deadlines, and settled when it fails. Never tried again.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Uri};
use tokio::time::Instant;
use weir_config::Deadlines;
use weir_model::{Dialect, Operation, Priced, Rejection};

use crate::admit::{self, Asked, Outcome, Permit};
use crate::call::{Arrival, Caller};
use crate::rejection::Failure;
use crate::relay::{self, MAX_ANSWER};
use crate::route::Timeouts;
use crate::send::{self, Answer, OutBody, Outgoing, outgoing_headers};
use crate::translate::Lane;
use crate::worker::Worker;
use crate::world::{Deployment, Endpoint, Upstream, World};

/// What is asked of whom, and for whom.
pub(crate) struct Errand<'a> {
    pub worker: &'a Arc<Worker>,
    pub world: &'a World,
    pub arrival: &'a Arrival,
    pub caller: &'a Caller,
    pub dialect: Dialect,
    pub operation: Operation,
    /// The provider, and the model where one is named.
    pub deployment: Arc<Deployment>,
    pub timeouts: Timeouts,
    pub deadline: Instant,
}

/// What is sent.
pub(crate) struct Sending<'a> {
    pub method: &'a Method,
    pub endpoint: &'a Endpoint,
    /// In origin form and absolute.
    pub uris: (Uri, Uri),
    /// What may travel of the client's headers.
    pub headers: &'a HeaderMap,
    pub body: OutBody,
}

impl<'a> Errand<'a> {
    /// An errand of a caller to a provider, or to a model there.
    pub(crate) fn new(
        worker: &'a Arc<Worker>,
        world: &'a World,
        (arrival, caller): (&'a Arrival, &'a Caller),
        (dialect, operation): (Dialect, Operation),
        (upstream, model): (&Arc<Upstream>, Option<&str>),
    ) -> Errand<'a> {
        let timeouts = Timeouts::from(Deadlines::of(&[&upstream.timeouts]));
        let deployment = Arc::new(Deployment::new(upstream, model.unwrap_or("*")));
        Errand {
            worker,
            world,
            arrival,
            caller,
            dialect,
            operation,
            deployment,
            deadline: arrival.at + timeouts.total,
            timeouts,
        }
    }

    /// Puts the errand on record. `fixed` is what it costs whatever comes.
    ///
    /// # Errors
    /// `Overloaded` when the journal cannot be written.
    pub(crate) fn open(&self, fixed: Option<Priced>) -> Result<Box<Permit>, Rejection> {
        let mut permit = admit::open(
            self.worker,
            &Asked {
                arrival: self.arrival,
                caller: self.caller,
                spoken: self.dialect.into(),
                operation: self.operation,
                public: &self.deployment.name,
                input_tokens: 0,
                estimate: match fixed {
                    Some(Priced::Known(cost)) => Some(cost),
                    _ => None,
                },
                request_bytes: 0,
                stream: false,
            },
        )?;
        permit.meter.fixed = fixed;
        Ok(permit)
    }

    /// Sends, and waits for the head of the answer.
    ///
    /// # Errors
    /// When no answer comes in time; the errand is settled then.
    pub(crate) async fn send(
        &self,
        sending: Sending<'_>,
        permit: &mut Permit,
    ) -> Result<Answer, Failure> {
        permit.meter.begin_attempt(&self.deployment, 0);
        let (upstream, origin) = (&self.deployment.upstream, &sending.endpoint.origin);
        let mut headers = outgoing_headers(sending.headers, true, upstream, origin);
        if sending.body.is_empty() {
            headers.remove(CONTENT_TYPE);
        }
        let mut request = http::Request::new(sending.body);
        *request.method_mut() = sending.method.clone();
        *request.headers_mut() = headers;
        let (path, absolute) = sending.uris;
        let outgoing = Box::new(Outgoing {
            origin: Arc::clone(origin),
            path,
            absolute,
            request,
        });
        let begun = Instant::now();
        let (pool, network) = (&self.worker.pool, &self.world.network);
        let sent = send::send(pool, network, outgoing, &self.timeouts, self.deadline).await;
        permit.meter.upstream_wait += begun.elapsed();
        sent.map_err(|rejection| self.failed(rejection.into(), permit))
    }

    /// Reads an answer whole.
    ///
    /// # Errors
    /// When it is cut, too large or late.
    pub(crate) async fn collect(&self, answer: &mut Answer) -> Result<Bytes, Rejection> {
        let (source, idle) = (&mut answer.source, self.timeouts.idle);
        source.collect(MAX_ANSWER, idle, self.deadline).await
    }

    /// Reads a refusal, and settles.
    pub(crate) async fn refused(&self, answer: Answer, permit: &mut Permit) -> Failure {
        let failure = relay::read_failure(answer, Lane::Native, self.dialect.into()).await;
        self.failed(failure, permit)
    }

    /// Settles as failed.
    pub(crate) fn failed(&self, mut failure: Failure, permit: &mut Permit) -> Failure {
        let status = failure.status(self.dialect.into());
        permit.settle(status, Outcome::Failed, Some(failure.rejection.kind));
        failure.attempts = permit.meter.attempts;
        failure
    }
}

/// The provider's whole API may be used by keys that may use all of its models.
///
/// # Errors
/// `PermissionDenied`.
pub(crate) fn check_whole(caller: &Caller, upstream: &Upstream) -> Result<(), Rejection> {
    // Only a wildcard stands for this name, so only a list that names all of its models does.
    if caller.may_use(&format!("{}/*", upstream.name)) {
        return Ok(());
    }
    let message = format!(
        "This key may not use all of `{0}`, which files, batches and the like need. Ask whoever runs \
         this gateway to add `{0}/*` to the key's models.",
        upstream.name
    );
    let kind = weir_model::Kind::PermissionDenied;
    Err(Rejection::new(kind, weir_model::Source::Client, message).with_code("provider_not_allowed"))
}
