"""LangChain's four chat models through the gateway, each to every vendor."""

import pytest
from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_openai import ChatOpenAI

from conftest import KEY
from sample import PNG, TRIP, Trip, clients


def chat_completions(weir, model, **options):
    return ChatOpenAI(model=model, base_url=f"{weir.url}/v1", api_key=KEY, max_retries=0, **options)


def responses(weir, model, **options):
    return chat_completions(weir, model, use_responses_api=True, **options)


def messages(weir, model, **options):
    return ChatAnthropic(model=model, base_url=weir.url, api_key=KEY, max_retries=0, **options)


def generate_content(weir, model, **options):
    return ChatGoogleGenerativeAI(model=model, base_url=weir.url, api_key=KEY, max_retries=0, **options)


client = clients(chat_completions, responses, messages, generate_content)


@tool
def weather(city: str, days: int) -> str:
    """The weather of a city for some days."""
    return f"{days} dry days in {city}"


def test_invoke(client):
    answer = client("echo").invoke([("system", "Be brief."), ("human", "Hello, Weir")])
    assert answer.text == "Hello, Weir"
    assert answer.usage_metadata["input_tokens"] > 0 and answer.usage_metadata["output_tokens"] > 0


def test_stream(client):
    chunks = list(client("unicode").stream("Hello"))
    assert sum(bool(chunk.text) for chunk in chunks) > 3
    text = "".join(chunk.text for chunk in chunks)
    assert "line\u2028sep para\u2029sep" in text and text.endswith("שלום 𐍈 end")


def test_tool_calls(client):
    """A call, its result and the answer, with the framework's own messages."""
    model = client("tools").bind_tools([weather])
    asked = [HumanMessage("Weather?")]
    whole = model.invoke(asked)
    streamed = None
    for chunk in model.stream(asked):
        streamed = chunk if streamed is None else streamed + chunk
    for answer in (whole, streamed):
        [call] = answer.tool_calls
        assert (call["name"], call["args"]) == ("weather", {"city": "sample", "days": 1})
        result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
        assert "1 dry days in sample" in model.invoke([*asked, answer, result]).text


@pytest.mark.parametrize("behaviour", ["tools", "tools+calls=3", "thinking+calls=2"])
def test_agent(client, behaviour):
    agent = create_agent(client(behaviour), [weather])
    conversation = agent.invoke({"messages": [HumanMessage("Weather?")]})["messages"]
    calls = [call for message in conversation if isinstance(message, AIMessage) for call in message.tool_calls]
    assert {call["name"] for call in calls} == {"weather"}
    assert "1 dry days in sample" in conversation[-1].text


def test_structured_output(client):
    assert client("json").with_structured_output(Trip, method="json_schema").invoke("A trip") == TRIP


def test_structured_output_by_tool(client):
    assert client("tools").with_structured_output(Trip, method="function_calling").invoke("A trip") == TRIP


def test_picture(client, mimic):
    picture = {"type": "image", "base64": PNG, "mime_type": "image/png"}
    message = HumanMessage([{"type": "text", "text": "What is it?"}, picture])
    assert client("echo").invoke([message]).text == "What is it?"
    # google-genai writes the alphabet for URLs, which Google takes.
    assert PNG in mimic.last()["body"].translate({ord("-"): "+", ord("_"): "/"})


def test_refusal(client):
    with pytest.raises(Exception, match="429"):
        client("fail+status=429").invoke("Hello")


def test_broken_stream(client):
    """What was cut never ends like a whole answer."""
    with pytest.raises(Exception):
        list(client("lorem+cut+at=8").stream("Hello"))
