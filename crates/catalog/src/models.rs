//! Models: limits, abilities and prices, read from `data/models.json`, and the search for the entry
//! that a name means. It promises that the most telling pattern wins; it never invents a price.

use std::collections::HashMap;

use serde::Deserialize;
use weir_model::{Capabilities, Price, Usage};

use crate::glob;

/// One model at one provider.
#[derive(Clone, Debug)]
pub struct ModelEntry {
    /// The name to send upstream.
    pub id: String,
    /// What it can do.
    pub capabilities: Capabilities,
    /// What it takes in.
    pub input: Modalities,
    /// What it gives out.
    pub output: Modalities,
    /// What it costs; the last rate that applies counts. Empty when nobody knows.
    pub rates: Vec<Rate>,
    /// Whether the vendor has retired it or says that it will.
    pub deprecated: bool,
}

/// A price and when it applies. All of a call is billed at one rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Applies to calls with more input tokens than this, cached ones included.
    pub above_input_tokens: u64,
    /// Applies from this time on, in seconds since the Unix epoch.
    pub from_s: i64,
    /// Applies between these seconds of each UTC day, the second excluded; wraps at midnight.
    pub daily_s: Option<(u32, u32)>,
    /// The price.
    pub price: Price,
}

impl Rate {
    fn fits(&self, input_tokens: u64) -> bool {
        self.above_input_tokens == 0 || input_tokens > self.above_input_tokens
    }

    fn holds_at(&self, now_s: i64) -> bool {
        let second = now_s.rem_euclid(86_400);
        self.from_s <= now_s
            && self.daily_s.is_none_or(|(from, to)| {
                let (from, to) = (i64::from(from), i64::from(to));
                match from <= to {
                    true => (from..to).contains(&second),
                    false => second >= from || second < to,
                }
            })
    }
}

impl ModelEntry {
    /// The price of a call that used `usage` at `now_s` (seconds since the Unix epoch), if one is
    /// known: some vendors ask more for long prompts, some at busy hours.
    pub fn price_for(&self, usage: &Usage, now_s: i64) -> Option<Price> {
        let holds = |rate: &&Rate| rate.fits(usage.input_tokens) && rate.holds_at(now_s);
        self.rates.iter().rev().find(holds).map(|rate| rate.price)
    }
}

/// A kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modality {
    /// Text.
    Text,
    /// Still pictures.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// PDF and the like.
    Document,
}

/// Kinds of content: a set. Empty when nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modalities(u8);

impl Modalities {
    /// Whether the set has this one.
    pub const fn has(self, modality: Modality) -> bool {
        self.0 & (1 << modality as u8) != 0
    }

    /// From letters: `t`ext, `i`mage, `a`udio, `v`ideo, `d`ocument.
    fn from_letters(letters: &str) -> Modalities {
        let bits = letters
            .bytes()
            .filter_map(|letter| b"tiavd".iter().position(|&known| known == letter));
        Modalities(bits.fold(0, |set, bit| set | 1 << bit))
    }
}

/// The models of one provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct Models {
    entries: Vec<ModelEntry>,
    exact: HashMap<String, usize>,
    patterns: Vec<(String, usize)>,
}

impl Models {
    /// The entry that a name means: by exact name, else by the pattern that fixes most of it.
    pub(crate) fn find(&self, model: &str) -> Option<&ModelEntry> {
        let folded = model.to_ascii_lowercase();
        let by_pattern = || {
            let fitting = self
                .patterns
                .iter()
                .filter(|(pattern, _)| glob::matches(pattern, &folded));
            fitting
                .max_by_key(|(pattern, _)| glob::weight(pattern))
                .map(|(_, index)| index)
        };
        let index = self.exact.get(&folded).or_else(by_pattern)?;
        self.entries.get(*index)
    }

    /// Those that can still be asked for.
    pub(crate) fn current(&self) -> impl Iterator<Item = &ModelEntry> {
        self.entries.iter().filter(|entry| !entry.deprecated)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut ModelEntry> {
        self.entries.iter_mut()
    }

    pub(crate) fn add(&mut self, written: Written) {
        let index = self.entries.len();
        self.exact.insert(written.id.to_ascii_lowercase(), index);
        for name in &written.also {
            if name.contains(['*', '#']) {
                self.patterns.push((name.clone(), index));
            } else {
                self.exact.entry(name.clone()).or_insert(index);
            }
        }
        self.entries.push(written.into());
    }
}

/// Models by the name of their provider, as written in `models.json` and `overrides.yaml`.
pub(crate) type WrittenModels = HashMap<String, Vec<Written>>;

/// Reads the shipped models, by provider.
pub(crate) fn snapshot() -> Result<WrittenModels, String> {
    serde_json::from_str(include_str!("../data/models.json"))
        .map_err(|error| format!("models.json: {error}"))
}

/// Modalities as letters, prices as in [`Price`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    id: String,
    /// Other names, in lower case; with `*` and `#` they are patterns.
    #[serde(default)]
    also: Vec<String>,
    context: Option<u64>,
    max_output: Option<u64>,
    #[serde(default, rename = "in")]
    input: String,
    #[serde(default, rename = "out")]
    output: String,
    #[serde(default)]
    json_schema: bool,
    #[serde(default)]
    rates: Vec<WrittenRate>,
    #[serde(default)]
    deprecated: bool,
}

/// Prices as in [`Price`]; what is absent is unknown or nothing.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRate {
    #[serde(default)]
    above: u64,
    #[serde(default)]
    from: i64,
    daily: Option<(u32, u32)>,
    #[serde(default)]
    input: u64,
    #[serde(default)]
    output: u64,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    cache_write_1h: Option<u64>,
    input_audio: Option<u64>,
    output_audio: Option<u64>,
    #[serde(default)]
    request: u64,
    #[serde(default)]
    web_search: u64,
    image: Option<u64>,
    audio_minute: Option<u64>,
    character: Option<u64>,
}

impl From<Written> for ModelEntry {
    fn from(written: Written) -> ModelEntry {
        ModelEntry {
            id: written.id,
            capabilities: Capabilities {
                context_window: written.context,
                max_output_tokens: written.max_output,
                json_schema: written.json_schema,
                ..Capabilities::default()
            },
            input: Modalities::from_letters(&written.input),
            output: Modalities::from_letters(&written.output),
            rates: written.rates.into_iter().map(Rate::from).collect(),
            deprecated: written.deprecated,
        }
    }
}

impl From<WrittenRate> for Rate {
    fn from(written: WrittenRate) -> Rate {
        Rate {
            above_input_tokens: written.above,
            from_s: written.from,
            daily_s: written.daily,
            price: Price {
                input_pico: written.input,
                cache_read_pico: written.cache_read,
                cache_write_pico: written.cache_write,
                cache_write_1h_pico: written.cache_write_1h,
                input_audio_pico: written.input_audio,
                output_pico: written.output,
                output_audio_pico: written.output_audio,
                request_nano: written.request,
                web_search_nano: written.web_search,
                image_nano: written.image,
                audio_minute_nano: written.audio_minute,
                character_pico: written.character,
            },
        }
    }
}
