//! Google's generateContent, both sides: `POST /v1beta/models/{model}:generateContent`,
//! `:streamGenerateContent` and `:countTokens`, as in <https://ai.google.dev/api/generate-content>.
//!
//! The path says which model answers and whether it streams, so requests here may name no model. Parts
//! that only Google understands (code that it ran, video, ...) are carried as
//! [`weir_model::Content::Opaque`] of a kind that starts with `gemini:`, and go back out verbatim.
//! Nothing here trusts an answer or a stream to be well formed.

mod failure;
mod fields;
mod finish;
mod logprobs;
mod models;
mod native;
mod request;
mod response;
mod signature;
mod spoken;
mod stream;
mod usage;
mod wire;

pub(crate) use wire::camel;

use bytes::Bytes;
use http::HeaderMap;
use weir_model::{Cx, Dialect, Losses, Operation, Quirks, Rejection, Request, Response};

use crate::json::splice::Splices;
use crate::{
    ClientDialect, Decoded, Encoded, Field, Head, ModelCard, Receipt, StreamDecoder, StreamEncoder,
    UpstreamDialect,
};

/// The dialect, both sides.
#[derive(Clone, Copy, Debug)]
pub struct Gemini;

impl ClientDialect for Gemini {
    fn dialect(&self) -> Dialect {
        Dialect::Gemini
    }

    fn read_head<'a>(&self, operation: Operation, body: &'a [u8]) -> Result<Head<'a>, Rejection> {
        native::read_head(operation, body)
    }

    fn decode_request(&self, body: &Bytes) -> Result<Decoded<Request>, Rejection> {
        request::decode(body)
    }

    fn decode_counted(&self, body: &Bytes) -> Result<Decoded<Request>, Rejection> {
        request::decode_counted(body)
    }

    fn encode_response(&self, response: &Response, cx: &Cx<'_>) -> Decoded<Vec<u8>> {
        response::encode(response, cx)
    }

    fn stream_encoder(&self, _request: &Request, model: &str) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(model))
    }

    fn encode_rejection(&self, rejection: &Rejection, request_id: &str) -> Vec<u8> {
        failure::encode(rejection, request_id)
    }

    fn rejection_status(&self, rejection: &Rejection) -> u16 {
        failure::status(rejection)
    }

    fn encode_stream_rejection(&self, rejection: &Rejection, request_id: &str) -> Vec<u8> {
        stream::rejection(rejection, request_id)
    }

    fn encode_token_count(&self, input_tokens: u64) -> Vec<u8> {
        format!("{{\"totalTokens\":{input_tokens}}}").into_bytes()
    }

    /// A stream ends with its connection.
    fn stream_end(&self) -> &'static [u8] {
        b""
    }

    fn encode_models(&self, models: &[ModelCard]) -> Vec<u8> {
        models::encode_all(models)
    }

    fn encode_model(&self, model: &ModelCard) -> Vec<u8> {
        models::encode_one(model)
    }

    fn request_fields(&self) -> &'static [Field] {
        fields::FIELDS
    }

    fn minimal_request(&self) -> &'static str {
        fields::MINIMAL
    }
}

impl UpstreamDialect for Gemini {
    fn dialect(&self) -> Dialect {
        Dialect::Gemini
    }

    fn path(&self, operation: Operation) -> Option<&'static str> {
        match operation {
            Operation::Chat => Some("/models/{model}:generateContent"),
            Operation::CountTokens => Some("/models/{model}:countTokens"),
            _ => None,
        }
    }

    fn stream_path(&self, operation: Operation) -> Option<&'static str> {
        match operation {
            Operation::Chat => Some("/models/{model}:streamGenerateContent?alt=sse"),
            other => self.path(other),
        }
    }

    fn encode_request(&self, request: &Request, cx: &Cx<'_>) -> Result<Encoded, Rejection> {
        request::encode(request, cx)
    }

    fn native_edits(
        &self,
        _operation: Operation,
        head: &Head<'_>,
        upstream_model: &str,
        quirks: &Quirks,
    ) -> (Splices, Losses) {
        native::edits(head, upstream_model, quirks)
    }

    fn decode_response(&self, body: &[u8], cx: &Cx<'_>) -> Result<Response, Rejection> {
        response::decode(body, cx)
    }

    fn read_receipt(&self, operation: Operation, body: &[u8]) -> Result<Receipt, Rejection> {
        response::read_receipt(operation, body)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::<stream::Decoder>::default()
    }

    fn decode_failure(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Rejection {
        failure::decode(status, headers, body)
    }
}

#[cfg(test)]
mod tests;
