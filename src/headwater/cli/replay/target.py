"""What takes the records that are replayed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from headwater.cli.replay.batches import Bounds, Record


class Refused(Exception):
    """The target did not take a batch, or cannot take any; the text says why."""


class Target(Protocol):
    """A function, a table. Its methods block; each raises Refused, and what boto3 raises."""

    @property
    def bounds(self) -> Bounds:
        """What one batch may hold."""

    def wants(self, record: Record) -> bool:
        """Whether a record is for it at all."""

    def deliver(self, records: Sequence[Record]) -> None:
        """Take records that follow all that it took before."""
