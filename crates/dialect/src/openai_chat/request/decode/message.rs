//! Messages of all roles. Tool results become blocks of user messages, those of one turn together.

use std::collections::{BTreeMap, VecDeque};

use serde_json::value::RawValue;
use weir_model::{
    Block, CacheMark, Content, Losses, Message, Rejection, Role, ToolCall, ToolResult,
};

use super::super::super::reasoning;
use super::part;

use crate::json::read::{Object, Path, Value};
use crate::openai::read::{UNKNOWN, cache_mark, each, one_of};

const ROLES: [&str; 6] = [
    "system",
    "developer",
    "user",
    "assistant",
    "tool",
    "function",
];

/// The conversation, which must not be empty.
pub(super) fn conversation(
    list: Value<'_, '_>,
    losses: &mut Losses,
) -> Result<Vec<Message>, Rejection> {
    let mut conversation = Conversation {
        messages: Vec::new(),
        unanswered: BTreeMap::new(),
        minted: 0,
        in_results: false,
        losses,
    };
    each(list, |v| conversation.add(v))?;
    if conversation.messages.is_empty() {
        return Err(list.invalid("must hold at least one message"));
    }
    Ok(conversation.messages)
}

struct Conversation<'l> {
    messages: Vec<Message>,
    /// Ids of the legacy function calls that have no result yet, by the function's name.
    unanswered: BTreeMap<String, VecDeque<String>>,
    minted: usize,
    /// Whether the last message holds tool results only.
    in_results: bool,
    losses: &'l mut Losses,
}

impl Conversation<'_> {
    fn add(&mut self, value: Value<'_, '_>) -> Result<(), Rejection> {
        let mut message = value.object()?;
        let role = message.require("role", |v| one_of(v, &ROLES))?;
        let mark = cache_mark(&mut message, self.losses)?;
        match role.as_str() {
            "system" => self.speech(Role::System, &mut message, mark)?,
            "developer" => self.speech(Role::Developer, &mut message, mark)?,
            "user" => self.speech(Role::User, &mut message, mark)?,
            "assistant" => self.assistant(&mut message, mark)?,
            "tool" => self.tool(&mut message, mark)?,
            _ => self.function(&mut message, mark)?,
        }
        message.lose_rest(UNKNOWN, self.losses);
        Ok(())
    }

    fn speech(
        &mut self,
        role: Role,
        message: &mut Object<'_, '_>,
        mark: Option<CacheMark>,
    ) -> Result<(), Rejection> {
        let blocks = message.require("content", |v| part::content(v, self.losses))?;
        let name = message.read_string("name")?;
        self.push(role, blocks, name, mark);
        Ok(())
    }

    fn assistant(
        &mut self,
        message: &mut Object<'_, '_>,
        mark: Option<CacheMark>,
    ) -> Result<(), Rejection> {
        let mut blocks = reasoning(message)?;
        let content = message.read("content", |v| part::content(v, self.losses))?;
        let silent = content.is_none();
        blocks.extend(content.unwrap_or_default());
        if let Some(text) = message.read_string("refusal")? {
            blocks.push(Content::Refusal { text }.into());
        }
        let calls = message.read("tool_calls", |v| each(v, |v| call(v, self.losses)))?;
        blocks.extend(calls.into_iter().flatten());
        if let Some(call) = message.read("function_call", |v| self.function_call(v))? {
            blocks.push(call);
        }
        if let Some(raw) = message.take("annotations")
            && raw.get() != "[]"
        {
            let place = Path::Field(&message.path, "annotations").to_string();
            self.losses
                .add(place, "belongs to an answer, not to a request");
        }
        let spoke = message.read("audio", |v| {
            let reason = "only OpenAI remembers what it spoke";
            self.losses.add(v.path.to_string(), reason);
            Ok(())
        })?;
        if silent && blocks.is_empty() && spoke.is_none() {
            // It was taken and found missing, so this names it.
            message.require("content", |_| Ok(()))?;
        }
        let name = message.read_string("name")?;
        self.push(Role::Assistant, blocks, name, mark);
        Ok(())
    }

    fn tool(
        &mut self,
        message: &mut Object<'_, '_>,
        mark: Option<CacheMark>,
    ) -> Result<(), Rejection> {
        let call_id = message.require_string("tool_call_id")?;
        let content = message.require("content", |v| part::content(v, self.losses))?;
        self.result(call_id, content, mark);
        Ok(())
    }

    /// A legacy result names the function only: it answers the oldest open call of that name.
    fn function(
        &mut self,
        message: &mut Object<'_, '_>,
        mark: Option<CacheMark>,
    ) -> Result<(), Rejection> {
        let name = message.require_string("name")?;
        let content = message.read("content", |v| part::content(v, self.losses))?;
        let open = self.unanswered.get_mut(&name).and_then(VecDeque::pop_front);
        let call_id = open.unwrap_or_else(|| self.mint());
        self.result(call_id, content.unwrap_or_default(), mark);
        Ok(())
    }

    fn function_call(&mut self, value: Value<'_, '_>) -> Result<Block, Rejection> {
        let mut function = value.object()?;
        let id = self.mint();
        let name = function.require_string("name")?;
        let arguments = function.require_string("arguments")?;
        function.lose_rest(UNKNOWN, self.losses);
        let open = self.unanswered.entry(name.clone()).or_default();
        open.push_back(id.clone());
        let call = ToolCall {
            id,
            name,
            arguments,
        };
        Ok(Content::ToolCall(call).into())
    }

    /// An id for a legacy call: the same for the same conversation, so that caches hit.
    fn mint(&mut self) -> String {
        self.minted += 1;
        format!("call_function_{}", self.minted)
    }

    fn result(&mut self, call_id: String, content: Vec<Block>, cache: Option<CacheMark>) {
        let block = Block {
            content: Content::ToolResult(ToolResult {
                call_id,
                content,
                is_error: false,
            }),
            cache,
        };
        match self.messages.last_mut() {
            Some(results) if self.in_results => results.blocks.push(block),
            _ => self.push(Role::User, vec![block], None, None),
        }
        self.in_results = true;
    }

    /// A mark on a whole message stands on its last block.
    fn push(
        &mut self,
        role: Role,
        mut blocks: Vec<Block>,
        name: Option<String>,
        mark: Option<CacheMark>,
    ) {
        if let Some(last) = blocks.last_mut() {
            last.cache = last.cache.or(mark);
        }
        self.messages.push(Message { role, blocks, name });
        self.in_results = false;
    }
}

