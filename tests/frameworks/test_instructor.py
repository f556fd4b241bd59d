"""instructor's ways to ask for a shape, by each of its clients, of every vendor."""

import anthropic
import instructor
import openai
import pytest
from google import genai

from conftest import KEY
from sample import TRIP, Trip, clients

ASK = [{"role": "user", "content": "A trip"}]


def openai_on(weir):
    return openai.OpenAI(base_url=f"{weir.url}/v1", api_key=KEY, max_retries=0)


def openai_tools(weir, model):
    return instructor.from_openai(openai_on(weir), mode=instructor.Mode.TOOLS), model


def openai_json_schema(weir, model):
    return instructor.from_openai(openai_on(weir), mode=instructor.Mode.JSON_SCHEMA), model


def responses_tools(weir, model):
    return instructor.from_openai(openai_on(weir), mode=instructor.Mode.RESPONSES_TOOLS), model


def anthropic_tools(weir, model):
    client = anthropic.Anthropic(base_url=weir.url, api_key=KEY, max_retries=0)
    return instructor.from_anthropic(client, mode=instructor.Mode.ANTHROPIC_TOOLS), model


def genai_tools(weir, model):
    client = genai.Client(api_key=KEY, http_options={"base_url": weir.url})
    return instructor.from_genai(client, mode=instructor.Mode.GENAI_TOOLS), model


client = clients(openai_tools, openai_json_schema, responses_tools, anthropic_tools, genai_tools)


def behaviour(client):
    """What the vendor should do, by the way of asking."""
    asking, _ = client("echo")
    return "json" if asking.mode == instructor.Mode.JSON_SCHEMA else "tools"


def test_a_shape(client):
    asking, model = client(behaviour(client))
    extra = {"max_tokens": 1000} if isinstance(asking.client, anthropic.Anthropic) else {}
    trip = asking.create(model=model, response_model=Trip, messages=ASK, max_retries=0, **extra)
    assert (trip.city, trip.days) == (TRIP.city, TRIP.days)
