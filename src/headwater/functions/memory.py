"""How much memory a worker has: its process and all that it has started, where Linux tells.

Pages that several of them share are counted once, as they are on the machine that Lambda gives to a
function. A process whose parent has ended is found in a sandbox only, where its first process takes
it in. Of a crowd only the first are counted: to look at all would hold up the server. What the
system does not tell, for whatever reason, counts for nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from headwater.limits import function_processes_counted_max

# The sandbox starts a first process of its own within, and that one starts ours.
_SANDBOX_DEPTH = 2
_READ_BYTES = 4096


class Memory:
    """That of a process by its id; is_sandboxed: its child's child is the one that is meant."""

    def __init__(self, pid: int, *, is_sandboxed: bool) -> None:
        self._top = pid
        self._is_sandboxed = is_sandboxed
        self._main = 0  # not found yet
        self._status = -1
        self._most = 0

    def now(self) -> int | None:
        """Bytes that are resident now."""
        resident = self._own(b"VmRSS:")
        if resident is None:
            return None
        others = set(_descendants(self._parent_of_all())) - {self._main}
        if others:
            resident = sum(map(_resident_bytes, {self._main, *others}))
        self._most = max(self._most, resident)
        return resident

    def most(self) -> int | None:
        """The most bytes that were resident at once: the process's own exactly, others as seen."""
        return max(self._own(b"VmHWM:") or 0, self._most) or None

    def close(self) -> None:
        if self._status >= 0:
            os.close(self._status)
            self._status = -1

    def _parent_of_all(self) -> int:
        if not self._is_sandboxed:
            return self._main
        return next(iter(_children(self._top)), self._main)

    def _own(self, label: bytes) -> int | None:
        if self._status < 0 and not self._find():
            return None
        try:
            text = os.pread(self._status, _READ_BYTES, 0)
        except OSError:
            return None
        return _kib(text, label)

    def _find(self) -> bool:
        if not sys.platform.startswith("linux"):
            return False
        pid = self._top
        for _ in range(_SANDBOX_DEPTH * self._is_sandboxed):
            children = _children(pid)
            if not children:
                return False  # not there yet, or not any more
            pid = children[0]
        try:
            self._status = os.open(f"/proc/{pid}/status", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        self._main = pid
        return True


def _descendants(pid: int) -> list[int]:
    """The processes below one, nearest first; at most so many as can be looked at."""
    found = _children(pid)
    for each in found:
        if len(found) >= function_processes_counted_max:
            break
        found += _children(each)
    return found[:function_processes_counted_max]


def _children(pid: int) -> list[int]:
    """The children of a process, whichever of its threads has started them."""
    found: list[int] = []
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_bytes().split())
    except OSError:
        pass  # it ends meanwhile, and so do its threads
    return found


def _resident_bytes(pid: int) -> int:
    """Resident bytes of a process, its part of what it shares; all of that if that is not told."""
    for name, label in (("smaps_rollup", b"Pss:"), ("status", b"VmRSS:")):
        try:
            found = _kib(Path(f"/proc/{pid}/{name}").read_bytes(), label)
        except OSError:
            continue
        if found is not None:
            return found
    return 0


def _kib(text: bytes, label: bytes) -> int | None:
    _, found, rest = text.partition(label)
    return int(rest.split(maxsplit=1)[0]) * 1024 if found else None
