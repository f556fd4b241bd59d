//! Reads one HTTP/1.1 answer from the bytes of a socket, in whatever pieces they come (RFC 9112, sections 4, 6, 7).
//! It checks framing, counts SSE frames and keeps the beginning and the end of the body for checks. It knows only
//! what an answer with a body needs: no 1xx, no 304, no body that ends with the connection.

#[cfg(test)]
mod tests;

const MAX_HEAD: usize = 64 << 10;
/// What is kept from the start of a body, bytes.
const SAMPLE: usize = 8 << 10;
/// What is kept from its end, bytes.
const TAIL: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Length(u64),
    ChunkSize,
    Chunk(u64),
    /// The line after a chunk's bytes.
    ChunkEnd,
    /// Lines after the last chunk, to an empty one.
    Trailer,
    Done,
}

/// One answer, fed piece by piece.
#[derive(Debug)]
pub struct Reply {
    state: State,
    /// The head, later the current line of the chunked framing.
    line: Vec<u8>,
    /// The status; 0 before the head was read.
    pub status: u16,
    /// Bytes of body so far.
    pub bytes: u64,
    /// SSE frames so far: blank lines that end a line of text.
    pub frames: u64,
    sample: Vec<u8>,
    tail: Vec<u8>,
    text_in_line: bool,
    text_in_frame: bool,
}

impl Default for Reply {
    fn default() -> Self {
        Self {
            state: State::Head,
            line: Vec::new(),
            status: 0,
            bytes: 0,
            frames: 0,
            sample: Vec::new(),
            tail: Vec::with_capacity(2 * TAIL),
            text_in_line: false,
            text_in_frame: false,
        }
    }
}

impl Reply {
    /// Makes it ready for the next answer on the connection; keeps its buffers.
    pub fn clear(&mut self) {
        self.line.clear();
        self.sample.clear();
        self.tail.clear();
        let (line, sample, tail) = (
            std::mem::take(&mut self.line),
            std::mem::take(&mut self.sample),
            std::mem::take(&mut self.tail),
        );
        *self = Self {
            line,
            sample,
            tail,
            ..Self::default()
        };
    }

    /// Takes bytes from the socket; true once the answer is whole.
    ///
    /// # Errors
    /// The framing is wrong, or bytes follow the answer.
    pub fn feed(&mut self, input: &[u8]) -> Result<bool, &'static str> {
        if self.state != State::Head {
            return self.body(input);
        }
        self.line.extend_from_slice(input);
        let Some(end) = memchr::memmem::find(&self.line, b"\r\n\r\n") else {
            return if self.line.len() > MAX_HEAD {
                Err("the head has no end")
            } else {
                Ok(false)
            };
        };
        let mut received = std::mem::take(&mut self.line);
        (self.status, self.state) = head(&received[..end])?;
        let whole = self.body(&received[end + 4..]);
        received.clear();
        if self.line.is_empty() {
            self.line = received;
        }
        whole
    }

    /// The beginning of the body, at most 8 KiB.
    #[must_use]
    pub fn sample(&self) -> &[u8] {
        &self.sample
    }

    /// The end of the body, 64 bytes or more if it has them.
    #[must_use]
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    fn body(&mut self, mut input: &[u8]) -> Result<bool, &'static str> {
        while !input.is_empty() {
            input = match self.state {
                State::Length(left) => {
                    let (taken, rest) = self.take(input, left);
                    self.state = if taken == left {
                        State::Done
                    } else {
                        State::Length(left - taken)
                    };
                    rest
                }
                State::Chunk(left) => {
                    let (taken, rest) = self.take(input, left);
                    self.state = if taken == left {
                        State::ChunkEnd
                    } else {
                        State::Chunk(left - taken)
                    };
                    rest
                }
                State::ChunkSize | State::ChunkEnd | State::Trailer => self.framing(input)?,
                State::Head | State::Done => return Err("bytes after the end of the answer"),
            };
        }
        Ok(self.state == State::Done)
    }

    /// Takes bytes up to a line's end and acts on the line once it is whole.
    fn framing<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], &'static str> {
        let Some(end) = memchr::memchr(b'\n', input) else {
            self.line.extend_from_slice(input);
            return if self.line.len() > MAX_HEAD {
                Err("a chunk line has no end")
            } else {
                Ok(&[])
            };
        };
        self.line.extend_from_slice(&input[..end]);
        let line = self.line.trim_ascii();
        self.state = match (self.state, line.is_empty()) {
            (State::ChunkSize, _) => match chunk_size(line)? {
                0 => State::Trailer,
                size => State::Chunk(size),
            },
            (State::ChunkEnd, true) => State::ChunkSize,
            (State::ChunkEnd, false) => return Err("a chunk is longer than its size"),
            (_, true) => State::Done,
            (_, false) => State::Trailer,
        };
        self.line.clear();
        Ok(&input[end + 1..])
    }

    /// Takes at most `left` bytes of body; how many, and what follows.
    fn take<'a>(&mut self, input: &'a [u8], left: u64) -> (u64, &'a [u8]) {
        let taken = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
        let (body, rest) = input.split_at(taken);
        self.bytes += taken as u64;
        self.sample
            .extend_from_slice(&body[..body.len().min(SAMPLE - self.sample.len())]);
        self.tail
            .extend_from_slice(&body[body.len().saturating_sub(TAIL)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        self.count(body);
        (taken as u64, rest)
    }

    fn count(&mut self, body: &[u8]) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', body) {
            if self.text_in_line || has_text(&body[start..end]) {
                self.text_in_frame = true;
            } else if std::mem::take(&mut self.text_in_frame) {
                self.frames += 1;
            }
            self.text_in_line = false;
            start = end + 1;
        }
        self.text_in_line |= has_text(&body[start..]);
    }
}

fn has_text(line: &[u8]) -> bool {
    line.iter().any(|byte| *byte != b'\r')
}

fn chunk_size(line: &[u8]) -> Result<u64, &'static str> {
    let digits = line
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let digits = str::from_utf8(digits).map_err(|_| "a chunk size is not a number")?;
    u64::from_str_radix(digits, 16).map_err(|_| "a chunk size is not a number")
}

/// Status and framing from a head without its last line ends.
fn head(head: &[u8]) -> Result<(u16, State), &'static str> {
    let head = str::from_utf8(head).map_err(|_| "the head is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let status = status.ok_or("no HTTP/1.1 status line")?;
    let mut state = None;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or("a header has no colon")?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let length = value
                .parse()
                .map_err(|_| "content-length is not a number")?;
            state = Some(if length == 0 {
                State::Done
            } else {
                State::Length(length)
            });
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if !value.eq_ignore_ascii_case("chunked") {
                return Err("a transfer-encoding other than chunked");
            }
            state = Some(State::ChunkSize);
        }
    }
    Ok((status, state.ok_or("an answer without length")?))
}
