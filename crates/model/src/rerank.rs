//! Documents in the order of their relevance to a query, in the words of no vendor.

use serde::Serialize;

use crate::{Json, Usage};

/// A request to order documents. Which model is to do it stands beside it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RerankRequest {
    /// What is looked for.
    pub query: String,
    /// Where it is looked for; at least one.
    pub documents: Vec<Ranked>,
    /// How many documents the answer shall name; all when `None`.
    pub top: Option<u32>,
    /// Whether the answer shall repeat the documents.
    pub return_documents: bool,
    /// Tokens of a document that are read; the rest is cut off.
    pub max_tokens_per_document: Option<u32>,
    /// Whether what is too long is cut off, or refused; the vendor's own habit when `None`.
    pub truncate: Option<bool>,
}

/// A document to be ordered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranked {
    /// What is read of it.
    pub text: String,
    /// The document as it came, where it was more than a text.
    pub object: Option<Json>,
}

/// Documents by their relevance, the greatest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RerankResponse {
    /// The vendor's name of the answer.
    pub id: Option<String>,
    /// The documents that the answer names.
    pub results: Vec<Relevance>,
    /// What was used; `None` when the vendor did not say.
    pub usage: Option<Usage>,
}

/// How relevant a document is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Relevance {
    /// Its place in the request, from 0.
    pub index: usize,
    /// A JSON number as it came, mostly between 0 and 1.
    pub score: Json,
}
