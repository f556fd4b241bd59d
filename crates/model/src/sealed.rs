//! How sealed state looks on every wire. What is in it, only the gateway can tell: dialects carry it
//! as they carry a vendor's own proof, and vendors never see it.

/// Stands in everything of ours that a client may send back, so that a body without it holds none.
pub const TRACE: &str = "weir1";

/// How a sealed proof of reasoning begins. The whole is base64 in the URL alphabet and needs no
/// padding, so that it fits wherever a vendor's own does.
pub const SEALED: &str = "weir1sig";

/// How the id of a tool call ends when something is kept under it.
pub const KEPT: &str = "-weir1";

/// Whether a proof of reasoning is sealed.
pub fn is_sealed(proof: &str) -> bool {
    proof.starts_with(SEALED)
}
