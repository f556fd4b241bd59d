//! What we say of models beside the snapshot: `data/overrides.yaml`. It promises that a pattern
//! which changes no model is caught by a test; it never touches a price of the snapshot.

use serde::Deserialize;
use weir_model::ReasoningControl;

use crate::glob;
use crate::models::{ModelEntry, WrittenModels};

/// The file as a whole.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Overrides {
    /// Models that the snapshot lacks.
    pub models: WrittenModels,
    /// Abilities of many models at once; the later wins.
    pub families: Vec<Family>,
}

/// Models of one provider whose ids match a pattern, and what is true of them all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Family {
    pub provider: String,
    /// Patterns of ids.
    names: Vec<String>,
    reasoning: Option<Reasoning>,
    no_sampling: Option<bool>,
    temperature_xor_top_p: Option<bool>,
    json_schema: Option<bool>,
    no_prefill: Option<bool>,
    mid_system: Option<bool>,
    max_output: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reasoning {
    None,
    Budget,
    Adaptive,
    Effort,
}

impl Overrides {
    /// Reads the shipped file.
    pub(crate) fn shipped() -> Result<Overrides, String> {
        serde_saphyr::from_str(include_str!("../data/overrides.yaml"))
            .map_err(|error| format!("overrides.yaml: {error}"))
    }
}

impl Family {
    /// Changes the models that belong to the family; says how many did.
    pub(crate) fn apply<'a>(&self, models: impl Iterator<Item = &'a mut ModelEntry>) -> usize {
        let belongs = |id: &str| self.names.iter().any(|name| glob::matches(name, id));
        let mut members = 0;
        for model in models.filter(|model| belongs(&model.id)) {
            let can = &mut model.capabilities;
            if let Some(reasoning) = self.reasoning {
                can.reasoning = reasoning.into();
            }
            for (said, ability) in [
                (self.no_sampling, &mut can.no_sampling),
                (self.temperature_xor_top_p, &mut can.temperature_xor_top_p),
                (self.json_schema, &mut can.json_schema),
                (self.no_prefill, &mut can.no_prefill),
                (self.mid_system, &mut can.mid_system),
            ] {
                *ability = said.unwrap_or(*ability);
            }
            can.max_output_tokens = self.max_output.or(can.max_output_tokens);
            members += 1;
        }
        members
    }
}

impl From<Reasoning> for ReasoningControl {
    fn from(said: Reasoning) -> ReasoningControl {
        match said {
            Reasoning::None => ReasoningControl::None,
            Reasoning::Budget => ReasoningControl::Budget,
            Reasoning::Adaptive => ReasoningControl::Adaptive,
            Reasoning::Effort => ReasoningControl::Effort,
        }
    }
}
