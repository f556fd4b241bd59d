//! Why answers end: the words of `status` and `incomplete_details`, and ours.

use weir_model::{Finish, FinishReason};

/// Reads how an answer ended. `called` says whether it holds a tool call for the client to run. A
/// server that gives no status is taken to be done.
pub(super) fn read(status: &str, incomplete: &str, called: bool) -> Finish {
    let (reason, native) = match (status, incomplete) {
        ("" | "completed", _) if called => (FinishReason::ToolCalls, status),
        ("" | "completed", _) => (FinishReason::Stop, status),
        ("incomplete", "max_output_tokens") => (FinishReason::Length, incomplete),
        ("incomplete", "content_filter") => (FinishReason::ContentFilter, incomplete),
        ("incomplete", "") => (FinishReason::Other, status),
        ("incomplete", other) => (FinishReason::Other, other),
        (other, _) => (FinishReason::Other, other),
    };
    Finish {
        reason,
        native: (!native.is_empty()).then(|| native.to_owned()),
        stop_sequence: None,
    }
}

/// How OpenAI says it.
pub(super) struct Words {
    pub(super) status: &'static str,
    /// The reason of an incomplete answer.
    pub(super) incomplete: Option<&'static str>,
    /// Whether that says all that ours does.
    pub(super) whole: bool,
}

/// OpenAI's words for ours.
pub(super) fn words(reason: FinishReason) -> Words {
    let (incomplete, whole) = match reason {
        FinishReason::Stop | FinishReason::ToolCalls => (None, true),
        FinishReason::Length => (Some("max_output_tokens"), true),
        FinishReason::ContentFilter => (Some("content_filter"), true),
        FinishReason::Refusal => (Some("content_filter"), false),
        FinishReason::ContextWindow => (Some("max_output_tokens"), false),
        FinishReason::Pause | FinishReason::Other => (None, false),
    };
    let status = match incomplete {
        Some(_) => "incomplete",
        None => "completed",
    };
    Words {
        status,
        incomplete,
        whole,
    }
}
