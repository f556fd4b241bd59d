//! A stream as one JSON list, for clients that do not ask for server-sent events: each frame's data is an
//! element, and comments are white space. The list is closed however the stream ends.

use bytes::Bytes;
use weir_dialect::sse::{Cutter, Frame};

/// Makes a list of the frames of a stream.
#[derive(Debug, Default)]
pub(super) struct List {
    cutter: Cutter,
    begun: bool,
    ended: bool,
}

impl List {
    /// The next bytes of the list; none while a frame is incomplete.
    pub(super) fn push(&mut self, frames: Bytes) -> Bytes {
        let mut out = Vec::with_capacity(frames.len());
        self.cutter.push(frames);
        while let Ok(Some(frame)) = self.cutter.next_frame() {
            self.element(&frame, &mut out);
        }
        out.into()
    }

    /// What ends the list, once.
    pub(super) fn end(&mut self) -> Option<Bytes> {
        if std::mem::replace(&mut self.ended, true) {
            return None;
        }
        let mut out = Vec::new();
        if let Some(frame) = self.cutter.finish() {
            self.element(&frame, &mut out);
        }
        out.extend_from_slice(if self.begun { b"]" } else { b"[]" });
        Some(out.into())
    }

    /// Whether the end was taken.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    fn element(&mut self, frame: &Frame, out: &mut Vec<u8>) {
        let Some(data) = frame.data() else {
            return out.push(b'\n');
        };
        let begun = std::mem::replace(&mut self.begun, true);
        out.extend_from_slice(if begun { b",\n" } else { b"[" });
        out.extend_from_slice(data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_become_elements_however_they_are_cut() {
        let stream = b": hi\n\ndata: {\"a\":1}\r\n\r\ndata: {\"b\":2}\n\n: hi\n\ndata: 3";
        for size in [1, 2, 7, 100] {
            let mut list = List::default();
            let mut out = Vec::new();
            for piece in stream.chunks(size) {
                out.extend(list.push(Bytes::copy_from_slice(piece)));
            }
            out.extend(list.end().unwrap());
            let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(read, serde_json::json!([{"a": 1}, {"b": 2}, 3]));
            assert!(list.is_ended() && list.end().is_none());
        }
        assert_eq!(List::default().end().unwrap(), "[]");
    }
}
