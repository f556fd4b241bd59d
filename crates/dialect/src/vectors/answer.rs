//! Answers that several shapes have alike: vectors in `data`, as OpenAI writes them, and documents
//! in `results`. What a shape adds, its own file adds.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use weir_model::{
    EmbeddingRequest, EmbeddingResponse, Json, Number, Packing, Rejection, Relevance,
    RerankRequest, RerankResponse, Usage, Vector,
};

use super::pack;
use super::receipt::{not_an_answer, read_receipt};
use crate::json::write;
use crate::openai::failure;

/// An error as Voyage's and Jina's clients know it.
pub(super) fn detail(refused: &Rejection) -> Vec<u8> {
    #[derive(Serialize)]
    struct Detail<'a> {
        detail: &'a str,
    }
    write::to_vec(&Detail {
        detail: &refused.message,
    })
}

/// Reads a body's fields, or what its vendor says went wrong.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Rejection> {
    serde_json::from_slice(body).map_err(|_| failure::bare(body).unwrap_or_else(not_an_answer))
}

/// One vector, in whichever way it was written.
pub(super) fn vector(raw: &RawValue) -> Result<Vector, Rejection> {
    if raw.get().starts_with('[') {
        return Ok(Vector::List(Json::from(raw)));
    }
    let text = serde_json::from_str(raw.get());
    text.map(Vector::Packed).map_err(|_| not_an_answer())
}

/// Checks that there is a vector for each input.
pub(super) fn whole(
    id: Option<String>,
    sets: Vec<(Number, Vec<Vector>)>,
    request: &EmbeddingRequest,
    body: &[u8],
) -> Result<EmbeddingResponse, Rejection> {
    let inputs = request.inputs.len();
    if sets.is_empty() || sets.iter().any(|(_, vectors)| vectors.len() != inputs) {
        return Err(not_an_answer());
    }
    let usage = read_receipt(body)?.usage;
    Ok(EmbeddingResponse { id, sets, usage })
}

/// Reads vectors in `data`.
pub(super) fn vectors(
    body: &[u8],
    number: Number,
    request: &EmbeddingRequest,
) -> Result<EmbeddingResponse, Rejection> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        data: Vec<Item<'a>>,
    }
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(default)]
        index: usize,
        #[serde(borrow)]
        embedding: &'a RawValue,
    }
    let mut data = parse::<Answer<'_>>(body)?.data;
    // Stable, so that vendors without an index keep their order.
    data.sort_by_key(|item| item.index);
    let vectors = data.iter().map(|item| vector(item.embedding));
    let vectors = vectors.collect::<Result<_, _>>()?;
    whole(None, vec![(number, vectors)], request, body)
}

/// A vector on its way out.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Written {
    /// A JSON array.
    List(Json),
    /// Base64.
    Packed(String),
}

/// Vectors as `packing` wants them.
pub(super) fn written(
    vectors: &[Vector],
    number: Number,
    packing: Packing,
) -> Result<Vec<Written>, Rejection> {
    let one = |vector| {
        Ok(match packing {
            Packing::Base64 => Written::Packed(pack::packed(vector, number)?.into_owned()),
            _ => Written::List(pack::list(vector, number)?.into_owned()),
        })
    };
    vectors.iter().map(one).collect()
}

/// Writes vectors in `data`, and `usage` as the shape has it.
pub(super) fn data<U: Serialize>(
    answer: &EmbeddingResponse,
    request: &EmbeddingRequest,
    model: &str,
    usage: impl Fn(&Usage) -> U,
) -> Result<Vec<u8>, Rejection> {
    #[derive(Serialize)]
    struct Out<'a, U> {
        object: &'static str,
        data: Vec<ItemOut>,
        model: &'a str,
        usage: U,
    }
    #[derive(Serialize)]
    struct ItemOut {
        object: &'static str,
        index: usize,
        embedding: Written,
    }
    let Some((number, vectors)) = answer.sets.first() else {
        return Err(not_an_answer());
    };
    let vectors = written(vectors, *number, request.packing)?;
    let items = vectors.into_iter().enumerate();
    let items = items.map(|(index, embedding)| ItemOut {
        object: "embedding",
        index,
        embedding,
    });
    Ok(write::to_vec(&Out {
        object: "list",
        data: items.collect(),
        model,
        // Whoever sums up what was used would fail without a number.
        usage: usage(&answer.usage.unwrap_or_default()),
    }))
}

/// `usage` as OpenAI and Jina write it.
#[derive(Serialize)]
pub(super) struct PromptUsage {
    prompt_tokens: u64,
    total_tokens: u64,
}

impl From<&Usage> for PromptUsage {
    fn from(usage: &Usage) -> PromptUsage {
        PromptUsage {
            prompt_tokens: usage.input_tokens,
            total_tokens: usage.total_tokens(),
        }
    }
}

/// `usage` as Voyage writes it.
#[derive(Serialize)]
pub(super) struct TotalUsage {
    total_tokens: u64,
}

impl From<&Usage> for TotalUsage {
    fn from(usage: &Usage) -> TotalUsage {
        TotalUsage {
            total_tokens: usage.total_tokens(),
        }
    }
}

/// Reads documents in `results`, or in `data`.
pub(super) fn ranking(body: &[u8], request: &RerankRequest) -> Result<RerankResponse, Rejection> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        id: Option<String>,
        #[serde(borrow, alias = "data")]
        results: Vec<Item<'a>>,
    }
    #[derive(Deserialize)]
    struct Item<'a> {
        index: usize,
        #[serde(borrow, alias = "score")]
        relevance_score: &'a RawValue,
    }
    let answer: Answer<'_> = parse(body)?;
    let results = answer.results.iter().map(|item| Relevance {
        index: item.index,
        score: Json::from(item.relevance_score),
    });
    let results: Vec<_> = results.collect();
    let known = |item: &Relevance| item.index < request.documents.len();
    let is_number = |item: &Relevance| serde_json::from_str::<f64>(item.score.get()).is_ok();
    if !results.iter().all(|item| known(item) && is_number(item)) {
        return Err(not_an_answer());
    }
    Ok(RerankResponse {
        id: answer.id,
        results,
        usage: read_receipt(body)?.usage,
    })
}

/// A document on its way out.
#[derive(Serialize)]
pub(super) struct RankedOut<D> {
    index: usize,
    relevance_score: Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<D>,
}

/// Documents on their way out; `document` writes one where the client wants to read it again.
pub(super) fn ranked<'a, D>(
    answer: &'a RerankResponse,
    request: &'a RerankRequest,
    document: impl Fn(&'a weir_model::Ranked) -> D,
) -> Vec<RankedOut<D>> {
    let results = answer.results.iter().map(|item| {
        let asked = request.documents.get(item.index);
        RankedOut {
            index: item.index,
            relevance_score: item.score.clone(),
            document: asked.filter(|_| request.return_documents).map(&document),
        }
    });
    results.collect()
}

/// A document as an object: the client's own, or its text in one.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum DocumentOut<'a> {
    /// As it came.
    Object(&'a Json),
    /// A text.
    Text {
        /// The text.
        text: &'a str,
    },
}

impl<'a> From<&'a weir_model::Ranked> for DocumentOut<'a> {
    fn from(document: &'a weir_model::Ranked) -> DocumentOut<'a> {
        match &document.object {
            Some(object) => DocumentOut::Object(object),
            None => DocumentOut::Text {
                text: &document.text,
            },
        }
    }
}
