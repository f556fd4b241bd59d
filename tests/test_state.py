"""What vendors want back with the next turn, through the SDKs of others. The fake vendors verify their
proofs of reasoning as the real ones do, so that a tool loop goes on only where they came back."""

import anthropic
import pytest

import test_chat
import test_messages
import test_responses
from conftest import anthropic_on, openai_on

CONFIG = """
server: { listen: "{listen}", admin_listen: "{admin}", workers: 2 }
store: { database: "sqlite:{folder}/weir.db" }
providers:
  anthropic: { api_key: sk-upstream, base_url: MIMIC }
  google: { kind: gemini-compatible, api_key: sk-upstream, base_url: MIMIC/v1beta }
  responses: { kind: custom, speaks: { openai_responses: MIMIC/v1 }, api_key: sk-upstream }
keys:
  - { name: tests, value: KEY }
  - { name: other, value: sk-weir-for-the-tests-0003 }
models:
  roams: { targets: [ { target: anthropic/thinking+calls=1 } ], fallbacks: [google/thinking+calls=1] }
"""

VENDORS = ["anthropic", "google", "responses"]
#: The field in which each vendor gets its proof back.
PROOFS = {"anthropic": "signature", "google": "thoughtSignature", "responses": "encrypted_content"}
SKIP = "skip_thought_signature_validator"


def proofs(sent):
    """Every proof of reasoning in what a vendor was sent."""
    if isinstance(sent, list):
        return [proof for item in sent for proof in proofs(item)]
    if not isinstance(sent, dict):
        return []
    own = [sent[key] for key in PROOFS.values() if isinstance(sent.get(key), str) and sent[key] != SKIP]
    return own + [proof for value in sent.values() for proof in proofs(value)]


@pytest.fixture
def serving(gateway):
    return gateway(CONFIG)


def called(client, stream, model, messages):
    """The turn that calls a tool, as a client keeps it that knows OpenAI's own reference alone."""
    arguments = {"model": model, "messages": messages, "tools": [test_chat.WEATHER], "reasoning_effort": "low"}
    if stream:
        answer, _ = test_chat.streamed(client, **arguments)
    else:
        answer = client.chat.completions.create(**arguments)
    calls = answer.choices[0].message.tool_calls
    for call in calls:
        assert len(call.id) <= 40 and call.id.replace("-", "").replace("_", "").isalnum()
    plain = [call.model_dump(include={"id": True, "type": True, "function": {"name", "arguments"}}) for call in calls]
    results = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in calls]
    return [{"role": "assistant", "content": None, "tool_calls": plain}, *results]


def go_on(client, model, messages):
    answer = client.chat.completions.with_raw_response.create(
        model=model, messages=messages, tools=[test_chat.WEATHER], reasoning_effort="low"
    )
    assert answer.parse().choices[0].message.content == "sunny"
    return answer.headers


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize("vendor", VENDORS)
def test_openai_clients_need_not_know(serving, mimic, vendor, calls, stream):
    model = f"{vendor}/thinking+calls={calls}"
    with openai_on(serving) as client:
        messages = test_chat.ask("Weather?")
        messages += called(client, stream, model, messages)
        headers = go_on(client, model, messages)
    assert "x-weir-losses" not in headers
    assert proofs(mimic.sent()), mimic.sent()


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_is_kept_outlives_the_process(serving, mimic, vendor):
    model = f"{vendor}/thinking+calls=1"
    with openai_on(serving) as client:
        messages = test_chat.ask("Weather?")
        messages += called(client, True, model, messages)
    assert serving.stop() == 0
    serving.restart()
    with openai_on(serving) as client:
        assert "x-weir-losses" not in go_on(client, model, messages)
    assert proofs(mimic.sent())


def test_a_conversation_stays_where_its_state_is(serving, mimic):
    with openai_on(serving) as client:
        messages = test_chat.ask("Weather?")
        messages += called(client, False, "google/thinking+calls=1", messages)
        headers = go_on(client, "roams", messages)
        assert headers["x-weir-target"] == "google/thinking+calls=1"
        assert proofs(mimic.sent())
        headers = go_on(client, "responses/thinking+calls=1", messages)
    assert "only google takes it back" in headers["x-weir-losses"]
    assert not proofs(mimic.sent())


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("vendor", ["anthropic", "google"])
def test_responses_clients_may_send_reasoning_back_or_not(serving, mimic, vendor, stream, keeps):
    arguments = {"model": f"{vendor}/thinking+calls=1", "tools": [test_responses.WEATHER], "store": False}
    arguments["reasoning"] = {"effort": "low"}
    with openai_on(serving) as client:
        said = [{"role": "user", "content": "Weather?"}]
        first = test_responses.send(client.responses, stream, input=said, **arguments)
        items = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in first.output]
        assert [item["type"] for item in items] == ["reasoning", "function_call"]
        assert items[0]["encrypted_content"].startswith("weir1sig")
        call = items[-1]["call_id"]
        said += items if keeps else items[1:]
        said += [{"type": "function_call_output", "call_id": call, "output": "sunny"}]
        answer = client.responses.with_raw_response.create(input=said, **arguments)
    assert answer.parse().output_text == "sunny"
    assert "input" not in answer.headers.get("x-weir-losses", "") and proofs(mimic.sent())


def claude_loop(claude, model, stream=False):
    arguments = {"model": model, "max_tokens": 4096, "tools": [test_messages.WEATHER]}
    arguments["thinking"] = {"type": "enabled", "budget_tokens": 2048}
    messages = [{"role": "user", "content": "Weather?"}]
    first = test_messages.send(claude, stream, messages=messages, **arguments)
    assert [block.type for block in first.content] == ["thinking", "tool_use"]
    result = {"type": "tool_result", "tool_use_id": first.content[-1].id, "content": "sunny"}
    content = [block.model_dump(exclude_none=True) for block in first.content]
    messages += [{"role": "assistant", "content": content}, {"role": "user", "content": [result]}]
    return arguments | {"messages": messages}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("vendor", ["google", "responses"])
def test_anthropic_clients_carry_sealed_proofs(serving, mimic, vendor, stream):
    with anthropic_on(serving) as claude:
        loop = claude_loop(claude, f"{vendor}/thinking+calls=1", stream)
        thinking = loop["messages"][1]["content"][0]
        assert thinking["signature"].startswith("weir1sig")
        assert test_messages.text_of(test_messages.send(claude, stream, **loop)) == "sunny"
        assert proofs(mimic.sent())

        thinking["signature"] = thinking["signature"][:-8] + "AAAAAAAA"
        with pytest.raises(anthropic.BadRequestError, match=r"messages\[1\]\.content\[0\]\.signature"):
            claude.messages.create(**loop)


def test_sealed_proofs_are_for_one_key(serving, mimic):
    with anthropic_on(serving) as claude:
        loop = claude_loop(claude, "google/thinking+calls=1")
    with anthropic_on(serving, key="sk-weir-for-the-tests-0003") as other:
        answer = other.messages.with_raw_response.create(**loop)
    assert "it was given to another key" in answer.headers["x-weir-losses"]
    assert not proofs(mimic.sent())


def test_sealed_proofs_do_not_reach_the_vendor_of_the_client(serving, mimic):
    with anthropic_on(serving) as claude:
        loop = claude_loop(claude, "google/thinking+calls=1") | {"model": "anthropic/thinking"}
        answer = claude.messages.with_raw_response.create(**loop)
    assert test_messages.text_of(answer.parse()) == "sunny"
    assert "messages[1].content[0]" in answer.headers["x-weir-losses"]
    assert "weir1" not in str(mimic.sent()["messages"][1]["content"][0])
