//! What a vendor keeps: files, batches, fine-tuning jobs, vector stores, uploads, films. A request goes
//! where the object lives that it names; one that makes an object, where its model is, or where the
//! caller or the configuration says. Ids are signed for a tenant (see [`Seal`]), and lists show what is
//! the tenant's. Refuses with 404 what is not, without telling whether it is somebody else's.

mod answer;
mod batch;
mod content;
mod ids;
mod seal;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Response};
use hyper::body::Incoming;
use serde_json::Value;
use weir_model::{Dialect, Kind, Money, Operation, Priced, Rejection, Source};

pub(crate) use seal::Seal;

use crate::admit::{Outcome, Permit};
use crate::body::Body;
use crate::call::{Arrival, Caller};
use crate::errand::{Errand, Sending, check_whole};
use crate::rejection::Failure;
use crate::relay::{self, NoTap, Tap};
use crate::send::{self, Answer};
use crate::worker::Worker;
use crate::world::{Upstream, World};
use crate::{listen, pipeline};
use answer::Page;
use batch::{Bill, Results};
use content::Content;
use ids::Ids;

/// Says which provider is meant, where nothing else tells.
const PROVIDER: &str = "x-weir-provider";

/// Most pages of a vendor's list that are looked through for something of the tenant's.
const MAX_PAGES: usize = 20;

/// Longest name of a model, in bytes.
const MAX_NAME: usize = 256;

/// Answers one request about objects.
///
/// # Errors
/// 400 or 404 where ids, path or provider are wrong; what the upstream refuses, in its own words.
pub(crate) async fn serve(
    worker: &Arc<Worker>,
    arrival: Arrival,
    parts: &Parts,
    incoming: &mut Option<Incoming>,
    (dialect, operation): (Dialect, Operation),
) -> Result<Response<Body>, Failure> {
    let world = worker.shared.world();
    let caller = pipeline::caller(worker, &world, parts)?;
    let tenant = caller.tenant();
    let mut ids = Ids::new(&worker.shared.seal, &tenant);
    let path = ids.path(listen::tail(parts.uri.path()))?;
    let object = ids.last().map(str::to_owned);
    let query = ids.query(parts.uri.query())?;
    let content = Content::read(worker, &world, parts, incoming).await?;
    let edits = content.open_ids(&mut ids)?;
    let named = named(parts)?;
    let home = ids.provider().or(named);
    let upstream = choose(&world, (dialect, operation), home, content.model())?;
    check_whole(&caller, &upstream)?;
    if content.model().is_some_and(|model| model.len() > MAX_NAME) {
        return Err(Rejection::invalid("The model's name is too long.")
            .with_param("model")
            .into());
    }
    let model = content
        .model()
        .map(|model| translated(&world, &upstream, model));
    let (body, fault) =
        content.body(edits, |name| Ok(Some(translated(&world, &upstream, name))))?;
    let who = (&arrival, &caller);
    let errand = Errand::new(
        worker,
        &world,
        who,
        (dialect, operation),
        (&upstream, model.as_deref()),
    );
    let mut permit = errand.open(fixed(&parts.method, &path, operation, model.is_some()))?;
    let asking = Asking {
        errand,
        upstream: &upstream,
        tenant: &tenant,
        ids,
        method: &parts.method,
        path,
        query,
        headers: send::forwardable(&parts.headers),
        object,
    };
    let sent = asking.send(&asking.query, body, &mut permit).await;
    let answer = sent.map_err(|failure| match fault.get() {
        Some(fault) => Failure::from(fault.clone()),
        None => failure,
    })?;
    asking.answer(answer, permit).await
}

/// Puts the vendor's ids in the place of ours in the body of a call on a model, and says which provider
/// it can go to, if it names any: there a file can be read, and nowhere else.
///
/// # Errors
/// 404 for an id that is not the caller's.
pub(crate) fn opened(
    worker: &Worker,
    caller: &Caller,
    body: &mut Bytes,
) -> Result<Option<String>, Rejection> {
    if memchr::memmem::find(body, seal::MARK.as_bytes()).is_none() {
        return Ok(None);
    }
    let tenant = caller.tenant();
    let mut ids = Ids::new(&worker.shared.seal, &tenant);
    *body = ids.ours(body)?.apply(body);
    Ok(ids.provider().map(str::to_owned))
}

/// The provider that the client names.
fn named(parts: &Parts) -> Result<Option<&str>, Rejection> {
    let Some(name) = parts.headers.get(PROVIDER) else {
        return Ok(None);
    };
    let text = name.to_str().ok();
    text.map(Some)
        .ok_or_else(|| Rejection::invalid(format!("`{PROVIDER}` is no provider's name.")))
}

