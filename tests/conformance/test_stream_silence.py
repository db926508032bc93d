"""When there is no record: writes that change nothing, writes that fail.

Each test makes one record of the same partition key afterwards: had there been an earlier one, it
would come first.
"""

import pytest
from botocore.exceptions import ClientError

from tests.conformance.definition import attributes, index, schema
from tests.conformance.expectation import invalid, refused
from tests.conformance.stream_reading import Follower

ITEM = {
    "n": {"N": "1"},
    "s": {"S": "text"},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "m": {"M": {"a": {"N": "1"}, "b": {"L": [{"N": "1"}]}}},
    "l": {"L": [{"NULL": True}, {"B": b"x"}]},
}


@pytest.fixture
def stored(dynamodb, watched, follower, key):
    """An item of the watched table, whose insertion has been read."""
    item = {"pk": {"S": key}, **ITEM}
    dynamodb.put_item(TableName=watched, Item=item)
    follower.records(key, 1)
    return item


@pytest.fixture
def was_silent(dynamodb, watched, follower, key):
    """Whether nothing has been recorded since: the next record is the mark's."""

    def call(before):
        mark = {"pk": {"S": key}, "mark": {"S": "mark"}}
        dynamodb.put_item(TableName=watched, Item=mark)
        return follower.records(key, before + 1)[before]["dynamodb"]["NewImage"] == mark

    return call


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"n": {"N": "1.00"}},
        {"n": {"N": "10e-1"}},
        {"ss": {"SS": ["b", "a"]}},
        {"ns": {"NS": ["2.0", "1"]}},
        {"m": {"M": {"b": {"L": [{"N": "1"}]}, "a": {"N": "1.0"}}}},
    ],
    ids=["identical", "number", "exponent", "set", "set of numbers", "map"],
)
def test_put_of_an_equal_item(dynamodb, watched, stored, was_silent, changes):
    dynamodb.put_item(TableName=watched, Item=stored | changes)

    assert was_silent(1)


def test_put_of_keys_over_keys(dynamodb, watched, follower, key, was_silent):
    for _ in range(3):
        dynamodb.put_item(TableName=watched, Item={"pk": {"S": key}})

    assert was_silent(1)


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("SET s = :v", {":v": {"S": "text"}}),
        ("SET n = :v", {":v": {"N": "1.0"}}),
        ("SET s = s", None),
        ("SET m = :v", {":v": {"M": {"b": {"L": [{"N": "1"}]}, "a": {"N": "1"}}}}),
        ("SET n = n + :v", {":v": {"N": "0"}}),
        ("REMOVE gone", None),
        ("REMOVE m.gone", None),
        ("ADD n :v", {":v": {"N": "0"}}),
        ("ADD ss :v", {":v": {"SS": ["a"]}}),
        ("DELETE ss :v", {":v": {"SS": ["c"]}}),
        ("DELETE gone :v", {":v": {"SS": ["c"]}}),
        (None, None),
    ],
    ids=str,
)
def test_update_to_an_equal_item(dynamodb, watched, stored, was_silent, expression, values):
    options = {} if expression is None else {"UpdateExpression": expression}
    if values is not None:
        options["ExpressionAttributeValues"] = values

    dynamodb.update_item(TableName=watched, Key={"pk": stored["pk"]}, **options)

    assert was_silent(1)


def test_delete_of_a_missing_item(dynamodb, watched, key, was_silent):
    dynamodb.delete_item(TableName=watched, Key={"pk": {"S": key}})
    dynamodb.batch_write_item(
        RequestItems={watched: [{"DeleteRequest": {"Key": {"pk": {"S": key}}}}]}
    )
    dynamodb.transact_write_items(
        TransactItems=[{"Delete": {"TableName": watched, "Key": {"pk": {"S": key}}}}]
    )

    assert was_silent(0)


@pytest.mark.parametrize(
    ("expression", "values"),
    [("REMOVE a", None), ("DELETE a :v", {":v": {"SS": ["x"]}})],
)
def test_taking_away_from_a_missing_item(dynamodb, watched, key, was_silent, expression, values):
    options = {} if values is None else {"ExpressionAttributeValues": values}

    dynamodb.update_item(
        TableName=watched, Key={"pk": {"S": key}}, UpdateExpression=expression, **options
    )

    assert was_silent(0)


def test_batch_and_transaction_that_change_nothing(dynamodb, watched, stored, was_silent):
    dynamodb.batch_write_item(RequestItems={watched: [{"PutRequest": {"Item": stored}}]})
    dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": watched, "Item": stored}}])

    assert was_silent(1)


def test_failed_condition(dynamodb, watched, stored, was_silent):
    absent = {"ConditionExpression": "attribute_not_exists(pk)"}
    item_key = {"pk": stored["pk"]}

    with refused("ConditionalCheckFailedException"):
        dynamodb.put_item(TableName=watched, Item=item_key, **absent)
    with refused("ConditionalCheckFailedException"):
        dynamodb.update_item(TableName=watched, Key=item_key, UpdateExpression="REMOVE n", **absent)
    with refused("ConditionalCheckFailedException"):
        dynamodb.delete_item(TableName=watched, Key=item_key, **absent)

    assert was_silent(1)


