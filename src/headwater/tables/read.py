"""What a read reads: an item's key, or a stretch of a table or an index, as storage keys.

Pure. A table's items and an index's entries have one shape (prefix, hash of the
partition key, partition key, sort key), so both are a `Source`, and what is said here of one holds
for the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from headwater.errors import ValidationException
from headwater.expressions.condition import Condition
from headwater.expressions.key_condition import KeyCondition, SortRange
from headwater.storage.keyspace import index_prefix
from headwater.streams.shard import HASH_MAX
from headwater.tables import keys
from headwater.tables.schema import Index, IndexStatus, KeySchema, ProjectionType, Table
from headwater.values.attribute import AttributeValue
from headwater.values.item import Item
from headwater.values.order import (
    HASH_BYTES,
    after_prefix,
    escape,
    key_bytes,
    prefix_range,
    unescape,
)

_NOT_A_START: Final = "The provided starting key is invalid"


class Lookup(Protocol):
    """Where operations on items find their table (the catalog)."""

    async def table(self, region: str, name_or_arn: str) -> Table:
        """The table of that name or ARN.

        Raises ResourceNotFoundException if there is none that can be used.
        """


@dataclass(frozen=True, slots=True)
class Source:
    """What a Query or a Scan reads: a table's items, or the entries of one of its indexes."""

    table: Table
    index: Index | None
    prefix: bytes
    keys: KeySchema

    @property
    def is_global(self) -> bool:
        return self.index is not None and self.index.is_global

    def key_names(self) -> tuple[str, ...]:
        """The attributes that a page's last key consists of."""
        return keys.key_schema_names(self.table.keys, self.index)

    def projected(self) -> frozenset[str] | None:
        """The attributes an entry may hold, or None if it holds all of its item's."""
        if self.index is None or self.index.projection is ProjectionType.ALL:
            return None
        return frozenset((*self.key_names(), *self.index.attributes))

    def item_key(self, entry_key: bytes) -> bytes:
        """Where the item of a local index's entry is stored.

        Both share their partition key and so its hash; the item's own key follows the index's.
        """
        hash_end = len(self.prefix) + HASH_BYTES
        at = hash_end
        for _ in self.keys.attributes():
            _, at = unescape(entry_key, at)
        return self.table.items_prefix + entry_key[len(self.prefix) : hash_end] + entry_key[at:]


