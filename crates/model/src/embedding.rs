//! Vectors for texts and pictures, in the words of no vendor.

use serde::Serialize;

use crate::{Json, Media, Usage};

/// A request for vectors. Which model is to make them stands beside it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EmbeddingRequest {
    /// What to make vectors of; at least one.
    pub inputs: Vec<Embedded>,
    /// What the vectors are for.
    pub purpose: Option<Purpose>,
    /// The title of the documents.
    pub title: Option<String>,
    /// How many numbers a vector shall have.
    pub dimensions: Option<u32>,
    /// Kinds of numbers asked for, each once; floats when empty.
    pub numbers: Vec<Number>,
    /// How vectors are to be written.
    pub packing: Packing,
    /// What happens to an input that is too long; the vendor's own habit when `None`.
    pub truncate: Option<Truncate>,
    /// Whether the inputs are pieces of one text, to be read in its context.
    pub late_chunking: bool,
    /// The end user, for the vendor's watch over abuse.
    pub user: Option<String>,
}

impl EmbeddingRequest {
    /// The same, asked of other inputs.
    #[must_use]
    pub fn asked_of(&self, inputs: Vec<Embedded>) -> EmbeddingRequest {
        EmbeddingRequest {
            inputs,
            purpose: self.purpose,
            title: self.title.clone(),
            dimensions: self.dimensions,
            numbers: self.numbers.clone(),
            packing: self.packing,
            truncate: self.truncate,
            late_chunking: self.late_chunking,
            user: self.user.clone(),
        }
    }
}

/// One input: becomes one vector.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Embedded {
    /// A text.
    Text(String),
    /// A text as tokens of the model's own vocabulary.
    Tokens(Vec<u32>),
    /// Texts and pictures together.
    Parts(Vec<EmbeddedPart>),
}

/// A part of an input.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EmbeddedPart {
    /// Text.
    Text(String),
    /// A picture, or another medium that the vendor knows by its type.
    Media(Media),
}

/// What vectors are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To search with.
    Query,
    /// To be found.
    Document,
    /// To sort into classes.
    Classification,
    /// To find groups.
    Clustering,
    /// To compare with their like.
    Similarity,
    /// To find answers with.
    QuestionAnswering,
    /// To find evidence with.
    FactVerification,
    /// To search code with.
    CodeQuery,
    /// Code, to be found.
    CodeDocument,
}

/// A kind of number that vectors are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Number {
    /// 32-bit floating point.
    #[default]
    Float,
    /// Bytes from -128 to 127.
    Int8,
    /// Bytes from 0 to 255.
    Uint8,
    /// Eight dimensions in a byte from -128 to 127.
    Binary,
    /// Eight dimensions in a byte from 0 to 255.
    Ubinary,
}

impl Number {
    /// Every kind.
    pub const ALL: [Number; 5] = [
        Number::Float,
        Number::Int8,
        Number::Uint8,
        Number::Binary,
        Number::Ubinary,
    ];

    /// The word that every vendor has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Number::Float => "float",
            Number::Int8 => "int8",
            Number::Uint8 => "uint8",
            Number::Binary => "binary",
            Number::Ubinary => "ubinary",
        }
    }
}

/// How vectors are to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Packing {
    /// As lists of numbers.
    #[default]
    List,
    /// As base64 of little-endian numbers.
    Base64,
    /// Floats in both ways.
    Both,
}

/// Which end of an input that is too long is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncate {
    /// None: the request is refused.
    Never,
    /// Its beginning.
    Start,
    /// Its end.
    End,
}

/// The vectors of a request, in the order of its inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EmbeddingResponse {
    /// The vendor's name of the answer.
    pub id: Option<String>,
    /// The vectors by the kind of their numbers, one set for each kind asked for.
    pub sets: Vec<(Number, Vec<Vector>)>,
    /// What was used; `None` when the vendor did not say.
    pub usage: Option<Usage>,
}

/// A vector as it came, so that its digits survive.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Vector {
    /// A JSON array of numbers.
    List(Json),
    /// Base64 of little-endian numbers.
    Packed(String),
}
