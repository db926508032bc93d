"""Legacy parameters in requests: where each is taken, and what it may not stand beside."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import ConditionalCheckFailedException
from tests.item_store import ItemStore
from tests.unit.api.music import INVALID, OF_NINA, add_music, names, query, refusal, scan, song

KEY = {"artist": {"S": "Nina"}, "song": {"S": "a"}}
NINA = {"artist": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "Nina"}]}}


@pytest.fixture(autouse=True)
def music(store: ItemStore) -> None:
    add_music(store)


def asked(operator: str, *values: dict[str, Any]) -> dict[str, Any]:
    return {"ComparisonOperator": operator, "AttributeValueList": list(values)}


def get(store: ItemStore, **request: Any) -> Any:
    return store.call("GetItem", TableName="Music", Key=KEY, **request).get("Item")


# --- reading


def test_attributes_to_get_select_of_an_item(store: ItemStore) -> None:
    assert get(store, AttributesToGet=["label", "absent"]) == {"label": {"S": "Philips"}}


def test_attributes_to_get_select_of_a_batch(store: ItemStore) -> None:
    wanted = {"Music": {"Keys": [KEY], "AttributesToGet": ["label"]}}

    answer = store.call("BatchGetItem", RequestItems=wanted)

    assert answer["Responses"] == {"Music": [{"label": {"S": "Philips"}}]}


def test_attributes_to_get_are_told_apart(store: ItemStore) -> None:
    message = refusal(store, "GetItem", Key=KEY, AttributesToGet=["a", "a"])

    assert message == f"{INVALID}Duplicate value in attribute name: a"


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ({}, ["a", "ab", "b", "c"]),
        ({"song": asked("BEGINS_WITH", {"S": "a"})}, ["a", "ab"]),
        ({"song": asked("BETWEEN", {"S": "ab"}, {"S": "b"})}, ["ab", "b"]),
        ({"song": asked("GT", {"S": "ab"})}, ["b", "c"]),
        ({"song": asked("EQ", {"S": "b"})}, ["b"]),
    ],
)
def test_key_conditions_query(store: ItemStore, sort: dict[str, Any], found: list[str]) -> None:
    assert names(query(store, KeyConditions=NINA | sort)) == found


def test_key_conditions_query_an_index(store: ItemStore) -> None:
    wanted = {
        "genre": asked("EQ", {"S": "jazz"}),
        "year": asked("LE", {"N": "1959"}),
    }

    answer = query(store, IndexName="ByGenre", KeyConditions=wanted, ScanIndexForward=False)

    assert names(answer) == ["z", "a"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            {"song": asked("EQ", {"S": "a"})},
            "Query condition missed key schema element: artist",
        ),
        (
            NINA | {"label": asked("EQ", {"S": "a"})},
            "Query condition missed key schema element: song",
        ),
        ({"artist": asked("GT", {"S": "a"})}, "Query key condition not supported"),
        (
            {"artist": asked("EQ", {"N": "1"})},
            f"{INVALID}Condition parameter type does not match schema type",
        ),
        (
            {"artist": asked("EQ", {"S": ""})},
            (
                f"{INVALID}The AttributeValue for a key attribute cannot contain an empty string "
                "value. Key: artist"
            ),
        ),
        ({}, "Conditions can be of length 1 or 2 only"),
        (
            NINA | {"song": asked("NE", {"S": "a"})},
            "Attempted conditional constraint is not an indexable operation",
        ),
    ],
)
def test_what_is_no_key_condition_is_refused(
    store: ItemStore, wanted: dict[str, Any], message: str
) -> None:
    assert refusal(store, "Query", KeyConditions=wanted) == message


@pytest.mark.parametrize(
    "parameters",
    [
        {"QueryFilter": {"year": asked("GT", {"N": "1965"})}},
        {"FilterExpression": "#y > :y", "ExpressionAttributeNames": {"#y": "year"}}
        | {"ExpressionAttributeValues": {":y": {"N": "1965"}}},
    ],
    ids=["QueryFilter", "FilterExpression"],
)
def test_key_conditions_go_with_either_filter(store: ItemStore, parameters: dict[str, Any]) -> None:
    answer = query(store, KeyConditions=NINA, **parameters)

    assert names(answer) == ["ab", "c"]
    assert answer["ScannedCount"] == 4


@pytest.mark.parametrize("operator", [None, "AND", "OR"])
def test_conditions_of_a_query_filter_are_joined(store: ItemStore, operator: str | None) -> None:
    filtered = {"year": asked("GT", {"N": "1965"}), "text": asked("NOT_NULL")}
    joined = {} if operator is None else {"ConditionalOperator": operator}

    answer = query(store, KeyConditions=NINA, QueryFilter=filtered, **joined)

    assert names(answer) == (["ab", "b", "c"] if operator == "OR" else [])


def test_a_query_filter_has_no_keys(store: ItemStore) -> None:
    filtered = {"song": asked("EQ", {"S": "a"})}

    assert refusal(store, "Query", KeyConditions=NINA, QueryFilter=filtered) == (
        "QueryFilter can only contain non-primary key attributes: Primary key attribute: song"
    )


def test_a_scan_filter_may_have_keys(store: ItemStore) -> None:
    filtered = {"song": asked("EQ", {"S": "a"}), "label": asked("NULL")}

    answer = scan(store, ScanFilter=filtered, AttributesToGet=["song", "artist"])

    assert answer["Items"] == [{"artist": {"S": "Billie"}, "song": {"S": "a"}}]


@pytest.mark.parametrize("operation", ["Query", "Scan"])
@pytest.mark.parametrize(
    ("select", "what"), [("COUNT", "only the Count"), ("ALL_ATTRIBUTES", "ALL_ATTRIBUTES")]
)
def test_attributes_to_get_need_a_select_to_go_with(
    store: ItemStore, operation: str, select: str, what: str
) -> None:
    wanted = {"KeyConditions": NINA} if operation == "Query" else {}

    message = refusal(store, operation, **wanted, AttributesToGet=["song"], Select=select)

    assert message == (f"{INVALID}Cannot specify the AttributesToGet when choosing to get {what}")


def test_attributes_to_get_are_specific_attributes(store: ItemStore) -> None:
    answer = scan(store, AttributesToGet=["text"], Select="SPECIFIC_ATTRIBUTES")

    assert [item for item in answer["Items"] if item] == [{"text": {"S": "Ne me quitte pas"}}]


def test_attributes_a_local_index_lacks_are_fetched(store: ItemStore) -> None:
    answer = query(store, IndexName="ByYear", KeyConditions=NINA, AttributesToGet=["label"])

    assert {"label": {"S": "Philips"}} in answer["Items"]


def test_attributes_a_global_index_lacks_are_refused(store: ItemStore) -> None:
    wanted = {"genre": asked("EQ", {"S": "jazz"})}

    message = refusal(
        store, "Query", IndexName="Genres", KeyConditions=wanted, AttributesToGet=["year"]
    )

    assert message == f"{INVALID}Global secondary index Genres does not project [year]"


# --- writing

WRITES: dict[str, dict[str, Any]] = {
    "PutItem": {"Item": song("Nina", "a", 2000)},
    "UpdateItem": {"Key": KEY, "AttributeUpdates": {"year": {"Value": {"N": "2000"}}}},
    "DeleteItem": {"Key": KEY},
}


@pytest.mark.parametrize("operation", WRITES)
def test_a_write_is_made_where_the_item_is_as_expected(store: ItemStore, operation: str) -> None:
    expected = {"year": {"Value": {"N": "1965.0"}}, "text": {"Exists": False}}

    store.call(operation, TableName="Music", **WRITES[operation], Expected=expected)

    item = get(store)
    assert item is None or item["year"] == {"N": "2000"}


@pytest.mark.parametrize("operation", WRITES)
def test_a_write_is_refused_where_the_item_is_not_as_expected(
    store: ItemStore, operation: str
) -> None:
    before = get(store)

    with pytest.raises(ConditionalCheckFailedException) as raised:
        store.call(
            operation,
            TableName="Music",
            **WRITES[operation],
            Expected={"year": {"Value": {"N": "1"}}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert raised.value.members == {"Item": before}
    assert get(store) == before


def test_either_of_two_expectations_suffices(store: ItemStore) -> None:
    expected = {"year": {"Value": {"N": "1"}}, "text": {"Exists": False}}

    store.call(
        "DeleteItem", TableName="Music", Key=KEY, Expected=expected, ConditionalOperator="OR"
    )

    assert get(store) is None


@pytest.mark.parametrize(
    ("returned", "attributes"),
    [
        ("UPDATED_OLD", {"year": {"N": "1965"}, "label": {"S": "Philips"}}),
        ("UPDATED_NEW", {"year": {"N": "1966"}, "text": {"S": "t"}}),
        ("ALL_OLD", song("Nina", "a", 1965, label="Philips")),
        ("ALL_NEW", song("Nina", "a", 1966, text="t")),
    ],
)
def test_attribute_updates_return_what_is_asked(
    store: ItemStore, returned: str, attributes: dict[str, Any]
) -> None:
    answer = store.call(
        "UpdateItem",
        TableName="Music",
        Key=KEY,
        AttributeUpdates={
            "year": {"Action": "ADD", "Value": {"N": "1"}},
            "label": {"Action": "DELETE"},
            "text": {"Value": {"S": "t"}},
        },
        ReturnValues=returned,
    )

    assert answer["Attributes"] == attributes


@pytest.mark.parametrize(
    ("updates", "created"),
    [
        ({}, True),
        ({"year": {"Action": "DELETE"}}, False),
        ({"year": {"Value": {"N": "1"}}}, True),
    ],
)
def test_attribute_updates_create_an_item_unless_they_only_delete(
    store: ItemStore, updates: dict[str, Any], *, created: bool
) -> None:
    key = {"artist": {"S": "New"}, "song": {"S": "x"}}

    store.call("UpdateItem", TableName="Music", Key=key, AttributeUpdates=updates)

    assert ("Item" in store.call("GetItem", TableName="Music", Key=key)) is created


@pytest.mark.parametrize(
    ("updates", "message"),
    [
        (
            {"song": {"Value": {"S": "x"}}},
            f"{INVALID}Cannot update attribute song. This attribute is part of the key",
        ),
        (
            {"label": {"Action": "ADD", "Value": {"N": "1"}}},
            "Type mismatch for attribute to update",
        ),
        (
            {"genre": {"Value": {"N": "1"}}},
            f"{INVALID}Type mismatch for Index Key genre Expected: S Actual: N IndexName: ByGenre",
        ),
        (
            {"label": {"Value": {"S": "x" * 409_600}}},
            "Item size to update has exceeded the maximum allowed size",
        ),
    ],
)
def test_attribute_updates_that_cannot_be_made_are_refused(
    store: ItemStore, updates: dict[str, Any], message: str
) -> None:
    assert refusal(store, "UpdateItem", Key=KEY, AttributeUpdates=updates) == message


# --- what goes together

MIXED = "Can not use both expression and non-expression parameters in the same request: "
YEAR = {"year": asked("NOT_NULL")}
EXISTS = {"ConditionExpression": "attribute_exists(artist)"}
ITEM = {"Item": song("Nina", "a", 1)}


@pytest.mark.parametrize(
    ("operation", "parameters", "legacy", "expressions"),
    [
        (
            "GetItem",
            {"Key": KEY, "AttributesToGet": ["a"], "ProjectionExpression": "a"},
            "AttributesToGet",
            "ProjectionExpression",
        ),
        ("PutItem", ITEM | {"Expected": {}} | EXISTS, "Expected", "ConditionExpression"),
        (
            "DeleteItem",
            {"Key": KEY, "ConditionalOperator": "AND"} | EXISTS,
            "ConditionalOperator",
            "ConditionExpression",
        ),
        (
            "UpdateItem",
            {"Key": KEY, "Expected": {}, "UpdateExpression": "REMOVE b"},
            "Expected",
            "UpdateExpression",
        ),
        (
            "UpdateItem",
            {"Key": KEY, "Expected": {}, "AttributeUpdates": {}, "UpdateExpression": "REMOVE b"}
            | EXISTS,
            "AttributeUpdates, Expected",
            "UpdateExpression, ConditionExpression",
        ),
        (
            "Query",
            {"KeyConditions": NINA, "QueryFilter": YEAR} | OF_NINA,
            "QueryFilter, KeyConditions",
            "KeyConditionExpression",
        ),
        (
            "Query",
            {"KeyConditions": NINA, "QueryFilter": YEAR, "ProjectionExpression": "song"},
            "QueryFilter",
            "ProjectionExpression",
        ),
        (
            "Scan",
            {"ScanFilter": YEAR, "AttributesToGet": ["a"], "ConditionalOperator": "OR"}
            | {"FilterExpression": "attribute_exists(song)", "ProjectionExpression": "song"},
            "AttributesToGet, ScanFilter, ConditionalOperator",
            "ProjectionExpression, FilterExpression",
        ),
    ],
)
def test_legacy_parameters_do_not_mix_with_expressions(
    store: ItemStore, operation: str, parameters: dict[str, Any], legacy: str, expressions: str
) -> None:
    message = refusal(store, operation, **parameters)

    assert message == (
        f"{MIXED}Non-expression parameters: {{{legacy}}} Expression parameters: {{{expressions}}}"
    )


WITHOUT = "ConditionalOperator cannot be used without Filter or Expected"
TOO_FEW = "ConditionalOperator can only be used when Filter or Expected has two or more elements"


@pytest.mark.parametrize(
    ("operation", "parameters", "message"),
    [
        ("PutItem", ITEM, WITHOUT),
        ("PutItem", ITEM | {"Expected": {}}, WITHOUT),
        ("DeleteItem", {"Key": KEY, "Expected": {"year": {"Exists": False}}}, TOO_FEW),
        ("UpdateItem", {"Key": KEY, "AttributeUpdates": {}}, WITHOUT),
        ("Query", {"KeyConditions": NINA}, WITHOUT),
        ("Query", {"KeyConditions": NINA, "QueryFilter": YEAR}, TOO_FEW),
        ("Scan", {}, WITHOUT),
        ("Scan", {"ScanFilter": YEAR}, TOO_FEW),
    ],
)
def test_a_conditional_operator_has_conditions_to_join(
    store: ItemStore, operation: str, parameters: dict[str, Any], message: str
) -> None:
    assert refusal(store, operation, **parameters, ConditionalOperator="AND") == message


def test_placeholders_need_expressions(store: ItemStore) -> None:
    message = refusal(
        store, "GetItem", Key=KEY, AttributesToGet=["a"], ExpressionAttributeNames={"#a": "a"}
    )

    assert message == "ExpressionAttributeNames can only be specified when using expressions"
