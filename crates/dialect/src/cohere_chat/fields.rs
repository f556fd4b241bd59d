//! The vendor's current reference as data: <https://docs.cohere.com/reference/chat>.

use crate::Field;

/// The smallest request that the vendor accepts.
pub(super) const MINIMAL: &str =
    r#"{"model":"command-a-plus-05-2026","messages":[{"role":"user","content":"Hi"}]}"#;

/// A part in the user's turn.
macro_rules! user {
    ($part:literal) => {
        concat!(r#"{"messages":[{"role":"user","content":["#, $part, "]}]}")
    };
}

/// A turn of the model.
macro_rules! assistant {
    ($fields:literal) => {
        concat!(
            r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","#,
            $fields,
            r#"},{"role":"user","content":"Go on"}]}"#
        )
    };
}

/// A turn of the model that calls a tool, and what follows it.
macro_rules! called {
    ($fields:literal, $result:literal) => {
        concat!(
            r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","#,
            $fields,
            r#""tool_calls":[{"id":"now_1","type":"function","function":{"name":"now","arguments":"{}"}}]},{"role":"tool","tool_call_id":"now_1","content":"#,
            $result,
            "}]}"
        )
    };
}

/// A tool.
macro_rules! tool {
    ($more:literal) => {
        concat!(
            r#"{"tools":[{"type":"function","function":{"name":"now","description":"Tells the time","parameters":{"type":"object","properties":{"zone":{"type":"string"}},"required":["zone"],"additionalProperties":false}}}]"#,
            $more,
            "}"
        )
    };
}

const fn field(path: &'static str, sample: &'static str) -> Field {
    Field { path, sample }
}

/// Every request field, with a merge patch that puts it into [`MINIMAL`].
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    field("stream", r#"{"stream":true}"#),
    field("model", r#"{"model":"command-a-plus-05-2026"}"#),
    field("messages", r#"{"messages":[{"role":"user","content":"Hi"}]}"#),
    field("messages[].role", r#"{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]}"#),
    field("messages[].content", r#"{"messages":[{"role":"user","content":"Hi"}]}"#),
    field("messages[].content[].text", user!(r#"{"type":"text","text":"one"}"#)),
    field("messages[].content[].thinking", assistant!(r#""content":[{"type":"thinking","thinking":"Hm"},{"type":"text","text":"Ah"}]"#)),
    field("messages[].content[].image_url.url", user!(r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}"#)),
    field("messages[].content[].image_url.detail", user!(r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo=","detail":"low"}}"#)),
    field("messages[].content[].document", called!("", r#"[{"type":"document","document":{"data":{"text":"noon"}}}]"#)),
    field("messages[].content[].document.id", called!("", r#"[{"type":"document","document":{"id":"d1","data":{"title":"Time","text":"noon"}}}]"#)),
    field("messages[].tool_calls", called!("", r#""noon""#)),
    field("messages[].tool_plan", called!(r#""tool_plan":"I will look","#, r#""noon""#)),
    field("messages[].citations", assistant!(r#""content":"It is noon","citations":[{"start":6,"end":10,"text":"noon","sources":[{"type":"document","id":"doc:0","document":{"id":"doc:0","text":"noon"}}],"type":"TEXT_CONTENT"}]"#)),
    field("messages[].tool_call_id", called!("", r#""noon""#)),
    field("tools", tool!("")),
    field("tools[].function.name", tool!("")),
    field("tools[].function.description", tool!("")),
    field("tools[].function.parameters", tool!("")),
    field("strict_tools", tool!(r#","strict_tools":true"#)),
    field("documents", r#"{"documents":["Penguins swim."]}"#),
    field("documents[].data", r#"{"documents":[{"data":{"title":"Penguins","text":"Penguins swim.","year":2020}}]}"#),
    field("documents[].id", r#"{"documents":[{"id":"d1","data":{"title":"Penguins","text":"Penguins swim."}}]}"#),
    field("citation_options.mode", r#"{"documents":["Penguins swim."],"citation_options":{"mode":"FAST"}}"#),
    field("response_format", r#"{"response_format":{"type":"json_object"}}"#),
    field("response_format.json_schema", r#"{"response_format":{"type":"json_object","json_schema":{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}}}"#),
    field("safety_mode", r#"{"safety_mode":"STRICT"}"#),
    field("max_tokens", r#"{"max_tokens":1024}"#),
    field("stop_sequences", r#"{"stop_sequences":["END"]}"#),
    field("temperature", r#"{"temperature":0.5}"#),
    field("seed", r#"{"seed":7}"#),
    field("frequency_penalty", r#"{"frequency_penalty":0.5}"#),
    field("presence_penalty", r#"{"presence_penalty":0.5}"#),
    field("k", r#"{"k":40}"#),
    field("p", r#"{"p":0.9}"#),
    field("logprobs", r#"{"logprobs":true}"#),
    field("tool_choice", tool!(r#","tool_choice":"REQUIRED""#)),
    field("thinking.type", r#"{"thinking":{"type":"disabled"}}"#),
    field("thinking.token_budget", r#"{"thinking":{"type":"enabled","token_budget":2048}}"#),
    field("priority", r#"{"priority":3}"#),
];
