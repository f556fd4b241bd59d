//! Puts what the operator says over what the catalog knows. Knows no provider by name.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, header};
use weir_catalog::{Auth, Catalog, Provider as Shipped};
use weir_model::{Dialect, Operation, Quirks, Spoken};

use super::{Findings, settings};
use crate::address::{is_exposed, refuse_base_url};
use crate::error::did_you_mean;
use crate::written::Provider;
use crate::yaml::Path;
use crate::{Environment, ProviderConfig, ProviderModelConfig, SecretString, Timeouts};

/// Kinds of one's own servers.
const GENERIC: [(&str, Kind); 5] = [
    (
        "openai-compatible",
        Kind::Generic(Some(Dialect::OpenAiChat)),
    ),
    (
        "anthropic-compatible",
        Kind::Generic(Some(Dialect::AnthropicMessages)),
    ),
    ("gemini-compatible", Kind::Generic(Some(Dialect::Gemini))),
    (
        "cohere-compatible",
        Kind::Generic(Some(Dialect::CohereChat)),
    ),
    ("custom", Kind::Generic(None)),
];

/// What a server of OpenAI's API is taken to do besides chat; what it lacks, it will say.
const OFTEN: [Operation; 10] = [
    Operation::Embedding,
    Operation::Rerank,
    Operation::Completion,
    Operation::ImageGeneration,
    Operation::ImageEdit,
    Operation::ImageVariation,
    Operation::Speech,
    Operation::Transcription,
    Operation::Translation,
    Operation::Moderation,
];

/// Belong to the connection or to the body, and so to Weir.
const RESERVED_HEADERS: [HeaderName; 6] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

#[derive(Clone, Copy)]
enum Kind {
    Shipped(&'static Shipped),
    /// A server that speaks this dialect, or those that `speaks` names.
    Generic(Option<Dialect>),
}

type Endpoints = Vec<(Spoken, String)>;
/// Where, and why.
type Refusal = (Path, String);

/// A written entry on its way to become a provider.
struct Entry<'a> {
    name: &'a str,
    written: &'a Provider,
    path: Path,
    env: &'a Environment,
    /// Where the entry does not say.
    pass_through: bool,
}

/// The providers that can be used; the others are in the findings.
pub(super) fn resolve(
    written: &BTreeMap<String, Provider>,
    env: &Environment,
    pass_through: bool,
    findings: &mut Findings,
) -> BTreeMap<String, ProviderConfig> {
    if written.is_empty() {
        let message = "no provider is configured: every call will be refused";
        findings.warn(&Path::of(&["providers"]), message);
    }
    let mut providers = BTreeMap::new();
    for (name, written) in written {
        let path = Path::of(&["providers", name]);
        let entry = Entry {
            name,
            written,
            path,
            env,
            pass_through,
        };
        if let Some(provider) = entry.resolve(findings) {
            providers.insert(name.clone(), provider);
        }
    }
    providers
}

/// The credential that the vendor's own SDK would find.
pub(super) fn key_from(env: &Environment, shipped: &Shipped) -> Option<SecretString> {
    env.first(shipped.key_env.iter().map(String::as_str))
        .map(SecretString::new)
}

