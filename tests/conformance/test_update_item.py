"""UpdateItem: what it creates, returns and refuses; its expression has a file of its own."""

import pytest

from tests.conformance.expectation import VALUES, invalid, missing, refused


@pytest.fixture
def update(dynamodb, simple, key):
    """Updates the item under the test's key."""

    def call(expression=None, values=None, **options):
        if expression is not None:
            options["UpdateExpression"] = expression
        if values is not None:
            options["ExpressionAttributeValues"] = values
        return dynamodb.update_item(TableName=simple, Key={"pk": {"S": key}}, **options)

    return call


@pytest.fixture
def get(dynamodb, simple, key):
    """The item under the test's key, or None."""

    def call():
        answer = dynamodb.get_item(TableName=simple, Key={"pk": {"S": key}}, ConsistentRead=True)
        return answer.get("Item")

    return call


@pytest.fixture
def stored(dynamodb, simple, key):
    """An item with scalars, a list and nested maps."""
    item = {
        "pk": {"S": key},
        "a": {"N": "1"},
        "b": {"S": "b"},
        "list": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]},
        "map": {"M": {"x": {"N": "1"}, "y": {"M": {"z": {"N": "2"}}}}},
        "tags": {"SS": ["one", "two"]},
    }
    dynamodb.put_item(TableName=simple, Item=item)
    return item


def one(value="1"):
    return {":v": {"N": value}}


LIST = {"#l": "list"}
MAP = {"#m": "map"}


def test_update_of_a_missing_item_creates_it(update, get, key):
    update("SET a = :v", one())

    assert get() == {"pk": {"S": key}, "a": {"N": "1"}}


@pytest.mark.parametrize("options", [{}, {"expression": None}])
def test_update_without_an_action_creates_an_item_of_keys(update, get, key, options):
    update(**options)

    assert get() == {"pk": {"S": key}}


@pytest.mark.parametrize(
    ("expression", "values"), [("REMOVE a", None), ("DELETE a :v", {":v": {"SS": ["x"]}})]
)
def test_taking_away_from_a_missing_item_creates_none(update, get, expression, values):
    update(expression, values)

    assert get() is None


def test_update_keeps_other_attributes(update, get, stored):
    update("SET a = :v", one("9"))

    assert get() == stored | {"a": {"N": "9"}}


def test_none_returns_nothing(update, stored):
    assert "Attributes" not in update("SET a = :v", one("9"), ReturnValues="NONE")


def test_all_old_returns_the_item_before(update, stored):
    assert update("SET a = :v", one("9"), ReturnValues="ALL_OLD")["Attributes"] == stored


def test_all_new_returns_the_item_after(update, stored):
    answer = update("SET a = :v", one("9"), ReturnValues="ALL_NEW")

    assert answer["Attributes"] == stored | {"a": {"N": "9"}}


@pytest.mark.parametrize("wanted", ["ALL_OLD", "UPDATED_OLD"])
def test_there_is_nothing_old_in_a_new_item(update, wanted):
    assert "Attributes" not in update("SET a = :v", one(), ReturnValues=wanted)


