"""The AWS SDK for JavaScript, version 3: table, stream and function, with only the endpoint set.

npm installs the SDK once into .headwater/javascript of the checkout, and again when package.json
changes.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.mirroring import ROLE, RUNTIME, zipped

SOURCE = Path(__file__).with_name("javascript")
CACHE = Path(__file__).parents[2] / ".headwater" / "javascript"
INSTALL = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
INSTALL_SECONDS_MAX = 300
SCENARIO_SECONDS_MAX = 300

pytestmark = [
    pytest.mark.skipif(not shutil.which("node"), reason="Node.js is not installed"),
    pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed"),
    pytest.mark.timeout(INSTALL_SECONDS_MAX + SCENARIO_SECONDS_MAX + 20),
]


@pytest.fixture(scope="module")
def sdk():
    """The folder with the scenario beside the SDK it needs."""
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = (SOURCE / "package.json").read_text()
    installed = CACHE / "installed.json"
    if not installed.exists() or installed.read_text() != wanted:
        (CACHE / "package.json").write_text(wanted)
        try:
            subprocess.run(INSTALL, cwd=CACHE, check=True, timeout=INSTALL_SECONDS_MAX)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            pytest.skip("npm could not install the SDK")
        installed.write_text(wanted)
    for scenario in SOURCE.glob("*.mjs"):
        shutil.copy(scenario, CACHE)
    return CACHE


def run(sdk: Path, scenario: str, names: dict[str, str]) -> Any:
    """What a scenario prints. names: of what it may make."""
    region = {"AWS_REGION": os.environ["AWS_DEFAULT_REGION"]}
    done = subprocess.run(
        ["node", scenario],
        cwd=sdk,
        env=os.environ | names | region,
        capture_output=True,
        text=True,
        timeout=SCENARIO_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def seen(sdk, dynamodb, unique_name, tmp_path):
    """What the scenario saw; `dynamodb` is there for the environment it sets."""
    code = tmp_path / "function.zip"
    code.write_bytes(zipped())
    names = {
        "TABLE": unique_name("javascript"),
        "MIRROR": unique_name("javascript-mirror"),
        "FUNCTION": unique_name("javascript"),
        "RUNTIME": RUNTIME,
        "ROLE": ROLE,
        "CODE": str(code),
    }
    return run(sdk, "scenario.mjs", names)


def test_sdk_writes_reads_and_is_mirrored(seen):
    assert seen == {
        "written": {
            "updated": {"n": {"N": "2.5"}},
            "count": 1,
            "refusal": "The conditional request failed",
        },
        "invoked": {"mirrored": 0},
        "mirrored": "a",
        "stream": {"status": "DISABLED", "events": ["INSERT", "MODIFY", "REMOVE"]},
    }


def test_document_client_speaks_in_plain_values(sdk, dynamodb, unique_name):
    seen = run(sdk, "documents.mjs", {"TABLE": unique_name("documents")})

    assert seen == {
        "got": {
            "pk": "a",
            "sk": 1,
            "text": "x",
            "flag": True,
            "nothing": None,
            "list": [1, "two", {"three": 3}],
            "map": {"deep": {"er": [0.5]}},
            "set": ["a", "b"],
            "bytes": [0, 255],
        },
        "updated": {"list": [1, "two", {"three": 3}, "four"], "count": 1},
        "paged": list(range(25)),
        "scanned": 26,
        "batch": {"found": 2, "unprocessed": {}},
        "transaction": [{"pk": "t", "sk": 1}, None],
        "canceled": ["None", "ConditionalCheckFailed"],
        "statement": [{"sk": 3}],
    }
