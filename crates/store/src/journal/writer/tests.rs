//! What segments hold, when they rotate, and what never gets into them.

use std::fs;
use std::path::Path;

use weir_model::{Priced, Usage};

use super::super::Line;
use super::*;
use crate::JournalOptions;

fn opened<'a>(id: &'a str, model: &'a str) -> Opened<'a> {
    Opened {
        id,
        at_nanos: 1,
        key_id: "key_1",
        key_name: "ci",
        project: None,
        model,
        operation: "chat",
        dialect: "openai_chat",
        estimate_nano_usd: Some(5),
        estimate_input_tokens: 3,
        stream: false,
    }
}

fn settle(writer: &JournalWriter, id: &str) -> io::Result<()> {
    writer.settled(&OpenCall::new(&opened(id, "m")).unwrap(), &SETTLED)
}

const SETTLED: Settled<'static> = Settled {
    at_nanos: 2,
    status: 200,
    outcome: "ok",
    target: "",
    upstream_model: "",
    usage: Usage {
        input_tokens: 4,
        cache_read_tokens: 0,
        cache_write_tokens: 0,
        cache_write_1h_tokens: 0,
        input_audio_tokens: 0,
        output_tokens: 5,
        reasoning_tokens: 0,
        output_audio_tokens: 0,
        web_searches: 0,
        images: 0,
        audio_ms: 0,
        characters: 0,
    },
    usage_estimated: false,
    cost: Priced::Unpriced,
    finish: None,
    attempts: 0,
    losses: 0,
    first_token_us: None,
    total_us: 9,
    error_kind: None,
};

fn start(dir: &Path, max_segment_bytes: u64) -> (Journal, JournalWriter) {
    let options = JournalOptions {
        sync: Sync::Always,
        max_segment_bytes,
    };
    let journal = Journal::open(dir, options).unwrap();
    let writer = journal.writer().unwrap();
    (journal, writer)
}

/// The lines of each segment, all of which can be read.
fn segments(journal: &Journal) -> Vec<Vec<String>> {
    let mut segments = Vec::new();
    for name in journal.segments().unwrap() {
        let text = fs::read_to_string(journal.path(&name)).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines
            .iter()
            .for_each(|line| assert!(Line::read(line).is_some(), "{line}"));
        segments.push(lines);
    }
    segments
}

#[test]
fn a_line_is_one_line_and_tells_the_whole_call() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, writer) = start(dir.path(), u64::MAX);
    let call = writer.opened(&opened("r1", "a\"b\n\u{1F600}")).unwrap();
    writer.settled(&call, &SETTLED).unwrap();
    let text = fs::read_to_string(journal.path(&journal.segments().unwrap()[0])).unwrap();
    let head =
        "\"r1\",[\"key_1\",\"ci\",\"\",\"a\\\"b\\n\u{1F600}\",\"chat\",\"openai_chat\",false]";
    let expected = format!(
        "[\"opened\",{head},[1,3,5]]\n\
         [\"settled\",{head},[\"\",\"\",200,\"ok\",\"\",\"\"],\
         [1,2,0,0,null,9,4,0,0,0,0,5,0,0,0,0,null,0,0,0]]\n"
    );
    assert_eq!(text, expected);
}

#[test]
fn an_id_stands_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (_, writer) = start(dir.path(), u64::MAX);
    for id in ["a\"b", "a\\b", "a\nb", "\u{e9}"] {
        let error = writer.opened(&opened(id, "m")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn segments_rotate_before_they_grow_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, writer) = start(dir.path(), 170);
    for n in 0..10 {
        writer.opened(&opened(&format!("r{n}"), "m")).unwrap();
    }
    let segments = segments(&journal);
    assert_eq!(segments.concat().len(), 10);
    assert!(
        segments.iter().all(|lines| lines.len() == 2),
        "two lines fit in 170 bytes"
    );
}

#[test]
fn a_line_larger_than_a_segment_still_gets_written() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, writer) = start(dir.path(), 1);
    settle(&writer, "r1").unwrap();
    settle(&writer, "r2").unwrap();
    assert_eq!(
        segments(&journal).iter().map(Vec::len).collect::<Vec<_>>(),
        [1, 1]
    );
}

#[test]
fn what_cannot_be_read_back_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, writer) = start(dir.path(), u64::MAX);
    let error = writer
        .opened(&opened("r1", &"m".repeat(MAX_LINE)))
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    writer.opened(&opened("r2", "m")).unwrap();
    assert_eq!(segments(&journal).concat().len(), 1);
}

#[test]
fn nothing_follows_half_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, writer) = start(dir.path(), u64::MAX);
    let first = journal.path(&journal.segments().unwrap()[0]);
    writer.tail.lock().unwrap().file = File::open(&first).unwrap();
    settle(&writer, "r1").unwrap_err();
    settle(&writer, "r2").unwrap();
    assert_eq!(
        segments(&journal).iter().map(Vec::len).collect::<Vec<_>>(),
        [0, 1]
    );
}

#[test]
fn threads_that_share_a_writer_do_not_mix_lines() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), JournalOptions::default()).unwrap();
    let writer = journal.writer().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| drop(writer.opened(&opened("r", "m")).unwrap())));
        }
    });
    assert_eq!(segments(&journal).concat().len(), 2000);
}

#[test]
fn a_folder_has_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, writer) = start(dir.path(), u64::MAX);
    let again = || Journal::open(dir.path(), JournalOptions::default()).map(drop);
    assert_eq!(again().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(journal);
    assert_eq!(
        again().unwrap_err().kind(),
        io::ErrorKind::WouldBlock,
        "a writer is left"
    );
    drop(writer);
    again().unwrap();
}

#[test]
fn what_a_line_says_is_read_back() {
    let line = r#"["settled","r1",["a],[\"]","\\"],["b,["],[1,-2,null,4,5,6,7,8,9,10,11,12,13,14,15,16,9223372036854775807]]"#;
    let Some(Line::Settled(read)) = Line::read(line) else {
        panic!("a settled line")
    };
    assert_eq!(
        (read.id, read.question, read.answer),
        ("r1", r#"["a],[\"]","\\"]"#, r#"["b,["]"#)
    );
    assert_eq!(
        read.figures[..3],
        [Some(1), Some(-2), None],
        "{:?}",
        read.figures
    );
    assert_eq!(read.figures[16], Some(i64::MAX));
    for end in 1..line.len() {
        assert!(Line::read(&line[..end]).is_none(), "{}", &line[..end]);
    }
}
