//! The directory of names: what is declared, what is derived from it, and what is near a typo.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use weir_catalog::{Catalog, nearest};
use weir_config::{Config, Deadlines, Fallback, ModelConfig, Target};
use weir_model::{Kind, Rejection, Source};

use super::Route;
use super::weighted::Shares;
use crate::world::{Deployment, Upstream};

/// Most names kept resolved; beyond, they are resolved each time.
const MAX_RESOLVED: usize = 4096;

/// The names of one configuration.
#[derive(Debug)]
pub(crate) struct Directory {
    config: Arc<Config>,
    upstreams: BTreeMap<String, Arc<Upstream>>,
    resolved: RwLock<HashMap<String, Arc<Route>, foldhash::fast::RandomState>>,
}

impl Directory {
    /// The directory of a configuration's models over its providers.
    pub(crate) fn new(
        config: Arc<Config>,
        upstreams: BTreeMap<String, Arc<Upstream>>,
    ) -> Directory {
        Directory {
            config,
            upstreams,
            resolved: RwLock::default(),
        }
    }

    /// The route of a name. Resolved once, then looked up.
    ///
    /// # Errors
    /// `NotFound`, naming what is near, or the candidates of an ambiguous name.
    pub(crate) fn resolve(&self, name: &str) -> Result<Arc<Route>, Rejection> {
        if let Some(route) = self
            .resolved
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
        {
            return Ok(Arc::clone(route));
        }
        let route = Arc::new(self.build(name)?);
        let mut resolved = self
            .resolved
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if resolved.len() < MAX_RESOLVED {
            resolved.insert(name.to_owned(), Arc::clone(&route));
        }
        Ok(route)
    }

    /// A configured upstream.
    pub(crate) fn upstream(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.upstreams.get(name)
    }

    /// The configured upstreams, by name.
    pub(crate) fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.upstreams.values()
    }

    /// The declared public names, globs left out.
    pub(crate) fn declared(&self) -> impl Iterator<Item = &str> {
        self.config
            .models
            .keys()
            .filter(|name| !name.is_glob())
            .map(|name| name.as_str())
    }

    fn build(&self, name: &str) -> Result<Route, Rejection> {
        if let Some((_, model)) = self.config.model(name) {
            return self.declared_route(name, model);
        }
        let direct = match name
            .split_once('/')
            .and_then(|(p, m)| Some((self.upstreams.get(p)?, m)))
        {
            Some((upstream, model)) => Deployment::new(upstream, model),
            None => self.bare(name)?,
        };
        Ok(self.to_one(direct, name))
    }

    /// The route to a model of one provider, by whatever public name.
    pub(crate) fn direct(&self, provider: &str, model: &str, public: &str) -> Option<Route> {
        let upstream = self.upstreams.get(provider)?;
        Some(self.to_one(Deployment::new(upstream, model), public))
    }

    fn to_one(&self, direct: Deployment, public: &str) -> Route {
        Route {
            public: public.into(),
            timeouts: Deadlines::of(&[&direct.upstream.timeouts]).into(),
            targets: vec![Arc::new(direct)],
            shares: Shares::new([1]),
            fallbacks: Vec::new(),
            max_retries: 0,
            on_loss: self.config.on_loss,
        }
    }

    fn declared_route(&self, name: &str, model: &ModelConfig) -> Result<Route, Rejection> {
        let mut targets = Vec::new();
        for weighted in &model.targets {
            targets.push(self.deployment(&weighted.target, name)?);
        }
        let fallbacks = self.fallbacks(name, model)?;
        let first = targets.first().ok_or_else(|| unknown(name, None))?;
        Ok(Route {
            public: name.into(),
            timeouts: Deadlines::of(&[&model.timeouts, &first.upstream.timeouts]).into(),
            shares: Shares::new(model.targets.iter().map(|t| t.weight)),
            targets,
            fallbacks,
            max_retries: model.retry.max_retries,
            on_loss: model.on_loss,
        })
    }

    /// The deployments that a model falls back to, each once.
    fn fallbacks(
        &self,
        name: &str,
        model: &ModelConfig,
    ) -> Result<Vec<Arc<Deployment>>, Rejection> {
        let mut found: Vec<Arc<Deployment>> = Vec::new();
        for fallback in &model.fallbacks {
            let of_model = |other: &str| self.config.model(other).map(|(_, model)| &model.targets);
            let (targets, asked) = match fallback {
                Fallback::Target(target) => (vec![target], name),
                Fallback::Model(other) => {
                    let targets = of_model(other).into_iter().flatten();
                    (
                        targets.map(|weighted| &weighted.target).collect(),
                        other.as_str(),
                    )
                }
            };
            for target in targets {
                let deployment = self.deployment(target, asked)?;
                if found.iter().all(|other| other.name != deployment.name) {
                    found.push(deployment);
                }
            }
        }
        Ok(found)
    }

    fn deployment(&self, target: &Target, asked: &str) -> Result<Arc<Deployment>, Rejection> {
        let upstream = self
            .upstreams
            .get(&target.provider)
            .ok_or_else(|| unknown(asked, None))?;
        Ok(Arc::new(Deployment::new(upstream, target.model_for(asked))))
    }

    /// The one provider whose catalog or configuration knows a bare name.
    fn bare(&self, name: &str) -> Result<Deployment, Rejection> {
        let owners: Vec<_> = self.upstreams.values().filter(|u| u.knows(name)).collect();
        match owners.as_slice() {
            [owner] => Ok(Deployment::new(owner, name)),
            [] => Err(unknown(name, self.near(name))),
            several => {
                let names: Vec<_> = several
                    .iter()
                    .map(|u| format!("`{}/{name}`", u.name))
                    .collect();
                let message = format!(
                    "Several providers have a model `{name}`. Say which: {}.",
                    names.join(" or ")
                );
                Err(not_found(message))
            }
        }
    }

    fn near(&self, name: &str) -> Option<String> {
        let catalog = Catalog::builtin();
        let shipped = self.upstreams.keys().flat_map(|p| catalog.models_of(p));
        nearest(name, self.declared().chain(shipped)).map(str::to_owned)
    }
}

fn unknown(name: &str, near: Option<String>) -> Rejection {
    let hint = match near {
        Some(near) => format!(" Did you mean `{near}`?"),
        None => " Use a declared model, `provider/model`, or see GET /v1/models.".to_owned(),
    };
    not_found(format!(
        "The model `{name}` does not exist or its provider is not configured.{hint}"
    ))
}

fn not_found(message: String) -> Rejection {
    Rejection::new(Kind::NotFound, Source::Client, message)
        .with_param("model")
        .with_code("model_not_found")
}
