"""Starting, reloading, falling back, stopping and being killed."""

import os
import re
import signal
import socket
import subprocess

import anthropic
import openai
import pytest

import test_chat
import test_messages
from conftest import KEY, anthropic_on, openai_on
from harness import PATIENCE, WEIR, fetch, free_port, until

CONFIG = """
server: { listen: "{listen}", admin_listen: "{admin}", keep_alive_ms: 300, drain_timeout_ms: 10000 }
store: { database: "sqlite:{folder}/weir.db" }
log: { format: json }
providers:
  openai:
    api_key: sk-x
    base_url: MIMIC/v1
    models: { hang: { price: &price { input_usd_per_mtok: 1, output_usd_per_mtok: 2 } }, "lorem+gap_ms=50+chunks=2000": { price: *price } }
  anthropic: { api_key: sk-x, base_url: MIMIC }
  nobody: { kind: openai-compatible, api_key: sk-x, base_url: "http://127.0.0.1:1/v1" }
keys:
  - { name: tests, value: KEY }
models:
  friend: { targets: [ { target: openai/echo } ] }
"""


def fall_back(target, *fallbacks, more=""):
    """A configuration in which `friend` goes to `target`, then to the fallbacks, without retries."""
    text = ", ".join(f'"{name}"' for name in fallbacks)
    model = (
        f'friend: {{ targets: [ {{ target: "{target}" }} ], fallbacks: [{text}], retry: {{ max_retries: 0 }} {more} }}'
    )
    return CONFIG.replace("friend: { targets: [ { target: openai/echo } ] }", model)


def answer(weir, model="friend"):
    with openai_on(weir) as client:
        return client.chat.completions.with_raw_response.create(model=model, messages=test_chat.ask())


# --- Starting -----------------------------------------------------------------------------------


@pytest.fixture
def first_start(gateway):
    """Weir without a configuration, which listens where it always does."""

    def start(env=None):
        ports = (4000, 4001)

        def free():
            for port in ports:
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    try:
                        probe.bind(("127.0.0.1", port))
                    except OSError:
                        return False
            return True

        until(free, f"ports {ports} are free for a start without a configuration")
        return gateway(None, env)

    return start


