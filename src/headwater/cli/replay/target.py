"""What takes the records that are replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from headwater.cli.replay.batches import Bounds, Record
from headwater.consumer.recording import lambda_event
from headwater.consumers.filter import RecordFilter


class Refused(Exception):
    """The target did not take a batch, or cannot take any; the text says why."""


def wanted_by(patterns: Sequence[str], stream_arn: str) -> Callable[[Record], bool]:
    """Whether patterns of a filter, of which none lets everything through, want a record."""
    if not patterns:
        return lambda _: True
    record_filter = RecordFilter(patterns)

    def is_wanted(record: Record) -> bool:
        (rendered,) = lambda_event([record], stream_arn)["Records"]
        return record_filter.matches(rendered)

    return is_wanted


class Target(Protocol):
    """A function, a table. Its methods block; each raises Refused, and what boto3 raises."""

    @property
    def bounds(self) -> Bounds:
        """What one batch may hold."""

    def wants(self, record: Record) -> bool:
        """Whether a record is for it at all."""

    def deliver(self, records: Sequence[Record]) -> None:
        """Take records that follow all that it took before."""
