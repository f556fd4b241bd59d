//! Each fault breaks the answer in its own way, and nothing else.

use serde_json::{Value, json};
use weir_sim::play;

use super::*;

fn reply(wire: Wire, model: &str, stream: bool) -> Reply {
    let script = Script::parse(model, KNOBS).unwrap();
    let body = json!({"model": model, "max_tokens": 50, "stream": stream, "messages": [{"role": "user", "content": "one two three"}]});
    distort(
        &script,
        play(wire, &body, &script, |frames| edit(&script, wire, frames)),
    )
}

fn text(reply: &Reply) -> String {
    String::from_utf8(joined(reply).to_vec()).unwrap()
}

#[test]
fn each_stream_fault_shows() {
    let chat = |model: &str| text(&reply(Wire::Chat, model, true));
    let messages = |model: &str| text(&reply(Wire::Messages, model, true));
    let plain = chat("echo");
    assert_eq!(plain.matches("\"finish_reason\":\"stop\"").count(), 1);
    assert!(plain.ends_with("data: [DONE]\n\n"));
    assert_eq!(
        chat("echo+two_finish")
            .matches("\"finish_reason\":\"stop\"")
            .count(),
        2
    );
    assert!(!chat("echo+no_done").contains("[DONE]"));
    assert!(!messages("echo+no_done").contains("message_stop"));
    assert!(!chat("echo+no_finish").contains("\"stop\""));
    assert!(!messages("echo+no_finish").contains("message_delta"));
    assert!(!chat("echo+crlf").replace("\r\n", "").contains('\n'));
    assert_eq!(
        chat("echo+crlf").replace("\r\n", "\n").len(),
        plain.replace("echo", "echo+crlf").len()
    );
    assert_eq!(
        chat("echo+comments")
            .matches("\n\n: PROCESSING\n\n")
            .count(),
        3
    );
    assert!(chat("echo+bom").starts_with("\u{feff}data: "));
    assert!(chat("echo+no_blank").ends_with("data: [DONE]"));
    assert!(chat("echo+azure").starts_with("data: {\"choices\":[]"));
    let failed = chat("echo+error+at=2");
    assert!(
        failed.contains("\"one\"")
            && failed.contains("data: {\"error\":{")
            && !failed.contains("two")
    );
    assert!(
        messages("echo+error")
            .contains("event: error\ndata: {\"error\":{\"message\":\"Overloaded\"")
    );
    let cut = chat("echo+cut");
    assert!(!cut.ends_with('\n') && cut.contains("two") && !cut.contains("[DONE]"));
}

#[test]
fn split_and_segments_keep_the_bytes() {
    let plain = reply(Wire::Messages, "unicode+split=0", true);
    let split = reply(Wire::Messages, "unicode+split=7", true);
    let after_ids = |reply: &Reply| {
        text(reply)
            .split_once("\"content\":[]")
            .unwrap()
            .1
            .to_owned()
    };
    assert_eq!(after_ids(&split), after_ids(&plain));
    assert!(
        split
            .steps
            .iter()
            .all(|step| step.bytes.len() <= 7 && step.after == Some(Duration::ZERO))
    );
    let segments = reply(Wire::Chat, "echo+segments+gap_ms=5", true);
    let delays: Vec<u128> = segments
        .steps
        .iter()
        .map(|s| s.after.unwrap().as_millis())
        .collect();
    assert_eq!(delays, [0, 0, 5, 5, 0, 0]);
}

#[test]
fn whole_answers_go_wrong_too() {
    let sized = reply(Wire::Chat, "echo", false);
    assert!(sized.sized && !reply(Wire::Chat, "echo+chunked", false).sized);
    let parse =
        |model: &str| serde_json::from_str::<Value>(&text(&reply(Wire::Chat, model, false)));
    assert!(
        parse("echo").is_ok()
            && parse("echo+cut").is_err()
            && parse("echo+body=malformed").is_err()
    );
    assert_eq!(parse("echo+body=null").unwrap(), Value::Null);
    assert_eq!(text(&reply(Wire::Chat, "echo+body=empty", false)), "");
    let page = reply(Wire::Chat, "fail+status=502+body=html", true);
    assert_eq!(
        (page.status, page.headers.last().unwrap().1.as_str()),
        (502, "text/html")
    );
    assert!(text(&page).starts_with("<html>"));
}

/// Undoes stored gzip, and checks its trailer with a second implementation of the checksum.
fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut rest = bytes
        .strip_prefix(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])
        .unwrap();
    let mut out = Vec::new();
    loop {
        let (last, length) = (rest[0], usize::from(u16::from_le_bytes([rest[1], rest[2]])));
        assert_eq!([!rest[1], !rest[2]], [rest[3], rest[4]]);
        out.extend(&rest[5..5 + length]);
        rest = &rest[5 + length..];
        if last == 1 {
            break;
        }
    }
    let table: Vec<u32> = (0..256_u32)
        .map(|n| {
            (0..8).fold(n, |c, _| {
                if c & 1 == 1 {
                    0xedb8_8320 ^ (c >> 1)
                } else {
                    c >> 1
                }
            })
        })
        .collect();
    let crc = out.iter().fold(u32::MAX, |c, b| {
        table[((c ^ u32::from(*b)) & 0xff) as usize] ^ (c >> 8)
    });
    assert_eq!(
        rest,
        [(!crc).to_le_bytes(), (out.len() as u32).to_le_bytes()].concat()
    );
    out
}

#[test]
fn gzip_can_be_undone() {
    for (model, stream) in [
        ("echo+gzip", true),
        ("echo+gzip", false),
        ("lorem+size=200000+gzip", false),
    ] {
        let packed = reply(Wire::Chat, model, stream);
        assert!(
            packed
                .headers
                .contains(&("content-encoding", "gzip".to_owned()))
        );
        let script = Script::parse(model, KNOBS).unwrap();
        let body = json!({"model": model, "max_tokens": 50, "stream": stream, "messages": [{"role": "user", "content": "one two three"}]});
        let plain = play(Wire::Chat, &body, &script, |frames| frames);
        assert_eq!(gunzip(&joined(&packed)), joined(&plain).to_vec());
    }
}

#[test]
fn help_lists_everything() {
    let help = help();
    for name in [
        "echo",
        "hang",
        "bench-stream",
        "first_ms=N",
        "crlf",
        "body=WORD",
    ] {
        assert!(help.contains(&format!("\n  {name} ")), "{name}");
    }
}
