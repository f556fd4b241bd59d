"""What the ledger and the metrics say of a call is what the SDK saw."""

import json

import anthropic
import openai
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import test_chat
import test_messages
from harness import fetch, until


def id_of(raw):
    return raw.headers["x-weir-request-id"]


def test_headers(chat, upstream):
    raw = chat.chat.completions.with_raw_response.create(model=f"{upstream}/echo", messages=test_chat.ask())
    assert raw.headers["x-weir-target"] == f"{upstream}/echo"
    assert raw.headers["x-weir-attempts"] == "1"
    assert len(raw.headers["x-weir-config"]) == 8
    assert float(raw.headers["x-weir-cost-usd"]) > 0
    assert raw.headers["content-type"] == "application/json"
    assert "x-weir-losses" not in raw.headers


def test_headers_of_streams(chat, upstream):
    raw = chat.chat.completions.with_raw_response.create(
        model=f"{upstream}/echo", messages=test_chat.ask(), stream=True
    )
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert raw.headers["x-weir-target"] == f"{upstream}/echo" and "x-weir-cost-usd" not in raw.headers
    assert "content-encoding" not in raw.headers
    assert list(raw.parse())


def summary_in(stream):
    """The summary in a stream's own bytes, which stands before its terminal event."""
    before, _, rest = stream.partition(b": weir-summary ")
    line, _, after = rest.partition(b"\n\n")
    assert (b"[DONE]" in after or b"event: message_stop" in after) and b"message_stop" not in before
    return json.loads(line)


ASKS = {"extra_headers": {"x-weir-summary": "1"}}


def test_summaries_and_openais_client(chat, weir, mimic, upstream):
    """The client passes over the comment that tells what the call cost."""
    arguments = {"model": f"{upstream}/echo", "messages": test_chat.ask(), "stream": True} | ASKS
    raw = chat.chat.completions.with_raw_response.create(**arguments)
    chunks = list(raw.parse())
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello, Weir"
    assert not any(chunk.usage for chunk in chunks) and "x-weir-summary" not in mimic.last()["headers"]
    with chat.chat.completions.with_streaming_response.create(**arguments) as raw:
        told = summary_in(raw.read())
    row = weir.row(id_of(raw))
    assert told == {
        "target": f"{upstream}/echo",
        "attempts": 1,
        "cost_usd": row["cost_nano_usd"] / 1e9,
        "input_tokens": row["input_tokens"],
        "output_tokens": row["output_tokens"],
        "usage_estimated": False,
        "losses": "",
    }


def test_summaries_and_anthropics_client(claude, weir, upstream):
    arguments = {"model": f"{upstream}/echo", "extra_body": {"top_k": 7}} | test_messages.ask() | ASKS
    with claude.messages.stream(**arguments) as events:
        assert events.get_final_text() == "Hello, Weir"
    with claude.messages.with_streaming_response.create(stream=True, **arguments) as raw:
        told = summary_in(raw.read())
    assert told["cost_usd"] == weir.row(id_of(raw))["cost_nano_usd"] / 1e9 > 0
    assert ("top_k" in told["losses"]) == (upstream == "openai")


def expected_nano(row):
    """1 and 2 USD for a million tokens, a tenth and five quarters for the cache."""
    plain = row["input_tokens"] - row["cache_read_tokens"] - row["cache_write_tokens"]
    return (
        plain * 1000 + row["cache_read_tokens"] * 100 + row["cache_write_tokens"] * 1250 + row["output_tokens"] * 2000
    )


@pytest.mark.parametrize("model", ["echo", "echo+in=100+cached=40"])
def test_rows_of_openais_client(chat, weir, upstream, model):
    raw = chat.chat.completions.with_raw_response.create(model=f"{upstream}/{model}", messages=test_chat.ask())
    usage, row = raw.parse().usage, weir.row(id_of(raw))
    assert (row["input_tokens"], row["output_tokens"]) == (usage.prompt_tokens, usage.completion_tokens)
    assert row["cache_read_tokens"] == (usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0)
    assert row["cost_nano_usd"] == expected_nano(row) > 0
    assert float(raw.headers["x-weir-cost-usd"]) * 1e9 == pytest.approx(row["cost_nano_usd"])
    assert (row["key_name"], row["project"], row["stream"], row["estimated"]) == ("tests", "tests", 0, 0)
    assert (row["model"], row["target"], row["upstream_model"]) == (f"{upstream}/{model}", f"{upstream}/{model}", model)
    assert (row["status"], row["outcome"], row["finish"], row["dialect"]) == (200, "ok", "stop", "openai_chat")
    assert row["settled_at_ns"] > row["opened_at_ns"] > 0 and row["total_us"] > 0


