//! Voyage's embeddings and reranking. <https://docs.voyageai.com/reference/embeddings-api>,
//! <https://docs.voyageai.com/reference/reranker-api>

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use weir_model::{
    EmbeddingRequest, EmbeddingResponse, Losses, Number, Packing, Purpose, Ranked, Rejection,
    RerankRequest, RerankResponse, Truncate,
};

use super::answer::{self, RankedOut, TotalUsage};
use super::input::{one_kind, one_or_more, several, text, texts};
use super::openai::dimensions;
use super::{Wire, decode, encoded, lacks};
use crate::json::read::Value;
use crate::json::write;
use crate::openai::read::one_of;
use crate::{Decoded, Encoded, Field};

/// The shape, both sides.
pub(super) struct Voyage;

impl Wire<EmbeddingRequest, EmbeddingResponse> for Voyage {
    fn path(&self) -> &'static str {
        "/embeddings"
    }

    fn decode_request(&self, body: &Bytes) -> Result<Decoded<EmbeddingRequest>, Rejection> {
        decode(body, |object, _| {
            let purpose = object.read("input_type", |v| one_of(v, &["query", "document"]))?;
            let format = object.read("encoding_format", |v| one_of(v, &["base64"]))?;
            let numbers = object.read("output_dtype", number)?;
            let truncation = object.read("truncation", |v| v.boolean())?;
            Ok(EmbeddingRequest {
                inputs: object.require("input", |v| one_or_more(v, text))?,
                purpose: purpose.map(|word| match word.as_str() {
                    "query" => Purpose::Query,
                    _ => Purpose::Document,
                }),
                dimensions: object.read("output_dimension", dimensions)?,
                numbers: numbers.into_iter().collect(),
                packing: match format {
                    Some(_) => Packing::Base64,
                    None => Packing::List,
                },
                truncate: truncation.map(|cut| match cut {
                    true => Truncate::End,
                    false => Truncate::Never,
                }),
                ..EmbeddingRequest::default()
            })
        })
    }

    fn encode_request(
        &self,
        request: &EmbeddingRequest,
        model: &str,
    ) -> Result<Encoded, Rejection> {
        let number = one_kind(request, &Number::ALL)?;
        let mut losses = Losses::default();
        lacks(
            &mut losses,
            &[
                ("title", request.title.is_some()),
                ("late_chunking", request.late_chunking),
                ("user", request.user.is_some()),
            ],
        );
        if request.truncate == Some(Truncate::Start) {
            losses.add("truncate", "the model's vendor cuts off the end");
        }
        let body = EmbedBody {
            model,
            input: texts(request)?,
            input_type: request
                .purpose
                .and_then(|purpose| word(purpose, &mut losses)),
            truncation: request.truncate.map(|cut| cut != Truncate::Never),
            output_dimension: request.dimensions,
            output_dtype: (number != Number::Float).then(|| number.name()),
            encoding_format: (request.packing != Packing::List).then_some("base64"),
        };
        Ok(encoded(&body, losses))
    }

    fn decode_response(
        &self,
        body: &[u8],
        request: &EmbeddingRequest,
    ) -> Result<EmbeddingResponse, Rejection> {
        let number = request.numbers.first().copied().unwrap_or_default();
        answer::vectors(body, number, request)
    }

    fn encode_response(
        &self,
        answer: &EmbeddingResponse,
        request: &EmbeddingRequest,
        model: &str,
    ) -> Result<Vec<u8>, Rejection> {
        answer::data(answer, request, model, |usage| TotalUsage::from(usage))
    }

    fn most_inputs(&self) -> usize {
        1000
    }

    fn request_fields(&self) -> &'static [Field] {
        EMBEDDING_FIELDS
    }

    fn minimal_request(&self) -> &'static str {
        r#"{"model":"m","input":["Hi"]}"#
    }
}

#[derive(Serialize)]
struct EmbedBody<'a> {
    model: &'a str,
    input: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncation: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimension: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dtype: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_format: Option<&'static str>,
}

/// A kind of number by its word.
pub(super) fn number(value: Value<'_, '_>) -> Result<Number, Rejection> {
    let word = one_of(value, &Number::ALL.map(Number::name))?;
    let known = Number::ALL.into_iter().find(|n| n.name() == word);
    Ok(known.unwrap_or_default())
}

