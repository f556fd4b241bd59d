//! Makes the upstream's request body, in one of two lanes. Native, where the deployment speaks the
//! client's dialect: the client's own bytes with a closed list of splices. Translated, where it
//! does not: decoded once per call, encoded per target, and what could not be carried is named.
//! Embeddings and reranking have the same two lanes, between shapes.

mod vectors;

pub(crate) use vectors::Asked;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Uri};
use weir_config::OnLoss;
use weir_dialect::json::splice::Splices;
use weir_dialect::{Decoded, Head, vectors as shapes};
use weir_model::{
    Capabilities, Cx, Dialect, IdMint, Losses, Operation, Quirks, Rejection, Request, Shape,
    Spoken, TRACE,
};

use crate::call::Call;
use crate::route::Route;
use crate::send::{Origin, OutBody, Outgoing, outgoing_headers};
use crate::state::{Carried, FORGED, Sealer, Target};
use crate::worker::Shared;
use crate::world::{Deployment, Endpoint, Shaped};

/// From this size on, in bytes, an edited body is sent in pieces; below, one write costs less.
const MIN_PIECES: usize = 16 << 10;

/// Which way the answer comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// As the client speaks.
    Native,
    /// To be decoded from this dialect.
    Translated(Dialect),
    /// To be decoded from this shape.
    Reshaped(Shape),
}

impl Lane {
    /// In whose words the upstream answers a client that speaks so.
    pub(crate) fn heard(self, client: Spoken) -> Spoken {
        match self {
            Lane::Native => client,
            Lane::Translated(dialect) => dialect.into(),
            Lane::Reshaped(shape) => shape.into(),
        }
    }
}

/// A request ready for one deployment.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub outgoing: Box<Outgoing>,
    /// To be sent after it, where one request does not hold all that was asked.
    pub more: Vec<Outgoing>,
    pub lane: Lane,
    pub losses: Losses,
}

/// Makes the requests of one call, and decodes its body at most once.
pub(crate) struct Translator<'a> {
    call: &'a Call,
    head: &'a Head<'a>,
    shared: &'a Shared,
    /// Boxed: most calls need none, and every call would carry the room for it.
    translation: Option<Box<Translation>>,
    /// The same, of embeddings and reranking.
    asked: Option<Box<Asked>>,
}

/// A decoded request, and the state of vendors that it carries.
#[derive(Debug)]
struct Translation {
    decoded: Decoded<Request>,
    carried: Carried,
}

