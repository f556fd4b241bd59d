//! Counts the tokens of a request for vendors that do not: an estimate with a real vocabulary,
//! OpenAI's `o200k_base`, whatever the model. Bad input is refused as the vendor would.
//!
//! Never on a thread that serves calls, never more than a few counts at a time, and no vocabulary
//! in memory until the first. `docs/decisions/0005` gives the rates and their sources.

use std::sync::Arc;

use bytes::Bytes;
use tiktoken_rs::o200k_base_singleton;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;
use weir_dialect::ClientDialect;
use weir_model::{
    Block, Content, Kind, Media, MediaSource, OutputFormat, Rejection, Request, Source,
};

/// Counts under way at a time: each takes a core for as long as it runs.
const MAX_COUNTS: usize = 2;

/// Most bytes split in one go: the splitter keeps a stack that grows with a run of blanks.
const MAX_PIECE: usize = 64 << 10;

/// What frames a message, a tool call or a tool result; what opens the answer.
const PER_MESSAGE: u64 = 4;
const PER_ANSWER: u64 = 3;
/// A picture of 1024 by 1024 pixels in tiles of 512.
const PER_IMAGE: u64 = 765;
/// A dense page with its picture. How many pages a document has is not looked for.
const PER_DOCUMENT: u64 = 3000;
/// A minute, at ten tokens a second.
const PER_AUDIO: u64 = 600;

/// Counts requests, a few at a time.
#[derive(Debug)]
pub(crate) struct Counter(Arc<Semaphore>);

impl Default for Counter {
    fn default() -> Counter {
        Counter(Arc::new(Semaphore::new(MAX_COUNTS)))
    }
}

impl Counter {
    /// The tokens that the body of a token-count request most likely is.
    ///
    /// # Errors
    /// An invalid-request rejection that names the field; `Overloaded` when no turn comes in time.
    pub(crate) async fn count(
        &self,
        client: &'static dyn ClientDialect,
        body: Bytes,
        tasks: &TaskTracker,
        deadline: Instant,
    ) -> Result<u64, Rejection> {
        let turn = timeout_at(deadline, Arc::clone(&self.0).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            let message = "Too many token counts are under way. Try again later.";
            return Err(Rejection::new(Kind::Overloaded, Source::Gateway, message));
        };
        let counting = tasks.spawn_blocking(move || {
            // Held to the end even if the client leaves.
            let _turn = turn;
            Ok(of_request(&client.decode_counted(&body)?.value))
        });
        counting.await.unwrap_or_else(|error| {
            let message = "The gateway failed to count the tokens.";
            let rejection = Rejection::new(Kind::Internal, Source::Gateway, message);
            Err(rejection.with_private(error.to_string()))
        })
    }
}

fn of_request(request: &Request) -> u64 {
    let mut sum = PER_ANSWER;
    for message in &request.messages {
        let name = message.name.as_deref().map_or(0, |name| 1 + of_text(name));
        sum += PER_MESSAGE + name + of_blocks(&message.blocks);
    }
    // The punctuation of a tool's JSON is about what vendors frame it with.
    for tool in &request.tools {
        let description = tool.description.as_deref().unwrap_or_default();
        let texts = [&*tool.name, description, tool.parameters.get()];
        sum += texts.map(of_text).iter().sum::<u64>();
    }
    if let Some(OutputFormat::JsonSchema { schema, .. }) = &request.output {
        sum += of_text(schema.get());
    }
    sum
}

fn of_blocks(blocks: &[Block]) -> u64 {
    blocks.iter().map(|block| of_content(&block.content)).sum()
}

fn of_content(content: &Content) -> u64 {
    match content {
        Content::Text { text, .. } | Content::Refusal { text } => of_text(text),
        // Vendors do not count what a model thought in earlier turns.
        Content::Reasoning { .. } | Content::RedactedReasoning { .. } => 0,
        Content::ToolCall(call) => PER_MESSAGE + of_text(&call.name) + of_text(&call.arguments),
        Content::ToolResult(result) => PER_MESSAGE + of_blocks(&result.content),
        Content::Image(_) => PER_IMAGE,
        Content::Audio(_) => PER_AUDIO,
        Content::Document(Media { source, .. }) => match source {
            MediaSource::Text(text) => of_text(text),
            _ => PER_DOCUMENT,
        },
        Content::Opaque { json, .. } => of_text(json.get()),
    }
}

fn of_text(mut text: &str) -> u64 {
    let vocabulary = o200k_base_singleton();
    let mut sum = 0;
    while !text.is_empty() {
        let mut end = text.floor_char_boundary(MAX_PIECE);
        if end < text.len() {
            // Hardly any token goes on after the end of a line.
            end = text[..end].rfind('\n').map_or(end, |at| at + 1);
        }
        let (piece, rest) = text.split_at(end);
        sum += vocabulary.count_ordinary(piece) as u64;
        text = rest;
    }
    sum
}

#[cfg(test)]
mod tests;
