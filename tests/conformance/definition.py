"""Definitions of tables and indexes, as CreateTable and UpdateTable take them."""

from __future__ import annotations

from typing import Any

Definition = dict[str, Any]
VIEWS = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")
THROUGHPUT = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}


def keys(partition: tuple[str, str], sort: tuple[str, str] | None = None) -> Definition:
    """KeySchema and AttributeDefinitions of a table: a name and a type for each key."""
    named = [partition] if sort is None else [partition, sort]
    return {"KeySchema": schema(*(name for name, _ in named)), **attributes(*named)}


def attributes(*named: tuple[str, str]) -> Definition:
    """AttributeDefinitions of names and types."""
    return {
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in named
        ]
    }


def schema(partition: str, sort: str | None = None) -> list[Definition]:
    """A KeySchema."""
    elements = [{"AttributeName": partition, "KeyType": "HASH"}]
    if sort is not None:
        elements.append({"AttributeName": sort, "KeyType": "RANGE"})
    return elements


def index(name: str, partition: str, sort: str | None = None, **projection: Any) -> Definition:
    """A secondary index; everything is projected unless the projection's members are given."""
    return {
        "IndexName": name,
        "KeySchema": schema(partition, sort),
        "Projection": projection or {"ProjectionType": "ALL"},
    }
