//! Why answers end: Cohere's words and ours. <https://docs.cohere.com/reference/chat>

use weir_model::{Finish, FinishReason, Kind, Rejection};

/// Reads Cohere's word. `called` says whether the answer holds a tool call.
///
/// # Errors
/// The failure that `ERROR` and `TIMEOUT` are, in the words of `error` where there are any.
pub(super) fn read(native: &str, called: bool, error: &str) -> Result<Finish, Rejection> {
    let failed = |kind, usual: &'static str| match error {
        "" => Rejection::upstream(kind, usual),
        said => Rejection::upstream(kind, said.to_owned()),
    };
    let reason = match native {
        "ERROR" => return Err(failed(Kind::UpstreamFailed, "Cohere broke off the answer.")),
        "TIMEOUT" => return Err(failed(Kind::Timeout, "Cohere took too long to answer.")),
        "COMPLETE" | "STOP_SEQUENCE" if called => FinishReason::ToolCalls,
        "COMPLETE" | "STOP_SEQUENCE" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "TOOL_CALL" => FinishReason::ToolCalls,
        // Words of the API before this one, which still mean something.
        "ERROR_TOXIC" => FinishReason::ContentFilter,
        "ERROR_LIMIT" => FinishReason::ContextWindow,
        _ => FinishReason::Other,
    };
    Ok(Finish {
        reason,
        native: Some(native.to_owned()),
        stop_sequence: None,
    })
}

/// Cohere's word, and whether it says all that ours does.
pub(super) fn word(finish: &Finish) -> (&'static str, bool) {
    match finish.reason {
        FinishReason::Stop if finish.stop_sequence.is_some() => ("STOP_SEQUENCE", false),
        FinishReason::Stop if finish.native.as_deref() == Some("STOP_SEQUENCE") => {
            ("STOP_SEQUENCE", true)
        }
        FinishReason::Stop => ("COMPLETE", true),
        FinishReason::Length => ("MAX_TOKENS", true),
        FinishReason::ToolCalls => ("TOOL_CALL", true),
        // `COMPLETE` would hide that something is missing.
        FinishReason::ContentFilter => ("ERROR_TOXIC", true),
        FinishReason::Refusal => ("ERROR_TOXIC", false),
        FinishReason::ContextWindow => ("MAX_TOKENS", false),
        FinishReason::Pause | FinishReason::Other => ("COMPLETE", false),
    }
}
