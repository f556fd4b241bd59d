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
        join(&mut self.parts, part.into());
    }

    /// What was thought, with the proof of it, that of another vendor too where `foreign` is taken.
    pub(super) fn thought(&mut self, text: &'a str, signature: Option<&'a str>, foreign: bool) {
        let own = signature.and_then(own);
        let on_it = match own {
            Some((Place::Thought, proof)) => Some(Cow::Borrowed(proof)),
            Some(_) => None,
            None => signature.filter(|_| foreign).map(Cow::Borrowed),
        };
        if !text.is_empty() || on_it.is_some() {
            self.push(Own::thought(text).signed(on_it));
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
        self.push(Own::text("").signed(Some(proof.into())));
    }
}

/// Adds a part. Streams cut thoughts anywhere, so up to a signature they are one; and a signature on
/// nothing is that of what was said before it.
pub(super) fn join<'a>(parts: &mut Vec<Part<'a>>, part: Part<'a>) {
    match (parts.last_mut(), part) {
        (Some(Part::Own(open)), Part::Own(more))
            if open.thought && more.thought && open.thought_signature.is_none() =>
        {
            let words = open.text.get_or_insert_default().to_mut();
            words.push_str(more.text.as_deref().unwrap_or_default());
            open.thought_signature = more.thought_signature;
        }
        (Some(Part::Own(said)), Part::Own(mut more))
            if !said.thought && said.thought_signature.is_none() && more.is_only_signed() =>
        {
            said.thought_signature = more.thought_signature.take();
        }
        (_, part) => parts.push(part),
    }
}
