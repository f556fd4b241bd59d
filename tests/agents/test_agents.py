"""Coding agents do a small task through Weir, each before upstreams of several dialects.

The model behind is `agent`: it calls the agent's own tools, by their schemas, to write a file, edit it and
read it. What the agent makes of the answers is on the disk; what Weir made of its requests is at the
vendors, who refuse what the real ones refuse.
"""

import pytest

from agents import Run, aider, claude, codex, gemini, opencode
from conftest import KEY
from harness import Weir, until

CONFIG = """
server: { listen: "{listen}", admin_listen: "{admin}" }
store: { database: "sqlite:{folder}/weir.db" }
providers:
  chat: { kind: openai-compatible, api_key: sk-openai-upstream, base_url: MIMIC/v1 }
  newer: { kind: openai-compatible, api_key: sk-openai-upstream, speaks: { openai_responses: MIMIC/v1 } }
  anthropic: { api_key: sk-anthropic-upstream, base_url: MIMIC }
  google: { kind: gemini-compatible, api_key: sk-google-upstream, base_url: MIMIC/v1beta }
  cohere: { api_key: co-cohere-upstream, base_url: MIMIC }
keys:
  - { name: agents, value: KEY }
models:
  gpt-5.5: { targets: [ { target: newer/agent+think } ] }
  gpt-6-sol: { targets: [ { target: newer/agent+think } ] }
  claude-opus-4-8: { targets: [ { target: google/agent+think } ] }
  "gemini-*": { targets: [ { target: chat/agent } ] }
"""

#: Where each upstream is called, and how it calls tools.
PATHS = {
    "chat": "/v1/chat/completions",
    "newer": "/v1/responses",
    "anthropic": "/v1/messages",
    "google": "/v1beta/models/",
    "cohere": "/v2/chat",
}
UPSTREAMS = list(PATHS)

#: The upstreams whose reasoning has a proof, which comes back to them.
PROVING = ["newer", "anthropic", "google"]

TASK = """Please do this:
STEP write {file}: one
STEP edit {file}: one => two
STEP run cat {file}"""


@pytest.fixture(scope="module")
def gateway(mimic, tmp_path_factory):
    text = CONFIG.replace("MIMIC", mimic.url).replace("KEY", KEY)
    weir = Weir(tmp_path_factory.mktemp("agents"), text)
    yield weir
    assert weir.stop() == 0
    assert "panicked" not in weir.stderr, weir.stderr[-4000:]


class Bench:
    """Runs agents, and knows what they did."""

    def __init__(self, weir, mimic, folder):
        self.weir, self.mimic, self.folder = weir, mimic, folder
        self.before = len(weir.rows())
        mimic.forget()

    def do(self, agent, model, *more, says="Done: 3 of 3 steps."):
        """Has the agent do the task, and checks what must always hold. Returns what the vendors got."""
        home, work = self.folder / "home", self.folder / "work"
        home.mkdir()
        work.mkdir()
        run = Run(home, work, self.weir.url, KEY, model)
        file = work / "notes.txt"
        code, said = agent(run, TASK.format(file=file), *more)
        received = self.mimic.requests()
        refused = [(r["path"], r["status"], r["body"][:300]) for r in received if r["status"] != 200]
        assert not refused and code == 0, (refused, said[-4000:])
        self.rows = until(lambda: self.settled(len(received)), "the ledger knows every call")
        assert file.read_text().strip() == "two" and says in said, said[-4000:]
        return received

    def settled(self, count):
        """The rows of what was done, once there are that many; none of them may be an error."""
        rows = self.weir.rows()[self.before :]
        for row in rows:
            assert (row["status"], row["outcome"], row["error_kind"]) == (200, "ok", None), row
            assert row["input_tokens"] > 0 and row["output_tokens"] > 0 and not row["estimated"], row
        return rows if len(rows) == count else None


@pytest.fixture
def bench(gateway, mimic, tmp_path):
    return Bench(gateway, mimic, tmp_path)


def tools_of(request):
    """The names of the tools that a vendor was offered."""
    tools = request["json"].get("tools") or []
    declared = [d for tool in tools for d in tool.get("functionDeclarations", [])]
    return {(t.get("function") or t).get("name") for t in declared or tools}


def thoughts_of(request, upstream):
    """The proofs of reasoning that a vendor got back."""
    body = request["json"]
    match upstream:
        case "newer":
            return [item["encrypted_content"] for item in body["input"] if item.get("type") == "reasoning"]
        case "anthropic":
            blocks = [b for m in body["messages"] for b in m["content"] if isinstance(b, dict)]
            return [b["signature"] for b in blocks if b["type"] == "thinking"]
        case "google":
            parts = [part for content in body["contents"] for part in content["parts"]]
            proofs = [p["thoughtSignature"] for p in parts if "thoughtSignature" in p]
            return [proof for proof in proofs if not proof.startswith("skip_")]
    return []


def check(bench, received, upstream, dialect, tools):
    """Every call went to the upstream, all tools with it, and is in the ledger."""
    assert all(r["path"].startswith(PATHS[upstream]) for r in received), [r["path"] for r in received]
    assert tools <= tools_of(received[-1]), tools_of(received[-1])
    for row in bench.rows:
        assert (row["dialect"], row["target"].split("/")[0]) == (dialect, upstream), row
    return received[-1]


