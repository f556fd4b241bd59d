//! Log probabilities: Google's two lists side by side, and the model's one object a token, which is
//! in the shape that OpenAI gave it.

use serde::{Deserialize, Serialize};
use weir_model::Json;

use crate::json::write;

/// `logprobsResult`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Logprobs {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_candidates: Vec<Top>,
    chosen_candidates: Vec<Token>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Top {
    candidates: Vec<Token>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
struct Token {
    token: String,
    log_probability: f64,
}

/// A token as the model has it.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Entry {
    token: String,
    logprob: f64,
    bytes: Option<Vec<u8>>,
    top_logprobs: Vec<Alternative>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Alternative {
    token: String,
    logprob: f64,
    bytes: Option<Vec<u8>>,
}

impl Logprobs {
    /// One object a token.
    pub(super) fn read(&self) -> Vec<Json> {
        let chosen = self.chosen_candidates.iter().enumerate();
        let entries = chosen.map(|(at, token)| Entry {
            token: token.token.clone(),
            logprob: token.log_probability,
            bytes: Some(token.token.clone().into_bytes()),
            top_logprobs: self.top_candidates.get(at).map_or_else(Vec::new, |top| {
                let top = top.candidates.iter();
                top.map(|token| Alternative {
                    token: token.token.clone(),
                    logprob: token.log_probability,
                    bytes: Some(token.token.clone().into_bytes()),
                })
                .collect()
            }),
        });
        let texts = entries.map(|entry| String::from_utf8(write::to_vec(&entry)));
        texts.filter_map(|text| Json::parse(text.ok()?)).collect()
    }

    /// Google's two lists; `None` where there are no tokens.
    pub(super) fn of(tokens: &[Json]) -> Option<Logprobs> {
        let entries = tokens.iter();
        let entries: Vec<Entry> = entries
            .filter_map(|json| serde_json::from_str(json.get()).ok())
            .collect();
        let token = |token: &str, log_probability| Token {
            token: token.to_owned(),
            log_probability,
        };
        let chosen = entries
            .iter()
            .map(|entry| token(&entry.token, entry.logprob));
        let tops = entries.iter().map(|entry| Top {
            candidates: entry
                .top_logprobs
                .iter()
                .map(|other| token(&other.token, other.logprob))
                .collect(),
        });
        (!entries.is_empty()).then(|| Logprobs {
            top_candidates: tops.collect(),
            chosen_candidates: chosen.collect(),
        })
    }
}
