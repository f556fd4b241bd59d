//! Proofs as clients carry them: encrypted with their origin and the key that they were given to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use weir_model::SEALED;
use weir_store::{Cipher, Unopened};

use super::{Origin, Proof};
use crate::call::Caller;

/// What a seal is about; its version stands in [`SEALED`].
const ABOUT: &[u8] = b"proof of reasoning";

/// Seals and opens for one key.
#[derive(Clone, Debug)]
pub(crate) struct Sealer {
    cipher: Cipher,
    caller: Caller,
}

#[derive(Serialize, Deserialize)]
struct Sealed<T> {
    key: T,
    from: Origin,
    proof: Proof,
}

/// Why a sealed proof cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is nothing that was sealed here.
    Forged,
    /// It was given to somebody else, or under a secret that is no longer known.
    Lost(&'static str),
}

impl Sealer {
    pub(crate) fn new(cipher: &Cipher, caller: &Caller) -> Sealer {
        Sealer {
            cipher: cipher.clone(),
            caller: caller.clone(),
        }
    }

    /// The public id of the key; empty without one.
    pub(super) fn tenant(&self) -> &str {
        self.caller.key_id()
    }

    /// A proof as clients carry it; `None` when the system has no randomness to give.
    pub(super) fn seal(&self, from: &Origin, proof: Proof) -> Option<String> {
        let sealed = Sealed {
            key: self.tenant(),
            from: from.clone(),
            proof,
        };
        let mut plain = serde_json::to_vec(&sealed).ok()?;
        // The cipher adds 44 bytes; base64 of a multiple of 3 needs no padding, which some wires want
        // and others refuse.
        while !(plain.len() + 44).is_multiple_of(3) {
            plain.push(b' ');
        }
        let bytes = self.cipher.seal(&plain, ABOUT);
        let bytes = bytes.inspect_err(|error| tracing::error!(%error, "cannot seal"));
        let mut out = SEALED.to_owned();
        URL_SAFE_NO_PAD.encode_string(bytes.ok()?, &mut out);
        Some(out)
    }

    /// What is in a sealed proof. Several in a row are one that was streamed in pieces.
    pub(super) fn open(&self, sealed: &str) -> Result<(Origin, Proof), Unusable> {
        let mut pieces = sealed.split(SEALED).skip(1).map(|piece| self.piece(piece));
        let (origin, mut proof) = pieces.next().ok_or(Unusable::Forged)??;
        for piece in pieces {
            match (&mut proof, piece?) {
                (Proof::Signature(all), (from, Proof::Signature(more))) if from == origin => {
                    all.push_str(&more);
                }
                _ => return Err(Unusable::Forged),
            }
        }
        Ok((origin, proof))
    }

    fn piece(&self, piece: &str) -> Result<(Origin, Proof), Unusable> {
        let bytes = URL_SAFE_NO_PAD.decode(piece);
        let bytes = bytes.map_err(|_| Unusable::Forged)?;
        let plain = self.cipher.open(&bytes, ABOUT).map_err(|why| match why {
            Unopened::Forged => Unusable::Forged,
            Unopened::UnknownKey => {
                Unusable::Lost("it was sealed under a secret that is no longer known")
            }
        })?;
        let sealed: Sealed<Box<str>> =
            serde_json::from_slice(&plain).map_err(|_| Unusable::Forged)?;
        match *sealed.key == *self.tenant() {
            true => Ok((sealed.from, sealed.proof)),
            false => Err(Unusable::Lost("it was given to another key")),
        }
    }
}
