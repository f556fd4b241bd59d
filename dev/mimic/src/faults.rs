//! The faults that a model name can ask for on top of the simulator's own.
//!
//! Some change the frames of a stream, the others the bytes of any reply.

use std::{fmt::Write, time::Duration};

use bytes::Bytes;
use serde_json::json;
use weir_sim::{Behaviour, End, Frame, Kind, Knob, Part, Reply, Script, Step, Wire, catalog};

const fn does(name: &'static str, about: &'static str) -> Behaviour {
    Behaviour { name, about }
}

const fn flag(name: &'static str, about: &'static str) -> Knob {
    Knob {
        name,
        kind: Kind::Flag,
        about,
    }
}

/// Behaviours beside the simulator's.
pub(crate) const MORE: &[Behaviour] = &[
    does("text", "the same as lorem"),
    does("hang", "never answers, not even headers"),
    does("drop", "closes the connection instead of answering"),
];

/// Options beside the simulator's.
pub(crate) const KNOBS: &[Knob] = &[
    flag("crlf", "streams end their lines with CR LF"),
    flag("comments", "a comment before every content frame"),
    flag("bom", "streams start with a byte order mark"),
    flag("no_blank", "the last frame ends without its blank line"),
    flag("no_done", "no [DONE], no message_stop"),
    flag("two_finish", "the finish frame comes twice"),
    flag(
        "azure",
        "a first chunk with prompt_filter_results and no choices",
    ),
    flag(
        "error",
        "an error frame after `at` frames (default 3) of a 200 stream",
    ),
    flag(
        "cut",
        "the answer ends in the middle of the frame after `at` (default 3)",
    ),
    flag("segments", "every frame in a write of its own"),
    Knob {
        name: "split",
        kind: Kind::Number { max: 65_536 },
        about: "streams in writes of this many bytes, across frames",
    },
    flag("gzip", "content-encoding: gzip, asked for or not"),
    flag("chunked", "whole answers without content-length"),
    Knob {
        name: "body",
        kind: Kind::Word,
        about: "html, null, malformed or empty instead of the body",
    },
];

/// The grammar of model names, every behaviour and every option, for people.
#[must_use]
pub fn help() -> String {
    let all = catalog();
    let mut text = "Model names: behaviour(+option(=value)?)*\n\nBehaviours:\n".to_owned();
    for Behaviour { name, about } in all.behaviours.iter().chain(MORE) {
        let _ = writeln!(text, "  {name:<16}{about}");
    }
    let _ = writeln!(
        text,
        "  {:<16}a whole answer of about 1 KB, unchecked and unrecorded",
        "bench"
    );
    let _ = writeln!(
        text,
        "  {:<16}a stream with `chunks` (default 100) and `gap_ms`, the same way",
        "bench-stream"
    );
    text.push_str("\nOptions:\n");
    for Knob { name, kind, about } in all.options.iter().chain(KNOBS) {
        let value = match kind {
            Kind::Flag => "",
            Kind::Number { .. } => "=N",
            Kind::Word => "=WORD",
        };
        let _ = writeln!(text, "  {:<16}{about}", format!("{name}{value}"));
    }
    text
}

