//! Cutting does not depend on how bytes are chunked, and loses none of them.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Cutter, Frame, MAX_FRAME, TooLarge, write_data, write_event};

fn cut(chunks: impl IntoIterator<Item = Vec<u8>>) -> Vec<Frame> {
    let mut cutter = Cutter::default();
    let mut frames = Vec::new();
    for chunk in chunks {
        cutter.push(Bytes::from(chunk));
        while let Some(frame) = cutter.next_frame().unwrap() {
            frames.push(frame);
        }
    }
    frames.extend(cutter.finish());
    frames
}

/// Event and data of the frames that carry data.
fn seen(frames: &[Frame]) -> Vec<(String, String)> {
    let text = |d: &[u8]| String::from_utf8_lossy(d).into_owned();
    frames
        .iter()
        .filter_map(|f| Some((f.event().into_owned(), text(f.data()?))))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(e, d)| ((*e).to_owned(), (*d).to_owned()))
        .collect()
}

#[test]
fn reads_what_the_standard_allows() {
    let cases: [(&str, &[(&str, &str)]); 11] = [
        ("data: a\n\n", &[("", "a")]),
        ("data:a\r\n\r\ndata: b\r\n\r\n", &[("", "a"), ("", "b")]),
        ("data: a\r\rdata: b\r\r", &[("", "a"), ("", "b")]),
        ("event: e\ndata: a\n\n", &[("e", "a")]),
        ("data: a\ndata: b\n\n", &[("", "a\nb")]),
        (": comment\n\ndata: a\n\n", &[("", "a")]),
        ("\u{feff}data: a\n\n", &[("", "a")]),
        ("data: a\n\n\u{feff}data: b\n\n", &[("", "a")]),
        (
            "data: a\n\ndata: no blank line",
            &[("", "a"), ("", "no blank line")],
        ),
        ("\n\n\ndata: a\n\n\n\n", &[("", "a")]),
        (
            "data: x\u{2028}y\u{85}z\n\ndata\n\n",
            &[("", "x\u{2028}y\u{85}z"), ("", "")],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(
            seen(&cut([text.as_bytes().to_vec()])),
            pairs(expected),
            "{text:?}"
        );
    }
}

#[test]
fn a_frame_without_end_is_refused() {
    let mut cutter = Cutter::default();
    for _ in 0..=MAX_FRAME / (1 << 20) {
        cutter.push(Bytes::from(vec![b'x'; 1 << 20]));
        if let Err(error) = cutter.next_frame() {
            assert_eq!(error, TooLarge);
            return;
        }
    }
    unreachable!("a frame over the cap was accepted");
}

#[test]
fn writes_what_it_reads() {
    let mut out = Vec::new();
    write_event(&mut out, "e", b"{}");
    write_data(&mut out, b"[DONE]");
    assert_eq!(seen(&cut([out])), pairs(&[("e", "{}"), ("", "[DONE]")]));
}

proptest! {
    #[test]
    fn chunking_changes_nothing(
        text in "(\u{feff}|data: |event: |: |[a-z\u{e9}\u{2028}]{0,3}|\n|\r|\r\n|\n\n|\r\n\r\n|\r\r){0,24}",
        cuts in proptest::collection::vec(1usize..6, 0..64),
    ) {
        let whole = cut([text.clone().into_bytes()]);
        let mut rest = text.as_bytes();
        let mut chunks = Vec::new();
        for n in cuts {
            let (head, tail) = rest.split_at(n.min(rest.len()));
            chunks.push(head.to_vec());
            rest = tail;
        }
        chunks.push(rest.to_vec());
        let chunked = cut(chunks.into_iter().filter(|c| !c.is_empty()));
        prop_assert_eq!(seen(&whole), seen(&chunked));
        let bytes: Vec<u8> = chunked.iter().flat_map(|f| f.raw.to_vec()).collect();
        prop_assert_eq!(bytes, text.into_bytes());
    }
}
