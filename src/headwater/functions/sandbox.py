"""A sandbox for workers: bubblewrap, where this machine has it and lets it work.

In it a worker sees the machine's files but cannot change them; the data directory and what else is
secret are empty to it, but for its own code; `/tmp` is its own folder; and it sees no process but
its own, which end with it. The network is the machine's: the function must reach its server. It
has no capability but those to become another user, which are gone when it has.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

TMP: Final = Path("/tmp")  # noqa: S108 - the sandbox's own
_PROGRAM: Final = "bwrap"
_SIGNALS: Final = 128  # by which a shell, and this program, tell signals from exit statuses
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How to start a program in a sandbox.

    hidden: folders and files that are there, and must look empty. shown: folders that may lie in
    what is hidden or in `/tmp`, and are seen all the same.
    """

    program: Path
    hidden: Sequence[Path]
    shown: Sequence[Path]

    def words(self, scratch: Path, code: Sequence[Path]) -> list[str]:
        """What to write before a program's own words. scratch: becomes `/tmp`."""
        words = [str(self.program), "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
        for path in self.hidden:
            if path.is_dir():
                words += ["--tmpfs", str(path)]
            else:
                words += ["--ro-bind", "/dev/null", str(path)]
        words += ["--bind", str(scratch), str(TMP)]
        covers = (TMP, *self.hidden)
        for folder in (*self.shown, *(path.resolve() for path in code)):
            if any(folder.is_relative_to(cover) for cover in covers):
                words += ["--ro-bind-try", str(folder), str(folder)]
        words += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"]
        return [*words, "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]


def end_of(status: int) -> int:
    """The exit status of what ran in a sandbox, its signal as a negative number."""
    return _SIGNALS - status if status > _SIGNALS else status


async def find_sandbox(hidden: Sequence[Path], shown: Sequence[Path]) -> Sandbox | None:
    """The sandbox of this machine, tried once; the log says what came of it."""
    if not sys.platform.startswith("linux"):
        return None
    program = shutil.which(_PROGRAM)
    if program is None:
        _log.info("functions_not_sandboxed", reason="bubblewrap is not installed")
        return None
    # What lies in /tmp is covered by the sandbox's own.
    there = [path.resolve() for path in hidden if path.exists()]
    outside = tuple(path for path in there if not path.is_relative_to(TMP))
    sandbox = Sandbox(Path(program), outside, [path.resolve() for path in shown])
    with tempfile.TemporaryDirectory() as scratch:
        fault = await _try(sandbox, Path(scratch))
    if fault is not None:
        _log.warning("functions_not_sandboxed", reason=fault)
        return None
    _log.info("functions_sandboxed", program=program)
    return sandbox


async def _try(sandbox: Sandbox, scratch: Path) -> str | None:
    """Why the sandbox does not work here, or None."""
    process = await asyncio.create_subprocess_exec(
        *sandbox.words(scratch, ()),
        sys.executable,
        "-c",
        "",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    if process.returncode == 0:
        return None
    lines = errors.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"bubblewrap ended with status {process.returncode}"
