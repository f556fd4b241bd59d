"""openai-python on what the Responses API stores, over WebSockets, and in Realtime; with vendors of every kind."""

import openai
import pytest

from conftest import KEY, NARROW_KEY, openai_on

CONFIG = """
server: { listen: "{listen}", admin_listen: "{admin}", workers: 2 }
store: { database: "sqlite:{folder}/weir.db" }
providers:
  native: { kind: openai, base_url: MIMIC/v1, api_key: sk-upstream }
  other: { kind: openai, base_url: MIMIC/v1, api_key: sk-other }
  chat: { kind: openai-compatible, base_url: MIMIC/v1, api_key: sk-upstream }
  anthropic: { kind: anthropic, base_url: MIMIC, api_key: sk-upstream }
models:
  talk: { targets: [ { target: native/gpt-realtime } ] }
keys: [ { name: tests, value: KEY, project: tests }, { name: narrow, value: NARROW } ]
"""

VENDORS = ["native", "chat", "anthropic"]

BEFORE = [{"role": "user", "content": "zero"}, {"role": "assistant", "content": "Zero."}]

#: The SDK connects as this version of `websockets` would rather not be connected with.
sdk_connects = pytest.mark.filterwarnings("ignore:connect\\(\\) must be used:DeprecationWarning")


@pytest.fixture
def client(gateway):
    with openai_on(gateway(CONFIG.replace("NARROW", NARROW_KEY))) as client:
        yield client


@pytest.fixture(params=VENDORS)
def vendor(request):
    return request.param


def final(responses, stream, **arguments):
    if not stream:
        return responses.create(**arguments)
    with responses.stream(**arguments) as events:
        return events.get_final_response()


@pytest.mark.parametrize("stream", [False, True])
def test_a_chain(client, mimic, vendor, stream):
    model = f"{vendor}/echo"
    first = final(client.responses, stream, model=model, input="one", instructions="Once.", store=True)
    second = final(client.responses, stream, model=model, input="two", previous_response_id=first.id)
    third = final(client.responses, stream, model=model, input="three", previous_response_id=second.id)
    assert [first.output_text, second.output_text, third.output_text] == ["one", "two", "three"]
    assert len({first.id, second.id, third.id}) == 3
    sent = mimic.sent()
    if vendor == "native":
        assert sent["previous_response_id"] == second.id
    else:
        assert third.previous_response_id == second.id
        assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant"] * 2 + ["user"]
        assert "Once." not in str(sent)
    assert client.responses.retrieve(second.id).output_text == "two"
    items = list(client.responses.input_items.list(second.id, order="asc", limit=1))
    assert items[-1].content[0].text == "two" and items[-1].id
    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(second.id)
    client.responses.delete(second.id)
    for gone in (client.responses.retrieve, client.responses.delete, client.responses.cancel):
        with pytest.raises(openai.NotFoundError):
            gone(second.id)


def test_pages(client):
    said = [{"role": "user", "content": f"say {n}"} for n in range(45)]
    made = client.responses.create(model="chat/echo", input=said)
    items = list(client.responses.input_items.list(made.id))
    assert [item.content[0].text for item in items] == [f"say {n}" for n in reversed(range(45))]


def test_what_is_another_keys(client, vendor):
    made = client.responses.create(model=f"{vendor}/echo", input=f"mine at {vendor}")
    stranger = client.with_options(api_key=NARROW_KEY)
    for ask in (stranger.responses.retrieve, stranger.responses.delete, stranger.responses.input_items.list):
        with pytest.raises(openai.NotFoundError):
            ask(made.id)
    with pytest.raises(openai.BadRequestError) as refused:
        stranger.responses.create(model="chat/echo", input="x", previous_response_id=made.id)
    assert refused.value.code == "previous_response_not_found"
    assert client.responses.retrieve(made.id).id == made.id


