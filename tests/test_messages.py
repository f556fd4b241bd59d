"""anthropic-python's Messages through the gateway, to a vendor of each dialect."""

import json

import anthropic
import pytest
from pydantic import BaseModel

from conftest import KEY
from harness import fetch
from test_chat import PNG, UNICODE


def ask(content="Hello, Weir"):
    return {"max_tokens": 1024, "messages": [{"role": "user", "content": content}]}


def tool(name, **properties):
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": "A tool.", "input_schema": schema}


WEATHER = tool("get_weather", city={"type": "string"}, days={"type": "integer"})
NOW = tool("now")


def send(claude, stream, **arguments):
    """The message, accumulated by the SDK where it is streamed."""
    if not stream:
        return claude.messages.create(**arguments)
    with claude.messages.stream(**arguments) as events:
        return events.get_final_message()


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer(claude, mimic, upstream, stream):
    message = send(claude, stream, model=f"{upstream}/echo", **ask())
    assert (message.type, message.role, message.model) == ("message", "assistant", f"{upstream}/echo")
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
    [block] = message.content
    assert (block.type, block.text) == ("text", "Hello, Weir")
    assert message.usage.input_tokens > 0 and message.usage.output_tokens == 2
    assert mimic.sent()["model"] == "echo"


def test_a_stream(claude, upstream):
    events = list(claude.messages.create(model=f"{upstream}/lorem", stream=True, **ask()))
    kinds = [event.type for event in events]
    deltas = kinds.count("content_block_delta")
    assert deltas > 5
    expected = ["message_start", "content_block_start", *["content_block_delta"] * deltas, "content_block_stop"]
    assert kinds == [*expected, "message_delta", "message_stop"]
    assert events[0].message.content == [] and events[0].message.model == f"{upstream}/lorem"
    assert events[-2].delta.stop_reason == "end_turn"
    assert events[-2].usage.output_tokens > 5


@pytest.mark.parametrize("stream", [False, True])
def test_unicode(claude, upstream, stream):
    message = send(claude, stream, model=f"{upstream}/unicode", **ask())
    assert 'naïve e\u0301 line\u2028sep para\u2029sep "quoted" back\\slash\ttab\nnewline' in text_of(message)
    message = send(claude, stream, model=f"{upstream}/echo", **ask(UNICODE + "\u2028."))
    assert text_of(message) == UNICODE + "\u2028."


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_loop(claude, upstream, stream):
    arguments = {"model": f"{upstream}/tools", "max_tokens": 1024, "tools": [WEATHER]}
    messages = [{"role": "user", "content": "Weather in Oslo?"}]
    first = send(claude, stream, messages=messages, **arguments)
    assert first.stop_reason == "tool_use"
    [use] = first.content
    assert (use.type, use.name, use.input) == ("tool_use", "get_weather", {"city": "sample", "days": 1})
    result = {"type": "tool_result", "tool_use_id": use.id, "content": [{"type": "text", "text": "12 degrees"}]}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = send(claude, stream, messages=messages, **arguments)
    assert (second.stop_reason, text_of(second)) == ("end_turn", "12 degrees")


@pytest.mark.parametrize("stream", [False, True])
def test_parallel_tool_calls(claude, upstream, stream):
    """Calls whose arguments an upstream interleaves are told one after the other."""
    model = f"{upstream}/tools+calls=3+preface" + ("+interleave" if upstream == "openai" else "")
    arguments = {"model": model, "max_tokens": 1024, "tools": [WEATHER, NOW]}
    messages = [{"role": "user", "content": "Both, please"}]
    first = send(claude, stream, messages=messages, **arguments)
    assert [block.type for block in first.content] == ["text", "tool_use", "tool_use", "tool_use"]
    uses = first.content[1:]
    weather = ("get_weather", {"city": "sample", "days": 1})
    assert [(use.name, use.input) for use in uses] == [weather, ("now", {}), weather]
    assert len({use.id for use in uses}) == 3
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": f"result {n}"} for n, use in enumerate(uses)]
    results[1] |= {"is_error": True}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = send(claude, stream, messages=messages, **arguments)
    assert text_of(second) == "result 2"


def test_tool_arguments_are_streamed(claude, upstream):
    with claude.messages.stream(model=f"{upstream}/tools", tools=[WEATHER], **ask()) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
    assert len(pieces) > 1
    assert json.loads("".join(pieces)) == {"city": "sample", "days": 1}


@pytest.mark.parametrize("stream", [False, True])
def test_empty_arguments(claude, upstream, stream):
    message = send(claude, stream, model=f"{upstream}/tools+empty", tools=[NOW], **ask())
    [use] = message.content
    assert use.input == {}


