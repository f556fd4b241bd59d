//! Conversations, which are kept here whatever provider answers in them.

use bytes::Bytes;
use weir_dialect::json::read::{Object, Value as Field};
use weir_dialect::openai_responses::stored::{
    Conversation, Page, deleted, id as id_of, named, page,
};
use weir_model::{IdMint, Json, Kind, Rejection, Source};

use super::answer::listed;
use super::asked::OfConversation;
use super::{CONVERSATION, Shelf, missing};
use crate::call::Arrival;

/// Most items that can be added at once, as OpenAI has it.
const MAX_ADDED: usize = 20;

/// How it is asked.
pub(super) struct Asking<'a> {
    pub(super) body: &'a Bytes,
    pub(super) query: Option<&'a str>,
    pub(super) arrival: &'a Arrival,
}

/// Answers.
///
/// # Errors
/// `NotFound`, or an invalid-request rejection.
pub(super) async fn answer(
    shelf: &Shelf,
    of: OfConversation,
    asking: Asking<'_>,
) -> Result<Bytes, Rejection> {
    use OfConversation as Of;
    let (id, item) = match &of {
        Of::Create => return create(shelf, &asking),
        Of::Get(id) | Of::Update(id) | Of::Delete(id) | Of::AddItems(id) | Of::Items(id) => {
            (id, "")
        }
        Of::Item(id, item) | Of::DeleteItem(id, item) => (id, item.as_str()),
    };
    let mut conversation = shelf.conversation(id).await?;
    let at = conversation
        .items
        .iter()
        .position(|kept| id_of(kept.get().as_bytes()).as_deref() == Some(item));
    let at = || at.ok_or_else(|| missing("Item", item));
    Ok(match &of {
        Of::Create | Of::Get(_) => conversation.shown(id).into(),
        Of::Items(_) => listed(&conversation.items, asking.query)?,
        Of::Item(..) => conversation.items[at()?].get().to_owned().into(),
        Of::Update(_) => {
            let mut body = Object::parse(asking.body)?;
            conversation.metadata = body.require("metadata", metadata)?;
            put(shelf, id, &conversation)?;
            conversation.shown(id).into()
        }
        Of::Delete(_) => {
            shelf.forget(CONVERSATION, id);
            deleted(id, "conversation.deleted").into()
        }
        Of::AddItems(_) => {
            let mut body = Object::parse(asking.body)?;
            let ids = IdMint::new(asking.arrival.seed.rotate_left(1));
            let added = body.require("items", |v| items(v, &ids))?;
            conversation.items.extend(added.iter().cloned());
            put(shelf, id, &conversation)?;
            let all = Page {
                after: None,
                limit: MAX_ADDED,
                ascending: true,
            };
            page(&added, all)?.into()
        }
        Of::DeleteItem(..) => {
            conversation.items.remove(at()?);
            put(shelf, id, &conversation)?;
            conversation.shown(id).into()
        }
    })
}

fn create(shelf: &Shelf, asking: &Asking<'_>) -> Result<Bytes, Rejection> {
    let ids = IdMint::new(asking.arrival.seed.rotate_left(1));
    let id = ids.mint("conv_");
    let mut body = match asking.body.is_empty() {
        true => Object::default(),
        false => Object::parse(asking.body)?,
    };
    let conversation = Conversation {
        created_at: asking.arrival.at_nanos / 1_000_000_000,
        metadata: body
            .read("metadata", metadata)?
            .unwrap_or(Json::empty_object()),
        items: body.read("items", |v| items(v, &ids))?.unwrap_or_default(),
    };
    put(shelf, &id, &conversation)?;
    Ok(conversation.shown(&id).into())
}

fn put(shelf: &Shelf, id: &str, conversation: &Conversation) -> Result<(), Rejection> {
    if shelf.put(CONVERSATION, id, conversation.to_bytes()) {
        return Ok(());
    }
    let message = "The conversation is too large to be kept, or this gateway keeps none.";
    Err(Rejection::new(Kind::TooLarge, Source::Client, message))
}

fn metadata(value: Field<'_, '_>) -> Result<Json, Rejection> {
    match value.is_object() {
        true => Ok(value.json()),
        false => Err(value.wrong("an object of strings")),
    }
}

fn items(value: Field<'_, '_>, ids: &IdMint) -> Result<Vec<Json>, Rejection> {
    let given = value.array()?;
    if given.len() > MAX_ADDED {
        return Err(value.invalid(format_args!("takes at most {MAX_ADDED} items at a time")));
    }
    if let Some(wrong) = given.iter().find(|item| !item.get().starts_with('{')) {
        return Err(value.invalid(format_args!("expected items, got {}", wrong.get())));
    }
    Ok(named(&given, ids))
}
