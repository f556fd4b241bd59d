//! Requests: refused, or understood in full and passed on as what the target understands.

use bytes::Bytes;
use serde::de::IgnoredAny;
use weir_dialect::json::scan::top_level;
use weir_dialect::{Head, client, upstream};
use weir_model::{Dialect, Operation, Request};

use crate::setting::{Choices, Setting};

/// Holds both lanes to it.
pub fn check(dialect: Dialect, body: &[u8]) {
    let head = client(dialect).read_head(Operation::Chat, body);
    let decoded = client(dialect).decode_request(&Bytes::copy_from_slice(body));
    if let (Ok(head), Ok(decoded)) = (&head, &decoded) {
        agree(head, &decoded.value);
    }
    if let Ok(head) = head {
        for operation in Operation::ALL {
            native(dialect, operation, &head);
        }
    }
    if let Ok(mut decoded) = decoded {
        if decoded.value.model.is_empty() {
            decoded.value.model.push_str("gemini-3-pro");
        }
        for target in Dialect::ALL {
            translated(target, &decoded.value, body);
        }
    }
}

fn agree(head: &Head<'_>, whole: &Request) {
    assert_eq!(head.model, whole.model);
    assert_eq!(head.stream, whole.stream);
    assert_eq!(head.stream_usage, whole.stream_usage);
    assert_eq!(head.max_output_tokens, whole.max_output_tokens);
}

/// The native lane: what was a JSON object is one after the edits, and needs none again.
fn native(dialect: Dialect, operation: Operation, head: &Head<'_>) {
    let was_json = serde_json::from_slice::<IgnoredAny>(head.body).is_ok();
    let quirks = Choices::of(head.body).quirks();
    let edits = |head: &Head<'_>| {
        let (edits, _) =
            upstream(dialect).native_edits(operation, head, "another \"model\"", &quirks);
        edits
    };
    let splices = edits(head);
    let edited = splices.apply(&Bytes::copy_from_slice(head.body));
    let top = top_level(&edited).expect("an edited object");
    let named: Option<&[u8]> = match dialect {
        // The path names it.
        Dialect::Gemini if head.model_span.is_empty() => None,
        Dialect::Gemini => Some(br#""models/another \"model\"""#),
        _ => Some(br#""another \"model\"""#),
    };
    if named.is_some() {
        assert_eq!(top.get(&edited, "model"), named);
    }
    if was_json {
        serde_json::from_slice::<IgnoredAny>(&edited).expect("JSON after the edits");
        let again = client(dialect).read_head(operation, &edited);
        assert!(edits(&again.expect("an edited head")).is_empty());
    }
}

/// The translated lane: what is sent is a request of the target's own dialect. Amounts that the
/// target has other limits for are its own to refuse.
fn translated(target: Dialect, request: &Request, body: &[u8]) {
    let setting = Setting::of(body);
    let Ok(sent) = upstream(target).encode_request(request, &setting.cx()) else {
        return;
    };
    serde_json::from_slice::<IgnoredAny>(&sent.body).expect("JSON");
    let again = match client(target).decode_request(&sent.body.clone().into()) {
        Ok(again) => again,
        Err(refused) if refused.message.contains(": must be ") => return,
        Err(refused) => panic!("{refused}: {}", String::from_utf8_lossy(&sent.body)),
    };
    let lost: Vec<_> = again.losses.iter().collect();
    assert!(
        lost.is_empty(),
        "{lost:?} of {}",
        String::from_utf8_lossy(&sent.body)
    );
}
