//! Asks the provider that has a response. What it made in the background is billed when it is told
//! for the first time.

use std::sync::Arc;

use http::Method;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::request::Parts;
use weir_config::OnLoss;
use weir_dialect::json::{splice::Splices, write};
use weir_dialect::openai_responses::stored::{Home, Stored};
use weir_model::{Dialect, Losses, Operation, Rejection};

use super::answer::json;
use super::asked::OfResponse;
use super::{HOME_TTL, Keep, RESPONSE, Shelf, missing};
use crate::account::Owed;
use crate::admit::{self, Outcome};
use crate::body::Body;
use crate::call::{Arrival, Call, Caller};
use crate::rejection::Failure;
use crate::relay::{self, Begun, MAX_ANSWER, Way};
use crate::route::Route;
use crate::send::{self, Answer, OutBody, Outgoing, outgoing_headers};
use crate::translate::{Lane, forwarded_query};
use crate::worker::Worker;
use crate::world::{Deployment, World};

/// A question about a response that a provider has.
pub(super) struct Visit<'a> {
    pub(super) worker: &'a Arc<Worker>,
    pub(super) world: &'a World,
    pub(super) arrival: Arrival,
    pub(super) caller: Caller,
    pub(super) shelf: &'a Shelf,
    pub(super) id: &'a str,
    pub(super) home: Home,
}

impl Visit<'_> {
    /// Asks, and answers as the provider does.
    ///
    /// # Errors
    /// What the provider says, or `NotFound` when it is configured no more.
    pub(super) async fn answer(
        mut self,
        of: OfResponse,
        parts: &Parts,
    ) -> Result<Response<Body>, Failure> {
        let directory = &self.world.directory;
        let home = &self.home;
        let route = directory.direct(&home.provider, &home.model, &home.public);
        let route = Arc::new(route.ok_or_else(|| missing("Response", self.id))?);
        let deployment = Arc::clone(route.first());
        let deadline = self.arrival.at + route.timeouts.total;
        let outgoing = self.outgoing(of, parts, &deployment)?;
        let (pool, network) = (&self.worker.pool, &self.world.network);
        let answer = send::send(pool, network, outgoing, &route.timeouts, deadline).await?;
        if !(200..300).contains(&answer.status) {
            if answer.status == 404 {
                self.shelf.forget(RESPONSE, self.id);
            }
            let failure =
                relay::read_failure(answer, Lane::Native, Dialect::OpenAiResponses.into());
            return Err(Box::pin(failure).await);
        }
        let call = self.call(&parts.headers, parts.uri.query());
        if relay::is_event_stream(&answer) {
            return self.stream(answer, &call, &route, &deployment).await;
        }
        let Answer { mut source, .. } = answer;
        let body = source
            .collect(MAX_ANSWER, route.timeouts.idle, deadline)
            .await?;
        if of == OfResponse::Delete {
            self.shelf.forget(RESPONSE, self.id);
        }
        if matches!(of, OfResponse::InputItems | OfResponse::Delete) {
            return Ok(json(body, &call.arrival.id));
        }
        let upstream = weir_dialect::upstream(Dialect::OpenAiResponses);
        let receipt = upstream.read_receipt(Operation::Chat, &body).ok();
        let mut splices = Splices::default();
        if let Some(receipt) = receipt {
            if self.home.pending && receipt.usage.is_some() {
                let mut permit = admit::reserve(self.worker, &call, &route, Some(0), false)?;
                permit.meter.begin_attempt(&deployment, 0);
                permit.meter.usage = receipt.usage;
                permit.meter.usage_complete = true;
                permit.meter.finish = receipt.finish;
                permit.settle(200, Outcome::Ok, None);
                self.told();
            }
            if let Some(span) = receipt
                .model_span
                .filter(|_| *route.public != *deployment.model)
            {
                splices.replace(span, write::string(&route.public));
            }
        }
        Ok(json(splices.apply(&body), &call.arrival.id))
    }

    /// Notes that what the response used is on record.
    fn told(&mut self) {
        self.home.pending = false;
        let stored = Stored::There(self.home.clone());
        let piece = self.shelf.piece(RESPONSE, self.id);
        self.shelf.kept.put(piece, stored.to_bytes(), HOME_TTL);
    }

    async fn stream(
        self,
        answer: Answer,
        call: &Call,
        route: &Arc<Route>,
        deployment: &Arc<Deployment>,
    ) -> Result<Response<Body>, Failure> {
        let mut permit = admit::reserve(self.worker, call, route, Some(0), true)?;
        permit.meter.owed = match self.home.pending {
            true => Owed::AtEnd,
            false => Owed::Never,
        };
        permit.keep = Some(Box::new(Keep::of_home(self.shelf.clone(), self.home)));
        permit.meter.begin_attempt(deployment, 0);
        let alias = permit.alias(deployment).map(relay::alias_json);
        let upstream = weir_dialect::upstream(Dialect::OpenAiResponses);
        let begun = Begun {
            source: answer.source,
            decoder: upstream.stream_decoder(),
            way: Way::Native {
                alias,
                hide_usage: false,
            },
            client: call.client(),
            deployment: Arc::clone(deployment),
            seed: call.arrival.seed,
            now_s: call.now_s(),
            request_id: call.arrival.id.clone(),
            keep_alive: self.world.keep_alive,
            deadline: call.arrival.at + route.timeouts.total,
            summary: None,
            listed: false,
        };
        let relay = relay::begin(begun, &route.timeouts, permit)
            .await
            .map_err(|failed| Failure::from(failed.0))?;
        let none = Losses::default();
        let losses = (&none, OnLoss::Allow);
        Ok(relay::streamed(
            call,
            self.world,
            &answer.headers,
            losses,
            relay,
        ))
    }

    fn call(&self, headers: &HeaderMap, query: Option<&str>) -> Call {
        let mut call = Call::new(
            self.arrival.clone(),
            (Dialect::OpenAiResponses, Operation::Chat),
            self.caller.clone(),
            send::forwardable(headers),
            self.worker.shared.budget.hold(),
        );
        call.query = forwarded_query(query);
        call
    }

    fn outgoing(
        &self,
        of: OfResponse,
        parts: &Parts,
        deployment: &Deployment,
    ) -> Result<Box<Outgoing>, Rejection> {
        let gone = || missing("Response", self.id);
        let upstream = &deployment.upstream;
        let endpoint = upstream
            .endpoint(Dialect::OpenAiResponses)
            .ok_or_else(gone)?;
        let (method, part) = match of {
            OfResponse::Get => (Method::GET, ""),
            OfResponse::Delete => (Method::DELETE, ""),
            OfResponse::Cancel => (Method::POST, "/cancel"),
            OfResponse::InputItems => (Method::GET, "/input_items"),
        };
        let query = forwarded_query(parts.uri.query());
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        let below = format!("/responses/{}{part}{query}", self.id);
        let (path, absolute) = endpoint.below(&below).ok_or_else(gone)?;
        let client = send::forwardable(&parts.headers);
        let mut headers = outgoing_headers(&client, true, upstream, &endpoint.origin);
        headers.remove(CONTENT_TYPE);
        let mut request = http::Request::new(OutBody::default());
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        Ok(Box::new(Outgoing {
            origin: Arc::clone(&endpoint.origin),
            path,
            absolute,
            request,
        }))
    }
}
