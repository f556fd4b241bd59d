//! Compressed answers, however they are cut.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, HeaderValue};

use super::{Capped, Inflate, MAX_GROWTH};

const TEXT: &[u8] = b"data: one\n\ndata: one and two and one and two and three\n\n";

fn needed(encoding: &'static str) -> Option<Inflate> {
    let value = HeaderValue::from_static(encoding);
    Inflate::needed(&HeaderMap::from_iter([(CONTENT_ENCODING, value)]))
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn plain(encoding: &'static str, bytes: &[u8], step: usize) -> Vec<u8> {
    let mut inflate = needed(encoding).unwrap();
    bytes
        .chunks(step)
        .flat_map(|piece| inflate.push(piece).unwrap())
        .collect()
}

#[test]
fn what_is_not_compressed_is_left_alone() {
    assert!(Inflate::needed(&HeaderMap::new()).is_none());
    assert!(needed("identity").is_none() && needed("").is_none());
}

#[test]
fn pieces_of_any_size_make_the_same_text() {
    for step in [1, 3, 7, 1000] {
        assert_eq!(plain("gzip", &gzip(TEXT), step), TEXT);
        assert_eq!(plain("X-GZIP", &gzip(TEXT), step), TEXT);
        assert_eq!(plain("deflate", &deflate(TEXT), step), TEXT);
        // Members may follow one another (RFC 1952, section 2.2).
        assert_eq!(
            plain("gzip", &[gzip(TEXT), gzip(TEXT)].concat(), step),
            [TEXT, TEXT].concat()
        );
    }
}

/// A stream's frame leaves when it is there, not when the block around it is full.
#[test]
fn a_flushed_piece_comes_out_at_once() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(b"data: one\n\n").unwrap();
    encoder.flush().unwrap();
    let mut inflate = needed("gzip").unwrap();
    assert_eq!(inflate.push(encoder.get_ref()).unwrap(), "data: one\n\n");
}

#[test]
fn what_cannot_be_undone_is_malformed() {
    for (encoding, bytes) in [
        ("gzip", TEXT),
        ("deflate", TEXT),
        ("br", TEXT),
        ("gzip, br", TEXT),
    ] {
        let rejection = needed(encoding).unwrap().push(bytes).unwrap_err();
        assert_eq!(rejection.status, 502, "{encoding}");
        assert!(rejection.message.contains("could not be decompressed"));
    }
    let mut torn = gzip(TEXT);
    let middle = torn.len() / 2;
    torn[middle] ^= 0xff;
    torn[middle + 1] ^= 0xff;
    assert!(needed("gzip").unwrap().push(&torn).is_err());
}

#[test]
fn growth_has_a_bound() {
    let mut capped = Capped(vec![0; MAX_GROWTH - 1]);
    assert!(capped.write_all(b"x").is_ok());
    assert!(capped.write_all(b"x").is_err());
}