/// Reasoning sent back: with its proofs where the client kept them, else as plain text.
fn reasoning(message: &mut Object<'_, '_>) -> Result<Vec<Block>, Rejection> {
    let newer = message.read_string("reasoning_content")?;
    let older = message.read_string("reasoning")?;
    let plain = newer.or(older).unwrap_or_default();
    let blocks = message.read("reasoning_details", |v| {
        let details: Vec<&RawValue> = v.array()?;
        reasoning::blocks(&details, &plain).map_err(|_| v.wrong("an array of reasoning details"))
    })?;
    let blocks = match blocks {
        Some(blocks) => blocks,
        None => reasoning::blocks(&[], &plain).unwrap_or_default(),
    };
    Ok(blocks.into_iter().map(Block::from).collect())
}

fn call(value: Value<'_, '_>, losses: &mut Losses) -> Result<Block, Rejection> {
    let mut call = value.object()?;
    let id = call.require_string("id")?;
    // Clients that echo a stream leave the position in.
    call.take("index");
    let custom = call.read_string("type")?.as_deref() == Some("custom");
    let (field, argument) = if custom {
        ("custom", "input")
    } else {
        ("function", "arguments")
    };
    let call_of = |v: Value<'_, '_>| {
        let mut function = v.object()?;
        let name = function.require_string("name")?;
        let arguments = function.require_string(argument)?;
        function.lose_rest(UNKNOWN, losses);
        Ok((name, arguments))
    };
    let (name, mut arguments) = call.require(field, call_of)?;
    if custom {
        arguments = serde_json::json!({ "input": arguments }).to_string();
        let place = Path::Field(&value.path, "custom").to_string();
        losses.add(place, "sent as a function call with its text in `input`");
    }
    call.lose_rest(UNKNOWN, losses);
    let call = ToolCall {
        id,
        name,
        arguments,
    };
    Ok(Content::ToolCall(call).into())
}
