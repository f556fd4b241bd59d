//! Every request field of the reference, each with a sample. Docs and tests walk it.
//! <https://platform.openai.com/docs/api-reference/chat/create>

use crate::Field;

/// The smallest request that OpenAI accepts.
pub(super) const MINIMAL: &str =
    r#"{"model":"gpt-4.1","messages":[{"role":"user","content":"Hi"}]}"#;

const fn field(path: &'static str, sample: &'static str) -> Field {
    Field { path, sample }
}

/// The fields, messages first.
pub(super) const FIELDS: &[Field] = &[
    field("model", r#"{"model":"gpt-4.1-mini"}"#),
    field(
        "messages[].role",
        r#"{"messages":[{"role":"developer","content":"Be brief."},{"role":"user","content":"Hi"}]}"#,
    ),
    field(
        "messages[].content",
        r#"{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]}"#,
    ),
    field(
        "messages[].name",
        r#"{"messages":[{"role":"user","content":"Hi","name":"ada"}]}"#,
    ),
    field(
        "messages[].content[].text",
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]}"#,
    ),
    field(
        "messages[].content[].image_url.url",
        r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}"#,
    ),
    field(
        "messages[].content[].image_url.detail",
        r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo=","detail":"low"}}]}]}"#,
    ),
    field(
        "messages[].content[].input_audio.data",
        r#"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}}]}]}"#,
    ),
    field(
        "messages[].content[].input_audio.format",
        r#"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"SUQz","format":"mp3"}}]}]}"#,
    ),
    field(
        "messages[].content[].file.file_data",
        r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERi0="}}]}]}"#,
    ),
    field(
        "messages[].content[].file.file_id",
        r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-abc"}}]}]}"#,
    ),
    field(
        "messages[].content[].file.filename",
        r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"report.pdf","file_data":"data:application/pdf;base64,JVBERi0="}}]}]}"#,
    ),
    field(
        "messages[].content[].prompt_cache_breakpoint",
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":"Hi","prompt_cache_breakpoint":{"mode":"explicit"}}]}]}"#,
    ),
    field(
        "messages[].content[].refusal",
        r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"refusal","refusal":"No."}]},{"role":"user","content":"Hi"}]}"#,
    ),
    field(
        "messages[].refusal",
        r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"refusal":"No."},{"role":"user","content":"Hi"}]}"#,
    ),
    field(
        "messages[].audio",
        r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"audio":{"id":"audio_1"}},{"role":"user","content":"Hi"}]}"#,
    ),
    field(
        "messages[].tool_calls[].id",
        r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"4"}]}"#,
    ),
    field(
        "messages[].tool_calls[].type",
        r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"4"}]}"#,
    ),
    field(
        "messages[].tool_calls[].function.name",
        r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"4"}]}"#,
    ),
    field(
        "messages[].tool_calls[].function.arguments",
        r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"x\":2}"}}]},{"role":"tool","tool_call_id":"call_1","content":"4"}]}"#,
    ),
    field(
        "messages[].tool_calls[].custom",
        r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"custom","custom":{"name":"shell","input":"ls"}}]},{"role":"tool","tool_call_id":"call_1","content":"4"}]}"#,
    ),
    field(
        "messages[].tool_call_id",
        r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"4"}]}"#,
    ),
    field(
        "messages[].function_call",
        r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"4"}]}"#,
    ),
    field(
        "audio",
        r#"{"modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"}}"#,
    ),
    field("frequency_penalty", r#"{"frequency_penalty":0.5}"#),
    field(
        "function_call",
        r#"{"functions":[{"name":"f"}],"function_call":{"name":"f"}}"#,
    ),
    field(
        "functions",
        r#"{"functions":[{"name":"f","description":"Adds.","parameters":{"type":"object","properties":{}}}]}"#,
    ),
    field("logit_bias", r#"{"logit_bias":{"50256":-100}}"#),
    field("logprobs", r#"{"logprobs":true}"#),
    field("max_completion_tokens", r#"{"max_completion_tokens":64}"#),
    field("max_tokens", r#"{"max_tokens":64}"#),
    field("metadata", r#"{"metadata":{"team":"search"}}"#),
    field("modalities", r#"{"modalities":["text"]}"#),
    field(
        "moderation",
        r#"{"moderation":{"model":"omni-moderation-latest"}}"#,
    ),
    field("n", r#"{"n":2}"#),
    field(
        "parallel_tool_calls",
        r#"{"tools":[{"type":"function","function":{"name":"f"}}],"parallel_tool_calls":false}"#,
    ),
    field(
        "prediction",
        r#"{"prediction":{"type":"content","content":"Hello"}}"#,
    ),
    field("presence_penalty", r#"{"presence_penalty":-0.5}"#),
    field("prompt_cache_key", r#"{"prompt_cache_key":"tenant-1"}"#),
    field(
        "prompt_cache_options",
        r#"{"prompt_cache_options":{"mode":"explicit","ttl":"30m"}}"#,
    ),
    field(
        "prompt_cache_retention",
        r#"{"prompt_cache_retention":"24h"}"#,
    ),
    field("reasoning_effort", r#"{"reasoning_effort":"high"}"#),
    field(
        "response_format.type",
        r#"{"response_format":{"type":"json_object"}}"#,
    ),
    field(
        "response_format.json_schema.name",
        r#"{"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object","properties":{"x":{"type":"integer"}}}}}}"#,
    ),
    field(
        "response_format.json_schema.description",
        r#"{"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object","properties":{"x":{"type":"integer"}}},"description":"The answer."}}}"#,
    ),
    field(
        "response_format.json_schema.schema",
        r#"{"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object","properties":{"x":{"type":"integer"}}}}}}"#,
    ),
    field(
        "response_format.json_schema.strict",
        r#"{"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object","properties":{"x":{"type":"integer"}}},"strict":true}}}"#,
    ),
    field("safety_identifier", r#"{"safety_identifier":"u-1"}"#),
    field("seed", r#"{"seed":7}"#),
    field("service_tier", r#"{"service_tier":"flex"}"#),
    field("stop", r#"{"stop":["END","STOP"]}"#),
    field("store", r#"{"store":true}"#),
    field("stream", r#"{"stream":true}"#),
    field(
        "stream_options.include_usage",
        r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
    ),
    field(
        "stream_options.include_obfuscation",
        r#"{"stream":true,"stream_options":{"include_obfuscation":true}}"#,
    ),
    field("temperature", r#"{"temperature":0.2}"#),
    field(
        "tool_choice",
        r#"{"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required"}"#,
    ),
    field(
        "tool_choice.function.name",
        r#"{"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"f"}}}"#,
    ),
    field(
        "tool_choice.allowed_tools",
        r#"{"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}}}"#,
    ),
    field(
        "tool_choice.custom",
        r#"{"tools":[{"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"shell"}}],"tool_choice":{"type":"custom","custom":{"name":"shell"}}}"#,
    ),
    field(
        "tools[].function.name",
        r#"{"tools":[{"type":"function","function":{"name":"f"}}]}"#,
    ),
    field(
        "tools[].function.description",
        r#"{"tools":[{"type":"function","function":{"name":"f","description":"Adds."}}]}"#,
    ),
    field(
        "tools[].function.parameters",
        r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"]}}}]}"#,
    ),
    field(
        "tools[].function.strict",
        r#"{"tools":[{"type":"function","function":{"name":"f","strict":true}}]}"#,
    ),
    field(
        "tools[].custom",
        r#"{"tools":[{"type":"custom","custom":{"name":"shell","format":{"type":"text"}}}]}"#,
    ),
    field("top_logprobs", r#"{"logprobs":true,"top_logprobs":3}"#),
    field("top_p", r#"{"top_p":0.9}"#),
    field("user", r#"{"user":"u-1"}"#),
    field("verbosity", r#"{"verbosity":"low"}"#),
    field(
        "web_search_options",
        r#"{"web_search_options":{"search_context_size":"low"}}"#,
    ),
];
