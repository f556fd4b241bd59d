//! Cohere's reranking.

use std::fmt::Write;

use bytes::Bytes;
use serde::Serialize;
use weir_model::{Losses, Ranked, Rejection, RerankRequest, RerankResponse};

use super::super::answer::{self, DocumentOut, RankedOut};
use super::super::input::several;
use super::super::openai::dimensions;
use super::super::voyage::document;
use super::super::{ONLY_HERE, Wire, decode, encoded, lacks};
use super::{Cohere, Meta, meta};
use crate::json::read::Value;
use crate::json::write;
use crate::openai::read::each;
use crate::{Decoded, Encoded, Field};

impl Wire<RerankRequest, RerankResponse> for Cohere {
    fn path(&self) -> &'static str {
        match self.v1 {
            true => "/v1/rerank",
            false => "/v2/rerank",
        }
    }

    fn decode_request(&self, body: &Bytes) -> Result<Decoded<RerankRequest>, Rejection> {
        decode(body, |object, losses| {
            let fields = object.read("rank_fields", |v| {
                each(v, |name| Ok(name.string()?.into_owned()))
            })?;
            for field in ["max_chunks_per_doc", "relevant_spans", "priority"] {
                object.lose(field, ONLY_HERE, losses);
            }
            let fields = fields.unwrap_or_default();
            let wants_documents = object.read("return_documents", |v| v.boolean())?;
            Ok(RerankRequest {
                query: object.require_string("query")?,
                documents: object.require("documents", |v| {
                    several(v, |document| ranked(document, &fields))
                })?,
                top: object.read("top_n", dimensions)?,
                return_documents: wants_documents.unwrap_or(false),
                max_tokens_per_document: object.read("max_tokens_per_doc", dimensions)?,
                ..RerankRequest::default()
            })
        })
    }

    fn encode_request(&self, request: &RerankRequest, model: &str) -> Result<Encoded, Rejection> {
        let mut losses = Losses::default();
        lacks(&mut losses, &[("truncation", request.truncate.is_some())]);
        let documents = request.documents.iter();
        let body = Body {
            model,
            query: &request.query,
            documents: documents.map(|document| document.text.as_str()).collect(),
            top_n: request.top,
            max_tokens_per_doc: request.max_tokens_per_document,
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
        _model: &str,
    ) -> Result<Vec<u8>, Rejection> {
        #[derive(Serialize)]
        struct Out<'a> {
            id: &'a str,
            results: Vec<RankedOut<DocumentOut<'a>>>,
            meta: Meta,
        }
        Ok(write::to_vec(&Out {
            id: answer.id.as_deref().unwrap_or_default(),
            results: answer::ranked(answer, request, DocumentOut::from),
            meta: meta(self.v1, answer.usage.as_ref()),
        }))
    }

    fn request_fields(&self) -> &'static [Field] {
        match self.v1 {
            true => V1_FIELDS,
            false => V2_FIELDS,
        }
    }

    fn minimal_request(&self) -> &'static str {
        r#"{"model":"m","query":"q","documents":["a","b"]}"#
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    query: &'a str,
    documents: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens_per_doc: Option<u32>,
}

/// A text, or an object of which some fields are read: as YAML, which is how Cohere's v2 wants
/// what v1 took as objects.
fn ranked(value: Value<'_, '_>, fields: &[String]) -> Result<Ranked, Rejection> {
    if !value.is_object() {
        return document(value);
    }
    let mut object = value.object()?;
    let mut text = String::new();
    if fields.is_empty() {
        text = object.require_string("text")?;
    }
    for field in fields {
        if let Some(read) = object.read_string(field)? {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{field}: {read}");
        }
    }
    if text.is_empty() {
        return Err(value.invalid("none of the fields to be read has a text"));
    }
    let object = Some(value.json());
    Ok(Ranked { text, object })
}

const fn field(path: &'static str, sample: &'static str) -> Field {
    Field { path, sample }
}

#[rustfmt::skip]
const V2_FIELDS: &[Field] = &[
    field("query", r#"{"query":"why"}"#),
    field("documents", r#"{"documents":["a","b","c"]}"#),
    field("top_n", r#"{"top_n":1}"#),
    field("max_tokens_per_doc", r#"{"max_tokens_per_doc":100}"#),
    field("relevant_spans", r#"{"relevant_spans":{"mode":"enabled"}}"#),
    field("priority", r#"{"priority":1}"#),
];

#[rustfmt::skip]
const V1_FIELDS: &[Field] = &[
    field("query", r#"{"query":"why"}"#),
    field("documents (texts)", r#"{"documents":["a","b","c"]}"#),
    field("documents (objects)", r#"{"documents":[{"text":"a"},{"text":"b"}]}"#),
    field("rank_fields", r#"{"rank_fields":["title"],"documents":[{"title":"a","text":"b"}]}"#),
    field("top_n", r#"{"top_n":1}"#),
    field("return_documents", r#"{"return_documents":true}"#),
    field("max_chunks_per_doc", r#"{"max_chunks_per_doc":10}"#),
];