/// Changes the frames of a stream.
pub(crate) fn edit(script: &Script, wire: Wire, mut frames: Vec<Frame>) -> Vec<Frame> {
    let at = script.count("at").unwrap_or(3);
    if script.is("two_finish")
        && let Some(place) = frames.iter().rposition(|frame| frame.part == Part::Finish)
    {
        frames.insert(place, frames[place].clone());
    }
    if script.is("no_done") {
        frames.retain(|frame| frame.part != Part::Done);
    }
    if script.is("error") {
        frames.truncate(at);
        let text = error_frame(wire, at);
        frames.push(Frame {
            part: Part::Done,
            text,
        });
    }
    if script.is("cut") {
        frames.truncate(at + 1);
        if let Some(last) = frames.last_mut() {
            let middle = last.text.floor_char_boundary(last.text.len() / 2);
            last.text.truncate(middle);
        }
    }
    if script.is("azure") {
        let text = "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\",\
                    \"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":\
                    {\"hate\":{\"filtered\":false,\"severity\":\"safe\"}}}]}\n\n";
        frames.insert(
            0,
            Frame {
                part: Part::Open,
                text: text.to_owned(),
            },
        );
    }
    if script.is("comments") {
        let comment = Frame {
            part: Part::Open,
            text: ": PROCESSING\n\n".to_owned(),
        };
        let before = |frame: Frame| {
            let comment = (frame.part == Part::Content).then(|| comment.clone());
            comment.into_iter().chain(std::iter::once(frame))
        };
        frames = frames.into_iter().flat_map(before).collect();
    }
    if script.is("no_blank")
        && let Some(last) = frames.last_mut()
    {
        last.text.truncate(last.text.trim_end().len());
    }
    if script.is("crlf") {
        frames
            .iter_mut()
            .for_each(|frame| frame.text = frame.text.replace('\n', "\r\n"));
    }
    if script.is("bom")
        && let Some(first) = frames.first_mut()
    {
        first.text.insert(0, '\u{feff}');
    }
    frames
}

/// An error under a 200, as the frame of this number.
fn error_frame(wire: Wire, number: usize) -> String {
    match wire {
        Wire::Messages => format!("event: error\ndata: {}\n\n", wire.error(529, None, None)),
        Wire::Responses => {
            let error = json!({"type": "error", "sequence_number": number, "code": "server_error",
                "message": "The server had an error while processing your request.", "param": null});
            format!("event: error\ndata: {error}\n\n")
        }
        Wire::Generate => format!("data: {}\n\n", wire.error(503, None, None)),
        Wire::Cohere => {
            let delta = json!({"finish_reason": "ERROR", "error": "generation failed, the server is overloaded"});
            let end = json!({"type": "message-end", "delta": delta});
            format!("event: message-end\ndata: {end}\n\n")
        }
        Wire::Chat | Wire::Completions => {
            format!("data: {}\n\n", wire.error(500, None, None))
        }
    }
}

/// Changes the bytes of a reply.
pub(crate) fn distort(script: &Script, mut reply: Reply) -> Reply {
    let whole = reply.sized;
    if whole && script.is("cut") {
        let bytes = joined(&reply);
        reply.steps = [Step::now(bytes.slice(..bytes.len() / 2))].into();
    }
    let replaced = match script.word("body") {
        Some("html") => Some((
            "text/html",
            "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
        )),
        Some("null") => Some(("application/json", "null")),
        Some("malformed") => Some(("application/json", "{\"id\":\"x\",\"choices\":[{\"index\":")),
        Some("empty") => Some(("application/json", "")),
        _ => None,
    };
    if let Some((kind, text)) = replaced {
        reply.steps = [Step::now(text)].into();
        reply.headers.retain(|(name, _)| *name != "content-type");
        reply = reply.with("content-type", kind);
    }
    if script.is("gzip") {
        reply.steps = gzip(&reply).into();
        reply = reply.with("content-encoding", "gzip");
    }
    if let Some(size) = script.count("split").filter(|size| *size > 0 && !whole) {
        let bytes = joined(&reply);
        let pieces = (0..bytes.len())
            .step_by(size)
            .map(|at| bytes.slice(at..(at + size).min(bytes.len())));
        reply.steps = pieces
            .map(|bytes| Step {
                after: Some(Duration::ZERO),
                bytes,
            })
            .collect();
    }
    if script.is("segments") {
        let alone = |step: &Step| Step {
            after: step.after.or(Some(Duration::ZERO)),
            bytes: step.bytes.clone(),
        };
        reply.steps = reply.steps.iter().map(alone).collect();
    }
    reply.sized = whole && !script.is("chunked") && reply.end == End::Complete;
    reply
}

fn joined(reply: &Reply) -> Bytes {
    reply
        .steps
        .iter()
        .flat_map(|step| step.bytes.iter().copied())
        .collect()
}

/// RFC 1952 with stored blocks (RFC 1951, 3.2.4): not smaller, but gzip, and it keeps the timetable.
fn gzip(reply: &Reply) -> Vec<Step> {
    let mut crc = u32::MAX;
    let mut size = 0_u32;
    let mut head: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut steps: Vec<Step> = Vec::new();
    for step in reply.steps.iter() {
        let mut out = std::mem::take(&mut head).to_vec();
        for block in step.bytes.chunks(0xffff) {
            let length = block.len() as u16;
            out.push(0);
            out.extend(length.to_le_bytes());
            out.extend((!length).to_le_bytes());
            out.extend(block);
        }
        for byte in &step.bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 {
                    (crc >> 1) ^ 0xedb8_8320
                } else {
                    crc >> 1
                };
            }
        }
        size = size.wrapping_add(step.bytes.len() as u32);
        steps.push(Step {
            after: step.after,
            bytes: out.into(),
        });
    }
    if reply.end == End::Complete {
        let mut tail = head.to_vec();
        tail.extend([1, 0, 0, 0xff, 0xff]);
        tail.extend((!crc).to_le_bytes());
        tail.extend(size.to_le_bytes());
        steps.push(Step::now(tail));
    }
    steps
}

#[cfg(test)]
mod tests;
