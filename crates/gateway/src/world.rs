//! The configuration as calls need it: an immutable snapshot. A call keeps the one that it began
//! with; a reload swaps the pointer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::header::{HeaderName, HeaderValue};
use weir_catalog::{Auth, Catalog, ModelEntry};
use weir_config::{ClientAuth, Config, ProviderConfig, ProviderModelConfig, State, Timeouts};
use weir_dialect::vectors;
use weir_model::{Capabilities, Dialect, Operation, Price, Priced, Quirks, Shape, Spoken, Usage};

use crate::listen::Bounds;
use crate::route::{Directory, Route};
use crate::send::{Network, Origin};

/// A snapshot of the configuration.
#[derive(Debug)]
pub struct World {
    pub(crate) directory: Directory,
    /// Names this configuration in the `x-weir-config` header.
    pub(crate) digest: HeaderValue,
    /// Whether a key is demanded.
    pub(crate) auth: bool,
    /// Most bytes of a request body.
    pub(crate) max_body: usize,
    /// Most bytes of an upload.
    pub(crate) max_upload: u64,
    /// Where objects go when nothing tells.
    pub(crate) object_providers: Vec<String>,
    /// Between keep-alive comments of a silent stream; also how long an answer's head is held back
    /// for its first content.
    pub(crate) keep_alive: Duration,
    pub(crate) network: Network,
    /// What is remembered between calls.
    pub(crate) state: State,
}

/// A configured provider, ready to be called.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub name: String,
    pub endpoints: Vec<Endpoint>,
    /// Where it makes vectors and ranks documents, the preferred shape first.
    pub shaped: Vec<Shaped>,
    /// Set on every request.
    pub credential: Option<(HeaderName, HeaderValue)>,
    /// Set where the client sent none of the name.
    pub defaults: Vec<(HeaderName, HeaderValue)>,
    /// The operator's, set on every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    operations: Vec<Operation>,
    quirks: Arc<Quirks>,
    json_schema: Option<bool>,
    pub timeouts: Timeouts,
    /// What a batch costs, in percent of its requests one by one.
    pub batch_percent: u16,
    /// Whether clients may reach all of its API.
    pub pass_through: bool,
    /// The provider's name in the catalog, for prices and limits.
    kind: String,
    models: BTreeMap<String, ProviderModelConfig>,
}

/// Where a provider speaks one dialect.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub dialect: Dialect,
    pub origin: Arc<Origin>,
    /// By operation, and whether the answer streams.
    uris: Vec<((Operation, bool), Uris)>,
    /// What comes before every path: nothing, or a slash and more.
    base_path: String,
}

/// Where a provider does one operation in one shape.
#[derive(Debug)]
pub(crate) struct Shaped {
    pub shape: Shape,
    operation: Operation,
    pub origin: Arc<Origin>,
    uris: Uris,
}

/// An operation's URI at an endpoint; `{model}` in it stands for the model's name.
#[derive(Clone, Debug)]
struct Uris {
    /// For HTTP/1.1.
    path: Uri,
    /// For HTTP/2, and plain requests through a proxy.
    absolute: Uri,
}

/// One model at one provider.
#[derive(Debug)]
pub(crate) struct Deployment {
    /// `provider/model`.
    pub name: Arc<str>,
    /// The same, as a header value.
    pub header: HeaderValue,
    pub upstream: Arc<Upstream>,
    /// As the provider names it.
    pub model: String,
    pub capabilities: Capabilities,
    pub quirks: Arc<Quirks>,
    price: Option<Price>,
    entry: Option<&'static ModelEntry>,
}

