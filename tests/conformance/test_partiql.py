"""PartiQL: single statements, batches and transactions, and what a stream shows of them."""

from __future__ import annotations

import pytest

from tests.conformance.expectation import VALUES, invalid, refused


@pytest.fixture
def stored(dynamodb, composite, key):
    """Three items of one partition, with sort keys a, b and c and numbers 1, 2 and 3."""
    items = [
        {"pk": {"S": key}, "sk": {"S": sort}, "n": {"N": number}}
        for sort, number in (("a", "1"), ("b", "2"), ("c", "3"))
    ]
    for item in items:
        dynamodb.put_item(TableName=composite, Item=item)
    return items


def text(value):
    return {"S": value}


def test_insert_then_select(execute, composite, key):
    execute(
        f"""INSERT INTO "{composite}" VALUE {{'pk': ?, 'sk': 'a', 'm': {{'l': [1, 'x', NULL]}},
        't': true, 'ns': <<2, 1>>, 'ss': <<'it''s'>>}}""",
        text(key),
    )

    answer = execute(
        f"""SELECT * FROM "{composite}" WHERE pk = ? AND sk = 'a'""", text(key), ConsistentRead=True
    )

    (item,) = answer["Items"]
    item["ns"]["NS"].sort()
    assert item == {
        "pk": text(key),
        "sk": text("a"),
        "m": {"M": {"l": {"L": [{"N": "1"}, text("x"), {"NULL": True}]}}},
        "t": {"BOOL": True},
        "ns": {"NS": ["1", "2"]},
        "ss": {"SS": ["it's"]},
    }


def test_insert_of_what_is_there(execute, composite, key, stored):
    with refused("DuplicateItemException", "Duplicate primary key exists in table"):
        execute(f"""INSERT INTO "{composite}" VALUE {{'pk': ?, 'sk': 'a'}}""", text(key))


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        ("", "123"),
        ("AND sk > 'a'", "23"),
        ("AND begins_with(sk, 'b')", "2"),
        ("AND n BETWEEN 2 AND 3", "23"),
        ("AND n IN [1, 3]", "13"),
        ("AND NOT n = 2", "13"),
        ("AND (n = 1 OR sk = 'c')", "13"),
        ("AND n IS NOT MISSING AND x IS MISSING", "123"),
        ("AND attribute_type(n, 'S')", ""),
        ("ORDER BY sk DESC", "321"),
    ],
)
def test_select_of_a_partition(execute, composite, key, stored, where, numbers):
    statement = f"""SELECT n FROM "{composite}" WHERE pk = ? {where}"""

    items = execute(statement, text(key), ConsistentRead=True)["Items"]

    assert "".join(item["n"]["N"] for item in items) == numbers


def test_select_of_several_partitions(execute, dynamodb, simple, unique_name):
    names = [unique_name("key") for _ in range(3)]
    for name in names:
        dynamodb.put_item(TableName=simple, Item={"pk": text(name)})

    answer = execute(
        f"""SELECT pk FROM "{simple}" WHERE pk IN [?, ?, ?]""",
        *map(text, names),
        ConsistentRead=True,
    )

    assert sorted(item["pk"]["S"] for item in answer["Items"]) == sorted(names)


def test_select_page_by_page(execute, composite, key, stored):
    statement = f"""SELECT * FROM "{composite}" WHERE pk = ?"""
    first = execute(statement, text(key), Limit=2, ConsistentRead=True)

    second = execute(
        statement, text(key), Limit=2, ConsistentRead=True, NextToken=first["NextToken"]
    )

    assert first["Items"] + second["Items"] == stored
    assert "NextToken" not in second


def test_token_of_another_statement(execute, composite, key, stored):
    statement = f"""SELECT * FROM "{composite}" WHERE pk = ?"""
    token = execute(statement, text(key), Limit=1)["NextToken"]

    with invalid("NextToken does not match request"):
        execute(f"{statement} AND n = 1", text(key), NextToken=token)


def test_select_from_an_index(execute, dynamodb, indexed, key):
    for sort, grade in (("a", "2"), ("b", "1")):
        item = {"pk": text(key), "sk": text(sort), "grade": {"N": grade}}
        dynamodb.put_item(TableName=indexed, Item=item)

    answer = execute(
        f"""SELECT sk FROM "{indexed}"."by_grade" WHERE pk = ? AND grade > 0""",
        text(key),
        ConsistentRead=True,
    )

    assert [item["sk"]["S"] for item in answer["Items"]] == ["b", "a"]


