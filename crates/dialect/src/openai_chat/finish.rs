//! Why answers end: the vendors' words and ours.

use weir_model::{Finish, FinishReason};

/// Reads a vendor's word. `called` says whether the answer holds a tool call: several vendors end
/// such answers with `stop`, which clients would take for the end of the turn.
pub(super) fn read(native: &str, called: bool) -> Finish {
    let reason = match native {
        // The last three are Together's, TGI's and some shims' words for the end of the text.
        "stop" | "eos" | "eos_token" | "stop_sequence" | "end_turn" if called => {
            FinishReason::ToolCalls
        }
        "stop" | "eos" | "eos_token" | "stop_sequence" | "end_turn" => FinishReason::Stop,
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    };
    Finish {
        reason,
        native: Some(native.to_owned()),
        stop_sequence: None,
    }
}

/// OpenAI's word, and whether it says all that ours does.
pub(super) fn word(reason: FinishReason) -> (&'static str, bool) {
    match reason {
        FinishReason::Stop => ("stop", true),
        FinishReason::Length => ("length", true),
        FinishReason::ToolCalls => ("tool_calls", true),
        FinishReason::ContentFilter => ("content_filter", true),
        FinishReason::Refusal => ("content_filter", false),
        FinishReason::ContextWindow => ("length", false),
        FinishReason::Pause | FinishReason::Other => ("stop", false),
    }
}