/// What an errand costs, where that is known beforehand: looking, cancelling and deleting is free, and
/// so are files, which batches and jobs are made of; batches have a row of their own when they are over.
fn fixed(method: &Method, path: &str, operation: Operation, has_model: bool) -> Option<Priced> {
    let kept = matches!(
        operation,
        Operation::Files | Operation::Uploads | Operation::Batches
    );
    if kept || *method != Method::POST || path.ends_with("/cancel") {
        return Some(Priced::Known(Money::ZERO));
    }
    // A film may have a price by the request.
    (!has_model).then_some(Priced::Unpriced)
}

/// The upstream's name of a model: that of a public name's target there, else as it is.
fn translated(world: &World, upstream: &Upstream, name: &str) -> String {
    let route = world.directory.resolve(name).ok();
    let mut targets = route.iter().flat_map(|route| route.deployments());
    let found = targets.find(|target| target.upstream.name == upstream.name);
    found.map_or_else(|| name.to_owned(), |target| target.model.clone())
}

/// The provider that a request goes to.
fn choose(
    world: &World,
    (dialect, operation): (Dialect, Operation),
    home: Option<&str>,
    model: Option<&str>,
) -> Result<Arc<Upstream>, Rejection> {
    let offers = |upstream: &Arc<Upstream>| upstream.native(dialect, operation).is_some();
    let lacks = |name: &str| {
        let message = format!(
            "The provider `{name}` is not configured, or has no {} in this API.",
            operation.name()
        );
        Rejection::new(Kind::NotFound, Source::Client, message).with_code("provider_not_found")
    };
    if let Some(name) = home {
        let found = world.directory.upstream(name).filter(|u| offers(u));
        return found.cloned().ok_or_else(|| lacks(name));
    }
    if let Some(model) = model
        && let Ok(route) = world.directory.resolve(model)
        && let Some(target) = route.deployments().find(|d| offers(&d.upstream))
    {
        return Ok(Arc::clone(&target.upstream));
    }
    let preferred = world.object_providers.iter();
    let mut preferred = preferred.filter_map(|name| world.directory.upstream(name));
    if let Some(upstream) = preferred.find(|u| offers(u)) {
        return Ok(Arc::clone(upstream));
    }
    let all: Vec<_> = world.directory.upstreams().filter(|u| offers(u)).collect();
    match all.as_slice() {
        [only] => Ok(Arc::clone(only)),
        [] => {
            let what = operation.name();
            let message = format!("No provider that is configured has {what} in this API.");
            Err(Rejection::new(Kind::NotFound, Source::Client, message).with_code("no_provider"))
        }
        several => {
            let names: Vec<_> = several.iter().map(|u| format!("`{}`", u.name)).collect();
            Err(Rejection::invalid(format!(
                "Several providers have {}: {}. Say which with the header `{PROVIDER}`.",
                operation.name(),
                names.join(", ")
            )))
        }
    }
}

/// A request about objects, on its way.
struct Asking<'a> {
    errand: Errand<'a>,
    upstream: &'a Arc<Upstream>,
    tenant: &'a str,
    ids: Ids<'a>,
    method: &'a Method,
    /// Below the version, with the vendor's ids.
    path: String,
    query: String,
    headers: http::HeaderMap,
    /// The object that the path names, as the vendor names it.
    object: Option<String>,
}

