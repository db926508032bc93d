"""The limit of what is on demand, and warm throughput: set, changed, shown and refused."""

import pytest

from tests.conformance.definition import THROUGHPUT, attributes, index
from tests.conformance.expectation import VALUES, invalid

PROVISIONED = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": THROUGHPUT}
BY_COLOUR = index("by_colour", "colour")
COLOUR = attributes(("pk", "S"), ("colour", "S"))


@pytest.fixture
def update(dynamodb, tables):
    """Updates a table and returns its description once it is active again."""

    def call(table, **changes):
        dynamodb.update_table(TableName=table["TableName"], **changes)
        return tables.wait(table["TableName"])

    return call


def warm(shown):
    described = shown["WarmThroughput"]
    return described["ReadUnitsPerSecond"], described["WriteUnitsPerSecond"], described["Status"]


# --- on demand


def test_a_table_without_a_limit_shows_none(make_table):
    assert "OnDemandThroughput" not in make_table()


def test_a_limit_is_shown_and_what_is_not_limited_is_minus_one(make_table):
    table = make_table(OnDemandThroughput={"MaxReadRequestUnits": 7})

    assert table["OnDemandThroughput"] == {"MaxReadRequestUnits": 7, "MaxWriteRequestUnits": -1}


def test_a_limit_changes_one_member_at_a_time(make_table, update):
    table = make_table(OnDemandThroughput={"MaxReadRequestUnits": 7, "MaxWriteRequestUnits": 8})

    changed = update(table, OnDemandThroughput={"MaxWriteRequestUnits": 9})

    assert changed["OnDemandThroughput"] == {"MaxReadRequestUnits": 7, "MaxWriteRequestUnits": 9}


