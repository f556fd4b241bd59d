//! `thoughtSignature`: the vendor's proof of what was thought, on whichever part it likes. In the
//! model it is a reasoning block's signature that begins with `gemini/` and says what it stood on,
//! so that it finds its place again after a round through a client of another dialect. The proofs
//! of other vendors are sealed, and pass through Gemini's clients as they are.
//! <https://ai.google.dev/gemini-api/docs/thought-signatures>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use weir_model::is_sealed;

/// What the vendor takes where a signature is missing, and then checks none.
pub(super) const SKIP: &str = "skip_thought_signature_validator";

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

/// Reads a `thoughtSignature` that stood at a place. Some SDKs send it back in the other alphabet.
pub(super) fn read(wire: &str, place: Place) -> String {
    if is_sealed(wire) {
        return wire.replace('+', "-").replace('/', "_");
    }
    let standard = wire.replace('-', "+").replace('_', "/");
    format!("{}{standard}", place.prefix())
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
