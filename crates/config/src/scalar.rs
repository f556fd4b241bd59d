//! Texts with a meaning of their own: secrets, sizes, amounts of money. Amounts are read as
//! decimals and kept as whole numbers, never through a float.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const HIDDEN: &str = "[secret]";

/// A text that is never printed, logged or serialised.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "String")]
#[schemars(inline, extend("format" = "password"))]
pub struct SecretString(String);

impl SecretString {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> SecretString {
        SecretString(secret.into())
    }

    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretString {
    fn from(secret: String) -> SecretString {
        SecretString(secret)
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for SecretString {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// A number of bytes, written plainly or with a suffix: `65536`, `64KiB`, `32MiB`, `1GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, extend("type" = ["string", "integer"]))]
pub struct ByteSize(pub u64);

/// From large to small, so that a size prints with the largest suffix that divides it.
const SUFFIXES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

impl TryFrom<String> for ByteSize {
    type Error = &'static str;

    fn try_from(text: String) -> Result<ByteSize, Self::Error> {
        let (digits, unit) = SUFFIXES
            .iter()
            .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?.trim_end(), *unit)))
            .unwrap_or((&text, 1));
        digits
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(unit))
            .map(ByteSize)
            .ok_or("expected a number of bytes, such as `65536`, `64KiB` or `32MiB`")
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, unit): &&(&str, u64)| self.0.is_multiple_of(*unit);
        let (suffix, unit) = SUFFIXES.iter().find(fits).unwrap_or(&("B", 1));
        write!(f, "{}{suffix}", self.0 / unit)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How long something lives, in seconds; written with a suffix: `90s`, `15m`, `24h`, `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, extend("type" = "string"))]
pub struct Lifetime(pub u64);

/// From long to short, so that a lifetime prints with the longest suffix that divides it.
const SPANS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A hundred years: beyond, sums with the time of day could overflow.
const LONGEST: u64 = 36_525 * 86_400;

impl Lifetime {
    /// As a duration.
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0)
    }
}

impl TryFrom<String> for Lifetime {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Lifetime, Self::Error> {
        SPANS
            .iter()
            .find_map(|(suffix, unit)| Some((text.strip_suffix(*suffix)?, *unit)))
            .and_then(|(digits, unit)| digits.parse::<u64>().ok()?.checked_mul(unit))
            .filter(|seconds| *seconds <= LONGEST)
            .map(Lifetime)
            .ok_or("expected a time with its unit, such as `90s`, `15m`, `24h` or `30d`")
    }
}

impl Serialize for Lifetime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fits = |(_, unit): &&(char, u64)| self.0.is_multiple_of(*unit);
        let (suffix, unit) = SPANS.iter().find(fits).unwrap_or(&('s', 1));
        serializer.collect_str(&format_args!("{}{suffix}", self.0 / unit))
    }
}

/// USD per million tokens, kept as pico-USD per token, which is the same as micro-USD per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, extend("type" = ["string", "number"]))]
pub struct UsdPerMtok(u64);

impl UsdPerMtok {
    /// Pico-USD per token.
    pub const fn pico_per_token(self) -> u64 {
        self.0
    }
}

impl TryFrom<String> for UsdPerMtok {
    type Error = &'static str;

    fn try_from(text: String) -> Result<UsdPerMtok, Self::Error> {
        decimal(&text, 6).map(UsdPerMtok).ok_or(
            "expected USD per million tokens, such as `2.50`: at most 6 decimal places, no exponent",
        )
    }
}

/// USD, kept as nano-USD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, extend("type" = ["string", "number"]))]
pub struct Usd(u64);

impl Usd {
    /// Nano-USD.
    pub const fn nano_usd(self) -> u64 {
        self.0
    }
}

impl TryFrom<String> for Usd {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Usd, Self::Error> {
        decimal(&text, 9)
            .map(Usd)
            .ok_or("expected USD, such as `0.001`: at most 9 decimal places, no exponent")
    }
}

/// `12.5` with 3 places is 12500. `None` for anything but digits with at most one point between
/// or before them, for more places than that (but zeros), and beyond a billion.
fn decimal(text: &str, places: usize) -> Option<u64> {
    let (whole, fraction) = match text.split_once('.') {
        Some(("", fraction)) => ("0", fraction),
        Some(parts) => parts,
        None => (text, "0"),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let fraction_kept = fraction.trim_end_matches('0');
    if !all_digits(whole) || !all_digits(fraction) || fraction_kept.len() > places {
        return None;
    }
    let whole: u64 = whole.parse().ok().filter(|&usd| usd < 1_000_000_000)?;
    let scale = 10_u64.pow(u32::try_from(places).ok()?);
    let fraction: u64 = format!("{fraction_kept:0<places$}").parse().ok()?;
    whole.checked_mul(scale)?.checked_add(fraction)
}

#[cfg(test)]
mod tests;
