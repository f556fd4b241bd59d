//! Requests, both ways, and the native lane.

use bytes::Bytes;
use proptest::prelude::*;
use weir_model::{Content, Effort, Message, Operation, Reasoning, Role, SEALED, ToolChoice};

use super::*;
use crate::gemini::signature::{self, Place};

/// Panics at what a strict Google refuses, as far as we know it.
fn strict(body: &Value) {
    let contents = body["contents"].as_array().unwrap();
    assert!(!contents.is_empty());
    let mut last = "";
    for content in contents {
        let role = content["role"].as_str().unwrap();
        assert!(["user", "model"].contains(&role) && role != last, "{role}");
        last = role;
        let parts = content["parts"].as_array().unwrap();
        assert!(!parts.is_empty());
        for part in parts {
            let part = part.as_object().unwrap();
            let beside = ["thought", "thoughtSignature", "mediaResolution"];
            let kinds: Vec<_> = part.keys().filter(|k| !beside.contains(&&***k)).collect();
            assert_eq!(kinds.len(), 1, "{part:?}");
            assert_eq!(
                kinds[0] == "functionCall",
                role == "model" && kinds[0] == "functionCall"
            );
            assert!(kinds[0] != "functionResponse" || role == "user");
            for object in [&part.get("functionCall"), &part.get("functionResponse")] {
                let Some(object) = object else { continue };
                assert!(object["args"].is_object() || object["response"].is_object());
            }
        }
    }
    for part in body["systemInstruction"]["parts"]
        .as_array()
        .into_iter()
        .flatten()
    {
        assert!(part["text"].is_string(), "{part}");
    }
    let declared = &body["tools"][0]["functionDeclarations"];
    for tool in declared.as_array().into_iter().flatten() {
        assert!(tool.get("parameters").is_none(), "{tool}");
    }
    assert!(declared.is_array() || body["toolConfig"].is_null());
    let thinking = &body["generationConfig"]["thinkingConfig"];
    assert!(thinking["thinkingBudget"].is_null() || thinking["thinkingLevel"].is_null());
}

