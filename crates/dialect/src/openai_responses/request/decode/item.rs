//! `input`: a string, or items. What the model said in one turn becomes one message, and so do the
//! results of its tool calls.

use weir_model::{Block, Content, Losses, Message, Rejection, Role, ToolCall, ToolResult};

use super::super::super::carried::{Hosted, flat, wrap};
use super::super::super::proof::{self, OWN};
use super::part;
use crate::json::read::{Object, Value};
use crate::openai::read::{UNKNOWN, each, object_json, one_of};

/// Items of the caller that OpenAI alone understands; other strange ones are the model's.
const OF_THE_CALLER: [&str; 3] = [
    "additional_tools",
    "compaction_trigger",
    "mcp_approval_response",
];

/// The conversation; empty when nothing is given.
pub(super) fn conversation(
    body: &mut Object<'_, '_>,
    losses: &mut Losses,
) -> Result<Vec<Message>, Rejection> {
    let mut conversation = Conversation {
        messages: Vec::new(),
        state: State::Said,
        losses,
    };
    body.read("input", |v| {
        if v.is_string() {
            let blocks = part::content(v, conversation.losses)?;
            conversation.push(Role::User, blocks, State::Said);
            return Ok(());
        }
        if !v.is_array() {
            return Err(v.wrong("a string or an array of items"));
        }
        each(v, |v| conversation.add(v)).map(drop)
    })?;
    Ok(conversation.messages)
}

/// What the last message is, as far as it says whether the next item belongs to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Complete.
    Said,
    /// Results of tools.
    Results,
    /// The model's, still without a text.
    Thought,
    /// The model's, with a text.
    Spoke,
    /// The model's, with tool calls: all until their results belongs to it.
    Called,
}

struct Conversation<'l> {
    messages: Vec<Message>,
    state: State,
    losses: &'l mut Losses,
}

