//! How many tokens a call used, in one convention for all vendors.

use serde::Serialize;

/// Tokens of one call. Classes inside a total are named with it: a cache read is an input token too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// All input, cache reads and writes included.
    pub input_tokens: u64,
    /// Part of `input_tokens` read from the vendor's prompt cache.
    pub cache_read_tokens: u64,
    /// Part of `input_tokens` written to the vendor's prompt cache, whatever the lifetime.
    pub cache_write_tokens: u64,
    /// Part of `cache_write_tokens` written for an hour.
    pub cache_write_1h_tokens: u64,
    /// Part of `input_tokens` that was sound.
    pub input_audio_tokens: u64,
    /// All output, reasoning included.
    pub output_tokens: u64,
    /// Part of `output_tokens` spent on reasoning.
    pub reasoning_tokens: u64,
    /// Part of `output_tokens` that was sound.
    pub output_audio_tokens: u64,
    /// Searches that the vendor bills apiece: those that it ran for the model, and the search units of
    /// reranking.
    pub web_searches: u64,
    /// Pictures made.
    #[serde(skip_serializing_if = "is_none")]
    pub images: u64,
    /// Sound heard and billed by its length, in milliseconds.
    #[serde(skip_serializing_if = "is_none")]
    pub audio_ms: u64,
    /// Characters of text to be spoken.
    #[serde(skip_serializing_if = "is_none")]
    pub characters: u64,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Usage {
    /// Input and output together.
    pub const fn total_tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// Merges a later report of the same call. Vendors repeat running totals, so the larger
    /// figure of each class wins.
    pub fn merge(&mut self, later: &Usage) {
        for (mine, theirs) in self.pairs(later) {
            *mine = theirs.max(*mine);
        }
    }

    /// Adds what another call used.
    pub fn add(&mut self, other: &Usage) {
        for (mine, theirs) in self.pairs(other) {
            *mine = mine.saturating_add(theirs);
        }
    }

    fn pairs(&mut self, other: &Usage) -> [(&mut u64, u64); 12] {
        [
            (&mut self.input_tokens, other.input_tokens),
            (&mut self.cache_read_tokens, other.cache_read_tokens),
            (&mut self.cache_write_tokens, other.cache_write_tokens),
            (&mut self.cache_write_1h_tokens, other.cache_write_1h_tokens),
            (&mut self.input_audio_tokens, other.input_audio_tokens),
            (&mut self.output_tokens, other.output_tokens),
            (&mut self.reasoning_tokens, other.reasoning_tokens),
            (&mut self.output_audio_tokens, other.output_audio_tokens),
            (&mut self.web_searches, other.web_searches),
            (&mut self.images, other.images),
            (&mut self.audio_ms, other.audio_ms),
            (&mut self.characters, other.characters),
        ]
    }
}
