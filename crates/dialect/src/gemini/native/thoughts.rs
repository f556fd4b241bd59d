//! Sealed proofs, as a client holds them from an answer of another vendor: Google refuses them, so they
//! are taken out, and what newer models miss then is excused. Google's own are never judged.
//! <https://ai.google.dev/gemini-api/docs/thought-signatures>

use std::ops::Range;

use weir_model::{Losses, SEALED};

use super::super::signature::SKIP;
use super::super::wire::is_newer;
use super::either;
use crate::Head;
use crate::json::scan;
use crate::json::splice::Splices;

/// Takes sealed proofs out of the conversation, and the thoughts that they prove.
pub(super) fn drop_sealed(
    head: &Head<'_>,
    upstream_model: &str,
    splices: &mut Splices,
    losses: &mut Losses,
) {
    let body = head.body;
    let Some(contents) = head.fields.find(body, "contents") else {
        return;
    };
    if !holds_sealed(body, &contents.value) {
        return;
    }
    let mut inside = Splices::default();
    let turns = scan::elements(body, contents.value.clone()).enumerate();
    splices.remove(turns.map(|(at, place)| {
        let gone = holds_sealed(body, &place)
            && trim(
                (body, place.clone(), at),
                is_newer(upstream_model),
                &mut inside,
                losses,
            );
        (place, gone)
    }));
    splices.extend(inside);
}

/// Whether a sealed proof stands somewhere as a value. In a text its quote would be escaped.
fn holds_sealed(body: &[u8], place: &Range<usize>) -> bool {
    let sealed = format!("\"{SEALED}");
    memchr::memmem::find(&body[place.clone()], sealed.as_bytes()).is_some()
}

/// Trims one turn. True when nothing is left of it.
fn trim(
    (body, place, at): (&[u8], Range<usize>, usize),
    newer: bool,
    inside: &mut Splices,
    losses: &mut Losses,
) -> bool {
    let turn = scan::object_in(body, place).unwrap_or_default();
    let Some(parts) = turn.find(body, "parts") else {
        return false;
    };
    let (mut edits, mut excuses) = (Splices::default(), Splices::default());
    let (mut left, mut calls) = (0, 0);
    let all = scan::elements(body, parts.value.clone()).enumerate();
    edits.remove(all.map(|(index, place)| {
        let part = scan::object_in(body, place.clone()).unwrap_or_default();
        let proof = either(body, &part, "thoughtSignature", "thought_signature");
        let is_call = either(body, &part, "functionCall", "function_call").is_some();
        let sealed = proof.filter(|proof| holds_sealed(body, &proof.value));
        if sealed.is_some() {
            let reason = "only the vendor that thought it takes it back";
            losses.add(format!("contents[{at}].parts[{index}]"), reason);
        }
        if is_call {
            calls += 1;
            let skip = format!("\"{SKIP}\"");
            match (sealed, proof) {
                (Some(sealed), _) => excuses.replace(sealed.value.clone(), skip),
                (None, None) if newer && calls == 1 => {
                    excuses.append_field(&part, &format!("\"thoughtSignature\":{skip}"));
                }
                (None, _) => {}
            }
        }
        let gone = sealed.is_some() && !is_call;
        left += usize::from(!gone);
        (place, gone)
    }));
    if left > 0 {
        inside.extend(edits);
        inside.extend(excuses);
    }
    left == 0
}
