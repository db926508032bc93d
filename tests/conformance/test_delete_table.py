"""DeleteTable."""

from tests.conformance.definition import keys
from tests.conformance.expectation import invalid, met_in_passing, missing


def test_answer_shows_a_table_being_deleted(dynamodb, make_table):
    name = make_table()["TableName"]

    answer = dynamodb.delete_table(TableName=name)

    assert answer["TableDescription"]["TableStatus"] == "DELETING"
    assert answer["TableDescription"]["TableName"] == name


def test_deleted_table_is_not_found(dynamodb, make_table, tables):
    name = make_table()["TableName"]

    dynamodb.delete_table(TableName=name)
    tables.wait_gone(name)

    with missing(f"Requested resource not found: Table: {name} not found"):
        dynamodb.describe_table(TableName=name)
    with missing():
        dynamodb.get_item(TableName=name, Key={"pk": {"S": "a"}})
    assert name not in dynamodb.list_tables(ExclusiveStartTableName=name[:-1])["TableNames"]


def test_unknown_table_is_not_found(dynamodb, unique_name):
    name = unique_name("unknown")

    with missing(f"Requested resource not found: Table: {name} not found"):
        dynamodb.delete_table(TableName=name)


def test_table_being_created_is_in_use(dynamodb, unique_name, tables):
    names = []

    def create():
        names.append(unique_name("table"))
        dynamodb.create_table(
            TableName=names[-1], **keys(("pk", "S")), BillingMode="PAY_PER_REQUEST"
        )
        return names[-1]

    error = met_in_passing(create, lambda name: dynamodb.delete_table(TableName=name))

    assert error == (
        "ResourceInUseException",
        "Attempt to change a resource which is still in use: Table is being created: " + names[-1],
    )
    tables.wait(names[-1])
    dynamodb.delete_table(TableName=names[-1])


def test_protected_table_stays(dynamodb, make_table, tables):
    name = make_table(DeletionProtectionEnabled=True)["TableName"]

    with invalid(
        "Resource cannot be deleted as it is currently protected against deletion. "
        "Disable deletion protection first."
    ):
        dynamodb.delete_table(TableName=name)

    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    tables.wait(name)


def test_recreated_table_is_empty(dynamodb, make_table, tables):
    name = make_table()["TableName"]
    dynamodb.put_item(TableName=name, Item={"pk": {"S": "a"}})
    dynamodb.delete_table(TableName=name)
    tables.wait_gone(name)

    make_table(TableName=name)

    assert dynamodb.scan(TableName=name)["Items"] == []
