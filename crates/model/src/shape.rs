//! Which wire format embeddings and reranking are asked in: those have vendors that do not chat.

use serde::Serialize;

use crate::Dialect;

/// A vendor's wire format of embeddings, of reranking, or of both. One file of the dialect crate's
/// `vectors` implements each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// OpenAI's embeddings, and those of the many APIs shaped like it.
    OpenAi,
    /// Google's `batchEmbedContents`.
    Gemini,
    /// Google's `embedContent`: one input.
    GeminiOne,
    /// Cohere's v2, of embeddings and reranking.
    Cohere,
    /// Cohere's v1.
    CohereV1,
    /// Voyage's.
    Voyage,
    /// Jina's; its reranking is also that of vLLM, Together and most others.
    Jina,
}

impl Shape {
    /// Every shape, in the order in which tables list them.
    pub const ALL: [Shape; 7] = [
        Shape::OpenAi,
        Shape::Gemini,
        Shape::GeminiOne,
        Shape::Cohere,
        Shape::CohereV1,
        Shape::Voyage,
        Shape::Jina,
    ];

    /// The name used in configuration, metrics and the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Shape::OpenAi => "openai",
            Shape::Gemini => "gemini",
            Shape::GeminiOne => "gemini_one",
            Shape::Cohere => "cohere",
            Shape::CohereV1 => "cohere_v1",
            Shape::Voyage => "voyage",
            Shape::Jina => "jina",
        }
    }

    /// The older or lesser shape that is served wherever this one is.
    pub const fn beside(self) -> Option<Shape> {
        match self {
            Shape::Gemini => Some(Shape::GeminiOne),
            Shape::Cohere => Some(Shape::CohereV1),
            _ => None,
        }
    }
}

/// What is spoken at an address: a dialect of chats, or a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Spoken {
    /// Chats, and what its vendor has beside them.
    Dialect(Dialect),
    /// Embeddings, reranking, or both.
    Shape(Shape),
}

impl Spoken {
    /// Whatever an address can be said to speak. The other shapes are spoken where their vendor's
    /// dialect is.
    pub fn all() -> impl Iterator<Item = Spoken> {
        let shapes = [Shape::Voyage, Shape::Jina].map(Spoken::Shape);
        Dialect::ALL.map(Spoken::Dialect).into_iter().chain(shapes)
    }

    /// The name used in configuration, metrics and the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Spoken::Dialect(dialect) => dialect.name(),
            Spoken::Shape(shape) => shape.name(),
        }
    }
}

impl From<Dialect> for Spoken {
    fn from(dialect: Dialect) -> Spoken {
        Spoken::Dialect(dialect)
    }
}

impl From<Shape> for Spoken {
    fn from(shape: Shape) -> Spoken {
        Spoken::Shape(shape)
    }
}