impl World {
    /// Builds the snapshot of a checked configuration.
    ///
    /// # Errors
    /// In words, when a CA file or proxy cannot be used, or a header or URL is not one.
    pub fn build(config: Arc<Config>) -> Result<World, String> {
        let network = Network::new(&config.network, &config.proxy)?;
        let mut upstreams = BTreeMap::new();
        for (name, provider) in &config.providers {
            let upstream = Upstream::build(provider, &network)
                .map_err(|reason| format!("provider `{name}`: {reason}"))?;
            upstreams.insert(name.clone(), Arc::new(upstream));
        }
        Ok(World {
            digest: HeaderValue::from_str(config.digest()).map_err(|e| e.to_string())?,
            auth: config.server.auth == ClientAuth::On,
            max_body: usize::try_from(config.server.max_body.0).unwrap_or(usize::MAX),
            max_upload: config.server.max_upload.0,
            object_providers: config.server.object_providers.clone(),
            keep_alive: Duration::from_millis(config.server.keep_alive_ms),
            state: config.state,
            directory: Directory::new(config, upstreams),
            network,
        })
    }

    /// How much of a body is taken.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            held: self.max_body,
            all: self.max_upload,
        }
    }

    /// The names of the configured providers.
    pub fn provider_names(&self) -> impl Iterator<Item = &str> {
        self.directory.upstreams().map(|u| u.name.as_str())
    }
}

impl Upstream {
    fn build(config: &ProviderConfig, network: &Network) -> Result<Upstream, String> {
        let (mut endpoints, mut shaped) = (Vec::new(), Vec::new());
        for (spoken, base_url) in &config.endpoints {
            let place = network.origin(base_url, config.in_process)?;
            if let Spoken::Dialect(dialect) = *spoken {
                endpoints.push(Endpoint::build(dialect, &place)?);
            }
            let mut more = Shaped::build(*spoken, &config.operations, &place)?;
            // A vendor that ranks in its own shape does not do so beside another's chats.
            let ranks = shaped
                .iter()
                .any(|s: &Shaped| s.operation == Operation::Rerank);
            more.retain(|s| s.operation != Operation::Rerank || !ranks);
            shaped.append(&mut more);
        }
        let defaults = config
            .default_headers
            .iter()
            .map(|(name, value)| header(name, value));
        let fixed = config
            .headers
            .iter()
            .map(|(name, value)| header(name, value.expose()));
        Ok(Upstream {
            name: config.name.clone(),
            endpoints,
            shaped,
            credential: credential(config)?,
            defaults: defaults.collect::<Result<_, _>>()?,
            headers: fixed.collect::<Result<_, _>>()?,
            operations: config.operations.clone(),
            quirks: Arc::new(config.quirks.clone()),
            json_schema: config.json_schema,
            timeouts: config.timeouts,
            batch_percent: config.batch_percent,
            pass_through: config.pass_through,
            kind: config.kind.clone(),
            models: config.models.clone(),
        })
    }

    /// Whether a bare model name is one of this provider's own.
    pub(crate) fn knows(&self, model: &str) -> bool {
        self.models.contains_key(model) || Catalog::builtin().knows(&self.kind, model)
    }

    /// The models that it is known to have.
    pub(crate) fn models(&self) -> impl Iterator<Item = &str> {
        let shipped = Catalog::builtin().models_of(&self.kind);
        self.models.keys().map(String::as_str).chain(shipped)
    }

    /// Where it speaks a dialect.
    pub(crate) fn endpoint(&self, dialect: Dialect) -> Option<&Endpoint> {
        self.endpoints.iter().find(|e| e.dialect == dialect)
    }

    /// Where it does an operation in a client's own dialect.
    pub(crate) fn native(&self, dialect: Dialect, operation: Operation) -> Option<&Endpoint> {
        let offered = operation == Operation::Chat || self.operations.contains(&operation);
        self.endpoint(dialect).filter(|_| offered)
    }

    /// Where it does an operation in a client's own shape, or else in the one that it prefers.
    pub(crate) fn shaped(&self, shape: Shape, operation: Operation) -> Option<&Shaped> {
        let offered = || self.shaped.iter().filter(|s| s.operation == operation);
        offered()
            .find(|s| s.shape == shape)
            .or_else(|| offered().next())
    }
}