def run_curl(weir, env=None, extra=""):
    """Runs the printed curl through a shell, as a user does who pastes it."""
    command = weir.stdout[weir.stdout.index("\ncurl ") :].strip()
    command = command.replace('"messages"', extra + '"messages"').replace(
        "curl ", "curl --no-progress-meter --noproxy '*' ", 1
    )
    done = subprocess.run(
        ["sh", "-c", command],
        env={"PATH": os.environ["PATH"]} | (env or {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_empty_directory(first_start):
    weir = first_start()
    assert "http://127.0.0.1:4000" in weir.stdout and "http://127.0.0.1:4001" in weir.stdout
    assert "\n  providers  sim\n" in weir.stdout
    admin, virtual = weir.keys_from_banner()
    assert '"content":"Hello, Weir"' in run_curl(weir)
    streamed = run_curl(weir, extra='"stream": true, ')
    assert streamed.count("data: ") > 2 and streamed.rstrip().endswith("data: [DONE]")
    with openai_on(weir, virtual) as client:
        assert (
            client.chat.completions.create(model="sim/echo", messages=test_chat.ask("Hi")).choices[0].message.content
            == "Hi"
        )
        ids = [model.id for model in client.models.list()]
        assert "sim/echo" in ids and not [name for name in ids if not name.startswith("sim/")]
    with anthropic_on(weir, virtual) as client:
        assert test_messages.text_of(client.messages.create(model="sim/echo", **test_messages.ask("Hi"))) == "Hi"
    made = weir.cli("keys", "create", "--name", "other").strip()
    assert weir.stop() == 0

    weir.restart()
    assert admin not in weir.stdout and virtual not in weir.stdout
    assert "$WEIR_KEY" in weir.stdout and "weir keys create" in weir.stdout
    for key in (virtual, made):
        assert '"content":"Hello, Weir"' in run_curl(weir, {"WEIR_KEY": key})
    assert "other" in weir.cli("keys", "list", key=admin)
    kept = {path.name: path.stat().st_mode & 0o777 for path in weir.folder.iterdir()}
    assert kept["weir.db"] == kept["weir.secret"] == 0o600, kept


def test_keys_in_the_environment(first_start):
    env = {"OPENAI_API_KEY": "sk-a", "ANTHROPIC_API_KEY": "sk-b", "GROQ_API_KEY": "gsk-c"}
    weir = first_start(env)
    assert "providers  anthropic, groq, openai, sim" in weir.stdout
    assert not any(value in weir.stdout + weir.stderr for value in env.values())
    with openai_on(weir, weir.keys_from_banner()[1]) as client:
        ids = {model.id for model in client.models.list()}
        assert {"openai/gpt-4.1-mini", "anthropic/claude-sonnet-4-5", "sim/echo"} <= ids
        assert any(name.startswith("groq/") for name in ids)
        assert client.models.retrieve("gpt-4.1-mini").owned_by == "openai"


def test_check(tmp_path):
    def check(text):
        (tmp_path / "weir.yaml").write_text(text)
        command = [str(WEIR), "check", str(tmp_path / "weir.yaml")]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, env={"PATH": os.environ["PATH"]}
        )

    good = check("providers: { sim: {} }\n")
    assert good.returncode == 0 and "good" in good.stdout
    bad = check("providers: { sim: {} }\nmodles: {}\n")
    assert bad.returncode == 1 and "2" in bad.stderr and "`models`" in bad.stderr
    bad = check('providers: { openai: { api_key: "${NOT_SET}" } }\n')
    assert bad.returncode == 1 and "NOT_SET" in bad.stderr


def test_help_is_a_manual():
    for arguments, word in (([], "check"), (["keys"], "disable"), (["check"], "FILE"), (["serve"], "--config")):
        done = subprocess.run([str(WEIR), *arguments, "--help"], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0 and word in done.stdout


def test_a_port_that_is_taken(gateway):
    first = gateway(CONFIG)
    second = gateway(CONFIG.replace("{listen}", first.listen), wait=False)
    assert second.wait() == 1
    assert first.listen in second.stderr
    assert answer(first).status_code == 200


def test_a_free_port(gateway):
    """Port 0 is one port for all workers, and the banner says which."""
    weir = gateway(CONFIG.replace("{listen}", "127.0.0.1:0").replace("{admin}", "127.0.0.1:0"), wait=False)
    until(lambda: "curl" in weir.stdout, "the banner")
    weir.listen = re.search(r"API +http://(\S+)", weir.stdout)[1]
    weir.admin = re.search(r"admin +http://(\S+)", weir.stdout)[1]
    assert answer(weir.await_ready()).status_code == 200


def test_a_start_that_fails_makes_no_keys(gateway):
    """The first keys are shown once: at the first start that succeeds."""
    first = gateway(CONFIG)
    second = gateway(CONFIG.replace("{listen}", first.listen), wait=False)
    assert second.wait() == 1
    second.write(second.file.read_text().replace(first.listen, second.listen))
    second.restart()
    assert second.keys_from_banner()


def test_health(gateway):
    weir = gateway(CONFIG)
    for listener in (weir.listen, weir.admin):
        for path in ("healthz", "readyz"):
            assert fetch(f"http://{listener}/{path}")[0] == 200


# --- Reloading ----------------------------------------------------------------------------------


def test_reload(gateway):
    weir = gateway(CONFIG)
    before = answer(weir).headers["x-weir-config"]
    with openai_on(weir) as client, pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="novel", messages=test_chat.ask())
    weir.write(weir.file.read_text() + "  novel: { targets: [ { target: anthropic/echo } ] }\n")

    def novel():
        with openai_on(weir) as client:
            return [model.id for model in client.models.list() if model.id == "novel"]

    until(novel, "the edited file is in force")
    after = answer(weir, "novel")
    assert after.headers["x-weir-target"] == "anthropic/echo" and after.headers["x-weir-config"] != before


def test_a_bad_edit_is_refused(gateway):
    weir = gateway(CONFIG)
    before = answer(weir).headers["x-weir-config"]
    good = weir.file.read_text()
    bad = good.replace("targets", "targts")
    weir.write(bad)
    until(lambda: "refused" in weir.stderr, "the edit is refused in the log")
    line = 1 + next(n for n, text in enumerate(bad.splitlines()) if "targts" in text)
    assert f"weir.yaml:{line}:" in weir.stderr and "`targets`" in weir.stderr, "with line and nearest name"
    kept = answer(weir)
    assert kept.headers["x-weir-config"] == before and kept.parse().choices[0].message.content == "Hello, Weir"
    weir.write(good.replace("target: openai/echo", "target: anthropic/echo"))
    until(lambda: answer(weir).headers["x-weir-target"] == "anthropic/echo", "the repaired file is in force")


def test_reload_at_sighup_and_of_keys(gateway):
    weir = gateway(CONFIG)
    fresh = "sk-weir-declared-at-a-reload"
    weir.write(weir.file.read_text().replace(KEY, fresh))
    weir.signal(signal.SIGHUP)

    def accepted():
        return fetch(f"{weir.url}/v1/models", headers={"authorization": f"Bearer {fresh}"})[0] == 200

    until(accepted, "the key of the edited file works")
    assert fetch(f"{weir.url}/v1/models", headers={"authorization": f"Bearer {KEY}"})[0] == 401, (
        "and the old one no more"
    )


def test_an_open_stream_survives_a_reload(gateway):
    weir = gateway(CONFIG)
    with openai_on(weir) as client:
        stream = iter(
            client.chat.completions.create(
                model="openai/lorem+gap_ms=20+chunks=150", messages=test_chat.ask(), stream=True
            )
        )
        next(stream)
        weir.write(weir.file.read_text().replace("friend:", "novel:"))
        until(lambda: "novel" in [model.id for model in client.models.list()], "the edited file is in force")
        rest = list(stream)
        assert rest[-1].choices[0].finish_reason == "stop" and len(rest) > 100


# --- Falling back -------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "failing",
    [
        "openai/fail+status=429",
        "openai/fail+status=500",
        "anthropic/fail+status=529",
        "nobody/echo",
        "openai/drop",
        "openai/lorem+body=html",
        "anthropic/reset+at=1",
    ],
)
def test_fallbacks(gateway, failing, stream):
    weir = gateway(fall_back(failing, "openai/fail+status=503", "anthropic/echo"))
    with openai_on(weir) as client:
        raw = client.chat.completions.with_raw_response.create(model="friend", messages=test_chat.ask(), stream=stream)
        if stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in raw.parse())
        else:
            parsed = raw.parse()
            text = parsed.choices[0].message.content
            assert parsed.model == "friend"
    assert text == "Hello, Weir"
    assert (raw.headers["x-weir-target"], raw.headers["x-weir-attempts"]) == ("anthropic/echo", "3")
    row = weir.row(raw.headers["x-weir-request-id"])
    assert (row["target"], row["attempts"], row["outcome"], row["output_tokens"]) == ("anthropic/echo", 3, "ok", 2)
    with anthropic_on(weir) as client:
        assert (
            test_messages.text_of(test_messages.send(client, stream, model="friend", **test_messages.ask()))
            == "Hello, Weir"
        )


