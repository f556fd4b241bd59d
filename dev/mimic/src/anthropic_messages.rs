//! What Anthropic refuses in `messages`: roles, blocks, signatures, and the order of tool uses and
//! results.
//!
//! Rules: <https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview> and
//! `/build-with-claude/extended-thinking`.

use serde_json::{Map, Value};
use weir_sim::sign;

use crate::{
    anthropic::{fault, known, need, object, string},
    refusal::{Checked, is_base64, is_plain_name},
};

/// A run of messages of one role: the vendor merges them into one turn.
struct Turn<'a> {
    role: &'a str,
    /// Index of the first message.
    index: usize,
    /// The blocks, each with its path.
    blocks: Vec<(String, &'a Value)>,
}

/// Checks all messages. `thinks`: thinking is on; `count`: for `count_tokens`, where the last turn
/// may be anything; `mid`: the system may speak behind a user's turn.
pub(crate) fn check_messages(messages: &[Value], thinks: bool, count: bool, mid: bool) -> Checked {
    let mut turns: Vec<Turn> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let at = format!("messages.{index}");
        let map = object(message, &at)?;
        let role = string(map, &at, "role")?;
        match role {
            "user" | "assistant" => {}
            "system" if mid && turns.last().is_some_and(|turn| turn.role == "user") => {
                check_content(need(map, &at, "content")?, &at, role, false)?;
                continue;
            }
            "system" => {
                let message = "Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not \"system\" as an input message role.";
                return Err(fault("messages", message));
            }
            _ => {
                return Err(fault(
                    format!("{at}.role"),
                    "Input should be 'user' or 'assistant'",
                ));
            }
        }
        known(map, &at, &["role", "content"])?;
        if index == 0 && role != "user" {
            return Err(fault(
                "messages",
                "first message must use the \"user\" role",
            ));
        }
        let last = index + 1 == messages.len();
        let blocks = check_content(need(map, &at, "content")?, &at, role, last)?;
        match turns.last_mut().filter(|turn| turn.role == role) {
            Some(turn) => turn.blocks.extend(blocks),
            None => turns.push(Turn {
                role,
                index,
                blocks,
            }),
        }
    }
    let Some(end) = turns.last() else {
        return Err(fault("messages", "at least one message is required"));
    };
    if !count && end.role == "assistant" {
        check_prefill(end)?;
    }
    check_pairs(&turns)?;
    if thinks {
        check_thinking_first(&turns)
    } else {
        Ok(())
    }
}

fn check_content<'a>(
    content: &'a Value,
    at: &str,
    role: &str,
    last: bool,
) -> Checked<Vec<(String, &'a Value)>> {
    let empty = || {
        fault(
            at,
            "all messages must have non-empty content except for the optional final assistant message",
        )
    };
    let excused = last && role == "assistant";
    match content {
        Value::String(text) if text.is_empty() && !excused => Err(empty()),
        Value::String(text) if text.trim().is_empty() && !excused => Err(fault(
            "messages",
            "text content blocks must contain non-whitespace text",
        )),
        Value::String(_) => Ok(vec![(at.to_owned(), content)]),
        Value::Array(blocks) if blocks.is_empty() && !excused => Err(empty()),
        Value::Array(blocks) => {
            let mut paths = Vec::new();
            for (n, block) in blocks.iter().enumerate() {
                let path = format!("{at}.content.{n}");
                check_block(block, &path, at, role)?;
                paths.push((path, block));
            }
            check_text_blocks("messages", blocks)?;
            Ok(paths)
        }
        _ => Err(fault(
            format!("{at}.content"),
            "Input should be a valid list",
        )),
    }
}

/// Text blocks must not be empty, and not all of them blank.
pub(crate) fn check_text_blocks(at: &str, blocks: &[Value]) -> Checked {
    let texts: Vec<&str> = blocks
        .iter()
        .filter(|b| b["type"] == "text")
        .filter_map(|b| b["text"].as_str())
        .collect();
    if texts.iter().any(|text| text.is_empty()) {
        return Err(fault(at, "text content blocks must be non-empty"));
    }
    if !texts.is_empty() && texts.iter().all(|text| text.trim().is_empty()) {
        return Err(fault(
            at,
            "text content blocks must contain non-whitespace text",
        ));
    }
    Ok(())
}

/// Known blocks: tag, fields, and the only role that may use it.
const BLOCKS: &[(&str, &[&str], &str)] = &[
    ("text", &["type", "text", "cache_control", "citations"], ""),
    ("image", &["type", "source", "cache_control"], "user"),
    (
        "document",
        &[
            "type",
            "source",
            "title",
            "context",
            "citations",
            "cache_control",
        ],
        "user",
    ),
    (
        "search_result",
        &[
            "type",
            "source",
            "title",
            "content",
            "citations",
            "cache_control",
        ],
        "user",
    ),
    ("thinking", &["type", "thinking", "signature"], "assistant"),
    ("redacted_thinking", &["type", "data"], "assistant"),
    (
        "tool_use",
        &["type", "id", "name", "input", "cache_control", "caller"],
        "assistant",
    ),
    (
        "tool_result",
        &[
            "type",
            "tool_use_id",
            "content",
            "is_error",
            "cache_control",
        ],
        "user",
    ),
];
/// Blocks of tools that the vendor runs: passed as they are.
const SERVER_BLOCKS: &[&str] = &[
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "tool_reference",
    "container_upload",
];

