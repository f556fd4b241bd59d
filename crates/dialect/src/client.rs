//! What a dialect does for clients that speak it.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use weir_model::{Cx, Dialect, Event, Losses, Operation, Rejection, Request, Response};

use crate::Field;
use crate::json::scan::TopLevel;

/// The client side of a dialect. Stateless.
pub trait ClientDialect: Send + Sync {
    /// Which one it is.
    fn dialect(&self) -> Dialect;

    /// Reads what the gateway must know of a request body, in one shallow scan: nested values are
    /// checked for balance only.
    ///
    /// # Errors
    /// An invalid-request rejection when the body is not a JSON object, names no model (where the
    /// dialect names it in the body and not in the path), or has a field of the wrong type among
    /// those read.
    fn read_head<'a>(&self, operation: Operation, body: &'a [u8]) -> Result<Head<'a>, Rejection>;

    /// Decodes a chat request whole. Fields that the model has no word for are losses.
    ///
    /// # Errors
    /// An invalid-request rejection that names the field.
    fn decode_request(&self, body: &Bytes) -> Result<Decoded<Request>, Rejection>;

    /// Decodes a token-count request: a chat request that says nothing of its answer.
    ///
    /// # Errors
    /// An invalid-request rejection that names the field.
    fn decode_counted(&self, body: &Bytes) -> Result<Decoded<Request>, Rejection> {
        self.decode_request(body)
    }

    /// Encodes a whole answer as a JSON body. `response.model` is already what the client asked for.
    fn encode_response(&self, response: &Response, cx: &Cx<'_>) -> Decoded<Vec<u8>>;

    /// The same for an answer to `request`, of which some dialects repeat a part.
    fn encode_answer(
        &self,
        response: &Response,
        _request: &Request,
        cx: &Cx<'_>,
    ) -> Decoded<Vec<u8>> {
        self.encode_response(response, cx)
    }

    /// Encodes a streamed answer to `request`, event by event. `model` is what the client asked for.
    fn stream_encoder(&self, request: &Request, model: &str) -> Box<dyn StreamEncoder>;

    /// The JSON body of an error answer. Its HTTP status is [`Self::rejection_status`].
    fn encode_rejection(&self, rejection: &Rejection, request_id: &str) -> Vec<u8>;

    /// The HTTP status of an error answer: `rejection.status`, but where the vendor's own differs.
    fn rejection_status(&self, rejection: &Rejection) -> u16 {
        rejection.status
    }

    /// The last frames of a stream that fails after it began: an error, then whatever ends a
    /// stream in this dialect. Written to a native stream too, so it must not depend on an encoder.
    fn encode_stream_rejection(&self, rejection: &Rejection, request_id: &str) -> Vec<u8>;

    /// Whether clients send the proofs of reasoning back that they were given: their vendor makes them.
    fn returns_proofs(&self) -> bool {
        false
    }

    /// What ends a stream that went well, for an upstream that stopped without it.
    fn stream_end(&self) -> &'static [u8];

    /// The list of models.
    fn encode_models(&self, models: &[ModelCard]) -> Vec<u8>;

    /// One model of the list.
    fn encode_model(&self, model: &ModelCard) -> Vec<u8>;

    /// The answer to a token count.
    fn encode_token_count(&self, input_tokens: u64) -> Vec<u8>;

    /// Every request field in the vendor's current reference, with a sample.
    fn request_fields(&self) -> &'static [Field];

    /// The smallest request that the vendor accepts; samples of [`Self::request_fields`] are merged into it.
    fn minimal_request(&self) -> &'static str;
}

/// What the gateway knows of a request without decoding it.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// The body that was read.
    pub body: &'a [u8],
    /// The model as the client named it; empty where only the path does.
    pub model: Cow<'a, str>,
    /// Where its JSON string stands in the body, quotes included; empty where only the path names it.
    pub model_span: Range<usize>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether the client asked for usage in the stream (always true where the dialect always sends it).
    pub stream_usage: bool,
    /// The bound of the answer in tokens, where the client set one.
    pub max_output_tokens: Option<u64>,
    /// The fields of the body, for edits.
    pub fields: TopLevel,
}

/// A model as clients see it in lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCard {
    /// The name to call it by.
    pub id: String,
    /// Who offers it.
    pub owned_by: String,
}

/// Something decoded, and what was lost on the way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded<T> {
    /// The thing.
    pub value: T,
    /// What it could not carry.
    pub losses: Losses,
}

/// Encodes one streamed answer. Emits complete frames only.
pub trait StreamEncoder: Send {
    /// Appends the frames for `event` to `out`; often none. After `End` or `Failed` the stream is
    /// terminated as the dialect demands, whatever was still open.
    fn encode(&mut self, event: &Event, cx: &Cx<'_>, out: &mut Vec<u8>);
}
