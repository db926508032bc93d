"""Places in a shard to read from, and their texts in the lease table.

    TRIM_HORIZON          the oldest record there is
    AT_TIMESTAMP 1700.5   the first record made at an epoch second or later
    123                   behind the record with this sequence number
    SHARD_END             behind the last record of a closed shard
    LATEST                behind the newest record: a place only until it is asked for

LATEST never stands in a lease table: whoever read it back would begin elsewhere. A consumer that is
to start at the latest record starts at the second in which it first began (`start_of`), and so do
all shards it meets, children too: nothing that is written after it is lost to a crash before the
first checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias


@dataclass(frozen=True, slots=True)
class TrimHorizon:
    """The oldest record there is."""


@dataclass(frozen=True, slots=True)
class Latest:
    """Behind the newest record, now."""


@dataclass(frozen=True, slots=True)
class AtTimestamp:
    """The first record made at an epoch second or later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class After:
    """Behind the record with this sequence number."""

    number: int


@dataclass(frozen=True, slots=True)
class ShardEnd:
    """Behind the last record of a closed shard."""


Start: TypeAlias = TrimHorizon | Latest | AtTimestamp
Position: TypeAlias = Start | After | ShardEnd

TRIM_HORIZON: Final = TrimHorizon()
LATEST: Final = Latest()
SHARD_END: Final = ShardEnd()
_NAMES: Final[dict[str, Position]] = {"TRIM_HORIZON": TRIM_HORIZON, "SHARD_END": SHARD_END}
_AT: Final = "AT_TIMESTAMP "
_SEQUENCE_DIGITS_MIN: Final = 21


def start_of(start: Start, now: float) -> TrimHorizon | AtTimestamp:
    """A start as it can be stored, at an epoch second.

    Whole seconds, because that is how finely AWS tells when a record was made.
    """
    match start:
        case Latest():
            return AtTimestamp(float(int(now)))
        case _:
            return start


def text_of(position: Position) -> str:
    """A position as a lease table holds it."""
    match position:
        case TrimHorizon():
            return "TRIM_HORIZON"
        case ShardEnd():
            return "SHARD_END"
        case AtTimestamp(seconds):
            return f"{_AT}{seconds!r}"
        case After(number):
            return sequence_text(number)
        case Latest():
            raise AssertionError("a start is stored as the second that it means")


def parse(text: str) -> Position:
    """A position from its text; raises ValueError for what is none."""
    if text in _NAMES:
        return _NAMES[text]
    if text.startswith(_AT):
        return AtTimestamp(float(text.removeprefix(_AT)))
    return After(int(text))


def sequence_text(number: int) -> str:
    """A sequence number as a request holds it; the service wants at least 21 digits."""
    return f"{number:0{_SEQUENCE_DIGITS_MIN}d}"


def iterator_members(position: Position) -> dict[str, Any]:
    """The members of a GetShardIterator request that say where."""
    match position:
        case TrimHorizon():
            return {"ShardIteratorType": "TRIM_HORIZON"}
        case Latest():
            return {"ShardIteratorType": "LATEST"}
        case AtTimestamp(seconds):
            moment = datetime.fromtimestamp(seconds, UTC)
            return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": moment}
        case After(number):
            return {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "SequenceNumber": sequence_text(number),
            }
        case ShardEnd():
            raise AssertionError("there is nothing to read behind a shard's end")
