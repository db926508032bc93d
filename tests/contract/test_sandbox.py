"""Functions in a sandbox, where this machine has one."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
import uvloop

from headwater.clock import SeededChance, SystemClock
from headwater.functions.journal import Journals
from headwater.functions.pool import Pool
from headwater.functions.runtime import BOOTSTRAP, Client
from headwater.functions.sandbox import Sandbox, end_of, find_sandbox
from headwater.functions.worker import WorkerSettings
from tests.contract.workshop import Workshop, ends, failure, surroundings, value

SHOWN = [BOOTSTRAP, Path(boto3.__file__).parent.parent, Path(sys.prefix), Path(sys.base_prefix)]
SEEING = """
    import os
    def tried(action, path):
        try:
            with open(path, action) as file:
                return file.read() if action == "r" else "written"
        except OSError as error:
            return type(error).__name__
    def handler(event, context):
        return {
            "secret": tried("r", event["secret"]),
            "changed": tried("a", event["code"] + "/app.py"),
            "machine": tried("w", "/etc/headwater-was-here"),
            "tmp": tried("w", "/tmp/mine"),
            "left": sorted(os.listdir(os.environ["TMPDIR"])),
            "processes": [name for name in os.listdir("/proc") if name.isdigit()],
        }
"""


def in_sandbox(folder: Path, act: Callable[[Workshop], Awaitable[None]]) -> None:
    """Do something with functions in a sandbox that hides the folder; skipped without one."""

    async def main() -> None:
        sandbox = await find_sandbox([folder / "secrets"], SHOWN)
        if sandbox is None:
            pytest.skip("bubblewrap is not here or does not work")
        # A machine's /tmp, in which the tests' folders lie, is not the sandbox's.
        sandbox = replace(sandbox, hidden=[*sandbox.hidden, folder])
        settings = WorkerSettings(
            clock=SystemClock(),
            machine_clock=SystemClock(),
            chance=SeededChance(1),
            surroundings=surroundings(),
            client=Client.OWN,
            scratch=folder / "scratch",
            journals=Journals(folder / "logs", SystemClock(), SeededChance(2)),
            sandbox=sandbox,
        )
        async with Pool(settings) as pool:
            await act(Workshop(pool, folder, settings.journals))
        settings.journals.close()

    uvloop.run(main())


def test_function_in_a_sandbox_changes_and_reads_only_its_own(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")

    async def act(shop: Workshop) -> None:
        function = shop.function(SEEING)
        asked = {"secret": str(tmp_path / "secret"), "code": str(function.code)}

        seen = value(await shop.invoke(function, asked))

        processes = seen.pop("processes")
        assert seen == {
            "secret": "FileNotFoundError",
            "changed": "OSError",
            "machine": "OSError",
            "tmp": "written",
            "left": seen["left"],
        }
        assert "mine" in seen["left"]
        assert len(processes) == 2

    in_sandbox(tmp_path, act)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("os.kill(os.getpid(), 9)", "signal: killed"),
        ("os.abort()", "signal: aborted"),
        ("os._exit(3)", "exit status 3"),
    ],
)
def test_end_of_a_function_in_a_sandbox_is_told_as_without(
    tmp_path: Path, body: str, said: str
) -> None:
    async def act(shop: Workshop) -> None:
        account = failure(await shop.run(f"import os\ndef handler(event, context):\n    {body}\n"))

        assert account["errorMessage"].endswith(f"Runtime exited with error: {said}")

    in_sandbox(tmp_path, act)


def test_memory_in_a_sandbox_is_the_functions_and_bounded(tmp_path: Path) -> None:
    async def act(shop: Workshop) -> None:
        source = """
            import mmap
            def handler(mb, context):
                # Shared memory is no data, so its bound is not in the way.
                held = mmap.mmap(-1, mb * 1024 * 1024)
                for place in range(0, len(held), 4096):
                    held[place] = 1
                while mb > 128:
                    pass
        """
        small = await shop.run(source, 40)
        assert small.error is None
        used = small.log_tail.decode().rpartition("Max Memory Used: ")[2].split()[0]
        assert 40 < int(used) < 100

        assert failure(await shop.run(source, 200))["errorMessage"].endswith("signal: killed")

    in_sandbox(tmp_path, act)


def test_memory_of_children_counts_in_a_sandbox_though_their_parent_has_ended(
    tmp_path: Path,
) -> None:
    async def act(shop: Workshop) -> None:
        told = failure(
            await shop.run("""
                import os, signal
                def handler(event, context):
                    if not os.fork():
                        if os.fork():
                            os._exit(0)
                        hoard = b"x" * (150 << 20)
                        signal.pause()
                    os.wait()
                    signal.pause()
            """)
        )

        assert told["errorType"] == "Runtime.ExitError"
        assert "signal: killed" in told["errorMessage"]

    in_sandbox(tmp_path, act)


def test_nothing_of_a_sandbox_outlives_its_worker(tmp_path: Path) -> None:
    """A child in a session of its own ends with the function that is out of time."""
    mark = f"child of {tmp_path}"

    async def act(shop: Workshop) -> None:
        source = """
            import subprocess, sys
            def handler(mark, context):
                sleeping = ["-c", "import time; time.sleep(600)", mark]
                subprocess.Popen([sys.executable, *sleeping], start_new_session=True)
                while True:
                    pass
        """
        account = failure(
            await shop.invoke(replace(shop.function(source), timeout_seconds=2), mark)
        )
        assert account["errorType"] == "Sandbox.Timedout"

    in_sandbox(tmp_path, act)
    assert all(ends(pid) for pid in processes_with(mark))


def processes_with(mark: str) -> list[int]:
    """Processes that were started with a word."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue  # it has ended
    return found


def test_machine_without_bubblewrap_has_no_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert asyncio.run(find_sandbox([], SHOWN)) is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sandboxes are Linux's")
def test_bubblewrap_that_fails_is_no_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = tmp_path / "bwrap"
    failing.write_text("#!/bin/sh\necho No permissions to create new namespace >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    assert asyncio.run(find_sandbox([], SHOWN)) is None


def test_what_is_hidden_is_empty_but_for_what_is_shown(tmp_path: Path) -> None:
    data, key = tmp_path / "data", tmp_path / "key"
    data.mkdir()
    key.touch()

    words = Sandbox(Path("/bwrap"), [data, key], [Path("/usr/lib")]).words(
        tmp_path / "scratch", [data / "code"]
    )

    text = " ".join(words)
    assert f"--tmpfs {data} --ro-bind /dev/null {key} " in text
    assert f"--bind {tmp_path}/scratch /tmp --ro-bind-try {data}/code {data}/code " in text
    assert "/usr/lib" not in text


@pytest.mark.parametrize(("status", "end"), [(0, 0), (3, 3), (128, 128), (137, -9), (139, -11)])
def test_signals_are_known_by_their_statuses(status: int, end: int) -> None:
    assert end_of(status) == end
