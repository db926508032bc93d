"""Attribute values of every type: what comes back, and what is refused."""

import pytest

from tests.conformance.expectation import VALUES, invalid


@pytest.fixture
def put(dynamodb, simple, key):
    """Puts one value as the attribute `a`."""

    def call(value):
        dynamodb.put_item(TableName=simple, Item={"pk": {"S": key}, "a": value})

    return call


@pytest.fixture
def read(dynamodb, simple, key):
    """The attribute `a` as stored."""

    def call():
        answer = dynamodb.get_item(TableName=simple, Key={"pk": {"S": key}}, ConsistentRead=True)
        return answer["Item"]["a"]

    return call


def nested(levels, innermost):
    """A value inside so many lists."""
    value = innermost
    for _ in range(levels):
        value = {"L": [value]}
    return value


@pytest.mark.parametrize(
    "value",
    [
        {"S": "text"},
        {"S": ""},
        {"S": 'Grüße \U0001f600 \u0000 \\ " /'},
        {"N": "12.5"},
        {"B": b"\x00\xff"},
        {"B": b""},
        {"BOOL": True},
        {"BOOL": False},
        {"NULL": True},
        {"M": {}},
        {"L": []},
        {"M": {"a": {"M": {"b": {"S": ""}}}}},
        {"L": [{"S": "a"}, {"N": "1"}, {"L": [{"NULL": True}]}, {"S": "a"}]},
        {"M": {"list": {"L": [{"M": {"set": {"SS": ["x"]}}}]}}},
        {"SS": ["a"]},
        {"SS": [""]},
        {"NS": ["1"]},
        {"BS": [b"a"]},
        {"BS": [b""]},
    ],
    ids=str,
)
def test_value_comes_back_as_it_was(put, read, value):
    put(value)

    assert read() == value


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("SS", ["b", "a", "c"]),
        ("NS", ["3", "1", "2"]),
        ("BS", [b"b", b"a"]),
    ],
)
def test_set_keeps_its_members(put, read, kind, members):
    put({kind: members})

    assert sorted(read()[kind]) == sorted(members)


def test_members_of_a_number_set_are_normalised(put, read):
    put({"NS": ["1.0", "2e1"]})

    assert sorted(read()["NS"]) == ["1", "20"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param(
            {},
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
            id="empty",
        ),
        pytest.param(
            {"S": "a", "N": "1"},
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of "
            "the supported datatypes",
            id="two types",
        ),
        pytest.param(
            {"NULL": False},
            VALUES + "Null attribute value types must have the value of true",
            id="null that is false",
        ),
        pytest.param({"SS": []}, VALUES + "An string set  may not be empty", id="empty SS"),
        pytest.param({"NS": []}, VALUES + "An number set  may not be empty", id="empty NS"),
        pytest.param({"BS": []}, VALUES + "Binary sets should not be empty", id="empty BS"),
        pytest.param(
            {"SS": ["a", "a"]},
            VALUES + "Input collection [a, a] contains duplicates.",
            id="duplicates in SS",
        ),
        pytest.param(
            {"NS": ["1", "1"]}, "Input collection contains duplicates", id="duplicates in NS"
        ),
        pytest.param(
            {"NS": ["1", "1.0"]}, "Input collection contains duplicates", id="equal numbers in NS"
        ),
    ],
)
@pytest.mark.parametrize("is_nested", [False, True], ids=["top level", "nested"])
def test_faulty_value_is_refused(put, value, message, is_nested):
    with invalid() as refusal:
        put({"L": [{"M": {"m": value}}]} if is_nested else value)

    # The facts leave open which of the texts of sets carry the common beginning.
    assert refusal.message.removeprefix(VALUES) == message.removeprefix(VALUES)


def test_duplicates_in_a_binary_set_are_refused(put):
    with invalid() as refusal:
        put({"BS": [b"a", b"a"]})

    assert refusal.message.startswith(VALUES + "Input collection [")
    assert refusal.message.endswith("]of type BS contains duplicates.")


@pytest.mark.parametrize("innermost", [{"S": "a"}, {"M": {}}], ids=["scalar", "map"])
def test_31_levels_are_supported(put, read, innermost):
    value = nested(31, {"S": "a"}) if "S" in innermost else nested(30, innermost)

    put(value)

    assert read() == value


@pytest.mark.parametrize("levels", [33, 100])
def test_too_many_levels_are_refused(put, levels):
    with invalid() as refusal:
        put(nested(levels, {"S": "a"}))

    assert "Nesting Levels have exceeded supported limits" in refusal.message


def test_long_name_of_an_attribute_is_kept(dynamodb, simple, key):
    name = "n" * 65_535

    dynamodb.put_item(TableName=simple, Item={"pk": {"S": key}, name: {"S": "a"}})

    answer = dynamodb.get_item(TableName=simple, Key={"pk": {"S": key}}, ConsistentRead=True)
    assert answer["Item"][name] == {"S": "a"}


def test_too_long_name_of_an_attribute_is_refused(dynamodb, simple, key):
    with invalid():
        dynamodb.put_item(TableName=simple, Item={"pk": {"S": key}, "n" * 65_536: {"S": "a"}})