impl Conversation<'_> {
    fn add(&mut self, value: Value<'_, '_>) -> Result<(), Rejection> {
        let mut item = value.object()?;
        let kind = item.read_string("type")?;
        // Only a message may leave its type out.
        let kind = kind.unwrap_or_else(|| String::from("message"));
        // Names of what OpenAI has stored, and how far it had come.
        let id = item.read_string("id")?;
        item.take("status");
        match kind.as_str() {
            "message" => self.message(&mut item)?,
            "reasoning" => self.reasoning(&mut item)?,
            "function_call" => self.call(&mut item, "arguments")?,
            "custom_tool_call" => self.call(&mut item, "input")?,
            "function_call_output" | "custom_tool_call_output" => self.result(&mut item)?,
            kind if let Some(hosted) = Hosted::item(kind) => {
                self.hosted(&mut item, id, hosted, kind == hosted.call)?;
            }
            "item_reference" => {
                let advice = "this model's provider keeps no items; send the item itself";
                return Err(value.invalid(advice));
            }
            other => {
                self.opaque(other, value);
                return Ok(());
            }
        }
        item.lose_rest(UNKNOWN, self.losses);
        Ok(())
    }

    fn message(&mut self, item: &mut Object<'_, '_>) -> Result<(), Rejection> {
        const ROLES: [&str; 4] = ["user", "assistant", "system", "developer"];
        let role = item.require("role", |v| one_of(v, &ROLES))?;
        let blocks = item.require("content", |v| part::content(v, self.losses))?;
        let reason = "only OpenAI tells comments from answers";
        item.lose("phase", reason, self.losses);
        let role = match role.as_str() {
            "user" => Role::User,
            "system" => Role::System,
            "developer" => Role::Developer,
            _ => {
                self.turn(blocks, State::Spoke);
                return Ok(());
            }
        };
        self.push(role, blocks, State::Said);
        Ok(())
    }

    fn reasoning(&mut self, item: &mut Object<'_, '_>) -> Result<(), Rejection> {
        let text = |v: Value<'_, '_>| {
            let mut part = v.object()?;
            part.take("type");
            part.require_string("text")
        };
        let summary = item.read("summary", |v| each(v, text))?;
        let content = item.read("content", |v| each(v, text))?;
        let proof = item.read("encrypted_content", |v| {
            Ok(proof::from_client(&v.string()?))
        })?;
        let mut said = [summary, content].into_iter().flatten();
        let said = said.find(|texts: &Vec<String>| !texts.is_empty());
        let content = match (said, proof) {
            (Some(texts), signature) => Content::Reasoning {
                text: texts.join("\n\n"),
                signature,
            },
            (None, Some(data)) => Content::RedactedReasoning { data },
            (None, None) => {
                let reason = "holds neither a text nor `encrypted_content`";
                self.losses.add(item.path.to_string(), reason);
                return Ok(());
            }
        };
        self.turn(vec![content.into()], State::Thought);
        Ok(())
    }

    /// A function call, or the call of a custom tool, whose text becomes an argument.
    fn call(&mut self, item: &mut Object<'_, '_>, argument: &str) -> Result<(), Rejection> {
        let id = item.require_string("call_id")?;
        let name = item.require_string("name")?;
        let namespace = item.read_string("namespace")?;
        let given = item.require_string(argument)?;
        self.lose_caller(item);
        self.called(ToolCall {
            id,
            name: flat(namespace.as_deref(), &name).into_owned(),
            arguments: match argument {
                "input" => wrap(&given),
                _ => given,
            },
        });
        Ok(())
    }

    fn called(&mut self, call: ToolCall) {
        self.turn(vec![Content::ToolCall(call).into()], State::Called);
    }

    fn result(&mut self, item: &mut Object<'_, '_>) -> Result<(), Rejection> {
        let call_id = item.require_string("call_id")?;
        let content = item.require("output", |v| part::content(v, self.losses))?;
        // Say again what the call says.
        item.take("name");
        item.take("namespace");
        self.lose_caller(item);
        self.resulted(call_id, content);
        Ok(())
    }

    /// The call of a tool that the client runs itself, or what came of it.
    fn hosted(
        &mut self,
        item: &mut Object<'_, '_>,
        id: Option<String>,
        hosted: &Hosted,
        call: bool,
    ) -> Result<(), Rejection> {
        // OpenAI's first such tool names the call by its item.
        let id = match (item.read_string("call_id")?, id) {
            (Some(id), _) | (None, Some(id)) => id,
            (None, None) => item.require_string("call_id")?,
        };
        self.lose_caller(item);
        if call {
            let arguments = item.require(hosted.field, object_json)?;
            item.take("environment");
            self.called(ToolCall {
                id,
                name: hosted.tool.to_owned(),
                arguments: arguments.get().to_owned(),
            });
            return Ok(());
        }
        item.take("max_output_length");
        let output = item.read("output", |v| match v.is_string() {
            true => part::content(v, self.losses),
            false => Ok(vec![Block::text(v.text())]),
        })?;
        self.resulted(id, output.unwrap_or_default());
        Ok(())
    }

    fn resulted(&mut self, call_id: String, content: Vec<Block>) {
        let block = Block::from(Content::ToolResult(ToolResult {
            call_id,
            content,
            is_error: false,
        }));
        match self.messages.last_mut() {
            Some(results) if self.state == State::Results => results.blocks.push(block),
            _ => self.push(Role::User, vec![block], State::Results),
        }
    }

    fn lose_caller(&mut self, item: &mut Object<'_, '_>) {
        let reason = "only OpenAI has tools that call tools";
        item.lose("caller", reason, self.losses);
    }

    fn opaque(&mut self, kind: &str, value: Value<'_, '_>) {
        let content = Content::Opaque {
            kind: format!("{OWN}{kind}"),
            json: value.json(),
        };
        let blocks = vec![content.into()];
        if kind.ends_with("_output") || OF_THE_CALLER.contains(&kind) {
            self.push(Role::User, blocks, State::Said);
        } else {
            self.turn(blocks, State::Thought);
        }
    }

    /// More of the model's turn. What is thought or said after a text begins another message, so
    /// that two texts do not run into one.
    fn turn(&mut self, blocks: Vec<Block>, state: State) {
        let ongoing = matches!(self.state, State::Thought | State::Spoke | State::Called);
        let another = self.state == State::Spoke && state != State::Called;
        match self.messages.last_mut() {
            Some(turn) if ongoing && !another => {
                turn.blocks.extend(blocks);
                if self.state != State::Called && state != State::Thought {
                    self.state = state;
                }
            }
            _ => self.push(Role::Assistant, blocks, state),
        }
    }

    fn push(&mut self, role: Role, blocks: Vec<Block>, state: State) {
        let name = None;
        self.messages.push(Message { role, blocks, name });
        self.state = state;
    }
}
