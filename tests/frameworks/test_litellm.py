"""litellm as a client, with each of the dialects that it speaks, of every vendor."""

import json
import os

import pytest

# Prices come with the package; none are fetched.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402

from conftest import KEY
from sample import clients

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}


def asking(prefix, base):
    def make(weir, model):
        def ask(messages, **options):
            options = {"api_base": weir.url + base, "api_key": KEY, "num_retries": 0, "max_tokens": 1000} | options
            return litellm.completion(model=f"{prefix}/{model}", messages=messages, **options)

        return ask

    make.__name__ = prefix
    return make


WAYS = [asking("openai", "/v1"), asking("openai/responses", "/v1"), asking("anthropic", ""), asking("gemini", "")]
client = clients(*WAYS)


def user(text):
    return [{"role": "user", "content": text}]


def test_completion(client):
    answer = client("echo")(user("Hello, Weir"))
    assert answer.choices[0].message.content == "Hello, Weir"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0


def test_stream(client):
    chunks = list(client("lorem")(user("Hello"), stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith("Lorem ipsum") and text.endswith("commodo consequat.")
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert chunks[-1].usage.completion_tokens > 0


BEHAVIOURS = ["tools", "tools+calls=3", "thinking+calls=2"]


def run_tools(ask, messages, answer):
    """Runs what was called, and returns what the model says then."""
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    messages.append(message.model_dump(exclude_none=True, exclude={"provider_specific_fields"}))
    for call in message.tool_calls:
        assert json.loads(call.function.arguments) == {"city": "sample", "days": 1}
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "12 degrees"})
    return ask(messages, tools=[TOOL]).choices[0].message.content


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_tool_loop(client, behaviour):
    ask, messages = client(behaviour), user("Weather?")
    assert "12 degrees" in run_tools(ask, messages, ask(messages, tools=[TOOL]))


# Before Responses, the client repeats the arguments whole after their deltas.
streaming = clients(*(way for way in WAYS if way.__name__ != "openai/responses"))


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_streamed_tool_loop(streaming, behaviour):
    ask, messages = streaming(behaviour), user("Weather?")
    chunks = list(ask(messages, tools=[TOOL], stream=True))
    answer = litellm.stream_chunk_builder(chunks, messages=messages)
    assert "12 degrees" in run_tools(ask, messages, answer)


@pytest.mark.parametrize("make", WAYS, ids=lambda make: make.__name__)
def test_line_separators(weir, make):
    """U+2028 in an answer of another vendor: the client takes it for the end of a line."""
    foreign = "openai" if make.__name__ == "anthropic" else "anthropic"
    chunks = make(weir, f"{foreign}/unicode")(user("Hello"), stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "line\u2028sep para\u2029sep" in text and text.endswith("שלום 𐍈 end")


def test_refusals(client):
    with pytest.raises(litellm.RateLimitError):
        client("fail+status=429")(user("Hello"))
    with pytest.raises(litellm.ContextWindowExceededError):
        client("fail+status=400+code=context_length_exceeded")(user("Hello"))


def test_broken_stream(client):
    with pytest.raises(Exception):
        list(client("lorem+cut+at=8")(user("Hello"), stream=True))
