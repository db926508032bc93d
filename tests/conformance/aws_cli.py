"""The AWS CLI as a user runs it, but for its start: a few processes run command after command."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any

PROGRAM = Path(sys.executable).with_name("aws")
_WORKER = Path(__file__).with_name("aws_cli_worker.py")
_STOP_SECONDS_MAX = 60


class _Worker:
    """A process that runs commands."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(self._stop)

    def run(self, words: list[str], environment: dict[str, str]) -> tuple[int, str, str]:
        """Run a command to its end: its exit code and what it prints, errors last."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([words, environment]), file=self._process.stdin, flush=True)
        code, out, err = json.loads(self._process.stdout.readline())
        return code, out, err

    def _stop(self) -> None:
        self._process.communicate(timeout=_STOP_SECONDS_MAX)


_idle: LifoQueue[_Worker] = LifoQueue()


def aws(*words: str | Path, **options: Any) -> Any:
    """Run a command and return what it prints, as JSON is read; None if it prints nothing.

    options: `table_name="t"` is `--table-name t`; True stands for an option without a value, and
        whatever is not text is given as JSON.
    Raises AssertionError with what the command says if it fails.
    """
    command = [*map(str, words), "--output", "json"]
    for name, value in options.items():
        command.append("--" + name.replace("_", "-"))
        if value is not True:
            command.append(value if isinstance(value, str) else json.dumps(value))
    try:
        worker = _idle.get_nowait()
    except Empty:
        worker = _Worker()
    code, out, err = worker.run(command, os.environ | {"AWS_PAGER": ""})
    _idle.put(worker)
    assert code == 0, f"aws {' '.join(command)}\n{err}"
    return json.loads(out) if out.strip() else None
