"""openai-python's chat completions through the gateway, to a vendor of each dialect."""

import base64
import json

import openai
import pytest
from pydantic import BaseModel

from conftest import KEY
from harness import fetch

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
UNICODE = "Grüße, 你好 👩‍🚀 🇪🇺"


def ask(text="Hello, Weir"):
    return [{"role": "user", "content": text}]


def tool(name, **properties):
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": "A tool.", "parameters": schema}}


WEATHER = tool("get_weather", city={"type": "string"}, days={"type": "integer"})
NOW = tool("now")


def streamed(chat, **arguments):
    """The final completion as the SDK accumulates it, and the events."""
    with chat.chat.completions.stream(**arguments) as stream:
        events = list(stream)
        return stream.get_final_completion(), events


def test_an_answer(chat, mimic, upstream):
    answer = chat.chat.completions.create(model=f"{upstream}/echo", messages=ask())
    assert answer.object == "chat.completion"
    assert answer.model == f"{upstream}/echo"
    [choice] = answer.choices
    assert (choice.index, choice.finish_reason) == (0, "stop")
    assert (choice.message.role, choice.message.content) == ("assistant", "Hello, Weir")
    assert choice.message.tool_calls is None
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    request = mimic.last()
    assert request["json"]["model"] == "echo"
    assert request["path"] == ("/v1/chat/completions" if upstream == "openai" else "/v1/messages")


def test_a_stream(chat, upstream):
    chunks = list(
        chat.chat.completions.create(
            model=f"{upstream}/lorem", messages=ask(), stream=True, stream_options={"include_usage": True}
        )
    )
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk.model for chunk in chunks} == {f"{upstream}/lorem"}
    assert len({chunk.id for chunk in chunks}) == 1
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert [delta.role for delta in deltas if delta.role] == ["assistant"]
    text = "".join(delta.content or "" for delta in deltas)
    assert text.startswith("Lorem ipsum") and text.endswith("commodo consequat.")
    assert sum(bool(delta.content) for delta in deltas) > 5
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert [reason for reason in reasons if reason] == ["stop"]
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 5
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stream_shows_usage_only_when_asked(chat, mimic, upstream):
    chunks = list(chat.chat.completions.create(model=f"{upstream}/echo", messages=ask(), stream=True))
    assert all(chunk.usage is None and len(chunk.choices) == 1 for chunk in chunks)
    if upstream == "openai":
        assert mimic.sent()["stream_options"]["include_usage"] is True


@pytest.mark.parametrize("stream", [False, True])
def test_unicode_survives(chat, upstream, stream):
    """U+2028 and U+2029 in an answer break clients that split lines there."""
    arguments = {"model": f"{upstream}/unicode", "messages": ask(UNICODE)}
    if stream:
        answer, _ = streamed(chat, **arguments)
    else:
        answer = chat.chat.completions.create(**arguments)
    text = answer.choices[0].message.content
    assert text.startswith(
        'Grüße, 你好 👩‍🚀 🇪🇺 naïve e\u0301 line\u2028sep para\u2029sep "quoted" back\\slash\ttab\nnewline'
    )
    assert text.endswith("שלום 𐍈 end")


