"""cohere's ClientV2 before every upstream: Cohere's own dialect and all others; and others before Cohere's."""

import asyncio
import contextlib
import json

import cohere
import httpx
import pytest
from cohere.core.api_error import ApiError
from google import genai
from google.genai import types

from conftest import KEY
from harness import fetch

#: A function with a schema.
CLOCK = {
    "type": "function",
    "function": {
        "name": "clock",
        "description": "Tells the time.",
        "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]},
    },
}
SHAPE = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": False}
BIRDS = [
    {"id": "birds", "data": {"title": "Birds", "text": "Penguins swim."}},
    {"data": {"snippet": "Emperor penguins are the tallest.", "year": 2020}},
]


@contextlib.contextmanager
def cohere_on(weir, key=KEY, **options):
    options = {"timeout": 30, "max_retries": 0} | options
    with httpx.Client(timeout=30) as connections:
        yield cohere.ClientV2(api_key=key, base_url=weir.url, httpx_client=connections, **options)


@pytest.fixture
def co(weir):
    with cohere_on(weir) as client:
        yield client


@pytest.fixture(params=["cohere", "openai", "responses", "anthropic", "google"])
def vendor(request):
    return request.param


def ask(text):
    return [{"role": "user", "content": text}]


def text_of(answer):
    return "".join(part.text for part in answer.message.content or [] if part.type == "text")


def gathered(events):
    """The message that a stream told, as users gather it, and its last event."""
    said = {"text": "", "thinking": "", "plan": "", "calls": [], "citations": []}
    events = list(events)
    assert events[0].type == "message-start" and events[0].id and events[0].delta.message.role == "assistant"
    assert [event.type for event in events].count("message-end") == 1 and events[-1].type == "message-end"
    for event in events:
        message = event.delta.message if event.type != "message-end" and getattr(event, "delta", None) else None
        if event.type == "content-delta":
            said["text"] += message.content.text or ""
            said["thinking"] += message.content.thinking or ""
        elif event.type == "tool-plan-delta":
            said["plan"] += message.tool_plan
        elif event.type == "tool-call-start":
            assert event.index == len(said["calls"])
            said["calls"].append(message.tool_calls)
        elif event.type == "tool-call-delta":
            said["calls"][event.index].function.arguments += message.tool_calls.function.arguments
        elif event.type == "citation-start":
            said["citations"].append(message.citations)
    return said, events[-1].delta


def test_whole(co, vendor):
    answer = co.chat(
        model=f"{vendor}/echo",
        messages=[{"role": "system", "content": "Be brief."}, *ask("one two three four")],
        max_tokens=3,
        temperature=0.5,
        p=0.9,
        seed=7,
    )
    # OpenAI's Responses takes no bound below 16, so it is raised.
    text, finish = ("one two three four", "COMPLETE") if vendor == "responses" else ("one two three", "MAX_TOKENS")
    assert text_of(answer) == text and answer.id
    assert answer.finish_reason == finish and answer.message.role == "assistant"
    assert answer.usage.billed_units.output_tokens == len(text.split()) and answer.usage.tokens.input_tokens >= 4


def test_streamed(co, vendor):
    said, end = gathered(co.chat_stream(model=f"{vendor}/unicode", messages=ask("Hi")))
    whole = co.chat(model=f"{vendor}/unicode", messages=ask("Hi"))
    assert said["text"] == text_of(whole) and "\u2028" in said["text"]
    assert end.finish_reason == whole.finish_reason == "COMPLETE"
    assert end.usage.billed_units.output_tokens == whole.usage.billed_units.output_tokens > 3


def test_it_really_streams(co, vendor):
    """The first words come although the last never do."""
    events = co.chat_stream(model=f"{vendor}/stall+at=8", messages=ask("Hi"))
    with contextlib.closing(events):
        assert next(event for event in events if event.type == "content-delta").delta.message.content.text


