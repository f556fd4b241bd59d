//! Embeddings and reranking: one file a shape, with both sides of what its vendor offers of the two.
//! What is too small to be a vendor's own stands here and in `answer`, `pack` and `receipt`.
//!
//! A shape knows the model and nothing of another shape. What cannot be carried is a named loss;
//! where the answer would be to another question, it is a refusal.

mod answer;
mod cohere;
mod gemini;
mod input;
mod jina;
mod openai;
mod pack;
mod receipt;
mod voyage;

pub use receipt::read_receipt;

use bytes::Bytes;
use http::HeaderMap;
use weir_model::{
    Dialect, EmbeddingRequest, EmbeddingResponse, Losses, Number, Operation, Rejection,
    RerankRequest, RerankResponse, Shape,
};

use crate::json::read::Object;
use crate::json::splice::Splices;
use crate::json::{scan, write};
use crate::openai::{failure, rejection};
use crate::{Decoded, Encoded, Field, Head};

/// Both sides of one operation in one shape: `Q` is asked, `A` answered. Stateless.
pub trait Wire<Q, A>: Send + Sync {
    /// The path below the provider's base URL; `{model}` in it stands for the upstream's name.
    fn path(&self) -> &'static str;

    /// Decodes a client's request. Fields that the model has no word for are losses.
    ///
    /// # Errors
    /// An invalid-request rejection that names the field.
    fn decode_request(&self, body: &Bytes) -> Result<Decoded<Q>, Rejection>;

    /// Encodes a request of a model, which has the upstream's name.
    ///
    /// # Errors
    /// When the answer would be to another question.
    fn encode_request(&self, request: &Q, model: &str) -> Result<Encoded, Rejection>;

    /// Decodes an upstream's whole answer to `request`.
    ///
    /// # Errors
    /// The vendor's failure when the body holds one, else `Kind::Malformed`.
    fn decode_response(&self, body: &[u8], request: &Q) -> Result<A, Rejection>;

    /// Encodes the answer to `request` of a model, which has the name that the client gave it.
    ///
    /// # Errors
    /// `Kind::Malformed` when the upstream's numbers are none.
    fn encode_response(&self, answer: &A, request: &Q, model: &str) -> Result<Vec<u8>, Rejection>;

    /// The most inputs that the vendor takes in a request.
    fn most_inputs(&self) -> usize {
        usize::MAX
    }

    /// Every request field in the vendor's reference, with a sample.
    fn request_fields(&self) -> &'static [Field];

    /// The smallest request that is understood.
    fn minimal_request(&self) -> &'static str;
}

/// Embeddings in one shape.
pub type EmbeddingWire = dyn Wire<EmbeddingRequest, EmbeddingResponse>;
/// Reranking in one shape.
pub type RerankWire = dyn Wire<RerankRequest, RerankResponse>;

/// Embeddings in a shape.
pub fn embeddings(shape: Shape) -> &'static EmbeddingWire {
    match shape {
        Shape::OpenAi => &openai::OpenAi,
        Shape::Gemini => &gemini::Gemini { one: false },
        Shape::GeminiOne => &gemini::Gemini { one: true },
        Shape::Cohere => &cohere::Cohere { v1: false },
        Shape::CohereV1 => &cohere::Cohere { v1: true },
        Shape::Voyage => &voyage::Voyage,
        Shape::Jina => &jina::Jina,
    }
}

/// Reranking in a shape; `None` when its vendor has none.
pub fn rerank(shape: Shape) -> Option<&'static RerankWire> {
    match shape {
        Shape::OpenAi | Shape::Gemini | Shape::GeminiOne => None,
        Shape::Cohere => Some(&cohere::Cohere { v1: false }),
        Shape::CohereV1 => Some(&cohere::Cohere { v1: true }),
        Shape::Voyage => Some(&voyage::Voyage),
        Shape::Jina => Some(&jina::Jina),
    }
}

/// The path of an operation in a shape; `None` when its vendor has no such operation.
pub fn path(shape: Shape, operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Embedding => Some(embeddings(shape).path()),
        Operation::Rerank => rerank(shape).map(|wire| wire.path()),
        _ => None,
    }
}

/// The shape that a provider of a chat dialect has for an operation, unless it says otherwise.
pub fn usual_shape(dialect: Dialect, operation: Operation) -> Option<Shape> {
    match (dialect, operation) {
        (Dialect::OpenAiChat, Operation::Embedding) => Some(Shape::OpenAi),
        // What vLLM, Together and their like took over.
        (Dialect::OpenAiChat, Operation::Rerank) => Some(Shape::Jina),
        (Dialect::Gemini, Operation::Embedding) => Some(Shape::Gemini),
        (Dialect::CohereChat, Operation::Embedding | Operation::Rerank) => Some(Shape::Cohere),
        _ => None,
    }
}

