//! Server-sent events: what a stream says is what the standard says, however it is chunked, and none
//! of its bytes is lost.

use bytes::Bytes;
use weir_dialect::sse::{Cutter, Frame};

use crate::setting::Choices;

/// Event and data of a frame that carries data.
type Said = (String, Vec<u8>);

/// Holds the cutter to it.
pub fn check(input: &[u8]) {
    let expected = standard(input);
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    for chunks in [vec![input], chunks(input), bytes] {
        let frames = cut(&chunks);
        assert_eq!(said(&frames), expected, "in {} chunks", chunks.len());
        let raw: Vec<u8> = frames.iter().flat_map(|frame| frame.raw.to_vec()).collect();
        assert_eq!(raw, input, "bytes are lost");
        for frame in &frames {
            let data = frame.data().unwrap_or_default();
            assert!(
                frame
                    .data_span()
                    .is_none_or(|span| frame.raw[span] == *data)
            );
        }
    }
}

fn said(frames: &[Frame]) -> Vec<Said> {
    let frames = frames.iter();
    frames
        .filter_map(|frame| Some((frame.event().into_owned(), frame.data()?.to_vec())))
        .collect()
}

/// The standard's own procedure, line by line, but that the end of the stream ends a frame too.
/// <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>
fn standard(input: &[u8]) -> Vec<Said> {
    let text = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let (mut said, mut event, mut data) = (Vec::new(), Vec::new(), None::<Vec<u8>>);
    let mut lines = lines(text);
    lines.push(b"");
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => event = value.to_vec(),
            b"data" => match &mut data {
                Some(data) => data.extend(b"\n".iter().chain(value)),
                None => data = Some(value.to_vec()),
            },
            _ if line.is_empty() => {
                let event = String::from_utf8_lossy(&std::mem::take(&mut event)).into_owned();
                said.extend(data.take().map(|data| (event, data)));
            }
            _ => {}
        }
    }
    said
}

fn lines(mut text: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    while let Some(end) = text.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        lines.push(&text[..end]);
        let width = if text[end..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        text = &text[end + width..];
    }
    lines.push(text);
    lines
}

/// The frames of a stream that arrives in these chunks, with the unfinished one at its end.
pub(crate) fn cut(chunks: &[&[u8]]) -> Vec<Frame> {
    let (mut cutter, mut frames) = (Cutter::default(), Vec::new());
    for chunk in chunks {
        cutter.push(Bytes::copy_from_slice(chunk));
        while let Some(frame) = cutter.next_frame().expect("an input below any bound") {
            frames.push(frame);
        }
    }
    frames.extend(cutter.finish());
    frames
}

/// The input in pieces, some of them empty.
pub(crate) fn chunks(input: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut choices, mut chunks) = (input, Choices::of(input), Vec::new());
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(choices.below(20).min(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}