impl Asking<'_> {
    async fn send(
        &self,
        query: &str,
        body: send::OutBody,
        permit: &mut Permit,
    ) -> Result<Answer, Failure> {
        let dialect = self.errand.dialect;
        // Anthropic's base URLs are those of its SDKs, which add the version.
        let version = match dialect {
            Dialect::AnthropicMessages => "/v1",
            _ => "",
        };
        let endpoint = self.upstream.native(dialect, self.errand.operation);
        let path = format!("{version}{}{query}", self.path);
        let found = endpoint.and_then(|e| Some((e, e.below(&path)?)));
        let Some((endpoint, uris)) = found else {
            let failure = Rejection::invalid("The path cannot be asked for.").into();
            return Err(self.errand.failed(failure, permit));
        };
        let sending = Sending {
            method: self.method,
            endpoint,
            uris,
            headers: &self.headers,
            body,
        };
        let answer = self.errand.send(sending, permit).await?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        let mut failure = self.errand.refused(answer, permit).await;
        failure.rejection.message = self.ids.reworded(&failure.rejection.message).into();
        if let Some(verbatim) = &mut failure.verbatim {
            let body = String::from_utf8_lossy(&verbatim.body);
            verbatim.body = self.ids.reworded(&body).into();
        }
        Err(failure)
    }

    /// Makes the client's answer of the upstream's.
    async fn answer(
        &self,
        answer: Answer,
        mut permit: Box<Permit>,
    ) -> Result<Response<Body>, Failure> {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        let is_download = matches!(last, "content" | "results") && *self.method == Method::GET;
        if is_download || !relay::is_json(&answer) {
            return Ok(self.pass(answer, permit).await);
        }
        let body = self.finish(answer, &mut permit).await;
        let (body, passed) = body.map_err(|failure| self.errand.failed(failure, &mut permit))?;
        let cost = permit.settle(200, Outcome::Ok, None);
        let mut response = Response::new(Body::full(body));
        let headers = response.headers_mut();
        headers.extend(passed);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        relay::set_cost(headers, cost);
        self.set_own(&mut response);
        Ok(response)
    }

    fn set_own(&self, response: &mut Response<Body>) {
        let (id, world) = (&self.errand.arrival.id, self.errand.world);
        let target = &self.errand.deployment.header;
        relay::set_own(response.headers_mut(), id, world, Some(target));
    }

    /// Reads a whole answer, and makes it the tenant's own.
    async fn finish(
        &self,
        mut answer: Answer,
        permit: &mut Permit,
    ) -> Result<(Bytes, http::HeaderMap), Failure> {
        let mut body = self.errand.collect(&mut answer).await?;
        let objects = &self.errand.worker.shared.objects;
        let provider = &*self.upstream.name;
        let is_list = *self.method == Method::GET && self.object.is_none();
        let cursor = match self.errand.dialect {
            Dialect::AnthropicMessages => "after_id",
            _ => "after",
        };
        let mut pages = 0;
        while is_list && let Some(page) = Page::read(&body) {
            let owned = objects.owned(provider, self.tenant, &page.ids()).await;
            let owned = owned.map_err(unavailable)?;
            pages += 1;
            let next = page.next(&self.query, cursor);
            if let Some(query) = next.filter(|_| owned.is_empty() && pages < MAX_PAGES) {
                answer = self.send(&query, send::OutBody::default(), permit).await?;
                body = self.errand.collect(&mut answer).await?;
                continue;
            }
            self.look_at(&page.owned(&body, &owned)).await;
            let edits = page.edits(&body, &owned, &|id| self.seal(id));
            return Ok((edits.apply(&body), relay::passed(&answer.headers)));
        }
        let seen: Option<Value> = serde_json::from_slice(&body).ok();
        self.look_at(seen.as_slice()).await;
        let edits = ids::seal_answer(&|id| self.seal(id), &body);
        Ok((edits.apply(&body), relay::passed(&answer.headers)))
    }

    fn seal(&self, id: &str) -> String {
        let seal = &self.errand.worker.shared.seal;
        seal.seal(self.tenant, &self.upstream.name, id)
    }

    /// Notes whose the objects are, what became of them, and bills batches that are over.
    async fn look_at(&self, answers: &[Value]) {
        let objects = &self.errand.worker.shared.objects;
        let provider = &*self.upstream.name;
        let noted = if *self.method == Method::DELETE {
            match &self.object {
                Some(id) => objects.forget(provider, id).await,
                None => Ok(()),
            }
        } else {
            let made = answer::made(answers, *self.method == Method::POST);
            objects.keep(provider, self.tenant, &made).await
        };
        if let Err(error) = noted {
            tracing::warn!(%error, provider, "an object is not noted: lists will lack it");
        }
        if self.errand.operation == Operation::Batches {
            let batches = answers.iter().filter(|answer| answer["object"] == "batch");
            for batch in batches {
                if let Some(id) = batch["id"].as_str() {
                    self.bill(id).sum_up(batch);
                }
            }
        }
    }

    fn bill(&self, batch: &str) -> Bill {
        Bill {
            worker: Arc::clone(self.errand.worker),
            caller: self.errand.caller.clone(),
            dialect: self.errand.dialect,
            upstream: Arc::clone(self.upstream),
            batch: batch.to_owned(),
            now_s: self.errand.arrival.at_nanos / 1_000_000_000,
        }
    }

    /// Lets a download through; the results of a batch are summed on the way.
    async fn pass(&self, answer: Answer, permit: Box<Permit>) -> Response<Body> {
        let batch = match (self.errand.operation, &self.object) {
            // A part of the results would pass for all of them.
            _ if answer.status != 200 => None,
            (Operation::Batches, Some(batch)) => Some(batch.clone()),
            (Operation::Files, Some(file)) => {
                let objects = &self.errand.worker.shared.objects;
                let found = objects.batch_of(&self.upstream.name, file).await;
                found.ok().flatten()
            }
            _ => None,
        };
        let tap: Box<dyn Tap> = match batch {
            Some(batch) => Box::new(Results::new(self.bill(&batch))),
            None => Box::new(NoTap),
        };
        let (idle, deadline) = (self.errand.timeouts.idle, self.errand.deadline);
        let mut response = relay::pipe(answer, permit, tap, idle, deadline);
        self.set_own(&mut response);
        response
    }
}

fn unavailable(error: weir_store::StoreError) -> Rejection {
    let message = "The gateway cannot tell right now which objects are yours. Try again shortly.";
    Rejection::new(Kind::Overloaded, Source::Gateway, message).with_private(error.to_string())
}

impl Caller {
    /// Whose objects the caller may see: those of its project, else its own.
    fn tenant(&self) -> String {
        match self.project() {
            Some(project) => format!("project/{project}"),
            None => format!("key/{}", self.key_id()),
        }
    }
}