@pytest.mark.parametrize(
    ("choice", "translated"),
    [
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "now"}, {"type": "function", "function": {"name": "now"}}),
    ],
)
def test_tool_choice(claude, mimic, upstream, choice, translated):
    message = claude.messages.create(model=f"{upstream}/echo", tools=[WEATHER, NOW], tool_choice=choice, **ask())
    named = {"any": "get_weather", "tool": "now"}.get(choice["type"])
    assert [block.name for block in message.content if block.type == "tool_use"] == ([named] if named else [])
    assert mimic.sent()["tool_choice"] == (choice if upstream == "anthropic" else translated)


class Person(BaseModel):
    name: str
    age: int


@pytest.mark.parametrize("model", ["anthropic/json", "openai/json", "openai/gpt-4.1-mini"])
@pytest.mark.parametrize("stream", [False, True])
def test_structured_outputs(claude, mimic, model, stream):
    says = ask("Who?") if model.endswith("json") else ask('{"name":"sample","age":1}')
    if stream:
        with claude.messages.stream(model=model, output_format=Person, **says) as events:
            message = events.get_final_message()
    else:
        message = claude.messages.parse(model=model, output_format=Person, **says)
    assert message.parsed_output == Person(name="sample", age=1)
    sent = mimic.sent()
    if model.startswith("openai"):
        assert sent["response_format"]["type"] == "json_schema"
    else:
        assert sent["output_config"]["format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    "source",
    [
        {"type": "base64", "media_type": "image/png", "data": PNG},
        {"type": "url", "url": "https://example.com/cat.png"},
    ],
)
def test_images(claude, mimic, upstream, source):
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    message = claude.messages.create(model=f"{upstream}/echo", **ask(content))
    assert text_of(message) == "What is it?"
    [sent] = mimic.sent()["messages"]
    if upstream == "anthropic":
        assert sent["content"] == content
    else:
        url = source.get("url") or f"data:image/png;base64,{PNG}"
        assert sent["content"][0] == {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize("system", ["Be brief.", [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]])
def test_system(claude, mimic, upstream, system):
    message = claude.messages.create(model=f"{upstream}/echo", system=system, **ask("Hi"))
    assert text_of(message) == "Hi"
    sent = mimic.sent()
    if upstream == "anthropic":
        assert sent["system"] == system
    else:
        assert sent["messages"][0]["role"] in ("system", "developer")
        assert "brief." in json.dumps(sent["messages"][0]["content"])


@pytest.mark.parametrize("stream", [False, True])
def test_stop_sequences(claude, upstream, stream):
    message = send(claude, stream, model=f"{upstream}/echo", stop_sequences=["two", "three"], **ask("one two three"))
    assert text_of(message).strip() == "one"
    if upstream == "anthropic":
        assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "two")
    else:
        # OpenAI does not say which one it was, nor that it was one.
        assert message.stop_reason == "end_turn"


@pytest.mark.parametrize("stream", [False, True])
def test_token_limit(claude, upstream, stream):
    message = send(claude, stream, model=f"{upstream}/lorem", **(ask() | {"max_tokens": 3}))
    assert (message.stop_reason, text_of(message)) == ("max_tokens", "Lorem ipsum dolor")


def test_parameters_travel(claude, mimic, upstream):
    claude.messages.create(
        model=f"{upstream}/echo", metadata={"user_id": "ada"}, extra_body={"temperature": 0.5}, **ask()
    )
    sent = mimic.sent()
    assert sent["temperature"] == 0.5
    if upstream == "anthropic":
        assert sent["metadata"] == {"user_id": "ada"}
    else:
        assert "ada" in (sent.get("safety_identifier"), sent.get("user"))
        assert 1024 in (sent.get("max_completion_tokens"), sent.get("max_tokens"))


def test_what_the_vendor_does_not_have_is_named(claude):
    raw = claude.messages.with_raw_response
    answer = raw.create(model="openai/echo", extra_body={"top_k": 5}, **ask())
    assert "top_k" in answer.headers["x-weir-losses"]


CACHED = {"type": "ephemeral"}


def test_cache_marks(claude, mimic, upstream):
    """They reach the vendor that has them, and never trouble the one that has not."""
    content = [
        {"type": "text", "text": "Long document", "cache_control": CACHED | {"ttl": "1h"}},
        {"type": "text", "text": "Hi"},
    ]
    message = claude.messages.create(
        model=f"{upstream}/echo",
        system=[{"type": "text", "text": "Be brief.", "cache_control": CACHED}],
        tools=[NOW | {"cache_control": CACHED}],
        **ask(content),
    )
    assert text_of(message).endswith("Hi")
    sent = mimic.sent()
    if upstream == "anthropic":
        assert sent["messages"][0]["content"] == content
        assert sent["tools"][0]["cache_control"] == sent["system"][0]["cache_control"] == CACHED
    else:
        assert "cache_control" not in json.dumps(sent)