/// The shape of a request on a path that several vendors have, told by the fields that one of them
/// alone knows. `usual` is what it is without any.
pub fn told(operation: Operation, usual: Shape, head: &Head<'_>) -> Shape {
    let has = |keys: &[&str]| {
        keys.iter()
            .any(|key| head.fields.find(head.body, key).is_some())
    };
    match (operation, usual) {
        (Operation::Embedding, Shape::OpenAi) => {
            if has(&["output_dtype", "output_dimension", "truncation"]) {
                Shape::Voyage
            } else if has(jina::TELLING) || input::holds_objects(head) {
                Shape::Jina
            } else {
                usual
            }
        }
        (Operation::Rerank, Shape::Jina) => {
            if has(&["top_k", "truncation"]) {
                Shape::Voyage
            } else if has(&["rank_fields", "max_chunks_per_doc"]) {
                Shape::CohereV1
            } else {
                usual
            }
        }
        _ => usual,
    }
}

/// Reads what the gateway must know of a request, in one shallow scan. `named` is the model that
/// the path names, where it does.
///
/// # Errors
/// An invalid-request rejection when the body is no JSON object, or names no model where it has to.
pub fn read_head<'a>(body: &'a [u8], named: Option<&'a str>) -> Result<Head<'a>, Rejection> {
    let Some(named) = named else {
        let mut head = crate::openai::head::read(body, &[])?;
        head.stream = false;
        head.max_output_tokens = Some(0);
        return Ok(head);
    };
    Ok(Head {
        body,
        model: named.into(),
        model_span: 0..0,
        stream: false,
        stream_usage: true,
        max_output_tokens: Some(0),
        fields: scan::top_level(body)?,
    })
}

/// The edits that make a client's own body fit an upstream of its own shape: the model's name.
pub fn native_edits(shape: Shape, head: &Head<'_>, upstream_model: &str) -> Splices {
    let mut edits = Splices::default();
    match shape {
        Shape::Gemini | Shape::GeminiOne => gemini::name_model(head, upstream_model, &mut edits),
        _ if head.model != upstream_model => {
            edits.replace(head.model_span.clone(), write::string(upstream_model));
        }
        _ => {}
    }
    edits
}

/// The body of an error answer.
pub fn encode_rejection(shape: Shape, refused: &Rejection, request_id: &str) -> Vec<u8> {
    match shape {
        Shape::OpenAi => rejection::encode(refused),
        Shape::Gemini | Shape::GeminiOne => {
            crate::client(Dialect::Gemini).encode_rejection(refused, request_id)
        }
        Shape::Cohere | Shape::CohereV1 => {
            crate::client(Dialect::CohereChat).encode_rejection(refused, request_id)
        }
        Shape::Voyage | Shape::Jina => answer::detail(refused),
    }
}

/// The HTTP status of an error answer.
pub fn rejection_status(shape: Shape, refused: &Rejection) -> u16 {
    match shape {
        Shape::Gemini | Shape::GeminiOne => {
            crate::client(Dialect::Gemini).rejection_status(refused)
        }
        _ => rejection::status(refused),
    }
}

/// What an answer with a status other than 2xx means.
pub fn decode_failure(shape: Shape, status: u16, headers: &HeaderMap, body: &[u8]) -> Rejection {
    match shape {
        Shape::Gemini | Shape::GeminiOne => {
            crate::upstream(Dialect::Gemini).decode_failure(status, headers, body)
        }
        Shape::Cohere | Shape::CohereV1 => {
            crate::upstream(Dialect::CohereChat).decode_failure(status, headers, body)
        }
        // The reader knows an error under `detail` as well.
        _ => failure::decode(status, headers, body),
    }
}

/// Whether a body under an error status is the vendor's own error.
pub fn is_error(body: &[u8]) -> bool {
    let top = scan::top_level_of_answer(body);
    top.is_some_and(|top| {
        ["error", "message", "detail"]
            .iter()
            .any(|key| top.get(body, key).is_some())
    })
}

/// The length that was asked for and the other one that came: what a model cannot do it passes over.
pub fn other_length(
    answer: &EmbeddingResponse,
    request: &EmbeddingRequest,
) -> Option<(usize, usize)> {
    let asked = usize::try_from(request.dimensions?).ok()?;
    let (number, vectors) = answer.sets.first()?;
    let bytes = matches!(number, Number::Binary | Number::Ubinary);
    let given = pack::length(vectors.first()?, *number)? * if bytes { 8 } else { 1 };
    (given != asked).then_some((asked, given))
}

/// Why a field that only one vendor has is lost.
const ONLY_HERE: &str = "only this vendor has it";
/// Why a field that is in no reference is lost.
const UNKNOWN: &str = "unknown field";

/// Notes what an upstream has no word for, of what was asked.
fn lacks(losses: &mut Losses, asked: &[(&str, bool)]) {
    for (field, _) in asked.iter().filter(|(_, given)| *given) {
        losses.add(*field, "the model's vendor has no word for it");
    }
}

/// Decodes with `read`, and notes what that left over. The model is known from the head.
fn decode<T>(
    body: &Bytes,
    read: impl FnOnce(&mut Object<'_, '_>, &mut Losses) -> Result<T, Rejection>,
) -> Result<Decoded<T>, Rejection> {
    let (mut object, mut losses) = (Object::of_body(body)?, Losses::default());
    object.take("model");
    let value = read(&mut object, &mut losses)?;
    object.lose_rest(UNKNOWN, &mut losses);
    Ok(Decoded { value, losses })
}

fn encoded(body: &impl serde::Serialize, losses: Losses) -> Encoded {
    Encoded {
        body: write::to_vec(body),
        headers: Vec::new(),
        losses,
    }
}

#[cfg(test)]
mod tests;