def test_stop_sequences(co, vendor):
    answer = co.chat(model=f"{vendor}/echo", messages=ask("one two three"), stop_sequences=["two"])
    # OpenAI's Responses knows no stop texts, which is a named loss.
    assert text_of(answer).strip() == ("one two three" if vendor == "responses" else "one")
    assert answer.finish_reason in ("STOP_SEQUENCE", "COMPLETE")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("behaviour", ["tools", "tools+calls=2", "thinking+calls=1", "tools+preface"])
def test_tools(co, vendor, behaviour, stream):
    """A whole loop, in which the answer goes back as it came."""
    messages, model = ask("What time is it?"), f"{vendor}/{behaviour}"
    if stream:
        said, end = gathered(co.chat_stream(model=model, messages=messages, tools=[CLOCK]))
        plan = said["plan"] or said["text"]
        message = {"role": "assistant", "tool_calls": said["calls"]} | ({"tool_plan": plan} if plan else {})
        calls, finish = said["calls"], end.finish_reason
    else:
        answer = co.chat(model=model, messages=messages, tools=[CLOCK])
        message, calls, finish = answer.message, answer.message.tool_calls, answer.finish_reason
    assert finish == "TOOL_CALL" and len(calls) == (2 if "calls=2" in behaviour else 1)
    messages.append(message)
    for call in calls:
        assert call.type == "function" and call.function.name == "clock"
        assert list(json.loads(call.function.arguments)) == ["zone"]
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "noon"})
    done = co.chat(model=model, messages=messages, tools=[CLOCK])
    assert text_of(done) == "noon" and done.finish_reason == "COMPLETE"


@pytest.mark.parametrize("choice", ["REQUIRED", "NONE"])
def test_tool_choice(co, vendor, choice):
    base = "echo" if choice == "REQUIRED" else "tools"
    answer = co.chat(model=f"{vendor}/{base}", messages=ask("Hi"), tools=[CLOCK], tool_choice=choice)
    assert bool(answer.message.tool_calls) == (choice == "REQUIRED")


def test_strict_tools(co, vendor, mimic):
    tool = json.loads(json.dumps(CLOCK))
    tool["function"]["parameters"]["additionalProperties"] = False
    co.chat(model=f"{vendor}/tools", messages=ask("Hi"), tools=[tool], strict_tools=True)
    sent = mimic.requests()[-1]["body"]
    assert "strict" in sent or vendor in ("google", "anthropic"), sent


def test_structured_output(co, vendor):
    shape = {"type": "json_object", "json_schema": SHAPE}
    answer = co.chat(model=f"{vendor}/json", messages=ask("Generate a JSON with a name"), response_format=shape)
    assert vendor == "anthropic" or isinstance(json.loads(text_of(answer))["name"], str)
    answer = co.chat(model=f"{vendor}/json", messages=ask("Generate a JSON"), response_format={"type": "json_object"})
    assert isinstance(json.loads(text_of(answer)), dict)


def test_pictures(co, vendor):
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
    ]
    answer = co.chat(model=f"{vendor}/echo", messages=[{"role": "user", "content": parts}])
    assert text_of(answer) == "What is it?"


@pytest.mark.parametrize("stream", [False, True])
def test_documents(co, vendor, mimic, stream):
    options = {"model": f"{vendor}/echo", "messages": ask("Where do they live?"), "documents": [*BIRDS, "Penguins do not fly."]}
    if stream:
        said, _ = gathered(co.chat_stream(**options))
        text, citations = said["text"], said["citations"]
    else:
        answer = co.chat(**options)
        text, citations = text_of(answer), answer.message.citations
    sent = mimic.requests()[-1]["body"]
    for document in ("Penguins swim.", "Emperor penguins are the tallest.", "Penguins do not fly."):
        assert document in sent, sent
    if vendor == "cohere":
        assert text == "Where do they live?"
        assert [c.sources[0].id for c in citations] == ["birds", "doc:1", "doc:2"]
        assert citations[0].sources[0].document["title"] == "Birds" and citations[0].text == text
    else:
        assert text.endswith("Where do they live?")