@pytest.mark.parametrize("stream", [False, True])
def test_cached_tokens(claude, upstream, stream):
    """Input tokens leave out what was cached, whatever the vendor's own way to count."""
    message = send(claude, stream, model=f"{upstream}/echo+in=100+cached=40", **ask())
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (60, 40)
    assert message.usage.output_tokens == 2


def test_tokens_written_to_the_cache(claude):
    usage = claude.messages.create(model="anthropic/echo+in=100+cached=40+cache_write=25", **ask()).usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (35, 40, 25)


def test_count_tokens(claude, mimic):
    arguments = {"system": "Be brief.", "tools": [NOW], "messages": ask("one two three")["messages"]}
    counted = claude.messages.count_tokens(model="claude", **arguments)
    assert mimic.last()["path"] == "/v1/messages/count_tokens"
    used = claude.messages.create(model="claude", max_tokens=10, **arguments).usage
    assert counted.input_tokens == used.input_tokens


def test_count_tokens_is_estimated_where_the_vendor_cannot(claude, mimic):
    raw = claude.messages.with_raw_response
    short = raw.count_tokens(model="openai/echo", messages=ask("one two three")["messages"])
    long = raw.count_tokens(model="openai/echo", messages=ask("one two three " * 100)["messages"])
    assert short.headers["x-weir-estimated"] == "true"
    assert 0 < short.parse().input_tokens < long.parse().input_tokens < 1400
    assert mimic.requests() == []


def test_betas_and_versions_travel(claude, mimic):
    claude.beta.messages.create(
        model="anthropic/echo",
        betas=["context-management-2025-06-27"],
        context_management={"edits": []},
        extra_headers={"anthropic-version": "2026-10-21"},
        extra_query={"beta": "true", "key": "never-forwarded"},
        **ask(),
    )
    request = mimic.last()
    assert request["headers"]["anthropic-version"] == "2026-10-21"
    assert request["headers"]["anthropic-beta"] == "context-management-2025-06-27"
    assert request["json"]["context_management"] == {"edits": []}
    assert request["path"] == "/v1/messages?beta=true"


def test_betas_trouble_no_other_vendor(claude, mimic):
    message = claude.beta.messages.create(
        model="openai/echo", betas=["context-management-2025-06-27"], context_management={"edits": []}, **ask()
    )
    assert text_of(message) == "Hello, Weir"
    assert not [name for name in mimic.last()["headers"] if name.startswith("anthropic")]


def test_the_same_dialect_is_carried_byte_for_byte(weir, mimic):
    body = b'{ "max_tokens" :9, "messages" : [{"role":"user","content":[{"text":"hi \\u00e9 \xc3\xa9","type":"text"}]}],\n "model":"%s"}'
    headers = {"x-api-key": KEY, "content-type": "application/json", "anthropic-version": "2023-06-01"}
    status, _, _ = fetch(f"{weir.url}/v1/messages", "POST", headers, body % b"claude")
    assert status == 200
    request = mimic.last()
    assert request["body"].encode() == body % b"echo"
    assert request["headers"]["x-api-key"] == "sk-anthropic-upstream"
    assert "authorization" not in request["headers"]


@pytest.mark.parametrize(
    "knobs", ["+gzip", "+chunked", "+split=3", "+crlf", "+bom", "+comments", "+segments", "+no_blank"]
)
@pytest.mark.parametrize("stream", [False, True])
def test_odd_but_whole_answers(claude, upstream, stream, knobs):
    if knobs == "+bom" and upstream == "anthropic":
        knobs = "+split=7"  # The SDK itself takes no byte order mark, and what is native is not edited.
    message = send(claude, stream, model=f"{upstream}/lorem{knobs}", **ask())
    assert text_of(message).startswith("Lorem ipsum") and text_of(message).endswith("commodo consequat.")
    assert message.stop_reason == "end_turn"


def test_documents(claude, mimic):
    source = {"type": "text", "media_type": "text/plain", "data": "The sky is blue."}
    content = [{"type": "document", "source": source}, {"type": "text", "text": "Colour?"}]
    message = claude.messages.create(model="openai/echo", **ask(content))
    assert "Colour?" in text_of(message)
    assert "The sky is blue." in json.dumps(mimic.sent()) or "document" in mimic.last()["headers"]


def test_an_invalid_request_says_so_in_the_clients_words(claude, upstream):
    with pytest.raises(anthropic.BadRequestError) as refusal:
        claude.messages.create(model=f"{upstream}/echo", max_tokens=10, messages=[{"role": "user"}])
    assert refusal.value.type == "invalid_request_error"
    assert "content" in refusal.value.api_message
