//! What the Responses API keeps between calls: responses, where those are that a provider made, and
//! conversations. A request that continues one goes to the provider that has it, or takes with it
//! what was said. One key never sees what is another's. Refuses, in OpenAI's words, what is not
//! there; a store that does not answer in time is told as such.

mod answer;
mod asked;
mod conversations;
mod home;
mod keep;

pub(crate) use answer::{answer, asks};
pub(crate) use asked::{Asked, recognise};
pub(crate) use keep::Keep;

use std::time::Duration;

use bytes::Bytes;
use weir_dialect::Head;
use weir_dialect::openai_responses::stored::{Conversation, References, Stored, Turn, expanded};
use weir_model::{Dialect, Json, Kind, Operation, Rejection, Source};
use weir_store::{Found, Kept, Piece};

use crate::call::{Call, Caller};
use crate::worker::Worker;
use crate::world::World;

/// Where responses are kept, and where conversations are.
const RESPONSE: &str = "response";
const CONVERSATION: &str = "conversation";

/// How long it is remembered which provider made a response: as long as OpenAI keeps one.
const HOME_TTL: Duration = Duration::from_secs(30 * 86_400);

/// Most responses in a row.
const MAX_CHAIN: usize = 1000;

/// What one key has stored.
#[derive(Clone)]
pub(crate) struct Shelf {
    kept: Kept,
    tenant: String,
    ttl: Duration,
}

impl Shelf {
    pub(crate) fn of(worker: &Worker, world: &World, caller: &Caller) -> Shelf {
        Shelf {
            kept: worker.shared.kept.clone(),
            tenant: caller.key_id().to_owned(),
            ttl: world.state.ttl.duration(),
        }
    }

    async fn find(&self, kind: &'static str, id: &str) -> Result<Option<Bytes>, Rejection> {
        match self.kept.find(&self.tenant, kind, &[id]).await.pop() {
            Some(Found::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Found::Nothing) | None => Ok(None),
            Some(Found::Late) => {
                let message = "What was stored could not be read in time. Try again shortly.";
                Err(Rejection::new(Kind::Overloaded, Source::Gateway, message)
                    .with_code("stored_state_late"))
            }
        }
    }

    /// A stored response.
    ///
    /// # Errors
    /// `NotFound`, or `Overloaded` when the store does not answer in time.
    async fn response(&self, id: &str) -> Result<Stored, Rejection> {
        let bytes = self.find(RESPONSE, id).await?;
        let stored = bytes.and_then(|bytes| Stored::from_bytes(&bytes));
        stored.ok_or_else(|| missing("Response", id))
    }

    /// A conversation.
    ///
    /// # Errors
    /// The same.
    async fn conversation(&self, id: &str) -> Result<Conversation, Rejection> {
        let bytes = self.find(CONVERSATION, id).await?;
        let conversation = bytes.and_then(|bytes| Conversation::from_bytes(&bytes));
        conversation.ok_or_else(|| missing("Conversation", id))
    }

    fn put(&self, kind: &'static str, id: &str, bytes: Bytes) -> bool {
        self.kept.put(self.piece(kind, id), bytes, self.ttl)
    }

    fn forget(&self, kind: &'static str, id: &str) {
        self.kept.forget(self.piece(kind, id));
    }

    fn piece<'a>(&'a self, kind: &'static str, id: &'a str) -> Piece<'a> {
        Piece {
            tenant: &self.tenant,
            kind,
            id,
        }
    }

    /// What was said up to a response, oldest first.
    async fn said(&self, last: Turn, max_bytes: usize) -> Result<Vec<Json>, Rejection> {
        let mut turns = vec![last];
        let mut bytes = 0;
        while let Some(previous) = turns.last().and_then(|turn| turn.previous.clone()) {
            let Stored::Here(turn) = self.response(&previous).await.map_err(previous_missing)?
            else {
                return Err(previous_missing(missing("Response", &previous)));
            };
            bytes += turn.response.get().len();
            if turns.len() == MAX_CHAIN || bytes > max_bytes {
                return Err(too_long());
            }
            turns.push(turn);
        }
        Ok(turns.iter().rev().flat_map(Turn::said).collect())
    }
}

fn missing(what: &str, id: &str) -> Rejection {
    let message = format!("{what} with id '{id}' not found.");
    Rejection::new(Kind::NotFound, Source::Client, message)
}

/// As OpenAI says it of a request that continues something.
fn previous_missing(rejection: Rejection) -> Rejection {
    if rejection.kind != Kind::NotFound {
        return rejection;
    }
    let message = format!("Previous {}", rejection.message.to_lowercase());
    Rejection::invalid(message)
        .with_param("previous_response_id")
        .with_code("previous_response_not_found")
}

fn too_long() -> Rejection {
    let message = "What was said before is too long to be sent again. Begin a new conversation, or \
                   send what matters of it in `input`.";
    Rejection::new(Kind::TooLarge, Source::Client, message).with_param("previous_response_id")
}

/// What a call's request refers to.
#[derive(Default)]
pub(crate) struct Recalled {
    /// The request, where something was put into it.
    pub body: Option<Bytes>,
    /// The provider that has what it continues.
    pub home: Option<String>,
    pub references: References,
    /// Keeps the answer, where that is wanted.
    pub keep: Option<Box<Keep>>,
}

/// Finds what a request continues, and prepares to keep its answer. Only one of the Responses API
/// may wait for anything.
///
/// # Errors
/// `NotFound` as OpenAI tells it, an invalid-request rejection, or `Overloaded` when the store does
/// not answer in time.
pub(crate) async fn recall(
    worker: &Worker,
    world: &World,
    call: &Call,
    head: &Head<'_>,
) -> Result<Recalled, Rejection> {
    if call.dialect != Dialect::OpenAiResponses {
        return Ok(Recalled::default());
    }
    let references = References::read(head)?;
    let mut recalled = Recalled::default();
    let mut conversation = None;
    if references.continues() {
        let shelf = Shelf::of(worker, world, &call.caller);
        let before = match (&references.previous, &references.conversation) {
            (Some(id), _) => match shelf.response(id).await.map_err(previous_missing)? {
                Stored::There(home) => {
                    recalled.home = Some(home.provider);
                    None
                }
                Stored::Here(turn) => Some(shelf.said(turn, world.max_body).await?),
            },
            (None, Some(id)) => {
                let found = shelf.conversation(id).await?;
                let said = found.said();
                conversation = Some(found);
                Some(said)
            }
            (None, None) => None,
        };
        if let Some(before) = before {
            let body = expanded(&call.body, head, &before);
            if body.len() > world.max_body {
                return Err(too_long());
            }
            recalled.body = Some(body);
        }
    }
    let kept = references.store || references.conversation.is_some();
    if kept && call.operation == Operation::Chat && !world.state.ttl.duration().is_zero() {
        let shelf = Shelf::of(worker, world, &call.caller);
        recalled.keep = Some(Box::new(Keep::new(shelf, &references, conversation, call)));
    }
    recalled.references = references;
    Ok(recalled)
}
