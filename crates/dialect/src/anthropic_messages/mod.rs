//! Anthropic Messages, both sides: `POST /v1/messages` and `POST /v1/messages/count_tokens`, as in
//! <https://platform.claude.com/docs/en/api/messages>.
//!
//! Blocks that only Anthropic understands (server tools and their results, compaction, ...) are
//! carried as [`weir_model::Content::Opaque`] of a kind that starts with `anthropic:`, and go back
//! out verbatim. Nothing here trusts an answer or a stream to be well formed.

mod failure;
mod fields;
mod models;
mod native;
mod request;
mod response;
mod stream;
mod usage;
mod wire;

use bytes::Bytes;
use http::HeaderMap;
use weir_model::{Cx, Dialect, Kind, Losses, Operation, Quirks, Rejection, Request, Response};

use crate::json::splice::Splices;
use crate::json::write;
use crate::{
    ClientDialect, Decoded, Encoded, Field, Head, ModelCard, Receipt, StreamDecoder, StreamEncoder,
    UpstreamDialect,
};

/// The dialect, both sides.
#[derive(Clone, Copy, Debug)]
pub struct AnthropicMessages;

impl ClientDialect for AnthropicMessages {
    fn dialect(&self) -> Dialect {
        Dialect::AnthropicMessages
    }

    fn read_head<'a>(&self, operation: Operation, body: &'a [u8]) -> Result<Head<'a>, Rejection> {
        native::read_head(operation, body)
    }

    fn decode_request(&self, body: &Bytes) -> Result<Decoded<Request>, Rejection> {
        request::decode(Operation::Chat, body)
    }

    fn decode_counted(&self, body: &Bytes) -> Result<Decoded<Request>, Rejection> {
        request::decode(Operation::CountTokens, body)
    }

    fn encode_response(&self, response: &Response, cx: &Cx<'_>) -> Decoded<Vec<u8>> {
        response::encode(response, cx)
    }

    fn stream_encoder(&self, _request: &Request, model: &str) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(model))
    }

    fn encode_rejection(&self, rejection: &Rejection, request_id: &str) -> Vec<u8> {
        write::to_vec(&failure::ErrorBody::new(rejection, request_id))
    }

    fn rejection_status(&self, rejection: &Rejection) -> u16 {
        match rejection.kind {
            Kind::Overloaded => 529,
            _ => rejection.status,
        }
    }

    fn encode_stream_rejection(&self, rejection: &Rejection, request_id: &str) -> Vec<u8> {
        stream::rejection(rejection, request_id)
    }

    fn encode_token_count(&self, input_tokens: u64) -> Vec<u8> {
        format!("{{\"input_tokens\":{input_tokens}}}").into_bytes()
    }

    fn returns_proofs(&self) -> bool {
        true
    }

    fn stream_end(&self) -> &'static [u8] {
        b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
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

impl UpstreamDialect for AnthropicMessages {
    fn dialect(&self) -> Dialect {
        Dialect::AnthropicMessages
    }

    fn path(&self, operation: Operation) -> Option<&'static str> {
        match operation {
            Operation::Chat => Some("/v1/messages"),
            Operation::CountTokens => Some("/v1/messages/count_tokens"),
            _ => None,
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

    fn decode_response(&self, body: &[u8], _cx: &Cx<'_>) -> Result<Response, Rejection> {
        response::decode(body)
    }

    fn read_receipt(&self, operation: Operation, body: &[u8]) -> Result<Receipt, Rejection> {
        response::read_receipt(operation, body)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn decode_failure(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Rejection {
        failure::decode(status, headers, body)
    }
}

#[cfg(test)]
mod tests;