@pytest.mark.timeout(200)
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_claude_code(bench, upstream):
    received = bench.do(claude, f"{upstream}/agent+think")
    last = check(bench, received, upstream, "anthropic_messages", {"Agent", "Bash", "Edit", "Read", "Write"})
    assert upstream != "chat" or "reasoning_effort" in last["json"]
    assert len(thoughts_of(last, upstream)) == (3 if upstream in PROVING else 0)
    assert '"cache_control"' in last["body"] if upstream == "anthropic" else "cache_control" not in last["body"]


@pytest.mark.timeout(200)
def test_claude_code_at_home(bench):
    """What only Anthropic understands reaches it: betas, context management, marks for the cache."""
    last = bench.do(claude, "anthropic/agent+think")[-1]
    assert last["path"] == "/v1/messages?beta=true"
    headers, body = last["headers"], last["json"]
    assert "context-management" in headers["anthropic-beta"] and headers["x-claude-code-session-id"]
    assert body["thinking"]["type"] == "adaptive" and body["context_management"]["edits"]
    assert body["output_config"]["effort"] and body["metadata"]["user_id"]
    assert any(block.get("cache_control") for block in body["system"])


@pytest.mark.timeout(200)
def test_claude_code_by_a_known_name(bench):
    """Of a model that it knows it asks more than of others; here another vendor answers under that name."""
    check(bench, bench.do(claude, "claude-opus-4-8"), "google", "anthropic_messages", {"Bash", "Edit", "Write"})


@pytest.mark.timeout(200)
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_codex(bench, upstream):
    received = bench.do(codex, f"{upstream}/agent+think")
    last = check(bench, received, upstream, "openai_responses", {"exec_command", "write_stdin", "view_image"})
    assert len(thoughts_of(last, upstream)) == (3 if upstream in PROVING else 0)


@pytest.mark.timeout(200)
def test_codex_at_home(bench):
    """Its own tool for patches takes free text, and what only OpenAI understands reaches it."""
    last = bench.do(codex, "gpt-5.5")[-1]
    body = last["json"]
    kinds = {tool["type"] for tool in body["tools"]}
    assert "custom" in kinds, kinds
    assert [item["name"] for item in body["input"] if item["type"] == "custom_tool_call"] == ["apply_patch"] * 2
    assert body["include"] == ["reasoning.encrypted_content"] and body["store"] is False
    assert body["prompt_cache_key"] and body["client_metadata"]


@pytest.mark.timeout(200)
def test_codex_writes_scripts(bench):
    """Of its newest models it wants scripts that call its tools, which it offers in an item of the input."""
    items = bench.do(codex, "gpt-6-sol")[-1]["json"]["input"]
    assert items[0]["type"] == "additional_tools"
    assert [item["name"] for item in items if item["type"] == "custom_tool_call"] == ["exec"] * 3


@pytest.mark.timeout(200)
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_gemini_cli(bench, upstream):
    received = bench.do(gemini, f"{upstream}/agent+think")
    last = check(bench, received, upstream, "gemini", {"read_file", "replace", "run_shell_command", "write_file"})
    assert upstream != "google" or len(thoughts_of(last, upstream)) == 3


@pytest.mark.timeout(200)
def test_gemini_cli_routes(bench):
    """Left to itself it first asks a small model, for JSON, which one to take; that is no reason to retry."""
    first, *rest = bench.do(gemini, "auto")
    assert first["json"]["response_format"]["json_schema"]["schema"]["type"] == "object"
    assert len(rest) == 4 and all(r["json"]["stream"] for r in rest)


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("package", "version", "dialect", "upstream"),
    [
        ("@ai-sdk/openai-compatible", "v1", "openai_chat", "chat"),
        ("@ai-sdk/openai-compatible", "v1", "openai_chat", "anthropic"),
        ("@ai-sdk/openai-compatible", "v1", "openai_chat", "google"),
        ("@ai-sdk/openai", "v1", "openai_responses", "anthropic"),
        ("@ai-sdk/anthropic", "v1", "anthropic_messages", "newer"),
        ("@ai-sdk/google", "v1beta", "gemini", "chat"),
    ],
)
def test_opencode(bench, package, version, dialect, upstream):
    received = bench.do(opencode, f"{upstream}/agent+think", package, version)
    last = check(bench, received, upstream, dialect, {"bash", "edit", "read", "write"})
    assert package == "@ai-sdk/openai-compatible" or upstream not in PROVING or len(thoughts_of(last, upstream)) == 3


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("speaks", "dialect", "upstream"),
    [
        ("openai", "openai_chat", "chat"),
        ("openai", "openai_chat", "anthropic"),
        ("openai", "openai_chat", "google"),
        ("anthropic", "anthropic_messages", "newer"),
    ],
)
def test_aider(bench, speaks, dialect, upstream):
    received = bench.do(aider, f"{upstream}/agent", speaks, says="Applied edit to notes.txt")
    check(bench, received, upstream, dialect, set())
