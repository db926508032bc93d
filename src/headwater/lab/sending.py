"""What became of the message that tells a failure destination of records that were given up.

    state       when
    ---------   ------------------------------------------------------------------------
    Waiting     it is in the outbox, and has been tried so many times
    Delivered   its destination has it
    Lost        it was tried to the last, or too many waited
    Unknown     it has left the outbox, and how is not remembered

A message that has left the outbox is remembered in memory, as what happens to records is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from headwater.mappings.report import Subject, subject_of
from headwater.outbox import message as messages
from headwater.outbox.message import Message
from headwater.storage import delivery_keys
from headwater.storage.engine import Engine
from headwater.streams import listing

_REMEMBERED_MAX: Final = 10_000


class SendState(StrEnum):
    """See the module."""

    WAITING = "Waiting"
    DELIVERED = "Delivered"
    LOST = "Lost"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Sending:
    """How the sending of a message stands.

    attempts: those in vain. at: epoch second of the next attempt, or when it left the outbox; None
    if that is not known.
    """

    state: SendState
    attempts: int = 0
    at: float | None = None


class Departures:
    """The messages of mappings that have left the outbox, the latest 10,000."""

    def __init__(self) -> None:
        self._left: deque[tuple[Subject, Sending]] = deque(maxlen=_REMEMBERED_MAX)

    def note(self, message: Message, at: float, *, is_delivered: bool) -> None:
        """Remember how a message left, if it is a mapping's."""
        subject = subject_of(message)
        if subject is not None:
            state = SendState.DELIVERED if is_delivered else SendState.LOST
            self._left.append((subject, Sending(state, message.attempts, at)))

    async def sending(self, engine: Engine, subject: Subject) -> Sending:
        """How the latest message about these records stands."""
        async for key, stored in listing.entries(engine, delivery_keys.outbox_span()):
            message = messages.decode(stored)
            if subject_of(message) == subject:
                due_at = delivery_keys.due_us_of_message(key) / 1e6
                return Sending(SendState.WAITING, message.attempts, due_at)
        left = [sending for each, sending in self._left if each == subject]
        return left[-1] if left else Sending(SendState.UNKNOWN)
