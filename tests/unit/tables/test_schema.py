"""The stored form of a table."""

from __future__ import annotations

from dataclasses import replace

import orjson

from headwater.tables import schema
from headwater.tables.schema import ResourcePolicy, Units
from tests.item_store import new_index, new_table

TABLE = new_table(
    keys="pk sk", types={"sk": "N"}, indexes=[new_index("i", "a+b c+d"), new_index("j", "a")]
)


def test_a_table_is_read_as_it_was_stored() -> None:
    assert schema.decode(schema.encode(TABLE)) == TABLE


def test_keys_from_before_those_of_several_attributes_are_read() -> None:
    table = new_table(keys="pk sk", types={"sk": "N"}, indexes=[new_index("j", "a")])
    stored = orjson.loads(schema.encode(table))
    stored["keys"] = {
        "partition": {"name": "pk", "type": "S"},
        "sort": {"name": "sk", "type": "N"},
    }
    stored["indexes"][0]["keys"] = {"partition": {"name": "a", "type": "S"}, "sort": None}

    assert schema.decode(orjson.dumps(stored)) == table


def test_a_table_from_before_classes_is_standard() -> None:
    stored = orjson.loads(schema.encode(TABLE))
    del stored["table_class"], stored["class_changed_at"]

    assert schema.decode(orjson.dumps(stored)) == TABLE


def test_a_table_from_before_settings_of_units_has_none() -> None:
    stored = orjson.loads(schema.encode(TABLE))
    for holder in (stored, *stored["indexes"]):
        del holder["on_demand_limit"], holder["warm"]

    assert schema.decode(orjson.dumps(stored)) == TABLE


def test_settings_of_units_are_read_as_they_were_stored() -> None:
    limited = replace(TABLE, on_demand_limit=Units(1, None), warm=Units(20_000, 4_000))

    assert schema.decode(schema.encode(limited)) == limited


def test_policies_are_read_as_they_were_stored() -> None:
    policies = {"": ResourcePolicy("{}", "1"), "2026-01-01T00:00:00.000": ResourcePolicy("[]", "2")}
    guarded = replace(TABLE, policies=policies)

    assert schema.decode(schema.encode(guarded)) == guarded


def test_a_table_from_before_policies_has_none() -> None:
    stored = orjson.loads(schema.encode(TABLE))
    del stored["policies"]

    assert schema.decode(orjson.dumps(stored)) == TABLE


def test_keys_are_stored_in_order_and_apart() -> None:
    stored = orjson.loads(schema.encode(TABLE))

    assert stored["indexes"][0]["keys"] == {
        "partition_attributes": [{"name": "a", "type": "S"}, {"name": "b", "type": "S"}],
        "sort_attributes": [{"name": "c", "type": "S"}, {"name": "d", "type": "S"}],
    }
