"""What several writes leave in a stream, and in which order."""

import itertools

from tests.conformance.definition import keys
from tests.conformance.stream_reading import oldest, shards
from tests.conftest import LOOKS_MAX


def put(key, **attributes):
    return {"PutRequest": {"Item": {"pk": {"S": key}, **attributes}}}


def events(records):
    return [record["eventName"] for record in records]


def test_every_change_of_an_item_is_recorded_in_order(dynamodb, watched, follower, key):
    for number in range(20):
        dynamodb.update_item(
            TableName=watched,
            Key={"pk": {"S": key}},
            UpdateExpression="SET n = :n",
            ExpressionAttributeValues={":n": {"N": str(number)}},
        )

    found = follower.records(key, 20)

    numbers = [int(record["dynamodb"]["NewImage"]["n"]["N"]) for record in found]
    assert numbers == list(range(20))
    assert [record["dynamodb"]["OldImage"]["n"]["N"] for record in found[1:]] == [
        str(number) for number in range(19)
    ]


def test_sequence_numbers_of_an_item_grow(dynamodb, watched, follower, key):
    for number in range(10):
        dynamodb.put_item(TableName=watched, Item={"pk": {"S": key}, "n": {"N": str(number)}})

    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in follower.records(key, 10)]

    assert numbers == sorted(set(numbers))


def test_batch_leaves_a_record_for_each_item_it_changes(dynamodb, watched, follower, key):
    dynamodb.batch_write_item(
        RequestItems={watched: [put(key + "same", n={"N": "1"}), put(key + "old")]}
    )

    dynamodb.batch_write_item(
        RequestItems={
            watched: [
                put(key + "same", n={"N": "1.0"}),
                {"DeleteRequest": {"Key": {"pk": {"S": key + "old"}}}},
                {"DeleteRequest": {"Key": {"pk": {"S": key + "never"}}}},
                put(key + "fresh"),
            ]
        }
    )

    assert events(follower.records(key + "old", 2)) == ["INSERT", "REMOVE"]
    assert events(follower.records(key + "fresh", 1)) == ["INSERT"]
    assert events(follower.records(key + "same", 1)) == ["INSERT"]
    assert events(follower.records(key + "never", 0)) == []


def test_transaction_leaves_an_ordinary_record_for_each_item(dynamodb, watched, follower, key):
    dynamodb.put_item(TableName=watched, Item={"pk": {"S": key + "old"}})
    table = {"TableName": watched}

    dynamodb.transact_write_items(
        TransactItems=[
            {"Put": {**table, "Item": {"pk": {"S": key + "put"}}}},
            {
                "Update": {
                    **table,
                    "Key": {"pk": {"S": key + "update"}},
                    "UpdateExpression": "ADD n :n",
                    "ExpressionAttributeValues": {":n": {"N": "1"}},
                }
            },
            {"Delete": {**table, "Key": {"pk": {"S": key + "old"}}}},
            {
                "ConditionCheck": {
                    **table,
                    "Key": {"pk": {"S": key + "check"}},
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
        ]
    )

    (inserted,) = follower.records(key + "put", 1)
    (updated,) = follower.records(key + "update", 1)
    removed = follower.records(key + "old", 2)
    assert events([inserted, updated]) == ["INSERT", "INSERT"]
    assert updated["dynamodb"]["NewImage"]["n"] == {"N": "1"}
    assert events(removed) == ["INSERT", "REMOVE"]
    assert follower.records(key + "check", 0) == []
    assert "userIdentity" not in removed[1]


def test_changes_of_a_partition_key_share_a_shard(dynamodb, dynamodbstreams, make_table):
    table = make_table(
        **keys(("pk", "S"), ("sk", "N")),
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    pairs = list(itertools.product("abcdefgh", range(3)))
    for partition, number in pairs:
        dynamodb.put_item(
            TableName=table["TableName"],
            Item={"pk": {"S": partition}, "sk": {"N": str(number)}},
        )

    arn = table["LatestStreamArn"]
    places: dict[str, set[str]] = {}
    for _ in range(LOOKS_MAX):
        found = 0
        for shard in shards(dynamodbstreams, arn):
            page = dynamodbstreams.get_records(
                ShardIterator=oldest(dynamodbstreams, arn, shard["ShardId"])
            )
            found += len(page["Records"])
            for record in page["Records"]:
                partition = record["dynamodb"]["Keys"]["pk"]["S"]
                places.setdefault(partition, set()).add(shard["ShardId"])
        if found == len(pairs):
            break

    assert found == len(pairs)
    assert all(len(shard_ids) == 1 for shard_ids in places.values())


def test_replayed_stream_gives_the_table(dynamodb, watched, follower, key):
    state: dict[str, object] = {}
    names = [key + letter for letter in "abc"]
    for number in range(30):
        name = names[number % 3]
        if number % 7 == 6:
            dynamodb.delete_item(TableName=watched, Key={"pk": {"S": name}})
        else:
            dynamodb.update_item(
                TableName=watched,
                Key={"pk": {"S": name}},
                UpdateExpression="ADD n :n",
                ExpressionAttributeValues={":n": {"N": str(number)}},
            )

    for name in names:
        stored = dynamodb.get_item(
            TableName=watched, Key={"pk": {"S": name}}, ConsistentRead=True
        ).get("Item")
        for record in follower.records(name, 9):
            state[name] = record["dynamodb"].get("NewImage")
        assert state[name] == stored
