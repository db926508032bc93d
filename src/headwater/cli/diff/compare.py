"""A table held against its shadow: both are read whole, the shadow is kept in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from headwater.cli.diff.differences import Difference, Item, differences
from headwater.consumer.recording import on_the_wire


@dataclass(frozen=True, slots=True)
class Missing:
    """An item of the table that the function would not have written."""

    key: Item
    item: Item


@dataclass(frozen=True, slots=True)
class Added:
    """An item that only the function's new run has written."""

    key: Item
    item: Item


@dataclass(frozen=True, slots=True)
class Changed:
    """An item that would be another."""

    key: Item
    at: Sequence[Difference]


Finding: TypeAlias = Missing | Added | Changed


@dataclass(slots=True)
class Comparison:
    """Counts of items; they grow while `findings` is read."""

    same: int = 0
    differing: int = 0


def findings(
    table: Iterator[Item], shadow: Iterator[Item], key_names: Sequence[str], ignored: Sequence[str]
) -> Iterator[Finding | None]:
    """For each item of either what differs, or None."""
    shadows = {_key_bytes(item, key_names): item for item in shadow}
    for item in table:
        key = {name: item[name] for name in key_names}
        other = shadows.pop(_key_bytes(item, key_names), None)
        if other is None:
            yield Missing(key, item)
        else:
            at = differences(item, other, ignored)
            yield Changed(key, at) if at else None
    for item in shadows.values():
        yield Added({name: item[name] for name in key_names}, item)


def items_of(tables: Any, name: str) -> Iterator[Item]:
    """Every item of a table in its form on the wire. tables: boto3's DynamoDB client."""
    pages = tables.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    for page in pages:
        for item in page["Items"]:
            yield on_the_wire(item)


def _key_bytes(item: Item, key_names: Sequence[str]) -> bytes:
    return orjson.dumps([item[name] for name in key_names])
