//! Cohere's v2 chat, both sides: `POST /v2/chat`, as in <https://docs.cohere.com/reference/chat>.
//!
//! Documents stand beside the messages and are carried as documents of the last turn of the user; the
//! plan before a tool call is a text. Parts that only Cohere understands are carried as
//! [`weir_model::Content::Opaque`] of a kind that starts with `cohere:`, and go back out verbatim.
//! Nothing here trusts an answer or a stream to be well formed.

mod citation;
mod failure;
mod fields;
mod finish;
mod logprobs;
mod models;
mod name;
mod request;
mod response;
mod stream;
mod usage;
mod wire;

use bytes::Bytes;
use http::HeaderMap;
use weir_model::{Cx, Dialect, Losses, Operation, Quirks, Rejection, Request, Response};

use crate::json::splice::Splices;
use crate::openai::quirks::{edit_fields, edit_model};
use crate::{
    ClientDialect, Decoded, Encoded, Field, Head, ModelCard, Receipt, StreamDecoder, StreamEncoder,
    UpstreamDialect,
};

/// How the kinds of blocks begin that only Cohere understands.
const OPAQUE: &str = "cohere:";

/// Whether the header `x-fern-sdk-name` is that of one of Cohere's own SDKs.
pub fn is_sdk(name: &[u8]) -> bool {
    memchr::memmem::find(name, b"cohere").is_some()
}

/// The dialect, both sides.
#[derive(Clone, Copy, Debug)]
pub struct CohereChat;

impl ClientDialect for CohereChat {
    fn dialect(&self) -> Dialect {
        Dialect::CohereChat
    }

    fn read_head<'a>(&self, _: Operation, body: &'a [u8]) -> Result<Head<'a>, Rejection> {
        crate::openai::head::read(body, &["max_tokens"])
    }

    fn decode_request(&self, body: &Bytes) -> Result<Decoded<Request>, Rejection> {
        request::decode(body)
    }

    fn encode_response(&self, response: &Response, cx: &Cx<'_>) -> Decoded<Vec<u8>> {
        response::encode(response, cx)
    }

    /// Cohere's streams name no model.
    fn stream_encoder(&self, _request: &Request, _model: &str) -> Box<dyn StreamEncoder> {
        Box::<stream::Encoder>::default()
    }

    fn encode_rejection(&self, rejection: &Rejection, request_id: &str) -> Vec<u8> {
        failure::encode(rejection, request_id)
    }

    fn rejection_status(&self, rejection: &Rejection) -> u16 {
        failure::status(rejection)
    }

    fn encode_stream_rejection(&self, rejection: &Rejection, _request_id: &str) -> Vec<u8> {
        stream::rejection(rejection)
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

    /// Cohere counts no chats; this is how the answers of its other operations tell what they used.
    fn encode_token_count(&self, input_tokens: u64) -> Vec<u8> {
        format!("{{\"meta\":{{\"tokens\":{{\"input_tokens\":{input_tokens}}}}}}}").into_bytes()
    }

    fn request_fields(&self) -> &'static [Field] {
        fields::FIELDS
    }

    fn minimal_request(&self) -> &'static str {
        fields::MINIMAL
    }
}

impl UpstreamDialect for CohereChat {
    fn dialect(&self) -> Dialect {
        Dialect::CohereChat
    }

    fn path(&self, operation: Operation) -> Option<&'static str> {
        match operation {
            Operation::Chat => Some("/v2/chat"),
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
        let mut edits = Splices::default();
        edit_model(head, upstream_model, quirks, &mut edits);
        let losses = edit_fields(head, quirks, &mut edits);
        (edits, losses)
    }

    fn decode_response(&self, body: &[u8], cx: &Cx<'_>) -> Result<Response, Rejection> {
        response::decode(body, cx)
    }

    fn read_receipt(&self, _: Operation, body: &[u8]) -> Result<Receipt, Rejection> {
        response::read_receipt(body)
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
