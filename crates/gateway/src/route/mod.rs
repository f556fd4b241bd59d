//! Model name to route, and route to an ordered plan of deployments to try.
//!
//! A name resolves, in this order, to: a declared model, a declared glob, `provider/model`, or the
//! one provider whose catalog knows the bare name. Refuses with `NotFound`, naming what is near.

mod resolve;
mod weighted;

pub(crate) use resolve::Directory;

use std::sync::Arc;
use std::time::Duration;

use weir_config::{Deadlines, OnLoss};
use weir_model::{Dialect, Kind, Rejection, Source};

use crate::call::{Call, Caller};
use crate::state::provider;
use crate::world::{Deployment, World};
use weighted::Shares;

/// The route of a name, if the caller may use it.
pub(crate) fn resolve(world: &World, caller: &Caller, name: &str) -> Result<Arc<Route>, Rejection> {
    let route = world.directory.resolve(name)?;
    if caller.may_use(&route.public) {
        return Ok(route);
    }
    let message = format!(
        "This key may not use the model `{}`. Ask whoever runs this gateway to add it to the key.",
        route.public
    );
    Err(
        Rejection::new(Kind::PermissionDenied, Source::Client, message)
            .with_param("model")
            .with_code("model_not_allowed"),
    )
}

/// Deadlines of a call, each from when its phase begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// Until there is a connection.
    pub connect: Duration,
    /// From there until the head of the answer.
    pub headers: Duration,
    /// From the start of an attempt until a stream's first content.
    pub first_token: Duration,
    /// Between pieces of a stream.
    pub idle: Duration,
    /// For the whole call, all attempts together.
    pub total: Duration,
}

impl From<Deadlines> for Timeouts {
    fn from(written: Deadlines) -> Timeouts {
        Timeouts {
            connect: Duration::from_millis(written.connect_ms),
            headers: Duration::from_millis(written.headers_ms),
            first_token: Duration::from_millis(written.first_token_ms),
            idle: Duration::from_millis(written.idle_ms),
            total: Duration::from_millis(written.total_ms),
        }
    }
}

/// A public model name and what stands behind it.
#[derive(Debug)]
pub(crate) struct Route {
    /// The name that allow-lists, metrics and the ledger know.
    pub public: Arc<str>,
    targets: Vec<Arc<Deployment>>,
    shares: Shares,
    fallbacks: Vec<Arc<Deployment>>,
    /// Tries at each target after the first.
    pub max_retries: u32,
    pub timeouts: Timeouts,
    pub on_loss: OnLoss,
}

impl Route {
    /// The target that an estimate is made for.
    pub(crate) fn first(&self) -> &Arc<Deployment> {
        &self.targets[0]
    }

    /// Every deployment behind the name.
    pub(crate) fn deployments(&self) -> impl Iterator<Item = &Arc<Deployment>> {
        self.targets.iter().chain(&self.fallbacks)
    }

    /// Checks that a provider behind the name has the files that a call names.
    ///
    /// # Errors
    /// An invalid-request rejection that says where they are.
    pub(crate) fn has_files_of(&self, call: &Call) -> Result<(), Rejection> {
        if self
            .deployments()
            .any(|target| call.can_go_to(&target.upstream))
        {
            return Ok(());
        }
        let message = format!(
            "The request names files at the provider `{}`, where this model is not. Upload them to a \
             provider of the model, with the header `x-weir-provider`.",
            call.home.as_deref().unwrap_or_default()
        );
        Err(Rejection::invalid(message).with_code("files_elsewhere"))
    }

    /// Checks that the provider that has what a request continues is behind the name.
    ///
    /// # Errors
    /// An invalid-request rejection that says what to do.
    pub(crate) fn has(&self, home: &str, dialect: Dialect) -> Result<(), Rejection> {
        let there =
            |d: &Arc<Deployment>| d.upstream.name == home && d.upstream.endpoint(dialect).is_some();
        if self.deployments().any(there) {
            return Ok(());
        }
        let message = format!(
            "The response to continue is stored at `{home}`, which does not offer the model `{}`. Name a \
             model of `{home}`, or send the whole conversation in `input`.",
            self.public
        );
        Err(Rejection::invalid(message).with_param("previous_response_id"))
    }

    /// The deployments to try, in order: the target whose turn it is by weight, the other targets
    /// from there on, then the fallbacks. None comes twice.
    pub(crate) fn plan(&self) -> Plan<'_> {
        Plan {
            route: self,
            first: self.shares.next(),
            step: 0,
        }
    }
}

/// An ordered walk over the deployments of a route.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    route: &'a Route,
    first: usize,
    step: usize,
}

impl<'a> Iterator for Plan<'a> {
    type Item = &'a Arc<Deployment>;

    fn next(&mut self) -> Option<&'a Arc<Deployment>> {
        let targets = &self.route.targets;
        let step = self.step;
        self.step += 1;
        if step == 0 {
            return targets.get(self.first);
        }
        if step < targets.len() {
            let index = (self.first + step) % targets.len();
            // A weight of 0 means "not by choice", so not by accident either.
            return if self.route.shares.is_open(index) {
                targets.get(index)
            } else {
                self.next()
            };
        }
        let fallback = self.route.fallbacks.get(step - targets.len())?;
        let tried = targets.iter().enumerate().any(|(index, target)| {
            target.name == fallback.name
                && (index == self.first || self.route.shares.is_open(index))
        });
        if tried { self.next() } else { Some(fallback) }
    }
}

/// A plan that begins at home: with the deployment that the state of a conversation came from, then
/// the others of its provider, as far as the plan has them.
pub(crate) fn homeward<'a>(
    mut plan: Plan<'a>,
    home: Option<&str>,
) -> impl Iterator<Item = &'a Arc<Deployment>> {
    let mut begins = Vec::new();
    if let Some(home) = home {
        begins.extend(&mut plan);
        begins.sort_by_key(|deployment| {
            let abroad = provider(&deployment.name) != provider(home);
            (abroad, *deployment.name != *home)
        });
    }
    begins.into_iter().chain(plan)
}

#[cfg(test)]
mod tests;
