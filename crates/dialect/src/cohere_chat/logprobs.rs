//! Log probabilities: Cohere's object a piece of text, with a figure for each token in it, and the
//! model's one object a token, which is in the shape that OpenAI gave it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use weir_model::Json;

use crate::json::write;

/// `LogprobItem`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Item {
    text: Option<String>,
    token_ids: Vec<u64>,
    logprobs: Option<Vec<f64>>,
}

/// A token as the model has it; of the alternatives Cohere tells nothing.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Entry {
    token: String,
    logprob: f64,
    #[serde(skip_deserializing)]
    bytes: Vec<u8>,
    #[serde(skip_deserializing)]
    top_logprobs: [(); 0],
}

/// The piece as one token; of several tokens in it, how likely they were together.
pub(super) fn read(item: &RawValue) -> Option<Json> {
    let item: Item = serde_json::from_str(item.get()).ok()?;
    let token = item.text.unwrap_or_default();
    let sent = write::to_vec(&Entry {
        logprob: item.logprobs?.iter().sum(),
        bytes: token.clone().into_bytes(),
        top_logprobs: [],
        token,
    });
    Json::parse(String::from_utf8(sent).ok()?)
}

/// A token as a piece of its own. Ids of tokens are the vendor's, and not known.
pub(super) fn item(token: &Json) -> Item {
    let entry: Entry = serde_json::from_str(token.get()).unwrap_or_default();
    Item {
        text: Some(entry.token),
        token_ids: Vec::new(),
        logprobs: Some(vec![entry.logprob]),
    }
}
