"""A table as the function's new run finds it: as it is, as it was at a time, or empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import islice
from typing import Any, Final

from headwater.cli.diff.compare import items_of
from headwater.cli.replay.target import Refused
from headwater.cli.replay.to_table import BATCH_ITEMS, write_all
from headwater.consumer.recording import attributes

_INDEX_MEMBERS: Final = ("IndexName", "KeySchema", "Projection")


class Beginning(Enum):
    """What a shadow holds before the first record."""

    THEN = "then"
    EMPTY = "empty"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class Places:
    """boto3's DynamoDB clients of the table's region and of the shadow's."""

    real: Any
    shadow: Any


def copy(places: Places, table: str, beginning: Beginning, then: float | None) -> list[str]:
    """Make a table's shadow and return the names of its key; raises Refused, what boto3 raises.

    then: the epoch second of Beginning.THEN; None where the records begin with the stream.
    """
    described = places.real.describe_table(TableName=table)["Table"]
    places.shadow.create_table(**_definition(described))
    places.shadow.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
    if beginning is Beginning.NOW:
        _fill(places, table, table)
    elif beginning is Beginning.THEN:
        with _as_it_was(places.real, table, then) as restored:
            _fill(places, restored, table)
    return [each["AttributeName"] for each in described["KeySchema"]]


def _definition(described: dict[str, Any]) -> dict[str, Any]:
    """A CreateTable of the same keys and indexes, on demand, without a stream."""
    definition = {
        "TableName": described["TableName"],
        "KeySchema": described["KeySchema"],
        "AttributeDefinitions": described["AttributeDefinitions"],
        "BillingMode": "PAY_PER_REQUEST",
    }
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if kind in described:
            definition[kind] = [
                {member: index[member] for member in _INDEX_MEMBERS} for index in described[kind]
            ]
    return definition


def _fill(places: Places, source: str, target: str) -> None:
    items = items_of(places.real, source)
    while batch := list(islice(items, BATCH_ITEMS)):
        writes = [{"PutRequest": {"Item": attributes(item)}} for item in batch]
        write_all(places.shadow, target, writes)


@contextmanager
def _as_it_was(tables: Any, table: str, then: float | None) -> Iterator[str]:
    """A restored copy of a table beside it, for a while."""
    described = tables.describe_continuous_backups(TableName=table)
    recovery = described["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    if then is None or recovery["PointInTimeRecoveryStatus"] != "ENABLED":
        why = "the records begin with the stream" if then is None else "it has no recovery"
        raise Refused(
            f"What {table} held at the first record is not known: {why}. "
            "Say --begin empty, if the records made all its items, or --begin now"
        )
    restored = f"{table[:200]}-as-of-{int(then)}"
    tables.restore_table_to_point_in_time(
        SourceTableName=table,
        TargetTableName=restored,
        RestoreDateTime=datetime.fromtimestamp(then, UTC),
    )
    try:
        tables.get_waiter("table_exists").wait(TableName=restored, WaiterConfig={"Delay": 1})
        yield restored
    finally:
        tables.delete_table(TableName=restored)
