"""Processes that tell what they do, a line each, and waiting for what they have told."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

END_SECONDS_MAX = 120.0


class Told:
    """The lines of several processes, in the order in which they arrived, with who said each."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, list[str]]] = []
        self._changed = threading.Condition()

    def add(self, name: str, line: str) -> None:
        with self._changed:
            self.lines.append((name, line.split()))
            self._changed.notify_all()

    def words(self, kind: str, name: str | None = None) -> list[list[str]]:
        """What follows a line's first word, of one process or of all."""
        return [
            words[1:]
            for who, words in list(self.lines)
            if words and words[0] == kind and name in (None, who)
        ]

    def wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Whether a condition on the lines came to hold within so many seconds."""
        with self._changed:
            return self._changed.wait_for(holds, seconds)


class Talker:
    """A process whose output goes line by line to a `Told`; ended on leaving `with`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        told: Told,
        errors: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """errors: the file that takes what it writes beside its output."""
        self.name = name
        with errors.open("w") as stream:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                env=environment,
            )
        self._reader = threading.Thread(target=self._follow, args=(told,), daemon=True)
        self._reader.start()

    def _follow(self, told: Told) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told.add(self.name, line)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.process.kill()
        self.process.wait(END_SECONDS_MAX)
        self._reader.join()

    def stop(self) -> int:
        """Ask it to stop, and return its exit status."""
        self.process.terminate()
        return self.process.wait(END_SECONDS_MAX)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()
