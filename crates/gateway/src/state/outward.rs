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
                    Opened::Reasoning => self.think(*choice, String::new(), None),
                    Opened::RedactedReasoning { data } => {
                        self.redacted(*choice, data);
                    }
                    Opened::ToolCall { id, .. } => self.call(*choice, id),
                    Opened::Text | Opened::Refusal | Opened::Opaque { .. } => self.speak(*choice),
                },
                Event::Delta { choice, delta, .. } => match delta {
                    Delta::Reasoning(more) => self.grow(*choice, more, None),
                    Delta::Signature(proof) => {
                        self.grow(*choice, "", Some(proof));
                        *proof = self.seal(Proof::Signature(std::mem::take(proof)));
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
                        self.think(choice, text.clone(), signature.as_ref());
                        if let Some(proof) = signature {
                            *proof = self.seal(Proof::Signature(std::mem::take(proof)));
                        }
                    }
                    Content::RedactedReasoning { data } => self.redacted(choice, data),
                    Content::ToolCall(call) => self.call(choice, &mut call.id),
                    _ => self.speak(choice),
                }
            }
        }
    }

    fn seal(&self, proof: Proof) -> String {
        self.sealer.seal(&self.origin, proof).unwrap_or_default()
    }

    fn redacted(&mut self, choice: u32, data: &mut String) {
        let proof = Proof::Redacted(std::mem::take(data));
        self.push(choice, String::new(), Some(proof.clone()));
        *data = self.seal(proof);
    }

    fn think(&mut self, choice: u32, text: String, signature: Option<&String>) {
        self.push(choice, text, signature.cloned().map(Proof::Signature));
    }

    fn push(&mut self, choice: u32, text: String, proof: Option<Proof>) {
        let Some(telling) = self.telling(choice) else {
            return;
        };
        telling.bytes += text.len() + proof.as_ref().map_or(0, Proof::len);
        telling.thoughts.push(Thought {
            after_text: telling.spoke,
            text,
            proof,
        });
    }

    /// More of the thought that is told.
    fn grow(&mut self, choice: u32, more: &str, proof: Option<&String>) {
        let most = self.most;
        let Some(telling) = self.telling(choice) else {
            return;
        };
        telling.bytes += more.len() + proof.map_or(0, String::len);
        if telling.bytes > most {
            // It will not be kept, and need not be remembered.
            return telling.thoughts.iter_mut().for_each(|t| t.text.clear());
        }
        let Some(thought) = telling.thoughts.last_mut() else {
            return;
        };
        thought.text.push_str(more);
        match (&mut thought.proof, proof) {
            (Some(Proof::Signature(all)), Some(more)) => all.push_str(more),
            (unproved @ None, Some(proof)) => *unproved = Some(Proof::Signature(proof.clone())),
            _ => {}
        }
    }

    fn speak(&mut self, choice: u32) {
        if let Some(telling) = self.telling(choice) {
            telling.spoke = true;
        }
    }

    /// A tool call: what was thought before it is kept under its id, which then says so.
    fn call(&mut self, choice: u32, id: &mut String) {
        let told = self.telling(choice).map(std::mem::take).unwrap_or_default();
        let wanted = |t: &Thought| t.proof.is_some() || (self.unsigned && !t.text.is_empty());
        if !told.thoughts.iter().any(wanted) {
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
        if told.bytes <= self.most
            && let Ok(bytes) = serde_json::to_vec(&entry)
        {
            // Where there is no room, the id still says that something is missing.
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
