//! Edits that make a client's own body fit a provider, without decoding it.

use std::ops::Range;

use weir_model::{Losses, Operation, Quirks};

use super::call_ids;
use crate::Head;
use crate::json::scan;
use crate::json::splice::Splices;
use crate::openai::quirks::{REFUSED, drops, edit_fields, edit_model, renamed};

/// The model's name in every body; in chats and completions also usage asked for, and the
/// provider's quirks.
pub(super) fn native_edits(
    operation: Operation,
    head: &Head<'_>,
    upstream_model: &str,
    quirks: &Quirks,
) -> (Splices, Losses) {
    let mut edits = Splices::default();
    edit_model(head, upstream_model, quirks, &mut edits);
    if !matches!(operation, Operation::Chat | Operation::Completion) {
        return (edits, Losses::default());
    }
    if head.stream && !head.stream_usage && !drops(quirks, "stream_options") {
        ask_for_usage(head, quirks, &mut edits);
    }
    let mut losses = edit_fields(head, quirks, &mut edits);
    if quirks.refuses_reasoning {
        drop_reasoning(head, quirks, &mut edits, &mut losses);
    }
    if let Some(messages) = head.fields.find(head.body, "messages") {
        call_ids::replace(head.body, messages.value.clone(), quirks, &mut edits);
    }
    (edits, losses)
}

/// Takes out of the messages the reasoning that a client holds from an answer of another vendor, in
/// fields that this one refuses.
fn drop_reasoning(head: &Head<'_>, quirks: &Quirks, edits: &mut Splices, losses: &mut Losses) {
    let body = head.body;
    // In a text the quotes would be escaped.
    let holds = |place: &Range<usize>| {
        memchr::memmem::find(&body[place.clone()], br#""reasoning"#).is_some()
    };
    let Some(messages) = head.fields.find(body, "messages").map(|m| m.value.clone()) else {
        return;
    };
    if !holds(&messages) {
        return;
    }
    for (at, place) in scan::elements(body, messages).enumerate() {
        if !holds(&place) {
            continue;
        }
        let Some(message) = scan::object_in(body, place) else {
            continue;
        };
        let foreign = |field: usize| {
            let key = &body[message.fields[field].key.clone()];
            let theirs = quirks.reasoning_field.as_deref().map(str::as_bytes);
            REASONING.contains(&key) && theirs != Some(key)
        };
        edits.remove_fields(&message, foreign);
        for field in (0..message.fields.len()).filter(|field| foreign(*field)) {
            let key = String::from_utf8_lossy(&body[message.fields[field].key.clone()]);
            losses.add(format!("messages[{at}].{key}"), REFUSED);
        }
    }
}

/// The fields in which vendors show reasoning beside the text of a message.
const REASONING: [&[u8]; 3] = [b"reasoning_content", b"reasoning", b"reasoning_details"];

/// Sets `stream_options.include_usage`, and keeps the other options that the client gave.
fn ask_for_usage(head: &Head<'_>, quirks: &Quirks, edits: &mut Splices) {
    let Some(span) = head.fields.find(head.body, "stream_options") else {
        let name = renamed(quirks, "stream_options").unwrap_or("stream_options");
        let field = format!("\"{name}\":{{\"include_usage\":true}}");
        return edits.append_field(&head.fields, &field);
    };
    let given = &head.body[span.value.clone()];
    let Some(options) = scan::top_level_of_answer(given) else {
        return edits.replace(span.value.clone(), r#"{"include_usage":true}"#);
    };
    let at = |place: usize| span.value.start + place;
    if let Some(flag) = options.find(given, "include_usage") {
        edits.replace(at(flag.value.start)..at(flag.value.end), "true");
    } else {
        let comma = if options.fields.is_empty() { "" } else { "," };
        let flag = format!("{comma}\"include_usage\":true");
        edits.replace(at(options.end)..at(options.end), flag);
    }
}
