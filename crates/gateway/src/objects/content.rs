//! What comes with a request about objects: JSON, a form with a file in it, or nothing.

use bytes::Bytes;
use http::request::Parts;
use hyper::body::Incoming;
use weir_dialect::json::splice::Splices;
use weir_dialect::json::{scan, write};
use weir_model::Rejection;

use super::batch::{rename_lines, rename_requests};
use super::ids::Ids;
use crate::listen::{self, Fault, Form, Forms, HeldBytes};
use crate::send::OutBody;
use crate::worker::Worker;
use crate::world::World;

/// A body, and the model that it names.
pub(super) struct Content {
    body: Kind,
    model: Option<String>,
    _held: HeldBytes,
}

enum Kind {
    Json(Bytes),
    Form(Box<Form>),
}

/// What has to be changed in a body: JSON's edits, or fields of a form and their new values.
pub(super) enum Edits {
    Json(Splices),
    Form(Vec<(usize, Bytes)>),
}

impl Content {
    /// Reads the body.
    ///
    /// # Errors
    /// As [`listen::receive`].
    pub(super) async fn read(
        worker: &Worker,
        world: &World,
        parts: &Parts,
        incoming: &mut Option<Incoming>,
    ) -> Result<Content, Rejection> {
        let (bounds, budget) = (world.bounds(), &worker.shared.budget);
        let received = listen::receive(&parts.headers, incoming, Forms::Perhaps, bounds, budget);
        let (body, form, held) = received.await?;
        if let Some(form) = form {
            return Ok(Content {
                model: form.text("model").map(str::to_owned),
                body: Kind::Form(form),
                _held: held,
            });
        }
        if !body.is_empty() {
            scan::top_level(&body)?;
        }
        Ok(Content {
            model: first_model(&body),
            body: Kind::Json(body),
            _held: held,
        })
    }

    /// The model that it names; of a batch's requests, that of the first.
    pub(super) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The edits that make every id the vendor's.
    ///
    /// # Errors
    /// 404 for an id that is not the tenant's.
    pub(super) fn open_ids(&self, ids: &mut Ids<'_>) -> Result<Edits, Rejection> {
        let form = match &self.body {
            Kind::Json(body) => return Ok(Edits::Json(ids.body(body)?)),
            Kind::Form(form) => form,
        };
        let mut edits = Vec::new();
        for (index, field) in form.fields().iter().enumerate() {
            let name = field.name.trim_end_matches("[]").as_bytes();
            if let Some(value) = &field.value
                && let Some(id) = ids.field(name, value)?
            {
                edits.push((index, id.into()));
            }
        }
        Ok(Edits::Form(edits))
    }

    /// The body to send, with the upstream's names of models; and where word is left if it breaks off.
    ///
    /// # Errors
    /// What `rename` refuses, or a temporary file that cannot be read.
    pub(super) fn body(
        &self,
        edits: Edits,
        mut rename: impl FnMut(&str) -> Result<Option<String>, Rejection>,
    ) -> Result<(OutBody, Fault), Rejection> {
        match (&self.body, edits) {
            (Kind::Json(body), Edits::Json(mut splices)) => {
                if let Some(span) = scan::find_field(body, "model")
                    && let Some(name) = scan::string(&body[span.clone()])
                    && let Some(name) = rename(&name)?
                {
                    splices.replace(span, write::string(&name));
                }
                rename_requests(body, &mut rename, &mut splices)?;
                Ok((splices.pieces(body).collect(), Fault::default()))
            }
            (Kind::Form(form), Edits::Form(mut edits)) => {
                for (index, field) in form.fields().iter().enumerate() {
                    let lines = form.text("purpose") == Some("batch") && form.is_held();
                    if field.name == "model"
                        && let Some(name) = field.value.as_deref()
                        && let Some(name) = rename(name)?
                    {
                        edits.push((index, name.into()));
                    } else if field.is_file && lines {
                        let input = form.bytes(field)?;
                        edits.push((index, rename_lines(&input, &mut rename)?));
                    }
                }
                edits.sort_by_key(|(index, _)| *index);
                let fields = edits.iter().filter_map(|(index, with)| {
                    let field = form.fields().get(*index)?;
                    Some((field, with.clone()))
                });
                let body = form.body(&fields.collect::<Vec<_>>());
                Ok((body, form.fault_place()))
            }
            _ => Ok((OutBody::default(), Fault::default())),
        }
    }
}

fn first_model(body: &[u8]) -> Option<String> {
    let within = |body: &'_ [u8], key: &str| scan::find_field(body, key);
    if let Some(span) = within(body, "model") {
        return scan::string(&body[span]).map(|name| name.into_owned());
    }
    let requests = within(body, "requests")?;
    let first = scan::elements(body, requests).next()?;
    let params = &body[first.clone()][within(&body[first], "params")?];
    scan::string(&params[within(params, "model")?]).map(|name| name.into_owned())
}
