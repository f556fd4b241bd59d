"""Real processes for the tests: the gateway, the fake vendors, and what can be asked about them.

Everything is waited for by its condition and bounded in time; nothing sleeps for a fixed span.
"""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEIR = ROOT / os.environ.get("WEIR_BIN", "target/debug/weir")
MIMIC = ROOT / os.environ.get("MIMIC_BIN", "target/debug/weir-mimic")

#: The longest wait for anything, in seconds.
PATIENCE = 20.0

#: Requests of the tests' own, never through a proxy.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def until(condition, what, patience=PATIENCE):
    """Waits until `condition()` is truthy and returns its value."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {patience} s: {what}"
        time.sleep(0.02)


def free_port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url, method="GET", headers=(), body=None, timeout=PATIENCE):
    """Status, headers and body; error statuses are answers like any other."""
    request = urllib.request.Request(url, body, dict(headers), method=method)
    try:
        with _direct.open(request, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers, answer.read()


def as_json(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def answers(url):
    try:
        return fetch(url, timeout=2)[0] == 200
    except OSError:
        return False


class Process:
    """A child process whose output is kept."""

    def __init__(self, *command, cwd, env=None):
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.child = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=inherited | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines = {"stdout": [], "stderr": []}
        self._readers = [
            threading.Thread(target=self._read, args=(name, pipe), daemon=True)
            for name, pipe in (("stdout", self.child.stdout), ("stderr", self.child.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name, pipe):
        with pipe:
            for line in pipe:
                self._lines[name].append(line)

    @property
    def stdout(self):
        return "".join(self._lines["stdout"])

    @property
    def stderr(self):
        return "".join(self._lines["stderr"])

    @property
    def running(self):
        return self.child.poll() is None

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, patience=PATIENCE):
        """Waits for the end and returns the exit status; all output has been read then."""
        code = self.child.wait(patience)
        for reader in self._readers:
            reader.join(patience)
        return code

    def kill(self):
        if self.running:
            self.child.kill()
        return self.wait()


class Mimic(Process):
    """The strict fake vendors, OpenAI and Anthropic, on one port."""

    def __init__(self, cwd, *options):
        super().__init__(MIMIC, *options, cwd=cwd)
        until(lambda: self.stdout.strip() or not self.running, "weir-mimic says where it listens")
        assert self.running, self.stderr
        self.url = self.stdout.split()[0]

    def requests(self):
        """What was received since the last `forget`, oldest first, bodies as JSON."""
        received = json.loads(fetch(f"{self.url}/_mimic/requests")[2])
        for request in received:
            request["headers"] = dict(request["headers"])
            request["json"] = as_json(request["body"])
        return received

    def forget(self):
        fetch(f"{self.url}/_mimic/requests", "DELETE")

    def last(self):
        return self.requests()[-1]

    def sent(self):
        """The body of the last request."""
        return self.last()["json"]


class Weir(Process):
    """The gateway. `config` is YAML text in which `{listen}`, `{admin}` and `{folder}` are filled."""

    def __init__(self, folder, config=None, env=None, wait=True):
        self.folder = Path(folder)
        self.file = self.folder / "weir.yaml"
        self.listen, self.admin = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.env = env or {}
        arguments = []
        if config is None:
            self.listen, self.admin = "127.0.0.1:4000", "127.0.0.1:4001"
        else:
            self.write(config)
            arguments = ["--config", self.file]
        self.command = [WEIR, *arguments]
        super().__init__(*self.command, cwd=self.folder, env=self.env)
        if wait:
            self.await_ready()

    def write(self, config):
        """Replaces the configuration as editors do: whole."""
        text = config
        for name, value in (
            ("listen", self.listen),
            ("admin", self.admin),
            ("folder", str(self.folder)),
        ):
            text = text.replace("{" + name + "}", value)
        fresh = self.file.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.file)

    def await_ready(self):
        ready = f"http://{self.admin}/readyz"
        until(lambda: answers(ready) and "\ncurl " in self.stdout or not self.running, "weir is ready")
        assert self.running, f"weir ended: {self.stderr}{self.stdout}"
        return self

    def restart(self):
        """Starts the same server again, in this object."""
        assert not self.running
        Process.__init__(self, *self.command, cwd=self.folder, env=self.env)
        return self.await_ready()

    def stop(self):
        """Stops as an operator does, and says with which status it ended."""
        self.signal(signal.SIGTERM)
        return self.wait()

    @property
    def url(self):
        return f"http://{self.listen}"

    def keys_from_banner(self):
        """The keys that a first start shows: admin and virtual."""
        admin = re.search(r"admin +(sk-weir-admin-\S+)", self.stdout)
        virtual = re.search(r"virtual +(sk-weir-\S+)", self.stdout)
        assert admin and virtual, self.stdout
        return admin[1], virtual[1]

    def cli(self, *arguments, key=None, code=0):
        """Runs `weir ...` against this server and returns what it printed."""
        env = {"WEIR_ADMIN": self.admin, "WEIR_ADMIN_KEY": key or self.keys_from_banner()[0]}
        done = subprocess.run(
            [str(WEIR), *arguments],
            env={"PATH": os.environ["PATH"]} | env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    def metrics(self):
        return fetch(f"http://{self.admin}/metrics")[2].decode()

    def rows(self, where="1", *parameters):
        """Rows of the ledger, oldest first, as dictionaries."""
        database = f"file:{self.folder / 'weir.db'}?mode=ro"
        with closing(sqlite3.connect(database, uri=True, timeout=PATIENCE)) as ledger:
            ledger.row_factory = sqlite3.Row
            found = ledger.execute(f"SELECT * FROM ledger WHERE {where} ORDER BY seq", parameters)
            return [dict(row) for row in found]

    def row(self, request_id):
        """The ledger's row of one call, once it is there."""
        found = until(lambda: self.rows("id = ?", request_id), f"a ledger row for {request_id}")
        assert len(found) == 1, found
        return found[0]
