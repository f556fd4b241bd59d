"""How each coding agent is pointed at a gateway and run to its end, without a terminal.

An agent gets a folder to work in, a home of its own and nothing of this machine's. What it would fetch
from elsewhere (updates, telemetry, lists of models) is turned off, and fails at once where it cannot be.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"

#: Nothing listens here: what does not belong to the test fails at once.
NOWHERE = "http://127.0.0.1:9"

#: The longest that a small task may take, in seconds; it takes one to ten.
PATIENCE = 150


@dataclass
class Run:
    """One agent at one gateway: `home` and `work` are empty folders."""

    home: Path
    work: Path
    url: str
    key: str
    model: str

    def start(self, command, env):
        """Runs it, and returns the exit status and all that it printed."""
        assert Path(command[0]).is_file(), f"{command[0]} is missing: run `make agents`"
        alone = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TERM": "xterm-256color"}
        alone |= {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1,localhost"}
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.work,
            env=alone | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return done.returncode, done.stdout + done.stderr

    def write(self, name, text):
        file = self.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def claude(run, task):
    """Claude Code speaks Anthropic Messages."""
    command = [MODULES / ".bin/claude", "-p", task, "--output-format", "json", "--dangerously-skip-permissions"]
    env = {
        "ANTHROPIC_BASE_URL": run.url,
        "ANTHROPIC_API_KEY": run.key,
        "ANTHROPIC_MODEL": run.model,
        "ANTHROPIC_SMALL_FAST_MODEL": run.model,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        # It refuses to skip permissions as root, except where it is told that nothing can break.
        "IS_SANDBOX": "1",
    }
    return run.start(command, env)


def codex(run, task):
    """Codex CLI speaks OpenAI Responses."""
    run.write(
        ".codex/config.toml",
        f"""
model = "{run.model}"
model_provider = "weir"
check_for_update_on_startup = false
analytics = {{ enabled = false }}
[model_providers.weir]
name = "Weir"
base_url = "{run.url}/v1"
env_key = "WEIR_KEY"
wire_api = "responses"
""",
    )
    command = [MODULES / ".bin/codex", "exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", task]
    return run.start(command, {"WEIR_KEY": run.key})


def gemini(run, task):
    """Gemini CLI speaks Gemini generateContent."""
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"enableAutoUpdate": False},
    }
    run.write(".gemini/settings.json", json.dumps(settings))
    command = [MODULES / ".bin/gemini", "-m", run.model, "-p", task, "--yolo", "--output-format", "json"]
    env = {
        "GOOGLE_GEMINI_BASE_URL": run.url,
        "GEMINI_API_KEY": run.key,
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
        "GEMINI_TELEMETRY_ENABLED": "false",
    }
    return run.start(command, env)


def opencode(run, task, package, version="v1"):
    """opencode speaks what the SDK speaks that its provider names."""
    options = {"baseURL": f"{run.url}/{version}", "apiKey": run.key}
    provider = {"npm": package, "options": options, "models": {run.model: {}}}
    config = {
        "autoupdate": False,
        "share": "disabled",
        "permission": "allow",
        "provider": {"weir": provider},
        "model": f"weir/{run.model}",
        "small_model": f"weir/{run.model}",
    }
    run.write(".config/opencode/opencode.json", json.dumps(config))
    command = [MODULES / "opencode-linux-x64/bin/opencode", "run", "--format", "json", task]
    env = {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"}
    return run.start(command, env)


def aider(run, task, speaks="openai"):
    """aider reads its edits from the text, and speaks Chat Completions or Anthropic Messages."""
    command = [HERE / ".venv/bin/aider", "--model", f"{speaks}/{run.model}", "--message", task, "--yes-always"]
    command += ["--no-git", "--no-check-update", "--no-show-release-notes", "--no-show-model-warnings"]
    command += ["--analytics-disable", "--no-pretty", "notes.txt"]
    env = {
        "OPENAI_API_BASE": f"{run.url}/v1",
        "OPENAI_API_KEY": run.key,
        "ANTHROPIC_API_BASE": run.url,
        "ANTHROPIC_API_KEY": run.key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    return run.start(command, env)