def test_tools_of_a_stored_turn(client, vendor):
    tool = {"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}, "strict": False}
    asked = client.responses.create(model=f"{vendor}/tools", input="What time?", tools=[tool])
    [call] = [item for item in asked.output if item.type == "function_call"]
    told = [{"type": "function_call_output", "call_id": call.call_id, "output": "noon"}]
    answer = client.responses.create(
        model=f"{vendor}/tools", input=told, tools=[tool], previous_response_id=asked.id
    )
    assert answer.output_text == "noon"


def test_background(client, vendor):
    if vendor != "native":
        with pytest.raises(openai.BadRequestError) as refused:
            client.responses.create(model=f"{vendor}/echo", input="later", background=True)
        assert refused.value.param == "background"
        return
    made = client.responses.create(model="native/echo", input="later", background=True)
    assert made.status == "queued"
    seen = [client.responses.retrieve(made.id).status for _ in range(2)]
    assert seen == ["in_progress", "completed"]
    events = list(client.responses.retrieve(made.id, stream=True, starting_after=0))
    assert [event.type for event in events] == ["response.in_progress", "response.completed"]
    stopped = client.responses.create(model="native/echo", input="stop", background=True)
    assert client.responses.cancel(stopped.id).status == "cancelled"


def test_conversations(client, mimic, vendor):
    conversation = client.conversations.create(items=BEFORE, metadata={"a": "b"})
    for word in ["one", "two"]:
        answer = client.responses.create(model=f"{vendor}/echo", input=word, conversation=conversation.id)
        assert answer.output_text == word
    items = list(client.conversations.items.list(conversation.id, order="asc"))
    assert [item.content[0].text for item in items] == ["zero", "Zero.", "one", "one", "two", "two"]
    assert client.conversations.retrieve(conversation.id).metadata == {"a": "b"}
    client.conversations.update(conversation.id, metadata={"c": "d"})
    added = client.conversations.items.create(conversation.id, items=[{"role": "user", "content": "more"}])
    got = client.conversations.items.retrieve(added.data[0].id, conversation_id=conversation.id)
    assert got.content[0].text == "more"
    client.conversations.items.delete(got.id, conversation_id=conversation.id)
    assert client.conversations.delete(conversation.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.conversations.retrieve(conversation.id)


def test_compaction(client):
    compacted = client.responses.compact(model="native/echo", input=[{"role": "user", "content": "long"}])
    assert compacted.output[-1].type == "compaction" and compacted.usage.total_tokens == 10


@pytest.mark.parametrize("stream", [False, True])
def test_custom_tools(client, mimic, vendor, stream):
    tools = [
        {"type": "custom", "name": "patch", "description": "Edits."},
        {"type": "namespace", "name": "crm", "description": "Customers.", "tools": [
            {"type": "custom", "name": "note", "description": "Notes."}]},
    ]
    if vendor == "native":
        final(client.responses, stream, model="native/echo", input="x", tools=tools)
        assert mimic.sent()["tools"] == tools
        return
    answer = final(client.responses, stream, model=f"{vendor}/tools+calls=2", input="x", tools=tools)
    patch, note = [item for item in answer.output if item.type == "custom_tool_call"]
    assert (patch.name, patch.namespace, patch.input) == ("patch", None, "sample")
    assert (note.name, note.namespace) == ("note", "crm")
    outputs = [
        {"type": "custom_tool_call_output", "call_id": call.call_id, "output": f"did {call.name}"}
        for call in (patch, note)
    ]
    done = final(
        client.responses, stream, model=f"{vendor}/tools+calls=2", input=outputs, tools=tools,
        previous_response_id=answer.id,
    )
    assert done.output_text == "did note"
    assert [tool.type for tool in done.tools] == ["custom", "namespace"]


@sdk_connects
def test_over_a_websocket(client, mimic, vendor):
    model, previous = f"{vendor}/echo", None
    with client.responses.connect() as connection:
        for word in ["one", "two", "three"]:
            more = {"previous_response_id": previous} if previous else {}
            connection.response.create(model=model, input=word, store=False, **more)
            text = ""
            for event in connection:
                text += event.delta if event.type == "response.output_text.delta" else ""
                if event.type == "response.completed":
                    break
            assert text == event.response.output_text == word
            previous = event.response.id
        sent = mimic.sent()
        assert len(sent.get("input") or sent["messages"]) == 5
        connection.response.create(model="nobody/knows", input="x")
        refused = connection.recv()
        assert (refused.type, refused.error.code) == ("error", "model_not_found")


@sdk_connects
def test_realtime(client):
    with client.realtime.connect(model="talk") as connection:
        assert connection.recv().type == "session.created"
        connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        assert connection.recv().type == "session.updated"
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello there"}]}
        connection.conversation.item.create(item=item)
        connection.response.create()
        text = ""
        for event in connection:
            text += event.delta if event.type == "response.output_text.delta" else ""
            if event.type == "response.done":
                break
        assert text == "hello there" and event.response.usage.input_tokens == 10
    secret = client.realtime.client_secrets.create(session={"type": "realtime", "model": "talk"})
    assert secret.value == "ek_mimic"
