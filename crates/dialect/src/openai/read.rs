//! Reading what clients ask, strictly: what OpenAI would refuse is refused, with the path of the field.

use serde_json::value::RawValue;
use weir_model::{CacheMark, CacheTtl, Effort, Json, Losses, Rejection};

use crate::json::read::{Object, Path, Value};

/// Why fields that are not in the reference are lost.
pub(crate) const UNKNOWN: &str = "not known to this gateway's OpenAI dialect";

pub(crate) fn effort(value: Value<'_, '_>) -> Result<Effort, Rejection> {
    const WORDS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
    Ok(match one_of(value, &WORDS)?.as_str() {
        "none" => Effort::None,
        "minimal" => Effort::Minimal,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::XHigh,
        _ => Effort::Max,
    })
}

/// `safety_identifier`, or `user`, which it replaces.
pub(crate) fn user(
    body: &mut Object<'_, '_>,
    losses: &mut Losses,
) -> Result<Option<String>, Rejection> {
    let newer = body.read_string("safety_identifier")?;
    let older = body.read_string("user")?;
    if newer.is_some() && older.is_some() && newer != older {
        losses.add("user", "`safety_identifier` is given as well");
    }
    Ok(newer.or(older))
}

/// A cache mark on an object: `cache_control`, as Anthropic's users put it into this dialect, or
/// OpenAI's own `prompt_cache_breakpoint`.
pub(crate) fn cache_mark(
    object: &mut Object<'_, '_>,
    losses: &mut Losses,
) -> Result<Option<CacheMark>, Rejection> {
    let breakpoint = object.take("prompt_cache_breakpoint").is_some();
    let mark = object.read("cache_control", |v| {
        let mut control = v.object()?;
        control.read("type", |v| one_of(v, &["ephemeral"]))?;
        let ttl = control.read("ttl", |v| {
            Ok(match one_of(v, &["5m", "1h"])?.as_str() {
                "5m" => CacheTtl::FiveMinutes,
                _ => CacheTtl::OneHour,
            })
        })?;
        control.lose_rest(UNKNOWN, losses);
        Ok(CacheMark { ttl })
    })?;
    Ok(mark.or(breakpoint.then(CacheMark::default)))
}

/// Reads every element of an array.
pub(crate) fn each<'a, T>(
    list: Value<'a, '_>,
    mut read: impl FnMut(Value<'a, '_>) -> Result<T, Rejection>,
) -> Result<Vec<T>, Rejection> {
    let elements: Vec<&'a RawValue> = list.array()?;
    let elements = elements.into_iter().enumerate();
    elements
        .map(|(index, raw)| read(Value::new(raw, Path::Index(&list.path, index))))
        .collect()
}

/// A word of a closed list.
pub(crate) fn one_of(value: Value<'_, '_>, words: &[&str]) -> Result<String, Rejection> {
    let word = value.string()?.into_owned();
    if words.contains(&word.as_str()) {
        return Ok(word);
    }
    Err(value.invalid(format_args!("`{word}` is not one of {}", words.join(", "))))
}

/// A number between two others.
pub(crate) fn within(value: Value<'_, '_>, low: f64, high: f64) -> Result<f64, Rejection> {
    let number = value.number()?;
    if (low..=high).contains(&number) {
        return Ok(number);
    }
    Err(value.invalid(format_args!(
        "must be between {low} and {high}, got {number}"
    )))
}

/// A whole number between two others.
pub(crate) fn whole(value: Value<'_, '_>, low: u32, high: u32) -> Result<u32, Rejection> {
    let count = value.count()?;
    match u32::try_from(count) {
        Ok(count) if (low..=high).contains(&count) => Ok(count),
        _ => Err(value.invalid(format_args!(
            "must be between {low} and {high}, got {count}"
        ))),
    }
}

/// An object, kept as it came.
pub(crate) fn object_json(value: Value<'_, '_>) -> Result<Json, Rejection> {
    if value.is_object() {
        return Ok(value.json());
    }
    Err(value.wrong("an object"))
}

/// A value of a type that serde knows.
pub(crate) fn parse<'a, T: serde::Deserialize<'a>>(
    value: Value<'a, '_>,
    expected: &str,
) -> Result<T, Rejection> {
    serde_json::from_str(value.text()).map_err(|_| value.wrong(expected))
}
