//! What Weir ships as data: the providers that it knows without being told, and their models with
//! limits, abilities and prices.
//!
//! It promises that a price which nobody knows is absent, never zero, and that adding a provider is
//! an entry in `data/providers.yaml`. It never does IO, reads the environment or a clock, and holds
//! no code for a single provider.

mod glob;
mod models;
mod nearest;
mod overrides;
mod provider;
mod reference;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use models::{Modalities, Modality, ModelEntry, Rate};
pub use nearest::nearest;
pub use provider::{Auth, Endpoint, Provider, UrlVar, offered, offers};
pub use reference::reference;

use models::Models;
use overrides::Overrides;

/// Providers and models, as shipped.
#[derive(Debug, Default)]
pub struct Catalog {
    providers: Vec<Provider>,
    models: HashMap<String, Models>,
}

impl Catalog {
    /// The catalog in this binary, parsed at the first call.
    pub fn builtin() -> &'static Catalog {
        // A test proves that the shipped data parses, so the default is never what a user gets.
        static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::parse().unwrap_or_default());
        &CATALOG
    }

    fn parse() -> Result<Catalog, String> {
        let overrides = Overrides::shipped()?;
        let mut models: HashMap<String, Models> = HashMap::new();
        for (provider, written) in models::snapshot()?.into_iter().chain(overrides.models) {
            let models = models.entry(provider).or_default();
            written.into_iter().for_each(|model| models.add(model));
        }
        for family in &overrides.families {
            let models = models.get_mut(&family.provider).into_iter();
            family.apply(models.flat_map(Models::iter_mut));
        }
        Ok(Catalog {
            providers: provider::shipped()?,
            models,
        })
    }

    /// A provider by its name.
    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|p| p.name == name)
    }

    /// Every provider, in the order of the tables.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.providers.iter()
    }

    /// What is known of a model at a provider. Dated and otherwise decorated names find their
    /// family; upper and lower case are the same.
    pub fn model(&self, provider: &str, model: &str) -> Option<&ModelEntry> {
        let own = self.models.get(provider).and_then(|m| m.find(model));
        own.or_else(|| {
            let like = self.provider(provider)?.models_like.as_deref()?;
            self.models.get(like)?.find(model)
        })
    }

    /// The ids of a provider's current models, for the models list.
    pub fn models_of(&self, provider: &str) -> impl Iterator<Item = &str> {
        let models = self.models.get(provider).into_iter();
        models
            .flat_map(Models::current)
            .map(|entry| entry.id.as_str())
    }

    /// Whether a name without a provider belongs to `provider`. One that serves another's models
    /// under the same names owns none of them.
    pub fn knows(&self, provider: &str, bare_name: &str) -> bool {
        self.provider(provider)
            .is_some_and(|p| p.models_like.is_none())
            && self.model(provider, bare_name).is_some()
    }
}
