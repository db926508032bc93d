"""Numbers: 38 digits, a range, one canonical form, exact arithmetic."""

import pytest

from tests.conformance.expectation import invalid

DIGITS = "Attempting to store more than 38 significant digits in a Number"
OVERFLOW = (
    "Number overflow. Attempting to store a number with magnitude larger than supported range"
)
UNDERFLOW = (
    "Number underflow. Attempting to store a number with magnitude smaller than supported range"
)
NINES = "9" * 38


@pytest.fixture
def stored(dynamodb, simple, key):
    """The form in which a number is stored."""

    def call(number):
        item_key = {"pk": {"S": key}}
        dynamodb.put_item(TableName=simple, Item={**item_key, "n": {"N": number}})
        answer = dynamodb.get_item(TableName=simple, Key=item_key, ConsistentRead=True)
        return answer["Item"]["n"]["N"]

    return call


@pytest.mark.parametrize(
    ("number", "canonical"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0.0e126", "0"),
        ("1", "1"),
        ("+1", "1"),
        ("-1", "-1"),
        ("007", "7"),
        ("1.00", "1"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("0.10", "0.1"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1e+3", "1000"),
        ("12.5e1", "125"),
        ("1e-20", "0.00000000000000000001"),
        ("1e125", "1" + "0" * 125),
        ("-1e125", "-1" + "0" * 125),
        ("1e-130", "0." + "0" * 129 + "1"),
        ("-1e-130", "-0." + "0" * 129 + "1"),
        (NINES, NINES),
        ("-" + NINES, "-" + NINES),
        (f"{NINES}e88", NINES + "0" * 88),
        (f"0.{NINES}", f"0.{NINES}"),
        ("1" + "0" * 100, "1" + "0" * 100),
        ("0." + "0" * 100 + "1", "0." + "0" * 100 + "1"),
        ("1.0000000000000000000000000000000000000000000", "1"),
    ],
)
def test_number_has_one_form(stored, number, canonical):
    assert stored(number) == canonical


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("1" * 39, DIGITS),
        ("-" + "1" * 39, DIGITS),
        ("1." + "1" * 38, DIGITS),
        ("1e126", OVERFLOW),
        ("-1e126", OVERFLOW),
        ("1e1000", OVERFLOW),
        ("1e-131", UNDERFLOW),
        ("-1e-131", UNDERFLOW),
        ("dog", "The parameter cannot be converted to a numeric value: dog"),
        ("1 ", "The parameter cannot be converted to a numeric value: 1 "),
        (" 1", "The parameter cannot be converted to a numeric value:  1"),
        ("1,000", "The parameter cannot be converted to a numeric value: 1,000"),
        ("0x10", "The parameter cannot be converted to a numeric value: 0x10"),
        ("NaN", "The parameter cannot be converted to a numeric value: NaN"),
        ("Infinity", "The parameter cannot be converted to a numeric value: Infinity"),
        ("-Infinity", "The parameter cannot be converted to a numeric value: -Infinity"),
        ("1e", "The parameter cannot be converted to a numeric value: 1e"),
        ("--1", "The parameter cannot be converted to a numeric value: --1"),
        ("1_0", "The parameter cannot be converted to a numeric value: 1_0"),
        ("", "The parameter cannot be converted to a numeric value"),
    ],
)
def test_number_outside_the_rules_is_refused(stored, number, message):
    with invalid(message):
        stored(number)


def test_zero_with_a_large_exponent_is_refused(stored):
    with invalid():
        stored("0e126")


@pytest.mark.parametrize("where", ["set", "list", "map"])
def test_numbers_inside_are_held_to_the_rules(dynamodb, simple, key, where):
    number = "1" * 39
    value = {
        "set": {"NS": ["1", number]},
        "list": {"L": [{"N": number}]},
        "map": {"M": {"m": {"N": number}}},
    }[where]

    with invalid(DIGITS):
        dynamodb.put_item(TableName=simple, Item={"pk": {"S": key}, "a": value})


@pytest.mark.parametrize(
    ("start", "change", "sum_"),
    [
        ("1", "2", "3"),
        ("0.1", "0.2", "0.3"),
        ("1", "-1", "0"),
        ("9007199254740993", "1", "9007199254740994"),
        (NINES, "1", "1" + "0" * 38),
        ("1e37", "0.1", None),
        ("1e50", "1", None),
        ("9.9e125", "9.9e125", None),
    ],
)
def test_addition_is_exact_or_refused(dynamodb, simple, key, start, change, sum_):
    item_key = {"pk": {"S": key}}
    dynamodb.put_item(TableName=simple, Item={**item_key, "n": {"N": start}})

    def add():
        return dynamodb.update_item(
            TableName=simple,
            Key=item_key,
            UpdateExpression="SET n = n + :c",
            ExpressionAttributeValues={":c": {"N": change}},
            ReturnValues="UPDATED_NEW",
        )

    if sum_ is None:
        with invalid(OVERFLOW):
            add()
    else:
        assert add()["Attributes"] == {"n": {"N": sum_}}


def test_order_of_numbers_is_numeric(dynamodb, numbered, key):
    ordered = ["-1e125", "-100", "-99.5", "-1e-130", "0", "1e-130", "0.5", "1", "2", "10", "1e125"]
    for number in reversed(ordered):
        dynamodb.put_item(TableName=numbered, Item={"pk": {"S": key}, "sk": {"N": number}})

    found = dynamodb.query(
        TableName=numbered,
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": {"S": key}},
        ConsistentRead=True,
    )["Items"]

    assert [float(item["sk"]["N"]) for item in found] == [float(number) for number in ordered]
