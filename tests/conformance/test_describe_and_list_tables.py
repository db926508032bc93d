"""DescribeTable and ListTables."""

import pytest

from tests.conformance.definition import THROUGHPUT, keys
from tests.conformance.expectation import at_least, at_most, fault, invalid, missing


def test_active_table_shows_what_it_can_take_at_once(dynamodb, simple):
    table = dynamodb.describe_table(TableName=simple)["Table"]

    assert table["TableStatus"] == "ACTIVE"
    assert table["WarmThroughput"] == {
        "ReadUnitsPerSecond": 12000,
        "WriteUnitsPerSecond": 4000,
        "Status": "ACTIVE",
    }


def test_table_is_found_by_its_arn(dynamodb, simple):
    arn = dynamodb.describe_table(TableName=simple)["Table"]["TableArn"]

    table = dynamodb.describe_table(TableName=arn)["Table"]

    assert table["TableName"] == simple


def test_unknown_table_is_named(dynamodb, unique_name):
    name = unique_name("unknown")

    with missing(f"Requested resource not found: Table: {name} not found"):
        dynamodb.describe_table(TableName=name)


def test_provisioned_table_shows_its_units(make_table):
    table = make_table(BillingMode="PROVISIONED", ProvisionedThroughput=THROUGHPUT)

    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 5
    assert "BillingModeSummary" not in table


def test_recreated_table_has_another_id(dynamodb, make_table, tables):
    first = make_table()
    dynamodb.delete_table(TableName=first["TableName"])
    tables.wait_gone(first["TableName"])

    second = make_table(TableName=first["TableName"], **keys(("pk", "N")))

    assert second["TableId"] != first["TableId"]
    assert second["AttributeDefinitions"][0]["AttributeType"] == "N"


def test_pages_of_names_are_in_order_and_complete(dynamodb, make_table, unique_name):
    prefix = unique_name("list")
    names = [f"{prefix}.{letter}" for letter in "abZ_-"]
    for name in names:
        make_table(TableName=name)

    listed = []
    start = prefix
    while True:
        page = dynamodb.list_tables(ExclusiveStartTableName=start, Limit=2)
        listed += page["TableNames"]
        start = page.get("LastEvaluatedTableName", "")
        if not start or not listed[-1].startswith(prefix):
            break

    assert [name for name in listed if name.startswith(prefix)] == sorted(names)


def test_last_name_of_a_page_is_where_the_next_starts(dynamodb, simple, composite):
    first, second = sorted([simple, composite])
    del second

    page = dynamodb.list_tables(Limit=1)

    assert page["LastEvaluatedTableName"] == page["TableNames"][-1]
    assert page["TableNames"][0] <= first


@pytest.mark.parametrize(("limit", "constraint"), [(0, at_least(1)), (101, at_most(100))])
def test_limit_out_of_range_is_refused(dynamodb, limit, constraint):
    with invalid(fault(limit, "limit", constraint)):
        dynamodb.list_tables(Limit=limit)


def test_region_is_a_name_space_of_its_own(dynamodb, simple, elsewhere):
    listed = elsewhere.list_tables()["TableNames"]

    assert simple not in listed
    with missing():
        elsewhere.get_item(TableName=simple, Key={"pk": {"S": "a"}})
