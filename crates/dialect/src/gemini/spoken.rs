//! The parts that a turn of the model becomes, with every signature of Google's where it stood.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::signature::{Place, own};
use super::wire::{Own, Part};

/// The parts of one turn so far.
#[derive(Debug, Default)]
pub(super) struct Spoken<'a> {
    parts: Vec<Part<'a>>,
    /// Signatures that wait for the calls that they stood on.
    waiting: VecDeque<&'a str>,
}

impl<'a> Spoken<'a> {
    pub(super) fn push(&mut self, part: impl Into<Part<'a>>) {
        self.parts.push(part.into());
    }

    /// What was thought. `foreign` is what stands for a signature of another vendor's, if anything.
    pub(super) fn thought(
        &mut self,
        text: &'a str,
        signature: Option<&'a str>,
        foreign: Option<String>,
    ) {
        let own = signature.and_then(own);
        let on_it = match own {
            Some((Place::Thought, proof)) => Some(Cow::Borrowed(proof)),
            _ => foreign.map(Cow::Owned),
        };
        match self.parts.last_mut() {
            // Streams cut thoughts anywhere: up to a signature, they are one.
            Some(Part::Own(open)) if open.thought && open.thought_signature.is_none() => {
                open.text.get_or_insert_default().to_mut().push_str(text);
                open.thought_signature = on_it;
            }
            _ if !text.is_empty() || on_it.is_some() => {
                self.push(Own::thought(text).signed(on_it));
            }
            _ => {}
        }
        match own {
            Some((Place::Call, proof)) => self.waiting.push_back(proof),
            Some((Place::Text, proof)) => self.sign(proof),
            Some((Place::Thought, _)) | None => {}
        }
    }

    /// A call, with the signature that waited for one.
    pub(super) fn call(&mut self, call: Own<'a>) {
        let signature = self.waiting.pop_front().map(Cow::Borrowed);
        self.push(call.signed(signature));
    }

    /// The parts; a signature whose call never came signs the end.
    pub(super) fn finish(mut self) -> Vec<Part<'a>> {
        for lonely in std::mem::take(&mut self.waiting) {
            self.sign(lonely);
        }
        self.parts
    }

    /// Signs what was said last, or nothing.
    fn sign(&mut self, proof: &'a str) {
        match self.parts.last_mut() {
            Some(Part::Own(part)) if !part.thought && part.thought_signature.is_none() => {
                part.thought_signature = Some(proof.into());
            }
            _ => self.push(Own::text("").signed(Some(proof.into()))),
        }
    }
}
