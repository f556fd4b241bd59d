//! Token counts. Google counts what was thought, and what its own tools put into the prompt, apart;
//! ours are totals: <https://ai.google.dev/api/generate-content#UsageMetadata>.

use serde::{Deserialize, Serialize};
use weir_model::Usage;

/// `usageMetadata` as it is received, whole or in a stream.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct UsageIn {
    prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
    total_token_count: Option<u64>,
    prompt_tokens_details: Option<Vec<Modality>>,
    candidates_tokens_details: Option<Vec<Modality>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Modality {
    modality: Option<String>,
    token_count: Option<u64>,
}

impl UsageIn {
    /// Our totals; `web_searches` stand elsewhere in the answer.
    pub(super) fn total(&self, web_searches: u64) -> Usage {
        let thoughts = self.thoughts_token_count.unwrap_or(0);
        let candidates = self.candidates_token_count.unwrap_or(0);
        let prompt = self.prompt_token_count.unwrap_or(0);
        let input = prompt.saturating_add(self.tool_use_prompt_token_count.unwrap_or(0));
        // Some of Google's servers count what was thought among the candidates' tokens.
        let within = self.total_token_count == Some(input.saturating_add(candidates));
        let output = match within && candidates >= thoughts {
            true => candidates,
            false => candidates.saturating_add(thoughts),
        };
        Usage {
            input_tokens: input,
            cache_read_tokens: self.cached_content_token_count.unwrap_or(0).min(input),
            input_audio_tokens: sound(&self.prompt_tokens_details).min(input),
            output_tokens: output,
            reasoning_tokens: thoughts,
            output_audio_tokens: sound(&self.candidates_tokens_details).min(output),
            web_searches,
            ..Usage::default()
        }
    }
}

fn sound(details: &Option<Vec<Modality>>) -> u64 {
    let details = details.iter().flatten();
    let sound = details.filter(|count| count.modality.as_deref() == Some("AUDIO"));
    sound.fold(0, |sum, count| {
        sum.saturating_add(count.token_count.unwrap_or(0))
    })
}

/// `usageMetadata` as it is sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageOut {
    prompt_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cached_content_token_count: u64,
    candidates_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    thoughts_token_count: u64,
    total_token_count: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prompt_tokens_details: Vec<ModalityOut>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates_tokens_details: Vec<ModalityOut>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ModalityOut {
    modality: &'static str,
    token_count: u64,
}

impl From<&Usage> for UsageOut {
    fn from(usage: &Usage) -> UsageOut {
        let thoughts = usage.reasoning_tokens.min(usage.output_tokens);
        UsageOut {
            prompt_token_count: usage.input_tokens,
            cached_content_token_count: usage.cache_read_tokens,
            candidates_token_count: usage.output_tokens - thoughts,
            thoughts_token_count: thoughts,
            total_token_count: usage.total_tokens(),
            prompt_tokens_details: sounds(usage.input_audio_tokens, usage.input_tokens),
            candidates_tokens_details: sounds(usage.output_audio_tokens, usage.output_tokens),
        }
    }
}

/// The share of sound in a total, where there is any.
fn sounds(sound: u64, total: u64) -> Vec<ModalityOut> {
    let count = |modality, token_count| ModalityOut {
        modality,
        token_count,
    };
    let text = total.saturating_sub(sound);
    match sound {
        0 => Vec::new(),
        _ => vec![count("TEXT", text), count("AUDIO", sound)],
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
