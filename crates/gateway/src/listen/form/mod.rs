//! A body that holds files: read to its end while it is small, kept in a temporary file while it is
//! not, and, beyond what may be held at all, sent on as it comes. Never read without a bound, in bytes
//! or in time.

mod live;
mod scan;
mod spool;

use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::body::Incoming;
use weir_dialect::openai_operations;
use weir_model::{Operation, Rejection};

pub(crate) use live::Live;
pub(crate) use scan::Field;
use scan::{Scanner, broken};
pub(crate) use spool::Spool;

use super::read::{BodyBudget, HeldBytes, check_encoding, next_piece, no_form, read, too_large};
use crate::send::{OutBody, Piece};

/// From this size on, in bytes, a form is kept in a file.
const MAX_MEMORY: usize = 1 << 20;

/// How much of a body is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Most bytes that are held.
    pub held: usize,
    /// Most bytes at all.
    pub all: u64,
}

/// A form: where its fields stand, and its bytes.
#[derive(Debug)]
pub(crate) struct Form {
    fields: Vec<Field>,
    bytes: Held,
    /// What has not come yet.
    rest: Option<Live>,
    /// The whole length, where it is known.
    length: Option<u64>,
}

#[derive(Debug)]
enum Held {
    Memory(Bytes),
    File(Spool),
}

/// Whether a body is a form.
fn is_form(headers: &HeaderMap) -> bool {
    content_type(headers).is_some_and(|kind| {
        kind.get(..19)
            .is_some_and(|start| start.eq_ignore_ascii_case("multipart/form-data"))
    })
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()
}

/// Whether a request comes as a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forms {
    /// It is JSON.
    Never,
    /// As it says.
    Perhaps,
    /// It has a file in it.
    Always,
}

impl Forms {
    /// Of an operation on a model.
    pub(crate) fn of(operation: Operation) -> Forms {
        match operation {
            // Takes JSON as well, with pictures that are elsewhere.
            Operation::ImageEdit => Forms::Perhaps,
            operation if openai_operations::takes_form(operation) => Forms::Always,
            _ => Forms::Never,
        }
    }
}

/// Reads a body: its bytes, or the form that it is.
///
/// # Errors
/// 415 for JSON in the place of a form or the reverse, else as [`read()`] and [`read_form`].
pub(crate) async fn receive(
    headers: &HeaderMap,
    incoming: &mut Option<Incoming>,
    forms: Forms,
    bounds: Bounds,
    budget: &BodyBudget,
) -> Result<(Bytes, Option<Box<Form>>, HeldBytes), Rejection> {
    if forms != Forms::Never && is_form(headers) {
        let (form, held) = read_form(headers, incoming, bounds, budget).await?;
        return Ok((Bytes::new(), Some(Box::new(form)), held));
    }
    if forms == Forms::Always {
        return Err(no_form());
    }
    let (body, held) = read(headers, incoming, bounds.held, budget).await?;
    Ok((body, None, held))
}

/// Reads a form. `incoming` is taken when the form is too large to be held.
///
/// # Errors
/// 400 for what is no form or has no end, 413 over the bounds, 408 when the client stops sending.
async fn read_form(
    headers: &HeaderMap,
    incoming: &mut Option<Incoming>,
    bounds: Bounds,
    budget: &BodyBudget,
) -> Result<(Form, HeldBytes), Rejection> {
    check_encoding(headers)?;
    let mut scanner = Scanner::new(content_type(headers).unwrap_or_default())?;
    let length = declared(headers);
    if length.is_some_and(|length| length > bounds.all) {
        return Err(too_large(bounds.all, "max_upload"));
    }
    let mut held = budget.hold();
    let (mut memory, mut file) = (BytesMut::new(), None::<Spool>);
    let mut size = 0;
    let mut rest = None;
    while let Some(body) = incoming.as_mut() {
        let Some(piece) = next_piece(body).await? else {
            break;
        };
        size += piece.len();
        if size as u64 > bounds.all {
            return Err(too_large(bounds.all, "max_upload"));
        }
        scanner.push(&piece)?;
        held.grow(piece.len())?;
        if let Some(file) = &mut file {
            file.append(&piece)?;
        } else if memory.len() + piece.len() > MAX_MEMORY {
            let mut begun = Spool::new()?;
            begun.append(&memory)?;
            begun.append(&piece)?;
            memory.clear();
            file = Some(begun);
        } else {
            memory.extend_from_slice(&piece);
        }
        if size > bounds.held {
            rest = incoming.take();
            break;
        }
    }
    if rest.is_none() && !scanner.is_over() {
        return Err(broken(
            "its end is missing, the boundary followed by two dashes",
        ));
    }
    let fields = scanner.fields().to_vec();
    let left = bounds.all.saturating_sub(size as u64);
    let form = Form {
        fields,
        bytes: file.map_or_else(|| Held::Memory(memory.freeze()), Held::File),
        length: if rest.is_some() {
            length
        } else {
            Some(size as u64)
        },
        rest: rest.map(|incoming| Live::form(incoming, left, scanner)),
    };
    Ok((form, held))
}

/// The length that the client says.
pub(crate) fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Form {
    /// Every field that has been seen; of a form that is still coming, those before the large one.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The short value of a field.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.name == name);
        field?.value.as_deref()
    }

    /// Whether it can be sent again.
    pub(crate) fn is_held(&self) -> bool {
        self.rest.is_none()
    }

    /// What went wrong with the part that is still coming, if anything did.
    pub(crate) fn fault(&self) -> Option<Rejection> {
        self.fault_place().get().cloned()
    }

    /// Where word of that will be left.
    pub(crate) fn fault_place(&self) -> Fault {
        let rest = self.rest.as_ref();
        rest.map(|rest| rest.fault().clone()).unwrap_or_default()
    }

    /// The bytes of a field's value, where they are held.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub(crate) fn bytes(&self, field: &Field) -> Result<Bytes, Rejection> {
        match &self.bytes {
            Held::Memory(bytes) => {
                let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes.slice(place(field.span.start)..place(field.span.end)))
            }
            Held::File(file) => file.read(field.span.clone()),
        }
    }

    /// The body to send, with some fields' values replaced; those have to be in order.
    pub(crate) fn body(&self, edits: &[(&Field, Bytes)]) -> OutBody {
        let end = match &self.bytes {
            Held::Memory(bytes) => bytes.len() as u64,
            Held::File(file) => file.len(),
        };
        let slice = |from: u64, to: u64| match &self.bytes {
            Held::Memory(bytes) => Piece::Bytes(bytes.slice(from as usize..to as usize)),
            Held::File(file) => Piece::File(file.clone(), from..to),
        };
        let mut body = OutBody::default();
        let (mut at, mut length) = (0, self.length);
        for (field, with) in edits {
            body.push(slice(at, field.span.start));
            body.push(Piece::Bytes(with.clone()));
            let was = field.span.end - field.span.start;
            length = length.map(|length| length + with.len() as u64 - was);
            at = field.span.end;
        }
        body.push(slice(at, end));
        if let Some(rest) = &self.rest {
            body.push(Piece::Live(rest.clone()));
            body.set_length(length);
        }
        body
    }
}

/// The place where a body that is still coming leaves word of what went wrong with it.
pub(crate) type Fault = std::sync::Arc<OnceLock<Rejection>>;
