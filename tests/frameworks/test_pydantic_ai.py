"""pydantic-ai's agents through the gateway, by each of its four clients, with every vendor."""

import anthropic
import pytest
from pydantic_ai import Agent, BinaryContent, NativeOutput, ToolOutput
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider

from conftest import KEY
from sample import TRIP, Trip, clients


def chat_completions(weir, model):
    return OpenAIChatModel(model, provider=OpenAIProvider(base_url=f"{weir.url}/v1", api_key=KEY))


def responses(weir, model):
    return OpenAIResponsesModel(model, provider=OpenAIProvider(base_url=f"{weir.url}/v1", api_key=KEY))


def messages(weir, model):
    client = anthropic.AsyncAnthropic(base_url=weir.url, api_key=KEY, max_retries=0)
    # What pydantic-ai knows by the name of a Claude.
    able = ModelProfile(supports_json_schema_output=True)
    return AnthropicModel(model, provider=AnthropicProvider(anthropic_client=client), profile=able)


def generate_content(weir, model):
    return GoogleModel(model, provider=GoogleProvider(base_url=weir.url, api_key=KEY))


client = clients(chat_completions, responses, messages, generate_content)


def weather(city: str, days: int) -> str:
    """The weather of a city for some days."""
    return f"{days} dry days in {city}"


def test_run(client):
    done = Agent(client("echo"), instructions="Be brief.").run_sync("Hello, Weir")
    assert done.output == "Hello, Weir"
    assert done.usage.input_tokens > 0 and done.usage.output_tokens > 0


def test_conversation(client):
    agent = Agent(client("echo"), instructions="Be brief.")
    first = agent.run_sync("One")
    assert agent.run_sync("Two", message_history=first.all_messages()).output == "Two"


@pytest.mark.parametrize("behaviour", ["tools", "tools+calls=3", "thinking+calls=2"])
def test_tools(client, behaviour):
    done = Agent(client(behaviour), tools=[weather]).run_sync("Weather?")
    assert "1 dry days in sample" in done.output


def test_streamed_tools(client):
    done = Agent(client("tools"), tools=[weather]).run_stream_sync("Weather?")
    text = "".join(done.stream_text(delta=True, debounce_by=None))
    assert "1 dry days in sample" in text
    assert done.usage.output_tokens > 0


def test_output_by_schema(client):
    assert Agent(client("json"), output_type=NativeOutput(Trip)).run_sync("A trip").output == TRIP


def test_output_by_tool(client):
    assert Agent(client("tools"), output_type=ToolOutput(Trip)).run_sync("A trip").output == TRIP


def test_document(client, mimic):
    text = BinaryContent(b"%PDF-1.4 small", media_type="application/pdf")
    assert Agent(client("echo")).run_sync(["Read it.", text]).output == "Read it."
    assert "JVBERi0xLjQgc21hbGw" in mimic.last()["body"]


def test_refusal(client):
    with pytest.raises(ModelHTTPError) as failed:
        Agent(client("fail+status=401")).run_sync("Hello")
    assert failed.value.status_code >= 500, "a vendor's 401 is not the caller's"


def test_broken_stream(client):
    with pytest.raises(Exception):
        list(Agent(client("lorem+cut+at=8")).run_stream_sync("Hello").stream_text(delta=True, debounce_by=None))
