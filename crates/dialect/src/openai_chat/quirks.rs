//! Edits that make a client's own body fit a provider, without decoding it.

use weir_model::{Losses, Operation, Quirks};

use crate::Head;
use crate::json::splice::Splices;
use crate::json::{scan, write};

/// Why a field that the provider refuses was left out.
pub(super) const REFUSED: &str = "the provider does not accept this field";

/// Whether the provider refuses a top-level field, by its standard name.
pub(super) fn drops(quirks: &Quirks, field: &str) -> bool {
    quirks.drop.iter().any(|dropped| dropped == field)
}

/// The provider's name of a top-level field.
pub(super) fn renamed<'q>(quirks: &'q Quirks, field: &str) -> Option<&'q str> {
    let renaming = quirks.rename.iter().find(|(standard, _)| standard == field);
    renaming.map(|(_, theirs)| theirs.as_str())
}

/// The model's name in every body; in chats and completions also usage asked for, and the
/// provider's quirks.
pub(super) fn native_edits(
    operation: Operation,
    head: &Head<'_>,
    upstream_model: &str,
    quirks: &Quirks,
) -> (Splices, Losses) {
    let mut edits = Splices::default();
    let mut losses = Losses::default();
    if head.model != upstream_model && !drops(quirks, "model") {
        edits.replace(head.model_span.clone(), write::string(upstream_model));
    }
    if !matches!(operation, Operation::Chat | Operation::Completion) {
        return (edits, losses);
    }
    if head.stream && !head.stream_usage && !drops(quirks, "stream_options") {
        ask_for_usage(head, quirks, &mut edits);
    }
    let fields = &head.fields.fields;
    let name = |index: usize| {
        let key = &head.body[fields[index].key.clone()];
        std::str::from_utf8(key).unwrap_or_default()
    };
    let mut gone = vec![false; fields.len()];
    for (index, field) in fields.iter().enumerate() {
        let theirs = renamed(quirks, name(index));
        if drops(quirks, name(index)) {
            gone[index] = true;
            losses.add(name(index), REFUSED);
        } else if theirs.is_some_and(|theirs| head.fields.find(head.body, theirs).is_some()) {
            gone[index] = true;
            losses.add(name(index), "given under the provider's own name as well");
        } else if let Some(theirs) = theirs {
            edits.replace(field.key.clone(), theirs);
        }
    }
    edits.remove_fields(&head.fields, |index| gone[index]);
    (edits, losses)
}

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
