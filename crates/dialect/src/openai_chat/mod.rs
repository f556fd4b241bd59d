//! OpenAI Chat Completions, both sides, and what the many APIs shaped like it add to it.
//!
//! Follows the reference at <https://platform.openai.com/docs/api-reference/chat>. Reads leniently
//! what vendors answer, strictly what clients ask; writes only what OpenAI itself accepts, but for
//! the departures that a provider's [`Quirks`] name.

mod call_ids;
mod fields;
mod finish;
mod head;
mod quirks;
pub mod realtime;
mod reasoning;
mod request;
mod response;
mod stream;
mod usage;
mod wire;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::json;
use weir_model::{Cx, Dialect, Losses, Operation, Quirks, Rejection, Request, Response};

use crate::json::splice::Splices;
use crate::openai::{failure, models, rejection};
use crate::openai_operations;
use crate::{
    ClientDialect, Decoded, Encoded, Field, Head, ModelCard, Receipt, StreamDecoder, StreamEncoder,
    UpstreamDialect,
};

/// The dialect, both sides.
#[derive(Clone, Copy, Debug)]
pub struct OpenAiChat;

impl ClientDialect for OpenAiChat {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiChat
    }

    fn read_head<'a>(&self, operation: Operation, body: &'a [u8]) -> Result<Head<'a>, Rejection> {
        match operation {
            Operation::ClientSecret => realtime::read_head(body),
            operation if operation.is_chat() => head::read(body),
            operation => openai_operations::read_head(operation, body),
        }
    }

    fn decode_request(&self, body: &Bytes) -> Result<Decoded<Request>, Rejection> {
        request::decode(body)
    }

    fn encode_response(&self, response: &Response, cx: &Cx<'_>) -> Decoded<Vec<u8>> {
        response::encode(response, cx)
    }

    fn stream_encoder(&self, request: &Request, model: &str) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(request.stream_usage, model))
    }

    /// The request id travels in a header only, as OpenAI's does.
    fn encode_rejection(&self, rejection: &Rejection, _request_id: &str) -> Vec<u8> {
        rejection::encode(rejection)
    }

    fn rejection_status(&self, rejection: &Rejection) -> u16 {
        rejection::status(rejection)
    }

    fn encode_stream_rejection(&self, rejection: &Rejection, _request_id: &str) -> Vec<u8> {
        stream::rejection(rejection)
    }

    /// Chat Completions has no token count; this is the shape of the one that Responses has.
    fn encode_token_count(&self, input_tokens: u64) -> Vec<u8> {
        let count = json!({ "object": "response.input_tokens", "input_tokens": input_tokens });
        crate::json::write::to_vec(&count)
    }

    fn stream_end(&self) -> &'static [u8] {
        b"data: [DONE]\n\n"
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

impl UpstreamDialect for OpenAiChat {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiChat
    }

    fn path(&self, operation: Operation) -> Option<&'static str> {
        match operation {
            Operation::Chat => Some("/chat/completions"),
            Operation::Completion => Some("/completions"),
            Operation::Realtime => Some("/realtime?model={model}"),
            Operation::ClientSecret => Some("/realtime/client_secrets"),
            operation => openai_operations::path(operation),
        }
    }

    fn encode_request(&self, request: &Request, cx: &Cx<'_>) -> Result<Encoded, Rejection> {
        request::encode(request, cx)
    }

    fn native_edits(
        &self,
        operation: Operation,
        head: &Head<'_>,
        upstream_model: &str,
        quirks: &Quirks,
    ) -> (Splices, Losses) {
        quirks::native_edits(operation, head, upstream_model, quirks)
    }

    fn decode_response(&self, body: &[u8], cx: &Cx<'_>) -> Result<Response, Rejection> {
        response::decode(body, cx)
    }

    fn read_receipt(&self, operation: Operation, body: &[u8]) -> Result<Receipt, Rejection> {
        match operation {
            // It bills nothing.
            Operation::ClientSecret => Ok(Receipt::default()),
            operation if operation.is_chat() => response::read_receipt(body),
            operation => openai_operations::read_receipt(operation, body),
        }
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::<stream::Decoder>::default()
    }

    fn decode_failure(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Rejection {
        failure::decode(status, headers, body)
    }
}

#[cfg(test)]
pub(crate) use stream::rejection as stream_rejection;
#[cfg(test)]
mod tests;
