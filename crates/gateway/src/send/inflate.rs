//! Undoes a compression that we did not ask for, as some proxies in front of vendors apply.

use std::io::Write;

use bytes::Bytes;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use weir_model::{Kind, Rejection};

/// Most bytes that one compressed piece may become.
const MAX_GROWTH: usize = 64 << 20;

/// A decoder fed piece by piece.
#[derive(Debug)]
pub(crate) enum Inflate {
    Gzip(MultiGzDecoder<Capped>),
    Deflate(ZlibDecoder<Capped>),
    /// An encoding that we cannot undo.
    Unknown(String),
}

/// Collects output, up to a cap.
#[derive(Debug, Default)]
pub(crate) struct Capped(Vec<u8>);

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_GROWTH {
            return Err(std::io::Error::other("it grows too large"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Inflate {
    /// The decoder that an answer needs; `None` when it is not compressed.
    pub(crate) fn needed(headers: &HeaderMap) -> Option<Inflate> {
        let encoding = headers
            .get(CONTENT_ENCODING)?
            .to_str()
            .unwrap_or("unreadable");
        match encoding.to_ascii_lowercase().as_str() {
            "identity" | "" => None,
            "gzip" | "x-gzip" => Some(Inflate::Gzip(MultiGzDecoder::new(Capped::default()))),
            "deflate" => Some(Inflate::Deflate(ZlibDecoder::new(Capped::default()))),
            other => Some(Inflate::Unknown(other.to_owned())),
        }
    }

    /// The plain bytes that a piece completes.
    ///
    /// # Errors
    /// `Malformed` when the piece is not what the encoding says.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Bytes, Rejection> {
        let written = match self {
            Inflate::Gzip(decoder) => decoder.write_all(piece).and_then(|()| decoder.flush()),
            Inflate::Deflate(decoder) => decoder.write_all(piece).and_then(|()| decoder.flush()),
            Inflate::Unknown(name) => Err(std::io::Error::other(format!("encoding `{name}`"))),
        };
        written.map_err(|error| {
            Rejection::upstream(
                Kind::Malformed,
                "The provider's answer could not be decompressed.",
            )
            .with_private(error.to_string())
        })?;
        let plain = match self {
            Inflate::Gzip(decoder) => std::mem::take(&mut decoder.get_mut().0),
            Inflate::Deflate(decoder) => std::mem::take(&mut decoder.get_mut().0),
            Inflate::Unknown(_) => Vec::new(),
        };
        Ok(plain.into())
    }
}

#[cfg(test)]
mod tests;
