"""What is asked of a sink, by a client or in the configuration file: checked, as values.

Members bear the names of the file (`batch_size`); the API has the same in its own case
(`BatchSize`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from headwater.consumers.filter import InvalidPattern, RecordFilter
from headwater.limits import MB, filters_max
from headwater.sinks import kinds, settings
from headwater.sinks.kind import InvalidSettings, Kind
from headwater.sinks.sink import Manner, Start
from headwater.sinks.transform import Expression

_NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,128}", re.ASCII)
_BATCH_BYTES_MAX: Final = 256 * MB
_WINDOW_SECONDS_MAX: Final = 86_400.0
_SECONDS_MAX: Final = 2**40  # of a moment
_IDENTITY: Final = frozenset({"name", "table", "kind", "start"})
_MANNER: Final = frozenset(
    {
        "settings",
        "batch_size",
        "batch_bytes",
        "batch_window_seconds",
        "filters",
        "transform",
        "transform_function",
        "failure_destination",
    }
)
MEMBERS: Final = _IDENTITY | _MANNER


@dataclass(frozen=True, slots=True)
class SinkRequest:
    """A sink that is asked for."""

    name: str
    table_name: str
    kind: Kind
    start: Start
    manner: Manner


def request(members: Mapping[str, Any]) -> SinkRequest:
    """What a whole definition asks for. Raises InvalidSettings."""
    _refuse_unknown(members, MEMBERS)
    kind = kinds.kind(_text(members, "kind"))
    pace = kind.pace
    usual = Manner({}, pace.batch_records, pace.batch_bytes, pace.window_seconds)
    return SinkRequest(
        checked_name(members),
        _text(members, "table"),
        kind,
        _first_start(members),
        changed(kind, usual, {name: members[name] for name in members if name in _MANNER}),
    )


def changed(kind: Kind, manner: Manner, members: Mapping[str, Any]) -> Manner:
    """A manner with what is asked to be otherwise. Raises InvalidSettings."""
    _refuse_unknown(members, _MANNER)
    given = members.get("settings", manner.settings)
    if not isinstance(given, Mapping):
        raise InvalidSettings("settings must be a table of names and values")
    settings.parse(kind, given)
    records, size = manner.batch_records_max, manner.batch_bytes_max
    window = _number(members, "batch_window_seconds", manner.window_seconds)
    if not 0 <= window <= _WINDOW_SECONDS_MAX:
        raise InvalidSettings(f"batch_window_seconds is not between 0 and {_WINDOW_SECONDS_MAX:g}")
    made = Manner(
        dict(given),
        _count(members, "batch_size", records, kind.pace.batch_records_max),
        _count(members, "batch_bytes", size, _BATCH_BYTES_MAX),
        window,
        _patterns(members.get("filters", manner.patterns)),
        _text(members, "transform", manner.transform),
        _text(members, "transform_function", manner.function),
        _text(members, "failure_destination", manner.failure_destination),
    )
    if made.transform and made.function:
        raise InvalidSettings("a sink has a transform or a transform_function, not both")
    if made.transform:
        Expression(made.transform)
    return made


def checked_name(members: Mapping[str, Any]) -> str:
    """The sink's name. Raises InvalidSettings."""
    name = _text(members, "name")
    if not _NAME.fullmatch(name):
        raise InvalidSettings("name must be 1 to 128 letters, digits, '_', '.' or '-'")
    return name


def replay_start(members: Mapping[str, Any]) -> tuple[Start, float | None]:
    """Where another round is to begin, and at which epoch second. Raises InvalidSettings."""
    begin = _start(members, "from", tuple(Start))
    moment = members.get("timestamp")
    if (moment is None) is (begin is Start.AT_TIMESTAMP):
        raise InvalidSettings("timestamp is for AT_TIMESTAMP, which needs it")
    if moment is not None and (type(moment) not in (int, float) or not 0 <= moment < _SECONDS_MAX):
        raise InvalidSettings("timestamp must be an epoch second")
    return begin, moment


def _first_start(members: Mapping[str, Any]) -> Start:
    """Where a new sink is to begin. Raises InvalidSettings."""
    return _start(members, "start", tuple(each for each in Start if each != Start.AT_TIMESTAMP))


def _start(members: Mapping[str, Any], member: str, known: Sequence[Start]) -> Start:
    given = members.get(member, Start.BACKFILL)
    if given not in known:
        raise InvalidSettings(f"{member} is not one of {', '.join(known)}")
    return Start(given)


def _refuse_unknown(members: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(members.keys() - known)
    if unknown:
        raise InvalidSettings(f"there is nothing called {unknown[0]} to be said of a sink")


def _patterns(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        raise InvalidSettings("filters must be a list of patterns, each a text of JSON")
    if len(given) > filters_max:
        raise InvalidSettings(f"filters holds at most {filters_max} patterns: {len(given)}")
    if given:
        try:
            RecordFilter(given)
        except InvalidPattern as error:
            raise InvalidSettings(f"filters: {error}") from error
    return tuple(given)


def _text(members: Mapping[str, Any], name: str, usual: str | None = None) -> str:
    given = members.get(name, usual)
    if not isinstance(given, str):
        raise InvalidSettings(f"{name} must be a text")
    return given


def _number(members: Mapping[str, Any], name: str, usual: float) -> float:
    given = members.get(name, usual)
    if type(given) not in (int, float):
        raise InvalidSettings(f"{name} must be a number")
    return float(given)


def _count(members: Mapping[str, Any], name: str, usual: int, maximum: int) -> int:
    given = members.get(name, usual)
    if type(given) is not int or not 1 <= given <= maximum:
        raise InvalidSettings(f"{name} must be a whole number between 1 and {maximum}")
    return given
