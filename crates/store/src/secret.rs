//! The server's secret, from which every other key is derived. Never printed, never stored in
//! the database.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use hmac::digest::FixedOutput;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::StoreError;

/// HMAC-SHA256 keyed with 32 bytes, ready to be cloned: the two key blocks are hashed already.
pub(crate) fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // A key shorter than SHA-256's block of 64 bytes is filled up with zeros (RFC 2104, 2).
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    Hmac::new(&block.into())
}

/// At least 32 bytes that only this installation knows; the same on all replicas. May know those
/// that were in force before it.
pub struct Secret {
    bytes: Box<[u8]>,
    previous: Vec<Secret>,
}

impl Secret {
    /// From `server.secret`, without the white space around it. Fails below 32 bytes.
    pub fn from_text(text: &str) -> Result<Secret, StoreError> {
        let text = text.trim();
        if text.len() < 32 {
            return Err(StoreError::ShortSecret(text.len()));
        }
        Ok(Secret {
            bytes: text.as_bytes().into(),
            previous: Vec::new(),
        })
    }

    /// The same secret, which followed others.
    #[must_use]
    pub fn after(self, previous: Vec<Secret>) -> Secret {
        Secret { previous, ..self }
    }

    /// Itself, then those before it.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(self).chain(&self.previous)
    }

    /// From the file at `path`, which is made (mode 0600, 32 random bytes as hex) when absent.
    /// Processes that start together get the same secret.
    pub fn load_or_create(path: &Path) -> Result<Secret, StoreError> {
        match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create(path)?;
                let text = fs::read_to_string(path).map_err(StoreError::file(path))?;
                Secret::from_text(&text)
            }
            Err(error) => Err(StoreError::file(path)(error)),
            Ok(text) => {
                let mode = fs::metadata(path)
                    .map_err(StoreError::file(path))?
                    .permissions()
                    .mode();
                if mode & 0o077 != 0 {
                    tracing::warn!(
                        path = %path.display(),
                        mode = format_args!("{:o}", mode & 0o777),
                        "the secret's file is open to other users: chmod 600 it"
                    );
                }
                Secret::from_text(&text)
            }
        }
    }

    /// A key for one purpose: HKDF-SHA256 without salt, `purpose` as info (RFC 5869, 2).
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let extracted = keyed(&[0; 32]).chain_update(&self.bytes).finalize_fixed();
        keyed(&extracted.into())
            .chain_update(purpose)
            .chain_update([1])
            .finalize_fixed()
            .into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Makes the file whole or not at all, and leaves alone one that appeared in the meantime.
fn create(path: &Path) -> Result<(), StoreError> {
    let mut random = [0; 40];
    getrandom::fill(&mut random)?;
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let draft = path.with_extension(format!("{}.new", hex(&random[32..])));
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        writeln!(file, "{}", hex(&random[..32]))?;
        file.sync_all()?;
        // Unlike a rename, a link never replaces what another process put there first.
        match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    })();
    let removed = fs::remove_file(&draft);
    written.and(removed).map_err(StoreError::file(path))
}

#[cfg(test)]
mod tests;
