//! The client's name of a model, where the vendor puts its own.

use bytes::Bytes;
use weir_dialect::StreamDecoder;
use weir_dialect::json::{splice::Splices, write};
use weir_dialect::sse::Frame;

/// Puts the client's name where the vendor names its model.
pub(super) fn rename(frame: &Frame, alias: &[u8], decoder: &dyn StreamDecoder) -> Bytes {
    let (Some(data), Some(at)) = (frame.data(), frame.data_span()) else {
        return frame.raw.clone();
    };
    let Some(span) = decoder.model_span(data) else {
        return frame.raw.clone();
    };
    let mut splices = Splices::default();
    splices.replace(at.start + span.start..at.start + span.end, alias);
    splices.apply(&frame.raw)
}

/// The name for [`Way::Native`], as a JSON string.
pub(crate) fn alias_json(alias: &str) -> Vec<u8> {
    write::string(alias)
}
