"""The pytest plugin as its users have it: pytest in a process of its own, on the guide's text."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "how-to" / "test-with-pytest.md"
EXAMPLE = re.compile(r"`(\w+\.py)`[^\n]*:\n\n```python\n(.*?)```", re.DOTALL)
REGIONS = """
import os, boto3, pytest

@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_region(turn, dynamodb_table, faults, clock):
    assert boto3.client("dynamodb").list_tables()["TableNames"] == []
    assert faults.met() == []
    dynamodb_table("orders")
    clock.freeze()

def test_time_runs_again(headwater):
    assert headwater.clock.now() < headwater.clock.now()

def test_environment_is_there_only_for_those_who_asked():
    assert os.environ["AWS_DEFAULT_REGION"] == "us-east-1"
"""
SHARED = """
[pytest]
headwater_region = eu-west-1
headwater_options = --initial-partitions 7
"""
PARENT = """
from headwater.testing import Server
server = Server.start()
print(server.endpoint, flush=True)
input()
"""
SEED = """
from headwater.testing import Fault

def test_fails(faults):
    faults.add(Fault("Throttled", rate=0.5))
    assert faults.seed == 0, "never the seed"
"""


def run(folder: Path, *options: str) -> str:
    """What pytest prints in a folder, with this plugin and no other that is not its own."""
    words = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*words, "--durations=0", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=400,
        check=False,
    )
    return done.stdout


def test_examples_of_the_guide_pass(tmp_path: Path) -> None:
    examples = dict(EXAMPLE.findall(GUIDE.read_text()))
    assert examples.keys() == {"consumer.py", "test_consumer.py", "test_function.py"}
    for name, text in examples.items():
        (tmp_path / name).write_text(text)

    output = run(tmp_path)

    assert " 5 passed" in output, output


def test_every_test_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "test_regions.py").write_text(REGIONS)

    output = run(tmp_path)

    assert " 4 passed" in output, output


def test_shared_region_and_options_of_the_server(tmp_path: Path) -> None:
    settings = (
        "[pytest]\nheadwater_region = eu-west-1\nheadwater_options = --initial-partitions 7\n"
    )
    (tmp_path / "pytest.ini").write_text(settings)
    (tmp_path / "test_shared.py").write_text(
        "def test_first(headwater, dynamodb_table):\n"
        "    assert len(headwater.open_shards(dynamodb_table('orders').name)) == 7\n\n"
        "def test_second(headwater):\n"
        "    assert len(headwater.open_shards('orders')) == 7\n"
    )

    output = run(tmp_path)

    assert " 2 passed" in output, output


def test_failed_test_tells_the_seed_that_repeats_it(tmp_path: Path) -> None:
    (tmp_path / "test_seed.py").write_text(SEED)

    output = run(tmp_path)
    told = re.search(r"--headwater-seed (\d+) repeats the faults", output)

    assert told, output
    assert f"--headwater-seed {told[1]} repeats" in run(tmp_path, f"--headwater-seed={told[1]}")


def test_plugin_imports_little(tmp_path: Path) -> None:
    """What every run of pytest on the machine pays for it."""
    (tmp_path / "test_imports.py").write_text(
        "import sys\n\nLOADED = frozenset(sys.modules)\n\n"
        "def test_plugin_is_light(request):\n"
        "    assert request.config.pluginmanager.hasplugin('headwater')\n"
        "    assert not LOADED & {'boto3', 'orjson', 'click', 'headwater.testing.lab'}\n"
    )

    output = run(tmp_path)

    assert " 1 passed" in output, output


def test_server_ends_with_the_process_that_started_it() -> None:
    started = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline().startswith("http")

    started.kill()
    # Its end is the end of the server's, which has it too.
    _, log = started.communicate(timeout=400)

    assert "stopped" in log


@pytest.mark.parametrize("option", ["--no-such-option", "--initial-partitions=0"])
def test_server_that_cannot_start_says_so(option: str, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nheadwater_options = {option}\n")
    (tmp_path / "test_any.py").write_text("def test_any(headwater):\n    pass\n")

    output = run(tmp_path)

    assert "DidNotStart" in output
