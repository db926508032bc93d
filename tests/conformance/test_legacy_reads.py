"""AttributesToGet, KeyConditions, QueryFilter and ScanFilter."""

import pytest

from tests.conformance.definition import keys
from tests.conformance.expectation import VALUES, invalid

MIXED = "Can not use both expression and non-expression parameters in the same request: "


def asked(operator, *values):
    return {"ComparisonOperator": operator, "AttributeValueList": list(values)}


def items_of(partition):
    """Five items, `a` to `e`, with `n` from 1 to 5 and `note` in every other."""
    items = [
        {"pk": {"S": partition}, "sk": {"S": sort}, "n": {"N": str(number)}, "m": {"M": {}}}
        for number, sort in enumerate("abcde", 1)
    ]
    for item in items[::2]:
        item["note"] = {"S": "x"}
    return items


@pytest.fixture(scope="module")
def table(dynamodb, lasting_tables):
    """A table with the five items alone."""
    name = lasting_tables.make(**keys(("pk", "S"), ("sk", "S")))["TableName"]
    requests = [{"PutRequest": {"Item": item}} for item in items_of("p")]
    dynamodb.batch_write_item(RequestItems={name: requests})
    return name


@pytest.fixture
def query(dynamodb, table):
    def call(conditions=None, **options):
        wanted = {"pk": asked("EQ", {"S": "p"})} | (conditions or {})
        return dynamodb.query(TableName=table, KeyConditions=wanted, ConsistentRead=True, **options)

    return call


@pytest.fixture
def scan(dynamodb, table):
    def call(**options):
        return dynamodb.scan(TableName=table, ConsistentRead=True, **options)

    return call


def sorts(page):
    return "".join(item["sk"]["S"] for item in page["Items"])


# --- AttributesToGet


def test_get_item_gives_the_attributes_asked_for(dynamodb, table):
    found = dynamodb.get_item(
        TableName=table,
        Key={"pk": {"S": "p"}, "sk": {"S": "b"}},
        AttributesToGet=["n", "m.x", "absent"],
        ConsistentRead=True,
    )

    assert found["Item"] == {"n": {"N": "2"}}


def test_item_without_the_attributes_is_empty(dynamodb, table):
    found = dynamodb.get_item(
        TableName=table,
        Key={"pk": {"S": "p"}, "sk": {"S": "b"}},
        AttributesToGet=["absent"],
        ConsistentRead=True,
    )

    assert found["Item"] == {}


def test_batch_gives_the_attributes_asked_for(dynamodb, table):
    wanted = {
        "Keys": [{"pk": {"S": "p"}, "sk": {"S": sort}} for sort in "ab"],
        "AttributesToGet": ["n"],
        "ConsistentRead": True,
    }

    found = dynamodb.batch_get_item(RequestItems={table: wanted})["Responses"][table]

    assert sorted(item["n"]["N"] for item in found) == ["1", "2"]
    assert all(item.keys() == {"n"} for item in found)


def test_query_and_scan_give_the_attributes_asked_for(query, scan):
    pages = query(AttributesToGet=["sk"]), scan(AttributesToGet=["sk"])

    for page in pages:
        assert page["Items"] == [{"sk": {"S": sort}} for sort in "abcde"]


def test_attribute_asked_for_twice_is_refused(query):
    with invalid(f"{VALUES}Duplicate value in attribute name: n"):
        query(AttributesToGet=["n", "sk", "n"])


def test_attributes_do_not_go_with_a_count(query):
    with invalid(f"{VALUES}Cannot specify the AttributesToGet when choosing to get only the Count"):
        query(AttributesToGet=["n"], Select="COUNT")


# --- KeyConditions


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (None, "abcde"),
        (asked("EQ", {"S": "c"}), "c"),
        (asked("LT", {"S": "c"}), "ab"),
        (asked("LE", {"S": "c"}), "abc"),
        (asked("GT", {"S": "c"}), "de"),
        (asked("GE", {"S": "c"}), "cde"),
        (asked("BETWEEN", {"S": "b"}, {"S": "d"}), "bcd"),
        (asked("BEGINS_WITH", {"S": "c"}), "c"),
        (asked("BEGINS_WITH", {"S": "x"}), ""),
    ],
    ids=str,
)
def test_range_of_keys_is_queried(query, condition, found):
    assert sorts(query(None if condition is None else {"sk": condition})) == found


def test_range_is_queried_page_by_page_in_reverse(query):
    wanted = {"sk": asked("GE", {"S": "b"})}

    first = query(wanted, ScanIndexForward=False, Limit=3)
    rest = query(
        wanted, ScanIndexForward=False, Limit=3, ExclusiveStartKey=first["LastEvaluatedKey"]
    )

    assert sorts(first) + sorts(rest) == "edcb"