impl Endpoint {
    fn build(dialect: Dialect, place: &(Arc<Origin>, String)) -> Result<Endpoint, String> {
        let mut uris = Vec::new();
        let speaks = weir_dialect::upstream(dialect);
        let asked = Operation::ALL.map(|operation| {
            let whole = ((operation, false), speaks.path(operation));
            [whole, ((operation, true), speaks.stream_path(operation))]
        });
        for (asked, tail) in asked.into_iter().flatten() {
            if let Some(tail) = tail {
                uris.push((asked, Uris::build(place, tail)?));
            }
        }
        Ok(Endpoint {
            dialect,
            origin: Arc::clone(&place.0),
            uris,
            base_path: place.1.clone(),
        })
    }

    /// The URI in origin form and absolute of a path below the base URL.
    pub(crate) fn below(&self, path: &str) -> Option<(Uri, Uri)> {
        self.at_host(&format!("{}{path}", self.base_path))
    }

    /// The same of a path below the host.
    pub(crate) fn at_host(&self, path: &str) -> Option<(Uri, Uri)> {
        let scheme = if self.origin.tls { "https" } else { "http" };
        let authority = self.origin.authority.to_str().ok()?;
        let absolute = format!("{scheme}://{authority}{path}");
        Some((path.parse().ok()?, absolute.parse().ok()?))
    }

    /// The URI in origin form and absolute of an operation on a model, streamed or not, with a query;
    /// `None` when the dialect lacks the operation.
    pub(crate) fn uris(
        &self,
        asked: (Operation, bool),
        model: &str,
        query: Option<&str>,
    ) -> Option<(Uri, Uri)> {
        let (_, uris) = self.uris.iter().find(|(known, _)| *known == asked)?;
        uris.full(model, query)
    }
}

impl Shaped {
    /// Every shape and operation at an address that speaks a dialect, or a shape.
    fn build(
        spoken: Spoken,
        offered: &[Operation],
        place: &(Arc<Origin>, String),
    ) -> Result<Vec<Shaped>, String> {
        let mut built = Vec::new();
        for operation in [Operation::Embedding, Operation::Rerank] {
            let shape = match spoken {
                Spoken::Dialect(dialect) => vectors::usual_shape(dialect, operation),
                Spoken::Shape(shape) => Some(shape),
            };
            let shape = shape.filter(|_| offered.contains(&operation));
            for shape in std::iter::successors(shape, |shape| shape.beside()) {
                if let Some(tail) = vectors::path(shape, operation) {
                    built.push(Shaped {
                        shape,
                        operation,
                        origin: Arc::clone(&place.0),
                        uris: Uris::build(place, tail)?,
                    });
                }
            }
        }
        Ok(built)
    }

    /// The URI in origin form and absolute, for a model, with a query.
    pub(crate) fn uris(&self, model: &str, query: Option<&str>) -> Option<(Uri, Uri)> {
        self.uris.full(model, query)
    }
}

impl Uris {
    fn build((origin, base_path): &(Arc<Origin>, String), tail: &str) -> Result<Uris, String> {
        let scheme = if origin.tls { "https" } else { "http" };
        let authority = origin.authority.to_str().map_err(|e| e.to_string())?;
        let uri = |text: String| text.parse::<Uri>().map_err(|e| format!("`{text}`: {e}"));
        Ok(Uris {
            path: uri(format!("{base_path}{tail}"))?,
            absolute: uri(format!("{scheme}://{authority}{base_path}{tail}"))?,
        })
    }

    fn full(&self, model: &str, query: Option<&str>) -> Option<(Uri, Uri)> {
        let full = |uri: &Uri| {
            if query.is_none() && !uri.path().contains(MODEL) {
                return Some(uri.clone());
            }
            let named = uri.to_string().replace(MODEL, &escaped(model));
            with_query(named, query).parse().ok()
        };
        Some((full(&self.path)?, full(&self.absolute)?))
    }
}

/// Where a path names the model.
const MODEL: &str = "{model}";

