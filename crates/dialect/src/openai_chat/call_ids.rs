//! Ids of tool calls at providers that take nine letters and digits and nothing else: what another
//! vendor or a client has made is replaced by what follows from it alone, so that a call and its result
//! stay together.

use std::borrow::Cow;
use std::ops::Range;

use weir_model::Quirks;

use crate::json::scan;
use crate::json::splice::Splices;
use crate::json::write;

const LENGTH: usize = 9;

/// The id as the provider takes it.
pub(super) fn fitting<'a>(id: &'a str, quirks: &Quirks) -> Cow<'a, str> {
    let fits = id.len() == LENGTH && id.bytes().all(|b| b.is_ascii_alphanumeric());
    match fits || !quirks.short_call_ids {
        true => id.into(),
        false => hashed(id).into(),
    }
}

/// FNV-1a in base 62.
fn hashed(id: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let digits = (0..LENGTH).map(|_| {
        let digit = DIGITS[(hash % 62) as usize];
        hash /= 62;
        char::from(digit)
    });
    digits.collect()
}

/// Replaces the ids in the messages of a client's own body that the provider would refuse.
pub(super) fn replace(body: &[u8], messages: Range<usize>, quirks: &Quirks, edits: &mut Splices) {
    let holds = |place: &Range<usize>| {
        // In a text the quote would be escaped.
        memchr::memmem::find(&body[place.clone()], br#""tool_call"#).is_some()
    };
    if !quirks.short_call_ids || !holds(&messages) {
        return;
    }
    for message in scan::elements(body, messages).filter(holds) {
        let message = scan::object_in(body, message).unwrap_or_default();
        let answered = message.find(body, "tool_call_id");
        let mut places: Vec<_> = answered.map(|id| id.value.clone()).into_iter().collect();
        if let Some(calls) = message.find(body, "tool_calls") {
            for call in scan::elements(body, calls.value.clone()) {
                let call = scan::object_in(body, call).unwrap_or_default();
                places.extend(call.find(body, "id").map(|id| id.value.clone()));
            }
        }
        for place in places {
            if let Some(id) = scan::string(&body[place.clone()])
                && let Cow::Owned(fitting) = fitting(&id, quirks)
            {
                edits.replace(place, write::string(&fitting));
            }
        }
    }
}