@pytest.mark.parametrize(
    ("wanted", "expression", "names", "attributes"),
    [
        pytest.param("UPDATED_OLD", "SET a = :v", {}, {"a": {"N": "1"}}, id="old value"),
        pytest.param("UPDATED_NEW", "SET a = :v", {}, {"a": {"N": "9"}}, id="new value"),
        pytest.param("UPDATED_OLD", "SET n = :v", {}, None, id="nothing old"),
        pytest.param("UPDATED_NEW", "SET n = :v", {}, {"n": {"N": "9"}}, id="new attribute"),
        pytest.param(
            "UPDATED_OLD",
            "SET #m.y.z = :v",
            MAP,
            {"map": {"M": {"y": {"M": {"z": {"N": "2"}}}}}},
            id="old piece of a map",
        ),
        pytest.param(
            "UPDATED_NEW",
            "SET #m.y.z = :v",
            MAP,
            {"map": {"M": {"y": {"M": {"z": {"N": "9"}}}}}},
            id="new piece of a map",
        ),
        pytest.param(
            "UPDATED_OLD",
            "SET #l[1] = :v",
            LIST,
            {"list": {"L": [{"N": "1"}]}},
            id="old element",
        ),
        pytest.param(
            "UPDATED_NEW",
            "SET #l[1] = :v",
            LIST,
            {"list": {"L": [{"N": "9"}]}},
            id="new element",
        ),
        pytest.param("UPDATED_NEW", "SET #l[7] = :v", LIST, None, id="beyond the end"),
        pytest.param(
            "UPDATED_NEW",
            "SET a = :v, #m.x = :v",
            MAP,
            {"a": {"N": "9"}, "map": {"M": {"x": {"N": "9"}}}},
            id="several",
        ),
        pytest.param("UPDATED_NEW", "ADD a :v", {}, {"a": {"N": "10"}}, id="sum"),
    ],
)
def test_only_touched_pieces_are_returned(update, stored, wanted, expression, names, attributes):
    options = {"ExpressionAttributeNames": names} if names else {}

    answer = update(expression, one("9"), ReturnValues=wanted, **options)

    assert answer.get("Attributes") == attributes


def test_removed_attribute_is_returned_as_it_was(update, stored):
    answer = update("REMOVE b", ReturnValues="UPDATED_OLD")

    assert answer["Attributes"] == {"b": {"S": "b"}}


def test_removed_attribute_is_not_among_the_new(update, stored):
    assert "Attributes" not in update("REMOVE b", ReturnValues="UPDATED_NEW")


def test_element_shifted_into_the_place_of_a_removed_one_is_returned(update, stored):
    answer = update("REMOVE #l[1]", ReturnValues="UPDATED_NEW", ExpressionAttributeNames=LIST)

    assert answer["Attributes"] == {"list": {"L": [{"N": "2"}]}}


def test_failed_condition_changes_nothing(update, get, stored):
    with refused("ConditionalCheckFailedException", "The conditional request failed") as refusal:
        update(
            "SET b = :v",
            one("2"),
            ConditionExpression="a = :v",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert refusal.body["Item"] == stored
    assert get() == stored


def test_condition_is_tested_before_the_update(update, get, stored):
    update(
        "SET a = :new",
        {":new": {"N": "2"}, ":old": {"N": "1"}},
        ConditionExpression="a = :old",
    )

    assert get()["a"] == {"N": "2"}


def test_condition_on_a_missing_item_creates_none(update, get):
    with refused("ConditionalCheckFailedException"):
        update("SET a = :v", one(), ConditionExpression="attribute_exists(pk)")

    assert get() is None


@pytest.mark.parametrize(
    "expression", ["SET pk = :v", "REMOVE pk", "ADD pk :v", "SET a = :v, pk = :v"]
)
def test_key_cannot_be_updated(update, expression):
    values = {} if ":v" not in expression else {"values": one()}

    with invalid(VALUES + "Cannot update attribute pk. This attribute is part of the key"):
        update(expression, **values)


def test_sort_key_cannot_be_updated(dynamodb, composite, key):
    with invalid(VALUES + "Cannot update attribute sk. This attribute is part of the key"):
        dynamodb.update_item(
            TableName=composite,
            Key={"pk": {"S": key}, "sk": {"S": "a"}},
            UpdateExpression="SET sk = :v",
            ExpressionAttributeValues={":v": {"S": "b"}},
        )


def test_key_that_does_not_match_is_refused(dynamodb, simple):
    with invalid("The provided key element does not match the schema"):
        dynamodb.update_item(TableName=simple, Key={"pk": {"N": "1"}})


def test_unknown_table_is_not_found(dynamodb, unique_name):
    with missing():
        dynamodb.update_item(TableName=unique_name("unknown"), Key={"pk": {"S": "a"}})


def test_failed_update_leaves_the_item(update, get, stored):
    with invalid("An operand in the update expression has an incorrect data type"):
        update("SET b = :v, a = b + :v", one())

    assert get() == stored