def test_update_returns_what_is_asked(execute, composite, key, stored):
    answer = execute(
        f"""UPDATE "{composite}" SET n = n + 1 SET l = [1] WHERE pk = ? AND sk = 'a'
        RETURNING ALL NEW *""",
        text(key),
    )

    assert answer["Items"] == [{**stored[0], "n": {"N": "2"}, "l": {"L": [{"N": "1"}]}}]


def test_update_of_sets_and_lists(execute, composite, key, stored):
    where = "WHERE pk = ? AND sk = 'a'"
    execute(f"""UPDATE "{composite}" SET s = <<1, 2>> SET l = ['x'] {where}""", text(key))

    execute(
        f"""UPDATE "{composite}" SET s = set_add(s, <<3>>) SET l = list_append(l, ['y'])
        REMOVE n {where}""",
        text(key),
    )

    (item,) = execute(f"""SELECT * FROM "{composite}" {where}""", text(key), ConsistentRead=True)[
        "Items"
    ]
    assert sorted(item["s"]["NS"]) == ["1", "2", "3"]
    assert item["l"] == {"L": [text("x"), text("y")]}
    assert "n" not in item


def test_update_creates_nothing(execute, composite, key):
    with refused("ConditionalCheckFailedException", "The conditional request failed"):
        execute(f"""UPDATE "{composite}" SET n = 1 WHERE pk = ? AND sk = 'a'""", text(key))


