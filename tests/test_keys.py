"""Keys made, listed and disabled with `weir keys` while the server runs."""

import anthropic
import openai
import pytest

import test_chat
import test_messages
from conftest import anthropic_on, openai_on
from harness import fetch

CONFIG = """
server: { listen: "{listen}", admin_listen: "{admin}" }
store: { database: "sqlite:{folder}/weir.db" }
providers:
  openai: { api_key: sk-x, base_url: MIMIC/v1 }
  anthropic: { api_key: sk-x, base_url: MIMIC }
keys:
  - { name: declared, value: KEY }
models:
  friend: { targets: [ { target: openai/echo } ] }
"""


def works(weir, key, model="friend"):
    with openai_on(weir, key) as client:
        try:
            client.chat.completions.create(model=model, messages=test_chat.ask())
        except openai.AuthenticationError:
            return False
        return True


def test_a_keys_life(gateway):
    weir = gateway(CONFIG)
    key = weir.cli("keys", "create", "--name", "app").strip()
    assert key.startswith("sk-weir-") and works(weir, key)
    with anthropic_on(weir, key) as client:
        assert test_messages.text_of(client.messages.create(model="friend", **test_messages.ask())) == "Hello, Weir"
    listed = weir.cli("keys", "list")
    assert "app" in listed and key not in listed and key[-4:] in listed
    weir.cli("keys", "disable", "app")
    assert not works(weir, key)
    with anthropic_on(weir, key) as client, pytest.raises(anthropic.AuthenticationError):
        client.messages.create(model="friend", **test_messages.ask())
    weir.cli("keys", "enable", "app")
    assert works(weir, key)
    assert weir.stop() == 0
    weir.restart()
    assert works(weir, key), "a restart keeps the keys"


def test_an_allow_list(gateway):
    weir = gateway(CONFIG)
    key = weir.cli(
        "keys", "create", "--name", "narrow", "--model", "friend", "--model", "anthropic/ech*", "--project", "p"
    ).strip()
    assert works(weir, key) and works(weir, key, "anthropic/echo")
    with openai_on(weir, key) as client:
        assert [model.id for model in client.models.list()] == ["friend"]
        with pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(model="openai/echo", messages=test_chat.ask())
        raw = client.chat.completions.with_raw_response.create(model="friend", messages=test_chat.ask())
    row = weir.row(raw.headers["x-weir-request-id"])
    assert (row["key_name"], row["project"]) == ("narrow", "p")


def test_who_may_manage_keys(gateway):
    weir = gateway(CONFIG)
    admin, virtual = weir.keys_from_banner()
    assert "admin key" in weir.cli("keys", "list", key=virtual, code=1)
    assert "admin key" in weir.cli("keys", "list", key="sk-weir-admin-nobody", code=1)
    with openai_on(weir, admin) as client, pytest.raises(openai.PermissionDeniedError) as refusal:
        client.chat.completions.create(model="friend", messages=test_chat.ask())
    assert "admin key" in refusal.value.message
    other = weir.cli("keys", "create", "--name", "second-admin", "--admin-role").strip()
    weir.cli("keys", "create", "--name", "app", key=other)
    assert "app" in weir.cli("keys", "list", key=admin)
    weir.cli("keys", "disable", "second-admin")
    weir.cli("keys", "list", key=other, code=1)


def test_mistakes_are_told(gateway):
    weir = gateway(CONFIG)
    weir.cli("keys", "create", "--name", "twice")
    assert "twice" in weir.cli("keys", "create", "--name", "twice", code=1)
    assert "nobody" in weir.cli("keys", "disable", "nobody", code=1)
    assert "declared" in weir.cli("keys", "disable", "declared", code=1)
    assert fetch(f"http://{weir.admin}/admin/v1/keys")[0] == 401
    assert fetch(f"http://{weir.admin}/nothing")[0] == 404
    weir.kill()
    assert "Start one with `weir`" in weir.cli("keys", "list", code=1)
