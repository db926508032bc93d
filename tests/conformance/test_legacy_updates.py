"""AttributeUpdates: PUT, ADD and DELETE of whole attributes."""

from typing import Any

import pytest

from tests.conformance.expectation import VALUES, invalid

NEVER_CHANGED: list[dict[str, Any]] = [
    {"S": "x"},
    {"B": b"x"},
    {"BOOL": True},
    {"NULL": True},
]
MISMATCH = "Type mismatch for attribute to update"
ONLY_DELETE = VALUES + "Only DELETE action is allowed when no attribute value is specified"


@pytest.fixture
def update(dynamodb, simple, key):
    def call(updates, **options):
        return dynamodb.update_item(
            TableName=simple, Key={"pk": {"S": key}}, AttributeUpdates=updates, **options
        )

    return call


@pytest.fixture
def get(dynamodb, simple, key):
    """The item's attributes beside its key, or None."""

    def call():
        answer = dynamodb.get_item(TableName=simple, Key={"pk": {"S": key}}, ConsistentRead=True)
        item = answer.get("Item")
        return None if item is None else {name: item[name] for name in item if name != "pk"}

    return call


@pytest.fixture
def put(dynamodb, simple, key):
    def call(**attributes):
        dynamodb.put_item(TableName=simple, Item={"pk": {"S": key}, **attributes})

    return call


def test_put_is_the_action_if_none_is_given(update, get):
    update({"a": {"Value": {"S": "x"}}, "b.c": {"Value": {"M": {}}, "Action": "PUT"}})

    assert get() == {"a": {"S": "x"}, "b.c": {"M": {}}}


def test_put_replaces_a_value_of_any_type(update, put, get):
    put(a={"L": []}, b={"S": "b"})

    update({"a": {"Value": {"N": "1"}, "Action": "PUT"}})

    assert get() == {"a": {"N": "1"}, "b": {"S": "b"}}


@pytest.mark.parametrize(
    ("old", "added", "new"),
    [
        ({"N": "1"}, {"N": "2.5"}, {"N": "3.5"}),
        ({"N": "1"}, {"N": "-2"}, {"N": "-1"}),
        (None, {"N": "7"}, {"N": "7"}),
        (None, {"SS": ["x"]}, {"SS": ["x"]}),
        (None, {"L": [{"S": "x"}]}, {"L": [{"S": "x"}]}),
        ({"L": [{"S": "x"}]}, {"L": [{"S": "x"}, {"N": "1"}]}, ["x", "x", "1"]),
    ],
)
def test_add_to_a_number_or_a_list(update, put, get, old, added, new):
    put(**({} if old is None else {"a": old}))

    update({"a": {"Value": added, "Action": "ADD"}})

    found = get()["a"]
    if isinstance(new, list):
        found = [next(iter(element.values())) for element in found["L"]]
    assert found == new


@pytest.mark.parametrize(
    ("kind", "old", "members", "new"),
    [
        ("SS", ["x", "y"], ["y", "z"], ["x", "y", "z"]),
        ("NS", ["1", "2"], ["2.0", "3"], ["1", "2", "3"]),
        ("BS", [b"\x01"], [b"\x02"], [b"\x01", b"\x02"]),
    ],
)
def test_add_to_a_set(update, put, get, kind, old, members, new):
    put(a={kind: old})

    update({"a": {"Value": {kind: members}, "Action": "ADD"}})

    assert sorted(get()["a"][kind]) == new


@pytest.mark.parametrize(
    ("old", "change", "new"),
    [
        ({"S": "x"}, {"Action": "DELETE"}, {}),
        (None, {"Action": "DELETE"}, {}),
        (
            {"SS": ["x", "y"]},
            {"Action": "DELETE", "Value": {"SS": ["x", "z"]}},
            {"a": {"SS": ["y"]}},
        ),
        ({"SS": ["x", "y"]}, {"Action": "DELETE", "Value": {"SS": ["y", "x"]}}, {}),
        (None, {"Action": "DELETE", "Value": {"SS": ["x"]}}, {}),
    ],
)
def test_delete_takes_away(update, put, get, old, change, new):
    put(**({} if old is None else {"a": old}))

    update({"a": change})

    assert get() == new