def test_index_is_queried(dynamodb, indexed, key):
    for sort, grade in (("a", "3"), ("b", "1"), ("c", "2")):
        item = {"pk": {"S": key}, "sk": {"S": sort}, "grade": {"N": grade}}
        dynamodb.put_item(TableName=indexed, Item=item)

    page = dynamodb.query(
        TableName=indexed,
        IndexName="by_grade",
        KeyConditions={"pk": asked("EQ", {"S": key}), "grade": asked("GT", {"N": "1"})},
        ConsistentRead=True,
    )

    assert sorts(page) == "ca"


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({}, "Conditions can be of length 1 or 2 only"),
        (
            {name: asked("EQ", {"S": "p"}) for name in ("pk", "sk", "n")},
            "Conditions can be of length 1 or 2 only",
        ),
        ({"sk": asked("EQ", {"S": "a"})}, "Query condition missed key schema element: pk"),
        (
            {"pk": asked("EQ", {"S": "p"}), "n": asked("EQ", {"N": "1"})},
            "Query condition missed key schema element: sk",
        ),
        ({"pk": asked("GT", {"S": "p"})}, "Query key condition not supported"),
        (
            {"pk": asked("EQ", {"N": "1"})},
            f"{VALUES}Condition parameter type does not match schema type",
        ),
        *[
            (
                {"pk": asked("EQ", {"S": "p"}), "sk": asked(operator, *values)},
                "Attempted conditional constraint is not an indexable operation",
            )
            for operator, values in (
                ("NE", [{"S": "a"}]),
                ("IN", [{"S": "a"}]),
                ("CONTAINS", [{"S": "a"}]),
                ("NOT_CONTAINS", [{"S": "a"}]),
                ("NULL", []),
                ("NOT_NULL", []),
            )
        ],
        (
            {"pk": {"ComparisonOperator": "EQ"}},
            f"{VALUES}Invalid number of argument(s) for the EQ ComparisonOperator",
        ),
    ],
    ids=str,
)
def test_what_is_no_key_condition_is_refused(dynamodb, table, conditions, message):
    with invalid(message):
        dynamodb.query(TableName=table, KeyConditions=conditions)


# --- filters


@pytest.mark.parametrize(
    ("filtered", "operator", "found"),
    [
        ({}, None, "abcde"),
        ({"n": asked("GT", {"N": "3"})}, None, "de"),
        ({"note": asked("NULL")}, None, "bd"),
        ({"note": asked("NE", {"S": "y"})}, None, "abcde"),
        ({"note": asked("NOT_CONTAINS", {"S": "y"})}, None, "ace"),
        ({"n": asked("GT", {"N": "3"}), "note": asked("NOT_NULL")}, None, "e"),
        ({"n": asked("GT", {"N": "3"}), "note": asked("NOT_NULL")}, "AND", "e"),
        ({"n": asked("GT", {"N": "3"}), "note": asked("NOT_NULL")}, "OR", "acde"),
        ({"n": asked("IN", {"N": "1"}, {"N": "4"})}, None, "ad"),
    ],
    ids=str,
)
def test_items_are_filtered(query, scan, filtered, operator, found):
    joined = {} if operator is None else {"ConditionalOperator": operator}

    pages = query(QueryFilter=filtered, **joined), scan(ScanFilter=filtered, **joined)

    for page in pages:
        assert sorts(page) == found
        assert (page["Count"], page["ScannedCount"]) == (len(found), 5)


def test_query_filter_has_no_keys(query):
    with invalid(
        "QueryFilter can only contain non-primary key attributes: Primary key attribute: sk"
    ):
        query(QueryFilter={"sk": asked("EQ", {"S": "a"})})


def test_scan_filter_may_have_keys(scan):
    assert sorts(scan(ScanFilter={"sk": asked("LE", {"S": "b"})})) == "ab"


@pytest.mark.parametrize(
    ("filtered", "message"),
    [
        (None, "ConditionalOperator cannot be used without Filter or Expected"),
        (
            {"n": asked("NULL")},
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        ),
    ],
)
def test_conditional_operator_needs_conditions(query, scan, filtered, message):
    of_query, of_scan = (
        {} if filtered is None else {name: filtered} for name in ("QueryFilter", "ScanFilter")
    )

    with invalid(message):
        query(**of_query, ConditionalOperator="OR")
    with invalid(message):
        scan(**of_scan, ConditionalOperator="OR")


# --- beside expressions


def test_key_conditions_go_with_a_filter_expression(query):
    page = query(FilterExpression="n > :n", ExpressionAttributeValues={":n": {"N": "3"}})

    assert sorts(page) == "de"


@pytest.mark.parametrize(
    ("options", "legacy", "expressions"),
    [
        (
            {"QueryFilter": {"n": asked("NULL")}, "FilterExpression": "attribute_exists(n)"},
            "QueryFilter",
            "FilterExpression",
        ),
        (
            {"AttributesToGet": ["n"], "ProjectionExpression": "n"},
            "AttributesToGet",
            "ProjectionExpression",
        ),
        ({"KeyConditionExpression": "pk = sk"}, "KeyConditions", "KeyConditionExpression"),
    ],
)
def test_query_does_not_mix_parameters(query, options, legacy, expressions):
    with invalid(
        f"{MIXED}Non-expression parameters: {{{legacy}}} Expression parameters: {{{expressions}}}"
    ):
        query(**options)


def test_scan_does_not_mix_parameters(scan):
    with invalid(
        f"{MIXED}Non-expression parameters: {{AttributesToGet, ScanFilter}} "
        "Expression parameters: {FilterExpression}"
    ):
        scan(
            AttributesToGet=["n"],
            ScanFilter={"n": asked("NULL")},
            FilterExpression="attribute_exists(n)",
        )