fn check_block(block: &Value, at: &str, message: &str, role: &str) -> Checked {
    let map = object(block, at)?;
    let kind = string(map, at, "type")?;
    if SERVER_BLOCKS.contains(&kind) {
        return Ok(());
    }
    let Some((_, fields, only)) = BLOCKS.iter().find(|(tag, ..)| *tag == kind) else {
        let tags: Vec<String> = BLOCKS.iter().map(|(tag, ..)| format!("'{tag}'")).collect();
        let text = format!(
            "Input tag '{kind}' found using 'type' does not match any of the expected tags: {}",
            tags.join(", ")
        );
        return Err(fault(at, &text));
    };
    let path = format!("{at}.{kind}");
    known(map, &path, fields)?;
    if !only.is_empty() && role != *only {
        return Err(fault(
            message,
            &format!("`{kind}` blocks can only be in `{only}` messages"),
        ));
    }
    check_cache_control(map, &path)?;
    match kind {
        "text" => string(map, &path, "text").map(drop),
        "image" | "document" => check_source(map, &path, kind),
        "thinking" => check_signature(map, at, &path),
        "redacted_thinking" => {
            if is_base64(string(map, &path, "data")?) {
                Ok(())
            } else {
                Err(fault(at, "Invalid `data` in `redacted_thinking` block"))
            }
        }
        "tool_use" => {
            check_id(string(map, &path, "id")?, &format!("{path}.id"))?;
            string(map, &path, "name")?;
            object(need(map, &path, "input")?, &format!("{path}.input")).map(drop)
        }
        "tool_result" => {
            check_id(
                string(map, &path, "tool_use_id")?,
                &format!("{path}.tool_use_id"),
            )?;
            check_result(map, &path, message)
        }
        _ => Ok(()),
    }
}

fn check_cache_control(map: &Map<String, Value>, at: &str) -> Checked {
    let Some(mark) = map.get("cache_control").filter(|v| !v.is_null()) else {
        return Ok(());
    };
    let at = format!("{at}.cache_control");
    let mark = object(mark, &at)?;
    if string(mark, &at, "type")? != "ephemeral" {
        return Err(fault(format!("{at}.type"), "Input should be 'ephemeral'"));
    }
    let at = format!("{at}.ephemeral");
    known(mark, &at, &["type", "ttl"])?;
    match mark.get("ttl") {
        Some(ttl) if ttl != "5m" && ttl != "1h" => {
            Err(fault(format!("{at}.ttl"), "Input should be '5m' or '1h'"))
        }
        _ => Ok(()),
    }
}

fn check_id(id: &str, at: &str) -> Checked {
    if is_plain_name(id) {
        Ok(())
    } else {
        Err(fault(at, "String should match pattern '^[a-zA-Z0-9_-]+$'"))
    }
}

fn check_signature(map: &Map<String, Value>, at: &str, path: &str) -> Checked {
    let thought = string(map, path, "thinking")?;
    let signature = string(map, path, "signature")?;
    if signature == sign(thought) {
        return Ok(());
    }
    Err(fault(at, "Invalid `signature` in `thinking` block"))
}

fn check_source(map: &Map<String, Value>, at: &str, kind: &str) -> Checked {
    let at = format!("{at}.source");
    let source = object(need(map, at.trim_end_matches(".source"), "source")?, &at)?;
    let tag = string(source, &at, "type")?;
    let at = format!("{at}.{tag}");
    match tag {
        "base64" => {
            known(source, &at, &["type", "media_type", "data"])?;
            let media = string(source, &at, "media_type")?;
            let images = ["image/jpeg", "image/png", "image/gif", "image/webp"];
            if kind == "image" && !images.contains(&media) {
                let text = "Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'";
                return Err(fault(format!("{at}.media_type"), text));
            }
            if kind == "document" && media != "application/pdf" {
                return Err(fault(
                    format!("{at}.media_type"),
                    "Input should be 'application/pdf'",
                ));
            }
            if is_base64(string(source, &at, "data")?) {
                Ok(())
            } else {
                Err(fault(format!("{at}.data"), "Invalid base64 data"))
            }
        }
        "url" => {
            known(source, &at, &["type", "url"])?;
            if string(source, &at, "url")?.starts_with("https://") {
                return Ok(());
            }
            Err(fault(format!("{at}.url"), "Only HTTPS URLs are supported."))
        }
        "file" => known(source, &at, &["type", "file_id"]),
        "text" | "content" if kind == "document" => Ok(()),
        other => {
            let text = format!(
                "Input tag '{other}' found using 'type' does not match any of the expected tags: 'base64', 'url', 'file'"
            );
            Err(fault(at.trim_end_matches(&format!(".{other}")), &text))
        }
    }
}

