//! Thinking, the bound of the answer and the sampling parameters, which depend on each other:
//! <https://platform.claude.com/docs/en/build-with-claude/extended-thinking> and
//! <https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking>.

use serde::Serialize;
use weir_model::{Capabilities, Effort, Losses, Reasoning, ReasoningControl, Request};

/// Fewest tokens that may be thought with.
const LEAST_BUDGET: u64 = 1024;
/// The bound of an answer when neither the request nor the model has one.
const DEFAULT_MAX_TOKENS: u64 = 4096;

/// `thinking`.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thinking<'a> {
    Enabled {
        budget_tokens: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'a str>,
    },
    Adaptive {
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'a str>,
    },
    Disabled,
}

/// How the model is to think, and for how long it may answer.
#[derive(Debug)]
pub(super) struct Tuning<'a> {
    pub(super) thinking: Option<Thinking<'a>>,
    /// `output_config.effort`.
    pub(super) effort: Option<&'static str>,
    pub(super) max_tokens: u64,
}

impl Tuning<'_> {
    /// Whether the model may think.
    pub(super) fn thinks(&self) -> bool {
        matches!(
            self.thinking,
            Some(Thinking::Enabled { .. } | Thinking::Adaptive { .. })
        )
    }
}

/// Settles thinking and the bound. `unthinking` says that the conversation stands in a tool loop
/// whose turn lacks its thinking, which the vendor refuses with a budget.
pub(super) fn tune<'a>(
    request: &'a Request,
    capabilities: &Capabilities,
    unthinking: bool,
    losses: &mut Losses,
) -> Tuning<'a> {
    let mut tuning = Tuning {
        thinking: None,
        effort: None,
        max_tokens: max_tokens(request, capabilities, losses),
    };
    let asks =
        |r: &&Reasoning| r.enabled.is_some() || r.effort.is_some() || r.budget_tokens.is_some();
    let Some(reasoning) = request.reasoning.as_ref().filter(asks) else {
        return tuning;
    };
    let off = reasoning.enabled == Some(false) || reasoning.effort == Some(Effort::None);
    let by_budget = match capabilities.reasoning {
        ReasoningControl::None => {
            if !off {
                losses.add("reasoning", "the model does not think");
            }
            return tuning;
        }
        ReasoningControl::Adaptive | ReasoningControl::Effort => false,
        ReasoningControl::Budget => true,
        // Of an unknown model, as the client asks: turned on without a budget, it decides itself.
        ReasoningControl::Unknown => {
            reasoning.enabled != Some(true) || reasoning.budget_tokens.is_some()
        }
    };
    if off {
        tuning.thinking = Some(Thinking::Disabled);
    } else if !by_budget {
        adapt(reasoning, &mut tuning, losses);
    } else if unthinking {
        losses.add(
            "reasoning",
            "the last tool call has no signed thinking to go on from",
        );
    } else {
        budget(request, reasoning, capabilities, &mut tuning, losses);
    }
    tuning
}

fn max_tokens(request: &Request, capabilities: &Capabilities, losses: &mut Losses) -> u64 {
    let most = capabilities.max_output_tokens;
    match (request.max_output_tokens, most) {
        (Some(wanted), Some(most)) if wanted > most => {
            losses.add(
                "max_output_tokens",
                "lowered to the most that the model gives",
            );
            most
        }
        (Some(wanted), _) => wanted,
        (None, most) => most.unwrap_or(DEFAULT_MAX_TOKENS),
    }
}

fn adapt<'a>(reasoning: &'a Reasoning, tuning: &mut Tuning<'a>, losses: &mut Losses) {
    if reasoning.budget_tokens.is_some() {
        losses.add(
            "reasoning.budget_tokens",
            "the model takes an effort instead",
        );
    }
    let effort = reasoning.effort.or(reasoning.budget_tokens.map(effort_of));
    tuning.effort = effort.and_then(word);
    tuning.thinking = Some(Thinking::Adaptive {
        display: reasoning.display.as_deref(),
    });
}

