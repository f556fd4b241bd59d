//! Makes the upstream's request body, in one of two lanes. Native, where the deployment speaks the
//! client's dialect: the client's own bytes with a closed list of splices. Translated, where it
//! does not: decoded once per call, encoded per target, and what could not be carried is named.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use weir_config::OnLoss;
use weir_dialect::{Decoded, Head};
use weir_model::{
    Capabilities, Cx, Dialect, IdMint, Losses, Operation, Quirks, Rejection, Request,
};

use crate::call::Call;
use crate::send::{OutBody, Outgoing, outgoing_headers};
use crate::world::{Deployment, Endpoint};

/// From this size on, in bytes, an edited body is sent in pieces; below, one write costs less.
const MIN_PIECES: usize = 16 << 10;

/// Which way the answer comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// As the client speaks.
    Native,
    /// To be decoded from this dialect.
    Translated(Dialect),
}

/// A request ready for one deployment.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub outgoing: Box<Outgoing>,
    pub lane: Lane,
    pub losses: Losses,
}

/// Makes the requests of one call, and decodes its body at most once.
#[derive(Debug)]
pub(crate) struct Translator<'a> {
    call: &'a Call,
    head: &'a Head<'a>,
    /// Boxed: most calls need none, and every call would carry the room for it.
    decoded: Option<Box<Decoded<Request>>>,
}

impl<'a> Translator<'a> {
    pub(crate) fn new(call: &'a Call, head: &'a Head<'a>) -> Translator<'a> {
        Translator {
            call,
            head,
            decoded: None,
        }
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
        let native = deployment
            .upstream
            .native(self.call.dialect, self.call.operation);
        let prepared = match (native, self.call.operation) {
            (Some(endpoint), _) => self.native(deployment, endpoint)?,
            (None, Operation::Chat) => self.translated(deployment)?,
            (None, operation) => {
                let (model, operation) = (&self.head.model, operation.name());
                let message =
                    format!("The model `{model}` does not offer {operation} in this API.");
                return Err(Rejection::invalid(message).with_param("model"));
            }
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
        Ok(&self.decoded()?.value)
    }

    fn decoded(&mut self) -> Result<&mut Decoded<Request>, Rejection> {
        let decoded = match self.decoded.take() {
            Some(decoded) => decoded,
            None => {
                let mut decoded = self.call.client().decode_request(&self.call.body)?;
                self.call.references.repeat(&mut decoded.value);
                Box::new(decoded)
            }
        };
        let decoded = self.decoded.insert(decoded);
        decoded.value.stream = self.head.stream;
        Ok(decoded)
    }

    fn native(&self, deployment: &Deployment, endpoint: &Endpoint) -> Result<Prepared, Rejection> {
        let upstream = weir_dialect::upstream(endpoint.dialect);
        let (splices, losses) = upstream.native_edits(
            self.call.operation,
            self.head,
            &deployment.model,
            &deployment.quirks,
        );
        let whole = &self.call.body;
        let body = if let Some(form) = &self.call.form {
            let name = || Bytes::copy_from_slice(deployment.model.as_bytes());
            let fields = form.fields().iter().filter(|field| field.name == "model");
            form.body(&fields.map(|field| (field, name())).collect::<Vec<_>>())
        } else if whole.len() < MIN_PIECES {
            OutBody::from_iter([splices.apply(whole)])
        } else {
            splices.pieces(whole).collect()
        };
        let outgoing = self.outgoing(deployment, endpoint, body)?;
        Ok(Prepared {
            outgoing,
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
        let decoded = self.decoded()?;
        decoded.value.model.clone_from(&deployment.model);
        let mut losses = decoded.losses.clone();
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
        let operation = self.call.operation;
        let query = self.call.query.as_deref().filter(|_| native);
        let asked = (operation, self.head.stream);
        let Some((path, absolute)) = endpoint.uris(asked, &deployment.model, query) else {
            let message = format!("This provider does not offer {}.", operation.name());
            return Err(Rejection::invalid(message).with_param("model"));
        };
        let headers = outgoing_headers(
            &self.call.headers,
            native,
            &deployment.upstream,
            &endpoint.origin,
        );
        let mut request = http::Request::new(body);
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        Ok(Box::new(Outgoing {
            origin: Arc::clone(&endpoint.origin),
            path,
            absolute,
            request,
        }))
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
