"""Holding a data directory, so that one server alone writes it.

The lock is the operating system's on an open file: it ends with the process, however that ends, so
nothing is ever left to be cleaned up by hand.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from headwater.storage.engine import StoreInUse


class DirectoryHold:
    """A directory held for this process; the lock file in it names the process."""

    def __init__(self, directory: Path) -> None:
        """Take the directory. Raises StoreInUse if another holder has it, OSError if it cannot."""
        self._descriptor = os.open(
            directory / "headwater.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644
        )
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._descriptor, 20).decode(errors="replace").strip() or "unknown"
            self.release()
            raise StoreInUse(
                f"the data directory {directory} is in use by another server (process {holder})"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, str(os.getpid()).encode())

    def release(self) -> None:
        """Let others take the directory."""
        os.close(self._descriptor)
