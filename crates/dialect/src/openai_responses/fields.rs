//! Every request field of the reference, each with a sample. Docs and tests walk it.
//! <https://platform.openai.com/docs/api-reference/responses/create>

use crate::Field;

/// The smallest request that OpenAI accepts.
pub(super) const MINIMAL: &str = r#"{"model":"gpt-4.1","input":"Hi"}"#;

const fn field(path: &'static str, sample: &'static str) -> Field {
    Field { path, sample }
}

/// The fields, input first.
pub(super) const FIELDS: &[Field] = &[
    field("model", r#"{"model":"gpt-4.1-mini"}"#),
    field("input", r#"{"input":"Hello"}"#),
    field(
        "input[].content",
        r#"{"input":[{"role":"user","content":"Hi"}]}"#,
    ),
    field(
        "input[].role",
        r#"{"input":[{"role":"developer","content":"Be brief."},{"role":"user","content":"Hi"}]}"#,
    ),
    field(
        "input[].phase",
        r#"{"input":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Let me see.","phase":"commentary"},{"role":"user","content":"Well?"}]}"#,
    ),
    field(
        "input[].content[].input_text.text",
        r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"Hi"}]}]}"#,
    ),
    field(
        "input[].content[].input_text.prompt_cache_breakpoint",
        r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"Hi","prompt_cache_breakpoint":{"mode":"explicit"}}]}]}"#,
    ),
    field(
        "input[].content[].input_image.image_url",
        r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,iVBORw0KGgo="}]}]}"#,
    ),
    field(
        "input[].content[].input_image.file_id",
        r#"{"input":[{"role":"user","content":[{"type":"input_image","file_id":"file-abc"}]}]}"#,
    ),
    field(
        "input[].content[].input_image.detail",
        r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://example.com/a.png","detail":"low"}]}]}"#,
    ),
    field(
        "input[].content[].input_file.file_data",
        r#"{"input":[{"role":"user","content":[{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERi0="}]}]}"#,
    ),
    field(
        "input[].content[].input_file.file_url",
        r#"{"input":[{"role":"user","content":[{"type":"input_file","file_url":"https://example.com/a.pdf"}]}]}"#,
    ),
    field(
        "input[].content[].input_file.file_id",
        r#"{"input":[{"role":"user","content":[{"type":"input_file","file_id":"file-abc"}]}]}"#,
    ),
    field(
        "input[].content[].input_file.filename",
        r#"{"input":[{"role":"user","content":[{"type":"input_file","filename":"report.pdf","file_data":"data:application/pdf;base64,JVBERi0="}]}]}"#,
    ),
    field(
        "input[].content[].output_text.text",
        r#"{"input":[{"role":"user","content":"Hi"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hello.","annotations":[]}]},{"role":"user","content":"Bye"}]}"#,
    ),
    field(
        "input[].content[].output_text.annotations",
        r#"{"input":[{"role":"user","content":"Hi"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hello.","annotations":[{"type":"url_citation","start_index":0,"end_index":5,"url":"https://example.com","title":"E"}]}]},{"role":"user","content":"Bye"}]}"#,
    ),
    field(
        "input[].content[].refusal.refusal",
        r#"{"input":[{"role":"user","content":"Hi"},{"type":"message","role":"assistant","content":[{"type":"refusal","refusal":"No."}]},{"role":"user","content":"Why?"}]}"#,
    ),
    field(
        "input[].function_call.arguments",
        r#"{"input":[{"role":"user","content":"Hi"},{"type":"function_call","call_id":"c1","name":"f","arguments":"{\"x\":1}"},{"type":"function_call_output","call_id":"c1","output":"2"}]}"#,
    ),
    field(
        "input[].function_call.namespace",
        r#"{"input":[{"role":"user","content":"Hi"},{"type":"function_call","call_id":"c1","name":"f","namespace":"n","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"2"}]}"#,
    ),
    field(
        "input[].function_call_output.output",
        r#"{"input":[{"role":"user","content":"Hi"},{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"2"}]}"#,
    ),
    field(
        "input[].custom_tool_call.input",
        r#"{"input":[{"role":"user","content":"Hi"},{"type":"custom_tool_call","call_id":"c1","name":"sh","input":"ls"},{"type":"custom_tool_call_output","call_id":"c1","output":"a b"}]}"#,
    ),
    field(
        "input[].reasoning.summary",
        r#"{"input":[{"role":"user","content":"Hi"},{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Hm."}]},{"role":"assistant","content":"Hello."},{"role":"user","content":"Bye"}]}"#,
    ),
    field(
        "input[].reasoning.encrypted_content",
        r#"{"input":[{"role":"user","content":"Hi"},{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAA"},{"role":"assistant","content":"Hello."},{"role":"user","content":"Bye"}]}"#,
    ),
    field(
        "input[].item_reference.id",
        r#"{"input":[{"role":"user","content":"Hi"},{"type":"item_reference","id":"msg_1"}]}"#,
    ),
    field(
        "input[].web_search_call",
        r#"{"input":[{"role":"user","content":"Hi"},{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}},{"role":"user","content":"Well?"}]}"#,
    ),
    field("background", r#"{"background":true}"#),
    field(
        "context_management",
        r#"{"context_management":[{"type":"compaction","compact_threshold":100000}]}"#,
    ),
    field("conversation", r#"{"conversation":"conv_1"}"#),
    field("include", r#"{"include":["file_search_call.results"]}"#),
    field("instructions", r#"{"instructions":"Be brief."}"#),
    field("max_output_tokens", r#"{"max_output_tokens":100}"#),
    field("max_tool_calls", r#"{"max_tool_calls":3}"#),
    field("metadata", r#"{"metadata":{"a":"b"}}"#),
    field(
        "moderation",
        r#"{"moderation":{"model":"omni-moderation-latest"}}"#,
    ),
    field(
        "parallel_tool_calls",
        r#"{"tools":[{"type":"function","name":"f"}],"parallel_tool_calls":false}"#,
    ),
    field(
        "previous_response_id",
        r#"{"previous_response_id":"resp_1"}"#,
    ),
    field("prompt", r#"{"prompt":{"id":"pmpt_1"}}"#),
    field("prompt_cache_key", r#"{"prompt_cache_key":"k"}"#),
    field(
        "prompt_cache_options",
        r#"{"prompt_cache_options":{"mode":"explicit"}}"#,
    ),
    field(
        "prompt_cache_retention",
        r#"{"prompt_cache_retention":"24h"}"#,
    ),
    field(
        "reasoning.context",
        r#"{"reasoning":{"context":"all_turns"}}"#,
    ),
    field("reasoning.effort", r#"{"reasoning":{"effort":"low"}}"#),
    field(
        "reasoning.generate_summary",
        r#"{"reasoning":{"effort":"low","generate_summary":"auto"}}"#,
    ),
    field("reasoning.mode", r#"{"reasoning":{"mode":"pro"}}"#),
    field(
        "reasoning.summary",
        r#"{"reasoning":{"effort":"low","summary":"auto"}}"#,
    ),
    field("safety_identifier", r#"{"safety_identifier":"u-1"}"#),
    field("service_tier", r#"{"service_tier":"flex"}"#),
    field("store", r#"{"store":true}"#),
    field("stream", r#"{"stream":true}"#),
    field(
        "stream_options.include_obfuscation",
        r#"{"stream":true,"stream_options":{"include_obfuscation":true}}"#,
    ),
    field("temperature", r#"{"temperature":0.5}"#),
    field(
        "text.format",
        r#"{"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object","properties":{},"required":[],"additionalProperties":false},"strict":true}}}"#,
    ),
    field("text.verbosity", r#"{"text":{"verbosity":"low"}}"#),
    field(
        "tool_choice",
        r#"{"tools":[{"type":"function","name":"f"}],"tool_choice":"required"}"#,
    ),
    field(
        "tool_choice.allowed_tools",
        r#"{"tools":[{"type":"function","name":"f"},{"type":"function","name":"g"}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]}}"#,
    ),
    field("tools[].type", r#"{"tools":[{"type":"web_search"}]}"#),
    field(
        "tools[].custom",
        r#"{"tools":[{"type":"custom","name":"shell"}]}"#,
    ),
    field(
        "tools[].name",
        r#"{"tools":[{"type":"function","name":"f"}]}"#,
    ),
    field(
        "tools[].description",
        r#"{"tools":[{"type":"function","name":"f","description":"Adds."}]}"#,
    ),
    field(
        "tools[].parameters",
        r#"{"tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"]}}]}"#,
    ),
    field(
        "tools[].strict",
        r#"{"tools":[{"type":"function","name":"f","strict":true,"parameters":{"type":"object","properties":{},"required":[],"additionalProperties":false}}]}"#,
    ),
    field(
        "tools[].allowed_callers",
        r#"{"tools":[{"type":"function","name":"f","allowed_callers":["direct"]}]}"#,
    ),
    field(
        "tools[].defer_loading",
        r#"{"tools":[{"type":"function","name":"f","defer_loading":true}]}"#,
    ),
    field(
        "tools[].output_schema",
        r#"{"tools":[{"type":"function","name":"f","output_schema":{"type":"object"}}]}"#,
    ),
    field(
        "top_logprobs",
        r#"{"include":["message.output_text.logprobs"],"top_logprobs":3}"#,
    ),
    field("top_p", r#"{"top_p":0.9}"#),
    field("truncation", r#"{"truncation":"auto"}"#),
    field("user", r#"{"user":"u-1"}"#),
];