@pytest.mark.parametrize("stream", [False, True])
def test_thinking(co, vendor, stream):
    options = {
        "model": f"{vendor}/thinking",
        "messages": ask("one two"),
        "thinking": {"type": "enabled", "token_budget": 2048},
        "max_tokens": 4096,
    }
    if stream:
        said, _ = gathered(co.chat_stream(**options))
        thought, text = said["thinking"], said["text"]
    else:
        parts = co.chat(**options).message.content
        assert [part.type for part in parts] == ["thinking", "text"]
        thought, text = parts[0].thinking, parts[1].text
    assert "I consider" in thought and text == "one two"


def test_a_conversation_with_what_was_thought(co, vendor):
    messages = []
    for said in ("one two", "three"):
        messages += ask(said)
        answer = co.chat(model=f"{vendor}/thinking", messages=messages)
        assert text_of(answer) == said
        messages.append(answer.message)


#: What a vendor's status becomes for the SDK.
ERRORS = {
    400: (cohere.BadRequestError, 400),
    401: (ApiError, 502),
    404: (cohere.NotFoundError, 404),
    422: (cohere.UnprocessableEntityError, 422),
    429: (cohere.TooManyRequestsError, 429),
    500: (cohere.InternalServerError, 500),
    503: (cohere.ServiceUnavailableError, 503),
    504: (cohere.GatewayTimeoutError, 504),
}


@pytest.mark.parametrize("status", ERRORS)
@pytest.mark.parametrize("stream", [False, True])
def test_errors(co, vendor, mimic, status, stream):
    kind, expected = ERRORS[status]
    options = {"model": f"{vendor}/fail+status={status}+retry_after=7", "messages": ask("Hi")}
    with pytest.raises(kind) as failed:
        list(co.chat_stream(**options)) if stream else co.chat(**options)
    error = failed.value
    if vendor != "cohere" or status == 401:
        assert error.status_code == expected
    assert error.body["message"] and error.body["id"]
    assert error.headers["x-weir-request-id"]
    if status == 429:
        assert error.headers["retry-after"] == "7"
    assert len(mimic.requests()) == 1


def test_the_sdk_tries_again(weir, mimic):
    with cohere_on(weir, max_retries=1) as client, pytest.raises(cohere.TooManyRequestsError):
        client.chat(model="cohere/fail+status=429+retry_after=1", messages=ask("Hi"))
    assert len(mimic.requests()) == 2


def test_a_refusal_of_our_own(co, weir, mimic):
    with pytest.raises(cohere.BadRequestError) as refused:
        co.chat(model="openai/echo", messages=ask("Hi"), temperature=2)
    assert "`temperature`" in refused.value.body["message"]
    with pytest.raises(cohere.NotFoundError):
        co.chat(model="nobody-has-this", messages=ask("Hi"))
    with cohere_on(weir, "sk-weir-nobody") as client, pytest.raises(cohere.UnauthorizedError) as unknown:
        client.chat(model="openai/echo", messages=ask("Hi"))
    assert "API key" in unknown.value.body["message"]
    status, _, body = fetch(f"{weir.url}/v2/nothing", "POST", {"authorization": f"Bearer {KEY}"}, b"{}")
    assert status == 404 and set(json.loads(body)) == {"id", "message"}
    assert mimic.requests() == []


def test_a_broken_stream_is_an_error(co, vendor):
    """It ends in the vendor's own word for it, whatever was said before."""
    for fault in ("cut+at=8", "error+at=8"):
        said, end = gathered(co.chat_stream(model=f"{vendor}/lorem+{fault}", messages=ask("Hi")))
        assert end.finish_reason == "ERROR" and end.error, fault
        assert said["text"]


def test_models_are_listed(co):
    names = [model.name for model in co.models.list().models]
    assert "friend" in names and len(names) == len(set(names))
    assert co.models.get(model="friend").name == "friend"