/// Thinking by a budget, which must stay below the bound of the answer. A budget that was only
/// derived from an effort gives way to a bound that the client set; one that was asked for
/// raises the bound.
fn budget<'a>(
    request: &Request,
    reasoning: &'a Reasoning,
    capabilities: &Capabilities,
    tuning: &mut Tuning<'a>,
    losses: &mut Losses,
) {
    let derived = budget_of(reasoning.effort.unwrap_or(Effort::Medium));
    let wanted = reasoning.budget_tokens.unwrap_or(derived);
    let mut budget = wanted.max(LEAST_BUDGET);
    if budget > wanted {
        losses.add(
            "reasoning.budget_tokens",
            "raised to the least that the vendor takes",
        );
    }
    let max = tuning.max_tokens;
    if budget >= max {
        let bound = request.max_output_tokens;
        if reasoning.budget_tokens.is_none() && bound.is_some() {
            budget = (max - max / 4).max(LEAST_BUDGET);
        }
        if budget >= max {
            tuning.max_tokens = budget.saturating_add(bound.unwrap_or(DEFAULT_MAX_TOKENS).max(1));
            if bound.is_some() {
                losses.add("max_output_tokens", "raised above what is thought with");
            }
        }
        if let Some(most) = capabilities.max_output_tokens
            && tuning.max_tokens > most
        {
            tuning.max_tokens = most;
            budget = budget.min(most - most / 4);
        }
    }
    if budget < LEAST_BUDGET {
        losses.add("reasoning", "the model's answers are too short to think in");
        return;
    }
    if reasoning.budget_tokens.is_some() && reasoning.effort.is_some() {
        losses.add("reasoning.effort", "the budget says it");
    }
    tuning.thinking = Some(Thinking::Enabled {
        budget_tokens: budget,
        display: reasoning.display.as_deref(),
    });
}

/// Tokens to think with, by effort.
fn budget_of(effort: Effort) -> u64 {
    match effort {
        Effort::None | Effort::Minimal => LEAST_BUDGET,
        Effort::Low => 2048,
        Effort::Medium => 8192,
        Effort::High => 16_384,
        Effort::XHigh => 24_576,
        Effort::Max => 32_000,
    }
}

/// The least effort that thinks with so many tokens.
fn effort_of(budget: u64) -> Effort {
    let efforts = [Effort::Low, Effort::Medium, Effort::High, Effort::XHigh];
    let enough = efforts.into_iter().find(|e| budget_of(*e) >= budget);
    enough.unwrap_or(Effort::Max)
}

fn word(effort: Effort) -> Option<&'static str> {
    Some(match effort {
        Effort::None => return None,
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::XHigh => "xhigh",
        Effort::Max => "max",
    })
}

/// The sampling parameters that Anthropic has.
#[derive(Debug, Default)]
pub(super) struct Sampled {
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<u64>,
}

/// The sampling parameters that the target takes.
pub(super) fn sample(
    request: &Request,
    capabilities: &Capabilities,
    thinks: bool,
    losses: &mut Losses,
) -> Sampled {
    let asked = &request.sampling;
    let mut kept = Sampled {
        temperature: asked.temperature,
        top_p: asked.top_p,
        top_k: asked.top_k,
    };
    let none = capabilities.no_sampling;
    let reason = match none {
        true => "the model takes no sampling parameters",
        false => "not together with thinking",
    };
    if kept.temperature.is_some_and(|t| none || thinks && t < 1.0) {
        losses.add("temperature", reason);
        kept.temperature = None;
    }
    if kept.top_p.is_some_and(|p| none || thinks && p < 0.95) {
        losses.add("top_p", reason);
        kept.top_p = None;
    }
    if kept.top_k.is_some() && (none || thinks) {
        losses.add("top_k", reason);
        kept.top_k = None;
    }
    if let Some(temperature) = kept.temperature.as_mut().filter(|t| **t > 1.0) {
        losses.add("temperature", "lowered to 1, the most that Anthropic takes");
        *temperature = 1.0;
    }
    if capabilities.temperature_xor_top_p && kept.temperature.is_some() && kept.top_p.is_some() {
        losses.add("top_p", "the model does not take it beside temperature");
        kept.top_p = None;
    }
    kept
}
