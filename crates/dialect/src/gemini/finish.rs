//! Why answers end: Google's words and ours.
//! <https://ai.google.dev/api/generate-content#FinishReason>

use weir_model::{Finish, FinishReason};

/// Google's words, and ours. The first of each of ours is how we say it.
const WORDS: [(&str, FinishReason); 17] = [
    ("STOP", FinishReason::Stop),
    ("MAX_TOKENS", FinishReason::Length),
    ("SAFETY", FinishReason::ContentFilter),
    ("RECITATION", FinishReason::ContentFilter),
    ("BLOCKLIST", FinishReason::ContentFilter),
    ("PROHIBITED_CONTENT", FinishReason::ContentFilter),
    ("SPII", FinishReason::ContentFilter),
    ("MODEL_ARMOR", FinishReason::ContentFilter),
    ("JAILBREAK", FinishReason::ContentFilter),
    ("IMAGE_SAFETY", FinishReason::ContentFilter),
    ("IMAGE_PROHIBITED_CONTENT", FinishReason::ContentFilter),
    ("IMAGE_RECITATION", FinishReason::ContentFilter),
    ("OTHER", FinishReason::Other),
    ("LANGUAGE", FinishReason::Other),
    ("MALFORMED_FUNCTION_CALL", FinishReason::Other),
    ("UNEXPECTED_TOOL_CALL", FinishReason::Other),
    ("TOO_MANY_TOOL_CALLS", FinishReason::Other),
];

/// Reads Google's word. `called` says whether the answer holds a tool call: those end with `STOP`.
pub(super) fn read(native: &str, called: bool) -> Finish {
    let known = WORDS.iter().find(|(word, _)| *word == native);
    let reason = match known.map_or(FinishReason::Other, |(_, reason)| *reason) {
        FinishReason::Stop if called => FinishReason::ToolCalls,
        reason => reason,
    };
    Finish {
        reason,
        native: Some(native.to_owned()),
        stop_sequence: None,
    }
}

/// Google's word; its own where it is one.
pub(super) fn word(finish: &Finish) -> &'static str {
    let reason = match finish.reason {
        FinishReason::ToolCalls | FinishReason::Pause => FinishReason::Stop,
        FinishReason::Refusal => FinishReason::ContentFilter,
        FinishReason::ContextWindow => FinishReason::Length,
        reason => reason,
    };
    let native = finish.native.as_deref();
    let ours = || WORDS.iter().filter(|(_, ours)| *ours == reason);
    let same = ours().find(|(word, _)| native == Some(*word));
    same.or(ours().next()).map_or("OTHER", |(word, _)| word)
}
