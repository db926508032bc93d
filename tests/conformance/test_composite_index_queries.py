"""Queries and scans of a global index whose keys have several attributes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.concerts import CONCERTS, KEYS, concert
from tests.conformance.expectation import VALUES, invalid

MISSED = "Query condition missed key schema element: "
UNSUPPORTED = "Query key condition not supported"
NAMES = {"#y": "year", "#d": "day"}
# In the order of the index: numbers by value, binaries by unsigned bytes.
HELD = (
    ("-1/2", b"a"),
    ("9/1", b"a"),
    ("10/2", b"a"),
    ("10/2", b"a\xff"),
    ("10/10", b"\x80"),
    ("1e2/0.5", b"a"),
)


def used(text, placeholders):
    return {name: what for name, what in placeholders.items() if name in text}


@pytest.fixture(scope="module")
def table(lasting_tables):
    return lasting_tables.make(**CONCERTS)["TableName"]


@pytest.fixture(scope="module")
def country(dynamodb, table, unique_name):
    """Where all concerts are, written last first and seen in the index."""
    name = unique_name("key")
    for number, place in reversed(list(enumerate(HELD))):
        dynamodb.put_item(TableName=table, Item=concert(name, number, *place))
    for _ in range(2000):
        page = dynamodb.scan(
            TableName=table,
            IndexName="places",
            FilterExpression="begins_with(pk, :k)",
            ExpressionAttributeValues={":k": {"S": name}},
        )
        if page["Count"] == len(HELD):
            return name
    raise AssertionError(f"{page['Count']} concerts are in the index")


@pytest.fixture
def query(dynamodb, table, country):
    """Queries an index for the one country and city, and more."""

    def call(condition="", sought=None, **options):
        return dynamodb.query(
            TableName=table,
            IndexName="places",
            KeyConditionExpression=f"country = :k AND city = :t{condition}",
            ExpressionAttributeValues={
                ":k": {"S": country},
                ":t": {"S": "Bern"},
                **(sought or {}),
            },
            **options,
        )

    return call


def numbers(items):
    return "".join(item["pk"]["S"][-1] for item in items)


@pytest.mark.parametrize(("forward", "expected"), [(True, "012345"), (False, "543210")])
def test_items_are_in_the_order_of_all_sort_attributes(query, forward, expected):
    assert numbers(query(ScanIndexForward=forward)["Items"]) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (" AND #y = :ten", "234"),
        (" AND #y > :nine", "2345"),
        (" AND #y BETWEEN :nine AND :ten", "1234"),
        (" AND #y = :ten AND #d = :two", "23"),
        (" AND #y = :ten AND #d >= :two", "234"),
        (" AND #d < :ten AND #y = :ten", "23"),
        (" AND #y = :ten AND #d = :two AND hall = :a", "2"),
        (" AND #y = :ten AND #d = :two AND hall > :a", "3"),
        (" AND #y = :ten AND #d = :two AND begins_with(hall, :a)", "23"),
        (" AND #y = :ten AND #d = :ten AND begins_with(hall, :a)", ""),
    ],
)
def test_sort_attributes_are_limited_from_the_left(query, condition, expected):
    values = {":nine": {"N": "9"}, ":ten": {"N": "1e1"}, ":two": {"N": "2.0"}, ":a": {"B": b"a"}}

    answer = query(
        condition, used(condition, values), ExpressionAttributeNames=used(condition, NAMES)
    )

    assert numbers(answer["Items"]) == expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("country = :a", f"{MISSED}city"),
        ("city = :a", f"{MISSED}country"),
        ("country = :a AND #y = :n", f"{MISSED}city"),
        ("country = :a AND city > :a", UNSUPPORTED),
        ("country = :a AND begins_with(city, :a)", UNSUPPORTED),
        ("country = :a AND city = :a AND #d = :n", f"{MISSED}year"),
        ("country = :a AND city = :a AND #y > :n AND #d = :n", UNSUPPORTED),
        (
            "country = :a AND city = :a AND #y = :a",
            f"{VALUES}Condition parameter type does not match schema type",
        ),
    ],
)
def test_conditions_that_skip_or_do_not_fit_are_refused(dynamodb, table, condition, message):
    values = {":a": {"S": "x"}, ":n": {"N": "1"}}
    names = used(condition, NAMES)

    with invalid(message):
        dynamodb.query(
            TableName=table,
            IndexName="places",
            KeyConditionExpression=condition,
            ExpressionAttributeValues=used(condition, values),
            **({"ExpressionAttributeNames": names} if names else {}),
        )


@pytest.mark.parametrize("limit", [1, 2, 6])
@pytest.mark.parametrize(("forward", "expected"), [(True, "012345"), (False, "543210")])
def test_pages_join_and_their_last_keys_have_all_keys(query, limit, forward, expected):
    found = []
    start: dict[str, Any] = {}
    while True:
        page = query(Limit=limit, ScanIndexForward=forward, **start)
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            break
        assert set(page["LastEvaluatedKey"]) == {"pk", *KEYS}
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    assert numbers(found) == expected


def test_start_without_one_of_the_keys_is_refused(query):
    start = query(Limit=1)["LastEvaluatedKey"]
    del start["day"]

    with invalid("The provided starting key is invalid"):
        query(ExclusiveStartKey=start)


def test_start_outside_the_condition_is_refused(query):
    start = {**query(Limit=1)["LastEvaluatedKey"], "city": {"S": "Basel"}}

    with invalid(
        "The provided starting key is outside query boundaries based on provided conditions"
    ):
        query(ExclusiveStartKey=start)


def test_filter_cannot_be_about_any_of_the_keys(query):
    with invalid(
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: hall"
    ):
        query(FilterExpression="attribute_exists(hall)")


def test_consistent_reads_are_refused(query):
    with invalid("Consistent reads are not supported on global secondary indexes"):
        query(ConsistentRead=True)


def test_legacy_conditions_mean_the_same(dynamodb, table, country):
    def asked(operator, operand):
        return {"ComparisonOperator": operator, "AttributeValueList": [operand]}

    answer = dynamodb.query(
        TableName=table,
        IndexName="places",
        KeyConditions={
            "country": asked("EQ", {"S": country}),
            "city": asked("EQ", {"S": "Bern"}),
            "year": asked("EQ", {"N": "10"}),
            "day": asked("GT", {"N": "2"}),
        },
    )

    assert numbers(answer["Items"]) == "4"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("", "012345"),
        (' AND "year" = 10', "234"),
        (' AND "year" = 10 AND "day" > 2', "4"),
        (' AND "year" IN [9, 10]', "1234"),
        (' AND "day" = 2', "023"),
        (' ORDER BY "year" DESC, "day" DESC, hall DESC', "543210"),
    ],
)
def test_statements_select_from_it(dynamodb, table, country, where, expected):
    answer = dynamodb.execute_statement(
        Statement=f'SELECT * FROM "{table}"."places" WHERE country = ? AND city = ?{where}',
        Parameters=[{"S": country}, {"S": "Bern"}],
    )

    assert numbers(answer["Items"]) == expected


def test_pages_of_a_scan_join(dynamodb, table, country):
    found = []
    start: dict[str, Any] = {}
    while True:
        page = dynamodb.scan(TableName=table, IndexName="places", Limit=4, **start)
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    assert numbers(found) == "012345"