proptest! {
    /// What is sent is what Google takes, and says what was asked: it is read without a loss, and
    /// sent again the same.
    #[test]
    fn whatever_is_asked_is_sent_as_google_takes_it(request in arbitrary::request()) {
        let capabilities = Capabilities::default();
        let sent = with_cx(&capabilities, |cx| Gemini.encode_request(&request, cx));
        if let Ok(sent) = sent {
            strict(&json(&sent.body));
            let mut again = Gemini.decode_request(&sent.body.clone().into()).unwrap();
            prop_assert_eq!(lost(&again.losses), Vec::<String>::new());
            again.value.model.clone_from(&request.model);
            let twice = encode(&again.value);
            prop_assert_eq!(
                String::from_utf8_lossy(&twice.body),
                String::from_utf8_lossy(&sent.body)
            );
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in r#"[{}\[\]":,a-z0-9]{0,40}"#) {
        let body = format!(r#"{{"contents":[{text}],"generationConfig":{{{text}}}}}"#);
        let _ = Gemini.decode_request(&body.to_owned().into());
        let _ = Gemini.decode_counted(&body.to_owned().into());
        let _ = Gemini.read_head(Operation::Chat, body.as_bytes());
    }

    /// Sealed proofs come out as they went in, whichever alphabet the SDK writes.
    #[test]
    fn sealed_proofs_travel_unharmed(rest in "[A-Za-z0-9_-]{4,40}", swap: bool) {
        let sealed = format!("{SEALED}{rest}");
        let wire = match swap {
            true => sealed.replace('-', "+").replace('_', "/"),
            false => sealed.clone(),
        };
        prop_assert_eq!(signature::read(&wire, Place::Call), sealed);
    }
}

#[test]
fn the_reference_is_read_whole() {
    for field in Gemini.request_fields() {
        let mut request: Value = serde_json::from_str(Gemini.minimal_request()).unwrap();
        let patch: Value = serde_json::from_str(field.sample).unwrap();
        for (key, value) in patch.as_object().unwrap() {
            request[key] = value.clone();
        }
        let decoded = decode(&request.to_string());
        let unknown = decoded
            .losses
            .iter()
            .find(|loss| loss.reason == "unknown field");
        assert_eq!(unknown, None, "{}", field.path);
    }
}

#[test]
fn the_head_is_read_in_both_spellings() {
    for (body, bound) in [
        (r#"{"contents":[]}"#, None),
        (r#"{"generationConfig":{"maxOutputTokens":7}}"#, Some(7)),
        (r#"{"generation_config":{"max_output_tokens":7}}"#, Some(7)),
        (r#"{"generationConfig":{"maxOutputTokens":null}}"#, None),
    ] {
        let head = Gemini.read_head(Operation::Chat, body.as_bytes()).unwrap();
        assert_eq!(
            (head.max_output_tokens, &*head.model),
            (bound, ""),
            "{body}"
        );
        let count = Gemini.read_head(Operation::CountTokens, body.as_bytes());
        assert_eq!(count.unwrap().max_output_tokens, None);
    }
    let wrong = br#"{"generationConfig":{"maxOutputTokens":"x"}}"#;
    let refused = Gemini.read_head(Operation::Chat, wrong).unwrap_err();
    assert_eq!(
        refused.param.as_deref(),
        Some("generationConfig.maxOutputTokens")
    );
}

#[test]
fn types_in_capitals_are_those_of_json_schema() {
    let body = r##"{"contents":[{"parts":[{"text":"Hi"}]}],
        "tools":[{"functionDeclarations":[{"name":"a","parametersJsonSchema":{"type":"OBJECT","properties":{"type":{"type":"STRING"}}}},
            {"name":"b","parametersJsonSchema":{"type":"object","$defs":{"at":{"type":"string"}},"properties":{"x":{"$ref":"#/$defs/at"}}}}]}],
        "generationConfig":{"responseMimeType":"application/json",
            "responseJsonSchema":{"type":"OBJECT","$defs":{"n":{"type":"INTEGER"}},"properties":{"n":{"$ref":"#/$defs/n"}}}}}"##;
    let read = Gemini
        .decode_request(&Bytes::from_static(body.as_bytes()))
        .unwrap()
        .value;
    let tools: Vec<&str> = read
        .tools
        .iter()
        .map(|tool| tool.parameters.get())
        .collect();
    assert_eq!(
        tools,
        [
            r#"{"type":"object","properties":{"type":{"type":"string"}}}"#,
            r##"{"type":"object","$defs":{"at":{"type":"string"}},"properties":{"x":{"$ref":"#/$defs/at"}}}"##
        ]
    );
    let Some(weir_model::OutputFormat::JsonSchema { schema, .. }) = read.output else {
        panic!("{:?}", read.output);
    };
    let expected = r##"{"type":"object","$defs":{"n":{"type":"integer"}},"properties":{"n":{"$ref":"#/$defs/n"}}}"##;
    assert_eq!(schema.get(), expected);
}

#[test]
fn what_stands_for_a_signature_is_none() {
    for skip in [
        signature::SKIP,
        "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=",
    ] {
        let body = format!(
            r#"{{"contents":[{{"role":"user","parts":[{{"text":"Hi"}}]}},{{"role":"model","parts":[{{"functionCall":{{"name":"f","args":{{}}}},"thoughtSignature":"{skip}"}}]}},{{"role":"user","parts":[{{"functionResponse":{{"name":"f","response":{{"output":"1"}}}}}}]}}]}}"#
        );
        let read = Gemini.decode_request(&Bytes::from(body)).unwrap().value;
        assert_eq!(read.messages[1].blocks.len(), 1, "{:?}", read.messages[1]);
    }
}

#[test]
fn a_native_body_is_edited_where_it_names_the_model() {
    let edited = |body: &'static str, quirks: &Quirks| {
        let head = Gemini.read_head(Operation::Chat, body.as_bytes()).unwrap();
        let (edits, losses) = Gemini.native_edits(Operation::Chat, &head, "theirs", quirks);
        let edited = edits.apply(&Bytes::from_static(body.as_bytes()));
        (String::from_utf8(edited.into()).unwrap(), lost(&losses))
    };
    let plain = r#"{ "contents": [] }"#;
    assert_eq!(edited(plain, &Quirks::default()).0, plain);
    let (body, _) = edited(r#"{"model":"models/ours"}"#, &Quirks::default());
    assert_eq!(body, r#"{"model":"models/theirs"}"#);
    let quirks = Quirks {
        drop: vec!["safetySettings".into(), "contents".into()],
        ..Quirks::default()
    };
    let (body, losses) = edited(r#"{"contents":[],"safetySettings":[]}"#, &quirks);
    assert_eq!(
        (&*body, &*losses),
        (r#"{"contents":[]}"#, &["safetySettings".to_owned()][..])
    );
}

/// Sealed proofs go with their thoughts; what newer models then miss is excused; nothing else changes.
#[test]
fn a_native_body_loses_what_is_sealed() {
    let edited = |model: &str, body: &str| {
        let head = Gemini.read_head(Operation::Chat, body.as_bytes()).unwrap();
        let quirks = Quirks::default();
        let (edits, losses) = Gemini.native_edits(Operation::Chat, &head, model, &quirks);
        let edited = edits.apply(&Bytes::copy_from_slice(body.as_bytes()));
        (String::from_utf8(edited.into()).unwrap(), lost(&losses))
    };
    let thought = r#"{"text":"Hm","thought":true,"thought_signature":"weir1sigAA"}"#;
    let call = r#"{"functionCall":{"name":"f"}}"#;
    let turn =
        |parts: &str| format!(r#"{{ "contents": [{{"parts":[{parts}]}}, {{"parts":[]}}] }}"#);
    let skip = r#","thoughtSignature":"skip_thought_signature_validator"}"#;
    let excused = format!("{}{skip}", &call[..call.len() - 1]);
    let both = turn(&format!("{thought}, {call}, {call}"));
    let (body, losses) = edited("gemini-3-pro", &both);
    assert_eq!(body, turn(&format!("{excused}, {call}")));
    assert_eq!(losses, ["contents[0].parts[0]"]);
    let (body, _) = edited("gemini-2.5-pro", &both);
    assert_eq!(body, turn(&format!("{call}, {call}")));

    let signed = format!(
        r#"{},"thoughtSignature":"weir1sigAA"}}"#,
        &call[..call.len() - 1]
    );
    let (body, losses) = edited("gemini-3-pro", &turn(&signed));
    assert_eq!(body, turn(&excused));
    assert_eq!(losses, ["contents[0].parts[0]"]);

    let (body, _) = edited("gemini-3-pro", &turn(thought));
    assert_eq!(
        body, r#"{ "contents": [{"parts":[]}] }"#,
        "nothing is left of the turn"
    );
    for own in [
        r#"{"text":"\"weir1sig"}"#,
        r#"{"text":"","thoughtSignature":"AAAA"}"#,
        call,
    ] {
        let body = turn(own);
        assert_eq!(edited("gemini-3-pro", &body), (body, Vec::new()));
    }
}

/// What can be thought with depends on the model.
#[test]
fn thinking_is_asked_for_as_the_model_takes_it() {
    let asked = |model: &str, reasoning: Reasoning| {
        let mut request = decode(Gemini.minimal_request()).value;
        request.model = model.to_owned();
        request.reasoning = Some(reasoning);
        json(&encode(&request).body)["generationConfig"]["thinkingConfig"].to_string()
    };
    let effort = |effort| Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    };
    let (high, none) = (effort(Effort::High), effort(Effort::None));
    for (model, reasoning, wanted) in [
        (
            "gemini-3-pro",
            &high,
            r#"{"includeThoughts":true,"thinkingLevel":"HIGH"}"#,
        ),
        (
            "gemini-2.5-pro",
            &high,
            r#"{"includeThoughts":true,"thinkingBudget":24576}"#,
        ),
        (
            "gemini-3-pro",
            &none,
            r#"{"includeThoughts":false,"thinkingLevel":"LOW"}"#,
        ),
        (
            "gemini-3-flash",
            &none,
            r#"{"includeThoughts":false,"thinkingLevel":"MINIMAL"}"#,
        ),
        (
            "gemini-2.5-pro",
            &none,
            r#"{"includeThoughts":false,"thinkingBudget":128}"#,
        ),
        ("gemini-2.5-flash", &none, r#"{"thinkingBudget":0}"#),
    ] {
        assert_eq!(asked(model, reasoning.clone()), wanted, "{model}");
    }
}

/// A turn that another model made, or whose signature the client did not keep, is no reason to
/// refuse the next one.
#[test]
fn unsigned_calls_are_excused_where_they_are_checked() {
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"Go"}]},
        {"role":"model","parts":[{"functionCall":{"name":"a"}},{"functionCall":{"name":"b"}}]},
        {"role":"user","parts":[{"functionResponse":{"name":"a","response":{}}},
                                {"functionResponse":{"name":"b","response":{}}}]}]}"#;
    let mut request = decode(body).value;
    for (model, wanted) in [
        ("gemini-3-pro", Value::from(signature::SKIP)),
        ("gemini-2.5-pro", Value::Null),
    ] {
        request.model = model.to_owned();
        let sent = json(&encode(&request).body);
        let parts = &sent["contents"][1]["parts"];
        assert_eq!(parts[0]["thoughtSignature"], wanted);
        assert_eq!(parts[1]["thoughtSignature"], Value::Null);
    }
}

#[test]
fn signatures_find_their_calls_again() {
    // As a client of another dialect sends a turn back: what was thought first, then the rest.
    let thought = |signature: &str| Content::Reasoning {
        text: String::new(),
        signature: Some(signature.to_owned()),
    };
    let mut request = decode(
        r#"{"contents":[{"role":"user","parts":[{"text":"Go"}]},{"role":"model","parts":[
            {"text":"Look."},{"functionCall":{"name":"a"}}]}]}"#,
    )
    .value;
    let turn: &mut Message = request.messages.last_mut().unwrap();
    assert_eq!(turn.role, Role::Assistant);
    turn.blocks.insert(0, thought("gemini/call:c2ln").into());
    turn.blocks.insert(0, thought("EqQB").into());
    let sent = encode(&request);
    let parts = &json(&sent.body)["contents"][1]["parts"];
    assert_eq!(parts[0]["thoughtSignature"], Value::Null);
    assert_eq!(parts[1]["thoughtSignature"], "c2ln");
    assert_eq!(lost(&sent.losses), ["messages[1].content[0].signature"]);
}

#[test]
fn what_google_would_refuse_is_refused() {
    for (body, field) in [
        ("{}", "contents"),
        (r#"{"contents":[]}"#, "contents"),
        (
            r#"{"contents":[{"role":"system","parts":[]}]}"#,
            "contents[0].role",
        ),
        (r#"{"contents":[{"parts":[{}]}]}"#, "contents[0].parts[0]"),
        (
            r#"{"contents":[{"parts":[{"text":5}]}]}"#,
            "contents[0].parts[0].text",
        ),
    ] {
        let refused = Gemini.decode_request(&body.to_owned().into()).unwrap_err();
        assert_eq!(refused.param.as_deref(), Some(field), "{body}");
    }
}

#[test]
fn one_of_several_allowed_tools_must_be_called() {
    let decoded = decode(
        r#"{"contents":[{"parts":[{"text":"Go"}]}],
            "tools":[{"functionDeclarations":[{"name":"a"},{"name":"b"},{"name":"c"}]}],
            "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["c","a"]}}}"#,
    );
    let names: Vec<_> = decoded.value.tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["a", "c"]);
    assert_eq!(decoded.value.tool_choice, Some(ToolChoice::Required));
}
