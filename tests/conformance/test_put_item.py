"""PutItem."""

import pytest

from tests.conformance.expectation import VALUES, invalid, missing, refused


@pytest.fixture
def put(dynamodb, simple, key):
    """Puts an item under the test's key."""

    def call(attributes=None, **options):
        item = {"pk": {"S": key}, **(attributes or {})}
        return dynamodb.put_item(TableName=simple, Item=item, **options)

    return call


@pytest.fixture
def get(dynamodb, simple, key):
    """The item under the test's key, or None."""

    def call():
        answer = dynamodb.get_item(TableName=simple, Key={"pk": {"S": key}}, ConsistentRead=True)
        return answer.get("Item")

    return call


def without_metadata(answer):
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_answer_to_a_plain_put_is_empty(put):
    assert without_metadata(put()) == {}


def test_put_replaces_the_whole_item(put, get, key):
    put({"a": {"S": "1"}, "b": {"S": "2"}})

    put({"a": {"S": "3"}})

    assert get() == {"pk": {"S": key}, "a": {"S": "3"}}


def test_all_old_returns_what_was_there(put, key):
    put({"a": {"S": "1"}})

    answer = put({"a": {"S": "2"}}, ReturnValues="ALL_OLD")

    assert answer["Attributes"] == {"pk": {"S": key}, "a": {"S": "1"}}


def test_all_old_of_a_new_item_has_no_attributes(put):
    assert "Attributes" not in put(ReturnValues="ALL_OLD")


def test_none_returns_nothing(put):
    put({"a": {"S": "1"}})

    assert "Attributes" not in put({"a": {"S": "2"}}, ReturnValues="NONE")


@pytest.mark.parametrize("wanted", ["ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"])
def test_other_return_values_are_refused(put, wanted):
    with invalid("ReturnValues can only be ALL_OLD or NONE"):
        put(ReturnValues=wanted)


def test_failed_condition_changes_nothing(put, get, key):
    put({"a": {"S": "1"}})

    with refused("ConditionalCheckFailedException", "The conditional request failed"):
        put({"a": {"S": "2"}}, ConditionExpression="attribute_not_exists(pk)")

    assert get() == {"pk": {"S": key}, "a": {"S": "1"}}


def test_failed_condition_returns_the_item_if_asked(put, key):
    put({"a": {"S": "1"}})

    with refused("ConditionalCheckFailedException") as refusal:
        put(
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert refusal.body["Item"] == {"pk": {"S": key}, "a": {"S": "1"}}


@pytest.mark.parametrize("options", [{}, {"ReturnValuesOnConditionCheckFailure": "NONE"}])
def test_failed_condition_returns_no_item_unless_asked(put, options):
    put()

    with refused("ConditionalCheckFailedException") as refusal:
        put(ConditionExpression="attribute_not_exists(pk)", **options)

    assert "Item" not in refusal.body


def test_failed_condition_on_no_item_returns_none(put):
    with refused("ConditionalCheckFailedException") as refusal:
        put(
            ConditionExpression="attribute_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert "Item" not in refusal.body


def test_fulfilled_condition_lets_the_item_in(put, get):
    put({"a": {"S": "1"}}, ConditionExpression="attribute_not_exists(pk)")
    put(
        {"a": {"S": "2"}},
        ConditionExpression="a = :v",
        ExpressionAttributeValues={":v": {"S": "1"}},
    )

    assert get()["a"] == {"S": "2"}


def test_item_without_its_key_is_refused(dynamodb, simple):
    with invalid(VALUES + "Missing the key pk in the item"):
        dynamodb.put_item(TableName=simple, Item={"a": {"S": "1"}})


def test_item_without_its_sort_key_is_refused(dynamodb, composite):
    with invalid(VALUES + "Missing the key sk in the item"):
        dynamodb.put_item(TableName=composite, Item={"pk": {"S": "1"}})


def test_key_of_wrong_type_is_refused(dynamodb, simple):
    with invalid(VALUES + "Type mismatch for key pk expected: S actual: N"):
        dynamodb.put_item(TableName=simple, Item={"pk": {"N": "1"}})


def test_unknown_table_is_not_found(dynamodb, unique_name):
    with missing():
        dynamodb.put_item(TableName=unique_name("unknown"), Item={"pk": {"S": "a"}})


def test_table_is_found_by_its_arn(dynamodb, simple, key, get):
    arn = dynamodb.describe_table(TableName=simple)["Table"]["TableArn"]

    dynamodb.put_item(TableName=arn, Item={"pk": {"S": key}})

    assert get() == {"pk": {"S": key}}


@pytest.mark.parametrize(
    "member", ["ReturnValues", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"]
)
def test_unknown_choice_names_its_place(put, member):
    with invalid() as refusal:
        put(**{member: "SOME"})

    place = member[0].lower() + member[1:]
    assert refusal.message.startswith(
        f"1 validation error detected: Value 'SOME' at '{place}' failed to satisfy constraint: "
        "Member must satisfy enum value set: ["
    )


def test_missing_item_is_refused(dynamodb, simple):
    with invalid() as refusal:
        dynamodb.put_item(TableName=simple)

    assert "Value null at 'item' failed to satisfy constraint: Member must not be null" in (
        refusal.message
    )