def test_cancelled_transaction(dynamodb, watched, stored, key, was_silent):
    with refused("TransactionCanceledException"):
        dynamodb.transact_write_items(
            TransactItems=[
                {"Delete": {"TableName": watched, "Key": {"pk": stored["pk"]}}},
                {
                    "ConditionCheck": {
                        "TableName": watched,
                        "Key": {"pk": {"S": key + "-other"}},
                        "ConditionExpression": "attribute_exists(pk)",
                    }
                },
            ]
        )

    assert was_silent(1)


def test_condition_check(dynamodb, watched, stored, was_silent):
    dynamodb.transact_write_items(
        TransactItems=[
            {
                "ConditionCheck": {
                    "TableName": watched,
                    "Key": {"pk": stored["pk"]},
                    "ConditionExpression": "attribute_exists(pk)",
                }
            }
        ]
    )

    assert was_silent(1)


def test_repeated_token(dynamodb, watched, stored, key, follower, unique_name):
    token = unique_name("t")[-36:]
    add = {
        "TableName": watched,
        "Key": {"pk": stored["pk"]},
        "UpdateExpression": "ADD n :v",
        "ExpressionAttributeValues": {":v": {"N": "1"}},
    }

    for _ in range(3):
        dynamodb.transact_write_items(TransactItems=[{"Update": add}], ClientRequestToken=token)
    dynamodb.delete_item(TableName=watched, Key={"pk": stored["pk"]})

    events = [each["eventName"] for each in follower.records(key, 3)]
    assert events == ["INSERT", "MODIFY", "REMOVE"]


def test_invalid_write(dynamodb, watched, stored, was_silent):
    with invalid():
        dynamodb.put_item(TableName=watched, Item=stored | {"n": {"N": "dog"}})
    with invalid():
        dynamodb.update_item(
            TableName=watched,
            Key={"pk": stored["pk"]},
            UpdateExpression="ADD s :v",
            ExpressionAttributeValues={":v": {"N": "1"}},
        )

    assert was_silent(1)


def test_reads(dynamodb, watched, stored, was_silent):
    dynamodb.get_item(TableName=watched, Key={"pk": stored["pk"]})
    dynamodb.scan(TableName=watched, Limit=1)

    assert was_silent(1)


def test_write_whose_index_key_has_the_wrong_type(dynamodb, dynamodbstreams, make_table):
    table = make_table(
        KeySchema=schema("pk"),
        **attributes(("pk", "S"), ("g", "S")),
        GlobalSecondaryIndexes=[index("by_g", "g")],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )

    with invalid():
        dynamodb.put_item(TableName=table["TableName"], Item={"pk": {"S": "a"}, "g": {"N": "1"}})
    dynamodb.put_item(TableName=table["TableName"], Item={"pk": {"S": "a"}, "g": {"S": "1"}})

    (record,) = Follower(dynamodbstreams, table["LatestStreamArn"]).records("a", 1)
    assert record["dynamodb"]["NewImage"]["g"] == {"S": "1"}


def test_items_from_before_the_stream(dynamodb, dynamodbstreams, make_table, tables):
    name = make_table()["TableName"]
    dynamodb.put_item(TableName=name, Item={"pk": {"S": "a"}, "n": {"N": "1"}})
    dynamodb.update_table(
        TableName=name,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    arn = tables.wait(name)["LatestStreamArn"]

    dynamodb.put_item(TableName=name, Item={"pk": {"S": "a"}, "n": {"N": "2"}})

    (record,) = Follower(dynamodbstreams, arn).records("a", 1)
    assert record["eventName"] == "MODIFY"
    assert record["dynamodb"]["OldImage"]["n"] == {"N": "1"}


def test_changes_of_the_table(dynamodb, dynamodbstreams, make_table, tables):
    table = make_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    name = table["TableName"]
    dynamodb.put_item(TableName=name, Item={"pk": {"S": "a"}, "g": {"S": "1"}})

    dynamodb.tag_resource(ResourceArn=table["TableArn"], Tags=[{"Key": "k", "Value": "v"}])
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    tables.wait(name)
    dynamodb.update_table(
        TableName=name,
        **attributes(("pk", "S"), ("g", "S")),
        GlobalSecondaryIndexUpdates=[{"Create": index("by_g", "g")}],
    )
    tables.wait(name)
    dynamodb.put_item(TableName=name, Item={"pk": {"S": "a"}, "g": {"S": "2"}})

    records = Follower(dynamodbstreams, table["LatestStreamArn"]).records("a", 2)
    assert [record["dynamodb"]["NewImage"]["g"]["S"] for record in records] == ["1", "2"]


def test_update_without_an_action_on_a_missing_item_is_an_insertion(
    dynamodb, watched, follower, key
):
    dynamodb.update_item(TableName=watched, Key={"pk": {"S": key}})

    (record,) = follower.records(key, 1)
    assert record["eventName"] == "INSERT"
    assert record["dynamodb"]["NewImage"] == {"pk": {"S": key}}


@pytest.mark.parametrize("error", [ClientError])
def test_refused_batch(dynamodb, watched, stored, key, was_silent, error):
    with pytest.raises(error):
        dynamodb.batch_write_item(
            RequestItems={
                watched: [
                    {"DeleteRequest": {"Key": {"pk": stored["pk"]}}},
                    {"PutRequest": {"Item": {"pk": {"N": "1"}}}},
                ]
            }
        )

    assert was_silent(1)
