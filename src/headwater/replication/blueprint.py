"""A table as the CreateTable that would make its replica: how a table is told to another server.

So what a peer sends is checked as a client's request is, and read by what reads those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from headwater.tables import definition as definitions
from headwater.tables.definition import Definition
from headwater.tables.key_form import key_schema, projection
from headwater.tables.schema import Index, IndexStatus, Table, Throughput, Units

Check: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Checks a CreateTable's body against AWS's model, which floors above know."""

_SHARED: Final = (
    "AttributeDefinitions",
    "KeySchema",
    "BillingMode",
    "ProvisionedThroughput",
    "OnDemandThroughput",
    "WarmThroughput",
    "LocalSecondaryIndexes",
    "GlobalSecondaryIndexes",
    "StreamSpecification",
)


def input_of(table: Table) -> dict[str, Any]:
    """What CreateTable would be given to make a replica of a table."""
    indexes = [each for each in table.indexes if each.status is not IndexStatus.DELETING]
    schemas = [table.keys, *(index.keys for index in indexes)]
    types = {key.name: key.type for keys in schemas for key in keys.attributes()}
    form = {
        "TableName": table.name,
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in types.items()
        ],
        "KeySchema": key_schema(table.keys),
        "BillingMode": "PAY_PER_REQUEST" if table.throughput is None else "PROVISIONED",
        **_capacity(table),
    }
    for member, is_global in (("LocalSecondaryIndexes", False), ("GlobalSecondaryIndexes", True)):
        if shown := [_index(index) for index in indexes if index.is_global is is_global]:
            form[member] = shown
    if table.stream is not None:
        form["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": table.stream.view}
    return form


def definition_of(name: str, form: Mapping[str, Any], check: Check) -> Definition:
    """What a form from a peer defines. Raises ServiceError as CreateTable does.

    What replicas do not share (tags, policies, protection) is not taken from a peer.
    """
    shared = {member: form[member] for member in _SHARED if member in form}
    return definitions.of_input(name, check({**shared, "TableName": name}))


def _index(index: Index) -> dict[str, Any]:
    form: dict[str, Any] = {
        "IndexName": index.name,
        "KeySchema": key_schema(index.keys),
        "Projection": projection(index),
    }
    return {**form, **_capacity(index)} if index.is_global else form


def _capacity(what: Table | Index) -> dict[str, Any]:
    form: dict[str, Any] = {}
    if what.throughput is not None:
        form["ProvisionedThroughput"] = _throughput(what.throughput)
    if what.on_demand_limit is not None:
        form["OnDemandThroughput"] = _named(
            what.on_demand_limit, "MaxReadRequestUnits", "MaxWriteRequestUnits"
        )
    if what.warm is not None:
        form["WarmThroughput"] = _named(what.warm, "ReadUnitsPerSecond", "WriteUnitsPerSecond")
    return form


def _throughput(units: Throughput) -> dict[str, int]:
    return {"ReadCapacityUnits": units.read_units, "WriteCapacityUnits": units.write_units}


def _named(units: Units, reads: str, writes: str) -> dict[str, int]:
    pairs = ((reads, units.reads), (writes, units.writes))
    return {name: count for name, count in pairs if count is not None}