def test_unicode_arrives_upstream(chat, upstream):
    answer = chat.chat.completions.create(model=f"{upstream}/echo", messages=ask(UNICODE + "\u2028\U0001f469"))
    assert answer.choices[0].message.content == UNICODE + "\u2028\U0001f469"


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_loop(chat, upstream, stream):
    """Call, result, answer: the SDK's own message goes back as it is."""
    messages = ask("Weather in Oslo?")
    arguments = {"model": f"{upstream}/tools", "tools": [WEATHER]}
    if stream:
        first, _ = streamed(chat, messages=messages, **arguments)
    else:
        first = chat.chat.completions.create(messages=messages, **arguments)
    [choice] = first.choices
    assert choice.finish_reason == "tool_calls"
    [call] = choice.message.tool_calls
    assert (call.type, call.function.name) == ("function", "get_weather")
    assert json.loads(call.function.arguments) == {"city": "sample", "days": 1}
    assert 0 < len(call.id) <= 40
    reply = choice.message.model_dump(exclude_none=True, exclude={"parsed"})
    for sent in reply["tool_calls"]:
        sent["function"].pop("parsed_arguments", None)
        sent.pop("index", None)
    messages += [reply, {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"}]
    second = chat.chat.completions.create(messages=messages, **arguments)
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content == "12 degrees"


@pytest.mark.parametrize("stream", [False, True])
def test_parallel_tool_calls(chat, upstream, stream):
    messages = ask("Both, please")
    model = f"{upstream}/tools+calls=3+preface" + ("+interleave" if stream and upstream == "openai" else "")
    arguments = {"model": model, "tools": [WEATHER, NOW]}
    if stream:
        answer, events = streamed(chat, messages=messages, **arguments)
        pieces = [e for e in events if e.type == "tool_calls.function.arguments.delta"]
        assert len(pieces) > 3, "arguments come in pieces"
    else:
        answer = chat.chat.completions.create(messages=messages, **arguments)
    message = answer.choices[0].message
    assert message.content == "Both, please"
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls]
    weather = ("get_weather", {"city": "sample", "days": 1})
    assert calls == [weather, ("now", {}), weather]
    assert len({call.id for call in message.tool_calls}) == 3
    reply = {
        "role": "assistant",
        "content": message.content,
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }
            for call in message.tool_calls
        ],
    }
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"result {n}"} for n, call in enumerate(message.tool_calls)
    ]
    second = chat.chat.completions.create(messages=[*messages, reply, *results], **arguments)
    assert second.choices[0].message.content == "result 2"


@pytest.mark.parametrize("stream", [False, True])
def test_empty_arguments(chat, upstream, stream):
    arguments = {"model": f"{upstream}/tools+empty", "messages": ask(), "tools": [NOW]}
    if stream:
        answer, _ = streamed(chat, **arguments)
    else:
        answer = chat.chat.completions.create(**arguments)
    [call] = answer.choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {}


@pytest.mark.parametrize(
    ("choice", "translated"),
    [
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "now"}}, {"type": "tool", "name": "now"}),
    ],
)
def test_tool_choice(chat, mimic, upstream, choice, translated):
    answer = chat.chat.completions.create(
        model=f"{upstream}/echo", messages=ask(), tools=[WEATHER, NOW], tool_choice=choice, parallel_tool_calls=True
    )
    calls = answer.choices[0].message.tool_calls
    if choice == "none":
        assert not calls
    else:
        assert calls[0].function.name == ("get_weather" if choice == "required" else "now")
    sent = mimic.sent()["tool_choice"]
    if upstream == "openai":
        assert sent == choice
    else:
        assert sent.items() >= translated.items()


class Step(BaseModel):
    explanation: str
    output: int


class Solution(BaseModel):
    steps: list[Step]
    done: bool


SOLUTION = Solution(steps=[Step(explanation="sample", output=1)], done=True)
#: What the vendors' models that echo are asked to say.
SAYS_SOLUTION = ask(SOLUTION.model_dump_json())