def test_a_callers_mistake_does_not_fall_back(gateway, mimic):
    weir = gateway(fall_back("openai/fail+status=400", "anthropic/echo"))
    with openai_on(weir) as client, pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="friend", messages=test_chat.ask())
    assert len(mimic.requests()) == 1


def test_when_everything_fails_the_last_word_is_the_vendors(gateway):
    weir = gateway(fall_back("nobody/echo", "openai/fail+status=429+retry_after=9"))
    with openai_on(weir) as client, pytest.raises(openai.RateLimitError) as failure:
        client.chat.completions.create(model="friend", messages=test_chat.ask())
    assert failure.value.response.headers["retry-after"] == "9"


def test_retries_at_the_same_target(gateway, mimic):
    weir = gateway(fall_back("openai/fail+status=503").replace("max_retries: 0", "max_retries: 2"))
    with openai_on(weir) as client, pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="friend", messages=test_chat.ask())
    assert len(mimic.requests()) == 3


@pytest.mark.parametrize(
    ("failing", "timeouts"),
    [
        ("openai/hang", "headers_ms: 300, connect_ms: 100000"),
        ("openai/lorem+first_ms=60000", "first_token_ms: 300"),
        ("openai/stall+at=1", "idle_ms: 300"),
    ],
)
def test_silence_falls_back(gateway, failing, timeouts):
    weir = gateway(
        fall_back(failing, "anthropic/echo", more=f", timeouts: {{ {timeouts} }}").replace(
            "keep_alive_ms: 300", "keep_alive_ms: 5000"
        )
    )
    with openai_on(weir) as client:
        raw = client.chat.completions.with_raw_response.create(model="friend", messages=test_chat.ask(), stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in raw.parse()) == "Hello, Weir"
    assert raw.headers["x-weir-attempts"] == "2"


