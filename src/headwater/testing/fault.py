"""Faults of the lab as values. What each does is told in the guide to tests of consumers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, TypeAlias

READS: Final = ("GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan")
"""Operations that read items."""

WRITES: Final = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
"""Operations that write items."""

Kind: TypeAlias = Literal[
    "Throttled",
    "InternalServerError",
    "AnswerLost",
    "Slow",
    "Unprocessed",
    "TransactionConflict",
    "TransactionInProgress",
    "EmptyPage",
    "LimitExceeded",
    "DeliveryFailed",
    "DeliveredTwice",
    "CrashBeforeCheckpoint",
]

_NAMES: Final = {"tables": "TableNames", "streams": "StreamArns", "shards": "ShardIds"}


@dataclass(frozen=True)
class Fault:
    """What happens, to what, and how often. What is not given is no bound.

    operations: by AWS's names; `Delivery` is a batch's delivery to a function. tables: names.
    streams: ARNs. consumers: ids of event source mappings, or access keys of who asks.
    rate: probability. every: each nth. skip: the first so many are spared. count: at most so often.
    seconds: of Slow. share: of a batch's members, of Unprocessed. readers: LimitExceeded strikes
    those beyond so many. error: the code of Throttled.
    """

    kind: Kind
    operations: Sequence[str] = ()
    tables: Sequence[str] = ()
    streams: Sequence[str] = ()
    shards: Sequence[str] = ()
    consumers: Sequence[str] = ()
    rate: float | None = None
    every: int | None = None
    skip: int | None = None
    count: int | None = None
    seconds: float | None = None
    share: float | None = None
    readers: int | None = None
    error: str | None = None

    def on_the_wire(self) -> dict[str, Any]:
        """The fault as SetFaults takes it."""
        said = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in (None, ()):
                name = _NAMES.get(field.name, field.name.capitalize())
                said[name] = list(value) if isinstance(value, list | tuple) else value
        return said


@dataclass(frozen=True)
class Encounter:
    """A request or delivery that was struck.

    fault: the place of the fault in the list. number: of this one among those it could strike. Both
    count from 0. time: epoch second of the lab's clock.
    """

    fault: int
    kind: str
    number: int
    operation: str
    tables: Sequence[str]
    stream: str | None
    shard: str | None
    consumer: str | None
    time: float


def encounter(said: Mapping[str, Any]) -> Encounter:
    """An encounter as DescribeFaults tells it."""
    return Encounter(
        said["Fault"],
        said["Kind"],
        said["Number"],
        said["Operation"],
        said.get("TableNames", ()),
        said.get("StreamArn"),
        said.get("ShardId"),
        said.get("Consumer"),
        said["Time"],
    )
