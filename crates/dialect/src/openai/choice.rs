//! Which of the tools must or may be called: how both APIs say it, and what follows for the tools.

use std::collections::BTreeSet;

use weir_model::{Json, Losses, Rejection, Request, Tool, ToolChoice};

use super::read::{each, one_of};
use crate::json::read::{Object, Value};

/// What `tool_choice` says.
pub(crate) enum Choice {
    One(ToolChoice),
    /// One of these names only.
    Among(ToolChoice, BTreeSet<String>),
    /// A tool that was not carried.
    Lost,
}

impl Choice {
    /// A choice in one word; `None` when it is an object, in which each API has its own shape.
    ///
    /// # Errors
    /// When it is neither, or another word.
    pub(crate) fn word(value: Value<'_, '_>) -> Result<Option<Choice>, Rejection> {
        if value.is_object() {
            return Ok(None);
        }
        if !value.is_string() {
            return Err(value.wrong("a string or an object"));
        }
        let choice = match one_of(value, &["auto", "none", "required"])?.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            _ => ToolChoice::Required,
        };
        Ok(Some(Choice::One(choice)))
    }

    /// One of `allowed.tools`, whose names `name` reads, given their type; `None` is a tool that cannot
    /// be carried. The others are left out of the request, which constrains the model just so.
    ///
    /// # Errors
    /// When a field is missing or of the wrong type.
    pub(crate) fn among(
        allowed: &mut Object<'_, '_>,
        losses: &mut Losses,
        mut name: impl FnMut(&str, &mut Object<'_, '_>) -> Result<Option<String>, Rejection>,
    ) -> Result<Choice, Rejection> {
        let mode = allowed.require("mode", |v| one_of(v, &["auto", "required"]))?;
        let names = allowed.require("tools", |v| {
            each(v, |v| {
                let mut tool = v.object()?;
                let kind = tool.require_string("type")?;
                let name = name(&kind, &mut tool)?;
                if name.is_none() {
                    losses.add(
                        v.path.to_string(),
                        format!("the tool `{kind}` cannot be carried"),
                    );
                }
                Ok(name)
            })
        })?;
        let choice = match mode.as_str() {
            "auto" => ToolChoice::Auto,
            _ => ToolChoice::Required,
        };
        Ok(Choice::Among(choice, names.into_iter().flatten().collect()))
    }

    /// The choice, if the tools given can satisfy it. `offered` also counts tools that were lost.
    ///
    /// # Errors
    /// When they cannot.
    pub(crate) fn checked(
        self,
        value: Value<'_, '_>,
        offered: bool,
        tools: &[Tool],
    ) -> Result<Choice, Rejection> {
        match &self {
            Choice::One(ToolChoice::Required) | Choice::Among(..) if !offered => {
                Err(value.invalid("is only allowed when `tools` are given"))
            }
            Choice::One(ToolChoice::Tool(name)) if tools.iter().all(|tool| tool.name != *name) => {
                Err(value.invalid(format_args!("the tool `{name}` is not among `tools`")))
            }
            _ => Ok(self),
        }
    }

    /// Puts the choice into a request that has its tools.
    pub(crate) fn apply(self, request: &mut Request) {
        match self {
            Choice::One(choice) => request.tool_choice = Some(choice),
            Choice::Among(choice, names) => {
                request.tools.retain(|tool| names.contains(&tool.name));
                request.tool_choice = Some(choice);
            }
            Choice::Lost => {}
        }
        if request.tools.is_empty() {
            request.tool_choice = None;
        }
    }
}

/// The schema of a tool without parameters.
pub(crate) fn no_parameters() -> Json {
    Json::parse(r#"{"type":"object","properties":{}}"#).unwrap_or(Json::empty_object())
}
