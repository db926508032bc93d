"""A data directory that nobody serves, from its file's pages up to what its streams tell."""

from __future__ import annotations

from pathlib import Path

from headwater.audit.report import Report, Section
from headwater.audit.whole import audit
from headwater.storage.engine import Unavailable
from headwater.storage.hold import hold_directory
from headwater.storage.scratch import Scratch
from headwater.storage.snapshot import FILE, Snapshot


async def verify(directory: Path, report: Report) -> None:
    """Look at everything in a data directory, which is held meanwhile and not changed.

    A store that cannot be read, or not to its end, is a fault.
    Raises StoreInUse if a server has the directory, Unavailable if there is no store in it.
    """
    if not (directory / FILE).is_file():
        raise Unavailable(f"there is no store in {directory}: {FILE} is missing")
    try:
        hold = hold_directory(directory)
    except OSError as error:
        raise Unavailable(f"the data directory {directory} cannot be used: {error}") from error
    section = report.section("file")
    section.count("stores")
    try:
        snapshot = Snapshot(directory, is_held=True)
        try:
            await _verify(snapshot, report, section)
        finally:
            await snapshot.close()
    except Unavailable as error:  # what can be read no further is what was looked for
        report.sections[-1].fault(str(error))
    finally:
        hold.release()


async def _verify(snapshot: Snapshot, report: Report, section: Section) -> None:
    for fault in snapshot.faults(lambda: report.on_progress("file", 0)):
        section.fault(fault)
    await audit(snapshot, report, Scratch)
