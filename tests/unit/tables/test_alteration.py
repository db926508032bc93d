"""UpdateTable's input, and what is refused of it whatever the table."""

import pytest

from headwater.errors import LimitExceededException, ServiceError, ValidationException
from headwater.streams.window import ViewType
from headwater.tables import alteration
from headwater.tables.alteration import StreamSwitch, UnitsUpdate
from headwater.tables.schema import Throughput
from tests.unit.tables.running import CREATE_INDEX, DELETE_INDEX, STREAM, checked

INVALID = "One or more parameter values were invalid: "
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
UPDATE_INDEX = [{"Update": {"IndexName": "by-artist", "ProvisionedThroughput": UNITS}}]


def alter(**members):
    return alteration.of_input(checked("UpdateTable", {"TableName": "music", **members}))


def refusal(**members):
    with pytest.raises(ServiceError) as refused:
        alter(**members)
    return refused.value


def test_every_part_of_an_alteration_is_taken_over():
    asked = alter(
        BillingMode="PROVISIONED",
        ProvisionedThroughput=UNITS,
        GlobalSecondaryIndexUpdates=UPDATE_INDEX,
    )

    assert asked.is_on_demand is False
    assert asked.throughput == Throughput(5, 6)
    assert asked.updated == {"by-artist": UnitsUpdate(Throughput(5, 6))}


def test_a_stream_is_switched_on_with_its_view_type_or_off():
    on = alter(StreamSpecification=STREAM)
    off = alter(StreamSpecification={"StreamEnabled": False})

    assert on.stream == StreamSwitch(ViewType.NEW_AND_OLD_IMAGES)
    assert off.stream == StreamSwitch(None)


def test_an_index_is_created_or_deleted():
    created = alter(**CREATE_INDEX)
    deleted = alter(**DELETE_INDEX)

    assert created.created is not None
    assert created.created.name == "by-artist"
    assert deleted.deleted == "by-artist"


@pytest.mark.parametrize("members", [{}, {"GlobalSecondaryIndexUpdates": []}])
def test_an_update_of_nothing_is_refused(members):
    assert refusal(**members).message == (
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
        "GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, "
        "ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, "
        "OnDemandThroughput, WarmThroughput or TableClass is required"
    )


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("DeletionProtectionEnabled", True, "DeletionProtection modification"),
        ("TableClass", "STANDARD", "TableClass modification"),
        ("SSESpecification", {"Enabled": True}, "Server-Side Encryption modification"),
        ("ReplicaUpdates", [{"Create": {"RegionName": "eu-west-2"}}], "Replica modification"),
        ("WarmThroughput", {"ReadUnitsPerSecond": 1}, "WarmThroughput"),
    ],
)
def test_some_changes_must_come_alone(member, value, words):
    error = refusal(**{member: value}, BillingMode="PAY_PER_REQUEST")

    assert isinstance(error, ValidationException)
    assert error.message == f"{INVALID}{words} must be the only operation in the request"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("SSESpecification", {"Enabled": True}),
        ("DisassociationProtectionEnabled", True),
    ],
)
def test_what_is_not_supported_is_refused_by_name(member, value):
    error = refusal(**{member: value})

    assert error.message == f"{INVALID}{member} is not supported by Headwater yet"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"StreamSpecification": {"StreamEnabled": True}},
            f"{INVALID}If stream is being enabled then UpdateViewType is required",
        ),
        (
            {"StreamSpecification": {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}},
            f"{INVALID}If stream is being disabled, then UpdateViewType must not be specified",
        ),
        (
            {"StreamSpecification": STREAM, "ProvisionedThroughput": UNITS},
            f"{INVALID}You cannot modify stream status while updating table IOPS",
        ),
        (
            {"StreamSpecification": STREAM, **CREATE_INDEX},
            f"{INVALID}You cannot create or delete index while changing stream status",
        ),
        (
            {"BillingMode": "PAY_PER_REQUEST", "ProvisionedThroughput": UNITS},
            (
                f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
                "BillingMode is PAY_PER_REQUEST"
            ),
        ),
        (
            {"GlobalSecondaryIndexUpdates": UPDATE_INDEX * 2},
            (
                f"{INVALID}Only one global secondary index update per index is allowed "
                "simultaneously. Index: by-artist"
            ),
        ),
        (
            {"GlobalSecondaryIndexUpdates": [{**UPDATE_INDEX[0], "Delete": {"IndexName": "abc"}}]},
            (
                f"{INVALID}Exactly one of Create, Update and Delete is required in each "
                "GlobalSecondaryIndexUpdate"
            ),
        ),
    ],
)
def test_parts_that_contradict_each_other_are_refused(members, message):
    assert refusal(**members).message == message


def test_only_one_index_is_created_or_deleted_at_a_time():
    updates = [{"Delete": {"IndexName": name}} for name in ("one", "two")]

    error = refusal(GlobalSecondaryIndexUpdates=updates)

    assert isinstance(error, LimitExceededException)
    assert error.message == (
        "Subscriber limit exceeded: Only 1 online index can be created or deleted "
        "simultaneously per table"
    )
