"""What an UpdateTable means for the table as it is."""

from dataclasses import replace

import pytest

from headwater.errors import (
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
    ServiceError,
    ValidationException,
)
from headwater.storage.keyspace import IndexId, TableId
from headwater.tables import alteration, altering
from headwater.tables.schema import (
    Index,
    IndexStatus,
    KeyAttribute,
    KeySchema,
    Partition,
    ProjectionType,
    Table,
    TableClass,
    TableStatus,
    Throughput,
)
from tests.unit.tables.running import CREATE_INDEX, DELETE_INDEX, checked

NOW = 1_700_000_000.0
INVALID = "One or more parameter values were invalid: "
NEW_INDEX = IndexId("0123456789abcdef")
BY_ARTIST = Index(
    "by-artist",
    IndexId("f" * 16),
    True,
    KeySchema((KeyAttribute("artist", "S"),)),
    ProjectionType.ALL,
)
ON_DEMAND = Table(
    "eu-west-1",
    "music",
    TableId("11111111-1111-4111-8111-111111111111"),
    TableStatus.ACTIVE,
    NOW - 100,
    KeySchema((KeyAttribute("pk", "S"),), (KeyAttribute("sk", "N"),)),
    (Partition(0),),
    to_on_demand_at=NOW - 100,
)
PROVISIONED = replace(ON_DEMAND, throughput=Throughput(5, 5), to_on_demand_at=None)


def units(reads, writes):
    return {"ReadCapacityUnits": reads, "WriteCapacityUnits": writes}


def with_index(table, **changes):
    return replace(table, indexes=(replace(BY_ARTIST, **changes),))


def alter(table, **members):
    body = checked("UpdateTable", {"TableName": "music", **members})
    return altering.altered(table, alteration.of_input(body), NOW, NEW_INDEX)


def refusal(table, **members):
    with pytest.raises(ServiceError) as refused:
        alter(table, **members)
    return refused.value


@pytest.mark.parametrize("status", [each for each in TableStatus if each is not TableStatus.ACTIVE])
def test_a_busy_table_is_refused(status):
    error = refusal(replace(ON_DEMAND, status=status), DeletionProtectionEnabled=True)

    assert isinstance(error, ResourceInUseException)


def test_an_altered_table_is_updating_and_has_the_next_version():
    changed = alter(ON_DEMAND, DeletionProtectionEnabled=True)

    assert changed.status is TableStatus.UPDATING
    assert changed.version == ON_DEMAND.version + 1
    assert changed.is_deletion_protected


def test_a_table_class_remembers_when_it_was_changed():
    changed = alter(ON_DEMAND, TableClass="STANDARD_INFREQUENT_ACCESS")
    again = alter(ON_DEMAND, TableClass="STANDARD")

    assert changed.table_class is TableClass.STANDARD_INFREQUENT_ACCESS
    assert changed.class_changed_at == NOW
    assert again.class_changed_at is None


@pytest.mark.parametrize(
    ("reads", "writes", "increased_at", "decreased_at"),
    [(9, 5, NOW, None), (1, 5, None, NOW), (9, 1, NOW, NOW)],
)
def test_throughput_remembers_when_it_was_raised_and_lowered(
    reads, writes, increased_at, decreased_at
):
    changed = alter(PROVISIONED, ProvisionedThroughput=units(reads, writes))

    decreases = 0 if decreased_at is None else 1
    assert changed.throughput == Throughput(reads, writes, increased_at, decreased_at, decreases)


def test_decreases_are_counted_within_a_utc_day():
    lowered = Throughput(5, 5, None, NOW - 10, 2)

    same_day = alter(
        replace(PROVISIONED, throughput=lowered), ProvisionedThroughput=units(4, 4)
    ).throughput
    next_day = altering.decreases_today(lowered, NOW + 86_400)

    assert same_day is not None
    assert same_day.decreases == 3
    assert next_day == 0


def test_equal_throughput_is_refused():
    error = refusal(PROVISIONED, ProvisionedThroughput=units(5, 5))

    assert error.message == (
        "The provisioned throughput for the table will not change. The requested value equals the "
        "current value. Current ReadCapacityUnits provisioned for the table: 5. Requested "
        "ReadCapacityUnits: 5. Current WriteCapacityUnits provisioned for the table: 5. Requested "
        "WriteCapacityUnits: 5. Refer to the Amazon DynamoDB Developer Guide for current limits "
        "and how to request higher limits."
    )


