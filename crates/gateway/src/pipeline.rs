//! The life of a call: identify, read, route, reserve, then attempt after attempt until one answers.
//! The only place that knows the order of the stages.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue};
use http::request::Parts;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use tokio::time::Instant;
use weir_dialect::openai_responses::stored::References;
use weir_dialect::{Head, StreamDecoder, StreamEncoder, openai_operations};
use weir_model::{Dialect, Kind, Operation, Rejection, Retry, Spoken};

use crate::account::Owed;
use crate::admit::{self, Outcome, Permit};
pub(crate) use crate::authenticate::caller;
use crate::body::Body;
use crate::call::{Arrival, Call, RequestId, read_head};
use crate::listen::{self, Forms, Named, Surface};
use crate::rejection::{Failure, render};
use crate::relay::{self, Attempt, Begun, Further, Summary, Way};
use crate::route::{Route, homeward, resolve};
use crate::send::{self, Answer};
use crate::session::Purpose;
use crate::state::Outward;
use crate::translate::{Lane, Prepared, Translator, forwarded_query, wants_events};
use crate::worker::Worker;
use crate::world::{Deployment, World};
use crate::{models, objects, pass_through, rejection, session, stored};

/// Longest `Retry-After` that is waited for at the same target; beyond, the next one is tried.
const MAX_RETRY_WAIT: Duration = Duration::from_secs(5);

