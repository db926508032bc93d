"""A data stream that a table's changes go to, as the table's record holds it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StreamingStatus(StrEnum):
    """The state of a table's way to a data stream."""

    ENABLING = "ENABLING"
    ACTIVE = "ACTIVE"
    DISABLING = "DISABLING"
    DISABLED = "DISABLED"
    ENABLE_FAILED = "ENABLE_FAILED"
    UPDATING = "UPDATING"

    @property
    def is_off(self) -> bool:
        return self in (StreamingStatus.DISABLED, StreamingStatus.ENABLE_FAILED)


@dataclass(frozen=True, slots=True)
class StreamingDestination:
    """A data stream that a table's changes are put into.

    precision: of times there, MILLISECOND or MICROSECOND; None if it was not said. reason: why it
    could not be enabled. turn: grows each time it is enabled.
    """

    stream_arn: str
    status: StreamingStatus
    precision: str | None = None
    reason: str = ""
    turn: int = 1
