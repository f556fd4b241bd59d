"""One gateway before one pair of fake vendors for most tests, and the vendors' own SDKs on it."""

import anthropic
import openai
import pytest

from harness import MIMIC, WEIR, Mimic, Weir

#: The key that the shared gateway's clients have, and one with a short list of models.
KEY = "sk-weir-for-the-tests-0001"
NARROW_KEY = "sk-weir-for-the-tests-0002"

#: Prices make costs computable by hand: 1 and 2 USD for a million tokens, a tenth for cache reads.
CONFIG = """
server: { listen: "{listen}", admin_listen: "{admin}", keep_alive_ms: 500, workers: 2 }
store: { database: "sqlite:{folder}/weir.db" }
log: { level: debug, format: json }
providers:
  openai:
    api_key: sk-openai-upstream
    base_url: MIMIC/v1
    models:
      echo: &price
        price: { input_usd_per_mtok: 1, output_usd_per_mtok: 2, cache_read_usd_per_mtok: 0.1, cache_write_usd_per_mtok: 1.25 }
      echo+in=100+cached=40: *price
  anthropic:
    api_key: sk-anthropic-upstream
    base_url: MIMIC
    models:
      echo: *price
      echo+in=100+cached=40: *price
      json: { json_schema: true }
  google: { kind: gemini-compatible, api_key: sk-google-upstream, base_url: MIMIC/v1beta }
  cohere: { kind: cohere-compatible, api_key: sk-cohere-upstream, base_url: MIMIC }
  responses: { kind: custom, api_key: sk-responses-upstream, speaks: { openai_responses: MIMIC/v1 } }
  simulated: { kind: openai-compatible, api_key: sk-simulated-upstream, base_url: MIMIC/v1 }
  badkey: { kind: openai-compatible, api_key: sk-bad, base_url: MIMIC/v1 }
  badclaude: { kind: anthropic-compatible, api_key: sk-bad, base_url: MIMIC }
  nobody: { kind: openai-compatible, api_key: sk-x, base_url: "http://127.0.0.1:1/v1" }
keys:
  - { name: tests, value: KEY, project: tests }
  - { name: narrow, value: NARROW, models: [friend, "openai/ech*"] }
models:
  friend: { targets: [ { target: openai/echo } ] }
  claude: { targets: [ { target: anthropic/echo } ] }
  careful: { targets: [ { target: anthropic/echo } ], on_loss: reject }
  quiet: { targets: [ { target: anthropic/echo } ], on_loss: allow }
  steadfast: { targets: [ { target: openai/echo } ], retry: { max_retries: 0 } }
"""


def config(mimic):
    return CONFIG.replace("MIMIC", mimic.url).replace("KEY", KEY).replace("NARROW", NARROW_KEY)


@pytest.fixture(scope="session")
def mimic(tmp_path_factory):
    for binary in (MIMIC, WEIR):
        assert binary.is_file(), f"{binary} is missing: run `cargo build -p weir -p weir-mimic`"
    mimic = Mimic(tmp_path_factory.mktemp("mimic"))
    yield mimic
    mimic.kill()


@pytest.fixture(scope="session")
def shared_weir(mimic, tmp_path_factory):
    weir = Weir(tmp_path_factory.mktemp("weir"), config(mimic))
    yield weir
    assert weir.running, f"the gateway ended during the tests: {weir.stderr[-4000:]}"
    assert weir.stop() == 0
    assert "panicked" not in weir.stderr, weir.stderr[-4000:]


@pytest.fixture
def weir(shared_weir, mimic):
    """The shared gateway, and vendors that remember only what this test sends."""
    mimic.forget()
    return shared_weir


@pytest.fixture
def gateway(mimic, tmp_path):
    """Starts gateways of the test's own: `gateway(config, env=...)`, `MIMIC` stands for the vendors."""
    started = []

    def start(text, env=None, wait=True):
        folder = tmp_path / f"weir-{len(started)}"
        folder.mkdir()
        text = text and text.replace("MIMIC", mimic.url).replace("KEY", KEY)
        started.append(Weir(folder, text, env, wait))
        return started[-1]

    mimic.forget()
    yield start
    for weir in started:
        weir.kill()


def openai_on(weir, key=KEY, **options):
    options = {"max_retries": 0, "timeout": 30} | options
    return openai.OpenAI(base_url=f"{weir.url}/v1", api_key=key, **options)


def anthropic_on(weir, key=KEY, **options):
    options = {"max_retries": 0, "timeout": 30} | options
    return anthropic.Anthropic(base_url=weir.url, api_key=key, **options)


@pytest.fixture
def chat(weir):
    """openai-python."""
    with openai_on(weir) as client:
        yield client


@pytest.fixture
def claude(weir):
    """anthropic-python."""
    with anthropic_on(weir) as client:
        yield client


@pytest.fixture(params=["openai", "anthropic"])
def upstream(request):
    """The vendor that answers: one of them speaks the client's dialect, the other does not."""
    return request.param
