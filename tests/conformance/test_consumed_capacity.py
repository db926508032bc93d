"""ReturnConsumedCapacity: what reads and writes cost."""

import pytest

KB = 1024


@pytest.fixture
def put(dynamodb, simple, key):
    """Puts an item of exactly so many bytes and returns what that consumed."""

    def call(size, **options):
        item = {"pk": {"S": key}, "f": {"S": "x" * (size - len("pk") - len(key) - len("f"))}}
        return dynamodb.put_item(
            TableName=simple, Item=item, **{"ReturnConsumedCapacity": "TOTAL"} | options
        )

    return call


@pytest.fixture
def one(simple, key):
    return {"TableName": simple, "Key": {"pk": {"S": key}}, "ReturnConsumedCapacity": "TOTAL"}


def units(answer):
    return answer["ConsumedCapacity"]["CapacityUnits"]


@pytest.mark.parametrize("options", [{}, {"ReturnConsumedCapacity": "NONE"}])
def test_nothing_is_told_unless_asked(dynamodb, simple, key, options):
    assert "ConsumedCapacity" not in dynamodb.put_item(
        TableName=simple, Item={"pk": {"S": key}}, **options
    )


def test_total_names_the_table(put, simple):
    assert put(100)["ConsumedCapacity"] == {"TableName": simple, "CapacityUnits": 1.0}