def test_failed_condition_shows_the_item(execute, composite, key, stored):
    with refused("ConditionalCheckFailedException") as refusal:
        execute(
            f"""UPDATE "{composite}" SET n = 5 WHERE pk = ? AND sk = 'a' AND n > 5""",
            text(key),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert refusal.body["Item"] == stored[0]


def test_delete_returns_what_is_gone(execute, composite, key, stored):
    statement = f"""DELETE FROM "{composite}" WHERE pk = ? AND sk = 'a' RETURNING ALL OLD *"""

    assert execute(statement, text(key))["Items"] == [stored[0]]
    assert execute(statement, text(key))["Items"] == []


@pytest.mark.parametrize("verb", ["UPDATE {} SET n = 1", "DELETE FROM {}"])
def test_write_without_the_whole_key(execute, composite, key, verb):
    with invalid("Where clause does not contain a mandatory equality on all key attributes"):
        execute(verb.format(f'"{composite}"') + " WHERE pk = ?", text(key))


def test_update_of_a_key(execute, composite, key, stored):
    with invalid(f"{VALUES}Cannot update attribute sk. This attribute is part of the key"):
        execute(f"""UPDATE "{composite}" SET sk = 'x' WHERE pk = ? AND sk = 'a'""", text(key))


def test_malformed_statement(execute):
    with invalid("Statement wasn't well formed, can't be processed: Expected data manipulation"):
        execute("SLECT * FROM x")


def test_missing_parameter(execute, composite):
    with invalid("Number of parameters in request and statement don't match."):
        execute(f"""SELECT * FROM "{composite}" WHERE pk = ? AND sk = ?""", text("a"))


def test_batch_tells_of_each_statement(dynamodb, composite, key, stored):
    where = "WHERE pk = ? AND sk ="
    answer = dynamodb.batch_execute_statement(
        Statements=[
            {"Statement": statement, "Parameters": [text(key)]}
            for statement in (
                f"""UPDATE "{composite}" SET n = 9 {where} 'a'""",
                f"""INSERT INTO "{composite}" VALUE {{'pk': ?, 'sk': 'b'}}""",
                f"""DELETE FROM "{composite}" {where} 'c' AND n = 1""",
            )
        ]
    )

    codes = [response.get("Error", {}).get("Code") for response in answer["Responses"]]
    assert codes == [None, "DuplicateItem", "ConditionalCheckFailed"]


def test_batch_of_reads(dynamodb, composite, key, stored):
    answer = dynamodb.batch_execute_statement(
        Statements=[
            {
                "Statement": f"""SELECT * FROM "{composite}" WHERE pk = ? AND sk = ?""",
                "Parameters": [text(key), text(sort)],
                "ConsistentRead": True,
            }
            for sort in "bxa"
        ]
    )

    assert [response.get("Item") for response in answer["Responses"]] == [
        stored[1],
        None,
        stored[0],
    ]


def test_transaction_happens_as_one(dynamodb, composite, key, stored):
    where = f"WHERE pk = '{key}' AND sk ="
    statements = [
        f"""UPDATE "{composite}" SET n = 9 {where} 'a'""",
        f"""INSERT INTO "{composite}" VALUE {{'pk': '{key}', 'sk': 'b'}}""",
        f"""EXISTS(SELECT * FROM "{composite}" {where} 'c' AND x IS MISSING)""",
    ]

    with refused("TransactionCanceledException") as refusal:
        dynamodb.execute_transaction(
            TransactStatements=[{"Statement": statement} for statement in statements]
        )

    codes = [reason["Code"] for reason in refusal.body["CancellationReasons"]]
    assert codes == ["None", "DuplicateItem", "None"]
    read = dynamodb.execute_transaction(
        TransactStatements=[{"Statement": f"""SELECT n FROM "{composite}" {where} 'a'"""}]
    )
    assert read["Responses"] == [{"Item": {"n": {"N": "1"}}}]


def test_stream_shows_the_same_as_of_classic_calls(
    execute, dynamodb, watched, follower, unique_name
):
    classic, partiql = unique_name("key"), unique_name("key")
    dynamodb.put_item(TableName=watched, Item={"pk": text(classic), "n": {"N": "1"}})
    dynamodb.update_item(
        TableName=watched,
        Key={"pk": text(classic)},
        UpdateExpression="SET n = n + :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    dynamodb.delete_item(TableName=watched, Key={"pk": text(classic)})

    execute(f"""INSERT INTO "{watched}" VALUE {{'pk': ?, 'n': 1}}""", text(partiql))
    execute(f"""UPDATE "{watched}" SET n = n + 1 WHERE pk = ?""", text(partiql))
    execute(f"""UPDATE "{watched}" SET n = 2 WHERE pk = ?""", text(partiql))
    dynamodb.execute_transaction(
        TransactStatements=[
            {
                "Statement": f"""DELETE FROM "{watched}" WHERE pk = ?""",
                "Parameters": [text(partiql)],
            }
        ]
    )

    shown = [
        [_shown(record, key) for record in follower.records(key, 3)] for key in (classic, partiql)
    ]
    assert shown[0] == shown[1]


def _shown(record, key):
    """What a record says of a change, whichever item's it is."""
    change = record["dynamodb"]
    images = [change.get(image) for image in ("Keys", "OldImage", "NewImage")]
    named = [image and {**image, "pk": image["pk"]["S"] == key} for image in images]
    return record["eventName"], named, change["StreamViewType"]


ALL_OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


@pytest.mark.parametrize("verb", ["UPDATE {} SET n = 9", "DELETE FROM {}"])
def test_failed_condition_of_a_statement_in_a_batch_shows_the_item(
    dynamodb, composite, key, stored, verb
):
    table = f'"{composite}"'
    statement = f"{verb.format(table)} WHERE pk = '{key}' AND sk = 'a' AND n = 7"

    answer = dynamodb.batch_execute_statement(Statements=[{"Statement": statement, **ALL_OLD}])

    (response,) = answer["Responses"]
    assert response["Error"]["Code"] == "ConditionalCheckFailed"
    assert response["Error"]["Item"] == stored[0]


def test_failed_condition_of_a_statement_in_a_transaction_shows_the_item(
    dynamodb, composite, key, stored
):
    where = f"WHERE pk = '{key}' AND sk ="
    failing = f"UPDATE \"{composite}\" SET n = 9 {where} 'a' AND n = 7"

    with refused("TransactionCanceledException") as refusal:
        dynamodb.execute_transaction(
            TransactStatements=[
                {"Statement": failing, **ALL_OLD},
                {"Statement": f"UPDATE \"{composite}\" SET n = 9 {where} 'b'", **ALL_OLD},
            ]
        )

    assert refusal.body["CancellationReasons"] == [
        {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
            "Item": stored[0],
        },
        {"Code": "None"},
    ]
