"""openai-node and @anthropic-ai/sdk: the tests in `node/`, each file a run of node's own test runner."""

import os
import subprocess
from pathlib import Path

import pytest

from conftest import KEY

FOLDER = Path(__file__).parent / "node"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.test.js")))
def test_node(weir, mimic, file):
    assert (FOLDER / "node_modules").is_dir(), "run `npm ci` in tests/node, or `make test`"
    env = {"WEIR_URL": weir.url, "WEIR_KEY": KEY, "MIMIC_URL": mimic.url}
    command = ["node", "--test", "--test-reporter=spec", "--test-timeout=60000", file]
    done = subprocess.run(
        command, cwd=FOLDER, env={"PATH": os.environ["PATH"]} | env, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 0" not in done.stdout and "ℹ pass 0" not in done.stdout, "no test ran"
    print(done.stdout)
