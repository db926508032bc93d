"""How an invocation ended, in AWS's words; pure.

Texts as Lambda gives them: `Sandbox.Timedout`, `Runtime.ExitError`,
`Function.ResponseSizeTooLarge`, and the START, END and REPORT lines of its text log
(AWS Lambda Developer Guide, "Troubleshoot invocation issues" and "Viewing CloudWatch logs").
"""

from __future__ import annotations

import math
import re
import signal
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import orjson

from headwater import limits
from headwater.clock import Chance

_KNOWN_KIND: Final = re.compile(r"(?:Runtime|Function)\.[A-Z][A-Za-z]+")


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """What the caller of a function is given.

    error: None if the function returned; "Unhandled" if it failed in any way.
    log_tail: the last 4 KB of the invocation's log.
    started_at: the clock's time when the runtime took the event, or when its start failed.
    """

    payload: bytes
    error: Literal["Unhandled"] | None
    log_tail: bytes
    executed_version: str
    started_at: float


@dataclass(frozen=True, slots=True)
class Status:
    """How a start or an invocation went. error_type: Lambda's word for what failed, if it did."""

    name: Literal["success", "error", "timeout"]
    error_type: str | None = None

    @property
    def is_success(self) -> bool:
        return self.name == "success"


SUCCESS: Final = Status("success")
TIMED_OUT: Final = Status("timeout")
EXITED: Final = Status("error", "Runtime.ExitError")


@dataclass(frozen=True, slots=True)
class Usage:
    """What the report says; init_seconds only for the first invocation of a worker.

    produced_bytes: of the function's result.
    """

    seconds: float
    memory_mb: int
    memory_used_bytes: int | None
    init_seconds: float | None
    produced_bytes: int = 0


def failure(account: bytes) -> Status:
    """The status of what failed with this account."""
    kind = None
    with suppress(orjson.JSONDecodeError):
        members = orjson.loads(account)
        kind = members.get("errorType") if isinstance(members, dict) else None
    is_known = isinstance(kind, str) and _KNOWN_KIND.fullmatch(kind)
    return Status("error", kind if is_known else "Runtime.Unknown")


def time_out(request_id: str, seconds: int) -> bytes:
    text = f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
    return orjson.dumps({"errorType": "Sandbox.Timedout", "errorMessage": text})


def exit_error(request_id: str, reason: str) -> bytes:
    text = f"RequestId: {request_id} Error: {reason}"
    return orjson.dumps({"errorType": "Runtime.ExitError", "errorMessage": text})


def result_too_large() -> bytes:
    size = limits.function_result_bytes_max
    text = f"Response payload size exceeded maximum allowed payload size ({size} bytes)."
    return orjson.dumps({"errorMessage": text, "errorType": "Function.ResponseSizeTooLarge"})


def start_error(request_id: str, account: bytes) -> bytes:
    """A runtime's account of a failed start, with the id of the invocation it answers."""
    try:
        members = orjson.loads(account)
    except orjson.JSONDecodeError:
        return account
    if isinstance(members, dict) and members.get("requestId") == "":
        return orjson.dumps({**members, "requestId": request_id})
    return account


def exit_reason(status: int) -> str:
    """Why a process is gone: its exit status, or its signal as a negative number."""
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    name = signal.strsignal(-status) or f"signal {-status}"
    return f"Runtime exited with error: signal: {name.lower()}"


def start_line(request_id: str, version: str) -> bytes:
    return f"START RequestId: {request_id} Version: {version}".encode()


def time_out_line(request_id: str, seconds: int, now: float) -> bytes:
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    stamp = moment.replace("+00:00", "Z")
    return f"{stamp} {request_id} Task timed out after {seconds:.2f} seconds\n".encode()


def exit_line(request_id: str, reason: str) -> bytes:
    return f"RequestId: {request_id} Error: {reason}\nRuntime.ExitError".encode()


def end_lines(request_id: str, usage: Usage) -> tuple[bytes, bytes]:
    """The END and the REPORT line."""
    spent = usage.seconds * 1000
    report = (
        f"REPORT RequestId: {request_id}\tDuration: {spent:.2f} ms\t"
        f"Billed Duration: {math.ceil(spent)} ms\tMemory Size: {usage.memory_mb} MB\t"
    )
    if usage.memory_used_bytes is not None:
        report += f"Max Memory Used: {math.ceil(usage.memory_used_bytes / limits.MB)} MB\t"
    if usage.init_seconds is not None:
        report += f"Init Duration: {usage.init_seconds * 1000:.2f} ms\t"
    return f"END RequestId: {request_id}".encode(), report.encode()


def trace_id(now: float, chance: Chance) -> str:
    """What tracers call an invocation that nobody samples, as X-Ray writes it."""
    root, parent = chance.token(12).hex(), chance.token(8).hex()
    return f"Root=1-{int(now):08x}-{root};Parent={parent};Sampled=0"


def day(now: float) -> str:
    """A moment's day as the names of log streams begin: `2026/11/23`."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y/%m/%d")