def test_a_table_goes_on_demand_with_its_indexes():
    before = with_index(PROVISIONED, throughput=Throughput(1, 1))

    changed = alter(before, BillingMode="PAY_PER_REQUEST")

    assert changed.throughput is None
    assert changed.to_on_demand_at == NOW
    assert changed.indexes[0].throughput is None


def test_a_table_becomes_provisioned_with_its_indexes_and_remembers_having_been_on_demand():
    changed = alter(
        with_index(ON_DEMAND),
        BillingMode="PROVISIONED",
        ProvisionedThroughput=units(1, 2),
        GlobalSecondaryIndexUpdates=[
            {"Update": {"IndexName": "by-artist", "ProvisionedThroughput": units(3, 4)}}
        ],
    )

    assert changed.throughput == Throughput(1, 2)
    assert changed.to_on_demand_at == ON_DEMAND.to_on_demand_at
    assert changed.indexes[0].throughput == Throughput(3, 4)
    assert changed.indexes[0].status is IndexStatus.UPDATING


@pytest.mark.parametrize(
    ("table", "members", "message"),
    [
        (
            ON_DEMAND,
            {"ProvisionedThroughput": units(1, 1)},
            (
                f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
                "BillingMode is PAY_PER_REQUEST"
            ),
        ),
        (
            ON_DEMAND,
            {"BillingMode": "PROVISIONED"},
            (
                f"{INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when "
                "BillingMode is PROVISIONED"
            ),
        ),
        (
            with_index(ON_DEMAND),
            {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(1, 1)},
            f"{INVALID}ProvisionedThroughput must be specified for index: by-artist",
        ),
        (
            PROVISIONED,
            CREATE_INDEX,
            f"{INVALID}ProvisionedThroughput must be specified for index: by-artist",
        ),
        (
            with_index(ON_DEMAND),
            CREATE_INDEX,
            "Attempting to create an index which already exists",
        ),
        (
            ON_DEMAND,
            {
                **CREATE_INDEX,
                "AttributeDefinitions": [
                    {"AttributeName": "artist", "AttributeType": "S"},
                    {"AttributeName": "extra", "AttributeType": "S"},
                ],
            },
            (
                f"{INVALID}Some AttributeDefinitions are not used. "
                "AttributeDefinitions: [artist, extra], keys used: [pk, sk, artist]"
            ),
        ),
        (
            ON_DEMAND,
            {
                **CREATE_INDEX,
                "AttributeDefinitions": [
                    {"AttributeName": "artist", "AttributeType": "S"},
                    {"AttributeName": "sk", "AttributeType": "S"},
                ],
            },
            f"{INVALID}Attribute sk is defined with type S, but the table has it with type N",
        ),
    ],
)
def test_what_does_not_go_with_the_table_is_refused(table, members, message):
    error = refusal(table, **members)

    assert isinstance(error, ValidationException)
    assert error.message == message


def test_a_created_index_is_creating_and_not_yet_back_filling():
    changed = alter(ON_DEMAND, **CREATE_INDEX)

    assert changed.indexes == (replace(BY_ARTIST, index_id=NEW_INDEX, status=IndexStatus.CREATING),)


@pytest.mark.parametrize("status", [IndexStatus.CREATING, IndexStatus.DELETING])
def test_a_second_index_waits_for_the_first(status):
    table = with_index(ON_DEMAND, name="other", status=status)

    error = refusal(table, **CREATE_INDEX)

    assert isinstance(error, LimitExceededException)


def test_an_index_may_be_deleted_while_it_is_back_filled():
    table = with_index(ON_DEMAND, status=IndexStatus.CREATING, is_backfilling=True)

    changed = alter(table, **DELETE_INDEX)

    assert changed.indexes[0].status is IndexStatus.DELETING
    assert not changed.indexes[0].is_backfilling


def test_an_index_that_is_not_there_cannot_be_deleted():
    error = refusal(ON_DEMAND, **DELETE_INDEX)

    assert isinstance(error, ResourceNotFoundException)


def test_a_local_index_cannot_be_deleted():
    error = refusal(with_index(ON_DEMAND, is_global=False), **DELETE_INDEX)

    assert isinstance(error, ResourceNotFoundException)


def test_an_index_that_changes_keeps_its_throughput():
    table = with_index(
        PROVISIONED,
        status=IndexStatus.CREATING,
        is_backfilling=True,
        throughput=Throughput(1, 1),
    )

    error = refusal(
        table,
        GlobalSecondaryIndexUpdates=[
            {"Update": {"IndexName": "by-artist", "ProvisionedThroughput": units(2, 2)}}
        ],
    )

    assert error.message == (
        "Attempt to change a resource which is still in use: Index is being updated.  "
        "Table: music Index: by-artist"
    )