def test_minus_one_takes_a_limit_away(make_table, update):
    table = make_table(OnDemandThroughput={"MaxReadRequestUnits": 7, "MaxWriteRequestUnits": 8})

    changed = update(table, OnDemandThroughput={"MaxReadRequestUnits": -1})

    assert changed["OnDemandThroughput"] == {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": 8}


@pytest.mark.parametrize("member", ["MaxReadRequestUnits", "MaxWriteRequestUnits"])
@pytest.mark.parametrize("units", [0, -2, 10**13])
def test_a_limit_out_of_range_is_refused(make_table, member, units):
    with invalid(
        f"{VALUES}Requested {member} for OnDemandThroughput for table is outside of valid range"
    ):
        make_table(OnDemandThroughput={member: units})


def test_an_empty_limit_is_refused(make_table):
    with invalid():
        make_table(OnDemandThroughput={})


def test_a_limit_of_a_provisioned_table_is_refused(dynamodb, make_table):
    with invalid():
        make_table(**PROVISIONED, OnDemandThroughput={"MaxReadRequestUnits": 7})
    table = make_table(**PROVISIONED)
    with invalid():
        dynamodb.update_table(
            TableName=table["TableName"], OnDemandThroughput={"MaxReadRequestUnits": 7}
        )


def test_a_limit_comes_with_the_change_to_on_demand(make_table, update):
    table = make_table(**PROVISIONED)

    changed = update(
        table, BillingMode="PAY_PER_REQUEST", OnDemandThroughput={"MaxReadRequestUnits": 7}
    )

    assert changed["OnDemandThroughput"]["MaxReadRequestUnits"] == 7


def test_an_index_has_a_limit_of_its_own(make_table, update):
    limited = {**BY_COLOUR, "OnDemandThroughput": {"MaxWriteRequestUnits": 3}}
    table = make_table(**COLOUR, GlobalSecondaryIndexes=[limited])

    changed = update(
        table,
        GlobalSecondaryIndexUpdates=[
            {
                "Update": {
                    "IndexName": "by_colour",
                    "OnDemandThroughput": {"MaxReadRequestUnits": 4},
                }
            }
        ],
    )

    assert "OnDemandThroughput" not in changed
    assert changed["GlobalSecondaryIndexes"][0]["OnDemandThroughput"] == {
        "MaxReadRequestUnits": 4,
        "MaxWriteRequestUnits": 3,
    }


def test_an_index_of_a_provisioned_table_has_no_limit(make_table):
    limited = {
        **BY_COLOUR,
        "ProvisionedThroughput": THROUGHPUT,
        "OnDemandThroughput": {"MaxWriteRequestUnits": 3},
    }

    with invalid():
        make_table(**PROVISIONED, **COLOUR, GlobalSecondaryIndexes=[limited])


# --- warm


def test_a_table_is_created_warm(make_table):
    table = make_table(WarmThroughput={"ReadUnitsPerSecond": 15_000, "WriteUnitsPerSecond": 5_000})

    assert warm(table) == (15_000, 5_000, "ACTIVE")


def test_what_is_not_named_is_as_warm_as_by_itself(make_table):
    assert warm(make_table(WarmThroughput={"ReadUnitsPerSecond": 15_000})) == (
        15_000,
        4_000,
        "ACTIVE",
    )


def test_a_table_is_warmed_later(dynamodb, make_table, tables):
    table = make_table()

    begun = dynamodb.update_table(
        TableName=table["TableName"], WarmThroughput={"WriteUnitsPerSecond": 6_000}
    )["TableDescription"]

    assert warm(begun)[2] == "UPDATING"
    assert warm(tables.wait(table["TableName"])) == (12_000, 6_000, "ACTIVE")


@pytest.mark.parametrize(
    "asked", [{"ReadUnitsPerSecond": 11_999}, {"WriteUnitsPerSecond": 3_999}, {}]
)
def test_less_than_a_table_on_demand_has_is_refused(make_table, asked):
    with invalid():
        make_table(WarmThroughput=asked)


def test_less_than_before_is_refused(dynamodb, make_table):
    table = make_table(WarmThroughput={"ReadUnitsPerSecond": 15_000})

    with invalid():
        dynamodb.update_table(
            TableName=table["TableName"], WarmThroughput={"ReadUnitsPerSecond": 14_000}
        )


def test_a_provisioned_table_may_be_less_warm(make_table):
    table = make_table(
        **PROVISIONED, WarmThroughput={"ReadUnitsPerSecond": 50, "WriteUnitsPerSecond": 5}
    )

    assert warm(table) == (50, 5, "ACTIVE")


def test_a_table_does_not_cool_down(make_table, update):
    table = make_table()

    changed = update(table, **PROVISIONED)

    assert warm(changed) == (12_000, 4_000, "ACTIVE")


def test_warming_must_be_the_only_change(dynamodb, make_table):
    table = make_table()

    with invalid(f"{VALUES}WarmThroughput must be the only operation in the request"):
        dynamodb.update_table(
            TableName=table["TableName"],
            WarmThroughput={"ReadUnitsPerSecond": 15_000},
            OnDemandThroughput={"MaxReadRequestUnits": 7},
        )


def test_an_index_is_created_warm_and_warmed_later(make_table, update):
    first = {**BY_COLOUR, "WarmThroughput": {"ReadUnitsPerSecond": 13_000}}
    table = make_table(**COLOUR, GlobalSecondaryIndexes=[first])

    changed = update(
        table,
        GlobalSecondaryIndexUpdates=[
            {
                "Update": {
                    "IndexName": "by_colour",
                    "WarmThroughput": {"WriteUnitsPerSecond": 5_000},
                }
            }
        ],
    )

    assert warm(table["GlobalSecondaryIndexes"][0]) == (13_000, 4_000, "ACTIVE")
    assert warm(changed["GlobalSecondaryIndexes"][0]) == (13_000, 5_000, "ACTIVE")


def test_an_update_of_an_index_that_changes_nothing_is_refused(dynamodb, make_table):
    table = make_table(**COLOUR, GlobalSecondaryIndexes=[BY_COLOUR])

    with invalid():
        dynamodb.update_table(
            TableName=table["TableName"],
            GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": "by_colour"}}],
        )


@pytest.mark.local_only
def test_a_warm_table_begins_with_more_shards(dynamodb, dynamodbstreams, make_table):
    table = make_table(
        WarmThroughput={"WriteUnitsPerSecond": 7_000},
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )

    stream = dynamodbstreams.describe_stream(StreamArn=table["LatestStreamArn"])

    assert len(stream["StreamDescription"]["Shards"]) == 7
