//! Thinking and the bound of the answer: <https://ai.google.dev/gemini-api/docs/thinking>.

use serde::Serialize;
use weir_model::{Capabilities, Effort, Losses, ReasoningControl, Request};

use super::super::wire::is_newer;

/// `thinkingConfig`.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Thinking {
    #[serde(skip_serializing_if = "Option::is_none")]
    include_thoughts: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
}

/// The bound, which holds what is thought as well.
pub(super) fn max_tokens(
    request: &Request,
    capabilities: &Capabilities,
    losses: &mut Losses,
) -> Option<u64> {
    let wanted = request.max_output_tokens?;
    match capabilities.max_output_tokens {
        Some(most) if wanted > most => {
            let reason = "lowered to the most that the model gives";
            losses.add("max_output_tokens", reason);
            Some(most)
        }
        _ => Some(wanted),
    }
}

/// How the model is to think.
pub(super) fn think(
    request: &Request,
    capabilities: &Capabilities,
    losses: &mut Losses,
) -> Option<Thinking> {
    let asked = request.reasoning.as_ref()?;
    let off = asked.enabled == Some(false) || asked.effort == Some(Effort::None);
    if capabilities.reasoning == ReasoningControl::None {
        if !off {
            losses.add("reasoning", "the model does not think");
        }
        return None;
    }
    let by_level = match capabilities.reasoning {
        ReasoningControl::Budget => false,
        ReasoningControl::Unknown | ReasoningControl::None => is_newer(&request.model),
        ReasoningControl::Adaptive | ReasoningControl::Effort => true,
    };
    if off {
        return Some(little(&request.model, by_level, losses));
    }
    let shown = match asked.display.as_deref() {
        Some("omitted") => Some(false),
        Some(_) => Some(true),
        // Who asks for thinking wants to see it, as of vendors that show it unasked.
        None => {
            let asks = asked.enabled.is_some() || asked.effort.is_some();
            (asks || asked.budget_tokens.is_some()).then_some(true)
        }
    };
    let mut thinking = Thinking {
        include_thoughts: shown,
        thinking_budget: asked
            .budget_tokens
            .and_then(|budget| i64::try_from(budget).ok()),
        thinking_level: None,
    };
    match asked.effort {
        Some(_) if thinking.thinking_budget.is_some() => {
            losses.add("reasoning.effort", "the budget says it");
        }
        Some(effort) if by_level => thinking.thinking_level = Some(level(effort, losses)),
        Some(effort) => thinking.thinking_budget = Some(budget(effort)),
        None => {}
    }
    // On its own, this is how the model is told to decide.
    let decides = asked.enabled == Some(true) && asked.effort.is_none();
    if decides && thinking.thinking_budget.is_none() {
        thinking.thinking_budget = Some(-1);
    }
    let says = thinking.include_thoughts.is_some()
        || thinking.thinking_budget.is_some()
        || thinking.thinking_level.is_some();
    says.then_some(thinking)
}

/// As little as the model can: not all can do without.
fn little(model: &str, by_level: bool, losses: &mut Losses) -> Thinking {
    let is_pro = model.contains("pro");
    let (thinking_budget, thinking_level) = match (by_level, is_pro) {
        (true, true) => (None, Some("LOW")),
        (true, false) => (None, Some("MINIMAL")),
        (false, true) => (Some(128), None),
        (false, false) => (Some(0), None),
    };
    let thinks = thinking_budget != Some(0);
    if thinks {
        losses.add(
            "reasoning",
            "the model cannot do without: it thinks a little",
        );
    }
    Thinking {
        include_thoughts: thinks.then_some(false),
        thinking_budget,
        thinking_level,
    }
}

fn level(effort: Effort, losses: &mut Losses) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal => "MINIMAL",
        Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High => "HIGH",
        Effort::XHigh | Effort::Max => {
            losses.add("reasoning.effort", "HIGH is the most that Gemini takes");
            "HIGH"
        }
    }
}

/// Tokens to think with, by effort, as Google itself translates OpenAI's words:
/// <https://ai.google.dev/gemini-api/docs/openai#thinking>
fn budget(effort: Effort) -> i64 {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => 1024,
        Effort::Medium => 8192,
        Effort::High | Effort::XHigh | Effort::Max => 24_576,
    }
}
