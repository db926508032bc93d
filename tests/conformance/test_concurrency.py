"""Many clients at once: nothing is lost, nothing happens twice, indexes and streams agree."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from tests.conformance.definition import attributes, index
from tests.conftest import LOOKS_MAX

CLIENTS = 8


def at_once(call, count):
    """Call with 0, 1, ... from several threads; the results in that order."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(call, range(count)))


def test_additions_add_up(dynamodb, watched, follower, key):
    def add(_):
        dynamodb.update_item(
            TableName=watched,
            Key={"pk": {"S": key}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    at_once(add, 100)

    numbers = [
        int(record["dynamodb"]["NewImage"]["n"]["N"]) for record in follower.records(key, 100)
    ]
    assert numbers == list(range(1, 101))


def test_one_of_many_conditional_puts_wins(dynamodb, watched, follower, key):
    def put(number):
        try:
            dynamodb.put_item(
                TableName=watched,
                Item={"pk": {"S": key}, "n": {"N": str(number)}},
                ConditionExpression="attribute_not_exists(pk)",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    wins = at_once(put, 32)

    assert wins.count(True) == 1
    (record,) = follower.records(key, 1)
    assert record["dynamodb"]["NewImage"]["n"] == {"N": str(wins.index(True))}


def test_transfers_keep_the_sum(dynamodb, simple, key):
    accounts = [f"{key}-{number}" for number in range(3)]
    for account in accounts:
        dynamodb.put_item(TableName=simple, Item={"pk": {"S": account}, "n": {"N": "100"}})

    def change(account, by):
        return {
            "Update": {
                "TableName": simple,
                "Key": {"pk": {"S": account}},
                "UpdateExpression": "ADD n :n",
                "ExpressionAttributeValues": {":n": {"N": str(by)}},
            }
        }

    def transfer(number):
        actions = [change(accounts[number % 3], -1), change(accounts[(number + 1) % 3], 1)]
        for _ in range(LOOKS_MAX):
            try:
                dynamodb.transact_write_items(TransactItems=actions)
            except dynamodb.exceptions.TransactionCanceledException:
                continue  # another transaction has one of the items
            return True
        return False

    done = at_once(transfer, 60)

    responses = dynamodb.transact_get_items(
        TransactItems=[
            {"Get": {"TableName": simple, "Key": {"pk": {"S": account}}}} for account in accounts
        ]
    )["Responses"]
    assert all(done)
    assert [response["Item"]["n"]["N"] for response in responses] == ["100", "100", "100"]


def test_same_token_at_once_takes_effect_once(dynamodb, simple, key, unique_name):
    action = {
        "Update": {
            "TableName": simple,
            "Key": {"pk": {"S": key}},
            "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": {":n": {"N": "1"}},
        }
    }
    token = unique_name("t")[-36:]

    def transact(_):
        try:
            dynamodb.transact_write_items(TransactItems=[action], ClientRequestToken=token)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "OK"

    outcomes = set(at_once(transact, 16))

    answer = dynamodb.get_item(TableName=simple, Key={"pk": {"S": key}}, ConsistentRead=True)
    assert answer["Item"]["n"] == {"N": "1"}
    assert "OK" in outcomes
    assert outcomes <= {"OK", "TransactionInProgressException", "TransactionCanceledException"}


@pytest.mark.parametrize("phase", ["before", "during"])
def test_index_made_under_writes_agrees_with_the_table(dynamodb, make_table, tables, phase):
    name = make_table()["TableName"]

    def write(number):
        pk = {"pk": {"S": str(number % 50)}}
        if number % 5 == 4:
            dynamodb.delete_item(TableName=name, Key=pk)
        else:
            dynamodb.put_item(TableName=name, Item={**pk, "n": {"N": str(number)}})

    def make_index():
        dynamodb.update_table(
            TableName=name,
            **attributes(("pk", "S"), ("n", "N")),
            GlobalSecondaryIndexUpdates=[{"Create": index("by_n", "n")}],
        )

    at_once(write, 100)
    if phase == "before":
        make_index()
        at_once(write, 100)
    else:
        with ThreadPoolExecutor(1) as maker:
            made = maker.submit(make_index)
            at_once(write, 200)
            made.result()

    for _ in range(LOOKS_MAX):
        described = tables.wait(name)
        if described["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE":
            break
    stored = dynamodb.scan(TableName=name, ConsistentRead=True)["Items"]
    for _ in range(LOOKS_MAX):
        indexed = dynamodb.scan(TableName=name, IndexName="by_n")["Items"]
        if len(indexed) == len(stored):
            break
    assert sorted(map(str, indexed)) == sorted(map(str, stored))


def test_scan_under_writes_finds_what_stays(dynamodb, make_table):
    name = make_table()["TableName"]
    for number in range(60):
        dynamodb.put_item(TableName=name, Item={"pk": {"S": f"stays-{number}"}})

    def disturb(number):
        item = {"pk": {"S": f"goes-{number % 20}"}}
        dynamodb.put_item(TableName=name, Item=item)
        dynamodb.delete_item(TableName=name, Key=item)

    found = []
    with ThreadPoolExecutor(1) as other:
        disturbing = other.submit(at_once, disturb, 60)
        pages = dynamodb.get_paginator("scan").paginate(
            TableName=name, ConsistentRead=True, PaginationConfig={"PageSize": 5}
        )
        for page in pages:
            found += [item["pk"]["S"] for item in page["Items"]]
        disturbing.result()

    stays = [name for name in found if name.startswith("stays-")]
    assert sorted(stays) == sorted(f"stays-{number}" for number in range(60))


def test_reader_of_a_stream_misses_nothing_while_it_is_written(dynamodb, watched, follower, key):
    def put(number):
        dynamodb.put_item(
            TableName=watched, Item={"pk": {"S": f"{key}-{number % 8}"}, "n": {"N": str(number)}}
        )

    with ThreadPoolExecutor(1) as writer:
        writing = writer.submit(at_once, put, 200)
        counts = [len(follower.records(f"{key}-{number}", 25)) for number in range(8)]
        writing.result()

    assert counts == [25] * 8
