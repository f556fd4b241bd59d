//! OpenAI Responses, both sides: items instead of messages, and a stream that tells of each.
//!
//! Follows the reference at <https://platform.openai.com/docs/api-reference/responses>. Stateless
//! where it translates: what was stored is put into the request before, and reasoning travels encrypted.

mod carried;
mod echo;
mod fields;
mod finish;
mod native;
mod proof;
mod request;
mod response;
pub mod stored;
mod stream;
mod usage;
mod wire;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::json;
use weir_model::{Cx, Dialect, Losses, Operation, Quirks, Rejection, Request, Response};

use crate::json::splice::Splices;
use crate::openai::{failure, head, models, rejection};
use crate::{
    ClientDialect, Decoded, Encoded, Field, Head, ModelCard, Receipt, StreamDecoder, StreamEncoder,
    UpstreamDialect,
};

/// The dialect, both sides.
#[derive(Clone, Copy, Debug)]
pub struct OpenAiResponses;

impl ClientDialect for OpenAiResponses {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiResponses
    }

    fn read_head<'a>(&self, _: Operation, body: &'a [u8]) -> Result<Head<'a>, Rejection> {
        head::read(body, &["max_output_tokens"])
    }

    fn decode_request(&self, body: &Bytes) -> Result<Decoded<Request>, Rejection> {
        request::decode(body)
    }

    fn encode_response(&self, response: &Response, cx: &Cx<'_>) -> Decoded<Vec<u8>> {
        response::encode(response, &Request::default(), cx)
    }

    fn encode_answer(
        &self,
        response: &Response,
        request: &Request,
        cx: &Cx<'_>,
    ) -> Decoded<Vec<u8>> {
        response::encode(response, request, cx)
    }

    fn stream_encoder(&self, request: &Request, model: &str) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(request, model))
    }

    /// The request id travels in a header only, as OpenAI's does.
    fn encode_rejection(&self, rejection: &Rejection, _request_id: &str) -> Vec<u8> {
        rejection::encode(rejection)
    }

    fn rejection_status(&self, rejection: &Rejection) -> u16 {
        rejection::status(rejection)
    }

    fn encode_stream_rejection(&self, rejection: &Rejection, _request_id: &str) -> Vec<u8> {
        stream::rejection(rejection, 0)
    }

    fn encode_token_count(&self, input_tokens: u64) -> Vec<u8> {
        let count = json!({ "object": "response.input_tokens", "input_tokens": input_tokens });
        crate::json::write::to_vec(&count)
    }

    /// Nothing: the event `response.completed` has all that a client could wait for.
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

impl UpstreamDialect for OpenAiResponses {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiResponses
    }

    fn path(&self, operation: Operation) -> Option<&'static str> {
        match operation {
            Operation::Chat => Some("/responses"),
            Operation::CountTokens => Some("/responses/input_tokens"),
            Operation::Compact => Some("/responses/compact"),
            _ => None,
        }
    }

    fn encode_request(&self, request: &Request, cx: &Cx<'_>) -> Result<Encoded, Rejection> {
        request::encode(request, cx)
    }

    fn native_edits(
        &self,
        _: Operation,
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
