//! On the way out of a translated answer: proofs are sealed, what belongs to a tool call is kept, and
//! ids are made portable.

use std::sync::Arc;
use std::time::Duration;

use weir_model::{Content, Delta, Dialect, Event, KEPT, Opened, Response};
use weir_store::{Kept, Piece};

use super::{Entry, KIND, Origin, Proof, Sealer, Thought, ids};
use crate::call::Call;
use crate::worker::Shared;
use crate::world::{Deployment, World};

/// Sees one answer before its encoder does.
pub(crate) struct Outward {
    sealer: Sealer,
    kept: Kept,
    origin: Origin,
    seed: u128,
    /// How long to keep what belongs to a tool call; zero where the client itself sends it back.
    ttl: Duration,
    /// The most bytes of it.
    most: usize,
    /// Whether the provider wants reasoning back that it has not signed.
    unsigned: bool,
    choices: Vec<Telling>,
}

/// What one choice has told since its last tool call.
#[derive(Default)]
struct Telling {
    choice: u32,
    thoughts: Vec<Thought>,
    bytes: usize,
    spoke: bool,
}

impl Outward {
    pub(crate) fn new(
        shared: &Shared,
        world: &World,
        call: &Call,
        deployment: &Deployment,
        dialect: Dialect,
    ) -> Outward {
        let ttl = match call.client().returns_proofs() {
            true => Duration::ZERO,
            false => world.state.ttl.duration(),
        };
        Outward {
            sealer: Sealer::new(&shared.cipher, &call.caller),
            kept: shared.kept.clone(),
            origin: Origin {
                deployment: Arc::clone(&deployment.name),
                dialect: dialect.name().into(),
            },
            seed: call.arrival.seed,
            ttl,
            most: usize::try_from(world.state.max_entry_bytes.0).unwrap_or(usize::MAX),
            unsigned: deployment.quirks.reasoning_field.is_some(),
            choices: Vec::new(),
        }
    }

    /// The events of a stream, in their order.
    pub(crate) fn events(&mut self, events: &mut [Event]) {
        for event in events {
            match event {
                Event::Open { choice, kind, .. } => match kind {
                    Opened::Reasoning => self.think(*choice, "", None),
                    Opened::RedactedReasoning { data } => self.redacted(*choice, data),
                    Opened::ToolCall { id, .. } => self.call(*choice, id),
                    Opened::Text | Opened::Refusal | Opened::Opaque { .. } => self.speak(*choice),
                },
                Event::Delta { choice, delta, .. } => match delta {
                    Delta::Reasoning(more) => self.grow(*choice, more, ""),
                    Delta::Signature(proof) => {
                        self.grow(*choice, "", proof);
                        self.sign(proof);
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }

    /// A whole answer.
    pub(crate) fn response(&mut self, response: &mut Response) {
        for (choice, answer) in (0u32..).zip(&mut response.choices) {
            for block in &mut answer.blocks {
                match &mut block.content {
                    Content::Reasoning { text, signature } => {
                        let proof = signature.clone().map(Proof::Signature);
                        self.think(choice, text, proof);
                        if let Some(proof) = signature {
                            self.sign(proof);
                        }
                    }
                    Content::RedactedReasoning { data } => self.redacted(choice, data),
                    Content::ToolCall(call) => self.call(choice, &mut call.id),
                    _ => self.speak(choice),
                }
            }
        }
    }

    /// Seals a signature in its place.
    fn sign(&self, proof: &mut String) {
        if !proof.is_empty() {
            *proof = self.seal(Proof::Signature(std::mem::take(proof)));
        }
    }

    fn seal(&self, proof: Proof) -> String {
        self.sealer.seal(&self.origin, proof).unwrap_or_default()
    }

    fn redacted(&mut self, choice: u32, data: &mut String) {
        let proof = Proof::Redacted(std::mem::take(data));
        self.think(choice, "", Some(proof.clone()));
        *data = self.seal(proof);
    }

    /// A thought begins.
    fn think(&mut self, choice: u32, text: &str, proof: Option<Proof>) {
        let bytes = text.len() + proof.as_ref().map_or(0, Proof::len);
        if let Some(telling) = self.more(choice, bytes) {
            telling.thoughts.push(Thought {
                after_text: telling.spoke,
                text: text.to_owned(),
                proof,
            });
        }
    }

    /// More of the thought that is told, or of its signature.
    fn grow(&mut self, choice: u32, text: &str, proof: &str) {
        let telling = self.more(choice, text.len() + proof.len());
        let Some(thought) = telling.and_then(|telling| telling.thoughts.last_mut()) else {
            return;
        };
        thought.text.push_str(text);
        match &mut thought.proof {
            _ if proof.is_empty() => {}
            Some(Proof::Signature(all) | Proof::Redacted(all)) => all.push_str(proof),
            unproved => *unproved = Some(Proof::Signature(proof.to_owned())),
        }
    }

    /// What a choice has told, which now grows; `None` where nothing is kept, or it is too much.
    fn more(&mut self, choice: u32, bytes: usize) -> Option<&mut Telling> {
        let most = self.most;
        let telling = self.telling(choice)?;
        telling.bytes = telling.bytes.saturating_add(bytes);
        if telling.bytes > most {
            telling.thoughts.clear();
            return None;
        }
        Some(telling)
    }

    fn speak(&mut self, choice: u32) {
        if let Some(telling) = self.telling(choice) {
            telling.spoke = true;
        }
    }

    /// A tool call: what was thought before it is kept under its id, which then says so.
    fn call(&mut self, choice: u32, id: &mut String) {
        let told = self.telling(choice).map(std::mem::take).unwrap_or_default();
        let too_much = told.bytes > self.most;
        let wanted = |t: &Thought| t.proof.is_some() || (self.unsigned && !t.text.is_empty());
        if !too_much && !told.thoughts.iter().any(wanted) {
            return ids::make_portable(id);
        }
        let base = ids::unique(id, self.seed);
        let entry = Entry {
            origin: self.origin.clone(),
            thoughts: told.thoughts,
        };
        let (tenant, kind) = (self.sealer.tenant(), KIND);
        let piece = Piece {
            tenant,
            kind,
            id: &base,
        };
        if !too_much && let Ok(bytes) = serde_json::to_vec(&entry) {
            // Where there is no room, the id says all the same that there was something.
            self.kept.put(piece, bytes.into(), self.ttl);
        }
        *id = base + KEPT;
    }

    /// What a choice has told; `None` where nothing is kept.
    fn telling(&mut self, choice: u32) -> Option<&mut Telling> {
        if self.ttl.is_zero() {
            return None;
        }
        let known = self.choices.iter().position(|t| t.choice == choice);
        let at = known.unwrap_or_else(|| {
            self.choices.push(Telling {
                choice,
                ..Telling::default()
            });
            self.choices.len() - 1
        });
        self.choices.get_mut(at)
    }
}

impl Proof {
    fn len(&self) -> usize {
        let (Proof::Signature(proof) | Proof::Redacted(proof)) = self;
        proof.len()
    }
}
