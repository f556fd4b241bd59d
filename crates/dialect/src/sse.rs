//! Server-sent events, sans IO: cuts a byte stream into frames that keep their exact bytes, and
//! writes frames. Follows the WHATWG HTML standard, section "Server-sent events": lines end with
//! LF, CRLF or CR and with nothing else; a blank line ends a frame.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// Largest frame accepted, in bytes. Vendors stay below 1 MiB but for inline media.
pub const MAX_FRAME: usize = 16 << 20;

/// One frame: what stood up to and including a blank line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Exactly as it came, its blank line included.
    pub raw: Bytes,
    event: Range<usize>,
    data: Payload,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Payload {
    /// A comment, or nothing at all.
    None,
    /// One data line, by its place in `raw`.
    Line(Range<usize>),
    /// Several data lines, joined by LF.
    Joined(Vec<u8>),
}

impl Frame {
    /// The event name; empty when the frame has none.
    pub fn event(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.raw[self.event.clone()])
    }

    /// The data; `None` for a comment.
    pub fn data(&self) -> Option<&[u8]> {
        match &self.data {
            Payload::None => None,
            Payload::Line(range) => Some(&self.raw[range.clone()]),
            Payload::Joined(joined) => Some(joined),
        }
    }

    /// Where the data stands in `raw`; `None` for a comment or data over several lines.
    pub fn data_span(&self) -> Option<Range<usize>> {
        match &self.data {
            Payload::Line(range) => Some(range.clone()),
            Payload::None | Payload::Joined(_) => None,
        }
    }

    /// Only the first frame of a stream may begin with a byte order mark.
    fn parse(raw: Bytes, first: bool) -> Frame {
        let (mut event, mut data) = (0..0, Payload::None);
        let marked = first && raw.starts_with(b"\xef\xbb\xbf");
        let mut at = if marked { 3 } else { 0 };
        while at < raw.len() {
            let end = memchr::memchr2(b'\n', b'\r', &raw[at..]).map_or(raw.len(), |n| at + n);
            match field(&raw, at..end) {
                (b"data", value) => data = data.line(&raw, value),
                (b"event", value) => event = value,
                _ => {}
            }
            at = end + 1;
        }
        Frame { raw, event, data }
    }
}

impl Payload {
    fn line(self, raw: &Bytes, value: Range<usize>) -> Payload {
        let mut joined = match self {
            Payload::None => return Payload::Line(value),
            Payload::Line(first) => raw[first].to_vec(),
            Payload::Joined(joined) => joined,
        };
        joined.push(b'\n');
        joined.extend_from_slice(&raw[value]);
        Payload::Joined(joined)
    }
}

/// Splits a line into its field name and the place of its value.
fn field(raw: &[u8], line: Range<usize>) -> (&[u8], Range<usize>) {
    let text = &raw[line.clone()];
    let Some(colon) = memchr::memchr(b':', text) else {
        return (text, line.end..line.end);
    };
    let mut value = line.start + colon + 1;
    if raw[value..line.end].first() == Some(&b' ') {
        value += 1;
    }
    (&text[..colon], value..line.end)
}

/// Cuts a byte stream into frames, however it is chunked.
#[derive(Debug, Default)]
pub struct Cutter {
    /// Not yet cut.
    buffer: Bytes,
    /// Where the current line begins.
    line: usize,
    /// Up to here, the current line was searched without finding its end.
    searched: usize,
    /// Whether the frame has had a line that is not blank.
    in_frame: bool,
    /// Whether the last line ended in CR at the end of the buffer: an LF may still belong to it.
    after_cr: bool,
    /// Whether a frame has been cut off.
    begun: bool,
}

/// A frame grew over [`MAX_FRAME`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl Cutter {
    /// Takes the next bytes.
    pub fn push(&mut self, chunk: Bytes) {
        if self.buffer.is_empty() {
            self.buffer = chunk;
            return;
        }
        let held = std::mem::take(&mut self.buffer);
        let mut joined = held
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        joined.extend_from_slice(&chunk);
        self.buffer = joined.freeze();
    }

    /// Cuts the next whole frame off; `None` until more bytes come.
    ///
    /// # Errors
    /// [`TooLarge`] when a frame has no end within [`MAX_FRAME`] bytes.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, TooLarge> {
        self.skip_lf();
        while let Some(found) = memchr::memchr2(b'\n', b'\r', &self.buffer[self.searched..]) {
            let end = self.searched + found;
            let blank = end == self.line;
            self.after_cr = self.buffer[end] == b'\r';
            self.begin_line(end + 1);
            self.skip_lf();
            if blank && self.in_frame {
                return Ok(Some(self.cut(self.line)));
            }
            self.in_frame |= !blank;
        }
        self.searched = self.buffer.len();
        if self.buffer.len() > MAX_FRAME {
            Err(TooLarge)
        } else {
            Ok(None)
        }
    }

    /// The stream has ended: what is left, as a frame that lacks its blank line.
    pub fn finish(&mut self) -> Option<Frame> {
        let left = self.buffer.len();
        (left > 0).then(|| self.cut(left))
    }

    /// The LF of a CRLF belongs to the line that its CR ended.
    fn skip_lf(&mut self) {
        if self.after_cr
            && let Some(next) = self.buffer.get(self.line)
        {
            self.after_cr = false;
            if *next == b'\n' {
                self.begin_line(self.line + 1);
            }
        }
    }

    fn begin_line(&mut self, at: usize) {
        self.line = at;
        self.searched = at;
    }

    fn cut(&mut self, end: usize) -> Frame {
        self.begin_line(0);
        self.in_frame = false;
        let first = !std::mem::replace(&mut self.begun, true);
        Frame::parse(self.buffer.split_to(end), first)
    }
}

/// Appends a frame with an event name.
pub fn write_event(out: &mut Vec<u8>, event: &str, data: &[u8]) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event.as_bytes());
    out.push(b'\n');
    write_data(out, data);
}

/// Appends a frame without an event name. `data` must be one line.
pub fn write_data(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\n\n");
}

/// A comment that keeps the connection alive; every SSE client passes it over.
pub const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

#[cfg(test)]
mod tests;
