//! Edits of a client's own body.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;
use weir_model::{Operation, Quirks};

use super::*;

/// The body for a vendor that verifies signatures, and what was lost.
fn edited(body: &str, quirks: &Quirks) -> (String, Vec<String>) {
    let head = AnthropicMessages
        .read_head(Operation::Chat, body.as_bytes())
        .unwrap();
    let (splices, losses) =
        AnthropicMessages.native_edits(Operation::Chat, &head, &head.model, quirks);
    let out = splices.apply(&Bytes::copy_from_slice(body.as_bytes()));
    (String::from_utf8(out.to_vec()).unwrap(), lost(&losses))
}

fn verifying() -> Quirks {
    Quirks {
        signed_thinking: Some(String::new()),
        ..Quirks::default()
    }
}

#[test]
fn edits_touch_only_what_they_must() {
    let body = r#"{ "model" : "a","speed":"fast", "max_tokens":1,"top_k":2 }"#;
    let head = AnthropicMessages
        .read_head(Operation::Chat, body.as_bytes())
        .unwrap();
    let edit = |model: &str, quirks: &Quirks| {
        let (splices, losses) =
            AnthropicMessages.native_edits(Operation::Chat, &head, model, quirks);
        let body = splices.apply(&Bytes::from_static(body.as_bytes()));
        (String::from_utf8(body.to_vec()).unwrap(), lost(&losses))
    };
    let none = Quirks::default();
    assert_eq!(edit("a", &none).0, body);
    let quirks = Quirks {
        drop: vec!["speed".into(), "model".into()],
        rename: vec![("max_tokens".into(), "max_output".into())],
        ..none
    };
    let (edited, losses) = edit("b\"", &quirks);
    assert_eq!(edited, r#"{ "model" : "b\"","max_output":1,"top_k":2 }"#);
    assert_eq!(losses, ["speed"]);
}

/// A request whose model's turn has this content.
fn conversation(content: &str, more: &str) -> String {
    format!(
        "{{\"messages\":[{{\"role\":\"user\",\"content\":\"x\"}},\n\
         {{\"content\":{content} , \"role\":\"assistant\"}}] ,\"model\":\"m\"{more}}}"
    )
}

#[test]
fn unsigned_thinking_goes_with_its_comma() {
    for (content, left, at) in [
        (
            r#"[ {"type":"thinking","thinking":"a","signature":""} , {"type":"text","text":"b"}]"#,
            r#"[ {"type":"text","text":"b"}]"#,
            0,
        ),
        (
            r#"[{"type":"text","text":"b"} ,{ "signature" : null,"thinking":"\"a\"", "type"  : "thinking" }]"#,
            r#"[{"type":"text","text":"b"}]"#,
            1,
        ),
        (
            r#"[{"type":"thinking","thinking":"a"},{"type":"thinking","thinking":"a","signature":"s"},{"type":"redacted_thinking","data":"d"}]"#,
            r#"[{"type":"thinking","thinking":"a","signature":"s"},{"type":"redacted_thinking","data":"d"}]"#,
            0,
        ),
        (
            r#"[{"type":"redacted_thinking","data":"weir1sigd"},{"type":"text","text":"b"}]"#,
            r#"[{"type":"text","text":"b"}]"#,
            0,
        ),
        (
            r#"[{"type":"text","text":"b"},{"type":"thinking","thinking":"a","signature":"weir1sigs"}]"#,
            r#"[{"type":"text","text":"b"}]"#,
            1,
        ),
    ] {
        let body = conversation(content, "");
        let (out, losses) = edited(&body, &verifying());
        assert_eq!(out, conversation(left, ""));
        assert_eq!(losses, [format!("messages[1].content[{at}]")]);
        assert_eq!(edited(&body, &Quirks::default()).0, body);
    }
}

#[test]
fn a_turn_of_unsigned_thinking_alone_goes_as_a_whole() {
    let thought = r#"{"type":"thinking","thinking":"a"}"#;
    let body = conversation(&format!("[ {thought},{thought} ]"), "");
    let (out, losses) = edited(&body, &verifying());
    let left = r#"{"messages":[{"role":"user","content":"x"}] ,"model":"m"}"#;
    assert_eq!(out, left);
    let lost = [
        "messages[1].content[0]",
        "messages[1].content[1]",
        "messages[1]",
    ];
    assert_eq!(losses, lost);
}

#[test]
fn what_is_no_unsigned_thinking_of_the_model_stays() {
    let thought = r#"{"type":"thinking","thinking":"a","signature":""}"#;
    let quoted = serde_json::to_string(thought).unwrap();
    for content in [
        quoted.clone(),
        format!(r#"[{{"type":"text","text":{quoted}}}]"#),
        format!(r#"[{{"type":"tool_use","id":"t","name":"n","input":{thought}}}]"#),
        format!(r#"[{{"type":"opaque","content":[{thought}]}}]"#),
        r#"[{"type":"thinking","thinking":"a","signature":"of whomever"}]"#.to_owned(),
        r#"[{"type":"redacted_thinking","data":""}]"#.to_owned(),
        r#"[{"type":"thinking","type":"text"}]"#.to_owned(),
    ] {
        let body = conversation(&content, r#","thinking":{"type":"enabled"}"#);
        assert_eq!(edited(&body, &verifying()), (body.clone(), vec![]));
    }
    let users = conversation(&format!("[{thought}]"), "").replace("assistant", "user");
    assert_eq!(edited(&users, &verifying()), (users.clone(), vec![]));
}

/// By a budget, the vendor thinks on only where the turn that called the tools began with thinking.
#[test]
fn thinking_stops_where_a_tool_loop_lost_its_own() {
    let thought = r#"{"type":"thinking","thinking":"a"}"#;
    let signed = r#"{"type":"thinking","thinking":"a","signature":"s"}"#;
    let call = r#"{"type":"tool_use","id":"t","name":"n","input":{}}"#;
    let answer = r#",{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}"#;
    let said = r#",{"role":"assistant","content":"so"},{"role":"user","content":"x"}"#;
    let by_budget = r#"{"type":"enabled","budget_tokens":1024}"#;
    let off = r#"{"type":"disabled"}"#;
    for (content, later, asked, sent) in [
        (
            format!("{thought},{call}"),
            answer.to_owned(),
            by_budget,
            off,
        ),
        (
            format!("{thought},{signed},{call}"),
            answer.to_owned(),
            by_budget,
            by_budget,
        ),
        (
            format!("{thought},{call}"),
            format!("{answer}{said}"),
            by_budget,
            by_budget,
        ),
        (
            format!("{thought},{call}"),
            answer.to_owned(),
            r#"{"type":"adaptive"}"#,
            r#"{"type":"adaptive"}"#,
        ),
    ] {
        let body = |content: &str, thinking: &str| {
            let body = conversation(content, &format!(r#","thinking":{thinking}"#));
            body.replace("}] ,\"model\"", &format!("}}{later}] ,\"model\""))
        };
        let (out, losses) = edited(&body(&format!("[{content}]"), asked), &verifying());
        let kept = content.replacen(&format!("{thought},"), "", 1);
        assert_eq!(out, body(&format!("[{kept}]"), sent));
        assert_eq!(losses.contains(&"thinking".to_owned()), asked != sent);
    }
    let quirks = Quirks {
        drop: vec!["thinking".into()],
        ..verifying()
    };
    let more = format!(r#","thinking":{by_budget}"#);
    let (out, losses) = edited(
        &conversation(&format!("[{thought},{call}]"), &more),
        &quirks,
    );
    assert_eq!(out, conversation(&format!("[{call}]"), ""));
    assert_eq!(losses, ["thinking", "messages[1].content[0]"]);
}

/// A block, and whether it stays.
fn block() -> impl Strategy<Value = (String, bool)> {
    let kinds = [
        (
            r#"{"type":"thinking","thinking":"a,]","signature":""}"#,
            false,
        ),
        (r#"{"thinking":"\"thinking\"" , "type" :"thinking"}"#, false),
        (
            r#"{"type":"thinking","thinking":"a","signature":"s\""}"#,
            true,
        ),
        (r#"{"type":"redacted_thinking","data":"d"}"#, true),
        (r#"{"type":"text","text":"{\"type\":\"thinking\"}"}"#, true),
        (r#"{"type":"tool_use","input":{"type":"thinking"}}"#, true),
        ("null", true),
    ];
    prop::sample::select(kinds.to_vec()).prop_map(|(text, stays)| (text.to_owned(), stays))
}

proptest! {
    #[test]
    fn all_but_unsigned_thinking_is_left_as_it_was(
        turns in prop::collection::vec((any::<bool>(), prop::collection::vec(block(), 0..5)), 0..5),
        pad in prop::sample::select(vec!["", " ", "\r\n\t"]),
    ) {
        let separator = format!("{pad},{pad}");
        let body = |only_kept: bool| {
            let turns = turns.iter().filter_map(|(assistant, blocks)| {
                let only_kept = only_kept && *assistant;
                let kept = blocks.iter().filter(|(_, stays)| *stays || !only_kept);
                let kept: Vec<&str> = kept.map(|(text, _)| text.as_str()).collect();
                let role = if *assistant { "assistant" } else { "user" };
                let gone = kept.is_empty() && !blocks.is_empty();
                (!gone).then(|| {
                    let content = kept.join(&separator);
                    format!("{{{pad}\"role\"{pad}:\"{role}\",\"content\":[{pad}{content}{pad}]{pad}}}")
                })
            });
            let turns: Vec<String> = turns.collect();
            format!("{{\"messages\":[{pad}{}{pad}]{pad},\"model\":\"m\",\"max_tokens\":1}}", turns.join(&separator))
        };
        let (out, losses) = edited(&body(false), &verifying());
        let squeezed = |text: &str| text.replace(pad, "");
        prop_assert_eq!(squeezed(&out), squeezed(&body(true)));
        let value: Value = serde_json::from_str(&out).unwrap();
        prop_assert_eq!(value, serde_json::from_str::<Value>(&body(true)).unwrap());
        prop_assert_eq!(out == body(false), losses.is_empty());
        prop_assert_eq!(edited(&out, &verifying()), (out, vec![]));
    }
}
