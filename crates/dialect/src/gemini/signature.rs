//! `thoughtSignature`: the vendor's proof of what was thought, on whichever part it likes. In the
//! model it is a reasoning block's signature that begins with `gemini/` and says what it stood on,
//! so that it finds its place again after a round through a client of another dialect. The proofs
//! of other vendors travel through Gemini's clients wrapped, and come out as they were.
//! <https://ai.google.dev/gemini-api/docs/thought-signatures>

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use weir_model::Dialect;

/// What the vendor takes where a signature is missing, and then checks none.
pub(super) const SKIP: &str = "skip_thought_signature_validator";

const WRAPPED: &str = "weir:signature:";
const WRAPPED_DATA: &str = "weir:redacted:";

/// What a signature stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Call,
    Text,
    Thought,
}

impl Place {
    const ALL: [(Place, &str); 3] = [
        (Place::Call, "gemini/call:"),
        (Place::Text, "gemini/text:"),
        (Place::Thought, "gemini/thought:"),
    ];

    fn prefix(self) -> &'static str {
        let (_, prefix) = Place::ALL[self as usize];
        prefix
    }
}

/// A proof as it was before it reached Gemini's wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// A reasoning block's signature.
    Signature(String),
    /// Reasoning that only its vendor can read.
    Redacted(String),
}

/// Reads a `thoughtSignature` that stood at a place. Some SDKs send it back in the other alphabet.
pub(super) fn read(wire: &str, place: Place) -> Proof {
    let standard = match wire {
        SKIP => SKIP.to_owned(),
        wire => wire.replace('-', "+").replace('_', "/"),
    };
    let bytes = STANDARD.decode(&standard).ok();
    let wrapped = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let wrapped = wrapped.unwrap_or_default();
    if let Some(signature) = wrapped.strip_prefix(WRAPPED) {
        return Proof::Signature(signature.to_owned());
    }
    if let Some(data) = wrapped.strip_prefix(WRAPPED_DATA) {
        return Proof::Redacted(data.to_owned());
    }
    Proof::Signature(format!("{}{standard}", place.prefix()))
}

/// Whether it only stands for a signature that is missing; some SDKs take the words for bytes.
pub(super) fn is_skip(wire: &str) -> bool {
    wire == SKIP
        || STANDARD
            .decode(wire)
            .is_ok_and(|bytes| bytes == SKIP.as_bytes())
}

/// Google's own signature, and where it stands; `None` for another vendor's.
pub(super) fn own(signature: &str) -> Option<(Place, &str)> {
    let mut places = Place::ALL.into_iter();
    places.find_map(|(place, prefix)| Some((place, signature.strip_prefix(prefix)?)))
}

/// Another vendor's signature as Gemini's clients take it.
pub(super) fn wrap(signature: &str) -> String {
    debug_assert_ne!(Dialect::signer(signature), Some(Dialect::Gemini));
    URL_SAFE.encode(format!("{WRAPPED}{signature}"))
}

/// Another vendor's unreadable reasoning as Gemini's clients take it.
pub(super) fn wrap_redacted(data: &str) -> String {
    URL_SAFE.encode(format!("{WRAPPED_DATA}{data}"))
}
