//! What a dialect does towards vendors that speak it.

use std::ops::Range;

use http::HeaderMap;
use weir_model::{
    Cx, Dialect, Event, FinishReason, Losses, Operation, Quirks, Rejection, Request, Response,
    Usage,
};

use crate::Head;
use crate::json::splice::Splices;

/// The upstream side of a dialect. Stateless.
pub trait UpstreamDialect: Send + Sync {
    /// Which one it is.
    fn dialect(&self) -> Dialect;

    /// The path below the provider's base URL, with its leading slash; `None` when the dialect
    /// has no such operation. `{model}` in it stands for the upstream's name of the model.
    fn path(&self, operation: Operation) -> Option<&'static str>;

    /// The same for a streamed answer, with its query, where the dialect asks for one there.
    fn stream_path(&self, operation: Operation) -> Option<&'static str> {
        self.path(operation)
    }

    /// Encodes a chat request for the target. `request.model` is already the upstream's name.
    ///
    /// # Errors
    /// When the request cannot be expressed at all in this dialect.
    fn encode_request(&self, request: &Request, cx: &Cx<'_>) -> Result<Encoded, Rejection>;

    /// The edits that make a client's own body fit the target: the model's name, usage asked for,
    /// fields that the provider refuses or names otherwise. Losses are the dropped fields.
    fn native_edits(
        &self,
        operation: Operation,
        head: &Head<'_>,
        upstream_model: &str,
        quirks: &Quirks,
    ) -> (Splices, Losses);

    /// Decodes a whole answer to a chat request.
    ///
    /// # Errors
    /// The vendor's failure when the body holds one, else `Kind::Malformed`.
    fn decode_response(&self, body: &[u8], cx: &Cx<'_>) -> Result<Response, Rejection>;

    /// Reads what accounting needs from a whole answer, in one shallow scan.
    ///
    /// # Errors
    /// The vendor's failure when the body holds one under a 200, else `Kind::Malformed`.
    fn read_receipt(&self, operation: Operation, body: &[u8]) -> Result<Receipt, Rejection>;

    /// Decodes a streamed answer, frame by frame.
    fn stream_decoder(&self) -> Box<dyn StreamDecoder>;

    /// What an answer with a status other than 2xx means. `Retry-After` and the vendor's code,
    /// parameter and message are kept; 401 and 403 become `Kind::UpstreamAuth`. The public message
    /// of a body that is not the vendor's error shape (an HTML page of a proxy, say) never quotes it.
    fn decode_failure(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Rejection;
}

/// A request ready to send.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// The JSON body.
    pub body: Vec<u8>,
    /// Headers that the body depends on, such as a beta that one of its fields needs.
    pub headers: Vec<(&'static str, String)>,
    /// What the body could not carry.
    pub losses: Losses,
}

/// What accounting needs from a whole answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What was used; `None` when the vendor did not say.
    pub usage: Option<Usage>,
    /// Why the first answer ended.
    pub finish: Option<FinishReason>,
    /// Where the model's name stands in the body as a JSON string, quotes included.
    pub model_span: Option<Range<usize>>,
}

/// Decodes one streamed answer. The events that it emits keep the laws of the grammar.
pub trait StreamDecoder: Send {
    /// Takes the next frame: `event` is the SSE event name (empty when absent), `data` its data.
    /// Corrupt data becomes `Failed`; frames of unknown type are passed over as `Opaque`.
    fn decode(&mut self, event: &str, data: &[u8], cx: &Cx<'_>, out: &mut Vec<Event>);

    /// The upstream closed its stream. Emits what is missing for a lawful end: nothing after `End`
    /// or `Failed`; `End` when all that the dialect demands has come; else `Failed(Malformed)`.
    fn finish(&mut self, cx: &Cx<'_>, out: &mut Vec<Event>);

    /// Where the model's name stands in this frame's data as a JSON string, quotes included.
    fn model_span(&self, data: &[u8]) -> Option<Range<usize>>;
}
