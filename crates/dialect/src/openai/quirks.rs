//! How a provider departs from its dialect, in names of top-level fields.

use weir_model::{Losses, Quirks};

use crate::Head;
use crate::json::splice::Splices;
use crate::json::write;

/// Why a field that the provider refuses was left out.
pub(crate) const REFUSED: &str = "the provider does not accept this field";

/// Whether the provider refuses a top-level field, by its standard name.
pub(crate) fn drops(quirks: &Quirks, field: &str) -> bool {
    quirks.drop.iter().any(|dropped| dropped == field)
}

/// The provider's name of a top-level field.
pub(crate) fn renamed<'q>(quirks: &'q Quirks, field: &str) -> Option<&'q str> {
    let renaming = quirks.rename.iter().find(|(standard, _)| standard == field);
    renaming.map(|(_, theirs)| theirs.as_str())
}

/// Puts the target's name of the model into a client's own body.
pub(crate) fn edit_model(
    head: &Head<'_>,
    upstream_model: &str,
    quirks: &Quirks,
    edits: &mut Splices,
) {
    if head.model == upstream_model || drops(quirks, "model") {
        return;
    }
    if head.model_span.is_empty() {
        let name = String::from_utf8(write::string(upstream_model)).unwrap_or_default();
        edits.append_field(&head.fields, &format!("\"model\":{name}"));
    } else {
        edits.replace(head.model_span.clone(), write::string(upstream_model));
    }
}

/// Takes out of a client's own body what the provider refuses, and renames what it names otherwise.
pub(crate) fn edit_fields(head: &Head<'_>, quirks: &Quirks, edits: &mut Splices) -> Losses {
    let mut losses = Losses::default();
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
    losses
}
