//! `encrypted_content`: the vendor's proof of its reasoning, marked with whose it is while it is out
//! of OpenAI's hands. The proofs of other vendors are sealed, and pass through clients as they are.

use weir_model::is_sealed;

/// How the kinds of our opaque blocks begin when they came from OpenAI.
pub(super) const OWN: &str = "openai:";

/// How proofs in the model begin when they came from OpenAI: as [`weir_model::Dialect::signer`] has it.
const SIGNED: &str = "openai_responses/";

/// OpenAI's proof, for the model.
pub(super) fn from_upstream(proof: &str) -> String {
    format!("{SIGNED}{proof}")
}

/// A proof for OpenAI; `None` when it is another vendor's.
pub(super) fn to_upstream(proof: &str) -> Option<&str> {
    proof.strip_prefix(SIGNED)
}

/// A proof for a client that speaks this dialect.
pub(super) fn to_client(proof: &str) -> &str {
    proof.strip_prefix(SIGNED).unwrap_or(proof)
}

/// What a client that speaks this dialect sends back.
pub(super) fn from_client(proof: &str) -> String {
    match is_sealed(proof) {
        true => proof.to_owned(),
        false => from_upstream(proof),
    }
}
