"""A server in a process of its own, in memory, with the lab, on a free port.

It ends with the process that started it, however that ends: the server's standard input is a pipe
that the other holds, and its end is the sign to stop.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from types import TracebackType
from typing import IO, Any, Final, Self

_OPTIONS: Final = ("--memory", "--lab", "--port", "0", "--transition-seconds", "0")
_PACKAGE: Final = "headwater.testing"
_READY: Final = re.compile(r"is ready at (https?://\S+),")
_STOP_SECONDS: Final = 20.0


class DidNotStart(Exception):
    """The server ended before it was ready; the text is what it printed."""


class Server:
    """A server that runs. Made by `start`; stops at the end of a `with`."""

    def __init__(self, endpoint: str, process: subprocess.Popen[str]) -> None:
        self.endpoint = endpoint
        self._process = process

    @classmethod
    def start(cls, *options: str, log: IO[Any] | None = None) -> Server:
        """Start a server and return once it answers.

        options: more of `headwater serve`. log: a file for what it logs; None is standard error.
        Raises DidNotStart.
        """
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", _PACKAGE, "serve", *_OPTIONS, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=_environment(),
        )
        assert process.stdout is not None, "it is piped"
        printed = ""
        for line in process.stdout:
            printed += line
            if ready := _READY.search(line):
                return cls(ready[1], process)
        server = cls("", process)
        server.stop()
        raise DidNotStart(printed or "the server ended at once; see its log")

    def stop(self) -> int:
        """Stop it and return its exit status; a second time does nothing more."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            return process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _environment() -> dict[str, str]:
    """This process's, without the settings of another server."""
    return {name: text for name, text in os.environ.items() if not name.startswith("HEADWATER_")}