/// A model's name as it may stand in a path (RFC 3986, section 3.3); its slashes stay.
fn escaped(model: &str) -> String {
    let mut out = String::with_capacity(model.len());
    for byte in model.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b'@' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The URI with the client's query. What the URI says itself, the client's query cannot.
fn with_query(mut uri: String, query: Option<&str>) -> String {
    let own = uri.split_once('?').map(|(_, own)| own.to_owned());
    let key = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    for pair in query.into_iter().flat_map(|query| query.split('&')) {
        if own.as_deref().is_none_or(|own| key(own) != key(pair)) {
            uri.push(if uri.contains('?') { '&' } else { '?' });
            uri.push_str(pair);
        }
    }
    uri
}

impl Deployment {
    /// A model at a provider, with what the catalog and the operator know of it.
    pub(crate) fn new(upstream: &Arc<Upstream>, model: &str) -> Deployment {
        let entry = Catalog::builtin().model(&upstream.kind, model);
        let own = upstream.models.get(model).copied().unwrap_or_default();
        let mut capabilities = entry.map(|e| e.capabilities.clone()).unwrap_or_default();
        capabilities.context_window = own.context_window.or(capabilities.context_window);
        capabilities.max_output_tokens = own.max_output_tokens.or(capabilities.max_output_tokens);
        let mut quirks = Arc::clone(&upstream.quirks);
        if let Some(takes) = own.json_schema.or(upstream.json_schema) {
            capabilities.json_schema = takes;
            if quirks.no_json_schema == takes {
                Arc::make_mut(&mut quirks).no_json_schema = !takes;
            }
        }
        if let Some(only) = own.string_content {
            Arc::make_mut(&mut quirks).string_content = only;
        }
        let name = format!("{}/{model}", upstream.name);
        Deployment {
            header: HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("?")),
            name: name.into(),
            upstream: Arc::clone(upstream),
            model: model.to_owned(),
            capabilities,
            quirks,
            price: own.price,
            entry,
        }
    }

    /// What a usage costs here: by the operator's price, else the catalog's.
    pub(crate) fn cost(&self, usage: &Usage, now_s: i64) -> Priced {
        match self.price_for(usage, now_s) {
            Some(price) if price.covers(usage) => Priced::Known(price.cost(usage)),
            _ => Priced::Unpriced,
        }
    }

    /// What a request costs of which nobody says what it used: known only where requests have a price.
    pub(crate) fn cost_of_request(&self, now_s: i64) -> Priced {
        let none = Usage::default();
        match self.price_for(&none, now_s) {
            Some(price) if price.request_nano > 0 => Priced::Known(price.cost(&none)),
            _ => Priced::Unpriced,
        }
    }

    /// The price at which a usage is billed here, where one is known.
    pub(crate) fn price_for(&self, usage: &Usage, now_s: i64) -> Option<Price> {
        let shipped = || self.entry.and_then(|entry| entry.price_for(usage, now_s));
        self.price.or_else(shipped)
    }
}

fn credential(config: &ProviderConfig) -> Result<Option<(HeaderName, HeaderValue)>, String> {
    let Some(key) = &config.api_key else {
        return Ok(None);
    };
    let (name, mut value) = match &config.auth {
        Auth::Bearer | Auth::OptionalBearer => {
            header("authorization", &format!("Bearer {}", key.expose()))?
        }
        Auth::Header(name) => header(name, key.expose())?,
        Auth::None => return Ok(None),
    };
    value.set_sensitive(true);
    Ok(Some((name, value)))
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let wrong = |_| format!("`{name}` cannot be sent as a header");
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(wrong)?;
    let value = HeaderValue::from_str(value)
        .map_err(|_| format!("the value of `{name}` cannot be sent"))?;
    Ok((parsed, value))
}

impl Route {
    /// Whether any deployment behind the name does an operation in a client's own dialect.
    pub(crate) fn offers(&self, dialect: Dialect, operation: Operation) -> bool {
        self.deployments()
            .any(|d| d.upstream.native(dialect, operation).is_some())
    }
}