@pytest.mark.parametrize("asks_for_usage", [True, False])
def test_rows_of_openais_streams(chat, weir, upstream, asks_for_usage):
    options = {"stream_options": {"include_usage": True}} if asks_for_usage else {}
    raw = chat.chat.completions.with_raw_response.create(
        model=f"{upstream}/echo+in=100+cached=40", messages=test_chat.ask(), stream=True, **options
    )
    chunks = list(raw.parse())
    row = weir.row(id_of(raw))
    if asks_for_usage:
        usage = chunks[-1].usage
        assert (row["input_tokens"], row["output_tokens"]) == (usage.prompt_tokens, usage.completion_tokens)
        assert row["cache_read_tokens"] == usage.prompt_tokens_details.cached_tokens
    assert (row["input_tokens"], row["cache_read_tokens"], row["output_tokens"]) == (100, 40, 2)
    assert row["cost_nano_usd"] == expected_nano(row)
    assert (row["stream"], row["estimated"], row["outcome"]) == (1, 0, "ok") and row["first_token_us"] > 0


@pytest.mark.parametrize("stream", [False, True])
def test_rows_of_anthropics_client(claude, weir, upstream, stream):
    arguments = {"model": f"{upstream}/echo+in=100+cached=40", **test_messages.ask()}
    if stream:
        with claude.messages.stream(**arguments) as events:
            usage = events.get_final_message().usage
            request_id = events.response.headers["x-weir-request-id"]
    else:
        raw = claude.messages.with_raw_response.create(**arguments)
        usage, request_id = raw.parse().usage, id_of(raw)
    row = weir.row(request_id)
    assert row["input_tokens"] == usage.input_tokens + usage.cache_read_input_tokens == 100
    assert (row["cache_read_tokens"], row["output_tokens"]) == (usage.cache_read_input_tokens, usage.output_tokens)
    assert row["cost_nano_usd"] == expected_nano(row)
    assert (row["stream"], row["dialect"]) == (int(stream), "anthropic_messages")


def test_reasoning_is_counted(chat, weir):
    raw = chat.chat.completions.with_raw_response.create(model="openai/thinking", messages=test_chat.ask())
    details, row = raw.parse().usage.completion_tokens_details, weir.row(id_of(raw))
    assert row["reasoning_tokens"] == details.reasoning_tokens > 0


def test_an_unknown_price_is_flagged_never_zero(chat, weir):
    raw = chat.chat.completions.with_raw_response.create(model="openai/unicode", messages=test_chat.ask())
    row = weir.row(id_of(raw))
    assert (row["cost_nano_usd"], row["priced"]) == (None, 0) and "x-weir-cost-usd" not in raw.headers


def test_a_price_of_the_catalog(chat, weir):
    raw = chat.chat.completions.with_raw_response.create(model="openai/gpt-4.1-mini", messages=test_chat.ask())
    row = weir.row(id_of(raw))
    assert row["cost_nano_usd"] == row["input_tokens"] * 400 + row["output_tokens"] * 1600


def test_embeddings_and_completions_are_counted(chat, weir):
    raw = chat.embeddings.with_raw_response.create(model="openai/text-embedding-3-small", input="one two three")
    row = weir.row(id_of(raw))
    assert (row["operation"], row["input_tokens"], row["output_tokens"]) == ("embeddings", 3, 0)
    assert row["cost_nano_usd"] == 60
    raw = chat.completions.with_raw_response.create(model="openai/echo", prompt="one two three")
    row = weir.row(id_of(raw))
    assert (row["operation"], row["input_tokens"], row["output_tokens"]) == ("text_completion", 3, 3)


def test_counting_tokens_costs_nothing(claude, weir):
    raw = claude.messages.with_raw_response.count_tokens(model="claude", messages=test_messages.ask()["messages"])
    row = weir.row(id_of(raw))
    assert (row["operation"], row["input_tokens"], row["cost_nano_usd"]) == ("count_tokens", 0, 0)


def test_failures_cost_nothing(chat, claude, weir, upstream):
    with pytest.raises(openai.RateLimitError) as failure:
        chat.chat.completions.create(model=f"{upstream}/fail+status=429", messages=test_chat.ask())
    row = weir.row(failure.value.response.headers["x-weir-request-id"])
    assert (row["outcome"], row["status"], row["error_kind"]) == ("failed", 429, "rate_limited")
    assert row["input_tokens"] == row["output_tokens"] == 0 and row["cost_nano_usd"] in (0, None)
    with pytest.raises(anthropic.InternalServerError) as failure:
        claude.messages.create(model="badclaude/echo", **test_messages.ask())
    row = weir.row(failure.value.response.headers["x-weir-request-id"])
    assert (row["outcome"], row["status"], row["error_kind"]) == ("failed", 502, "upstream_auth")


