"""What an answer says of costs and sizes: ConsumedCapacity and ItemCollectionMetrics.

Both are given only to those who ask. Capacity is computed as DynamoDB would charge it; the size of
an item collection is the one that its writes keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import orjson

from headwater.api.answer import member
from headwater.limits import KB, MB
from headwater.storage.engine import Engine
from headwater.tables.capacity import Tally, read_units
from headwater.tables.item_collection import size_key, size_of
from headwater.tables.keys import ItemKey
from headwater.tables.page import Page
from headwater.tables.read import Source
from headwater.tables.schema import Table
from headwater.tables.write import Write
from headwater.values.item import Item

Members: TypeAlias = dict[str, Any]

READ: Final = "ReadCapacityUnits"
WRITE: Final = "WriteCapacityUnits"

_GB: Final = KB * MB


def wants_capacity(request: Members) -> bool:
    """Whether ConsumedCapacity is asked for."""
    return bool(request.get("ReturnConsumedCapacity", "NONE") != "NONE")


def wants_collections(request: Members) -> bool:
    """Whether ItemCollectionMetrics are asked for."""
    return bool(request.get("ReturnItemCollectionMetrics", "NONE") != "NONE")


def consumed_capacity(
    request: Members, name: str, tally: Tally, kind: str | None = None
) -> Members:
    """ConsumedCapacity of one table, as the request asks for it.

    name: the table's name or ARN, whichever the client used. kind: READ or WRITE where the answer
    tells them apart, as those of transactions do.
    """
    consumed = {"TableName": name, **_units(tally.total, kind)}
    if request["ReturnConsumedCapacity"] == "INDEXES":
        consumed["Table"] = _units(tally.table_units, kind)
        for member, indexes in (
            ("LocalSecondaryIndexes", tally.local_indexes),
            ("GlobalSecondaryIndexes", tally.global_indexes),
        ):
            if indexes:
                consumed[member] = {name: _units(units, kind) for name, units in indexes.items()}
    return consumed


def consumed_by_table(
    request: Members, tallies: Mapping[str, Tally], kind: str | None = None
) -> bytes:
    """The member ConsumedCapacity of an answer about several tables."""
    consumed = [consumed_capacity(request, name, tally, kind) for name, tally in tallies.items()]
    return member("ConsumedCapacity", consumed)


def _units(units: float, kind: str | None) -> Members:
    counted: Members = {"CapacityUnits": float(units)}
    if kind is not None:
        counted[kind] = float(units)
    return counted


async def item_collection(engine: Engine, table: Table, key: ItemKey) -> Members | None:
    """ItemCollectionMetrics of the collection an item is in; None if its table has none."""
    if table.collection_bytes_max is None:
        return None
    (stored,) = await engine.get([size_key(table, key.stored)])
    gigabytes = size_of(stored) // _GB
    partition = table.keys.partition.name
    collection: Item = {partition: key.attributes[partition]}
    return {
        "ItemCollectionKey": collection,
        "SizeEstimateRangeGB": [float(gigabytes), float(gigabytes + 1)],
    }


async def item_collections(
    engine: Engine, writes: Iterable[tuple[str, Write]]
) -> dict[str, list[Members]]:
    """ItemCollectionMetrics by table name, one for each collection that was written to."""
    collections = {}
    for name, write in writes:
        if write.table.collection_bytes_max is not None:
            partition = write.key.attributes[write.table.keys.partition.name]
            collections[name, orjson.dumps(partition)] = write
    found: dict[str, list[Members]] = {}
    for (name, _), write in collections.items():
        metrics = await item_collection(engine, write.table, write.key)
        if metrics is not None:
            found.setdefault(name, []).append(metrics)
    return found


def tally_of_page(request: Members, place: Source, page: Page) -> Tally:
    """What a page has cost: what was read together, and the items fetched one by one."""
    is_consistent = request.get("ConsistentRead", False)
    tally = Tally()
    tally.add(place.index, read_units(page.size, is_consistent=is_consistent))
    for size in page.fetched_sizes:
        tally.add(None, read_units(size, is_consistent=is_consistent))
    return tally
