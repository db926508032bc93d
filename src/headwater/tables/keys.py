"""The keys of items and index entries: taken from items, checked, and as bytes.

Texts: Developer Guide, "Constraints in Amazon DynamoDB", and observed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from headwater.errors import INVALID, ValidationException
from headwater.limits import partition_key_bytes_max, sort_key_bytes_max
from headwater.storage.keyspace import TableId, index_prefix
from headwater.tables.schema import Index, KeyAttribute, KeySchema, Table
from headwater.values.attribute import AttributeValue
from headwater.values.item import Item
from headwater.values.order import HASH_BYTES, escape, key_bytes, partition_hash

_PARTITION_TOO_LONG = (
    f"{INVALID}Size of hashkey has exceeded the maximum size limit of"
    f"{partition_key_bytes_max} bytes"
)
_SORT_TOO_LONG = (
    f"{INVALID}Aggregated size of all range keys has exceeded the size limit of "
    f"{sort_key_bytes_max} bytes"
)


class SchemaMismatch(ValidationException):
    """A key is missing, or of another type than its table or an index says.

    Where it is one of several actions, a transaction is told so in its reasons.
    """

    @property
    def code(self) -> str:
        return ValidationException.__name__


class ItemKey(NamedTuple):
    """An item's key: its attributes, its storage key, and the hash that finds its partition.

    A tuple, as every request makes one.
    """

    attributes: Item
    stored: bytes
    partition_hash: bytes


def of_item(table: Table, item: Item) -> ItemKey:
    """The key of a whole, canonical item.

    Raises SchemaMismatch, or ValidationException for an empty or long key, with the texts of a put.
    """
    attributes: Item = {}
    for key in table.keys.attributes():
        value = item.get(key.name)
        if value is None:
            raise SchemaMismatch(f"{INVALID}Missing the key {key.name} in the item")
        if key.type not in value:
            raise SchemaMismatch(
                f"{INVALID}Type mismatch for key {key.name} "
                f"expected: {key.type} actual: {next(iter(value))}"
            )
        attributes[key.name] = value
    return _item_key(table, attributes)


def of_key(table: Table, attributes: Item) -> ItemKey:
    """The key a client gave as the canonical `Key` of a request.

    Raises SchemaMismatch, or ValidationException where it is empty or too long.
    """
    keys = table.keys.attributes()
    matches = len(attributes) == len(keys)
    for key in keys:
        matches = matches and key.type in attributes.get(key.name, ())
    if not matches:
        raise SchemaMismatch("The provided key element does not match the schema")
    return _item_key(table, attributes)


def of_stored(table: Table, stored: bytes, item: Item) -> ItemKey:
    """The key of an item that is stored under these bytes."""
    at = len(table.items_prefix)
    attributes = {name: item[name] for name in table.keys.names()}
    return ItemKey(attributes, stored, stored[at : at + HASH_BYTES])


def _item_key(table: Table, attributes: Item) -> ItemKey:
    schema = table.keys
    partition = _checked(schema.partition, attributes, partition_key_bytes_max)
    hashed = partition_hash(partition)
    stored = table.items_prefix + hashed + escape(partition)
    if schema.sort is not None:
        stored += escape(_checked(schema.sort, attributes, sort_key_bytes_max))
    return ItemKey(attributes, stored, hashed)


def _checked(key: KeyAttribute, attributes: Item, bytes_max: int) -> bytes:
    """A key attribute as bytes in key order; refused if empty or longer than it may be."""
    part = key_bytes(key.type, attributes[key.name][key.type])
    if not part:
        kind = "string" if key.type == "S" else "binary"
        raise ValidationException(
            f"{INVALID}The AttributeValue for a key attribute "
            f"cannot contain an empty {kind} value. Key: {key.name}"
        )
    if len(part) > bytes_max:
        is_partition = bytes_max == partition_key_bytes_max
        raise ValidationException(_PARTITION_TOO_LONG if is_partition else _SORT_TOO_LONG)
    return part


def index_entry_key(table_id: TableId, index: Index, item: Item, base: bytes) -> bytes | None:
    """Where an item's entry stands in an index, or None if it lacks one of the index's keys.

    base: the item's partition and sort key as written in its storage key, after the hash.
    The item's index keys must have been checked by `check_index_keys`.
    """
    partition = _parts(index.keys.partition_attributes, item)
    sort = _parts(index.keys.sort_attributes, item)
    if partition is None or sort is None:
        return None
    stored = index_prefix(table_id, index.index_id) + partition_bytes(partition)
    for part in sort:
        stored += escape(part)
    return stored + base


def _parts(attributes: Sequence[KeyAttribute], item: Item) -> list[bytes] | None:
    """The attributes' values as bytes in key order, or None if the item lacks one."""
    parts = []
    for key in attributes:
        value = item.get(key.name)
        if value is None:
            return None
        parts.append(key_bytes(key.type, value[key.type]))
    return parts


def partition_bytes(parts: Sequence[bytes]) -> bytes:
    """A partition key of one or several attributes: its hash, and its parts one after the other."""
    escaped = b"".join([escape(part) for part in parts])
    return partition_hash(parts[0] if len(parts) == 1 else escaped) + escaped


def check_index_keys(table: Table, item: Item) -> None:
    """Refuse an item whose index key attributes have another type, are empty or too long.

    Raises SchemaMismatch, or ValidationException.
    """
    for index in table.indexes:
        _check_index(index, item)


def fits_index(index: Index, item: Item) -> bool:
    """Whether an item may stand in an index: back-filling skips those that may not."""
    try:
        _check_index(index, item)
    except ValidationException:
        return False
    return True


def _check_index(index: Index, item: Item) -> None:
    """Check those of the index's key attributes that the item has; long is their sum."""
    for attributes, bytes_max, too_long in (
        (index.keys.partition_attributes, partition_key_bytes_max, _PARTITION_TOO_LONG),
        (index.keys.sort_attributes, sort_key_bytes_max, _SORT_TOO_LONG),
    ):
        size = 0
        for key in attributes:
            if (value := item.get(key.name)) is not None:
                size += _checked_size(index, key, value)
        if size > bytes_max:
            raise ValidationException(too_long)


def _checked_size(index: Index, key: KeyAttribute, value: AttributeValue) -> int:
    if key.type not in value:
        raise SchemaMismatch(
            f"{INVALID}Type mismatch for Index Key {key.name} Expected: {key.type} "
            f"Actual: {next(iter(value))} IndexName: {index.name}"
        )
    size = len(key_bytes(key.type, value[key.type]))
    if size == 0:
        kind = "string" if key.type == "S" else "binary"
        raise ValidationException(
            "One or more parameter values are not valid. A value specified for a secondary index "
            "key is not supported. The AttributeValue for a key attribute cannot contain an empty "
            f"{kind} value. IndexName: {index.name}, IndexKey: {key.name}"
        )
    return size


def key_schema_names(schema: KeySchema, index: Index | None) -> tuple[str, ...]:
    """The names a page's last key consists of: the index's keys, then the table's, each once."""
    if index is None:
        return schema.names()
    return tuple(dict.fromkeys((*index.keys.names(), *schema.names())))
