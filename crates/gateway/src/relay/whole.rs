//! Answers that come whole.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::CONTENT_TYPE;
use tokio::time::Instant;
use weir_dialect::StreamEncoder;
use weir_dialect::json::{splice::Splices, write};
use weir_dialect::vectors;
use weir_model::{
    Cx, Dialect, IdMint, Kind, Losses, Operation, Rejection, Request, Spoken, unfold,
};

use super::list::List;
use super::{MAX_ANSWER, Summary, answer_headers, set_attempts, set_cost, set_losses};
use crate::admit::{Outcome, Permit};
use crate::body::Body;
use crate::call::Call;
use crate::rejection::{Failure, Verbatim};
use crate::route::Route;
use crate::send::{Answer, Outgoing, Pool};
use crate::state::Outward;
use crate::translate::{Asked, Lane, context};
use crate::worker::Shared;
use crate::world::{Deployment, World};

/// Longest wait for the body of an error answer, and its largest size.
const FAILURE_WAIT: Duration = Duration::from_secs(10);
const MAX_FAILURE: usize = 1 << 20;

/// What an attempt brought, and what the client's answer is made with.
pub(crate) struct Attempt<'a> {
    pub shared: &'a Shared,
    pub call: &'a Call,
    pub world: &'a World,
    pub route: &'a Route,
    pub deployment: &'a Deployment,
    pub answer: Answer,
    pub lane: Lane,
    pub losses: Losses,
    pub permit: &'a mut Permit,
    pub deadline: Instant,
    /// Of a call in a shape.
    pub further: Further<'a>,
    /// Decoded, where the answer is translated.
    pub request: Option<&'a Request>,
}

/// What it takes to answer in another shape.
pub(crate) struct Further<'a> {
    /// What was asked.
    pub asked: Option<&'a Asked>,
    /// Requests that are yet to be sent.
    pub more: Vec<Outgoing>,
    pub pool: &'a Arc<Pool>,
}

/// Reads a whole answer, settles the call and makes the client's answer.
///
/// # Errors
/// What the upstream did wrong; the call is not settled then.
pub(crate) async fn finish(mut attempt: Attempt<'_>) -> Result<Response<Body>, Failure> {
    let body = attempt.collect().await?;
    let edited = match attempt.lane {
        Lane::Native => attempt.native(body)?,
        Lane::Translated(dialect) => {
            let response = attempt.decode(dialect, &body)?;
            let ids = attempt.ids();
            let assumed = Request::default();
            let request = attempt.request.unwrap_or(&assumed);
            let client = attempt.call.client();
            let encoded = client.encode_answer(&response, request, &attempt.cx(&ids));
            attempt.losses.extend(encoded.losses);
            encoded.value.into()
        }
        Lane::Reshaped(shape) => Box::pin(attempt.reshaped(shape, body)).await?,
    };
    if let Some(keep) = &mut attempt.permit.keep
        && !keep.done(&edited)
    {
        attempt
            .losses
            .add("store", "the answer is too large to be kept");
    }
    Ok(attempt.settled(edited, None))
}

/// The same for a client that wanted a stream from an upstream that did not give one.
///
/// # Errors
/// What the upstream did wrong; the call is not settled then.
pub(crate) async fn replay(
    mut attempt: Attempt<'_>,
    mut encoder: Box<dyn StreamEncoder>,
) -> Result<Response<Body>, Failure> {
    let body = attempt.collect().await?;
    let dialect = match attempt.lane {
        Lane::Translated(dialect) => dialect,
        _ => attempt.call.dialect,
    };
    let response = attempt.decode(dialect, &body)?;
    let ids = attempt.ids();
    let (mut frames, mut last) = (Vec::new(), 0);
    for event in unfold(response) {
        last = frames.len();
        encoder.encode(&event, &attempt.cx(&ids), &mut frames);
    }
    let frames = Bytes::from(frames);
    if let Some(keep) = &mut attempt.permit.keep
        && !keep.ended(&frames)
    {
        attempt
            .losses
            .add("store", "the answer is too large to be kept");
    }
    Ok(attempt.settled(frames, Some(last)))
}