def test_refusals_of_ours_are_no_calls(chat, weir):
    before = len(weir.rows())
    with pytest.raises(openai.NotFoundError):
        chat.chat.completions.create(model="nothing", messages=test_chat.ask())
    raw = chat.chat.completions.with_raw_response.create(model="friend", messages=test_chat.ask())
    weir.row(id_of(raw))
    assert len(weir.rows()) == before + 1


@pytest.mark.parametrize("break_", ["lorem+error+at=9", "reset+at=9"])
def test_a_cut_answer_is_charged_by_what_came(chat, weir, upstream, break_):
    raw = chat.chat.completions.with_raw_response.create(
        model=f"{upstream}/{break_}", messages=test_chat.ask(), stream=True
    )
    text = ""
    with pytest.raises(openai.APIError):
        for chunk in raw.parse():
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
    row = weir.row(id_of(raw))
    assert (row["outcome"], row["estimated"]) == ("cut", 1)
    assert row["input_tokens"] > 0 and 0 < row["output_tokens"] <= len(text)


def test_a_cancelled_stream_is_charged_by_what_came(chat, weir, upstream):
    raw = chat.chat.completions.with_raw_response.create(
        model=f"{upstream}/lorem+gap_ms=20+chunks=5000", messages=test_chat.ask(), stream=True
    )
    stream = raw.parse()
    for _ in zip(range(10), stream, strict=False):
        pass
    stream.close()
    row = weir.row(id_of(raw))
    assert (row["outcome"], row["status"], row["estimated"]) == ("cancelled", 499, 1)
    assert 0 < row["output_tokens"] < 5000 and row["input_tokens"] > 0


def test_an_answer_without_usage_is_estimated(chat, weir, upstream):
    raw = chat.chat.completions.with_raw_response.create(
        model=f"{upstream}/lorem+no_usage", messages=test_chat.ask(), stream=True
    )
    assert list(raw.parse())
    row = weir.row(id_of(raw))
    assert (row["outcome"], row["estimated"]) == ("ok", 1) and row["output_tokens"] > 20


def test_metrics(chat, weir, upstream):
    def counted(name, **labels):
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = [line for line in weir.metrics().splitlines() if line.startswith(name + "{")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(label in line for label in wanted))

    model = f"{upstream}/echo+in=11"
    requests = {"gen_ai_request_model": model, "weir_target": model, "http_response_status_code": "200"}
    before = counted("weir_requests_total", **requests)
    tokens = {"gen_ai_request_model": model, "gen_ai_token_type": "input"}
    tokens_before = counted("gen_ai_client_token_usage_total", **tokens)
    chat.chat.completions.create(model=model, messages=test_chat.ask())
    assert counted("weir_requests_total", **requests) == before + 1
    assert counted("gen_ai_client_token_usage_total", **tokens) == tokens_before + 11
    with pytest.raises(openai.RateLimitError):
        chat.chat.completions.create(model=f"{upstream}/fail+status=429", messages=test_chat.ask())
    assert (
        counted(
            "weir_requests_total", gen_ai_request_model=f"{upstream}/fail+status=429", http_response_status_code="429"
        )
        >= 1
    )
    assert counted("weir_rejections_total", kind="rate_limited", source="upstream") >= 1
    assert weir.metrics().rstrip().endswith("# EOF")
    until(lambda: "\nweir_in_flight 0" in weir.metrics(), "nothing is in flight")


def test_the_exposition_parses(chat, weir, upstream):
    """A strict parser reads the metrics, histograms end in +Inf, and every family has samples."""
    list(chat.chat.completions.create(model=f"{upstream}/echo", messages=test_chat.ask(), stream=True))
    status, headers, _ = fetch(f"http://{weir.admin}/metrics")
    assert status == 200 and headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in text_string_to_metric_families(weir.metrics())}
    durations = families["gen_ai_server_request_duration_seconds"]
    assert (durations.type, durations.unit) == ("histogram", "seconds")
    for labels in {tuple(sorted(s.labels.items())) for s in durations.samples if s.name.endswith("_count")}:
        ours = [s for s in durations.samples if set(labels) <= set(s.labels.items())]
        counts = {s.value for s in ours if s.name.endswith("_count") or s.labels.get("le") == "+Inf"}
        assert len(counts) == 1 and len([s for s in ours if s.name.endswith("_bucket")]) == 19
    assert families["weir_requests"].type == "counter" and families["weir_in_flight"].type == "gauge"
    assert all(family.documentation for family in families.values())
    assert all(s.value >= 0 for family in families.values() for s in family.samples)
