//! Checks of `models`: every target and fallback must lead somewhere.

use std::collections::BTreeMap;

use weir_catalog::Catalog;

use super::{Findings, settings};
use crate::config::closest;
use crate::error::did_you_mean;
use crate::written::{File, Model};
use crate::yaml::Path;
use crate::{Fallback, ModelConfig, Pattern, Target};

const MOST_RETRIES: u32 = 10;

pub(super) fn resolve(file: &File, findings: &mut Findings) -> BTreeMap<Pattern, ModelConfig> {
    let mut models = BTreeMap::new();
    for (name, model) in &file.models {
        let path = Path::of(&["models", name.as_str()]);
        check_targets(name, model, file, &path, findings);
        settings::check_timeouts(&model.timeouts, &path, findings);
        if model.retry.max_retries > MOST_RETRIES {
            let path = path.key("retry").key("max_retries");
            findings.error(&path, format!("must be at most {MOST_RETRIES}"));
        }
        let mut fallbacks = Vec::new();
        for (index, written) in model.fallbacks.iter().enumerate() {
            match fallback(written, name, file) {
                Ok(fallback) => fallbacks.push(fallback),
                Err(message) => findings.error(&path.key("fallbacks").index(index), message),
            }
        }
        let resolved = ModelConfig {
            strategy: model.strategy,
            targets: model.targets.clone(),
            fallbacks,
            retry: model.retry,
            timeouts: model.timeouts,
            on_loss: model.on_loss.unwrap_or(file.on_loss),
        };
        models.insert(name.clone(), resolved);
    }
    models
}

fn check_targets(name: &Pattern, model: &Model, file: &File, path: &Path, findings: &mut Findings) {
    if model.targets.is_empty() {
        findings.error(&path.key("targets"), "is empty");
    } else if model.targets.iter().all(|target| target.weight == 0) {
        findings.error(
            &path.key("targets"),
            "all weights are 0: no target would be chosen",
        );
    }
    for (index, weighted) in model.targets.iter().enumerate() {
        if let Err(message) = check_target(&weighted.target, name, file) {
            let path = path.key("targets").index(index).key("target");
            findings.error(&path, message);
        }
    }
}

fn check_target(target: &Target, name: &Pattern, file: &File) -> Result<(), String> {
    let provider = target.provider.as_str();
    if file.providers.contains_key(provider) {
        if target.is_as_asked() && !name.is_glob() {
            return Err(format!("`{target}` stands under a glob only: name a model"));
        }
        return Ok(());
    }
    if Catalog::builtin().provider(provider).is_some() {
        return Err(format!(
            "provider `{provider}` is not configured: add it under `providers`"
        ));
    }
    let hint = did_you_mean(provider, file.providers.keys().map(String::as_str));
    Err(format!("provider `{provider}` is not configured{hint}"))
}

/// A public name wins over a target: it may have been given to shadow one.
fn fallback(written: &str, name: &Pattern, file: &File) -> Result<Fallback, String> {
    let public = closest(&file.models, written).filter(|_| !written.contains('*'));
    if let Some((public, _)) = public {
        if public == name {
            return Err(format!("`{written}` falls back to itself"));
        }
        return Ok(Fallback::Model(written.to_owned()));
    }
    if let Ok(target) = Target::try_from(written.to_owned()) {
        return check_target(&target, name, file).map(|()| Fallback::Target(target));
    }
    let hint = did_you_mean(written, file.models.keys().map(Pattern::as_str));
    Err(format!(
        "`{written}` is neither `provider/model` nor a name under `models`{hint}"
    ))
}
