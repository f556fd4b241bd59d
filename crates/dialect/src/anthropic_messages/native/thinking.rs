//! Thinking without a signature, as a client holds it from an answer of another vendor: where
//! signatures are verified, such a block has the whole request refused, so it is taken out, as is one
//! whose proof names another vendor. Others are never judged: only their vendor can tell.
//! <https://platform.claude.com/docs/en/build-with-claude/thinking#preserving-thinking-blocks>

use std::ops::Range;

use weir_model::{Losses, Quirks, is_sealed};

use crate::Head;
use crate::json::scan::{self, TopLevel};
use crate::json::splice::Splices;

/// Takes unsigned thinking out of the model's turns. A turn that holds nothing else goes as a
/// whole: the vendor refuses empty ones, and joins the turns of the user around it.
pub(super) fn drop_unsigned(
    head: &Head<'_>,
    quirks: &Quirks,
    splices: &mut Splices,
    losses: &mut Losses,
) {
    let body = head.body;
    let Some(messages) = head.fields.find(body, "messages") else {
        return;
    };
    if !holds_thinking(body, &messages.value) {
        return;
    }
    let mut inside = Splices::default();
    // Whether tools are being answered whose turn no longer begins with thinking.
    let mut unthinking = false;
    let turns = scan::elements(body, messages.value.clone()).enumerate();
    splices.remove(turns.map(|(at, place)| {
        let mut gone = false;
        if (unthinking || holds_thinking(body, &place))
            && let Some(turn) = Turn::trim(body, place.clone(), at, losses)
        {
            unthinking = turn.unthinking();
            gone = turn.is_gone();
            if gone {
                losses.add(format!("messages[{at}]"), "nothing is left in it");
            } else {
                inside.extend(turn.edits);
            }
        }
        (place, gone)
    }));
    splices.extend(inside);
    if unthinking && !quirks.drop.iter().any(|field| field == "thinking") {
        stop_thinking(head, splices, losses);
    }
}

/// Whether `"thinking"` or `"redacted_thinking"` stands somewhere as a value, such as the type of a
/// block. In a text its quotes would be escaped.
fn holds_thinking(body: &[u8], place: &Range<usize>) -> bool {
    let body = &body[place.clone()];
    memchr::memmem::find_iter(body, br#"thinking""#).any(|at| {
        let before = &body[..at];
        let before = before.strip_suffix(b"redacted_").unwrap_or(before);
        let key = before.strip_suffix(b"\"");
        key.is_some_and(|key| key.trim_ascii_end().ends_with(b":"))
    })
}

/// By a budget, the vendor thinks only where the turn that called the tools began with thinking.
fn stop_thinking(head: &Head<'_>, splices: &mut Splices, losses: &mut Losses) {
    let Some(field) = head.fields.find(head.body, "thinking") else {
        return;
    };
    let asked = scan::object_in(head.body, field.value.clone());
    if asked.is_some_and(|asked| is(head.body, &asked, "type", "enabled")) {
        splices.replace(field.value.clone(), r#"{"type":"disabled"}"#);
        let reason = "the last tool call has no signed thinking to go on from";
        losses.add("thinking", reason);
    }
}

/// A turn of the model without its unsigned thinking.
#[derive(Default)]
struct Turn {
    edits: Splices,
    /// How many blocks are left.
    left: usize,
    /// Whether the first of them is thinking.
    thinks: bool,
    /// Whether tools are called.
    calls: bool,
}

impl Turn {
    /// `None` for a message of somebody else.
    fn trim(body: &[u8], place: Range<usize>, at: usize, losses: &mut Losses) -> Option<Turn> {
        let message = scan::object_in(body, place)?;
        if !is(body, &message, "role", "assistant") {
            return None;
        }
        let content = message.find(body, "content")?.value.clone();
        let (mut edits, mut turn) = (Splices::default(), Turn::default());
        let blocks = scan::elements(body, content).enumerate();
        edits.remove(blocks.map(|(index, place)| {
            let block = scan::object_in(body, place.clone()).unwrap_or_default();
            let thinks = is(body, &block, "type", "thinking");
            let redacted = is(body, &block, "type", "redacted_thinking");
            let gone = thinks && is_unsigned(body, &block)
                || redacted && is_foreign(block.get(body, "data"));
            if gone {
                let reason = "thinking without a signature cannot be sent back";
                losses.add(format!("messages[{at}].content[{index}]"), reason);
            } else {
                turn.thinks |= turn.left == 0 && (thinks || redacted);
                turn.calls |= is(body, &block, "type", "tool_use");
                turn.left += 1;
            }
            (place, gone)
        }));
        turn.edits = edits;
        Some(turn)
    }

    fn is_gone(&self) -> bool {
        self.left == 0 && !self.edits.is_empty()
    }

    fn unthinking(&self) -> bool {
        self.calls && !self.thinks && !self.edits.is_empty()
    }
}

fn is_unsigned(body: &[u8], block: &TopLevel) -> bool {
    let signature = block.get(body, "signature");
    signature.is_none_or(|raw| matches!(raw, br#""""# | b"null")) || is_foreign(signature)
}

/// Whether a proof is another vendor's: only theirs are sealed for these clients.
fn is_foreign(proof: Option<&[u8]>) -> bool {
    let proof = proof.and_then(scan::string);
    proof.is_some_and(|proof| is_sealed(&proof))
}

/// Whether a field holds this word.
fn is(body: &[u8], object: &TopLevel, key: &str, word: &str) -> bool {
    let raw = object.get(body, key);
    raw.and_then(scan::string).is_some_and(|text| text == word)
}