def test_a_stall_in_the_middle_ends_in_an_error(gateway, upstream):
    weir = gateway(fall_back(f"{upstream}/stall+at=9", "openai/echo", more=", timeouts: { idle_ms: 700 }"))
    with openai_on(weir) as client:
        raw = client.chat.completions.with_raw_response.create(model="friend", messages=test_chat.ask(), stream=True)
        text = ""
        with pytest.raises(openai.APIError) as failure:
            for chunk in raw.parse():
                text += chunk.choices[0].delta.content or ""
    assert text.startswith("Lorem ipsum") and not isinstance(failure.value, openai.APIConnectionError)
    row = weir.row(raw.headers["x-weir-request-id"])
    assert (row["outcome"], row["error_kind"]) == ("cut", "timeout")
    with anthropic_on(weir) as client, pytest.raises(anthropic.APIStatusError) as failure:
        test_messages.send(client, True, model="friend", **test_messages.ask())
    assert failure.value.body["error"]["type"] == "timeout_error"


def test_weights(gateway):
    config = CONFIG.replace(
        "[ { target: openai/echo } ]",
        "[ { target: openai/echo, weight: 3 }, { target: anthropic/echo, weight: 1 }, { target: nobody/echo, weight: 0 } ]",
    )
    weir = gateway(config)
    with openai_on(weir) as client:
        raws = [
            client.chat.completions.with_raw_response.create(model="friend", messages=test_chat.ask())
            for _ in range(80)
        ]
    targets = [raw.headers["x-weir-target"] for raw in raws]
    assert set(targets) == {"openai/echo", "anthropic/echo"}
    assert targets.count("openai/echo") > targets.count("anthropic/echo")


def test_keep_alive_comments(gateway):
    """A silent vendor does not let proxies between us and the client give up."""
    weir = gateway(CONFIG)
    with openai_on(weir) as client:
        create = client.chat.completions.with_streaming_response.create
        with create(model="openai/echo+first_ms=1500", messages=test_chat.ask(), stream=True) as raw:
            body = b"".join(raw.iter_bytes()).decode()
    assert body.count("\n:") + body.startswith(":") >= 1, body
    assert body.rstrip().endswith("data: [DONE]") and "Hello," in body


# --- Stopping -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_drains_open_streams(gateway, upstream, stop):
    weir = gateway(CONFIG)
    with openai_on(weir) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=f"{upstream}/lorem+gap_ms=10+chunks=150", messages=test_chat.ask(), stream=True
        )
        stream = iter(raw.parse())
        chunks = [next(stream)]
        weir.signal(stop)
        until(lambda: not connects(weir.listen), "no new connections are taken")
        chunks += list(stream)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert sum(bool(chunk.choices[0].delta.content) for chunk in chunks) == 150
    assert weir.wait() == 0
    assert weir.row(raw.headers["x-weir-request-id"])["outcome"] == "ok", "the row is there when the process ends"


