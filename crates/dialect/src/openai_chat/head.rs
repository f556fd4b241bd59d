//! What the gateway must know of a request, for all operations of the dialect.

use weir_model::Rejection;

use crate::Head;
use crate::openai::head::{self, value};

pub(super) fn read(body: &[u8]) -> Result<Head<'_>, Rejection> {
    let mut head = head::read(body, &["max_completion_tokens", "max_tokens"])?;
    head.stream_usage = match value(body, &head.fields, "stream_options") {
        Some(options) => options
            .object()?
            .read("include_usage", |v| v.boolean())?
            .unwrap_or(false),
        None => false,
    };
    Ok(head)
}
