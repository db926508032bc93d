"""What an answer says of costs and sizes: ConsumedCapacity and ItemCollectionMetrics.

Both are given only to those who ask. Capacity is computed as DynamoDB would charge it. The size of
an item collection is measured by reading the collection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import orjson

from headwater.api.answer import member
from headwater.limits import KB, MB
from headwater.storage.engine import Engine, Span
from headwater.tables.capacity import Tally, has_item_collections
from headwater.tables.keys import ItemKey
from headwater.tables.read import Source, Stretch, source
from headwater.tables.schema import Table
from headwater.tables.write import Write
from headwater.values import codec
from headwater.values.item import Item
from headwater.values.order import HASH_BYTES, after_prefix, unescape

Members: TypeAlias = dict[str, Any]

READ: Final = "ReadCapacityUnits"
WRITE: Final = "WriteCapacityUnits"

_GB: Final = KB * MB
_STEP_ENTRIES: Final = 500


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
    """ItemCollectionMetrics of the collection an item is in; None if its table has none.

    Reads the collection: the items with this partition key, and their entries in local indexes.
    """
    if not has_item_collections(table):
        return None
    places = [source(table, None)]
    places += [source(table, index.name) for index in table.indexes if not index.is_global]
    gigabytes = sum([await _size(engine, _collection(place, key)) for place in places]) // _GB
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
        if has_item_collections(write.table):
            partition = write.key.attributes[write.table.keys.partition.name]
            collections[name, orjson.dumps(partition)] = write
    found: dict[str, list[Members]] = {}
    for (name, _), write in collections.items():
        metrics = await item_collection(engine, write.table, write.key)
        if metrics is not None:
            found.setdefault(name, []).append(metrics)
    return found


def _collection(place: Source, key: ItemKey) -> Stretch:
    at = len(place.table.items_prefix)
    _, end = unescape(key.stored, at + HASH_BYTES)
    prefix = place.prefix + key.stored[at:end]
    return Stretch(prefix, after_prefix(prefix))


async def _size(engine: Engine, stretch: Stretch) -> int:
    size = 0
    while rows := await engine.scan(Span(stretch.start, stretch.stop, _STEP_ENTRIES, bytes_max=MB)):
        size += sum(codec.size(value) for _, value in rows)
        stretch = stretch.after(rows[-1][0])
        await asyncio.sleep(0)
    return size
