"""Reasoning and its signatures across turns. The fake vendor refuses thinking that was changed, and a
tool loop whose thinking is missing, so these turns succeed only when every byte came back."""

import pytest

import test_chat
import test_messages

THINKS = {"type": "enabled", "budget_tokens": 2048}
QUESTION = "Why is the sky blue?"


def claude_turn(claude, stream, messages, **arguments):
    return test_messages.send(claude, stream, max_tokens=4096, messages=messages, thinking=THINKS, **arguments)


@pytest.mark.parametrize("redact", ["", "+redact"])
@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_client_and_vendor(claude, mimic, stream, redact):
    arguments = {"model": f"anthropic/thinking{redact}+calls=1", "tools": [test_messages.WEATHER]}
    messages = [{"role": "user", "content": QUESTION}]
    first = claude_turn(claude, stream, messages, **arguments)
    kinds = [block.type for block in first.content]
    assert kinds == ["thinking", *(["redacted_thinking"] if redact else []), "tool_use"]
    assert QUESTION in first.content[0].thinking and len(first.content[0].signature) == 44
    result = {"type": "tool_result", "tool_use_id": first.content[-1].id, "content": "scattering"}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = claude_turn(claude, stream, messages, **arguments)
    assert test_messages.text_of(second) == "scattering"
    assert mimic.sent()["messages"][1]["content"][0]["signature"] == first.content[0].signature


@pytest.mark.parametrize("stream", [False, True])
def test_openai_client_sees_reasoning(chat, upstream, stream):
    arguments = {"model": f"{upstream}/thinking", "messages": test_chat.ask(QUESTION), "reasoning_effort": "low"}
    if stream:
        chunks = list(chat.chat.completions.create(stream=True, stream_options={"include_usage": True}, **arguments))
        deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
        reasoning = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
        text = "".join(delta.content or "" for delta in deltas)
        usage = chunks[-1].usage
    else:
        answer = chat.chat.completions.create(**arguments)
        message = answer.choices[0].message
        reasoning, text, usage = message.reasoning_content, message.content, answer.usage
    assert QUESTION in reasoning and text == QUESTION
    if upstream == "openai":
        assert usage.completion_tokens_details.reasoning_tokens > 5


@pytest.mark.parametrize("redact", ["", "+redact"])
@pytest.mark.parametrize("stream", [False, True])
def test_openai_client_carries_anthropic_signatures(chat, mimic, stream, redact):
    """A client that sends the SDK's own message back keeps thinking alive through a tool loop."""
    arguments = {
        "model": f"anthropic/thinking{redact}+calls=1",
        "tools": [test_chat.WEATHER],
        "reasoning_effort": "low",
    }
    messages = test_chat.ask(QUESTION)
    if stream:
        first, _ = test_chat.streamed(chat, messages=messages, **arguments)
    else:
        first = chat.chat.completions.create(messages=messages, **arguments)
    message = first.choices[0].message
    reply = message.model_dump(exclude_none=True, exclude={"parsed"})
    kinds = [detail["type"] for detail in reply["reasoning_details"]]
    assert kinds == ["reasoning.text", *(["reasoning.encrypted"] if redact else [])]
    [call] = message.tool_calls
    messages += [reply, {"role": "tool", "tool_call_id": call.id, "content": "scattering"}]
    second = chat.chat.completions.create(messages=messages, **arguments)
    assert second.choices[0].message.content == "scattering"
    sent = mimic.sent()
    assert sent["thinking"]["type"] == "enabled"
    block = sent["messages"][1]["content"][0]
    assert QUESTION in block["thinking"]
    assert len(block["signature"]) == 44
    assert reply["reasoning_details"][0]["signature"].startswith("weir1sig")


