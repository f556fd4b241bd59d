"""Many workers look like one server."""

import re

import test_chat
from conftest import openai_on
from harness import until

CONFIG = """
server: { listen: "{listen}", admin_listen: "{admin}", workers: 4 }
store: { database: "sqlite:{folder}/weir.db" }
providers:
  openai: { api_key: sk-x, base_url: MIMIC/v1 }
models:
  friend: { targets: [ { target: openai/echo } ] }
"""

#: Connections, each to whichever worker the kernel picks: all to one of four is out of the question.
MANY = 40


def targets(weir, key, model):
    """What answered on many connections."""
    found = set()
    for _ in range(MANY):
        with openai_on(weir, key) as client:
            raw = client.chat.completions.with_raw_response.create(model=model, messages=test_chat.ask())
            found.add(raw.headers["x-weir-target"])
    return found


def test_a_new_key_and_a_reload_reach_every_worker(gateway):
    weir = gateway(CONFIG)
    key = weir.cli("keys", "create", "--name", "app").strip()
    assert targets(weir, key, "friend") == {"openai/echo"}
    counted = re.findall(r'^weir_requests_total\{gen_ai_request_model="friend".* (\d+)\.0$', weir.metrics(), re.M)
    assert counted == [str(MANY)], "one series, summed over the workers"

    weir.write(weir.file.read_text().replace("openai/echo", "openai/unicode"))
    until(lambda: "reloaded" in weir.stderr, "the edited file is in force")
    assert targets(weir, key, "friend") == {"openai/unicode"}