/// Voyage's word; those for what it has not are named as lost.
fn word(purpose: Purpose, losses: &mut Losses) -> Option<&'static str> {
    let (word, exact) = match purpose {
        Purpose::Query => (Some("query"), true),
        Purpose::Document => (Some("document"), true),
        Purpose::QuestionAnswering | Purpose::FactVerification | Purpose::CodeQuery => {
            (Some("query"), false)
        }
        Purpose::CodeDocument => (Some("document"), false),
        Purpose::Classification | Purpose::Clustering | Purpose::Similarity => (None, false),
    };
    if !exact {
        let reason = match word {
            Some(word) => format!("sent as `{word}`"),
            None => "the model's vendor has no word for it".to_owned(),
        };
        losses.add("input_type", reason);
    }
    word
}

impl Wire<RerankRequest, RerankResponse> for Voyage {
    fn path(&self) -> &'static str {
        "/rerank"
    }

    fn decode_request(&self, body: &Bytes) -> Result<Decoded<RerankRequest>, Rejection> {
        decode(body, |object, _| {
            let wants_documents = object.read("return_documents", |v| v.boolean())?;
            Ok(RerankRequest {
                query: object.require_string("query")?,
                documents: object.require("documents", |v| several(v, document))?,
                top: object.read("top_k", dimensions)?,
                return_documents: wants_documents.unwrap_or(false),
                truncate: object.read("truncation", |v| v.boolean())?,
                ..RerankRequest::default()
            })
        })
    }

    fn encode_request(&self, request: &RerankRequest, model: &str) -> Result<Encoded, Rejection> {
        let mut losses = Losses::default();
        let bound = request.max_tokens_per_document.is_some();
        lacks(&mut losses, &[("max_tokens_per_doc", bound)]);
        let documents = request.documents.iter();
        let body = RerankBody {
            model,
            query: &request.query,
            documents: documents.map(|document| document.text.as_str()).collect(),
            top_k: request.top,
            truncation: request.truncate,
        };
        Ok(encoded(&body, losses))
    }

    fn decode_response(
        &self,
        body: &[u8],
        request: &RerankRequest,
    ) -> Result<RerankResponse, Rejection> {
        answer::ranking(body, request)
    }

    fn encode_response(
        &self,
        answer: &RerankResponse,
        request: &RerankRequest,
        model: &str,
    ) -> Result<Vec<u8>, Rejection> {
        #[derive(Serialize)]
        struct Out<'a> {
            object: &'static str,
            data: Vec<RankedOut<&'a str>>,
            model: &'a str,
            usage: TotalUsage,
        }
        Ok(write::to_vec(&Out {
            object: "list",
            data: answer::ranked(answer, request, |document| document.text.as_str()),
            model,
            usage: (&answer.usage.unwrap_or_default()).into(),
        }))
    }

    fn request_fields(&self) -> &'static [Field] {
        RERANK_FIELDS
    }

    fn minimal_request(&self) -> &'static str {
        r#"{"model":"m","query":"q","documents":["a","b"]}"#
    }
}

#[derive(Serialize)]
struct RerankBody<'a> {
    model: &'a str,
    query: &'a str,
    documents: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncation: Option<bool>,
}

/// A document that is a text.
pub(super) fn document(value: Value<'_, '_>) -> Result<Ranked, Rejection> {
    let text = value.string()?.into_owned();
    Ok(Ranked { text, object: None })
}

const fn field(path: &'static str, sample: &'static str) -> Field {
    Field { path, sample }
}

#[rustfmt::skip]
const EMBEDDING_FIELDS: &[Field] = &[
    field("input", r#"{"input":["Hi","there"]}"#),
    field("input_type", r#"{"input_type":"query"}"#),
    field("truncation", r#"{"truncation":false}"#),
    field("output_dimension", r#"{"output_dimension":256}"#),
    field("output_dtype", r#"{"output_dtype":"int8"}"#),
    field("encoding_format", r#"{"encoding_format":"base64"}"#),
];

#[rustfmt::skip]
const RERANK_FIELDS: &[Field] = &[
    field("query", r#"{"query":"why"}"#),
    field("documents", r#"{"documents":["a","b","c"]}"#),
    field("top_k", r#"{"top_k":1}"#),
    field("return_documents", r#"{"return_documents":true}"#),
    field("truncation", r#"{"truncation":false}"#),
];
