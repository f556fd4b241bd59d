//! A conversation that is too long, told to clients in the words by which they know it, and shorten
//! the conversation: half of them look for those rather than for a code.

use std::borrow::Cow;

use weir_model::{Kind, Rejection};

/// The message for a client that looks for `mark`. One without it is led by `lead`, which has it.
pub(crate) fn told<'a>(rejection: &'a Rejection, mark: &str, lead: &str) -> Cow<'a, str> {
    debug_assert!(lead.contains(mark));
    let said = &*rejection.message;
    if rejection.kind != Kind::ContextLength || said.contains(mark) {
        return said.into();
    }
    format!("{lead}: {said}").into()
}
