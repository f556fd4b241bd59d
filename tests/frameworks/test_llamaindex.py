"""LlamaIndex's LLM classes through the gateway, each with every vendor."""

import pytest
from llama_index.core.llms import ChatMessage, LLMMetadata
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.llms.anthropic import Anthropic
from llama_index.llms.google_genai import GoogleGenAI
from llama_index.llms.openai_like import OpenAILike

from conftest import KEY
from sample import TRIP, VENDORS, Trip, clients


def chat_completions(weir, model):
    return OpenAILike(
        model=model,
        api_base=f"{weir.url}/v1",
        api_key=KEY,
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
    )


class AnyAnthropic(Anthropic):
    """Without the class's own list of model names."""

    @property
    def metadata(self):
        return LLMMetadata(context_window=100_000, num_output=1000, is_chat_model=True, is_function_calling_model=True)


def messages(weir, model):
    return AnyAnthropic(model=model, base_url=weir.url, api_key=KEY, max_retries=0)


def generate_content(weir, model):
    options = {"max_tokens": 1000, "context_window": 100_000, "max_retries": 0}
    return GoogleGenAI(model=model, api_key=KEY, http_options={"base_url": weir.url}, **options)


client = clients(chat_completions, messages, generate_content)


def weather(city: str, days: int) -> str:
    """The weather of a city for some days."""
    return f"{days} dry days in {city}"


WEATHER = FunctionTool.from_defaults(weather)


def test_chat(client):
    answer = client("echo").chat([ChatMessage(role="system", content="Be brief."), ChatMessage(content="Hello, Weir")])
    assert answer.message.content == "Hello, Weir"


def test_stream(client):
    deltas = [chunk.delta or "" for chunk in client("unicode").stream_chat([ChatMessage(content="Hello")])]
    text = "".join(deltas)
    assert sum(map(bool, deltas)) > 3
    assert "line\u2028sep para\u2029sep" in text and text.endswith("שלום 𐍈 end")


@pytest.mark.parametrize("behaviour", ["tools", "tools+calls=3"])
def test_tools(client, behaviour):
    done = client(behaviour).predict_and_call([WEATHER], "Weather?", allow_parallel_tool_calls=True)
    assert "1 dry days in sample" in done.response


def test_tool_loop(client):
    llm, asked = client("tools"), [ChatMessage(content="Weather?")]
    answer = llm.chat_with_tools([WEATHER], chat_history=asked)
    [call] = llm.get_tool_calls_from_response(answer)
    assert call.tool_kwargs == {"city": "sample", "days": 1}
    result = ChatMessage(role="tool", content="12 degrees", additional_kwargs={"tool_call_id": call.tool_id, "name": "weather"})
    assert "12 degrees" in llm.chat_with_tools([WEATHER], chat_history=[*asked, answer.message, result]).message.content


@pytest.mark.parametrize("make", [chat_completions, generate_content], ids=lambda make: make.__name__)
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_shape(weir, make, vendor):
    """Not by the Anthropic class, which writes a `tool_choice` that its vendor refuses."""
    behaviour = "json" if make is generate_content else "tools"
    assert make(weir, f"{vendor}/{behaviour}").structured_predict(Trip, PromptTemplate("A trip")) == TRIP


def test_refusal(client):
    with pytest.raises(Exception, match="429"):
        client("fail+status=429").chat([ChatMessage(content="Hello")])


def test_broken_stream(client):
    with pytest.raises(Exception):
        list(client("lorem+cut+at=8").stream_chat([ChatMessage(content="Hello")]))
