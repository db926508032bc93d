"""A disk that can be told to be full, or to fail, beneath SQLite: every file it opens is on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

_NAME = "headwater-faulty"


class FaultyDisk(apsw.VFS):
    """fault: what writes, or with `is_sync` only syncs, raise from now on; None is a good disk.

    after: how many of them still succeed before.
    """

    def __init__(self, beneath: str) -> None:
        super().__init__(_NAME, base=beneath)
        self.beneath = beneath
        self.fault: type[apsw.Error] | None = None
        self.is_sync = False
        self.after = 0

    def xOpen(self, name: Any, flags: list[int]) -> _File:  # noqa: N802 - SQLite's name
        return _File(self, name, flags)

    def strike(self, *, is_sync: bool) -> None:
        """Fail, if it is time to."""
        if self.fault is None or is_sync != self.is_sync:
            return
        if self.after > 0:
            self.after -= 1
            return
        raise self.fault


class _File(apsw.VFSFile):
    def __init__(self, disk: FaultyDisk, name: Any, flags: list[int]) -> None:
        super().__init__(disk.beneath, name, flags)
        self._disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.strike(is_sync=False)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.strike(is_sync=True)
        super().xSync(flags)


@contextmanager
def faulty_disk() -> Iterator[FaultyDisk]:
    """Have every connection that is opened meanwhile use the disk."""
    before = apsw.vfs_names()[0]
    disk = FaultyDisk(before)
    apsw.set_default_vfs(_NAME)
    try:
        yield disk
    finally:
        apsw.set_default_vfs(before)
        disk.unregister()
