"""google-genai before every upstream: Google's own dialect, OpenAI's and Anthropic's."""

import pytest
from google import genai
from google.genai import errors, types

from conftest import KEY

#: Thoughts are shown, and signed, where the upstream signs them.
THINK = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)


def genai_on(weir, key=KEY):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=weir.url, timeout=30_000))


@pytest.fixture
def gemini(weir):
    with genai_on(weir) as client:
        yield client


@pytest.fixture(params=["google", "openai", "anthropic"])
def vendor(request):
    return request.param


def clock(zone: str) -> str:
    """Tells the time.

    Args:
        zone: Where.
    """
    return f"noon in {zone}"


def test_whole(gemini, vendor):
    answer = gemini.models.generate_content(
        model=f"{vendor}/echo",
        contents="one two three four",
        config=types.GenerateContentConfig(
            system_instruction="Be brief.", temperature=0.5, max_output_tokens=3, stop_sequences=["never"]
        ),
    )
    assert answer.text == "one two three"
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert answer.model_version == f"{vendor}/echo" and answer.response_id
    usage = answer.usage_metadata
    assert usage.candidates_token_count == 3 and usage.total_token_count == usage.prompt_token_count + 3


def test_streamed(gemini, vendor):
    chunks = list(gemini.models.generate_content_stream(model=f"{vendor}/unicode", contents="Hi"))
    whole = gemini.models.generate_content(model=f"{vendor}/unicode", contents="Hi")
    assert "".join(chunk.text or "" for chunk in chunks) == whole.text and "\u2028" in whole.text
    assert len(chunks) > 3 and chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count == whole.usage_metadata.candidates_token_count


@pytest.mark.parametrize("stream", [False, True])
def test_conversation(gemini, vendor, stream):
    chat = gemini.chats.create(model=f"{vendor}/thinking", config=types.GenerateContentConfig(thinking_config=THINK))
    for said in ("one two", "three"):
        if stream:
            parts = [p for c in chat.send_message_stream(said) for p in c.candidates[0].content.parts or []]
        else:
            parts = chat.send_message(said).candidates[0].content.parts
        assert "".join(p.text for p in parts if p.text and not p.thought) == said
        assert "I consider" in "".join(p.text for p in parts if p.thought and p.text)


@pytest.mark.parametrize("behaviour", ["tools", "thinking+calls=2"])
def test_tools_are_run(gemini, vendor, behaviour):
    """The SDK runs the function and sends its result, with whatever was signed."""
    answer = gemini.models.generate_content(
        model=f"{vendor}/{behaviour}",
        contents="What time is it?",
        config=types.GenerateContentConfig(tools=[clock], thinking_config=THINK),
    )
    assert answer.text.startswith("noon in ") or '"noon in ' in answer.text
    assert len(answer.automatic_function_calling_history) >= 3


def test_tools_streamed(gemini, vendor):
    tool = types.FunctionDeclaration(
        name="look", parameters_json_schema={"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}
    )
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[tool])],
        tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY")),
    )
    chunks = list(gemini.models.generate_content_stream(model=f"{vendor}/echo", contents="Look", config=config))
    calls = [call for chunk in chunks for call in chunk.function_calls or []]
    assert [(call.name, list(call.args)) for call in calls] == [("look", ["at"])]


def test_structured_output(gemini, vendor):
    answer = gemini.models.generate_content(
        model=f"{vendor}/json",
        contents="A recipe",
        config=types.GenerateContentConfig(
            response_mime_type="application/json",
            response_schema={"type": "OBJECT", "properties": {"name": {"type": "STRING"}}, "required": ["name"]},
        ),
    )
    assert isinstance(answer.text, str) and (vendor == "anthropic" or "name" in answer.parsed)


def test_pictures(gemini, vendor):
    png = bytes.fromhex("89504e470d0a1a0a")
    parts = [types.Part.from_bytes(data=png, mime_type="image/png"), "What is it?"]
    assert gemini.models.generate_content(model=f"{vendor}/echo", contents=parts).text == "What is it?"


@pytest.mark.parametrize(
    ("status", "word"), [(400, "INVALID_ARGUMENT"), (404, "NOT_FOUND"), (429, "RESOURCE_EXHAUSTED"), (503, "UNAVAILABLE")]
)
def test_errors(gemini, vendor, status, word):
    with pytest.raises(errors.APIError) as failed:
        gemini.models.generate_content(model=f"{vendor}/fail+status={status}", contents="Hi")
    assert (failed.value.code, failed.value.status) == (status, word)
    with pytest.raises(errors.APIError) as failed:
        list(gemini.models.generate_content_stream(model=f"{vendor}/fail+status={status}", contents="Hi"))
    assert failed.value.code == status


def test_a_cut_stream_is_an_error(gemini, vendor):
    with pytest.raises(errors.APIError):
        list(gemini.models.generate_content_stream(model=f"{vendor}/lorem+cut+at=8", contents="Hi"))


def test_a_wrong_key(weir):
    with genai_on(weir, "sk-weir-nobody") as client, pytest.raises(errors.ClientError) as refused:
        client.models.generate_content(model="google/echo", contents="Hi")
    assert (refused.value.code, refused.value.status) == (401, "UNAUTHENTICATED")


def test_tokens_are_counted(gemini, vendor):
    assert gemini.models.count_tokens(model=f"{vendor}/echo", contents="one two three").total_tokens >= 3


def test_models_are_listed(gemini):
    names = [model.name for model in gemini.models.list()]
    assert "models/friend" in names and len(names) == len(set(names))
    assert gemini.models.get(model="friend").name == "models/friend"


def test_other_clients_reach_google(chat, claude):
    said = [{"role": "user", "content": "one two three"}]
    answer = chat.chat.completions.create(model="google/echo", messages=said)
    assert answer.choices[0].message.content == "one two three"
    message = claude.messages.create(model="google/echo", max_tokens=99, messages=said)
    assert message.content[0].text == "one two three" and message.stop_reason == "end_turn"
    with claude.messages.stream(model="google/thinking", max_tokens=4096, messages=said) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content][:2] == ["thinking", "text"]
