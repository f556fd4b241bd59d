//! What accounting needs of an answer of any shape, in one shallow walk. Vendors differ in where
//! they say it, never in what it means there.

use weir_model::{Kind, Rejection, Usage};

use crate::Receipt;
use crate::json::walk::Walk;
use crate::openai::{failure, scalar};

/// Reads an answer's receipt.
///
/// # Errors
/// The vendor's failure when the body holds one under a 200, else `Kind::Malformed`.
pub fn read_receipt(body: &[u8]) -> Result<Receipt, Rejection> {
    let mut receipt = Receipt::default();
    let mut answered = false;
    let walked = Walk::through(body, |walk| {
        walk.object(|walk, key| {
            match key {
                b"data" | b"embeddings" | b"embedding" | b"results" => {
                    answered = true;
                    walk.skip()?;
                }
                // OpenAI, Voyage, Jina; Google.
                b"usage" | b"usageMetadata" => read(walk, &mut receipt.usage)?,
                // Cohere.
                b"meta" => walk.object(|walk, key| match key {
                    b"billed_units" => read(walk, &mut receipt.usage),
                    _ => walk.skip().map(drop),
                })?,
                b"model" if walk.begins(b'"') => receipt.model_span = Some(walk.skip()?),
                _ => return walk.skip().map(drop),
            }
            Some(())
        })
    });
    if walked.is_some() && answered {
        return Ok(receipt);
    }
    Err(failure::bare(body).unwrap_or_else(not_an_answer))
}

/// The failure of a body that is not what was asked for.
pub(super) fn not_an_answer() -> Rejection {
    let message = "The provider's answer could not be understood.";
    Rejection::upstream(Kind::Malformed, message)
}

fn read(walk: &mut Walk<'_>, usage: &mut Option<Usage>) -> Option<()> {
    let (mut input, mut total, mut parts, mut searches) = (0, 0, 0, 0);
    walk.object(|walk, key| {
        let count = scalar::count(walk.raw()?);
        match key {
            b"prompt_tokens" | b"input_tokens" | b"promptTokenCount" => input = count,
            b"total_tokens" | b"totalTokenCount" => total = count,
            // Cohere's and Voyage's halves of an input with pictures.
            b"text_tokens" | b"image_tokens" => parts += count,
            b"search_units" => searches = count,
            _ => {}
        }
        Some(())
    })?;
    // Some vendors say the total alone, some a prompt of zero beside it.
    let input_tokens = if input > 0 { input } else { total.max(parts) };
    if input_tokens > 0 || searches > 0 {
        usage.get_or_insert_default().merge(&Usage {
            input_tokens,
            web_searches: searches,
            ..Usage::default()
        });
    }
    Some(())
}
