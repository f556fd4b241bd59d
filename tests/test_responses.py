"""openai-python's Responses through the gateway: natively, and to vendors that speak only another dialect."""

import json

import openai
import pytest
from pydantic import BaseModel

from conftest import KEY, openai_on
from harness import fetch
from test_chat import PNG, UNICODE

CONFIG = """
server: { listen: "{listen}", admin_listen: "{admin}" }
store: { database: "sqlite:{folder}/weir.db" }
providers:
  native: { kind: custom, speaks: { openai_responses: MIMIC/v1 }, api_key: sk-upstream }
  chat: { kind: openai-compatible, base_url: MIMIC/v1, api_key: sk-upstream }
  anthropic: { kind: anthropic, base_url: MIMIC, api_key: sk-upstream, json_schema: true }
keys: [ { name: tests, value: KEY, project: tests } ]
"""

PATHS = {"native": "/v1/responses", "chat": "/v1/chat/completions", "anthropic": "/v1/messages"}


@pytest.fixture
def responses(gateway):
    with openai_on(gateway(CONFIG)) as client:
        yield client.responses


@pytest.fixture(params=PATHS)
def vendor(request):
    return request.param


def tool(name, **properties):
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"type": "function", "name": name, "description": "A tool.", "parameters": schema, "strict": True}


WEATHER = tool("get_weather", city={"type": "string"}, days={"type": "integer"})
NOW = tool("now")


def send(responses, stream, **arguments):
    """The response, accumulated by the SDK where it is streamed."""
    if not stream:
        return responses.create(**arguments)
    with responses.stream(**arguments) as events:
        return events.get_final_response()


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer(responses, mimic, vendor, stream):
    answer = send(responses, stream, model=f"{vendor}/echo", input=UNICODE, instructions="Echo.")
    assert (answer.object, answer.status, answer.model) == ("response", "completed", f"{vendor}/echo")
    assert answer.output_text == UNICODE and answer.error is None
    [message] = answer.output
    assert (message.type, message.role, message.status) == ("message", "assistant", "completed")
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0
    assert answer.id.startswith("resp_") and message.id.startswith("msg_")
    assert mimic.last()["path"] == PATHS[vendor]


def test_a_stream(responses, vendor):
    events = list(responses.create(model=f"{vendor}/lorem", input="Hello", stream=True))
    kinds = [event.type for event in events]
    deltas = kinds.count("response.output_text.delta")
    assert deltas > 5
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * deltas,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == events[-1].response.output_text == events[-4].text
    assert {event.item_id for event in events if hasattr(event, "item_id")} == {events[2].item.id}


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_loop(responses, vendor, stream):
    arguments = {"model": f"{vendor}/tools+calls=2", "tools": [WEATHER, NOW]}
    conversation = [{"role": "user", "content": "Both, please"}]
    first = send(responses, stream, input=conversation, **arguments)
    calls = [item for item in first.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["get_weather", "now"]
    assert json.loads(calls[0].arguments) == {"city": "sample", "days": 1}
    assert json.loads(calls[1].arguments) == {}
    conversation += first.output
    conversation += [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"result {n}"}
        for n, call in enumerate(calls)
    ]
    second = send(responses, stream, input=conversation, **arguments)
    assert second.output_text == "result 1"


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_across_turns(responses, mimic, vendor, stream):
    arguments = {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    arguments |= {"store": False}
    conversation = [{"role": "user", "content": "one"}]
    first = send(responses, stream, model=f"{vendor}/thinking", input=conversation, **arguments)
    [thought, message] = first.output
    assert (thought.type, message.type) == ("reasoning", "message")
    assert thought.summary[0].text.startswith("The user wants an answer.")
    # Only what the vendor has signed can be proved.
    assert bool(thought.encrypted_content) == (vendor != "chat")
    conversation += [*first.output, {"role": "user", "content": "two"}]
    second = send(responses, stream, model=f"{vendor}/echo", input=conversation, **arguments)
    assert second.output_text == "two"
    sent = json.dumps(mimic.sent())
    assert ("The user wants" in sent) == (vendor != "chat")


def test_a_picture_and_structured_output(responses, mimic, vendor):
    class Person(BaseModel):
        name: str
        age: int

    content = [
        {"type": "input_text", "text": "Who is it?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
    ]
    answer = responses.parse(
        model=f"{vendor}/json", input=[{"role": "user", "content": content}], text_format=Person
    )
    assert isinstance(answer.output_parsed, Person)
    assert PNG in json.dumps(mimic.sent())


def test_a_bound(responses, vendor):
    answer = responses.create(model=f"{vendor}/lorem", input="Hello", max_output_tokens=16)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert len(answer.output_text.split()) == 16


@pytest.mark.parametrize("stream", [False, True])
def test_failures(responses, vendor, stream):
    with pytest.raises(openai.RateLimitError) as failure:
        responses.create(model=f"{vendor}/fail+status=429", input="Hello", stream=stream)
    assert failure.value.status_code == 429 and failure.value.message


@pytest.mark.parametrize("fault", ["lorem+error", "lorem+cut", "reset"])
def test_a_broken_stream(responses, vendor, fault):
    """The error that ends a stream is raised, not handed out for an event among others."""
    text = ""
    with pytest.raises(openai.APIError) as failure:
        for event in responses.create(model=f"{vendor}/{fault}+at=8", input="Hello", stream=True):
            text += event.delta if event.type == "response.output_text.delta" else ""
    assert text.startswith("Lorem") and failure.value.message


def test_what_nobody_stored(responses, vendor):
    with pytest.raises(openai.BadRequestError) as failure:
        responses.create(model=f"{vendor}/echo", input="Hello", previous_response_id="resp_1")
    assert (failure.value.param, failure.value.code) == ("previous_response_id", "previous_response_not_found")
    with pytest.raises(openai.NotFoundError):
        responses.retrieve("resp_1")


def test_tokens_are_counted(responses, vendor):
    count = responses.input_tokens.count(model=f"{vendor}/echo", input="one two three")
    assert count.object == "response.input_tokens" and count.input_tokens >= 3


def test_losses_are_named(gateway, vendor):
    weir = gateway(CONFIG)
    body = {"model": f"{vendor}/echo", "input": "Hello", "tools": [{"type": "web_search"}]}
    url, headers = f"{weir.url}/v1/responses", {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    status, headers, _ = fetch(url, "POST", headers, json.dumps(body).encode())
    assert status == 200
    assert ("tools[0]" in headers.get("x-weir-losses", "")) == (vendor != "native")
