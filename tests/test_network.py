"""The way to the vendors, many calls at once, and what is written down of it all."""

import asyncio
import http.client
import json
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import anthropic
import openai
import pytest

import test_chat
import test_messages
from conftest import KEY, anthropic_on, openai_on
from harness import Mimic, until

CONFIG = """
server: { listen: "{listen}", admin_listen: "{admin}", workers: 2 }
store: { database: "sqlite:{folder}/weir.db" }
log: { format: json, level: debug }
network: { NETWORK }
providers:
  openai: { api_key: sk-upstream-secret, base_url: URL/v1 }
  anthropic: { api_key: sk-upstream-secret, base_url: URL }
  nowhere: { kind: openai-compatible, base_url: "http://no-such-host.invalid/v1" }
keys:
  - { name: tests, value: KEY }
"""


def config(url, network=""):
    return CONFIG.replace("NETWORK", network).replace("URL", url)


def ask_both(weir, text="Hello, Weir"):
    for model in ("openai/echo", "anthropic/echo"):
        with openai_on(weir) as client:
            assert (
                client.chat.completions.create(model=model, messages=test_chat.ask(text)).choices[0].message.content
                == text
            )
        with anthropic_on(weir) as client:
            assert (
                test_messages.text_of(test_messages.send(client, True, model=model, **test_messages.ask(text))) == text
            )


@pytest.mark.parametrize("options", [[], ["--h2"], ["--h2", "--max-streams", "4"]])
def test_tls(gateway, tmp_path, options):
    vendors = Mimic(tmp_path, "--tls", *options)
    try:
        until(lambda: "END CERTIFICATE" in vendors.stdout, "the authority's certificate")
        authority = tmp_path / "authority.pem"
        authority.write_text(vendors.stdout.split("\n", 1)[1])
        trusting = gateway(config(vendors.url, f'ca_file: "{authority}"'))
        ask_both(trusting)
        asyncio.run(crowd(trusting, "openai/lorem+gap_ms=20", 40))
        wary = gateway(config(vendors.url))
        with openai_on(wary) as client, pytest.raises(openai.InternalServerError) as failure:
            client.chat.completions.create(model="openai/echo", messages=test_chat.ask())
        assert failure.value.status_code == 502
    finally:
        vendors.kill()


def test_a_name_that_does_not_resolve(gateway, mimic):
    weir = gateway(config(mimic.url))
    with openai_on(weir) as client, pytest.raises(openai.InternalServerError) as failure:
        client.chat.completions.create(model="nowhere/echo", messages=test_chat.ask())
    assert failure.value.status_code == 502 and "no-such-host" not in failure.value.message
    assert "no-such-host" in weir.stderr, "the operator is told which"


class ForwardProxy(BaseHTTPRequestHandler):
    """Forwards plain requests to the fake vendors, whatever host they name."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.seen.append(self.path)
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        with closing(http.client.HTTPConnection(self.server.vendors, timeout=20)) as onward:
            onward.request("POST", urlsplit(self.path).path, body, headers)
            answer = onward.getresponse()
            text = answer.read()
        self.send_response(answer.status)
        self.send_header("content-type", answer.headers["content-type"])
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def proxy(mimic):
    server = ThreadingHTTPServer(("127.0.0.1", 0), ForwardProxy)
    server.vendors, server.seen = urlsplit(mimic.url).netloc, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("way", ["environment", "configuration"])
def test_a_proxy(gateway, proxy, way):
    url = f"http://127.0.0.1:{proxy.server_port}"
    env, network = ({"HTTP_PROXY": url}, "") if way == "environment" else ({}, f'proxy: "{url}"')
    weir = gateway(config("http://vendor.test", network), env)
    ask_both(weir)
    assert set(proxy.seen) == {"http://vendor.test/v1/chat/completions", "http://vendor.test/v1/messages"}


async def crowd(weir, model, size):
    """So many calls at once, whole and streamed, of both clients; each gets its own answer."""
    options = {"max_retries": 0, "timeout": 60, "api_key": KEY}
    async with (
        openai.AsyncOpenAI(base_url=f"{weir.url}/v1", **options) as chat,
        anthropic.AsyncAnthropic(base_url=weir.url, **options) as claude,
    ):

        async def whole(text):
            answer = await chat.chat.completions.create(model=model, messages=test_chat.ask(text))
            return answer.choices[0].message.content

        async def streamed(text):
            stream = await chat.chat.completions.create(model=model, messages=test_chat.ask(text), stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        async def message(text):
            return test_messages.text_of(await claude.messages.create(model=model, **test_messages.ask(text)))

        async def message_stream(text):
            async with claude.messages.stream(model=model, **test_messages.ask(text)) as stream:
                return test_messages.text_of(await stream.get_final_message())

        kinds = [whole, streamed, message, message_stream]
        texts = [f"number {n}" for n in range(size)]
        answers = await asyncio.gather(*(kinds[n % len(kinds)](text) for n, text in enumerate(texts)))
        return texts, answers


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_many_at_once(gateway, mimic, vendor):
    weir = gateway(config(mimic.url))
    texts, answers = asyncio.run(crowd(weir, f"{vendor}/echo+gap_ms=20", 200))
    assert answers == texts
    rows = until(lambda: len(weir.rows()) >= 200 and weir.rows(), "a row for each call")
    assert len(rows) == len({row["id"] for row in rows}) == 200
    assert {(row["outcome"], row["output_tokens"], row["estimated"]) for row in rows} == {("ok", 2, 0)}


def test_logs_hold_no_secrets_and_no_prompts(gateway, mimic):
    weir = gateway(config(mimic.url))
    ask_both(weir, "a prompt that is nobody's business")
    with openai_on(weir) as client, pytest.raises(openai.RateLimitError):
        client.chat.completions.create(
            model="openai/fail+status=429", messages=test_chat.ask("a prompt that is nobody's business")
        )
    with openai_on(weir, "sk-weir-a-stranger") as client, pytest.raises(openai.AuthenticationError):
        client.models.list()
    admin, virtual = weir.keys_from_banner()
    assert weir.stop() == 0
    lines = [json.loads(line) for line in weir.stderr.splitlines()]
    assert lines and all({"timestamp", "level", "message"} <= line.keys() for line in lines)
    for secret in (KEY, "sk-upstream-secret", "sk-weir-a-stranger", admin, virtual, "nobody's business"):
        assert secret not in weir.stderr
    files = b"".join(
        path.read_bytes() for path in weir.folder.rglob("*") if path.is_file() and path.name != "weir.yaml"
    )
    for secret in (KEY, admin, virtual, "nobody's business"):
        assert secret.encode() not in files, "neither keys nor prompts are stored"