def connects(address):
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return False
    return True


def test_a_stop_does_not_wait_for_idle_connections(gateway):
    weir = gateway(CONFIG)
    host, port = weir.listen.split(":")
    with socket.create_connection((host, int(port))) as silent, openai_on(weir) as client:
        assert client.models.list()
        weir.signal(signal.SIGTERM)
        assert weir.wait(8) == 0
        assert silent


def test_a_drain_has_an_end(gateway):
    weir = gateway(CONFIG.replace("drain_timeout_ms: 10000", "drain_timeout_ms: 500"))
    with openai_on(weir) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="openai/lorem+gap_ms=50+chunks=2000", messages=test_chat.ask(), stream=True
        )
        stream = iter(raw.parse())
        next(stream)
        weir.signal(signal.SIGTERM)
        assert weir.wait() == 0
        with pytest.raises(openai.APIError):
            list(stream)
    row = weir.row(raw.headers["x-weir-request-id"])
    assert row["outcome"] in ("cut", "cancelled") and row["output_tokens"] > 0


# --- Being killed -------------------------------------------------------------------------------


def test_a_killed_process_loses_no_money(gateway, mimic):
    """What was under way is charged its estimate at the next start; what was answered is there."""
    weir = gateway(CONFIG)
    done = [answer(weir).headers["x-weir-request-id"] for _ in range(3)]
    with openai_on(weir) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="openai/lorem+gap_ms=50+chunks=2000",
            messages=test_chat.ask("word " * 400),
            stream=True,
            max_tokens=500,
        )
        stream = iter(raw.parse())
        next(stream)
        lost = raw.headers["x-weir-request-id"]
        weir.kill()
        with pytest.raises(openai.APIConnectionError):
            list(stream)
    weir.restart()
    row = weir.row(lost)
    assert (row["outcome"], row["estimated"], row["status"]) == ("lost", 1, 0)
    assert 400 < row["input_tokens"] < 1000
    assert row["cost_nano_usd"] == row["input_tokens"] * 1000 + 500 * 2000
    for request_id in done:
        assert weir.row(request_id)["outcome"] == "ok"
    assert answer(weir).status_code == 200
    assert weir.stop() == 0
    weir.restart()
    assert len(weir.rows("id = ?", lost)) == 1, "charged once"


def test_a_killed_process_loses_no_finished_answer(gateway):
    """An answer that the client has seen is in the journal, however soon the process dies."""
    weir = gateway(CONFIG)
    with openai_on(weir) as client:
        stream = client.chat.completions.with_raw_response.create(
            model="openai/echo", messages=test_chat.ask(), stream=True
        )
        assert list(stream.parse())
        whole = client.chat.completions.with_raw_response.create(model="anthropic/echo", messages=test_chat.ask())
        weir.kill()
    weir.restart()
    for raw in (stream, whole):
        row = weir.row(raw.headers["x-weir-request-id"])
        assert (row["outcome"], row["estimated"], row["output_tokens"]) == ("ok", 0, 2)


def test_two_processes_do_not_share_a_database(gateway):
    first = gateway(CONFIG)
    second = gateway(CONFIG.replace("{folder}", str(first.folder)), wait=False)
    assert second.wait() == 1 and "weir.db" in second.stderr
    assert answer(first).status_code == 200


def test_auth_off_is_for_loopback_only(gateway):
    weir = gateway(CONFIG.replace('admin_listen: "{admin}"', 'admin_listen: "{admin}", auth: off'))
    with openai_on(weir, "anything") as client:
        assert client.chat.completions.create(model="friend", messages=test_chat.ask())
    port = free_port()
    open_to_all = gateway(CONFIG.replace('"{listen}"', f'"0.0.0.0:{port}", auth: off'), wait=False)
    assert open_to_all.wait() == 1 and "auth" in open_to_all.stderr