def test_indexes_shows_the_part_of_the_table(put, simple):
    consumed = put(100, ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"]

    assert consumed["Table"] == {"CapacityUnits": 1.0}
    assert consumed["CapacityUnits"] == 1.0


@pytest.mark.parametrize(
    ("size", "expected"), [(100, 1), (KB, 1), (KB + 1, 2), (10 * KB, 10), (10 * KB + 1, 11)]
)
def test_put_costs_a_unit_per_kilobyte(put, size, expected):
    assert units(put(size)) == expected


def test_smaller_item_over_a_larger_costs_as_the_larger(put):
    put(5 * KB)

    assert units(put(100)) == 5


def test_delete_costs_by_the_old_item(dynamodb, put, one):
    put(3 * KB)

    assert units(dynamodb.delete_item(**one)) == 3


def test_delete_of_a_missing_item_costs_one(dynamodb, one):
    assert units(dynamodb.delete_item(**one)) == 1


def test_update_costs_by_the_larger_item(dynamodb, put, one):
    put(3 * KB)

    assert units(dynamodb.update_item(**one, UpdateExpression="REMOVE f")) == 3


@pytest.mark.parametrize(
    ("size", "eventual", "consistent"),
    [(100, 0.5, 1), (4 * KB, 0.5, 1), (4 * KB + 1, 1, 2), (10 * KB, 1.5, 3)],
)
def test_get_costs_a_unit_per_4_kilobytes(dynamodb, put, one, size, eventual, consistent):
    put(size)

    assert units(dynamodb.get_item(**one, ConsistentRead=True)) == consistent
    assert units(dynamodb.get_item(**one)) == eventual


def test_get_of_a_missing_item_costs_the_least(dynamodb, one):
    assert units(dynamodb.get_item(**one)) == 0.5
    assert units(dynamodb.get_item(**one, ConsistentRead=True)) == 1


def test_query_adds_sizes_before_it_rounds(dynamodb, composite, key):
    for number in range(6):
        item = {"pk": {"S": key}, "sk": {"S": str(number)}, "f": {"S": "x" * KB}}
        dynamodb.put_item(TableName=composite, Item=item)

    answer = dynamodb.query(
        TableName=composite,
        KeyConditionExpression="pk = :p",
        FilterExpression="attribute_not_exists(f)",
        ExpressionAttributeValues={":p": {"S": key}},
        ReturnConsumedCapacity="TOTAL",
        ConsistentRead=True,
    )

    assert answer["Count"] == 0
    assert units(answer) == 2


def test_batch_get_rounds_each_item(dynamodb, simple, key):
    keys = [{"pk": {"S": f"{key}-{number}"}} for number in range(3)]
    dynamodb.put_item(TableName=simple, Item={**keys[0], "f": {"S": "x" * 5 * KB}})

    answer = dynamodb.batch_get_item(
        RequestItems={simple: {"Keys": keys}}, ReturnConsumedCapacity="TOTAL"
    )

    assert answer["ConsumedCapacity"] == [{"TableName": simple, "CapacityUnits": 2.0}]


def test_batch_write_adds_its_requests(dynamodb, simple, key):
    sizes = {"a": 100, "b": 2 * KB}
    requests = [
        {"PutRequest": {"Item": {"pk": {"S": key + name}, "f": {"S": "x" * size}}}}
        for name, size in sizes.items()
    ]

    answer = dynamodb.batch_write_item(
        RequestItems={simple: requests}, ReturnConsumedCapacity="TOTAL"
    )

    assert answer["ConsumedCapacity"] == [{"TableName": simple, "CapacityUnits": 4.0}]


def test_transactional_write_costs_double(dynamodb, simple, key):
    put = {"Put": {"TableName": simple, "Item": {"pk": {"S": key}, "f": {"S": "x" * KB}}}}

    answer = dynamodb.transact_write_items(TransactItems=[put], ReturnConsumedCapacity="TOTAL")

    (consumed,) = answer["ConsumedCapacity"]
    assert consumed["TableName"] == simple
    assert consumed["CapacityUnits"] == 4


def test_transactional_read_costs_double(dynamodb, put, simple, key):
    put(5 * KB)

    answer = dynamodb.transact_get_items(
        TransactItems=[{"Get": {"TableName": simple, "Key": {"pk": {"S": key}}}}],
        ReturnConsumedCapacity="TOTAL",
    )

    (consumed,) = answer["ConsumedCapacity"]
    assert consumed["CapacityUnits"] == 4


def test_index_entries_cost_too(dynamodb, indexed, key):
    item = {"pk": {"S": key}, "sk": {"S": "a"}, "colour": {"S": key}, "grade": {"N": "1"}}

    answer = dynamodb.put_item(TableName=indexed, Item=item, ReturnConsumedCapacity="INDEXES")

    consumed = answer["ConsumedCapacity"]
    one_unit = {"CapacityUnits": 1.0}
    assert consumed["CapacityUnits"] == 5
    assert consumed["Table"] == one_unit
    assert consumed["LocalSecondaryIndexes"] == {"by_grade": one_unit}
    assert consumed["GlobalSecondaryIndexes"] == dict.fromkeys(
        ("by_colour", "colour_keys", "colour_some"), one_unit
    )


def test_moved_index_entry_costs_twice(dynamodb, indexed, key):
    item = {"pk": {"S": key}, "sk": {"S": "a"}, "colour": {"S": key}}
    dynamodb.put_item(TableName=indexed, Item=item)

    answer = dynamodb.put_item(
        TableName=indexed,
        Item=item | {"colour": {"S": key + "-new"}},
        ReturnConsumedCapacity="INDEXES",
    )

    consumed = answer["ConsumedCapacity"]
    assert consumed["GlobalSecondaryIndexes"] == {"colour_some": {"CapacityUnits": 2.0}}
    assert consumed["CapacityUnits"] == 3


def test_query_of_an_index_is_paid_by_the_index(dynamodb, indexed, key):
    answer = dynamodb.query(
        TableName=indexed,
        IndexName="by_colour",
        KeyConditionExpression="colour = :c",
        ExpressionAttributeValues={":c": {"S": key}},
        ReturnConsumedCapacity="INDEXES",
    )

    consumed = answer["ConsumedCapacity"]
    assert consumed["GlobalSecondaryIndexes"] == {"by_colour": {"CapacityUnits": 0.5}}
    assert consumed["CapacityUnits"] == 0.5


@pytest.fixture
def run(dynamodb, indexed, key):
    """Runs a statement on an item of the table with indexes; what it consumed."""

    def call(statement, **options):
        statement = statement.replace("TABLE", f'"{indexed}"').replace("KEY", f"'{key}'")
        answer = dynamodb.execute_statement(
            Statement=statement, **{"ReturnConsumedCapacity": "INDEXES"} | options
        )
        return answer["ConsumedCapacity"]

    return call


ONE_UNIT = {"CapacityUnits": 1.0}
INSERT = "INSERT INTO TABLE VALUE {'pk': KEY, 'sk': 'a', 'colour': KEY, 'grade': 1}"
WHERE = "WHERE pk = KEY AND sk = 'a'"


def test_inserting_statement_costs_as_a_put(run, indexed):
    assert run(INSERT) == {
        "TableName": indexed,
        "CapacityUnits": 5.0,
        "Table": ONE_UNIT,
        "LocalSecondaryIndexes": {"by_grade": ONE_UNIT},
        "GlobalSecondaryIndexes": dict.fromkeys(
            ("by_colour", "colour_keys", "colour_some"), ONE_UNIT
        ),
    }


def test_updating_and_deleting_statements_cost_as_their_classic_calls(run):
    run(INSERT)

    updated = run(f"UPDATE TABLE SET note = 'x' {WHERE}", ReturnConsumedCapacity="TOTAL")
    deleted = run(f"DELETE FROM TABLE {WHERE}", ReturnConsumedCapacity="TOTAL")
    missing = run(f"DELETE FROM TABLE {WHERE}", ReturnConsumedCapacity="TOTAL")

    # Of the entries, two hold the note or all attributes; colour_keys does not change.
    assert [each["CapacityUnits"] for each in (updated, deleted, missing)] == [4.0, 5.0, 1.0]


@pytest.mark.parametrize(("is_consistent", "expected"), [(False, 0.5), (True, 1.0)])
@pytest.mark.parametrize("where", [WHERE, "WHERE pk = KEY"])
def test_selecting_statement_costs_as_a_read(run, indexed, where, is_consistent, expected):
    run(INSERT)

    consumed = run(f"SELECT * FROM TABLE {where}", ConsistentRead=is_consistent)

    assert consumed == {
        "TableName": indexed,
        "CapacityUnits": expected,
        "Table": {"CapacityUnits": expected},
    }


def test_statement_on_an_index_is_paid_by_the_index(run):
    consumed = run('SELECT * FROM TABLE."by_colour" WHERE colour = KEY')

    assert consumed["GlobalSecondaryIndexes"] == {"by_colour": {"CapacityUnits": 0.5}}
    assert consumed["Table"] == {"CapacityUnits": 0.0}


def test_batch_of_statements_adds_what_each_costs(dynamodb, simple, key):
    statements = [
        {"Statement": f"SELECT * FROM \"{simple}\" WHERE pk = '{key}{number}'"}
        for number in range(3)
    ]

    answer = dynamodb.batch_execute_statement(
        Statements=[*statements[:2], statements[2] | {"ConsistentRead": True}],
        ReturnConsumedCapacity="TOTAL",
    )

    assert answer["ConsumedCapacity"] == [{"TableName": simple, "CapacityUnits": 2.0}]


def test_transaction_of_statements_costs_double(dynamodb, simple, key):
    written = dynamodb.execute_transaction(
        TransactStatements=[{"Statement": f"INSERT INTO \"{simple}\" VALUE {{'pk': '{key}'}}"}],
        ReturnConsumedCapacity="TOTAL",
    )
    read = dynamodb.execute_transaction(
        TransactStatements=[{"Statement": f"SELECT * FROM \"{simple}\" WHERE pk = '{key}'"}],
        ReturnConsumedCapacity="TOTAL",
    )

    assert written["ConsumedCapacity"] == [
        {"TableName": simple, "CapacityUnits": 2.0, "WriteCapacityUnits": 2.0}
    ]
    assert read["ConsumedCapacity"] == [
        {"TableName": simple, "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}
    ]
