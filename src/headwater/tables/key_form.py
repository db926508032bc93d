"""Keys and projections in the form that CreateTable takes and descriptions show."""

from __future__ import annotations

from typing import Any

from headwater.tables.schema import Index, KeySchema, ProjectionType


def key_schema(keys: KeySchema) -> list[dict[str, str]]:
    """The members of a KeySchema."""
    return [
        {"AttributeName": name, "KeyType": kind}
        for names, kind in ((keys.partition_names(), "HASH"), (keys.sort_names(), "RANGE"))
        for name in names
    ]


def projection(index: Index) -> dict[str, Any]:
    """The members of a Projection."""
    form: dict[str, Any] = {"ProjectionType": index.projection}
    if index.projection is ProjectionType.INCLUDE:
        form["NonKeyAttributes"] = list(index.attributes)
    return form