def source(table: Table, index_name: str | None) -> Source:
    """The table, or its index of that name.

    Raises ValidationException if there is no such index or it is still being filled.
    """
    if index_name is None:
        return Source(table, None, table.items_prefix, table.keys)
    index = table.indexes_by_name.get(index_name)
    if index is None or index.status is IndexStatus.DELETING:
        raise ValidationException(f"The table does not have the specified index: {index_name}")
    if index.is_backfilling or index.status is IndexStatus.CREATING:
        raise ValidationException(
            f"Cannot read from backfilling global secondary index: {index_name}"
        )
    return Source(table, index, index_prefix(table.table_id, index.index_id), index.keys)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Storage keys from `start` (inclusive) to `stop` (exclusive), read forward or in reverse."""

    start: bytes
    stop: bytes
    reverse: bool = False

    def contains(self, key: bytes) -> bool:
        return self.start <= key < self.stop

    def after(self, key: bytes) -> Stretch:
        """What is left once the entry with this key has been read."""
        if self.reverse:
            return replace(self, stop=key)
        return replace(self, start=key + b"\x00")  # the least key greater than this one


def query_stretch(place: Source, condition: KeyCondition, *, reverse: bool) -> Stretch:
    """The entries with a partition key, and sort keys in a range."""
    prefix = _partition_prefix(place, condition.partition)
    if not condition.sort:
        return Stretch(prefix, after_prefix(prefix), reverse)
    for key, wanted in zip(place.keys.sort_attributes, condition.sort[:-1], strict=False):
        prefix += escape(key_bytes(key.type, wanted.operands[0][key.type]))
    last = place.keys.sort_attributes[len(condition.sort) - 1]
    start, stop = _sort_bounds(last.type, condition.sort[-1])
    return Stretch(prefix + start, after_prefix(prefix) if stop is None else prefix + stop, reverse)


def segment_stretch(place: Source, segment: int, total: int) -> Stretch:
    """The entries of one of `total` segments: an even range of the hash space."""
    space = HASH_MAX + 1
    first, beyond = segment * space // total, (segment + 1) * space // total
    start = place.prefix + first.to_bytes(HASH_BYTES, "big")
    if beyond == space:
        return Stretch(start, after_prefix(place.prefix))
    return Stretch(start, place.prefix + beyond.to_bytes(HASH_BYTES, "big"))


def check_no_key(schema: KeySchema, asked: Condition, what: str) -> None:
    """Refuse a filter that reads key attributes; what: how the error calls it.

    Raises ValidationException.
    """
    filtered = asked.top_level_attributes()
    for name in schema.names():
        if name in filtered:
            raise ValidationException(
                f"{what} can only contain non-primary key attributes: Primary key attribute: {name}"
            )


def start_position(place: Source, start_key: Item) -> bytes:
    """The storage key a canonical ExclusiveStartKey names; nothing need be stored there.

    Raises ValidationException if it is no key of this table or index.
    """
    names = place.key_names()
    if place.index is not None and start_key.keys() != set(names):
        raise ValidationException(_NOT_A_START)
    own = start_key
    if place.index is not None:
        own = {name: start_key[name] for name in place.table.keys.names()}
    try:
        key = keys.of_key(place.table, own)
    except ValidationException as error:
        raise ValidationException(f"{_NOT_A_START}: {error.message}") from error
    if place.index is None:
        return key.stored
    if not keys.fits_index(place.index, start_key):
        raise ValidationException(_NOT_A_START)
    base = key.stored[len(place.table.items_prefix) + HASH_BYTES :]
    position = keys.index_entry_key(place.table.table_id, place.index, start_key, base)
    assert position is not None, "the starting key has every key of the index"
    return position


def resumed_query(
    place: Source, condition: KeyCondition, stretch: Stretch, start_key: Item
) -> Stretch:
    """What a query has left after its starting key.

    Raises ValidationException if the key is not one that the query could have returned.
    """
    position = start_position(place, start_key)
    if not position.startswith(_partition_prefix(place, condition.partition)):
        raise ValidationException(
            "The provided starting key is outside query boundaries based on provided conditions"
        )
    if not stretch.contains(position):
        raise ValidationException(
            "The provided starting key does not match the range key predicate"
        )
    return stretch.after(position)


def resumed_scan(place: Source, stretch: Stretch, start_key: Item, segments: str) -> Stretch:
    """What a scan's segment has left after its starting key.

    segments: which segment of how many, for the error. Raises ValidationException.
    """
    position = start_position(place, start_key)
    if not stretch.contains(position):
        raise ValidationException(
            f"{_NOT_A_START}: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct "
            f"Segment. {segments}"
        )
    return stretch.after(position)


def _partition_prefix(place: Source, partition: Sequence[AttributeValue]) -> bytes:
    """What the storage keys of all entries with this partition key begin with."""
    attributes = place.keys.partition_attributes
    parts = [
        key_bytes(key.type, value[key.type])
        for key, value in zip(attributes, partition, strict=True)
    ]
    return place.prefix + keys.partition_bytes(parts)


def _sort_bounds(kind: str, wanted: SortRange) -> tuple[bytes, bytes | None]:
    """Where sort keys in a range begin and end, after the partition's prefix; None: with it."""
    operator = wanted.operator
    low = wanted.operands[0][kind]
    if operator == "begins_with":
        return prefix_range(kind, low)
    first = escape(key_bytes(kind, low))
    match operator:
        case "=":
            return first, after_prefix(first)
        case "<":
            return b"", first
        case "<=":
            return b"", after_prefix(first)
        case ">":
            return after_prefix(first), None
        case ">=":
            return first, None
    assert operator == "BETWEEN", operator
    last = escape(key_bytes(kind, wanted.operands[1][kind]))
    return first, after_prefix(last)
