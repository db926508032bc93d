"""The operating system's side of a worker: start it, read what it prints, watch it, kill it.

A process has a session of its own, so killing reaches its children too; its standard input is
empty, its output and errors share one pipe, and it inherits no other file. Its own limits are set
by bootstrap/launch.py. Knows nothing of invocations.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from headwater.functions.memory import Memory

_READ_BYTES = 64 * 1024
# A worker that prints without end must not hold the event loop when its output is drained.
_DRAIN_READS_MAX = 16


@dataclass(frozen=True, slots=True)
class Command:
    """What to start: the words, the folder to stand in, and the whole environment.

    is_sandboxed: the words start a sandbox, whose child's child is the process that is meant.
    """

    words: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    is_sandboxed: bool = False


class Process:
    """A running process; made by `start`."""

    def __init__(
        self, output: int, printed: Callable[[bytes], None], *, is_sandboxed: bool
    ) -> None:
        self._output = output
        self._is_sandboxed = is_sandboxed
        self._printed = printed
        self._transport: asyncio.SubprocessTransport | None = None
        self._memory: Memory | None = None
        self._is_open = True
        self._pid = 0

    def connected(self, transport: asyncio.SubprocessTransport) -> None:
        """It has been started. Called once, before anything else is reported of it."""
        self._transport = transport
        self._pid = transport.get_pid()
        self._memory = Memory(self._pid, is_sandboxed=self._is_sandboxed)
        asyncio.get_running_loop().add_reader(self._output, self._readable)

    def is_alive(self) -> bool:
        """Whether it still runs, asking the system: its end may not have been reported yet."""
        if self._transport is None or self._transport.get_returncode() is not None:
            return False
        try:
            done = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return done is None

    def kill(self) -> None:
        """End the process and its children at once; their end is reported as usual."""
        if self._transport is not None and self._transport.get_returncode() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)

    def drain(self) -> None:
        """Read what it has printed up to now."""
        for _ in range(_DRAIN_READS_MAX):
            if not self._read():
                return

    def memory_used_bytes(self) -> int | None:
        """The most memory it has had resident with its children, where the system tells."""
        return None if self._memory is None else self._memory.most()

    def memory_bytes(self) -> int | None:
        """The memory it and its children have resident now, where the system tells."""
        return None if self._memory is None else self._memory.now()

    def ended(self) -> None:
        """Read the rest of its output and let go of it. Called once, when it has exited."""
        assert self._transport is not None
        assert self._pid > 1  # zero would name our own group
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)  # children it left behind
        self.drain()
        self.close()
        self._transport.close()

    def close(self) -> None:
        """Close our ends of it."""
        if self._is_open:
            self._is_open = False
            asyncio.get_running_loop().remove_reader(self._output)
            os.close(self._output)
        if self._memory is not None:
            self._memory.close()

    def _readable(self) -> None:
        if not self._read() and self._is_open:
            # Nothing to read although woken: every writer has closed its end.
            asyncio.get_running_loop().remove_reader(self._output)

    def _read(self) -> bool:
        if not self._is_open:
            return False
        try:
            chunk = os.read(self._output, _READ_BYTES)
        except BlockingIOError:
            return False
        if chunk:
            self._printed(chunk)
        return bool(chunk)


async def start(
    command: Command, printed: Callable[[bytes], None], exited: Callable[[int], None]
) -> Process:
    """Start a process.

    printed: called with what it writes. exited: called once with its exit status, or its signal as
    a negative number, after the last of its output; perhaps before this returns.
    Raises OSError if it cannot be started, ValueError if a word or variable cannot be passed.
    """
    output, pipe = os.pipe()
    os.set_blocking(output, False)
    process = Process(output, printed, is_sandboxed=command.is_sandboxed)
    try:
        await asyncio.get_running_loop().subprocess_exec(
            lambda: _Watch(process, exited),
            *command.words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            cwd=command.folder,
            env=dict(command.environment),
            start_new_session=True,
        )
    except (OSError, ValueError):
        process.close()
        raise
    finally:
        os.close(pipe)
    return process


class _Watch(asyncio.SubprocessProtocol):
    def __init__(self, process: Process, exited: Callable[[int], None]) -> None:
        self._process = process
        self._exited = exited
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._process.connected(self._transport)

    def process_exited(self) -> None:
        assert self._transport is not None
        status = self._transport.get_returncode()
        assert status is not None
        self._process.ended()
        self._exited(status)