@pytest.mark.parametrize("effort", [{}, {"reasoning_effort": "low"}])
def test_openai_client_that_drops_what_it_does_not_know(chat, mimic, effort):
    """Only OpenAI's standard fields come back, and the thinking that Weir kept with them."""
    arguments = {"model": "anthropic/thinking+calls=1", "tools": [test_chat.WEATHER]} | effort
    messages = test_chat.ask(QUESTION)
    call = chat.chat.completions.create(messages=messages, **arguments).choices[0].message.tool_calls[0]
    function = {"name": call.function.name, "arguments": call.function.arguments}
    messages += [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": call.id, "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": call.id, "content": "scattering"},
    ]
    raw = chat.chat.completions.with_raw_response.create(messages=messages, **arguments)
    assert raw.parse().choices[0].message.content == "scattering"
    if effort:
        assert "x-weir-losses" not in raw.headers
        assert mimic.sent()["thinking"]["type"] == "enabled"
        assert QUESTION in mimic.sent()["messages"][1]["content"][0]["thinking"]


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_client_and_openai_vendor(claude, mimic, stream):
    """OpenAI's reasoning has no signature; it is shown, and never makes a later turn fail."""
    arguments = {"model": "openai/thinking+calls=1", "tools": [test_messages.WEATHER]}
    messages = [{"role": "user", "content": QUESTION}]
    first = claude_turn(claude, stream, messages, **arguments)
    assert [block.type for block in first.content] == ["thinking", "tool_use"]
    assert QUESTION in first.content[0].thinking
    assert mimic.sent()["reasoning_effort"] in ("minimal", "low", "medium")
    result = {"type": "tool_result", "tool_use_id": first.content[-1].id, "content": "scattering"}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = claude_turn(claude, stream, messages, **arguments)
    assert test_messages.text_of(second) == "scattering"


def test_a_conversation_that_changes_the_vendor(claude, chat):
    """Thinking that Anthropic signed goes to the other vendor without trouble, and back, still signed. What the
    other vendor thought never reaches Anthropic."""
    messages = [{"role": "user", "content": QUESTION}]
    for model in ("anthropic/thinking", "openai/thinking", "anthropic/thinking", "openai/echo", "anthropic/thinking"):
        message = claude_turn(claude, False, messages, model=model)
        messages += [
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": f"And then, {model}?"},
        ]
    history = test_chat.ask(QUESTION)
    for model in ("openai/thinking", "anthropic/thinking", "anthropic/thinking", "anthropic/thinking"):
        answer = chat.chat.completions.create(model=model, messages=history, reasoning_effort="low")
        reply = answer.choices[0].message.model_dump(exclude_none=True)
        history += [reply, {"role": "user", "content": f"And then, {model}?"}]


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_loop_that_changes_the_vendor(claude, mimic, stream):
    arguments = {"tools": [test_messages.WEATHER]}
    messages = [{"role": "user", "content": QUESTION}]
    first = claude_turn(claude, stream, messages, model="openai/thinking+calls=1", **arguments)
    result = {"type": "tool_result", "tool_use_id": first.content[-1].id, "content": "scattering"}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = claude_turn(claude, stream, messages, model="anthropic/thinking", **arguments)
    assert test_messages.text_of(second) == "scattering"
    sent = mimic.sent()
    assert [block["type"] for block in sent["messages"][1]["content"]] == ["tool_use"]
    assert sent["thinking"] == {"type": "disabled"}


def test_adaptive_thinking(claude, mimic):
    """Newer models think as they see fit; an effort is carried to both vendors."""
    arguments = {"max_tokens": 4096, "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}
    claude.messages.create(model="openai/gpt-5", messages=[{"role": "user", "content": QUESTION}], **arguments)
    assert mimic.sent()["reasoning_effort"] == "low"


def test_effort_for_models_that_think_adaptively(chat, mimic):
    chat.chat.completions.create(
        model="anthropic/claude-opus-4-7", messages=test_chat.ask(QUESTION), reasoning_effort="high"
    )
    sent = mimic.sent()
    assert sent["thinking"] == {"type": "adaptive"} and sent["output_config"] == {"effort": "high"}
