"""Global tables: replicas of a table in several regions of one server.

Replicas take minutes on AWS, so all here is `local_only`; the texts are those observed there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from tests.conformance.definition import attributes, index
from tests.conformance.expectation import VALUES, invalid, missing, refused
from tests.conformance.laboratory import HOUR, Lab, laboratory
from tests.conformance.stream_reading import Follower
from tests.conftest import CLIENT, LOOKS_MAX

pytestmark = pytest.mark.local_only
EAST, WEST, SOUTH = "us-east-1", "eu-west-1", "ap-south-1"
KEY: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
OF_GLOBAL_TABLES = {"Replicas", "GlobalTableVersion", "GlobalTableSettingsReplicationMode"}
IN_USE = "The resource which you are attempting to change is in use."


@pytest.fixture(scope="module")
def lab(unique_name: Callable[[str], str]) -> Iterator[Lab]:
    with laboratory(unique_name, "--memory", "--initial-partitions", "2") as lab:
        yield lab


@pytest.fixture(scope="module")
def clients(lab: Lab) -> Iterator[Callable[[str, str], Any]]:
    """Clients of a service in a region."""
    made: dict[tuple[str, str], Any] = {}

    def client(service: str, region: str) -> Any:
        if (service, region) not in made:
            session = boto3.Session("any", "any", region_name=region)
            made[service, region] = session.client(
                service, endpoint_url=lab.server.endpoint, config=CLIENT
            )
        return made[service, region]

    yield client
    for each in made.values():
        each.close()


class World:
    """A table that becomes global, seen from any region."""

    def __init__(self, lab: Lab, clients: Callable[[str, str], Any], name: str) -> None:
        self.lab = lab
        self.clients = clients
        self.name = name

    def at(self, region: str) -> Any:
        return self.clients("dynamodb", region)

    def create(self, **members: Any) -> None:
        self.at(EAST).create_table(TableName=self.name, **{**KEY, **members})
        self.until_active(EAST)

    def describe(self, region: str) -> dict[str, Any]:
        table: dict[str, Any] = self.at(region).describe_table(TableName=self.name)["Table"]
        return table

    def until_active(self, region: str) -> dict[str, Any]:
        for _ in range(LOOKS_MAX):
            table = self.describe(region)
            replicas = [each["ReplicaStatus"] for each in table.get("Replicas", ())]
            indexes = [each["IndexStatus"] for each in table.get("GlobalSecondaryIndexes", ())]
            if {table["TableStatus"], *replicas, *indexes} == {"ACTIVE"}:
                return table
        raise AssertionError(f"the table in {region} does not become active: {table}")

    def change(self, region: str = EAST, **action: Any) -> dict[str, Any]:
        table: dict[str, Any] = self.at(region).update_table(
            TableName=self.name,
            ReplicaUpdates=[{kind: {"RegionName": name} for kind, name in action.items()}],
        )["TableDescription"]
        return table

    def add(self, *regions: str) -> None:
        for region in regions:
            self.change(Create=region)
            self.until_active(EAST)

    def put(self, region: str, key: str, **more: Any) -> None:
        self.at(region).put_item(TableName=self.name, Item={"pk": {"S": key}, **more})

    def drain(self) -> None:
        self.lab.tell("Drain")

    def items(self, region: str) -> dict[str, dict[str, Any]]:
        pages = self.at(region).get_paginator("scan").paginate(TableName=self.name)
        return {item["pk"]["S"]: item for page in pages for item in page["Items"]}

    def follower(self, region: str) -> Follower:
        streams = self.clients("dynamodbstreams", region)
        return Follower(streams, self.describe(region)["LatestStreamArn"])


@pytest.fixture
def world(lab: Lab, clients: Callable[[str, str], Any], unique_name: Callable[[str], str]) -> World:
    return World(lab, clients, unique_name("global"))


@pytest.fixture
def pair(world: World) -> World:
    """In two regions."""
    world.create()
    world.add(WEST)
    return world


def test_replica_passes_from_creating_to_active_with_the_items_of_before(world: World) -> None:
    world.create()
    for number in range(300):
        world.put(EAST, str(number), n={"N": str(number)})

    began = world.change(Create=WEST)

    assert began["TableStatus"] == "UPDATING"
    assert began["Replicas"][0]["ReplicaStatusPercentProgress"] == "0"
    assert [each["ReplicaStatus"] for each in world.describe(EAST)["Replicas"]] in (
        ["CREATING"],
        ["ACTIVE"],
    )
    (shown,) = world.until_active(EAST)["Replicas"]
    assert "ReplicaStatusPercentProgress" not in shown
    assert world.items(WEST) == world.items(EAST)
    assert len(world.items(WEST)) == 300


def test_every_replica_lists_the_others_and_never_itself(pair: World) -> None:
    pair.add(SOUTH)

    listed = {region: pair.describe(region) for region in (EAST, WEST, SOUTH)}

    for region, table in listed.items():
        others = {each["RegionName"]: each for each in table["Replicas"]}
        assert others.keys() == {EAST, WEST, SOUTH} - {region}
        assert {each["ReplicaStatus"] for each in others.values()} == {"ACTIVE"}
        assert all("ReplicaArn" not in each for each in others.values())
        assert table["GlobalTableVersion"] == "2019.11.21"
        assert table["GlobalTableSettingsReplicationMode"] == "ENABLED_WITH_OVERRIDES"
        assert "MultiRegionConsistency" not in table
        assert f":{region}:" in table["TableArn"]
        assert f":{region}:" in table["LatestStreamArn"]
    assert len({table["TableId"] for table in listed.values()}) == 3


def test_table_without_replicas_shows_none_of_it(world: World) -> None:
    world.create()

    table = world.describe(EAST)

    assert {"Replicas", "GlobalTableVersion", "GlobalTableSettingsReplicationMode"}.isdisjoint(
        table
    )


def test_every_region_takes_writes_and_all_come_to_the_same_items(pair: World) -> None:
    pair.add(SOUTH)
    for number in range(60):
        for region in (EAST, WEST, SOUTH):
            pair.put(region, str(number % 20), by={"S": region}, n={"N": str(number)})
        pair.at(WEST).delete_item(TableName=pair.name, Key={"pk": {"S": str(number % 7)}})
    pair.drain()

    assert pair.items(EAST) == pair.items(WEST) == pair.items(SOUTH)
    assert pair.items(EAST)["19"] == {"pk": {"S": "19"}, "by": {"S": SOUTH}, "n": {"N": "59"}}


def test_replicated_write_is_an_ordinary_record_of_the_replicas_stream(pair: World) -> None:
    follower = pair.follower(WEST)
    pair.put(EAST, "a", n={"N": "1"})
    pair.drain()
    pair.put(EAST, "a", n={"N": "2"})
    pair.drain()
    pair.at(EAST).delete_item(TableName=pair.name, Key={"pk": {"S": "a"}})

    records = follower.records("a", 3)

    assert [each["eventName"] for each in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert {each["awsRegion"] for each in records} == {WEST}
    assert records[1]["dynamodb"]["OldImage"]["n"] == {"N": "1"}
    assert records[1]["dynamodb"]["NewImage"]["n"] == {"N": "2"}
    assert all("userIdentity" not in each for each in records)


def test_write_comes_back_as_no_record(pair: World) -> None:
    follower = pair.follower(EAST)
    pair.put(EAST, "a")
    pair.drain()
    pair.put(WEST, "a", n={"N": "1"})
    pair.drain()
    pair.put(EAST, "a", n={"N": "2"})
    pair.drain()

    assert [each["eventName"] for each in follower.records("a", 3)] == [
        "INSERT",
        "MODIFY",
        "MODIFY",
    ]


def test_expired_item_goes_everywhere_but_by_the_service_in_one_region(pair: World) -> None:
    pair.at(WEST).update_time_to_live(
        TableName=pair.name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    for region in (EAST, WEST):
        described = pair.at(region).describe_time_to_live(TableName=pair.name)
        assert described["TimeToLiveDescription"]["AttributeName"] == "ttl"
    followers = [pair.follower(EAST), pair.follower(WEST)]
    pair.put(EAST, "a", ttl={"N": str(int(pair.lab.now()) + 60)})
    pair.drain()

    pair.lab.advance(HOUR)

    removed = [follower.records("a", 2)[1] for follower in followers]
    assert [each["eventName"] for each in removed] == ["REMOVE", "REMOVE"]
    # Whichever region comes first deletes it for both.
    assert sum("userIdentity" in each for each in removed) == 1


def test_index_made_in_one_region_is_made_and_filled_in_all(pair: World) -> None:
    pair.put(EAST, "a", colour={"S": "red"})
    pair.drain()

    pair.at(WEST).update_table(
        TableName=pair.name,
        **attributes(("pk", "S"), ("colour", "S")),
        GlobalSecondaryIndexUpdates=[{"Create": index("by_colour", "colour")}],
    )

    for region in (EAST, WEST):
        pair.until_active(region)
        found = pair.at(region).query(
            TableName=pair.name,
            IndexName="by_colour",
            KeyConditionExpression="colour = :red",
            ExpressionAttributeValues={":red": {"S": "red"}},
        )
        assert [item["pk"]["S"] for item in found["Items"]] == ["a"]


def test_replica_has_the_indexes_of_the_table(world: World) -> None:
    world.create(
        **attributes(("pk", "S"), ("colour", "S")),
        GlobalSecondaryIndexes=[index("by_colour", "colour")],
    )
    world.put(EAST, "a", colour={"S": "red"})
    world.add(WEST)

    scanned = world.at(WEST).scan(TableName=world.name, IndexName="by_colour")

    assert scanned["Items"] == [{"pk": {"S": "a"}, "colour": {"S": "red"}}]


def test_protection_and_tags_are_of_one_region(pair: World) -> None:
    pair.at(EAST).update_table(TableName=pair.name, DeletionProtectionEnabled=True)
    arn = pair.until_active(EAST)["TableArn"]
    pair.at(EAST).tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])

    other = pair.describe(WEST)

    assert not other["DeletionProtectionEnabled"]
    assert pair.at(WEST).list_tags_of_resource(ResourceArn=other["TableArn"])["Tags"] == []


def test_stream_of_a_replica_cannot_be_disabled(pair: World) -> None:
    with invalid(f"{VALUES}Disabling Stream is not allowed for a Global Table replica."):
        pair.at(WEST).update_table(
            TableName=pair.name, StreamSpecification={"StreamEnabled": False}
        )


def test_view_type_of_a_stream_there_is_is_kept(world: World) -> None:
    world.create(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    before = world.describe(EAST)["LatestStreamLabel"]
    world.add(WEST)
    world.put(EAST, "a", n={"N": "1"})
    world.drain()

    assert world.describe(EAST)["LatestStreamLabel"] == before
    assert world.describe(WEST)["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
    assert world.items(WEST)["a"]["n"] == {"N": "1"}


def test_removed_replica_sends_what_it_has_and_is_gone(pair: World) -> None:
    for number in range(50):
        pair.put(WEST, str(number))

    began = pair.change(Delete=WEST)

    assert began["Replicas"][0]["ReplicaStatus"] == "DELETING"
    table = pair.until_active(EAST)
    assert "Replicas" not in table
    assert "GlobalTableVersion" not in table
    assert table["StreamSpecification"]["StreamEnabled"]
    assert len(pair.items(EAST)) == 50
    with missing(f"Requested resource not found: Table: {pair.name} not found"):
        pair.describe(WEST)


def test_removed_replica_can_be_added_again(pair: World) -> None:
    pair.put(WEST, "a", n={"N": "1"})
    pair.change(Delete=WEST)
    pair.until_active(EAST)
    pair.put(EAST, "a", n={"N": "2"})

    pair.add(WEST)

    assert pair.items(WEST) == {"a": {"pk": {"S": "a"}, "n": {"N": "2"}}}


def test_deleting_a_table_takes_it_from_the_others(pair: World) -> None:
    pair.at(WEST).delete_table(TableName=pair.name)

    for _ in range(LOOKS_MAX):
        if "Replicas" not in pair.describe(EAST):
            break

    assert "Replicas" not in pair.until_active(EAST)


def test_replica_that_others_were_filled_from_is_kept_for_a_day(pair: World) -> None:
    refusal = (
        "Replica cannot be deleted because it has acted as a source region for new replica(s) "
        "being added to the table in the last 24 hours."
    )
    with invalid(refusal):
        pair.at(EAST).delete_table(TableName=pair.name)
    with invalid(refusal):
        pair.change(WEST, Delete=EAST)

    pair.lab.advance(24 * HOUR + 1)

    assert pair.change(WEST, Delete=EAST)["TableStatus"] == "UPDATING"


def test_protected_replica_is_not_removed(pair: World) -> None:
    pair.at(WEST).update_table(TableName=pair.name, DeletionProtectionEnabled=True)
    pair.until_active(WEST)

    with invalid(
        "Resource cannot be deleted as it is currently protected against deletion. "
        "Disable deletion protection first."
    ):
        pair.change(Delete=WEST)


def test_changes_of_a_table_wait_for_its_replicas(world: World) -> None:
    world.create()
    world.lab.tell("FreezeClock")
    try:
        world.change(Create=WEST)
        with refused("ResourceInUseException", IN_USE):
            world.change(Create=SOUTH)
        with refused("ResourceInUseException", IN_USE):
            world.at(EAST).update_table(TableName=world.name, DeletionProtectionEnabled=True)
    finally:
        world.lab.tell("ThawClock")
    world.until_active(EAST)


EXISTS = (
    "Failed to create a the new replica of table with name: \u2018{}\u2019 because one or more "
    "replicas already existed as tables."
)


def test_existing_table_becomes_no_replica(world: World, unique_name: Callable[[str], str]) -> None:
    world.create()
    world.at(WEST).create_table(TableName=world.name, **KEY)

    with invalid(EXISTS.format(world.name)):
        world.change(Create=WEST)


def test_region_is_added_once(pair: World) -> None:
    with invalid(EXISTS.format(pair.name)):
        pair.change(Create=WEST)


def test_provisioned_table_has_no_replicas(world: World) -> None:
    world.create(
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )

    with invalid("Table write capacity should either be Pay-Per-Request or AutoScaled."):
        world.change(Create=WEST)


def test_replica_that_is_not_there_is_not_removed(pair: World) -> None:
    with invalid(
        "Update global table operation failed because one or more replicas were not part of the "
        f"global table. Please retry the request without these replicas: [{SOUTH}]."
    ):
        pair.change(Delete=SOUTH)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("create_global_table", {"ReplicationGroup": [{"RegionName": WEST}]}),
        ("update_global_table", {"ReplicaUpdates": []}),
    ],
)
def test_older_version_is_refused(world: World, operation: str, members: dict[str, Any]) -> None:
    with invalid(
        f"{VALUES}DynamoDB global tables version 2017.11.29 is not supported. We recommend using "
        "DynamoDB global tables version 2019.11.21, instead of version 2017.11.29 (Legacy)."
    ):
        getattr(world.at(EAST), operation)(GlobalTableName=world.name, **members)


@pytest.mark.parametrize(
    "operation",
    ["describe_global_table", "describe_global_table_settings", "update_global_table_settings"],
)
def test_older_version_finds_none(pair: World, operation: str) -> None:
    with refused(
        "GlobalTableNotFoundException", f"Global table with name: '{pair.name}' does not exist."
    ):
        getattr(pair.at(EAST), operation)(GlobalTableName=pair.name)


def test_older_version_lists_none(pair: World) -> None:
    assert pair.at(EAST).list_global_tables()["GlobalTables"] == []


def test_replica_has_its_own_reads_and_class(world: World) -> None:
    world.create(OnDemandThroughput={"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 20})
    limit = {"OnDemandThroughputOverride": {"MaxReadRequestUnits": 5}}
    create = {"RegionName": WEST, **limit}
    world.at(EAST).update_table(TableName=world.name, ReplicaUpdates=[{"Create": create}])
    world.until_active(EAST)
    rare = "STANDARD_INFREQUENT_ACCESS"
    update = {"RegionName": WEST, "TableClassOverride": rare}
    world.at(EAST).update_table(TableName=world.name, ReplicaUpdates=[{"Update": update}])

    east, west = world.until_active(EAST), world.until_active(WEST)

    (shown,) = east["Replicas"]
    (other,) = west["Replicas"]
    assert shown["OnDemandThroughputOverride"] == limit["OnDemandThroughputOverride"]
    assert shown["ReplicaTableClassSummary"]["TableClass"] == rare
    assert not {"OnDemandThroughputOverride", "ReplicaTableClassSummary"} & other.keys()
    limits = [each["OnDemandThroughput"] for each in (east, west)]
    assert [each["MaxReadRequestUnits"] for each in limits] == [10, 5]
    assert [each["MaxWriteRequestUnits"] for each in limits] == [20, 20]
    assert west["TableClassSummary"]["TableClass"] == rare
    assert "TableClassSummary" not in east


def test_replica_that_is_not_there_is_not_updated(pair: World) -> None:
    update = {"RegionName": SOUTH, "TableClassOverride": "STANDARD"}

    text = (
        "Update global table operation failed because one or more replicas were not part of the "
        f"global table. Please retry the request without these replicas: [{SOUTH}]."
    )
    with refused("ValidationException", text):
        pair.at(EAST).update_table(TableName=pair.name, ReplicaUpdates=[{"Update": update}])


def test_latency_is_measured_in_the_sending_region(pair: World) -> None:
    pair.put(EAST, "a")
    pair.drain()

    metrics = pair.lab.wire.send("GET", "/metrics", {}).body.decode()

    labels = f'receiving_region="{WEST}",region="{EAST}",table="{pair.name}"'
    assert f"headwater_replication_latency_seconds_count{{{labels}}} 1.0" in metrics
