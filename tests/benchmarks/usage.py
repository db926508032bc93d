"""CPU time and resident memory of a process and its children, from Linux's /proc."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
IDLE_WATCH_SECONDS = 0.25
IDLE_CPU_SHARE = 0.2
IDLE_WAIT_SECONDS_MAX = 60.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def is_measurable() -> bool:
    return (PROC / "self" / "stat").exists()


def cpu_seconds(process: int) -> float:
    """CPU time, user and system, that a process and its living descendants have used so far."""
    ticks = 0
    for member in family(process):
        fields = _stat(member)
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_SECOND


def await_idle(process: int) -> None:
    """Return when a process has stopped working, or after a while in any case.

    A slow server still works at requests whose connections are gone, and would take the processor
    from the next measurement.
    """
    end = time.monotonic() + IDLE_WAIT_SECONDS_MAX
    before = -1.0
    while (used := cpu_seconds(process)) > before + IDLE_CPU_SHARE * IDLE_WATCH_SECONDS:
        if time.monotonic() > end:
            return
        before = used
        time.sleep(IDLE_WATCH_SECONDS)


def resident_bytes(process: int) -> int:
    """Memory of a process and its descendants; what they share is counted for each."""
    return sum(
        int((PROC / str(member) / "statm").read_text().split()[1]) * PAGE_BYTES
        for member in family(process)
    )


def peak_bytes(process: int) -> int:
    """The most memory that a process, without its descendants, has been resident with."""
    status = (PROC / str(process) / "status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def disk_read_bytes(process: int) -> int:
    """What a process has had read from disks, because the system did not have it in memory."""
    told = (PROC / str(process) / "io").read_text()
    return int(told.partition("\nread_bytes:")[2].split()[0])


def family(process: int) -> list[int]:
    """A process and its descendants."""
    members = [process]
    for member in members:
        for task in (PROC / str(member) / "task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread ended
                members += [int(child) for child in (task / "children").read_text().split()]
    return members


def _stat(process: int) -> list[str]:
    """The fields of /proc/PID/stat after the command's name, which may hold blanks."""
    return (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
