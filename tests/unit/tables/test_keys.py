from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import ValidationException
from headwater.storage.keyspace import index_prefix
from headwater.tables import keys
from headwater.tables.schema import Table
from headwater.values.order import escape, partition_hash
from tests.item_store import new_index, new_table

INVALID = "One or more parameter values were invalid: "
NOT_VALID = "One or more parameter values are not valid. "
TABLE = new_table(keys="pk sk", types={"sk": "N"})
TOO_LONG = f"{INVALID}Size of hashkey has exceeded the maximum size limit of2048 bytes"
SORT_TOO_LONG = (
    f"{INVALID}Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
)


def refusal_of_item(table: Table, item: dict[str, Any]) -> str | None:
    with pytest.raises(ValidationException) as raised:
        keys.of_item(table, item)
    return raised.value.message


def refusal_by_index(table: Table, item: dict[str, Any]) -> str | None:
    with pytest.raises(ValidationException) as raised:
        keys.check_index_keys(table, item)
    return raised.value.message


def test_a_key_is_its_attributes_behind_the_hash_of_its_partition() -> None:
    item = {"pk": {"S": "a\x00b"}, "sk": {"N": "0"}, "other": {"S": "x"}}

    key = keys.of_item(TABLE, item)

    assert key.attributes == {"pk": {"S": "a\x00b"}, "sk": {"N": "0"}}
    assert key.partition_hash == partition_hash(b"a\x00b")
    assert key.stored == (
        TABLE.items_prefix + key.partition_hash + escape(b"a\x00b") + escape(b"\x02")
    )
    assert keys.of_key(TABLE, key.attributes) == key


@pytest.mark.parametrize("numbers", [["-100", "-1.5", "-1", "0", "0.5", "1", "2", "10", "1000"]])
def test_storage_keys_are_in_the_order_of_their_sort_keys(numbers: list[str]) -> None:
    stored = [
        keys.of_key(TABLE, {"pk": {"S": "a"}, "sk": {"N": number}}).stored for number in numbers
    ]

    assert stored == sorted(stored)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"sk": {"N": "1"}}, f"{INVALID}Missing the key pk in the item"),
        ({"pk": {"S": "a"}}, f"{INVALID}Missing the key sk in the item"),
        (
            {"pk": {"S": "a"}, "sk": {"S": "1"}},
            f"{INVALID}Type mismatch for key sk expected: N actual: S",
        ),
        (
            {"pk": {"S": ""}, "sk": {"N": "1"}},
            (
                f"{INVALID}The AttributeValue for a key attribute cannot contain an empty "
                "string value. Key: pk"
            ),
        ),
        ({"pk": {"S": "é" * 1025}, "sk": {"N": "1"}}, TOO_LONG),
    ],
)
def test_an_item_without_a_proper_key_is_refused(item: dict[str, Any], message: str) -> None:
    assert refusal_of_item(TABLE, item) == message


def test_keys_may_be_as_long_as_their_limits() -> None:
    table = new_table(keys="pk sk")
    longest = {"pk": {"S": "p" * 2048}, "sk": {"S": "s" * 1024}}

    assert keys.of_item(table, longest).attributes == longest
    assert refusal_of_item(table, {**longest, "sk": {"S": "s" * 1025}}) == SORT_TOO_LONG


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"pk": {"S": "a"}},
        {"pk": {"S": "a"}, "sk": {"S": "1"}},
        {"pk": {"S": "a"}, "sk": {"N": "1"}, "more": {"S": "x"}},
        {"pk": {"S": "a"}, "other": {"N": "1"}},
    ],
)
def test_a_key_must_be_exactly_the_schemas(key: dict[str, Any]) -> None:
    with pytest.raises(ValidationException) as raised:
        keys.of_key(TABLE, key)

    assert raised.value.message == "The provided key element does not match the schema"


def test_an_entry_stands_at_its_index_key_then_its_items() -> None:
    index = new_index("Places", "city rank", types={"rank": "N"})
    item = {"city": {"S": "Paris"}, "rank": {"N": "0"}}

    key = keys.index_entry_key(TABLE.table_id, index, item, b"base")

    assert key == (
        index_prefix(TABLE.table_id, index.index_id)
        + partition_hash(b"Paris")
        + escape(b"Paris")
        + escape(b"\x02")
        + b"base"
    )


@pytest.mark.parametrize("item", [{"city": {"S": "Paris"}}, {"rank": {"N": "1"}}, {}])
def test_an_item_that_lacks_an_index_key_has_no_entry(item: dict[str, Any]) -> None:
    index = new_index("Places", "city rank", types={"rank": "N"})

    assert keys.index_entry_key(TABLE.table_id, index, item, b"base") is None


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            {"city": {"N": "1"}},
            f"{INVALID}Type mismatch for Index Key city Expected: S Actual: N IndexName: Places",
        ),
        (
            {"city": {"S": ""}},
            (
                f"{NOT_VALID}A value specified for a secondary index key is not supported. The "
                "AttributeValue for a key attribute cannot contain an empty string value. "
                "IndexName: Places, IndexKey: city"
            ),
        ),
        ({"city": {"S": "x" * 2049}}, TOO_LONG),
        ({"name": {"S": "x" * 1025}}, SORT_TOO_LONG),
    ],
)
def test_an_improper_index_key_is_refused(item: dict[str, Any], message: str) -> None:
    index = new_index("Places", "city name")
    table = new_table(keys="pk sk", indexes=[index])

    assert refusal_by_index(table, item) == message
    assert not keys.fits_index(index, item)


def test_the_last_key_of_an_index_names_each_attribute_once() -> None:
    index = new_index("ByRank", "pk rank", is_global=False)

    assert keys.key_schema_names(TABLE.keys, index) == ("pk", "rank", "sk")
    assert keys.key_schema_names(TABLE.keys, None) == ("pk", "sk")


def test_an_entry_of_a_composite_index_lies_by_the_hash_of_its_whole_partition_key() -> None:
    index = new_index("i", "a+b c")
    item = {"a": {"S": "x"}, "b": {"S": "y"}, "c": {"S": "z"}}

    stored = keys.index_entry_key(TABLE.table_id, index, item, b"base")

    partition = escape(b"x") + escape(b"y")
    prefix = index_prefix(TABLE.table_id, index.index_id)
    assert stored == prefix + partition_hash(partition) + partition + escape(b"z") + b"base"


def test_long_keys_of_a_composite_index_are_refused_by_their_sum() -> None:
    table = new_table(keys="pk", indexes=[new_index("i", "a+b c+d")])

    assert refusal_by_index(table, {"a": {"S": "x" * 1024}, "b": {"S": "x" * 1025}}) == TOO_LONG
    assert refusal_by_index(table, {"c": {"S": "x" * 512}, "d": {"S": "x" * 513}}) == SORT_TOO_LONG