@pytest.mark.parametrize(
    ("model", "messages"),
    [
        ("openai/json", ask("Solve it")),
        ("openai/gpt-4.1-mini", SAYS_SOLUTION),
        ("anthropic/claude-sonnet-4-5", SAYS_SOLUTION),
        # Of this model nothing is known, so the schema travels in words.
        ("anthropic/echo", SAYS_SOLUTION),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_structured_outputs(chat, mimic, model, messages, stream):
    arguments = {"model": model, "messages": messages, "response_format": Solution}
    if stream:
        answer, _ = streamed(chat, **arguments)
    else:
        answer = chat.chat.completions.parse(**arguments)
    assert answer.choices[0].message.parsed == SOLUTION
    sent = mimic.sent()
    if model == "anthropic/claude-sonnet-4-5":
        schema = sent["output_config"]["format"]["schema"]
        assert list(schema["properties"]) == ["steps", "done"] and schema["additionalProperties"] is False
    else:
        assert "explanation" in json.dumps(sent.get("system") or sent["response_format"])


def test_tools_parsed_by_the_sdk(chat, upstream):
    answer = chat.chat.completions.parse(
        model=f"{upstream}/tools", messages=ask(), tools=[openai.pydantic_function_tool(Step)]
    )
    [call] = answer.choices[0].message.tool_calls
    assert call.function.parsed_arguments == Step(explanation="sample", output=1)


@pytest.mark.parametrize("url", [f"data:image/png;base64,{PNG}", "https://example.com/cat.png"])
def test_images(chat, mimic, upstream, url):
    content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = chat.chat.completions.create(model=f"{upstream}/echo", messages=ask(content))
    assert answer.choices[0].message.content == "What is it?"
    [message] = mimic.sent()["messages"]
    if upstream == "openai":
        assert message["content"] == content
    elif url.startswith("data:"):
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        assert message["content"][1] == {"type": "image", "source": source}
        assert base64.b64decode(source["data"]).startswith(b"\x89PNG")
    else:
        assert message["content"][1] == {"type": "image", "source": {"type": "url", "url": url}}


@pytest.mark.parametrize("role", ["system", "developer"])
def test_system_and_developer_messages(chat, mimic, upstream, role):
    messages = [{"role": role, "content": "Be brief."}, *ask("Hi")]
    answer = chat.chat.completions.create(model=f"{upstream}/echo", messages=messages)
    assert answer.choices[0].message.content == "Hi"
    sent = mimic.sent()
    if upstream == "openai":
        assert sent["messages"] == messages
    else:
        assert json.dumps(sent["system"]).count("Be brief.") == 1
        assert [message["role"] for message in sent["messages"]] == ["user"]


@pytest.mark.parametrize("stop", ["two", ["three", "two"]])
@pytest.mark.parametrize("stream", [False, True])
def test_stop_sequences(chat, upstream, stop, stream):
    arguments = {"model": f"{upstream}/echo", "messages": ask("one two three"), "stop": stop}
    if stream:
        answer, _ = streamed(chat, **arguments)
    else:
        answer = chat.chat.completions.create(**arguments)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content.strip() == "one"


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("stream", [False, True])
def test_token_limits(chat, upstream, limit, stream):
    arguments = {"model": f"{upstream}/lorem", "messages": ask(), limit: 3}
    if stream:
        chunks = list(chat.chat.completions.create(stream=True, **arguments))
        reason = [c.choices[0].finish_reason for c in chunks if c.choices][-1]
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    else:
        [choice] = chat.chat.completions.create(**arguments).choices
        reason, text = choice.finish_reason, choice.message.content
    assert (reason, text) == ("length", "Lorem ipsum dolor")


@pytest.mark.parametrize("stream", [False, True])
def test_several_choices(chat, stream):
    arguments = {"model": "openai/echo", "messages": ask(), "n": 3}
    if stream:
        answer, _ = streamed(chat, **arguments)
    else:
        answer = chat.chat.completions.create(**arguments)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert {choice.message.content for choice in answer.choices} == {"Hello, Weir"}


def test_several_choices_are_never_silently_one(chat, mimic):
    """Anthropic gives one; a client that asked for three must hear of it."""
    with pytest.raises(openai.BadRequestError) as refusal:
        chat.chat.completions.create(model="anthropic/echo", messages=ask(), n=3)
    assert refusal.value.param == "n"
    assert mimic.requests() == []


@pytest.mark.parametrize("stream", [False, True])
def test_logprobs(chat, stream):
    arguments = {"model": "openai/echo", "messages": ask(), "logprobs": True, "top_logprobs": 2}
    if stream:
        answer, _ = streamed(chat, **arguments)
    else:
        answer = chat.chat.completions.create(**arguments)
    entries = answer.choices[0].logprobs.content
    assert [entry.token for entry in entries] == ["Hello,", " Weir"]
    assert entries[0].logprob == -0.125 and len(entries[0].top_logprobs) == 2


def test_what_the_vendor_does_not_have_is_named(chat):
    raw = chat.chat.completions.with_raw_response
    answer = raw.create(model="anthropic/echo", messages=ask(), logprobs=True, seed=7, presence_penalty=0.5)
    losses = answer.headers["x-weir-losses"]
    assert all(field in losses for field in ("logprobs", "seed", "presence_penalty")), losses
    assert answer.parse().choices[0].message.content == "Hello, Weir"


def test_losses_are_named_on_streams(chat):
    raw = chat.chat.completions.with_raw_response
    answer = raw.create(model="anthropic/echo", messages=ask(), seed=7, stream=True)
    assert "seed" in answer.headers["x-weir-losses"]
    assert "".join(c.choices[0].delta.content or "" for c in answer.parse() if c.choices) == "Hello, Weir"


def test_losses_can_be_kept_quiet(chat):
    raw = chat.chat.completions.with_raw_response.create(model="quiet", messages=ask(), seed=7)
    assert "x-weir-losses" not in raw.headers


def test_losses_can_be_refused(chat, mimic):
    with pytest.raises(openai.BadRequestError) as refusal:
        chat.chat.completions.create(model="careful", messages=ask(), seed=7)
    assert refusal.value.param == "seed"
    assert mimic.requests() == []
    answer = chat.chat.completions.create(model="careful", messages=ask())
    assert answer.choices[0].message.content == "Hello, Weir"


def test_parameters_travel(chat, mimic, upstream):
    chat.chat.completions.create(
        model=f"{upstream}/echo", messages=ask(), temperature=0.5, seed=7, user="ada", max_completion_tokens=50
    )
    sent = mimic.sent()
    assert sent["temperature"] == 0.5
    if upstream == "openai":
        assert (sent["seed"], sent["user"], sent["max_completion_tokens"]) == (7, "ada", 50)
    else:
        assert (sent["metadata"], sent["max_tokens"]) == ({"user_id": "ada"}, 50)


def test_the_same_dialect_is_carried_byte_for_byte(weir, mimic):
    """Fields that nobody knows travel; only the model's name differs, when it is an alias."""
    body = b'{ "messages" : [{"role":"user","content":"hi \\u00e9 \xc3\xa9"}],\n "temperature":1.0, "seed":12345678901234567 , "model":"%s"}'
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    status, _, _ = fetch(f"{weir.url}/v1/chat/completions", "POST", headers, body % b"friend")
    assert status == 200
    assert mimic.last()["body"].encode() == body % b"echo"


@pytest.mark.parametrize("stream", [False, True])
def test_cached_tokens(chat, weir, upstream, stream):
    """Prompt tokens include what was cached, whatever the vendor's own way to count."""
    arguments = {"model": f"{upstream}/echo+in=100+cached=40", "messages": ask()}
    if stream:
        answer, _ = streamed(chat, stream_options={"include_usage": True}, **arguments)
    else:
        answer = chat.chat.completions.create(**arguments)
    assert answer.usage.prompt_tokens == 100
    assert answer.usage.prompt_tokens_details.cached_tokens == 40
    assert answer.usage.total_tokens == 100 + answer.usage.completion_tokens


@pytest.mark.parametrize(
    "knobs",
    [
        "",
        "+gzip",
        "+chunked",
        "+split=3",
        "+split=1",
        "+crlf",
        "+bom",
        "+comments",
        "+segments",
        "+no_blank",
        "+no_blank+crlf",
        "+usage_each",
        "+azure",
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_odd_but_whole_answers(chat, upstream, stream, knobs):
    """However a vendor cuts and decorates its bytes, the client gets the same text."""
    if "azure" in knobs and upstream == "anthropic":
        knobs = "+segments+crlf"
    arguments = {"model": f"{upstream}/lorem{knobs}", "messages": ask()}
    if stream:
        chunks = list(chat.chat.completions.create(stream=True, **arguments))
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    else:
        text = chat.chat.completions.create(**arguments).choices[0].message.content
    assert text.startswith("Lorem ipsum") and text.endswith("commodo consequat.")


def test_a_huge_answer(chat, upstream):
    answer = chat.chat.completions.create(model=f"{upstream}/echo+size=3000000", messages=ask())
    assert len(answer.choices[0].message.content) == 3_000_000
    chunks = chat.chat.completions.create(model=f"{upstream}/echo+size=3000000", messages=ask(), stream=True)
    assert sum(len(c.choices[0].delta.content or "") for c in chunks if c.choices) == 3_000_000


def test_a_huge_prompt(chat, upstream):
    text = "word " * 200_000
    answer = chat.chat.completions.create(model=f"{upstream}/echo", messages=ask(text.strip()), max_tokens=5)
    assert answer.choices[0].message.content == "word word word word word"


def test_many_turns_and_names(chat, upstream):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One", "name": "ada"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "Three"},
        {"role": "user", "content": "Four"},
    ]
    answer = chat.chat.completions.create(model=f"{upstream}/echo", messages=messages)
    assert answer.choices[0].message.content.endswith("Four")
