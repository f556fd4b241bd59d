//! Answers are read to their end, however their bytes arrive.

use super::*;

const SIZED: &[u8] = b"HTTP/1.1 429 Too Many\r\ncontent-length: 11\r\nX: y\r\n\r\n{\"ok\":true}";

/// Feeds an answer in pieces of `size`; true only with the last piece.
fn read(bytes: &[u8], size: usize) -> Reply {
    let mut reply = Reply::default();
    let pieces = bytes.chunks(size).count();
    for (index, piece) in bytes.chunks(size).enumerate() {
        assert_eq!(
            reply.feed(piece),
            Ok(index + 1 == pieces),
            "piece {index} of size {size}"
        );
    }
    reply
}

#[test]
fn pieces_do_not_change_what_is_read() {
    let whole = read(SIZED, SIZED.len());
    assert_eq!((whole.status, whole.bytes, whole.frames), (429, 11, 0));
    assert_eq!(whole.sample(), b"{\"ok\":true}");
    for size in 1..SIZED.len() {
        assert_eq!(read(SIZED, size).sample(), whole.sample());
    }
}

#[test]
fn frames_are_counted_across_chunks_and_pieces() {
    let stream = frames_stream();
    let whole = read(&stream, stream.len());
    assert_eq!((whole.status, whole.frames), (200, 4));
    assert!(whole.tail().ends_with(b": x\n\n"));
    for size in 1..stream.len() {
        let reply = read(&stream, size);
        assert_eq!(
            (reply.frames, reply.bytes),
            (4, whole.bytes),
            "pieces of {size}"
        );
        assert_eq!(reply.tail(), whole.tail());
    }
}

/// Four frames with both line ends, cut at awkward places.
fn frames_stream() -> Vec<u8> {
    let mut stream = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in [
        "data: a\n",
        "\ndata: b\r\n\r",
        "\ndata: c\n\n\n",
        "\n: x\n\n",
    ] {
        stream.extend_from_slice(format!("{:X};x=y\r\n{chunk}\r\n", chunk.len()).as_bytes());
    }
    stream.extend_from_slice(b"0\r\nTrailer: x\r\n\r\n");
    stream
}

#[test]
fn what_is_kept_is_bounded() {
    let body = "x".repeat(100_000) + "end";
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let reply = read(reply.as_bytes(), 1000);
    assert_eq!((reply.sample().len(), reply.tail().len()), (SAMPLE, TAIL));
    assert!(reply.tail().ends_with(b"xend"));
}

#[test]
fn a_cleared_reply_reads_the_next_answer() {
    let mut reply = read(SIZED, 7);
    reply.clear();
    assert_eq!(
        reply.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"),
        Ok(true)
    );
    assert_eq!(
        (reply.status, reply.bytes, reply.sample()),
        (200, 2, b"hi".as_slice())
    );
}

#[test]
fn wrong_framing_is_refused() {
    for (bytes, fault) in [
        ("HTTP/1.0 200 OK\r\n\r\n", "no HTTP/1.1 status line"),
        ("HTTP/1.1 200 OK\r\n\r\n", "an answer without length"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            "content-length is not a number",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab",
            "bytes after the end of the answer",
        ),
        (
            "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
            "a header has no colon",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
            "a transfer-encoding other than chunked",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            "a chunk size is not a number",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n",
            "a chunk is longer than its size",
        ),
    ] {
        assert_eq!(
            Reply::default().feed(bytes.as_bytes()),
            Err(fault),
            "{bytes:?}"
        );
    }
}
