"""A real server in a process of its own, started as a user starts it.

`ServerProcess.start` returns once the server has said that it is ready; it never sleeps: a thread
reads the output until the ready line, and goes on reading so that the pipe cannot fill up.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

HEADWATER = Path(sys.executable).with_name("headwater")
ENDPOINT = re.compile(r"https?://[\w.\[\]:-]+:\d+")
START_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 120.0


class DidNotStart(Exception):
    """The process ended, or stayed silent, before its ready line; the text is what it printed."""


@dataclass
class Output:
    """What a process has printed so far, and the endpoint once it named one."""

    lines: list[str] = field(default_factory=list)
    endpoint: str | None = None
    decided: threading.Event = field(default_factory=threading.Event)

    def follow(self, process: subprocess.Popen[str], ready: re.Pattern[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line)
            if self.endpoint is None and (match := ready.search(line)):
                self.endpoint = match.group()
                self.decided.set()
        self.decided.set()

    @property
    def text(self) -> str:
        return "".join(self.lines)


class ServerProcess:
    """A started server: its endpoint, its process, what it has printed. Stops on leaving `with`."""

    def __init__(self, process: subprocess.Popen[str], output: Output, reader: threading.Thread):
        assert output.endpoint is not None
        self.endpoint = output.endpoint
        self.process = process
        self.output = output
        self._reader = reader

    @classmethod
    def start(
        cls,
        command: Sequence[str | Path],
        environment: Mapping[str, str] | None = None,
        ready: re.Pattern[str] = ENDPOINT,
    ) -> ServerProcess:
        """Run a command and wait for the line that names its endpoint.

        environment: the whole of it, or None for this process's own.
        ready: matches the endpoint within the ready line.
        Raises DidNotStart with the output when no such line comes.
        """
        words = [str(part) for part in command]
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_usual_environment() if environment is None else environment,
        )
        output = Output()
        reader = threading.Thread(target=output.follow, args=(process, ready), daemon=True)
        reader.start()
        output.decided.wait(START_SECONDS_MAX)
        if output.endpoint is None:
            process.kill()
            process.wait()
            reader.join()
            _close(process)
            raise DidNotStart(f"{' '.join(words)}\n{output.text}")
        return cls(process, output, reader)

    @classmethod
    def serve(cls, *options: str | Path) -> ServerProcess:
        """Start `headwater serve` on a free port of the loopback."""
        return cls.start([HEADWATER, "serve", "--port", "0", *options])

    def stop(self) -> int:
        """Ask it to stop, as a terminal or a service manager does, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
        return self._end()

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.process.kill()
        self._end()

    def _end(self) -> int:
        status = self.process.wait()
        self._reader.join()
        _close(self.process)
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.stop()
        else:
            self._end()


def workers(server: ServerProcess) -> dict[str, int]:
    """The processes of a server of several, by their names, from its log in JSON."""
    found: dict[str, int] = {}
    for line in list(server.output.lines):
        if '"worker_ready"' in line:
            entry = json.loads(line)
            found[str(entry["worker"])] = entry["pid"]
    return found


def _usual_environment() -> dict[str, str]:
    """This process's environment, but compiled modules are kept, as they are for a user.

    A machine for tests may say otherwise, and each server would then compile itself for a second.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _close(process: subprocess.Popen[str]) -> None:
    if process.stdout is not None:
        process.stdout.close()
