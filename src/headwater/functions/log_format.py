"""What Lambda itself says in a function's log, and which of the function's lines are kept; pure.

In the text format these are the lines START, END and REPORT, and every line is kept. In the JSON
format they are records of the platform, each of a level that a function can ask for:

    record                                  level
    --------------------------------------  -----------------------------------
    platform.initStart                      DEBUG, as no version of a runtime is told
    platform.initRuntimeDone, .initReport   DEBUG, WARN if the start failed
    platform.start                          INFO
    platform.runtimeDone                    DEBUG, WARN if the invocation failed
    platform.report                         INFO, WARN if the invocation failed

There the level of a function's own line is that of its member `level`, if the line is a JSON object
that bears a time, else INFO.
Source: AWS Lambda Developer Guide, "Log-level filtering", "Lambda Telemetry API Event schema
reference"; order of members as observed. A kind of failure that is none of Lambda's own is told as
`Runtime.Unknown`.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import orjson

from headwater import limits
from headwater.functions import outcome
from headwater.functions.outcome import Status, Usage

TEXT: Final = "Text"
JSON: Final = "JSON"
LEVEL_DEFAULT: Final = "INFO"
_LEVELS: Final = {"TRACE": 0, "DEBUG": 1, "INFO": 2, "WARN": 3, "ERROR": 4, "FATAL": 5}
_OTHER_NAMES: Final = {"WARNING": "WARN", "CRITICAL": "FATAL"}
_TIMES: Final = ("timestamp", "time", "Timestamp", "@timestamp", "ts")
_RFC_3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)"
)
_INIT: Final = {"initializationType": "on-demand", "phase": "init"}


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How a function's log is to be. Levels: the least that is kept; for the JSON format only."""

    format: str = TEXT
    application_level: str = LEVEL_DEFAULT
    system_level: str = LEVEL_DEFAULT


PLAIN: Final = LogSettings()


@dataclass(frozen=True, slots=True)
class Logger:
    """Whose log it is."""

    name: str
    arn: str
    version: str


class LogFormat(Protocol):
    """Lines of a log. now: epoch seconds; seconds: how long the start took."""

    def init_started(self, now: float) -> list[bytes]: ...

    def init_ended(self, now: float, status: Status, seconds: float) -> list[bytes]: ...

    def started(self, now: float, request_id: str) -> list[bytes]: ...

    def timed_out(self, now: float, request_id: str, timeout_seconds: int) -> list[bytes]: ...

    def exited(self, request_id: str, reason: str) -> list[bytes]: ...

    def ended(self, now: float, request_id: str, status: Status, usage: Usage) -> list[bytes]: ...

    def keeps(self, line: bytes) -> bool:
        """Whether a line that the function has printed is kept."""


def log_format(settings: LogSettings, logger: Logger) -> LogFormat:
    """The format that a function asks for."""
    return _Json(settings, logger) if settings.format == JSON else _Text(logger.version)


class _Text:
    def __init__(self, version: str) -> None:
        self._version = version

    def init_started(self, now: float) -> list[bytes]:
        return []

    def init_ended(self, now: float, status: Status, seconds: float) -> list[bytes]:
        return []

    def started(self, now: float, request_id: str) -> list[bytes]:
        return [outcome.start_line(request_id, self._version)]

    def timed_out(self, now: float, request_id: str, timeout_seconds: int) -> list[bytes]:
        return outcome.time_out_line(request_id, timeout_seconds, now).split(b"\n")

    def exited(self, request_id: str, reason: str) -> list[bytes]:
        return outcome.exit_line(request_id, reason).split(b"\n")

    def ended(self, now: float, request_id: str, status: Status, usage: Usage) -> list[bytes]:
        return list(outcome.end_lines(request_id, usage))

    def keeps(self, line: bytes) -> bool:
        return True


class _Json:
    def __init__(self, settings: LogSettings, logger: Logger) -> None:
        self._logger = logger
        self._least = _LEVELS[settings.application_level]
        self._least_of_system = _LEVELS[settings.system_level]

    def init_started(self, now: float) -> list[bytes]:
        logger = self._logger
        whose = {"functionName": logger.name, "functionVersion": logger.version}
        return self._record(now, "DEBUG", "initStart", {**_INIT, **whose})

    def init_ended(self, now: float, status: Status, seconds: float) -> list[bytes]:
        level = _level("DEBUG", status)
        ended = {**_INIT, **_told(status)}
        metrics = {"metrics": {"durationMs": _milliseconds(seconds)}}
        return [
            *self._record(now, level, "initRuntimeDone", ended),
            *self._record(now, level, "initReport", {**ended, **metrics}),
        ]

    def started(self, now: float, request_id: str) -> list[bytes]:
        logger = self._logger
        record = {"requestId": request_id, "functionArn": logger.arn, "version": logger.version}
        return self._record(now, "INFO", "start", record)

    def timed_out(self, now: float, request_id: str, timeout_seconds: int) -> list[bytes]:
        return []  # the status of the report says it

    def exited(self, request_id: str, reason: str) -> list[bytes]:
        return []  # as above

    def ended(self, now: float, request_id: str, status: Status, usage: Usage) -> list[bytes]:
        metrics: dict[str, Any] = {
            "durationMs": _milliseconds(usage.seconds),
            "producedBytes": usage.produced_bytes,
        }
        done = {"requestId": request_id, **_told(status), "metrics": metrics}
        report = {"requestId": request_id, "metrics": _reported(usage), **_told(status)}
        return [
            *self._record(now, _level("DEBUG", status), "runtimeDone", done),
            *self._record(now, _level("INFO", status), "report", report),
        ]

    def keeps(self, line: bytes) -> bool:
        return _LEVELS[_level_of(line)] >= self._least

    def _record(self, now: float, level: str, kind: str, record: dict[str, Any]) -> list[bytes]:
        if _LEVELS[level] < self._least_of_system:
            return []
        moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
        stamp = moment.replace("+00:00", "Z")
        return [orjson.dumps({"time": stamp, "type": f"platform.{kind}", "record": record})]


def _level(usual: str, status: Status) -> str:
    return usual if status.is_success else "WARN"


def _told(status: Status) -> dict[str, str]:
    if status.error_type is None:
        return {"status": status.name}
    return {"status": status.name, "errorType": status.error_type}


def _reported(usage: Usage) -> dict[str, Any]:
    spent = usage.seconds * 1000
    metrics: dict[str, Any] = {
        "durationMs": round(spent, 2),
        "billedDurationMs": math.ceil(spent),
        "memorySizeMB": usage.memory_mb,
    }
    if usage.memory_used_bytes is not None:
        metrics["maxMemoryUsedMB"] = math.ceil(usage.memory_used_bytes / limits.MB)
    if usage.init_seconds is not None:
        metrics["initDurationMs"] = round(usage.init_seconds * 1000, 2)
    return metrics


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _level_of(line: bytes) -> str:
    """The level of a line that a function has printed."""
    if not line.startswith(b"{"):
        return LEVEL_DEFAULT
    try:
        members = orjson.loads(line)
    except orjson.JSONDecodeError:
        return LEVEL_DEFAULT
    named = members.get("level")
    if not isinstance(named, str) or not any(_is_time(members.get(name)) for name in _TIMES):
        return LEVEL_DEFAULT
    level = named.upper()
    level = _OTHER_NAMES.get(level, level)
    return level if level in _LEVELS else LEVEL_DEFAULT


def _is_time(value: object) -> bool:
    match = _RFC_3339.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return False
    with suppress(ValueError):
        return bool(datetime.fromisoformat(match[1].upper()))
    return False