impl<'a> Translator<'a> {
    pub(crate) fn new(call: &'a Call, head: &'a Head<'a>, shared: &'a Shared) -> Translator<'a> {
        Translator {
            call,
            head,
            shared,
            translation: None,
            asked: None,
        }
    }

    /// Reads what state of vendors the request carries, where one of the route's targets may have
    /// given it. True when [`Translator::recall`] has to find more of it.
    ///
    /// # Errors
    /// An invalid-request rejection for a forged seal. A body that cannot be decoded is none yet: a
    /// target that takes it as it is may be next.
    pub(crate) fn begin(&mut self, route: &Route) -> Result<bool, Rejection> {
        let Call {
            dialect, operation, ..
        } = *self.call;
        let native = |d: &Arc<Deployment>| d.upstream.native(dialect, operation).is_some();
        // Only translated answers carry it, and only beside those is a body read twice.
        let translated = operation == Operation::Chat && !route.deployments().all(native);
        let mixed = translated && route.deployments().any(native);
        let body = &self.call.body;
        if !translated || mixed && memchr::memmem::find(body, TRACE.as_bytes()).is_none() {
            return Ok(false);
        }
        match self.translation() {
            Ok(translation) => Ok(translation.carried.wants_more()),
            Err(rejection) if rejection.code.as_deref() == Some(FORGED) => Err(rejection),
            Err(_) => Ok(false),
        }
    }

    /// Finds the state that was kept for the request. Waits at most 250 ms.
    pub(crate) async fn recall(&mut self) {
        let (shared, key) = (self.shared, self.call.caller.key_id());
        if let Some(translation) = self.translation.as_deref_mut() {
            let request = &mut translation.decoded.value;
            translation.carried.find(request, &shared.kept, key).await;
        }
    }

    /// The deployment that the request's state came from.
    pub(crate) fn home(&self) -> Option<Arc<str>> {
        self.translation.as_ref()?.carried.home()
    }

    /// The request for a deployment.
    ///
    /// # Errors
    /// An invalid-request rejection when the body cannot be decoded or expressed there, or when
    /// `on_loss: reject` meets a loss.
    pub(crate) fn prepare(
        &mut self,
        deployment: &Deployment,
        on_loss: OnLoss,
    ) -> Result<Prepared, Rejection> {
        let (upstream, operation) = (&deployment.upstream, self.call.operation);
        let native = || upstream.native(self.call.dialect, operation);
        let prepared = match (self.call.shape, operation) {
            (Some(shape), _) => match upstream.shaped(shape, operation) {
                Some(place) => self.shaped(shape, deployment, place)?,
                None => return Err(self.not_offered()),
            },
            (None, _) if let Some(endpoint) = native() => self.native(deployment, endpoint)?,
            (None, Operation::Chat) => self.translated(deployment)?,
            (None, _) => return Err(self.not_offered()),
        };
        if on_loss == OnLoss::Reject
            && let Some(loss) = prepared.losses.iter().next()
        {
            let message = format!(
                "`{}` cannot be carried to this model ({}), and losses are refused for it. Leave \
                 the field out, or set `on_loss: warn`.",
                loss.field, loss.reason
            );
            return Err(Rejection::invalid(message).with_param(loss.field.clone()));
        }
        Ok(prepared)
    }

    /// The decoded request, naming the model of the target that it went to last. Only chat has one.
    ///
    /// # Errors
    /// An invalid-request rejection that names the field at fault.
    pub(crate) fn request(&mut self) -> Result<&Request, Rejection> {
        Ok(&self.translation()?.decoded.value)
    }

    /// The same, where it has been decoded.
    pub(crate) fn decoded(&self) -> Option<&Request> {
        Some(&self.translation.as_ref()?.decoded.value)
    }

    fn not_offered(&self) -> Rejection {
        let (model, operation) = (&self.head.model, self.call.operation.name());
        let message = format!("The model `{model}` does not offer {operation} in this API.");
        Rejection::invalid(message).with_param("model")
    }

    /// What embeddings or reranking were asked of an upstream of another shape.
    pub(crate) fn asked(&self) -> Option<&Asked> {
        self.asked.as_deref()
    }

    fn shaped(
        &mut self,
        client: Shape,
        deployment: &Deployment,
        place: &Shaped,
    ) -> Result<Prepared, Rejection> {
        if client == place.shape {
            let edits = shapes::native_edits(client, self.head, &deployment.model);
            let body = edited(&self.call.body, edits);
            return Ok(Prepared {
                outgoing: self.outgoing_shaped(deployment, place, body)?,
                more: Vec::new(),
                lane: Lane::Native,
                losses: Losses::default(),
            });
        }
        let asked = match self.asked.take() {
            Some(asked) => asked,
            None => {
                let call = self.call;
                Box::new(Asked::decode(client, call.operation, &call.body)?)
            }
        };
        let asked = &*self.asked.insert(asked);
        let mut losses = asked.losses().clone();
        let mut requests = Vec::new();
        for encoded in asked.encode(place.shape, &deployment.model)? {
            losses.extend(encoded.losses);
            let body = OutBody::from_iter([encoded.body.into()]);
            requests.push(*self.outgoing_shaped(deployment, place, body)?);
        }
        let mut requests = requests.into_iter();
        Ok(Prepared {
            outgoing: Box::new(requests.next().ok_or_else(|| self.not_offered())?),
            more: requests.collect(),
            lane: Lane::Reshaped(place.shape),
            losses,
        })
    }

    fn outgoing_shaped(
        &self,
        deployment: &Deployment,
        place: &Shaped,
        body: OutBody,
    ) -> Result<Box<Outgoing>, Rejection> {
        let native = self.call.shape == Some(place.shape);
        let query = self.call.query.as_deref().filter(|_| native);
        let uris = place.uris(&deployment.model, query);
        self.sent(deployment, (&place.origin, native), uris, body)
    }

    fn translation(&mut self) -> Result<&mut Translation, Rejection> {
        let translation = match self.translation.take() {
            Some(translation) => translation,
            None => {
                let body = &self.call.body;
                let mut decoded = self.call.client().decode_request(body)?;
                decoded.value.stream = self.head.stream;
                self.call.references.repeat(&mut decoded.value);
                let sealer = Sealer::new(&self.shared.cipher, &self.call.caller);
                let carried = Carried::take(&mut decoded.value, &sealer, body)?;
                Box::new(Translation { decoded, carried })
            }
        };
        Ok(self.translation.insert(translation))
    }

    fn native(&self, deployment: &Deployment, endpoint: &Endpoint) -> Result<Prepared, Rejection> {
        let upstream = weir_dialect::upstream(endpoint.dialect);
        let (splices, losses) = upstream.native_edits(
            self.call.operation,
            self.head,
            &deployment.model,
            &deployment.quirks,
        );
        let body = match &self.call.form {
            Some(form) => {
                let name = || Bytes::copy_from_slice(deployment.model.as_bytes());
                let fields = form.fields().iter().filter(|field| field.name == "model");
                form.body(&fields.map(|field| (field, name())).collect::<Vec<_>>())
            }
            None => edited(&self.call.body, splices),
        };
        let outgoing = self.outgoing(deployment, endpoint, body)?;
        Ok(Prepared {
            outgoing,
            more: Vec::new(),
            lane: Lane::Native,
            losses,
        })
    }

    fn translated(&mut self, deployment: &Deployment) -> Result<Prepared, Rejection> {
        let Some(endpoint) = deployment.upstream.endpoints.first() else {
            return Err(Rejection::invalid(
                "The provider of this model speaks no chat dialect.",
            ));
        };
        let (seed, now_s) = (self.call.arrival.seed, self.call.now_s());
        let Translation { decoded, carried } = self.translation()?;
        decoded.value.model.clone_from(&deployment.model);
        let mut losses = decoded.losses.clone();
        let target = Target {
            provider: &deployment.upstream.name,
            dialect: endpoint.dialect.name(),
        };
        losses.extend(carried.fit(&mut decoded.value, target));
        let ids = IdMint::new(seed);
        let cx = context(now_s, &ids, &deployment.quirks, &deployment.capabilities);
        let encoded =
            weir_dialect::upstream(endpoint.dialect).encode_request(&decoded.value, &cx)?;
        losses.extend(encoded.losses);
        let mut outgoing = self.outgoing(
            deployment,
            endpoint,
            OutBody::from_iter([encoded.body.into()]),
        )?;
        for (name, value) in encoded.headers {
            if let Ok(value) = value.parse() {
                outgoing.request.headers_mut().append(name, value);
            }
        }
        Ok(Prepared {
            outgoing,
            more: Vec::new(),
            lane: Lane::Translated(endpoint.dialect),
            losses,
        })
    }

    fn outgoing(
        &self,
        deployment: &Deployment,
        endpoint: &Endpoint,
        body: OutBody,
    ) -> Result<Box<Outgoing>, Rejection> {
        let native = endpoint.dialect == self.call.dialect;
        let query = self.call.query.as_deref().filter(|_| native);
        let asked = (self.call.operation, self.head.stream);
        let uris = endpoint.uris(asked, &deployment.model, query);
        self.sent(deployment, (&endpoint.origin, native), uris, body)
    }

    fn sent(
        &self,
        deployment: &Deployment,
        (origin, native): (&Arc<Origin>, bool),
        uris: Option<(Uri, Uri)>,
        body: OutBody,
    ) -> Result<Box<Outgoing>, Rejection> {
        let Some((path, absolute)) = uris else {
            let operation = self.call.operation.name();
            let message = format!("This provider does not offer {operation}.");
            return Err(Rejection::invalid(message).with_param("model"));
        };
        let headers = outgoing_headers(&self.call.headers, native, &deployment.upstream, origin);
        let mut request = http::Request::new(body);
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        Ok(Box::new(Outgoing {
            origin: Arc::clone(origin),
            path,
            absolute,
            request,
        }))
    }
}

/// The client's own body, edited; a large one in pieces.
fn edited(whole: &Bytes, splices: Splices) -> OutBody {
    if whole.len() < MIN_PIECES {
        OutBody::from_iter([splices.apply(whole)])
    } else {
        splices.pieces(whole).collect()
    }
}

/// The context of a translation for a target.
pub(crate) fn context<'a>(
    now_s: i64,
    ids: &'a IdMint,
    quirks: &'a Quirks,
    capabilities: &'a Capabilities,
) -> Cx<'a> {
    Cx {
        now_s,
        ids,
        quirks,
        capabilities,
    }
}

/// The client's query without its key; `None` when nothing is left.
pub(crate) fn forwarded_query(query: Option<&str>) -> Option<String> {
    let kept: Vec<_> = query?
        .split('&')
        .filter(|pair| !pair.starts_with("key="))
        .collect();
    (!kept.is_empty() && kept != [""]).then(|| kept.join("&"))
}

/// Whether the client of a dialect that streams lists asks for server-sent events instead.
pub(crate) fn wants_events(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"))
}

#[cfg(test)]
mod tests;