impl Attempt<'_> {
    pub(super) async fn collect(&mut self) -> Result<Bytes, Rejection> {
        let begun = Instant::now();
        let idle = self.route.timeouts.idle;
        let body = self
            .answer
            .source
            .collect(MAX_ANSWER, idle, self.deadline)
            .await?;
        self.permit.meter.upstream_wait += begun.elapsed();
        self.permit.meter.text_bytes = body.len() as u64;
        Ok(body)
    }

    fn ids(&self) -> IdMint {
        IdMint::new(self.call.arrival.seed.rotate_left(1))
    }

    fn cx<'a>(&'a self, ids: &'a IdMint) -> Cx<'a> {
        let quirks = &self.deployment.quirks;
        context(
            self.call.now_s(),
            ids,
            quirks,
            &self.deployment.capabilities,
        )
    }

    /// Decodes the upstream's answer and notes what it used.
    fn decode(&mut self, dialect: Dialect, body: &[u8]) -> Result<weir_model::Response, Rejection> {
        let ids = self.ids();
        let decoded = weir_dialect::upstream(dialect).decode_response(body, &self.cx(&ids));
        let mut response = decoded?;
        let meter = &mut self.permit.meter;
        meter.usage = response.usage;
        meter.usage_complete = response.usage.is_some();
        meter.text_bytes = response.text_len() as u64;
        let finish = response
            .choices
            .first()
            .and_then(|choice| choice.finish.as_ref());
        meter.finish = finish.map(|finish| finish.reason);
        response.model = Some(self.route.public.to_string());
        if matches!(self.lane, Lane::Translated(_)) {
            let (world, call, deployment) = (self.world, self.call, self.deployment);
            Outward::new(self.shared, world, call, deployment, dialect).response(&mut response);
        }
        Ok(response)
    }

    /// Notes usage, and puts back the name that the client asked for where it was an alias.
    fn native(&mut self, body: Bytes) -> Result<Bytes, Rejection> {
        if self.call.shape.is_some() {
            return self.native_vectors(body);
        }
        let operation = self.call.operation;
        let receipt = weir_dialect::upstream(self.call.dialect).read_receipt(operation, &body)?;
        let meter = &mut self.permit.meter;
        meter.usage = receipt.usage;
        // Counting tokens uses none, and a secret neither.
        let free = matches!(operation, Operation::CountTokens | Operation::ClientSecret);
        meter.usage_complete = receipt.usage.is_some() || free;
        meter.finish = receipt.finish;
        if !meter.usage_complete {
            self.permit.meter.text_bytes = self.text_len(&body);
        }
        Ok(self.renamed(&body, receipt.model_span))
    }

    /// The body under the name that the client asked for.
    pub(super) fn renamed(&self, body: &Bytes, model_span: Option<Range<usize>>) -> Bytes {
        let mut splices = Splices::default();
        if let (Some(alias), Some(span)) = (self.permit.alias(self.deployment), model_span) {
            splices.replace(span, write::string(alias));
        }
        splices.apply(body)
    }

    /// The bytes of text in a native answer that tells no usage; all its bytes where that is unclear.
    fn text_len(&self, body: &[u8]) -> u64 {
        if !self.call.operation.is_chat() {
            return 0;
        }
        let ids = self.ids();
        let upstream = weir_dialect::upstream(self.call.dialect);
        let decoded = upstream.decode_response(body, &self.cx(&ids));
        decoded.map_or(body.len(), |response| response.text_len()) as u64
    }

    /// Settles the call, and only then hands out its answer. `end` is where the terminal frames of a
    /// stream begin.
    fn settled(self, mut body: Bytes, end: Option<usize>) -> Response<Body> {
        self.permit.meter.losses = u32::try_from(self.losses.iter().count()).unwrap_or(u32::MAX);
        let cost = self.permit.settle(200, Outcome::Ok, None);
        let upstream = &self.answer.headers;
        let sse = end.is_some();
        let events = sse && !self.call.listed;
        let mut headers = answer_headers(self.call, self.world, self.deployment, upstream, events);
        set_attempts(&mut headers, self.permit.meter.attempts);
        set_losses(&mut headers, &self.losses, self.route.on_loss);
        set_cost(&mut headers, cost);
        if let Some(at) = end
            && let Some(summary) = Summary::of(self.call, &self.losses, self.route.on_loss)
        {
            let comment = summary.comment(&self.permit.meter, cost);
            body = [&body[..at], &comment, &body[at..]].concat().into();
        }
        if sse && self.call.listed {
            let mut list = List::default();
            body = [list.push(body), list.end().unwrap_or_default()]
                .concat()
                .into();
        }
        let mut response = Response::new(Body::full(body));
        *response.headers_mut() = headers;
        response
    }
}

/// What an answer with an error status means, and, for a client of the same dialect, the
/// vendor's own words.
pub(crate) async fn read_failure(answer: Answer, lane: Lane, client: Spoken) -> Failure {
    let Answer {
        status,
        headers,
        mut source,
    } = answer;
    let deadline = Instant::now() + FAILURE_WAIT;
    let body = source
        .collect(MAX_FAILURE, FAILURE_WAIT, deadline)
        .await
        .unwrap_or_default();
    let heard = lane.heard(client);
    let rejection = if (200..400).contains(&status) {
        let message = "The provider answered with a redirect, which is not followed.";
        Rejection::upstream(Kind::UpstreamFailed, message).with_private(format!("status {status}"))
    } else {
        match heard {
            Spoken::Dialect(dialect) => {
                weir_dialect::upstream(dialect).decode_failure(status, &headers, &body)
            }
            Spoken::Shape(shape) => vectors::decode_failure(shape, status, &headers, &body),
        }
    };
    let json = headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let is_error = match heard {
        Spoken::Dialect(_) => is_error(&body),
        Spoken::Shape(_) => vectors::is_error(&body),
    };
    let own_words = json && is_error && rejection.kind != Kind::UpstreamAuth;
    let verbatim = (lane == Lane::Native && own_words).then_some(Verbatim { status, body });
    Failure {
        verbatim,
        ..rejection.into()
    }
}

/// Whether a body has the shape in which both vendors tell errors.
fn is_error(body: &[u8]) -> bool {
    weir_dialect::json::scan::top_level_of_answer(body)
        .is_some_and(|top| top.get(body, "error").is_some())
}
