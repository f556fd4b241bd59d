//! The native lane: the model's name, the provider's quirks (among them that it stores nothing), and
//! reasoning that another vendor has proved, which OpenAI would refuse. The rest of the body stays as it is.

use std::ops::Range;

use weir_model::{Losses, Quirks, SEALED};

use crate::Head;
use crate::json::scan;
use crate::json::splice::Splices;
use crate::openai::quirks::{drops, edit_fields, edit_model};

/// The edits that make a client's own body fit the target.
pub(super) fn edits(head: &Head<'_>, upstream_model: &str, quirks: &Quirks) -> (Splices, Losses) {
    let mut edits = Splices::default();
    edit_model(head, upstream_model, quirks, &mut edits);
    let mut losses = edit_fields(head, quirks, &mut edits);
    if quirks.keeps_no_responses
        && let Some(store) = head.fields.find(head.body, "store")
        && !drops(quirks, "store")
    {
        edits.replace(store.value.clone(), "false");
    }
    if let Some(input) = head.fields.find(head.body, "input")
        && !drops(quirks, "input")
    {
        drop_foreign(head.body, input.value.clone(), &mut edits, &mut losses);
    }
    (edits, losses)
}

fn drop_foreign(body: &[u8], input: Range<usize>, edits: &mut Splices, losses: &mut Losses) {
    let foreign = format!("\"{SEALED}");
    if memchr::memmem::find(&body[input.clone()], foreign.as_bytes()).is_none() {
        return;
    }
    let items = scan::elements(body, input).enumerate();
    edits.remove(items.map(|(at, place)| {
        let item = scan::object_in(body, place.clone()).unwrap_or_default();
        let proof = item.get(body, "encrypted_content");
        let gone = proof.is_some_and(|raw| raw.starts_with(foreign.as_bytes()));
        if gone {
            let reason = "OpenAI takes back only what it has encrypted itself";
            losses.add(format!("input[{at}]"), reason);
        }
        (place, gone)
    }));
}