def test_losses_are_named(weir):
    body = {"model": "openai/echo", "messages": ask("Hi"), "safety_mode": "STRICT", "k": 5, "priority": 3}
    answer = httpx.post(f"{weir.url}/v2/chat", json=body, headers={"authorization": f"Bearer {KEY}"}, trust_env=False)
    losses = answer.headers["x-weir-losses"]
    assert answer.status_code == 200 and all(name in losses for name in ("safety_mode", "top_k", "priority"))


def test_async(weir, vendor):
    async def both():
        async with httpx.AsyncClient(timeout=30) as connections:
            client = cohere.AsyncClientV2(api_key=KEY, base_url=weir.url, httpx_client=connections)
            whole = await client.chat(model=f"{vendor}/echo", messages=ask("one two"))
            streamed = [event async for event in client.chat_stream(model=f"{vendor}/echo", messages=ask("one two"))]
        return text_of(whole), gathered(streamed)[0]["text"]

    assert asyncio.run(both()) == ("one two", "one two")


def test_other_clients_reach_cohere(chat, claude, weir):
    said = ask("one two three")
    answer = chat.chat.completions.create(model="cohere/echo", messages=said)
    assert answer.choices[0].message.content == "one two three" and answer.choices[0].finish_reason == "stop"
    chunks = list(chat.chat.completions.create(model="cohere/thinking", messages=said, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "one two three"
    response = chat.responses.create(model="cohere/echo", input="one two three", temperature=0.2)
    assert response.output_text == "one two three" and response.usage.output_tokens == 3
    message = claude.messages.create(model="cohere/echo", max_tokens=99, messages=said)
    assert message.content[0].text == "one two three" and message.stop_reason == "end_turn"
    with claude.messages.stream(model="cohere/thinking", max_tokens=4096, messages=said) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"]
    options = types.HttpOptions(base_url=weir.url, timeout=30_000)
    with genai.Client(api_key=KEY, http_options=options) as gemini:
        assert gemini.models.generate_content(model="cohere/echo", contents="one two three").text == "one two three"
        chunks = gemini.models.generate_content_stream(model="cohere/echo", contents="one two three")
        assert "".join(chunk.text or "" for chunk in chunks) == "one two three"


def test_other_clients_tools_at_cohere(chat, claude):
    """Also under a name that Cohere does not take."""
    tool = {"name": "mcp__a-b__clock", "input_schema": CLOCK["function"]["parameters"]}
    messages = ask("What time is it?")
    message = claude.messages.create(model="cohere/tools", max_tokens=99, messages=messages, tools=[tool])
    call = message.content[-1]
    assert (message.stop_reason, call.type, call.name, list(call.input)) == ("tool_use", "tool_use", tool["name"], ["zone"])
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "noon"}
    messages += [{"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
    done = claude.messages.create(model="cohere/tools", max_tokens=99, messages=messages, tools=[tool])
    assert done.content[0].text == "noon"
    forced = {"type": "function", "function": {"name": "clock"}}
    answer = chat.chat.completions.create(
        model="cohere/echo", messages=ask("Hi"), tools=[CLOCK], tool_choice=forced, parallel_tool_calls=False
    )
    assert [call.function.name for call in answer.choices[0].message.tool_calls] == ["clock"]


def test_other_clients_citations_from_cohere(claude, mimic):
    """Documents of another dialect are Cohere's, and what it cites is answered without them being lost on the way in."""
    document = {"type": "document", "title": "Birds", "source": {"type": "text", "media_type": "text/plain", "data": "Penguins swim."}}
    content = [document, {"type": "text", "text": "Do they?"}]
    message = claude.messages.create(model="cohere/echo", max_tokens=99, messages=[{"role": "user", "content": content}])
    assert message.content[0].text == "Do they?"
    assert mimic.requests()[-1]["json"]["documents"] == [{"data": {"title": "Birds", "text": "Penguins swim."}}]
