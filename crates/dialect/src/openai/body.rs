//! The JSON body for an OpenAI-shaped upstream, written field by field under the provider's quirks.

use serde::Serialize;
use serde_json::Value;
use weir_model::{Json, Losses, Quirks, Request, Tool, ToolChoice};

use super::quirks::{REFUSED, drops, renamed};
use super::strict;
use crate::Encoded;
use crate::json::write;

/// Longest id of an end user that OpenAI takes, in characters.
const LONGEST_USER: usize = 64;

/// The field under which cache marks are reported.
pub(crate) const CACHE_CONTROL: (&str, &str) =
    ("cache_control", "OpenAI caches prompts on its own");

/// A body on its way.
pub(crate) struct Body<'q> {
    out: Vec<u8>,
    pub(crate) quirks: &'q Quirks,
    pub(crate) losses: Losses,
}

impl<'q> Body<'q> {
    /// A body with room for the request's media.
    pub(crate) fn new(request: &Request, quirks: &'q Quirks) -> Body<'q> {
        let media = request.media_len();
        Body {
            out: Vec::with_capacity(1024 + media + media / 64),
            quirks,
            losses: Losses::default(),
        }
    }

    pub(crate) fn finish(mut self) -> Encoded {
        self.out.push(b'}');
        Encoded {
            body: self.out,
            headers: Vec::new(),
            losses: self.losses,
        }
    }

    /// Writes a field under the provider's name for it, or notes it as lost where it is refused.
    pub(crate) fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        if drops(self.quirks, name) {
            self.losses.add(name, REFUSED);
            return;
        }
        self.out.push(if self.out.is_empty() { b'{' } else { b',' });
        write::append(&mut self.out, renamed(self.quirks, name).unwrap_or(name));
        self.out.push(b':');
        write::append(&mut self.out, value);
    }

    pub(crate) fn optional<T: Serialize>(&mut self, name: &str, value: &Option<T>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    /// The tools, each in the API's shape as `send` makes it, and which of them must or may be
    /// called. OpenAI refuses what is about tools where there are none.
    pub(crate) fn tools<'t, T: Serialize>(
        &mut self,
        request: &'t Request,
        strict_field: &str,
        send: impl Fn(&'t Tool, Option<bool>) -> T,
        choose: impl Fn(&str) -> Value,
    ) {
        if request.tools.is_empty() {
            if matches!(
                request.tool_choice,
                Some(ToolChoice::Required | ToolChoice::Tool(_))
            ) {
                self.losses.add("tool_choice", "there are no tools");
            }
            return;
        }
        if request.tools.iter().any(|tool| tool.cache.is_some()) {
            self.losses.add(CACHE_CONTROL.0, CACHE_CONTROL.1);
        }
        let mut tools = Vec::with_capacity(request.tools.len());
        for (at, tool) in request.tools.iter().enumerate() {
            let field = || format!("tools[{at}].{strict_field}");
            let strict = self.strict(tool.strict, &tool.parameters, field);
            tools.push(send(tool, strict));
        }
        self.field("tools", &tools);
        match &request.tool_choice {
            None => {}
            Some(ToolChoice::Auto) => self.field("tool_choice", "auto"),
            Some(ToolChoice::None) => self.field("tool_choice", "none"),
            Some(ToolChoice::Required) => self.field("tool_choice", "required"),
            Some(ToolChoice::Tool(name)) => self.field("tool_choice", &choose(name)),
        }
        self.optional("parallel_tool_calls", &request.parallel_tool_calls);
    }

    /// Who asks, for what, in which tier.
    pub(crate) fn account(&mut self, request: &Request) {
        if request.sampling.citations == Some(true) {
            let reason = "OpenAI does not cite the documents that it is given";
            self.losses.add("citations", reason);
        }
        self.user(request.user.as_deref());
        if let Some(tier) = &request.service_tier {
            self.service_tier(tier);
        }
        if request.cache.is_some() {
            self.losses.add(CACHE_CONTROL.0, CACHE_CONTROL.1);
        }
    }

    /// The end user. `safety_identifier` replaces `user` at OpenAI, which still takes this; nobody
    /// else knows the new one.
    fn user(&mut self, user: Option<&str>) {
        match user {
            Some(user) if user.chars().count() > LONGEST_USER => {
                let reason = format!("OpenAI takes at most {LONGEST_USER} characters");
                self.losses.add("user", reason);
            }
            user => self.optional("user", &user),
        }
    }

    fn service_tier(&mut self, tier: &str) {
        const TIERS: [&str; 6] = ["auto", "default", "flex", "scale", "priority", "fast"];
        if TIERS.contains(&tier) {
            self.field("service_tier", tier);
        } else {
            self.losses
                .add("service_tier", format!("OpenAI has no tier `{tier}`"));
        }
    }

    /// OpenAI refuses `strict` where the schema leaves anything open.
    pub(crate) fn strict(
        &mut self,
        strict: Option<bool>,
        schema: &Json,
        field: impl FnOnce() -> String,
    ) -> Option<bool> {
        if strict != Some(true) || strict::fits(schema) {
            return strict;
        }
        let reason = "OpenAI wants every property required and no others allowed";
        self.losses.add(field(), reason);
        None
    }
}
