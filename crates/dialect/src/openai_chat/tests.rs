//! What holds across the whole dialect: every field is accounted for, fixtures go both ways, and
//! whole answers, streams and receipts agree.

mod answers;
mod edits;
pub(super) mod streams;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use weir_model::{Capabilities, Cx, IdMint, Quirks};

use super::{OpenAiChat, fields};
use crate::{ClientDialect, UpstreamDialect};

/// What a context borrows.
#[derive(Default)]
pub(super) struct Given {
    ids: Option<IdMint>,
    pub(super) quirks: Quirks,
    pub(super) capabilities: Capabilities,
}

impl Given {
    pub(super) fn cx(&mut self) -> Cx<'_> {
        Cx {
            now_s: 1_755_000_000,
            ids: self.ids.get_or_insert_with(|| IdMint::new(7)),
            quirks: &self.quirks,
            capabilities: &self.capabilities,
        }
    }
}

/// Name and bytes of the fixtures in a folder, by their extension.
pub(super) fn fixtures(folder: &str, extension: &str) -> Vec<(String, Vec<u8>)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut found: Vec<_> = fs::read_dir(root.join(folder).join("openai_chat"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let name = path
                .file_name()?
                .to_str()?
                .strip_suffix(extension)?
                .to_owned();
            (!name.contains('.')).then(|| (name, fs::read(&path).unwrap()))
        })
        .collect();
    found.sort();
    assert!(found.len() >= 12, "{} fixtures in {folder}", found.len());
    found
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    match patch {
        Value::Object(fields) => {
            if !target.is_object() {
                *target = json!({});
            }
            for (key, value) in fields {
                merge(&mut target[key], value);
            }
        }
        other => *target = other.clone(),
    }
}

#[test]
fn every_field_of_the_reference_is_modelled_or_a_named_loss() {
    for field in OpenAiChat.request_fields() {
        let mut request: Value = serde_json::from_str(OpenAiChat.minimal_request()).unwrap();
        merge(&mut request, &serde_json::from_str(field.sample).unwrap());
        let body = request.to_string();
        let top = field.path.split(['.', '[']).next().unwrap();
        assert!(body.contains(top), "{} has no sample of itself", field.path);
        let decoded = OpenAiChat.decode_request(&body.to_owned().into()).unwrap();
        let unknown = decoded
            .losses
            .iter()
            .find(|loss| loss.reason.starts_with("not known"));
        assert_eq!(unknown, None, "{}", field.path);
    }
}

#[test]
fn the_minimal_request_loses_nothing() {
    let decoded = OpenAiChat.decode_request(&fields::MINIMAL.into()).unwrap();
    assert!(decoded.losses.is_empty());
    let sent = OpenAiChat
        .encode_request(&decoded.value, &Given::default().cx())
        .unwrap();
    assert_eq!(sent.body, fields::MINIMAL.as_bytes());
}

#[test]
fn requests_decode_and_what_is_sent_says_the_same() {
    for (name, body) in fixtures("requests", ".json") {
        let decoded = OpenAiChat
            .decode_request(&body.clone().into())
            .unwrap_or_else(|rejection| panic!("{name}: {rejection}"));
        let sent = OpenAiChat
            .encode_request(&decoded.value, &Given::default().cx())
            .unwrap();
        let again = OpenAiChat
            .decode_request(&sent.body.clone().into())
            .unwrap();
        assert!(again.losses.is_empty(), "{name}: {:?}", again.losses);
        if sent.losses.is_empty() {
            let mut expected = decoded.value;
            expected.stream_usage = expected.stream;
            for message in &mut expected.messages {
                join_texts(&mut message.blocks);
                for block in &mut message.blocks {
                    normalise(block);
                }
            }
            let got = serde_json::to_value(&again.value).unwrap();
            assert_eq!(got, serde_json::to_value(&expected).unwrap(), "{name}");
        }
    }
}

/// Texts alone become one.
fn join_texts(blocks: &mut Vec<weir_model::Block>) {
    let texts: Option<Vec<_>> = blocks
        .iter()
        .map(|block| match &block.content {
            weir_model::Content::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    if let Some(texts) = texts.filter(|texts| texts.len() > 1) {
        *blocks = vec![weir_model::Block::text(texts.join("\n"))];
    }
}

/// OpenAI takes one text from a tool, and an object as arguments.
fn normalise(block: &mut weir_model::Block) {
    match &mut block.content {
        weir_model::Content::ToolResult(result) => join_texts(&mut result.content),
        weir_model::Content::ToolCall(call) if call.arguments.is_empty() => {
            call.arguments.push_str("{}");
        }
        _ => {}
    }
}
