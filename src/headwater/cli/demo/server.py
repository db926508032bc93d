"""A server of one's own, in a process and a temporary directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from headwater.config import ENVIRONMENT_PREFIX

STOP_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class OwnServer:
    """A server that runs. files: where its sinks write files."""

    endpoint: str
    files: Path


class ServerDidNotStart(Exception):
    """The server ended before it was ready; its own words are on standard error."""


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """Start a server on a free port; stops it and removes its data at the end."""
    with tempfile.TemporaryDirectory(prefix="headwater-demo-") as directory:
        process = subprocess.Popen(  # noqa: S603 - this very program
            [
                *(sys.executable, "-m", "headwater", "serve", "--port", "0", "--lab"),
                *("--data", directory, "--log-format", "console"),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(),
        )
        try:
            yield OwnServer(_endpoint(process), Path(directory) / "sinks")
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            process.kill()
            process.wait()


def _endpoint(process: subprocess.Popen[str]) -> str:
    """The endpoint from the line that says the server is ready."""
    assert process.stdout is not None, "the server's output is a pipe"
    for line in process.stdout:
        if "AWS_ENDPOINT_URL=" in line:
            return line.strip().rpartition("=")[2]
    raise ServerDidNotStart


def _environment() -> dict[str, str]:
    """The environment without settings that are meant for another server."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)
    }
