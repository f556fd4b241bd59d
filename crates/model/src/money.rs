//! Money as whole nano-dollars, and what tokens cost.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::Serialize;

use crate::Usage;

/// An amount in nano-USD (a billionth of a dollar). Never a float.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);

    /// From nano-USD.
    pub const fn from_nano_usd(nano: i64) -> Money {
        Money(nano)
    }

    /// As nano-USD.
    pub const fn nano_usd(self) -> i64 {
        self.0
    }
}

impl Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        *self = *self + other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(iter: I) -> Money {
        iter.fold(Money::ZERO, Add::add)
    }
}

/// Plain decimal dollars with nine places, as in `0.000012500`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nano = self.0.unsigned_abs();
        write!(
            f,
            "{sign}{}.{:09}",
            nano / 1_000_000_000,
            nano % 1_000_000_000
        )
    }
}

/// What a model costs. Token prices are in pico-USD (a millionth of a millionth of a dollar) per
/// token, which equals micro-USD per million tokens: 2.50 USD per million is `2_500_000`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Price {
    /// Input that was neither read from nor written to a cache.
    pub input_pico: u64,
    /// Cache reads; the input price when unknown.
    pub cache_read_pico: Option<u64>,
    /// Five-minute cache writes; the input price when unknown.
    pub cache_write_pico: Option<u64>,
    /// One-hour cache writes; the five-minute price when unknown.
    pub cache_write_1h_pico: Option<u64>,
    /// Sound in; the input price when unknown.
    pub input_audio_pico: Option<u64>,
    /// Output, reasoning included.
    pub output_pico: u64,
    /// Sound out; the output price when unknown.
    pub output_audio_pico: Option<u64>,
    /// Each request, in nano-USD.
    pub request_nano: u64,
    /// Each search that the vendor runs, and each search unit of reranking, in nano-USD.
    pub web_search_nano: u64,
    /// Each picture made, in nano-USD; `None` where pictures are billed by their tokens, or unknown.
    pub image_nano: Option<u64>,
    /// Each minute of sound heard, in nano-USD; `None` as above.
    pub audio_minute_nano: Option<u64>,
    /// Each character spoken, in pico-USD; `None` as above.
    pub character_pico: Option<u64>,
}

impl Price {
    /// Whether it says what `usage` costs: one by tokens says nothing of a picture without tokens.
    pub fn covers(&self, usage: &Usage) -> bool {
        let units = [
            (usage.images, self.image_nano),
            (usage.audio_ms, self.audio_minute_nano),
            (usage.characters, self.character_pico),
        ];
        usage.total_tokens() > 0
            || self.request_nano > 0
            || units
                .iter()
                .all(|(count, price)| *count == 0 || price.is_some())
    }

    /// The cost of `usage`, rounded up to a nano-dollar.
    pub fn cost(&self, usage: &Usage) -> Money {
        let cache_write_pico = self.cache_write_pico.unwrap_or(self.input_pico);
        let short_writes = usage
            .cache_write_tokens
            .saturating_sub(usage.cache_write_1h_tokens);
        let plain_input = usage
            .input_tokens
            .saturating_sub(usage.cache_read_tokens)
            .saturating_sub(usage.cache_write_tokens)
            .saturating_sub(usage.input_audio_tokens);
        let plain_output = usage
            .output_tokens
            .saturating_sub(usage.output_audio_tokens);
        let pico = [
            (plain_input, self.input_pico),
            (
                usage.cache_read_tokens,
                self.cache_read_pico.unwrap_or(self.input_pico),
            ),
            (short_writes, cache_write_pico),
            (
                usage.cache_write_1h_tokens,
                self.cache_write_1h_pico.unwrap_or(cache_write_pico),
            ),
            (
                usage.input_audio_tokens,
                self.input_audio_pico.unwrap_or(self.input_pico),
            ),
            (plain_output, self.output_pico),
            (
                usage.output_audio_tokens,
                self.output_audio_pico.unwrap_or(self.output_pico),
            ),
            (usage.characters, self.character_pico.unwrap_or(0)),
        ]
        .into_iter()
        .map(|(tokens, price)| u128::from(tokens) * u128::from(price))
        .sum::<u128>();
        let nano = pico.div_ceil(1_000)
            + u128::from(self.request_nano)
            + u128::from(usage.web_searches) * u128::from(self.web_search_nano)
            + u128::from(usage.images) * u128::from(self.image_nano.unwrap_or(0))
            + (u128::from(usage.audio_ms) * u128::from(self.audio_minute_nano.unwrap_or(0)))
                .div_ceil(60_000);
        Money(i64::try_from(nano).unwrap_or(i64::MAX))
    }
}

/// What a call cost, if that is known. An unknown price is never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Priced {
    /// The price was known.
    Known(Money),
    /// No price is known for this model.
    Unpriced,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_class_is_billed_once() {
        let price = Price {
            input_pico: 3_000_000,
            cache_read_pico: Some(300_000),
            cache_write_pico: Some(3_750_000),
            cache_write_1h_pico: Some(6_000_000),
            output_pico: 15_000_000,
            ..Price::default()
        };
        let usage = Usage {
            input_tokens: 1_000,
            cache_read_tokens: 500,
            cache_write_tokens: 300,
            cache_write_1h_tokens: 100,
            output_tokens: 10,
            ..Usage::default()
        };
        // 200 plain, 500 read, 200 short writes, 100 long writes, 10 out.
        let nano = 200 * 3_000 + 500 * 300 + 200 * 3_750 + 100 * 6_000 + 10 * 15_000;
        assert_eq!(price.cost(&usage), Money::from_nano_usd(nano));
    }

    #[test]
    fn a_fraction_of_a_nano_dollar_rounds_up() {
        let price = Price {
            input_pico: 37_500,
            ..Price::default()
        };
        let usage = Usage {
            input_tokens: 1,
            ..Usage::default()
        };
        assert_eq!(price.cost(&usage).nano_usd(), 38);
    }

    #[test]
    fn pictures_sound_and_characters_have_prices_of_their_own() {
        let price = Price {
            input_pico: 5_000_000,
            image_nano: Some(40_000_000),
            audio_minute_nano: Some(6_000_000),
            character_pico: Some(15_000_000),
            ..Price::default()
        };
        let cost = |usage: Usage| (price.covers(&usage), price.cost(&usage).nano_usd());
        let none = Usage::default();
        assert_eq!(cost(Usage { images: 2, ..none }), (true, 80_000_000));
        assert_eq!(
            cost(Usage {
                audio_ms: 90_001,
                ..none
            }),
            (true, 9_000_100)
        );
        assert_eq!(
            cost(Usage {
                characters: 3,
                ..none
            }),
            (true, 45_000)
        );
        let tokens = Price {
            input_pico: 5_000_000,
            ..Price::default()
        };
        assert!(!tokens.covers(&Usage { images: 1, ..none }));
        assert!(tokens.covers(&Usage {
            images: 1,
            input_tokens: 9,
            ..none
        }));
        assert!(tokens.covers(&none));
    }

    #[test]
    fn prints_plain_decimal_dollars() {
        assert_eq!(Money::from_nano_usd(12_500).to_string(), "0.000012500");
        assert_eq!(
            Money::from_nano_usd(-3_000_000_001).to_string(),
            "-3.000000001"
        );
    }
}
