"""Holding a data directory, so that one server alone writes it.

The lock is the operating system's on an open file: it ends with the last process that has the file
open, however that ends, so nothing is ever left to be cleaned up by hand. A server of several
processes takes it once and has each of them inherit the open file.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from headwater.storage.engine import StoreInUse


class DirectoryHold:
    """A directory held; the lock file in it names the process that took it."""

    def __init__(self, descriptor: int) -> None:
        """A hold that was inherited: the descriptor of one that `hold_directory` took."""
        self.descriptor = descriptor

    def release(self) -> None:
        """Let others take the directory, once every process that shares the hold has done so."""
        os.close(self.descriptor)


def hold_directory(directory: Path) -> DirectoryHold:
    """Take a directory. Raises StoreInUse if another server has it, OSError if it cannot."""
    descriptor = os.open(directory / "headwater.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    hold = DirectoryHold(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
        hold.release()
        raise StoreInUse(
            f"the data directory {directory} is in use by another server (process {holder})"
        ) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return hold
