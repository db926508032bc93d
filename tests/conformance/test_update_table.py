"""UpdateTable: throughput, billing and protection; streams and indexes have files of their own."""

import pytest

from tests.conformance.definition import THROUGHPUT, attributes, index
from tests.conformance.expectation import VALUES, invalid, met_in_passing, missing, refused

PROVISIONED = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": THROUGHPUT}


@pytest.fixture
def update(dynamodb, tables):
    """Updates a table and returns its description once it is active again."""

    def call(table, **changes):
        dynamodb.update_table(TableName=table["TableName"], **changes)
        return tables.wait(table["TableName"])

    return call


def test_nothing_to_change_is_refused(dynamodb, simple):
    with invalid(
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
        "GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, "
        "MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, "
        "DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required"
    ):
        dynamodb.update_table(TableName=simple)


def test_unknown_table_is_not_found(dynamodb, unique_name):
    name = unique_name("unknown")

    with missing(f"Requested resource not found: Table: {name} not found"):
        dynamodb.update_table(TableName=name, BillingMode="PAY_PER_REQUEST")


def test_throughput_changes(make_table, update):
    table = make_table(**PROVISIONED)

    changed = update(table, ProvisionedThroughput={"ReadCapacityUnits": 7, "WriteCapacityUnits": 6})

    assert changed["ProvisionedThroughput"]["ReadCapacityUnits"] == 7
    assert changed["ProvisionedThroughput"]["WriteCapacityUnits"] == 6
    assert changed["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 0


def test_decrease_is_counted(make_table, update):
    table = make_table(**PROVISIONED)

    changed = update(table, ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 5})

    assert changed["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 1


def test_same_throughput_is_refused(dynamodb, make_table):
    table = make_table(**PROVISIONED)

    with invalid() as refusal:
        dynamodb.update_table(TableName=table["TableName"], ProvisionedThroughput=THROUGHPUT)

    assert refusal.message.startswith(
        "The provisioned throughput for the table will not change. The requested value equals "
        "the current value. Current ReadCapacityUnits provisioned for the table: 5. "
        "Requested ReadCapacityUnits: 5."
    )


def test_provisioned_table_goes_on_demand(make_table, update):
    table = make_table(**PROVISIONED)

    changed = update(table, BillingMode="PAY_PER_REQUEST")

    summary = changed["BillingModeSummary"]
    assert summary["BillingMode"] == "PAY_PER_REQUEST"
    assert summary["LastUpdateToPayPerRequestDateTime"] >= table["CreationDateTime"]
    assert changed["ProvisionedThroughput"]["ReadCapacityUnits"] == 0


def test_on_demand_table_becomes_provisioned(make_table, update):
    table = make_table()

    changed = update(table, **PROVISIONED)

    assert changed["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert changed["ProvisionedThroughput"]["ReadCapacityUnits"] == 5


def test_table_is_updating_until_its_change_is_done(dynamodb, make_table, tables):
    table = make_table(**PROVISIONED)

    answer = dynamodb.update_table(
        TableName=table["TableName"],
        ProvisionedThroughput={"ReadCapacityUnits": 7, "WriteCapacityUnits": 6},
    )

    assert answer["TableDescription"]["TableStatus"] == "UPDATING"
    assert tables.wait(table["TableName"])["TableStatus"] == "ACTIVE"


def test_busy_table_is_in_use(dynamodb, make_table, tables):
    names = []

    def begin():
        names.append(make_table(**PROVISIONED)["TableName"])
        return dynamodb.update_table(
            TableName=names[-1],
            ProvisionedThroughput={"ReadCapacityUnits": 7, "WriteCapacityUnits": 6},
        )

    error = met_in_passing(
        begin,
        lambda _: dynamodb.update_table(
            TableName=names[-1],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        ),
    )

    assert error == (
        "ResourceInUseException",
        "The resource which you are attempting to change is in use.",
    )
    for name in names:
        tables.wait(name)


@pytest.mark.parametrize(
    ("change", "operation"),
    [
        ({"DeletionProtectionEnabled": True}, "DeletionProtection modification"),
        ({"TableClass": "STANDARD_INFREQUENT_ACCESS"}, "TableClass modification"),
    ],
)
def test_some_changes_go_alone(dynamodb, simple, change, operation):
    with invalid(VALUES + f"{operation} must be the only operation in the request"):
        dynamodb.update_table(
            TableName=simple,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
            **change,
        )


def test_table_class_is_shown_once_it_is_not_the_default(make_table, update):
    made = make_table()

    table = update(made, TableClass="STANDARD_INFREQUENT_ACCESS")

    assert "TableClassSummary" not in made
    assert table["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert table["TableClassSummary"]["LastUpdateDateTime"] >= table["CreationDateTime"]


def test_table_class_can_be_set_at_creation(make_table):
    table = make_table(TableClass="STANDARD_INFREQUENT_ACCESS")

    assert table["TableClassSummary"] == {"TableClass": "STANDARD_INFREQUENT_ACCESS"}


def test_protection_is_shown(make_table, update):
    table = make_table()

    protected = update(table, DeletionProtectionEnabled=True)
    unprotected = update(table, DeletionProtectionEnabled=False)

    assert protected["DeletionProtectionEnabled"] is True
    assert unprotected["DeletionProtectionEnabled"] is False


def test_two_indexes_in_one_call_are_too_many(dynamodb, simple):
    updates = [
        {"Create": index("one", "a")},
        {"Create": index("two", "a")},
    ]

    with refused(
        "LimitExceededException",
        "Subscriber limit exceeded: Only 1 online index can be created or deleted "
        "simultaneously per table",
    ):
        dynamodb.update_table(
            TableName=simple,
            **attributes(("pk", "S"), ("a", "S")),
            GlobalSecondaryIndexUpdates=updates,
        )
