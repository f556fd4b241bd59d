//! The vendor's current reference as data, stable fields and betas:
//! <https://platform.claude.com/docs/en/api/messages/create>. Blocks and tools that are carried or
//! lost as a whole stand as one entry.

use crate::Field;

/// The smallest request that the vendor accepts.
pub(super) const MINIMAL: &str =
    r#"{"model":"claude","max_tokens":16,"messages":[{"role":"user","content":"Hi"}]}"#;

/// A block in a user's turn.
macro_rules! user {
    ($block:literal) => {
        concat!(r#"{"messages":[{"role":"user","content":["#, $block, "]}]}")
    };
}

/// A block in the model's turn.
macro_rules! assistant {
    ($block:literal) => {
        concat!(
            r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":["#,
            $block,
            r#"]},{"role":"user","content":"Go on"}]}"#
        )
    };
}

/// A tool.
macro_rules! tool {
    ($tool:literal) => {
        concat!(r#"{"tools":["#, $tool, "]}")
    };
}

const fn field(path: &'static str, sample: &'static str) -> Field {
    Field { path, sample }
}

/// Every request field, with a merge patch that puts it into [`MINIMAL`].
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    field("model", r#"{"model":"claude-sonnet-4-5"}"#),
    field("max_tokens", r#"{"max_tokens":1024}"#),
    field("messages", r#"{"messages":[{"role":"user","content":"Hi"}]}"#),
    field("messages[].role", r#"{"messages":[{"role":"user","content":"Hi"},{"role":"system","content":"Be brief."}]}"#),
    field("messages[].content", r#"{"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]}"#),
    field("messages[].clear_at", r#"{"messages":[{"role":"user","content":"Hi"},{"role":"system","content":"Be brief.","clear_at":"next_user_message"}]}"#),
    field("messages[].content[].text.text", user!(r#"{"type":"text","text":"Hi"}"#)),
    field("messages[].content[].text.cache_control", user!(r#"{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}"#)),
    field("messages[].content[].text.cache_control.ttl", user!(r#"{"type":"text","text":"Hi","cache_control":{"type":"ephemeral","ttl":"1h"}}"#)),
    field("messages[].content[].text.citations", assistant!(r#"{"type":"text","text":"Red","citations":[{"type":"char_location","cited_text":"red","document_index":0,"document_title":null,"start_char_index":0,"end_char_index":3}]}"#)),
    field("messages[].content[].image.source.data", user!(r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}"#)),
    field("messages[].content[].image.source.media_type", user!(r#"{"type":"image","source":{"type":"base64","media_type":"image/gif","data":"R0lGODlh"}}"#)),
    field("messages[].content[].image.source.url", user!(r#"{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}"#)),
    field("messages[].content[].image.source.file_id", user!(r#"{"type":"image","source":{"type":"file","file_id":"file_1"}}"#)),
    field("messages[].content[].image.cache_control", user!(r#"{"type":"image","source":{"type":"url","url":"https://example.com/a.png"},"cache_control":{"type":"ephemeral"}}"#)),
    field("messages[].content[].document.source.data", user!(r#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"Red"}}"#)),
    field("messages[].content[].document.source.media_type", user!(r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0xLjQ="}}"#)),
    field("messages[].content[].document.source.url", user!(r#"{"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}}"#)),
    field("messages[].content[].document.source.file_id", user!(r#"{"type":"document","source":{"type":"file","file_id":"file_1"}}"#)),
    field("messages[].content[].document.source.content", user!(r#"{"type":"document","source":{"type":"content","content":[{"type":"text","text":"Red"}]}}"#)),
    field("messages[].content[].document.title", user!(r#"{"type":"document","title":"Colours","source":{"type":"text","media_type":"text/plain","data":"Red"}}"#)),
    field("messages[].content[].document.context", user!(r#"{"type":"document","context":"Old","source":{"type":"text","media_type":"text/plain","data":"Red"}}"#)),
    field("messages[].content[].document.citations.enabled", user!(r#"{"type":"document","citations":{"enabled":true},"source":{"type":"text","media_type":"text/plain","data":"Red"}}"#)),
    field("messages[].content[].document.cache_control", user!(r#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"Red"},"cache_control":{"type":"ephemeral"}}"#)),
    field("messages[].content[].search_result.content", user!(r#"{"type":"search_result","source":"https://example.com","title":"Colours","content":[{"type":"text","text":"Red"}]}"#)),
    field("messages[].content[].search_result.title", user!(r#"{"type":"search_result","source":"https://example.com","title":"Colours","content":[{"type":"text","text":"Red"}]}"#)),
    field("messages[].content[].search_result.source", user!(r#"{"type":"search_result","source":"https://example.com","title":"Colours","content":[{"type":"text","text":"Red"}]}"#)),
    field("messages[].content[].search_result.citations.enabled", user!(r#"{"type":"search_result","source":"https://example.com","title":"Colours","content":[{"type":"text","text":"Red"}],"citations":{"enabled":true}}"#)),
    field("messages[].content[].search_result.cache_control", user!(r#"{"type":"search_result","source":"https://example.com","title":"Colours","content":[{"type":"text","text":"Red"}],"cache_control":{"type":"ephemeral"}}"#)),
    field("messages[].content[].thinking.thinking", assistant!(r#"{"type":"thinking","thinking":"Hm","signature":"c2ln"}"#)),
    field("messages[].content[].thinking.signature", assistant!(r#"{"type":"thinking","thinking":"","signature":"c2ln"}"#)),
    field("messages[].content[].redacted_thinking.data", assistant!(r#"{"type":"redacted_thinking","data":"c2ln"}"#)),
    field("messages[].content[].tool_use.id", assistant!(r#"{"type":"tool_use","id":"toolu_1","name":"look","input":{}}"#)),
    field("messages[].content[].tool_use.name", assistant!(r#"{"type":"tool_use","id":"toolu_1","name":"look","input":{}}"#)),
    field("messages[].content[].tool_use.input", assistant!(r#"{"type":"tool_use","id":"toolu_1","name":"look","input":{"at":"sky"}}"#)),
    field("messages[].content[].tool_use.caller", assistant!(r#"{"type":"tool_use","id":"toolu_1","name":"look","input":{},"caller":{"type":"code_execution_20250825","tool_id":"srvtoolu_1"}}"#)),
    field("messages[].content[].tool_use.cache_control", assistant!(r#"{"type":"tool_use","id":"toolu_1","name":"look","input":{},"cache_control":{"type":"ephemeral"}}"#)),
    field("messages[].content[].tool_result.tool_use_id", user!(r#"{"type":"tool_result","tool_use_id":"toolu_1"}"#)),
    field("messages[].content[].tool_result.content", user!(r#"{"type":"tool_result","tool_use_id":"toolu_1","content":"blue"}"#)),
    field("messages[].content[].tool_result.content[].text", user!(r#"{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"blue"}]}"#)),
    field("messages[].content[].tool_result.content[].image", user!(r#"{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}]}"#)),
    field("messages[].content[].tool_result.content[].document", user!(r#"{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}}]}"#)),
    field("messages[].content[].tool_result.content[].search_result", user!(r#"{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"search_result","source":"https://example.com","title":"Colours","content":[{"type":"text","text":"Red"}]}]}"#)),
    field("messages[].content[].tool_result.content[].tool_reference", user!(r#"{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"tool_reference","tool_name":"look"}]}"#)),
    field("messages[].content[].tool_result.is_error", user!(r#"{"type":"tool_result","tool_use_id":"toolu_1","content":"dark","is_error":true}"#)),
    field("messages[].content[].tool_result.cache_control", user!(r#"{"type":"tool_result","tool_use_id":"toolu_1","cache_control":{"type":"ephemeral"}}"#)),
    field("messages[].content[].server_tool_use", assistant!(r#"{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"sky"}}"#)),
    field("messages[].content[].web_search_tool_result", assistant!(r#"{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[]}"#)),
    field("messages[].content[].web_fetch_tool_result", assistant!(r#"{"type":"web_fetch_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"web_fetch_tool_result_error","error_code":"unavailable"}}"#)),
    field("messages[].content[].code_execution_tool_result", assistant!(r#"{"type":"code_execution_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"code_execution_result","stdout":"","stderr":"","return_code":0,"content":[]}}"#)),
    field("messages[].content[].bash_code_execution_tool_result", assistant!(r#"{"type":"bash_code_execution_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"bash_code_execution_result","stdout":"","stderr":"","return_code":0,"content":[]}}"#)),
    field("messages[].content[].text_editor_code_execution_tool_result", assistant!(r#"{"type":"text_editor_code_execution_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"text_editor_code_execution_create_result","is_file_update":false}}"#)),
    field("messages[].content[].tool_search_tool_result", assistant!(r#"{"type":"tool_search_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"tool_search_tool_search_result","tool_references":[]}}"#)),
    field("messages[].content[].advisor_tool_result", assistant!(r#"{"type":"advisor_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"advisor_result","text":"Look up."}}"#)),
    field("messages[].content[].mcp_tool_use", assistant!(r#"{"type":"mcp_tool_use","id":"mcptoolu_1","name":"look","server_name":"sky","input":{}}"#)),
    field("messages[].content[].mcp_tool_result", assistant!(r#"{"type":"mcp_tool_result","tool_use_id":"mcptoolu_1","is_error":false,"content":"blue"}"#)),
    field("messages[].content[].container_upload", user!(r#"{"type":"container_upload","file_id":"file_1"}"#)),
    field("messages[].content[].compaction", assistant!(r#"{"type":"compaction","content":"We looked up."}"#)),
    field("messages[].content[].fallback", assistant!(r#"{"type":"fallback","from":{"model":"a"},"to":{"model":"b"}}"#)),
    field("messages[].content[].mid_conv_system.content", user!(r#"{"type":"text","text":"Hi"},{"type":"mid_conv_system","content":[{"type":"text","text":"Be brief."}]}"#)),
    field("messages[].content[].mid_conv_system.content[].tool_addition", user!(r#"{"type":"text","text":"Hi"},{"type":"mid_conv_system","content":[{"type":"tool_addition","tool":{"type":"tool_reference","name":"look"}}]}"#)),
    field("messages[].content[].mid_conv_system.content[].tool_removal", user!(r#"{"type":"text","text":"Hi"},{"type":"mid_conv_system","content":[{"type":"tool_removal","tool":{"type":"tool_reference","name":"look"}}]}"#)),
    field("messages[].content[].mid_conv_system.cache_control", user!(r#"{"type":"text","text":"Hi"},{"type":"mid_conv_system","content":[{"type":"text","text":"Be brief."}],"cache_control":{"type":"ephemeral"}}"#)),
    field("system", r#"{"system":"Be brief."}"#),
    field("system[].text", r#"{"system":[{"type":"text","text":"Be brief."}]}"#),
    field("system[].cache_control", r#"{"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}]}"#),
    field("system[].citations", r#"{"system":[{"type":"text","text":"Be brief.","citations":[]}]}"#),
    field("stop_sequences", r#"{"stop_sequences":["END"]}"#),
    field("stream", r#"{"stream":true}"#),
    field("temperature", r#"{"temperature":0.5}"#),
    field("top_p", r#"{"top_p":0.9}"#),
    field("top_k", r#"{"top_k":40}"#),
    field("tools[].name", tool!(r#"{"name":"look","input_schema":{"type":"object"}}"#)),
    field("tools[].input_schema", tool!(r#"{"name":"look","input_schema":{"type":"object","properties":{"at":{"type":"string"}}}}"#)),
    field("tools[].type", tool!(r#"{"type":"custom","name":"look","input_schema":{"type":"object"}}"#)),
    field("tools[].description", tool!(r#"{"name":"look","description":"Looks.","input_schema":{"type":"object"}}"#)),
    field("tools[].strict", tool!(r#"{"name":"look","strict":true,"input_schema":{"type":"object"}}"#)),
    field("tools[].cache_control", tool!(r#"{"name":"look","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}"#)),
    field("tools[].allowed_callers", tool!(r#"{"name":"look","input_schema":{"type":"object"},"allowed_callers":["code_execution_20260120"]}"#)),
    field("tools[].defer_loading", tool!(r#"{"name":"look","input_schema":{"type":"object"},"defer_loading":true}"#)),
    field("tools[].eager_input_streaming", tool!(r#"{"name":"look","input_schema":{"type":"object"},"eager_input_streaming":true}"#)),
    field("tools[].input_examples", tool!(r#"{"name":"look","input_schema":{"type":"object"},"input_examples":[{"at":"sky"}]}"#)),
    field("tools[].(bash)", tool!(r#"{"type":"bash_20250124","name":"bash"}"#)),
    field("tools[].(text_editor)", tool!(r#"{"type":"text_editor_20250728","name":"str_replace_based_edit_tool"}"#)),
    field("tools[].(computer)", tool!(r#"{"type":"computer_20251124","name":"computer","display_width_px":800,"display_height_px":600}"#)),
    field("tools[].(memory)", tool!(r#"{"type":"memory_20250818","name":"memory"}"#)),
    field("tools[].(web_search)", tool!(r#"{"type":"web_search_20260318","name":"web_search","max_uses":3,"allowed_domains":["example.com"]}"#)),
    field("tools[].(web_fetch)", tool!(r#"{"type":"web_fetch_20260318","name":"web_fetch"}"#)),
    field("tools[].(code_execution)", tool!(r#"{"type":"code_execution_20260521","name":"code_execution"}"#)),
    field("tools[].(tool_search_tool_regex)", tool!(r#"{"type":"tool_search_tool_regex_20251119","name":"tool_search_tool_regex"}"#)),
    field("tools[].(tool_search_tool_bm25)", tool!(r#"{"type":"tool_search_tool_bm25_20251119","name":"tool_search_tool_bm25"}"#)),
    field("tools[].(advisor)", tool!(r#"{"type":"advisor_20260301","name":"advisor","model":"claude-opus-4-8"}"#)),
    field("tools[].(mcp_toolset)", tool!(r#"{"type":"mcp_toolset","mcp_server_name":"sky"}"#)),
    field("tool_choice.type", r#"{"tools":[{"name":"look","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"}}"#),
    field("tool_choice.name", r#"{"tools":[{"name":"look","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"look"}}"#),
    field("tool_choice.disable_parallel_tool_use", r#"{"tools":[{"name":"look","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}"#),
    field("thinking.type", r#"{"thinking":{"type":"adaptive"}}"#),
    field("thinking.budget_tokens", r#"{"max_tokens":4096,"thinking":{"type":"enabled","budget_tokens":2048}}"#),
    field("thinking.display", r#"{"thinking":{"type":"adaptive","display":"omitted"}}"#),
    field("output_config.effort", r#"{"output_config":{"effort":"low"}}"#),
    field("output_config.format", r#"{"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"sky":{"type":"string"}},"additionalProperties":false}}}}"#),
    field("output_config.task_budget", r#"{"output_config":{"task_budget":{"type":"tokens","total":20000}}}"#),
    field("output_format", r#"{"output_format":{"type":"json_schema","schema":{"type":"object","properties":{"sky":{"type":"string"}},"additionalProperties":false}}}"#),
    field("metadata.user_id", r#"{"metadata":{"user_id":"u1"}}"#),
    field("service_tier", r#"{"service_tier":"auto"}"#),
    field("cache_control", r#"{"cache_control":{"type":"ephemeral"}}"#),
    field("container", r#"{"container":"container_1"}"#),
    field("container.id", r#"{"container":{"id":"container_1"}}"#),
    field("container.skills", r#"{"container":{"skills":[{"type":"anthropic","skill_id":"pdf","version":"latest"}]}}"#),
    field("context_management.edits", r#"{"context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}}"#),
    field("diagnostics.previous_message_id", r#"{"diagnostics":{"previous_message_id":"msg_1"}}"#),
    field("fallback_credit_token", r#"{"fallback_credit_token":"t"}"#),
    field("fallbacks", r#"{"fallbacks":"default"}"#),
    field("inference_geo", r#"{"inference_geo":"eu"}"#),
    field("mcp_servers", r#"{"mcp_servers":[{"type":"url","name":"sky","url":"https://example.com/mcp"}]}"#),
    field("speed", r#"{"speed":"fast"}"#),
];
