//! What accounting needs from a whole answer. Follows
//! <https://platform.openai.com/docs/api-reference/images> and `/audio`, and what others make of them.

use weir_model::{Kind, Operation, Rejection, Usage};

use crate::Receipt;
use crate::json::walk::Walk;
use crate::openai::failure;
use crate::openai::scalar::count;

/// Reads what accounting needs from a whole answer.
///
/// # Errors
/// The vendor's failure when the body holds one under a 200, else `Kind::Malformed`.
pub fn read_receipt(operation: Operation, body: &[u8]) -> Result<Receipt, Rejection> {
    let malformed = || {
        let message = "The provider's answer could not be understood.";
        Rejection::upstream(Kind::Malformed, message)
    };
    let mut told = None;
    let mut units = Usage::default();
    let mut receipt = Receipt::default();
    let mut error = None;
    let read = |walk: &mut Walk<'_>| {
        if !walk.begins(b'{') {
            return None;
        }
        walk.object(|walk, key| match key {
            b"usage" => usage(walk).map(|usage| told = usage),
            b"error" => walk.skip().map(|span| error = Some(span)),
            b"model" => walk.skip().map(|span| receipt.model_span = Some(span)),
            b"data" if is_image(operation) => walk.array(|walk| {
                units.images += 1;
                walk.skip().map(drop)
            }),
            // Of the sound that was heard, where usage does not say.
            b"duration" => walk.raw().map(|raw| units.audio_ms = millis(raw)),
            _ => walk.skip().map(drop),
        })
    };
    Walk::through(body, read).ok_or_else(malformed)?;
    if let Some(span) = error {
        return Err(match serde_json::from_slice(&body[span]) {
            Ok(error) => failure::under_200(error),
            Err(_) => malformed(),
        });
    }
    // Sound that is billed by its tokens is not billed by its length as well.
    if told.is_some() {
        units.audio_ms = 0;
    }
    receipt.usage = told;
    if units != Usage::default() {
        receipt.usage.get_or_insert_default().merge(&units);
    }
    Ok(receipt)
}

/// Whether pictures are what it makes.
pub(super) fn is_image(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::ImageGeneration | Operation::ImageEdit | Operation::ImageVariation
    )
}

/// Reads a usage report; the inner option is `None` for what is no object.
pub(super) fn usage(walk: &mut Walk<'_>) -> Option<Option<Usage>> {
    if !walk.begins(b'{') {
        return walk.skip().map(|_| None);
    }
    let mut usage = Usage::default();
    walk.object(|walk, key| match key {
        b"input_tokens" | b"prompt_tokens" => set(&mut usage.input_tokens, walk),
        b"output_tokens" | b"completion_tokens" => set(&mut usage.output_tokens, walk),
        b"input_token_details" | b"input_tokens_details" => {
            let usage = &mut usage;
            walk.object(|walk, key| match key {
                b"audio_tokens" => set(&mut usage.input_audio_tokens, walk),
                b"cached_tokens" => set(&mut usage.cache_read_tokens, walk),
                _ => walk.skip().map(drop),
            })
        }
        b"seconds" => walk.raw().map(|raw| usage.audio_ms = millis(raw)),
        _ => walk.skip().map(drop),
    })?;
    Some(Some(usage))
}

fn set(tokens: &mut u64, walk: &mut Walk<'_>) -> Option<()> {
    *tokens = count(walk.raw()?).max(*tokens);
    Some(())
}

/// Seconds, a number or the text of one, as milliseconds.
fn millis(raw: &[u8]) -> u64 {
    let text = std::str::from_utf8(raw).unwrap_or_default();
    let seconds: f64 = text.trim_matches('"').parse().unwrap_or(0.0);
    // Casts from floats saturate, and take NaN to zero.
    (seconds * 1000.0).ceil() as u64
}
