//! Keeps an answer of the Responses API, or where it is to be found. Never waits.

use bytes::Bytes;
use futures_util::FutureExt;
use weir_dialect::openai_responses::stored::{
    Conversation, Home, References, Stored, Turn, finished, id, input, output,
};
use weir_dialect::sse::Cutter;
use weir_model::{Dialect, IdMint, Json, Operation};

use super::{CONVERSATION, HOME_TTL, RESPONSE, Shelf};
use crate::call::Call;
use crate::world::Deployment;

/// What is needed to keep the answer of one call.
pub(crate) struct Keep {
    shelf: Shelf,
    references: References,
    /// As it was when the call began.
    conversation: Option<Conversation>,
    /// The request as the client sent it; let go of where only the provider needs it.
    request: Bytes,
    seed: u128,
    /// Where the answer stays, if a provider keeps it.
    home: Option<Home>,
}

impl Keep {
    pub(super) fn new(
        shelf: Shelf,
        references: &References,
        conversation: Option<Conversation>,
        call: &Call,
    ) -> Keep {
        Keep {
            shelf,
            references: references.clone(),
            conversation,
            request: call.body.clone(),
            seed: call.arrival.seed.rotate_left(3),
            home: None,
        }
    }

    /// Notes at the end of a stream that what a provider's response used is on record.
    pub(super) fn of_home(shelf: Shelf, home: Home) -> Keep {
        let references = References {
            store: true,
            background: home.pending,
            ..References::default()
        };
        Keep {
            shelf,
            references,
            conversation: None,
            request: Bytes::new(),
            seed: 0,
            home: Some(home),
        }
    }

    /// The target answers. `native` says whether it does so in this API itself.
    pub(crate) fn answered_by(&mut self, deployment: &Deployment, native: bool, public: &str) {
        let stays = native && self.references.store && !deployment.quirks.keeps_no_responses;
        self.home = stays.then(|| Home {
            provider: deployment.upstream.name.clone(),
            model: deployment.model.clone(),
            public: public.to_owned(),
            pending: self.references.background,
        });
        if stays && self.conversation.is_none() {
            self.request = Bytes::new();
        }
    }

    /// A streamed answer begins. One that a provider makes in the background can be asked for now.
    pub(crate) fn begun(&mut self, id: Option<&str>) {
        if let Some(id) = id {
            self.at_home(id);
        }
    }

    /// A stream ends with these bytes.
    pub(crate) fn ended(&mut self, last: &Bytes) -> bool {
        if self.home.is_some() && self.conversation.is_none() && !self.references.background {
            return true;
        }
        let mut cutter = Cutter::default();
        cutter.push(last.clone());
        let mut kept = true;
        while let Some(frame) = cutter
            .next_frame()
            .ok()
            .flatten()
            .or_else(|| cutter.finish())
        {
            if let Some(response) = frame.data().and_then(finished) {
                kept &= self.done(response);
            }
        }
        kept
    }

    /// The answer is whole. False when it could not be kept.
    pub(crate) fn done(&mut self, response: &[u8]) -> bool {
        let Some(id) = id(response) else {
            return true;
        };
        let mut kept = true;
        if self.home.is_some() {
            if let Some(home) = &mut self.home {
                home.pending = is_under_way(response);
            }
            self.at_home(&id);
        } else if self.references.store {
            kept &= self.here(&id, response);
        }
        if let Some(name) = self.references.conversation.clone() {
            kept &= self.extend(&name, response);
        }
        kept
    }

    fn at_home(&self, id: &str) {
        if let Some(home) = &self.home {
            let stored = Stored::There(home.clone());
            let piece = self.shelf.piece(RESPONSE, id);
            self.shelf.kept.put(piece, stored.to_bytes(), HOME_TTL);
        }
    }

    fn here(&self, id: &str, response: &[u8]) -> bool {
        let response = str::from_utf8(response).ok().and_then(Json::parse);
        let Some(response) = response else {
            return false;
        };
        let stored = Stored::Here(Turn {
            previous: self.references.previous.clone(),
            input: self.input(),
            response,
        });
        self.shelf.put(RESPONSE, id, stored.to_bytes())
    }

    fn extend(&mut self, name: &str, response: &[u8]) -> bool {
        let own = &self.shelf;
        // Others may have added to it since; what is in memory is found without waiting.
        let latest = own.find(CONVERSATION, name).now_or_never();
        let latest = latest.and_then(Result::ok).flatten();
        let latest = latest.and_then(|bytes| Conversation::from_bytes(&bytes));
        let Some(mut conversation) = latest.or_else(|| self.conversation.take()) else {
            return false;
        };
        conversation.items.extend(self.input());
        conversation.items.extend(output(response));
        own.put(CONVERSATION, name, conversation.to_bytes())
    }

    /// The items of the request.
    fn input(&self) -> Vec<Json> {
        let client = weir_dialect::client(Dialect::OpenAiResponses);
        let head = client.read_head(Operation::Chat, &self.request);
        head.map(|head| input(&head, &IdMint::new(self.seed)))
            .unwrap_or_default()
    }
}

/// Whether a response still has to be made.
fn is_under_way(response: &[u8]) -> bool {
    let status = weir_dialect::json::scan::find_field(response, "status");
    status.is_some_and(|status| matches!(&response[status], b"\"queued\"" | b"\"in_progress\""))
}

impl std::fmt::Debug for Keep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keep").finish_non_exhaustive()
    }
}
