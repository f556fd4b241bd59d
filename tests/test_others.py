"""Operations beside chat: embeddings, legacy completions, lists of models."""

import anthropic
import openai
import pytest

from conftest import NARROW_KEY, anthropic_on, openai_on


def test_embeddings_as_the_sdk_asks(chat, mimic):
    """openai-python asks for base64 and unpacks it."""
    answer = chat.embeddings.create(model="openai/embed", input=["one", "two"], dimensions=8)
    assert mimic.sent()["encoding_format"] == "base64"
    assert answer.model == "openai/embed"
    assert [len(entry.embedding) for entry in answer.data] == [8, 8]
    for entry in answer.data:
        assert sum(x * x for x in entry.embedding) == pytest.approx(1, abs=1e-5)
    assert answer.usage.prompt_tokens == 2


def test_embeddings_as_floats(chat):
    packed = chat.embeddings.create(model="openai/embed", input="one").data[0].embedding
    plain = chat.embeddings.create(model="openai/embed", input="one", encoding_format="float").data[0].embedding
    assert packed == pytest.approx(plain, abs=1e-6) and len(plain) == 256


def test_embeddings_of_a_vendor_without(chat, mimic):
    with pytest.raises(openai.BadRequestError) as refusal:
        chat.embeddings.create(model="anthropic/embed", input="one")
    assert refusal.value.param == "model" and mimic.requests() == []


@pytest.mark.parametrize("stream", [False, True])
def test_legacy_completions(chat, stream):
    arguments = {"model": "openai/echo", "prompt": "Once upon a time", "max_tokens": 3}
    if stream:
        chunks = list(chat.completions.create(stream=True, stream_options={"include_usage": True}, **arguments))
        text = "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
        assert {chunk.model for chunk in chunks} == {"openai/echo"}
        usage = chunks[-1].usage
    else:
        answer = chat.completions.create(**arguments)
        text, usage = answer.choices[0].text, answer.usage
        assert (answer.object, answer.model) == ("text_completion", "openai/echo")
    assert text == "Once upon a" and usage.completion_tokens == 3


def test_legacy_completions_of_a_vendor_without(chat, mimic):
    with pytest.raises(openai.BadRequestError):
        chat.completions.create(model="anthropic/echo", prompt="Once")
    assert mimic.requests() == []


def test_models(chat):
    models = {model.id: model for model in chat.models.list()}
    assert models["friend"].owned_by == "weir" and models["openai/echo"].owned_by == "openai"
    assert {"claude", "openai/gpt-4.1-mini", "anthropic/claude-sonnet-4-5"} <= models.keys()


def test_models_that_the_key_may_use(weir):
    with openai_on(weir, NARROW_KEY) as client:
        assert sorted(model.id for model in client.models.list()) == [
            "friend",
            "openai/echo",
            "openai/echo+in=100+cached=40",
        ]
        assert client.models.retrieve("openai/echo").id == "openai/echo"
        with pytest.raises(openai.PermissionDeniedError) as refusal:
            client.models.retrieve("claude")
        assert refusal.value.code == "model_not_allowed"


def test_models_in_anthropics_shape(weir, claude):
    ids = [model.id for model in claude.models.list()]
    assert {"claude", "anthropic/claude-sonnet-4-5"} <= set(ids) and len(ids) == len(set(ids))
    model = claude.models.retrieve("anthropic/claude-sonnet-4-5")
    assert (model.type, model.id) == ("model", "anthropic/claude-sonnet-4-5")
    with anthropic_on(weir, NARROW_KEY) as client:
        assert "claude" not in [model.id for model in client.models.list()]
        with pytest.raises(anthropic.NotFoundError):
            client.models.retrieve("nothing")


def test_bare_names(chat, mimic):
    """A vendor's own name works where only one provider has it."""
    answer = chat.chat.completions.create(model="claude-sonnet-4-5", messages=[{"role": "user", "content": "Hi"}])
    assert answer.model == "claude-sonnet-4-5" and mimic.last()["path"] == "/v1/messages"
