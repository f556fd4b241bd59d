//! The shallow scan of a body, and edits on it.

use std::ops::Range;

use bytes::Bytes;
use serde_json::{Map, Value};
use weir_dialect::json::read::Object;
use weir_dialect::json::scan::{
    TopLevel, elements, find_field, object_in, string, top_level, top_level_of_answer,
};
use weir_dialect::json::splice::Splices;

use crate::setting::Choices;

/// Holds scan and splices to it.
pub fn check(input: &[u8]) {
    let real = serde_json::from_slice::<Value>(input);
    let top = match (top_level(input), &real) {
        (Ok(top), _) => top,
        (Err(refused), Ok(Value::Object(_))) => {
            let strict = ["twice", "more than 256 fields"];
            assert!(
                strict.iter().any(|why| refused.message.contains(why)),
                "{refused}"
            );
            return;
        }
        (Err(_), _) => return,
    };
    assert_eq!(top_level_of_answer(input).as_ref(), Some(&top));
    for span in &top.fields {
        let key = std::str::from_utf8(&input[span.key.clone()]).expect("a cut character");
        assert_eq!(top.find(input, key), Some(span));
        assert_eq!(find_field(input, key), Some(span.value.clone()));
    }
    if let Ok(real) = real {
        agrees(
            input,
            &top,
            real.as_object().expect("the scan took it for an object"),
        );
        edits(input, &top);
    }
}

fn agrees(input: &[u8], top: &TopLevel, real: &Map<String, Value>) {
    assert_eq!(top.fields.len(), real.len());
    assert_eq!(input[top.end], b'}');
    for span in &top.fields {
        let key = std::str::from_utf8(&input[span.key.clone()]).expect("a cut character");
        let raw = &input[span.value.clone()];
        let value = serde_json::from_slice::<Value>(raw).expect("the value of a field");
        assert_eq!(Some(&value), real.get(key), "{key}");
        assert_eq!(string(raw).as_deref(), value.as_str());
        below(input, span.value.clone(), &value);
    }
    let read = Object::parse(input).expect("a JSON object");
    let read: Vec<_> = read
        .into_fields()
        .into_iter()
        .map(|(key, raw)| (key, raw.get().as_bytes()))
        .collect();
    assert_eq!(read.len(), top.fields.len());
    for ((key, raw), span) in read.iter().zip(&top.fields) {
        assert_eq!(
            (key.as_bytes(), *raw),
            (&input[span.key.clone()], &input[span.value.clone()])
        );
    }
}

/// The scan of a value inside the body sees the members that a parser sees, and they can be taken
/// out.
fn below(input: &[u8], place: Range<usize>, value: &Value) {
    let read = |place: Range<usize>| serde_json::from_slice::<Value>(&input[place]).expect("JSON");
    if let Some(inner) = object_in(input, place.clone()) {
        let key = |place: Range<usize>| String::from_utf8_lossy(&input[place]).into_owned();
        let fields = inner.fields.into_iter();
        let found: Map<String, Value> = fields
            .map(|field| (key(field.key), read(field.value)))
            .collect();
        assert_eq!(value.as_object(), Some(&found));
    }
    let expected = value.as_array().map_or(&[][..], Vec::as_slice);
    assert!(
        elements(input, place.clone())
            .map(read)
            .eq(expected.iter().cloned())
    );
    if value.is_array() {
        let mut splices = Splices::default();
        splices.remove(
            elements(input, place.clone())
                .enumerate()
                .map(|(at, item)| (item, at % 3 > 0)),
        );
        let edited = splices.apply(&Bytes::copy_from_slice(input));
        let gone = input.len() - edited.len();
        let left: Vec<Value> =
            serde_json::from_slice(&edited[place.start..place.end - gone]).expect("an array");
        assert!(left.iter().eq(expected.iter().step_by(3)));
    }
}

/// Some fields go, others get another value, one is added: the rest stays.
fn edits(input: &[u8], top: &TopLevel) {
    let mut choices = Choices::of(input);
    // 0 stays, 1 goes, 2 changes.
    let mut fate: Vec<usize> = top.fields.iter().map(|_| choices.below(3)).collect();
    if let Some(first) = fate.first_mut() {
        *first = 2;
    }
    let mut splices = Splices::default();
    splices.remove_fields(top, |at| fate[at] == 1);
    for (span, _) in top.fields.iter().zip(&fate).filter(|(_, fate)| **fate == 2) {
        splices.replace(span.value.clone(), r#"["new"]"#);
    }
    splices.append_field(top, r#""\u0000added":true"#);
    let edited = splices.apply(&Bytes::copy_from_slice(input));
    let edited: Map<String, Value> = serde_json::from_slice(&edited).expect("an edited object");
    for (span, fate) in top.fields.iter().zip(&fate) {
        let key = std::str::from_utf8(&input[span.key.clone()]).expect("a cut character");
        let expected = match fate {
            0 => serde_json::from_slice(&input[span.value.clone()]).ok(),
            1 => None,
            _ => Some(serde_json::json!(["new"])),
        };
        assert_eq!(edited.get(key), expected.as_ref(), "{key}");
    }
    assert_eq!(edited.get("\0added"), Some(&Value::Bool(true)));
    assert_eq!(
        edited.len(),
        fate.iter().filter(|fate| **fate != 1).count() + 1
    );
}
