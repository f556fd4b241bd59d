//! From what is written to what is used: checks that everything fits together, merges the
//! catalog, and says what is wrong where it stands. Reads the environment that it is given, and
//! no network.

mod models;
mod providers;
mod settings;

use sha2::{Digest as _, Sha256};
use weir_catalog::{Catalog, Provider};

use crate::error::{ConfigError, ConfigErrors, Warning};
use crate::written::File;
use crate::yaml::{self, Document, Fault, Path, Place, Spot};
use crate::{Config, Environment, Proxy};

/// A configuration, and what is probably not meant in it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// In the order of lines.
    pub warnings: Vec<Warning>,
}

impl Config {
    /// Reads and checks a file. The errors name lines, paths and nearest names; all that one pass
    /// can find are reported.
    pub fn from_file(path: &std::path::Path, env: &Environment) -> Result<Loaded, ConfigErrors> {
        let name = path.display().to_string();
        let unreadable = |why: String| {
            ConfigErrors(vec![ConfigError {
                file: name.clone(),
                line: 0,
                column: 0,
                path: String::new(),
                message: format!("cannot be read: {why}"),
            }])
        };
        let bytes = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|e| unreadable(e.utf8_error().to_string()))?;
        Config::from_str(&text, &name, env)
    }

    /// Checks a text; `source_name` stands in its errors.
    pub fn from_str(
        text: &str,
        source_name: &str,
        env: &Environment,
    ) -> Result<Loaded, ConfigErrors> {
        let mut findings = Findings::new(source_name);
        let document = match yaml::parse(text, env) {
            Ok(document) => document,
            Err(fault) => return Err(findings.refuse(vec![fault])),
        };
        let read = yaml::read(&document);
        findings.document = Some(document);
        match read {
            Ok(file) => {
                let config = resolve(file, env, &mut findings);
                findings.into_loaded(config)
            }
            Err(faults) => Err(findings.refuse(faults)),
        }
    }

    /// What is used without a file: see [`Loaded::from_environment`], without its warnings.
    pub fn from_environment(env: &Environment) -> Config {
        Loaded::from_environment(env).config
    }
}

impl Loaded {
    /// What is used without a file: every catalog provider whose key is in the environment, and
    /// the built-in ones that need no key and no network. A variable that cannot be used, or that
    /// is missing beside a key, is a warning.
    pub fn from_environment(env: &Environment) -> Loaded {
        let in_use = |p: &&Provider| {
            p.in_process || (p.from_environment() && providers::key_from(env, p).is_some())
        };
        let shipped = Catalog::builtin().providers().filter(in_use);
        let file = File {
            providers: shipped
                .map(|p| (p.name.clone(), Default::default()))
                .collect(),
            ..File::default()
        };
        let mut findings = Findings::new("environment");
        let config = resolve(file, env, &mut findings);
        findings.warnings.append(&mut findings.errors);
        Loaded {
            config,
            warnings: findings.warnings,
        }
    }
}

fn resolve(file: File, env: &Environment, findings: &mut Findings) -> Config {
    let digest = digest(&file);
    settings::check(&file, findings);
    let proxy = Proxy::resolve(&file.network.proxy, env).unwrap_or_else(|message| {
        findings.error(&Path::of(&["network"]), message);
        Proxy::default()
    });
    let pass_through = file.server.pass_through;
    let providers = providers::resolve(&file.providers, env, pass_through, findings);
    let models = models::resolve(&file, findings);
    Config {
        server: file.server,
        store: file.store,
        state: file.state,
        log: file.log,
        network: file.network,
        proxy,
        providers,
        keys: file.keys,
        models,
        on_loss: file.on_loss,
        digest,
    }
}

/// Secrets serialise as a constant, and so do not reach the hash.
fn digest(file: &File) -> String {
    // No map of a file has keys that JSON cannot have, so that this does not fail.
    let json = serde_json::to_vec(file).unwrap_or_default();
    let hash = Sha256::digest(&json);
    hash[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was found so far, and where things stand.
struct Findings {
    file: String,
    document: Option<Document>,
    errors: Vec<ConfigError>,
    warnings: Vec<Warning>,
}

impl Findings {
    fn new(file: &str) -> Findings {
        Findings {
            file: file.to_owned(),
            document: None,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn error(&mut self, path: &Path, message: impl Into<String>) {
        let error = self.finding(path, message.into());
        self.errors.push(error);
    }

    fn warn(&mut self, path: &Path, message: impl Into<String>) {
        let warning = self.finding(path, message.into());
        self.warnings.push(warning);
    }

    fn finding(&self, path: &Path, message: String) -> ConfigError {
        let document = self.document.as_ref();
        let place = document.map_or_else(Place::default, |d| d.place_of(path));
        self.at(place, path.to_string(), message)
    }

    fn at(&self, place: Place, path: String, mut message: String) -> ConfigError {
        // Whatever came from the environment or a file may be a secret in a wrong place.
        for secret in self.document.iter().flat_map(|d| &d.secrets) {
            if secret.len() >= 8 {
                message = message.replace(secret, "[secret]");
            }
        }
        ConfigError {
            file: self.file.clone(),
            line: place.line,
            column: place.column,
            path,
            message,
        }
    }

    fn refuse(mut self, faults: Vec<Fault>) -> ConfigErrors {
        for Fault { at, message } in faults {
            let (path, place) = match (at, &self.document) {
                (Spot::Id(id), Some(document)) => document.locate(id),
                (Spot::Place(place), _) => (String::new(), place),
                _ => Default::default(),
            };
            let error = self.at(place, path, message);
            self.errors.push(error);
        }
        sort(&mut self.errors);
        ConfigErrors(self.errors)
    }

    fn into_loaded(mut self, config: Config) -> Result<Loaded, ConfigErrors> {
        if !self.errors.is_empty() {
            sort(&mut self.errors);
            return Err(ConfigErrors(self.errors));
        }
        sort(&mut self.warnings);
        Ok(Loaded {
            config,
            warnings: self.warnings,
        })
    }
}

fn sort(findings: &mut [ConfigError]) {
    findings.sort_by_key(|f| (f.line, f.column));
}

#[cfg(test)]
mod tests;
