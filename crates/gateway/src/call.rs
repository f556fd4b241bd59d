//! One client request, from the moment when it is known what it asks and who asks it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::header::HeaderValue;
use tokio::time::Instant;
use weir_dialect::openai_responses::stored::References;
use weir_dialect::{ClientDialect, Head, openai_operations, vectors};
use weir_model::{Dialect, IdMint, Operation, Rejection, Shape, Spoken};
use weir_store::Key;

use crate::listen::{Form, HeldBytes, Named};
use crate::world::Upstream;

/// When a request came and what it is called.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// Names the call in logs, the ledger and the `x-weir-request-id` header.
    pub id: RequestId,
    /// Seeds the ids minted for this call.
    pub seed: u128,
    /// For durations.
    pub at: Instant,
    /// For records, in nanoseconds since the Unix epoch.
    pub at_nanos: i64,
}

/// Names a call. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// A fresh id, the only one of its seed.
    pub(crate) fn mint(seed: u128) -> RequestId {
        let id = Bytes::from(IdMint::new(seed).mint("req_"));
        RequestId(HeaderValue::from_maybe_shared(id).unwrap_or(HeaderValue::from_static("req_")))
    }

    /// A name that something has already; `req_` where it cannot stand in a header.
    pub(crate) fn of(name: &str) -> RequestId {
        RequestId(HeaderValue::from_str(name).unwrap_or(HeaderValue::from_static("req_")))
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// As the value of a header.
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// One client request.
#[derive(Debug)]
pub(crate) struct Call {
    pub arrival: Arrival,
    /// Of its chats; the usual one where it asks in a shape.
    pub dialect: Dialect,
    /// Of embeddings and reranking.
    pub shape: Option<Shape>,
    pub operation: Operation,
    pub caller: Caller,
    /// What may travel upstream of the headers that the client sent.
    pub headers: HeaderMap,
    /// Whether a stream shall tell at its end what it cost.
    pub summary: bool,
    pub query: Option<String>,
    /// What the path said of the model.
    pub named: Option<Named>,
    /// Whether a stream shall be a JSON list, and not server-sent events.
    pub listed: bool,
    pub body: Bytes,
    /// The one provider that has the files which it names, or what it continues.
    pub home: Option<String>,
    /// Instead of `body`, where files come with the request.
    pub form: Option<Box<Form>>,
    /// What was put into the body, or taken from it, because the client referred to it.
    pub references: References,
    /// Gives the body's bytes back to the total when the call is over.
    pub _held: HeldBytes,
}

/// Reads of a body what must be known before it is routed, and tells the shape where vendors share
/// the path. What the path says goes before what the body says.
///
/// # Errors
/// An invalid-request rejection that names the field at fault.
pub(crate) fn read_head<'c>(
    (shape, dialect, operation): (Option<Shape>, Dialect, Operation),
    body: &'c [u8],
    form: Option<&'c Form>,
    named: Option<&'c Named>,
) -> Result<(Head<'c>, Option<Shape>), Rejection> {
    let mut head = match (form, shape) {
        (Some(form), _) => openai_operations::form_head(form.text("model"), form.text("stream"))?,
        (None, None) => weir_dialect::client(dialect).read_head(operation, body)?,
        (None, Some(_)) => vectors::read_head(body, named.map(|named| &*named.model))?,
    };
    if let Some(named) = named {
        head.model = Cow::Borrowed(&named.model);
        head.stream = named.stream;
    }
    let told = shape.map(|usual| vectors::told(operation, usual, &head));
    Ok((head, told))
}

impl Call {
    /// A call without a body that was made on behalf of a caller.
    pub(crate) fn new(
        arrival: Arrival,
        (dialect, operation): (Dialect, Operation),
        caller: Caller,
        headers: HeaderMap,
        held: HeldBytes,
    ) -> Call {
        Call {
            arrival,
            dialect,
            operation,
            caller,
            summary: false,
            headers,
            query: None,
            named: None,
            listed: false,
            body: Bytes::new(),
            home: None,
            form: None,
            references: References::default(),
            shape: None,
            _held: held,
        }
    }

    /// The client side of the dialect that the client speaks.
    pub(crate) fn client(&self) -> &'static dyn ClientDialect {
        weir_dialect::client(self.dialect)
    }

    /// Whether a provider has what the call names.
    pub(crate) fn can_go_to(&self, upstream: &Upstream) -> bool {
        self.home.as_ref().is_none_or(|home| *home == upstream.name)
    }

    /// Whether it can be sent more than once.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.form.as_ref().is_none_or(|form| form.is_held())
    }

    /// In which words it asked, and wants to hear back.
    pub(crate) fn spoken(&self) -> Spoken {
        self.shape.map_or(self.dialect.into(), Spoken::Shape)
    }

    /// Now, in seconds since the Unix epoch.
    pub(crate) fn now_s(&self) -> i64 {
        self.arrival.at_nanos / 1_000_000_000
    }
}

/// Who asks. Exists only for a key that was found valid, or where authentication is off.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// Holds this key.
    Key(Arc<Key>),
    /// Authentication is off.
    Anonymous,
}

impl Caller {
    /// The key's public id; empty without a key.
    pub(crate) fn key_id(&self) -> &str {
        match self {
            Caller::Key(key) => &key.id,
            Caller::Anonymous => "",
        }
    }

    /// The key's name; `anonymous` without a key.
    pub(crate) fn key_name(&self) -> &str {
        match self {
            Caller::Key(key) => &key.name,
            Caller::Anonymous => "anonymous",
        }
    }

    /// The project that the key belongs to.
    pub(crate) fn project(&self) -> Option<&str> {
        match self {
            Caller::Key(key) => key.project.as_deref(),
            Caller::Anonymous => None,
        }
    }

    /// Whether the caller may use a model, by its resolved public name.
    pub(crate) fn may_use(&self, model: &str) -> bool {
        match self {
            Caller::Key(key) => key.models.iter().any(|glob| weir_config::glob(glob, model)),
            Caller::Anonymous => true,
        }
    }
}