@pytest.mark.parametrize(
    ("updates", "created"),
    [
        ({}, {}),
        ({"a": {"Action": "DELETE"}}, None),
        ({"a": {"Action": "DELETE", "Value": {"SS": ["x"]}}}, None),
        ({"a": {"Action": "DELETE"}, "b": {"Value": {"S": "x"}}}, {"b": {"S": "x"}}),
        ({"a": {"Action": "ADD", "Value": {"N": "1"}}}, {"a": {"N": "1"}}),
    ],
)
def test_item_is_created_unless_all_is_taken_away(update, get, updates, created):
    update(updates)

    assert get() == created


@pytest.mark.parametrize(
    ("wanted", "attributes"),
    [
        ("NONE", None),
        ("ALL_OLD", {"a": {"N": "1"}, "b": {"S": "b"}, "c": {"S": "c"}}),
        ("ALL_NEW", {"a": {"N": "2"}, "b": {"S": "b"}, "d": {"S": "d"}}),
        ("UPDATED_OLD", {"a": {"N": "1"}, "c": {"S": "c"}}),
        ("UPDATED_NEW", {"a": {"N": "2"}, "d": {"S": "d"}}),
    ],
)
def test_return_values(update, put, key, wanted, attributes):
    put(a={"N": "1"}, b={"S": "b"}, c={"S": "c"})

    answer = update(
        {
            "a": {"Action": "ADD", "Value": {"N": "1"}},
            "c": {"Action": "DELETE"},
            "d": {"Value": {"S": "d"}},
        },
        ReturnValues=wanted,
    )

    own_key = {"pk": {"S": key}} if wanted.startswith("ALL") else {}
    assert answer.get("Attributes") == (None if attributes is None else attributes | own_key)


@pytest.mark.parametrize(
    ("old", "change"),
    [
        ({"S": "x"}, {"Action": "ADD", "Value": {"N": "1"}}),
        ({"N": "1"}, {"Action": "ADD", "Value": {"NS": ["1"]}}),
        ({"NS": ["1"]}, {"Action": "ADD", "Value": {"SS": ["1"]}}),
        ({"SS": ["1"]}, {"Action": "ADD", "Value": {"L": []}}),
        ({"NS": ["1"]}, {"Action": "DELETE", "Value": {"SS": ["1"]}}),
        ({"L": []}, {"Action": "DELETE", "Value": {"SS": ["1"]}}),
    ],
)
def test_value_that_does_not_fit_is_refused(update, put, get, old, change):
    put(a=old)

    with invalid(MISMATCH):
        update({"a": change})

    assert get() == {"a": old}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, ONLY_DELETE),
        ({"Action": "PUT"}, ONLY_DELETE),
        ({"Action": "ADD"}, ONLY_DELETE),
        *[
            (
                {"Action": "ADD", "Value": value},
                f"{VALUES}ADD action is not supported for the type {next(iter(value))}",
            )
            for value in (*NEVER_CHANGED, {"M": {}})
        ],
        *[
            (
                {"Action": "DELETE", "Value": value},
                (
                    f"{VALUES}DELETE action with value is not supported for the type "
                    f"{next(iter(value))}"
                ),
            )
            for value in (*NEVER_CHANGED, {"N": "1"}, {"L": []}, {"M": {}})
        ],
        ({"Value": {"SS": []}}, f"{VALUES}An string set  may not be empty"),
    ],
    ids=str,
)
def test_what_is_no_change_is_refused(update, change, message):
    with invalid(message):
        update({"a": change})


def test_unknown_action_is_refused(update):
    with invalid() as refusal:
        update({"a": {"Action": "REMOVE"}})

    assert refusal.message.startswith(
        "1 validation error detected: Value 'REMOVE' at 'attributeUpdates.a.member.action' failed "
        "to satisfy constraint: Member must satisfy enum value set: ["
    )


@pytest.mark.parametrize(
    "change", [{"Value": {"S": "x"}}, {"Action": "DELETE"}, {"Action": "ADD", "Value": {"N": "1"}}]
)
def test_key_cannot_be_updated(update, change):
    with invalid(f"{VALUES}Cannot update attribute pk. This attribute is part of the key"):
        update({"pk": change})


def test_item_cannot_outgrow_its_limit(update):
    with invalid("Item size to update has exceeded the maximum allowed size"):
        update({"a": {"Value": {"S": "x" * 409_600}}})


def test_updates_do_not_mix_with_expressions(update):
    with invalid(
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {AttributeUpdates, Expected} "
        "Expression parameters: {UpdateExpression, ConditionExpression}"
    ):
        update(
            {"a": {"Action": "DELETE"}},
            Expected={"a": {"Exists": False}},
            UpdateExpression="REMOVE a",
            ConditionExpression="attribute_not_exists(a)",
        )
