//! On the way in: state is taken out of the decoded request, opened or found again, and put back for
//! each target, as far as it is that target's own.

use std::sync::Arc;

use serde_json::Value;
use weir_model::{Content, KEPT, Losses, Message, Rejection, Request, Role, SEALED, is_sealed};
use weir_store::{Found, Kept};

use super::seal::Unusable;
use super::{Entry, KIND, Origin, Proof, Sealer, ids};

/// The `code` of the refusal of a forged seal.
pub(crate) const FORGED: &str = "invalid_sealed_state";

/// The state of one request.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    /// In the order of the conversation.
    pieces: Vec<Piece>,
    /// Tool calls under whose ids something was kept: their message and id.
    wanted: Vec<(usize, String)>,
    /// Where blocks stand that [`Carried::fit`] put in, by message and block.
    fitted: Vec<(usize, usize)>,
    /// What could not be found or opened.
    losses: Losses,
}

/// Reasoning that is not in the request.
#[derive(Debug)]
struct Piece {
    message: usize,
    /// Before which of the message's blocks it belongs.
    at: usize,
    origin: Origin,
    text: String,
    proof: Option<Proof>,
    /// Whether the client itself sent the text.
    shown: bool,
}

/// Who is going to be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    /// The name of the provider.
    pub provider: &'a str,
    /// The name of the dialect that it is asked in.
    pub dialect: &'static str,
}

impl Carried {
    /// Takes sealed state out of a request that was decoded from `body`, and makes its ids portable.
    ///
    /// # Errors
    /// An invalid-request rejection with the code [`FORGED`] that names the field of a forged seal.
    pub(crate) fn take(
        request: &mut Request,
        sealer: &Sealer,
        body: &[u8],
    ) -> Result<Carried, Rejection> {
        let mut carried = Carried::default();
        for (number, message) in request.messages.iter_mut().enumerate() {
            let (mut sealed, mut proved) = (false, false);
            let first = carried.wanted.len();
            for block in &mut message.blocks {
                match &mut block.content {
                    Content::Reasoning {
                        signature: Some(proof),
                        ..
                    }
                    | Content::RedactedReasoning { data: proof } => {
                        proved = true;
                        sealed |= is_sealed(proof);
                    }
                    Content::ToolCall(call) => {
                        if let Some(id) = call.id.strip_suffix(KEPT) {
                            call.id = id.to_owned();
                            carried.wanted.push((number, call.id.clone()));
                        }
                        ids::make_portable(&mut call.id);
                    }
                    Content::ToolResult(result) => {
                        if let Some(id) = result.call_id.strip_suffix(KEPT) {
                            result.call_id = id.to_owned();
                        }
                        ids::make_portable(&mut result.call_id);
                    }
                    _ => {}
                }
            }
            if proved {
                carried.wanted.truncate(first);
            }
            if sealed {
                carried.unseal(number, message, sealer, body)?;
            }
        }
        Ok(carried)
    }

