"""A data directory that nobody serves, from its file's pages up to what its streams tell."""

from __future__ import annotations

from pathlib import Path

from headwater.audit.report import Report
from headwater.audit.whole import audit
from headwater.storage.engine import Unavailable
from headwater.storage.hold import hold_directory
from headwater.storage.scratch import Scratch
from headwater.storage.snapshot import FILE, Snapshot


async def verify(directory: Path, report: Report) -> None:
    """Look at everything in a data directory, which is held meanwhile and not changed.

    Raises StoreInUse if a server has it, Unavailable if there is no store that can be looked at.
    """
    if not (directory / FILE).is_file():
        raise Unavailable(f"there is no store in {directory}: {FILE} is missing")
    try:
        hold = hold_directory(directory)
    except OSError as error:
        raise Unavailable(f"the data directory {directory} cannot be used: {error}") from error
    try:
        snapshot = Snapshot(directory, is_held=True)
        try:
            await _verify(snapshot, report)
        finally:
            await snapshot.close()
    finally:
        hold.release()


async def _verify(snapshot: Snapshot, report: Report) -> None:
    section = report.section("file")
    section.count("stores")
    for fault in snapshot.faults(lambda: report.on_progress("file", 0)):
        section.fault(fault)
    try:
        await audit(snapshot, report, Scratch)
    except Unavailable as error:
        report.sections[-1].fault(str(error))