/// Answers one request. Whatever happens, there is an answer, in the client's own dialect.
pub(crate) fn serve(
    worker: Arc<Worker>,
    request: Request<Incoming>,
) -> impl Future<Output = Response<Body>> + Send {
    let (mut parts, incoming) = request.into_parts();
    // An `async fn` would hold its parameters twice, for as long as the call takes.
    async move {
        let mut incoming = Some(incoming);
        let arrival = worker.arrive();
        let id = arrival.id.clone();
        let (dialect, surface) = recognise(&parts);
        let mut spoken = Spoken::Dialect(dialect);
        let heard = (&mut parts, &mut incoming);
        let answered = match surface {
            Ok(Surface::Health | Surface::Ready) => Ok(Response::new(Body::full("ok\n"))),
            Ok(Surface::Operation(dialect, operation, named)) => {
                spoken = dialect.into();
                run(&worker, arrival, heard, &mut spoken, (operation, named)).await
            }
            Ok(Surface::Vectors(shape, operation, named)) => {
                spoken = shape.into();
                run(&worker, arrival, heard, &mut spoken, (operation, named)).await
            }
            Ok(Surface::Session(purpose)) => session::open(&worker, &parts, purpose, &id).await,
            Ok(Surface::Stored(asked)) => {
                Box::pin(stored::answer(
                    &worker,
                    arrival,
                    &parts,
                    &mut incoming,
                    asked,
                ))
                .await
            }
            Ok(Surface::Models) => models::list(&worker, &parts, dialect).map_err(Failure::from),
            Ok(Surface::Model(name)) => {
                models::one(&worker, &parts, dialect, &name).map_err(Failure::from)
            }
            Ok(Surface::Objects(operation)) => {
                let asked = (dialect, operation);
                let serving = objects::serve(&worker, arrival, &parts, &mut incoming, asked);
                Box::pin(serving).await
            }
            Err(failure) => match pass_through::reached(&worker, &parts, &failure) {
                Some(reached) => {
                    spoken = reached.dialect().into();
                    let serving =
                        pass_through::serve(&worker, arrival, &parts, &mut incoming, reached);
                    Box::pin(serving).await
                }
                None => Err(failure),
            },
        };
        answered.unwrap_or_else(|failure| {
            let mut response = refuse(&worker, spoken, &failure, &id);
            let tasks = &worker.shared.tasks;
            let taken = incoming.is_some_and(|incoming| listen::discard(incoming, tasks));
            if !taken && parts.version < Version::HTTP_2 {
                let headers = response.headers_mut();
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        })
    }
}

/// What is asked, and in which dialect to answer.
fn recognise(parts: &Parts) -> (Dialect, Result<Surface, Failure>) {
    let surface = listen::check_host(parts).and_then(|()| match Purpose::of(parts) {
        Some(purpose) => Ok(Surface::Session(purpose)),
        None => listen::recognise(&parts.method, parts.uri.path()),
    });
    let dialect = match &surface {
        Ok(Surface::Operation(dialect, ..)) => *dialect,
        Ok(Surface::Session(purpose)) => purpose.dialect(),
        _ => listen::spoken(parts.uri.path(), &parts.headers),
    };
    (dialect, surface)
}

/// Counts a refusal or failure, logs it, and renders it.
pub(crate) fn refuse(
    worker: &Worker,
    spoken: Spoken,
    failure: &Failure,
    id: &RequestId,
) -> Response<Body> {
    let told = &failure.rejection;
    worker.sheet.reject(told.kind, told.source);
    if told.status >= 500 {
        tracing::warn!(request = id.as_str(), rejection = %told, "call failed");
    } else {
        tracing::debug!(request = id.as_str(), rejection = %told, "call refused");
    }
    render(spoken, failure, id)
}

/// `spoken` becomes what the body tells, where several vendors share the path.
async fn run(
    worker: &Arc<Worker>,
    arrival: Arrival,
    (parts, incoming): (&mut Parts, &mut Option<Incoming>),
    spoken: &mut Spoken,
    (operation, named): (Operation, Option<Named>),
) -> Result<Response<Body>, Failure> {
    let world = worker.shared.world();
    let caller = caller(worker, &world, parts)?;
    let forms = Forms::of(operation);
    let (bounds, budget) = (world.bounds(), &worker.shared.budget);
    let received = listen::receive(&parts.headers, incoming, forms, bounds, budget).await?;
    let (mut body, form, held) = received;
    let home = objects::opened(worker, &caller, &mut body)?;
    let (dialect, shape) = match *spoken {
        Spoken::Dialect(dialect) => (dialect, None),
        Spoken::Shape(shape) => (Dialect::OpenAiChat, Some(shape)),
    };
    let call = Call {
        arrival,
        dialect,
        shape,
        operation,
        caller,
        query: forwarded_query(parts.uri.query()),
        listed: named.as_ref().is_some_and(|n| n.stream) && !wants_events(parts.uri.query()),
        named,
        headers: send::forwardable(&parts.headers),
        summary: Summary::is_asked(&parts.headers),
        body,
        home,
        form,
        references: References::default(),
        _held: held,
    };
    // They hold the connection's read buffer, and it would take another one.
    drop((
        std::mem::take(&mut parts.headers),
        std::mem::take(&mut parts.uri),
    ));
    carry(worker, &world, call, spoken).await
}

/// Carries a call out whose body is there. `spoken` is how the client wants to hear of a refusal.
pub(crate) async fn carry(
    worker: &Arc<Worker>,
    world: &World,
    mut call: Call,
    spoken: &mut Spoken,
) -> Result<Response<Body>, Failure> {
    let (dialect, operation) = (call.dialect, call.operation);
    let asked = call.body.clone();
    let (form, named) = (call.form.as_deref(), call.named.as_ref());
    let (head, told) = read_head((call.shape, dialect, operation), &asked, form, named)?;
    call.shape = told;
    *spoken = call.spoken();
    let recalled = stored::recall(worker, world, &call, &head).await?;
    call.references = recalled.references;
    let head = match &recalled.body {
        None => head,
        Some(body) => {
            call.body = body.clone();
            call.client().read_head(operation, body)?
        }
    };
    let route = resolve(world, &call.caller, &head.model)?;
    route.has_files_of(&call)?;
    if operation == Operation::CountTokens && !route.offers(dialect, operation) {
        return Ok(relay::count(worker, &call, &route).await?);
    }
    if let Some(home) = recalled.home {
        route.has(&home, dialect)?;
        call.home = Some(home);
    }
    let mut translator = Translator::new(&call, &head, &worker.shared);
    if translator.begin(&route)? {
        Box::pin(translator.recall()).await;
    }
    let mut permit = admit::reserve(worker, &call, &route, head.max_output_tokens, head.stream)?;
    if operation == Operation::Speech {
        permit.meter.asked.characters = openai_operations::characters(&head);
    }
    permit.keep = recalled.keep;
    if call.references.background {
        permit.meter.owed = Owed::AtEnd;
    }
    let deadline = call.arrival.at + route.timeouts.total;
    let mut calling = Calling {
        worker,
        world,
        call: &call,
        head: &head,
        route: &route,
        translator,
        deadline,
    };
    calling.attempt_all(permit).await
}

/// A call on its way through its plan.
struct Calling<'a> {
    worker: &'a Arc<Worker>,
    world: &'a World,
    call: &'a Call,
    head: &'a Head<'a>,
    route: &'a Route,
    translator: Translator<'a>,
    deadline: Instant,
}