    /// Whether something has to be looked up.
    pub(crate) fn wants_more(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Looks up what was kept for a key.
    pub(crate) async fn find(&mut self, request: &mut Request, kept: &Kept, tenant: &str) {
        let wanted = std::mem::take(&mut self.wanted);
        let ids: Vec<&str> = wanted.iter().map(|(_, id)| id.as_str()).collect();
        let found = kept.find(tenant, KIND, &ids).await;
        let mut entries = Vec::new();
        for ((message, id), found) in wanted.iter().zip(found) {
            let entry = match &found {
                Found::Bytes(bytes) => serde_json::from_slice::<Entry>(bytes).ok(),
                Found::Nothing | Found::Late => None,
            };
            match (entry, found) {
                (Some(entry), _) => entries.push((*message, id.as_str(), entry)),
                (None, found) => {
                    let reason = match found {
                        Found::Late => "what was kept for the call could not be read in time",
                        _ => "what was kept for the call is no longer there",
                    };
                    let field = format!("messages[{message}].tool_calls[{id}].reasoning");
                    self.losses.add(field, reason);
                }
            }
        }
        for of_message in entries.chunk_by(|(one, ..), (other, ..)| one == other) {
            let number = of_message[0].0;
            if let Some(message) = request.messages.get_mut(number) {
                self.restore(number, message, of_message);
            }
        }
        self.pieces.sort_by_key(|piece| (piece.message, piece.at));
    }

    /// The deployment that the latest of it came from.
    pub(crate) fn home(&self) -> Option<Arc<str>> {
        let last = self.pieces.last()?;
        Some(Arc::clone(&last.origin.deployment))
    }

    /// Puts into the request what is the target's own, in the place of what was put in for another.
    /// What is not is lost.
    pub(crate) fn fit(&mut self, request: &mut Request, target: Target<'_>) -> Losses {
        for (message, at) in self.fitted.drain(..).rev() {
            request.messages[message].blocks.remove(at);
        }
        let mut losses = self.losses.clone();
        for piece in &self.pieces {
            let own = piece.origin.provider() == target.provider
                && *piece.origin.dialect == *target.dialect;
            if !own {
                let (message, at) = (piece.message, piece.at);
                let reason = format!(
                    "only {} takes it back, and another target is asked",
                    piece.origin.provider()
                );
                losses.add(
                    format!("messages[{message}].content[{at}].signature"),
                    reason,
                );
            }
            let Some(content) = piece.content(own) else {
                continue;
            };
            let before = self.fitted.iter().rev();
            let before = before.take_while(|(message, _)| *message == piece.message);
            let at = piece.at + before.count();
            let blocks = &mut request.messages[piece.message].blocks;
            blocks.insert(at.min(blocks.len()), content.into());
            self.fitted.push((piece.message, at));
        }
        losses
    }

    fn unseal(
        &mut self,
        number: usize,
        message: &mut Message,
        sealer: &Sealer,
        body: &[u8],
    ) -> Result<(), Rejection> {
        let mut blocks = Vec::with_capacity(message.blocks.len());
        for (index, mut block) in std::mem::take(&mut message.blocks).into_iter().enumerate() {
            let (text, sealed) = match &mut block.content {
                Content::Reasoning {
                    text,
                    signature: Some(proof),
                } if is_sealed(proof) => (std::mem::take(text), proof),
                Content::RedactedReasoning { data } if is_sealed(data) => (String::new(), data),
                _ => {
                    blocks.push(block);
                    continue;
                }
            };
            match sealer.open(sealed) {
                Ok((origin, proof)) => self.pieces.push(Piece {
                    message: number,
                    at: blocks.len(),
                    origin,
                    text,
                    proof: Some(proof),
                    shown: true,
                }),
                Err(Unusable::Lost(reason)) => {
                    let field = format!("messages[{number}].content[{index}].signature");
                    self.losses.add(field, reason);
                    if !text.is_empty() {
                        let signature = None;
                        blocks.push(Content::Reasoning { text, signature }.into());
                    }
                }
                Err(Unusable::Forged) => return Err(forged(body, sealed)),
            }
        }
        message.blocks = blocks;
        Ok(())
    }

    /// Notes where the thoughts of a turn belong, whose own are not proved and so give way.
    fn restore(&mut self, number: usize, message: &mut Message, entries: &[(usize, &str, Entry)]) {
        if message.role != Role::Assistant {
            return;
        }
        let is_thought = |content: &Content| matches!(content, Content::Reasoning { .. });
        message.blocks.retain(|block| !is_thought(&block.content));
        let mut begins = 0;
        for (at, block) in message.blocks.iter().enumerate() {
            let Content::ToolCall(call) = &block.content else {
                continue;
            };
            let known = entries.iter().find(|(_, id, _)| *id == call.id);
            if let Some((.., Entry { origin, thoughts })) = known {
                self.pieces.extend(thoughts.iter().map(|thought| Piece {
                    message: number,
                    at: if thought.after_text { at } else { begins },
                    origin: origin.clone(),
                    text: thought.text.clone(),
                    proof: thought.proof.clone(),
                    shown: false,
                }));
            }
            begins = at + 1;
        }
    }
}

impl Piece {
    /// The block for a target whose own it is, or for another; `None` where it has nothing to say.
    fn content(&self, own: bool) -> Option<Content> {
        let text = self.text.clone();
        match (&self.proof, own) {
            (Some(Proof::Redacted(data)), true) => {
                let data = data.clone();
                Some(Content::RedactedReasoning { data })
            }
            (Some(Proof::Signature(proof)), true) => {
                let signature = Some(proof.clone());
                Some(Content::Reasoning { text, signature })
            }
            (proof, own) => {
                let signature = None;
                let said = !text.is_empty() && (self.shown || own && proof.is_none());
                said.then_some(Content::Reasoning { text, signature })
            }
        }
    }
}

/// The refusal of a seal that is none of ours.
fn forged(body: &[u8], sealed: &str) -> Rejection {
    let field = serde_json::from_slice(body).ok();
    let field = field.and_then(|body: Value| place(&body, sealed));
    let field = field.unwrap_or_else(|| "messages".to_owned());
    let message = format!(
        "`{field}` begins with `{SEALED}` but was not sealed here, or has been changed. Send it back \
         as it came, or leave the block out."
    );
    Rejection::invalid(message)
        .with_param(field)
        .with_code(FORGED)
}

/// Where a sealed text stands, in whichever alphabet.
fn place(value: &Value, sealed: &str) -> Option<String> {
    let below = |path: String, rest: String| match rest.starts_with(['[', '.']) || rest.is_empty() {
        true => path + &rest,
        false => format!("{path}.{rest}"),
    };
    match value {
        Value::String(text) => {
            (text.replace('+', "-").replace('/', "_") == sealed).then(String::new)
        }
        Value::Array(items) => items.iter().enumerate().find_map(|(at, item)| {
            let rest = place(item, sealed)?;
            Some(below(format!("[{at}]"), rest))
        }),
        Value::Object(fields) => fields.iter().find_map(|(key, item)| {
            let rest = place(item, sealed)?;
            Some(below(key.clone(), rest))
        }),
        _ => None,
    }
}
