//! How hard to think, as a word.

use weir_model::{Effort, Reasoning, ReasoningControl};

/// The effort word, and the field that it was taken from. Budgets map by the thresholds that Google
/// documents for the same purpose: up to 1,024 tokens is low, up to 8,192 medium, more is high.
/// <https://ai.google.dev/gemini-api/docs/openai#thinking>
pub(crate) fn effort_of(
    reasoning: &Reasoning,
    control: ReasoningControl,
) -> Option<(&'static str, &'static str)> {
    if let Some(effort) = reasoning.effort {
        let word = match effort {
            Effort::None => "none",
            Effort::Minimal => "minimal",
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::XHigh => "xhigh",
            Effort::Max => "max",
        };
        return Some((word, "reasoning.effort"));
    }
    if reasoning.enabled == Some(false) {
        // A model that is not known to think would refuse the word, and needs none.
        let thinks = matches!(
            control,
            ReasoningControl::Effort | ReasoningControl::Adaptive
        );
        return thinks.then_some(("none", "reasoning.enabled"));
    }
    let word = match reasoning.budget_tokens? {
        0..=1024 => "low",
        1025..=8192 => "medium",
        _ => "high",
    };
    Some((word, "reasoning.budget_tokens"))
}