/// A failed attempt gives the permit back.
type Attempted = Result<Response<Body>, Box<(Failure, Box<Permit>)>>;

impl Calling<'_> {
    /// Tries the deployments of the plan, each as often as the route says, until one answers or
    /// a failure says that no attempt can help.
    async fn attempt_all(&mut self, mut permit: Box<Permit>) -> Result<Response<Body>, Failure> {
        let mut failure: Option<Failure> = None;
        let home = self.translator.home();
        let plan = homeward(self.route.plan(), home.as_deref());
        for deployment in plan.filter(|target| self.call.can_go_to(&target.upstream)) {
            for retry in 0..=self.route.max_retries {
                if retry > 0 && !self.pause(retry, failure.as_ref()).await {
                    break;
                }
                let prepared = match self.translator.prepare(deployment, self.route.on_loss) {
                    Ok(prepared) => prepared,
                    Err(rejection) => {
                        failure.get_or_insert(rejection.into());
                        break;
                    }
                };
                let (failed, back) = match self.attempt(deployment, prepared, permit).await {
                    Ok(response) => return Ok(response),
                    Err(failed) => *failed,
                };
                permit = back;
                let last = failed.rejection.retry == Retry::Never
                    || Instant::now() >= self.deadline
                    || !self.call.is_repeatable();
                tracing::debug!(
                    request = self.call.arrival.id.as_str(),
                    target = &*deployment.name,
                    rejection = %failed.rejection,
                    "attempt failed"
                );
                let kind = failed.rejection.kind;
                let same_would_fail = matches!(kind, Kind::UpstreamAuth | Kind::NotFound);
                failure = Some(failed);
                if last {
                    return Err(conclude(permit, failure, self.call.spoken()));
                }
                if same_would_fail {
                    break;
                }
            }
        }
        Err(conclude(permit, failure, self.call.spoken()))
    }

    /// Waits before another try at the same target: as long as the vendor asks, else full jitter
    /// over a doubling span. False when the wait is too long to be worth it.
    async fn pause(&self, retry: u32, failure: Option<&Failure>) -> bool {
        let asked = failure.and_then(|f| f.rejection.retry_after);
        let wait = asked.unwrap_or_else(|| {
            let span = Duration::from_millis(250 << retry.min(5));
            let random = (self.call.arrival.seed >> (retry % 96)) as u32;
            span.mul_f64(f64::from(random) / f64::from(u32::MAX))
        });
        if wait > MAX_RETRY_WAIT || Instant::now() + wait >= self.deadline {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }

    async fn attempt(
        &mut self,
        deployment: &Arc<Deployment>,
        prepared: Prepared,
        mut permit: Box<Permit>,
    ) -> Attempted {
        let Prepared {
            outgoing,
            more,
            lane,
            losses,
        } = prepared;
        permit
            .meter
            .begin_attempt(deployment, losses.iter().count());
        let begun = Instant::now();
        let timeouts = &self.route.timeouts;
        let sent = send::send(
            &self.worker.pool,
            &self.world.network,
            outgoing,
            timeouts,
            self.deadline,
        );
        let answer = match sent.await {
            Ok(answer) => answer,
            Err(rejection) => {
                // The client's fault, where the body was still coming.
                let fault = self.call.form.as_ref().and_then(|form| form.fault());
                return Err(Box::new((fault.unwrap_or(rejection).into(), permit)));
            }
        };
        if !(200..300).contains(&answer.status) {
            let failure = Box::pin(relay::read_failure(answer, lane, self.call.spoken())).await;
            return Err(Box::new((failure, permit)));
        }
        permit.meter.upstream_wait += begun.elapsed();
        if let Some(keep) = &mut permit.keep {
            keep.answered_by(deployment, lane == Lane::Native, &self.route.public);
        }
        if self.head.stream && relay::is_event_stream(&answer) {
            return Box::pin(self.stream(deployment, answer, lane, losses, permit)).await;
        }
        if !self.call.operation.is_chat() && !relay::is_json(&answer) {
            return Ok(self.pass(deployment, answer, permit));
        }
        let replayed = self.head.stream && self.call.operation == Operation::Chat;
        let encoder = match replayed.then(|| self.encoder()).transpose() {
            Ok(encoder) => encoder,
            Err(rejection) => return Err(Box::new((rejection.into(), permit))),
        };
        let attempt = Attempt {
            shared: &self.worker.shared,
            call: self.call,
            world: self.world,
            route: self.route,
            deployment,
            answer,
            lane,
            losses,
            permit: &mut permit,
            deadline: self.deadline,
            further: Further {
                asked: self.translator.asked(),
                more,
                pool: &self.worker.pool,
            },
            request: self.translator.decoded(),
        };
        let finished = match encoder {
            Some(encoder) => Box::pin(relay::replay(attempt, encoder)).await,
            None => relay::finish(attempt).await,
        };
        finished.map_err(|failure| Box::new((failure, permit)))
    }

    /// Lets an answer through that nobody here can read: sound, or text in a format of its own.
    fn pass(&self, deployment: &Deployment, answer: Answer, permit: Box<Permit>) -> Response<Body> {
        let attempts = permit.meter.attempts;
        let idle = self.route.timeouts.idle;
        let mut response = relay::pipe(answer, permit, Box::new(relay::NoTap), idle, self.deadline);
        let headers = response.headers_mut();
        let (id, target) = (&self.call.arrival.id, &deployment.header);
        relay::set_own(headers, id, self.world, Some(target));
        rejection::set_attempts(headers, attempts);
        response
    }

    /// Reads the upstream's stream.
    fn decoder(&self, dialect: Dialect) -> Box<dyn StreamDecoder> {
        let operation = self.call.operation;
        if operation.is_chat() {
            return weir_dialect::upstream(dialect).stream_decoder();
        }
        let answers = match &self.call.form {
            Some(form) => form.text("n").and_then(|n| n.parse().ok()).unwrap_or(1),
            None => openai_operations::answers(self.head),
        };
        Box::new(openai_operations::Decoder::new(operation, answers))
    }

    /// Encodes a stream for the client.
    fn encoder(&mut self) -> Result<Box<dyn StreamEncoder>, Rejection> {
        let request = self.translator.request()?;
        Ok(self
            .call
            .client()
            .stream_encoder(request, &self.route.public))
    }

    async fn stream(
        &mut self,
        deployment: &Arc<Deployment>,
        answer: Answer,
        lane: Lane,
        losses: weir_model::Losses,
        permit: Box<Permit>,
    ) -> Attempted {
        let (dialect, way) = match lane {
            // No shape streams.
            Lane::Native | Lane::Reshaped(_) => {
                let alias = permit.alias(deployment).map(relay::alias_json);
                (
                    self.call.dialect,
                    Way::Native {
                        alias,
                        hide_usage: !self.head.stream_usage,
                    },
                )
            }
            Lane::Translated(dialect) => match self.encoder() {
                Ok(encoder) => {
                    let shared = &self.worker.shared;
                    let outward = Outward::new(shared, self.world, self.call, deployment, dialect);
                    (dialect, Way::Translated(encoder, Box::new(outward)))
                }
                Err(rejection) => return Err(Box::new((rejection.into(), permit))),
            },
        };
        let told = (&losses, self.route.on_loss);
        let begun = Begun {
            source: answer.source,
            decoder: self.decoder(dialect),
            way,
            client: self.call.client(),
            deployment: Arc::clone(deployment),
            seed: self.call.arrival.seed,
            now_s: self.call.now_s(),
            request_id: self.call.arrival.id.clone(),
            keep_alive: self.world.keep_alive,
            deadline: self.deadline,
            summary: Summary::of(self.call, told.0, told.1),
            listed: self.call.listed,
        };
        let relay = relay::begin(begun, &self.route.timeouts, permit)
            .await
            .map_err(|failed| Box::new((Failure::from(failed.0), failed.1)))?;
        Ok(relay::streamed(
            self.call,
            self.world,
            &answer.headers,
            told,
            relay,
        ))
    }
}

/// Settles a call that no target answered.
fn conclude(mut permit: Box<Permit>, failure: Option<Failure>, spoken: Spoken) -> Failure {
    let mut failure = failure.unwrap_or_else(|| {
        let message = "No target of this model can take the request.";
        Rejection::new(Kind::Internal, weir_model::Source::Gateway, message).into()
    });
    permit.settle(
        failure.status(spoken),
        Outcome::Failed,
        Some(failure.rejection.kind),
    );
    failure.attempts = permit.meter.attempts;
    failure
}