impl Entry<'_> {
    fn resolve(&self, findings: &mut Findings) -> Option<ProviderConfig> {
        let refused = |c: char| c.is_whitespace() || c.is_control() || "/*".contains(c);
        if self.name.is_empty() || self.name.contains(refused) {
            findings.error(&self.path, "a provider's name has no `/`, `*` or spaces");
        }
        settings::check_timeouts(&self.written.timeouts, &self.path, findings);
        let headers = self.headers(findings);
        let (kind_name, kind) = self.kind(findings)?;
        let endpoints = match self.endpoints(kind) {
            Ok(endpoints) => endpoints,
            Err((path, message)) => {
                findings.error(&path, message);
                return None;
            }
        };
        for (_, url) in endpoints.iter().filter(|(_, url)| is_exposed(url)) {
            let message = format!("`{url}` is plain http: keys and prompts travel unencrypted");
            findings.warn(&self.path, message);
        }
        let mut provider = known(kind);
        provider.name = self.name.to_owned();
        provider.kind = kind_name.to_owned();
        provider.endpoints = endpoints;
        provider.api_key = self.api_key(kind, &provider.auth, findings);
        provider
            .default_headers
            .retain(|name, _| !headers.contains_key(name));
        provider.headers = headers;
        provider
            .quirks
            .drop
            .extend(self.written.drop.iter().cloned());
        provider.json_schema = self.written.json_schema;
        if let Some(takes) = self.written.json_schema {
            provider.quirks.no_json_schema = !takes;
        }
        if let Some(only) = self.written.string_content {
            provider.quirks.string_content = only;
        }
        provider.timeouts = self.written.timeouts;
        provider.models = self.models();
        self.offers(&mut provider, findings);
        Some(provider)
    }

    /// What it can do, and what may be done with it.
    fn offers(&self, provider: &mut ProviderConfig, findings: &mut Findings) {
        if let Some(words) = &self.written.operations {
            provider.operations.clear();
            for (index, word) in words.iter().enumerate() {
                match weir_catalog::offered(word) {
                    Some(operations) => provider.operations.extend(operations),
                    None => {
                        let hint = did_you_mean(word, weir_catalog::offers());
                        let path = self.path.key("operations").index(index);
                        findings.error(&path, format!("unknown operation `{word}`{hint}"));
                    }
                }
            }
        }
        if let Some(percent) = self.written.batch_percent {
            provider.batch_percent = percent;
        }
        provider.pass_through = self.written.pass_through.unwrap_or(self.pass_through);
    }

    fn kind(&self, findings: &mut Findings) -> Option<(&str, Kind)> {
        let catalog = Catalog::builtin();
        let kind = self.written.kind.as_deref().unwrap_or(self.name);
        let generic = GENERIC.into_iter().find(|(name, _)| *name == kind);
        let found = match catalog.provider(kind) {
            Some(shipped) => Some(Kind::Shipped(shipped)),
            None => generic.map(|(_, kind)| kind),
        };
        if found.is_none() {
            let names = catalog.providers().map(|p| p.name.as_str());
            if self.written.kind.is_some() {
                let hint = did_you_mean(kind, names.chain(GENERIC.map(|(name, _)| name)));
                findings.error(
                    &self.path.key("kind"),
                    format!("unknown kind `{kind}`{hint}"),
                );
            } else {
                let hint = did_you_mean(kind, names);
                let message =
                    format!("`{kind}` is not in the catalog and needs `kind` and `base_url`{hint}");
                findings.error(&self.path, message);
            }
        }
        Some((kind, found?))
    }

    fn endpoints(&self, kind: Kind) -> Result<Endpoints, Refusal> {
        let written = self.written;
        let error = |key: &str, message: &str| Err((self.path.key(key), message.to_owned()));
        let url = written.base_url.as_deref();
        let is_own = url.is_some() || !written.speaks.is_empty();
        if !written.variables.is_empty() && (is_own || matches!(kind, Kind::Generic(_))) {
            return error(
                "variables",
                "fill the catalog's address, which is not used here",
            );
        }
        let key = match (url.is_some(), written.speaks.is_empty()) {
            (true, false) => return error("base_url", "stands beside `speaks`: write one of them"),
            (true, true) => "base_url",
            (false, false) => "speaks",
            (false, true) => "variables",
        };
        let endpoints = match (url, kind) {
            (_, Kind::Shipped(shipped)) if shipped.in_process => {
                return match is_own {
                    true => error(key, "is not used: the provider is built in"),
                    false => Ok(shipped_endpoints(shipped, |_| None)),
                };
            }
            _ if key == "speaks" => self.spoken()?,
            (Some(url), Kind::Generic(Some(dialect))) => {
                vec![(dialect.into(), url.to_owned())]
            }
            (Some(_), Kind::Generic(None)) => {
                let message = "kind `custom` needs `speaks` instead: a base URL for each dialect";
                return error(key, message);
            }
            (None, Kind::Generic(Some(_))) => return self.missing("base_url"),
            (None, Kind::Generic(None)) => return self.missing("speaks"),
            (Some(url), Kind::Shipped(shipped)) => at_own_address(shipped, url),
            (None, Kind::Shipped(shipped)) => self.at_shipped_address(shipped)?,
        };
        for (spoken, url) in &endpoints {
            if let Some(why) = refuse_base_url(url) {
                let path = match key {
                    "speaks" => self.path.key(key).key(spoken.name()),
                    _ => self.path.key(key),
                };
                return Err((path, why.to_owned()));
            }
        }
        let endpoints = endpoints.into_iter();
        Ok(endpoints
            .map(|(spoken, url)| (spoken, url.trim_end_matches('/').to_owned()))
            .collect())
    }

    fn missing(&self, key: &str) -> Result<Endpoints, Refusal> {
        Err((self.path.clone(), format!("key `{key}` is missing")))
    }

    fn spoken(&self) -> Result<Endpoints, Refusal> {
        let names = || Spoken::all().map(Spoken::name);
        let speaks = &self.written.speaks;
        if let Some(unknown) = speaks.keys().find(|key| names().all(|name| name != *key)) {
            let hint = did_you_mean(unknown, names());
            let message = format!("unknown dialect `{unknown}`{hint}");
            return Err((self.path.key("speaks").key(unknown), message));
        }
        let url = |spoken: Spoken| Some((spoken, speaks.get(spoken.name())?.clone()));
        Ok(Spoken::all().filter_map(url).collect())
    }

    fn at_shipped_address(&self, shipped: &Shipped) -> Result<Endpoints, Refusal> {
        let variables = &self.written.variables;
        let names = || shipped.url_vars.iter().map(|var| var.name.as_str());
        if let Some(unknown) = variables
            .keys()
            .find(|key| names().all(|name| name != *key))
        {
            let hint = did_you_mean(unknown, names());
            let message = format!("unknown variable `{unknown}`{hint}");
            return Err((self.path.key("variables").key(unknown), message));
        }
        let env = |name: &str| {
            let var = shipped
                .url_vars
                .iter()
                .find(|var| var.env.iter().any(|env| env == name));
            match var.and_then(|var| variables.get(&var.name)) {
                Some(value) => Some(value.clone()),
                // A root from the environment would silence the variables that are written.
                None if var.is_none() && !variables.is_empty() => None,
                None => self.env.get(name).map(str::to_owned),
            }
        };
        let endpoints = shipped_endpoints(shipped, env);
        if endpoints.is_empty() {
            let missing = shipped.missing_env(env).join("`, `");
            let message = format!(
                "its address is not known: write `base_url` or `variables`, or set `{missing}`"
            );
            return Err((self.path.clone(), message));
        }
        Ok(endpoints)
    }

    fn api_key(&self, kind: Kind, auth: &Auth, findings: &mut Findings) -> Option<SecretString> {
        let written = self.written;
        let path = self.path.key("api_key");
        if let Some(key) = &written.api_key {
            if *auth == Auth::None {
                findings.warn(&path, "is not sent: the provider takes none");
            }
            if key.expose().is_empty() || HeaderValue::from_str(key.expose()).is_err() {
                findings.error(&path, "is empty, or holds what a header cannot");
            }
            return Some(key.clone());
        }
        // The vendor's key is for the vendor: never for an address that somebody wrote down.
        let is_own_address = written.base_url.is_some() || !written.speaks.is_empty();
        let Kind::Shipped(shipped) = kind else {
            return None;
        };
        if is_own_address || *auth == Auth::None {
            return None;
        }
        let key = key_from(self.env, shipped);
        let has_own = written
            .headers
            .keys()
            .any(|name| name.eq_ignore_ascii_case("authorization"));
        if key.is_none() && *auth != Auth::OptionalBearer && !has_own {
            let set = match shipped.key_env.first() {
                Some(name) => format!(", and `{name}` is not set"),
                None => String::new(),
            };
            findings.error(&self.path, format!("key `api_key` is missing{set}"));
        }
        key
    }

    fn headers(&self, findings: &mut Findings) -> BTreeMap<String, SecretString> {
        let mut headers = BTreeMap::new();
        for (name, value) in &self.written.headers {
            let path = self.path.key("headers").key(name);
            match HeaderName::from_bytes(name.as_bytes()) {
                Err(_) => findings.error(&path, "is not the name of a header"),
                Ok(name) if RESERVED_HEADERS.contains(&name) => {
                    findings.error(&path, "is set by Weir alone");
                }
                Ok(name) => {
                    headers.insert(name.as_str().to_owned(), value.clone());
                }
            }
            if HeaderValue::from_str(value.expose()).is_err() {
                findings.error(&path, "holds what a header cannot");
            }
        }
        headers
    }

    fn models(&self) -> BTreeMap<String, ProviderModelConfig> {
        let models = self.written.models.iter();
        models
            .map(|(name, model)| {
                let known = ProviderModelConfig {
                    price: model.price.as_ref().map(Into::into),
                    context_window: model.context_window,
                    max_output_tokens: model.max_output_tokens,
                    json_schema: model.json_schema,
                    string_content: model.string_content,
                };
                (name.clone(), known)
            })
            .collect()
    }
}

