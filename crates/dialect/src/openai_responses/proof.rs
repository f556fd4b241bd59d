//! `encrypted_content`: the vendor's proof of its reasoning, marked with whose it is while it is out
//! of OpenAI's hands. A conversation that moves between vendors so sends each only its own.

use std::borrow::Cow;

/// How the kinds of our opaque blocks begin when they came from OpenAI.
pub(super) const OWN: &str = "openai:";

/// How proofs in the model begin when they came from OpenAI: as [`weir_model::Dialect::signer`] has it.
const SIGNED: &str = "openai_responses/";

/// How the proofs of other vendors begin at a client that speaks this dialect.
pub(super) const FOREIGN: &str = "weir:";

/// OpenAI's proof, for the model.
pub(super) fn from_upstream(proof: &str) -> String {
    format!("{SIGNED}{proof}")
}

/// A proof for OpenAI; `None` when it is another vendor's.
pub(super) fn to_upstream(proof: &str) -> Option<&str> {
    proof.strip_prefix(SIGNED)
}

/// A proof for a client that speaks this dialect.
pub(super) fn to_client(proof: &str) -> Cow<'_, str> {
    match proof.strip_prefix(SIGNED) {
        Some(own) => own.into(),
        None => format!("{FOREIGN}{proof}").into(),
    }
}

/// What a client that speaks this dialect sends back.
pub(super) fn from_client(proof: &str) -> String {
    match proof.strip_prefix(FOREIGN) {
        Some(foreign) => foreign.to_owned(),
        None => from_upstream(proof),
    }
}