fn check_result(map: &Map<String, Value>, path: &str, message: &str) -> Checked {
    if map.get("is_error").is_some_and(|v| !v.is_boolean()) {
        return Err(fault(
            format!("{path}.is_error"),
            "Input should be a valid boolean",
        ));
    }
    match map.get("content") {
        None | Some(Value::String(_)) => Ok(()),
        Some(Value::Array(blocks)) => {
            for (n, block) in blocks.iter().enumerate() {
                let at = format!("{path}.content.{n}");
                let tag = &block["type"];
                if ![
                    "text",
                    "image",
                    "document",
                    "search_result",
                    "tool_reference",
                ]
                .iter()
                .any(|t| tag == t)
                {
                    let text = "Input tag found using 'type' does not match any of the expected tags: 'text', 'image', 'search_result', 'document', 'tool_reference'";
                    return Err(fault(at, text));
                }
                check_block(block, &at, message, "user")?;
            }
            if blocks
                .iter()
                .any(|b| b["type"] == "text" && b["text"] == "")
            {
                return Err(fault("messages", "text content blocks must be non-empty"));
            }
            Ok(())
        }
        Some(_) => Err(fault(
            format!("{path}.content"),
            "Input should be a valid list",
        )),
    }
}

fn check_prefill(turn: &Turn) -> Checked {
    let text = turn
        .blocks
        .last()
        .and_then(|(_, block)| block.as_str().or_else(|| block["text"].as_str()));
    if text.is_some_and(|text| text.ends_with(char::is_whitespace)) {
        return Err(fault(
            "messages",
            "final assistant content cannot end with trailing whitespace",
        ));
    }
    Ok(())
}

fn ids<'a>(turn: &Turn<'a>, kind: &str, key: &str) -> Vec<&'a str> {
    let blocks = turn
        .blocks
        .iter()
        .filter(|(_, block)| block["type"] == kind);
    blocks
        .filter_map(|(_, block)| block[key].as_str())
        .collect()
}

/// Every tool use is answered at the head of the next turn, and every result belongs to one.
fn check_pairs(turns: &[Turn]) -> Checked {
    let mut seen: Vec<&str> = Vec::new();
    for (n, turn) in turns.iter().enumerate() {
        let before = n.checked_sub(1).and_then(|n| turns.get(n));
        let offered = before
            .map(|turn| ids(turn, "tool_use", "id"))
            .unwrap_or_default();
        let results = ids(turn, "tool_result", "tool_use_id");
        for (path, block) in turn
            .blocks
            .iter()
            .filter(|(_, block)| block["type"] == "tool_result")
        {
            let id = block["tool_use_id"].as_str().unwrap_or_default();
            if !offered.contains(&id) {
                let text = format!(
                    "unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                );
                return Err(fault(path, &text));
            }
            if results.iter().filter(|other| **other == id).count() > 1 {
                let text = format!(
                    "each tool_use must have a single result. Found multiple `tool_result` blocks with id: {id}"
                );
                return Err(fault(path, &text));
            }
        }
        for (path, block) in turn
            .blocks
            .iter()
            .filter(|(_, block)| block["type"] == "tool_use")
        {
            let id = block["id"].as_str().unwrap_or_default();
            if seen.contains(&id) {
                return Err(fault(path, "`tool_use` ids must be unique"));
            }
            seen.push(id);
        }
        let leading = turns.get(n + 1).map(leading_results).unwrap_or_default();
        let open: Vec<&str> = ids(turn, "tool_use", "id")
            .into_iter()
            .filter(|id| !leading.contains(id))
            .collect();
        if !open.is_empty() {
            let text = format!(
                "`tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
                open.join(", ")
            );
            return Err(fault(format!("messages.{}", turn.index), &text));
        }
    }
    Ok(())
}

/// The results that come before anything else in a turn.
fn leading_results<'a>(turn: &Turn<'a>) -> Vec<&'a str> {
    let blocks = turn
        .blocks
        .iter()
        .take_while(|(_, block)| block["type"] == "tool_result");
    blocks
        .filter_map(|(_, block)| block["tool_use_id"].as_str())
        .collect()
}

/// With thinking on, the assistant turn whose tools are being answered starts with its thinking.
fn check_thinking_first(turns: &[Turn]) -> Checked {
    let [.., asked, answered] = turns else {
        return Ok(());
    };
    if leading_results(answered).is_empty() {
        return Ok(());
    }
    let Some((path, block)) = asked.blocks.first() else {
        return Ok(());
    };
    let kind = block["type"].as_str().unwrap_or("text");
    if kind.ends_with("thinking") {
        return Ok(());
    }
    let text = format!(
        "Expected `thinking` or `redacted_thinking`, but found `{kind}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). We recommend you include thinking blocks from previous turns. To avoid this requirement, disable `thinking`."
    );
    Err(fault(format!("{path}.type"), &text))
}