/// All of its endpoints, or none when a part of their address is missing.
fn shipped_endpoints(shipped: &Shipped, env: impl Fn(&str) -> Option<String>) -> Endpoints {
    let endpoints = shipped.speaks.iter().map(|endpoint| endpoint.spoken);
    endpoints
        .map(|spoken| Some((spoken, shipped.base_url(spoken, &env)?)))
        .collect::<Option<_>>()
        .unwrap_or_default()
}

/// A host alone serves every dialect on its usual path; a path can only be that of the first one,
/// and of those that the vendor serves at the same address.
fn at_own_address(shipped: &Shipped, url: &str) -> Endpoints {
    let is_host_alone = url
        .parse()
        .is_ok_and(|uri: http::Uri| matches!(uri.path(), "" | "/"));
    let first = shipped.speaks.first().map(|endpoint| &endpoint.base_url);
    let endpoints = shipped.speaks.iter();
    endpoints
        .filter(|endpoint| is_host_alone || Some(&endpoint.base_url) == first)
        .map(|endpoint| {
            let own = shipped.base_url_at(endpoint.spoken, url);
            (endpoint.spoken, own.unwrap_or_else(|| url.to_owned()))
        })
        .collect()
}

/// What is known of a kind before the operator says anything.
fn known(kind: Kind) -> ProviderConfig {
    let blank = ProviderConfig {
        name: String::new(),
        kind: String::new(),
        endpoints: Vec::new(),
        auth: Auth::OptionalBearer,
        api_key: None,
        default_headers: BTreeMap::new(),
        headers: BTreeMap::new(),
        operations: OFTEN.to_vec(),
        batch_percent: 100,
        pass_through: false,
        quirks: Quirks::default(),
        json_schema: None,
        in_process: false,
        timeouts: Timeouts::default(),
        models: BTreeMap::new(),
    };
    match kind {
        Kind::Shipped(shipped) => ProviderConfig {
            auth: shipped.auth.clone(),
            default_headers: shipped.headers.iter().cloned().collect(),
            operations: shipped.operations.clone(),
            batch_percent: shipped.batch_percent,
            quirks: shipped.quirks.clone(),
            in_process: shipped.in_process,
            ..blank
        },
        // https://platform.claude.com/docs/en/api/versioning
        Kind::Generic(Some(Dialect::AnthropicMessages)) => ProviderConfig {
            auth: Auth::Header("x-api-key".to_owned()),
            default_headers: [("anthropic-version".to_owned(), "2023-06-01".to_owned())].into(),
            operations: vec![Operation::CountTokens],
            ..blank
        },
        // https://ai.google.dev/gemini-api/docs/api-key
        Kind::Generic(Some(Dialect::Gemini)) => ProviderConfig {
            auth: Auth::Header("x-goog-api-key".to_owned()),
            operations: vec![Operation::Embedding, Operation::CountTokens],
            ..blank
        },
        Kind::Generic(Some(Dialect::CohereChat)) => ProviderConfig {
            operations: vec![Operation::Embedding, Operation::Rerank],
            ..blank
        },
        // Most servers took over the API before `max_completion_tokens` and the developer role
        // existed, and many pass over what they do not know: a limit would be lost silently.
        Kind::Generic(_) => ProviderConfig {
            quirks: Quirks {
                developer_as_system: true,
                rename: vec![("max_completion_tokens".into(), "max_tokens".into())],
                ..Quirks::default()
            },
            ..blank
        },
    }
}
