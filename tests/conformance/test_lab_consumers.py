"""Consumers outside the server: registered, waited for by a drain, told of by their leases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from headwater.consumer import Batch, Consumer, ConsumerSettings, connect
from tests.conformance.definition import keys
from tests.conformance.laboratory import HOUR, Lab, laboratory
from tests.conformance.mapping_making import Source
from tests.conformance.stream_reading import shards
from tests.conftest import REGION

pytestmark = pytest.mark.local_only


@pytest.fixture(scope="module")
def lab(unique_name: Callable[[str], str]) -> Iterator[Lab]:
    with laboratory(unique_name, "--memory") as lab:
        yield lab


@pytest.fixture(autouse=True)
def none_registered(lab: Lab) -> Iterator[None]:
    """Leaves no consumer for the next test's drain to wait for."""
    yield
    for consumer in lab.tell("ListConsumers")["Consumers"]:
        lab.tell("DeregisterConsumer", Name=consumer["Name"])


@pytest.fixture
def source(lab: Lab) -> Source:
    return lab.source()


class Leases:
    """The lease table of a Kinesis Client Library."""

    def __init__(self, lab: Lab) -> None:
        self._dynamodb = lab.dynamodb
        self.table: str = lab.tables.make(**keys(("leaseKey", "S")))["TableName"]

    def put(self, shard: str, checkpoint: str, **more: Any) -> None:
        """What KCL stores of a shard that it reads."""
        item = {
            "leaseKey": {"S": shard},
            "leaseOwner": {"S": "worker-1"},
            "leaseCounter": {"N": "12"},
            "ownerSwitchesSinceCheckpoint": {"N": "0"},
            "checkpoint": {"S": checkpoint},
            "checkpointSubSequenceNumber": {"N": "0"},
            **more,
        }
        self._dynamodb.put_item(TableName=self.table, Item=item)


@pytest.fixture
def leases(lab: Lab) -> Leases:
    return Leases(lab)


def register(lab: Lab, source: Source, table: str, name: str = "mailer") -> None:
    lab.tell("RegisterConsumer", Name=name, StreamArn=source.arn, LeaseTable=table)


def laggards(lab: Lab, seconds: float = 0) -> list[dict[str, Any]]:
    """Who is behind when a drain's time is over; nobody if it is drained."""
    answer = lab.ask("Drain", TimeoutSeconds=seconds)
    return [] if answer.status == 200 else answer.content["Laggards"]


def written(lab: Lab, source: Source, shard: str) -> list[str]:
    """The numbers of a shard's records."""
    page = lab.streams.get_records(
        ShardIterator=lab.streams.get_shard_iterator(
            StreamArn=source.arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
    )
    return [record["dynamodb"]["SequenceNumber"] for record in page["Records"]]


def busy_shard(lab: Lab, source: Source) -> str:
    """The shard of the item that `put` writes."""
    for shard in shards(lab.streams, source.arn):
        if written(lab, source, shard["ShardId"]):
            return str(shard["ShardId"])
    raise AssertionError("nothing is written")


def test_registered_consumers_are_listed_until_they_are_not(lab: Lab, source: Source) -> None:
    register(lab, source, "leases-of-b", "b")
    register(lab, source, "leases-of-a", "a")
    register(lab, source, "others", "a")
    listed = lab.tell("ListConsumers")["Consumers"]

    lab.tell("DeregisterConsumer", Name="b")

    assert [(each["Name"], each["LeaseTable"]) for each in listed] == [
        ("a", "others"),
        ("b", "leases-of-b"),
    ]
    assert {each["StreamArn"] for each in listed} == {source.arn}
    assert [each["Name"] for each in lab.tell("ListConsumers")["Consumers"]] == ["a"]


@pytest.mark.parametrize(
    ("operation", "body", "error"),
    [
        (
            "RegisterConsumer",
            {"StreamArn": "arn", "LeaseTable": "abc"},
            (400, "ValidationException", "Name must be a text"),
        ),
        (
            "RegisterConsumer",
            {"Name": "a\0b", "StreamArn": "arn", "LeaseTable": "abc"},
            (
                400,
                "ValidationException",
                "Name must be 1 to 128 letters, digits, '_', '.' or '-'",
            ),
        ),
        (
            "RegisterConsumer",
            {"Name": "a", "StreamArn": "arn", "LeaseTable": "a"},
            (400, "ValidationException", "LeaseTable must be the name of a table"),
        ),
        (
            "RegisterConsumer",
            {"Name": "a", "StreamArn": "arn", "LeaseTable": "abc"},
            (400, "ValidationException", "Invalid StreamArn: arn"),
        ),
        (
            "RegisterConsumer",
            {"Name": "a", "StreamArn": "arn", "LeaseTable": "abc", "Format": "KCL"},
            (400, "ValidationException", "There is no parameter Format"),
        ),
        (
            "DeregisterConsumer",
            {"Name": "nobody"},
            (
                400,
                "ResourceNotFoundException",
                "Requested resource not found: Consumer: nobody not found",
            ),
        ),
    ],
)
def test_bad_registration_is_refused(
    lab: Lab, operation: str, body: dict[str, Any], error: tuple[int, str, str]
) -> None:
    assert lab.ask(operation, **body).error == error


def test_consumer_of_a_stream_without_records_is_drained(lab: Lab, source: Source) -> None:
    register(lab, source, "never-made")

    assert laggards(lab) == []


def test_consumer_that_has_not_begun_is_named(lab: Lab, source: Source) -> None:
    source.put(1)
    shard = busy_shard(lab, source)
    (number,) = written(lab, source, shard)

    register(lab, source, "never-made")

    assert laggards(lab) == [{"Name": "mailer", "ShardId": shard, "Written": number}]


def test_kcl_checkpoint_counts_up_to_its_number(lab: Lab, source: Source, leases: Leases) -> None:
    source.put(1)
    source.put(2)
    shard = busy_shard(lab, source)
    first, second = written(lab, source, shard)
    register(lab, source, leases.table)
    for name in ("Leader", "worker-1"):  # rows of KCL 3.5 that are no leases
        leases.put(name, second, entityType={"S": "LEADER"})

    leases.put(shard, first, entityType={"S": "LEASE"})
    behind = laggards(lab)
    leases.put(shard, second)

    assert behind == [
        {"Name": "mailer", "ShardId": shard, "Written": second, "Position": first},
    ]
    assert laggards(lab) == []


@pytest.mark.parametrize(
    ("checkpoint", "is_behind"),
    [("TRIM_HORIZON", True), ("AT_TIMESTAMP", True), ("LATEST", False), ("SHARD_END", False)],
)
def test_kcl_positions_by_name(
    lab: Lab, source: Source, leases: Leases, checkpoint: str, is_behind: bool
) -> None:
    source.put(1)
    leases.put(busy_shard(lab, source), checkpoint)

    register(lab, source, leases.table)

    assert bool(laggards(lab)) is is_behind


def test_latest_has_to_read_what_comes_after_it_was_registered(
    lab: Lab, source: Source, leases: Leases
) -> None:
    source.put(1)
    shard = busy_shard(lab, source)
    leases.put(shard, "LATEST")
    register(lab, source, leases.table)

    source.put(2)

    assert [each["ShardId"] for each in laggards(lab)] == [shard]


def test_children_without_a_lease_are_still_to_be_read(
    lab: Lab, source: Source, leases: Leases
) -> None:
    source.put(1)
    parent = busy_shard(lab, source)
    register(lab, source, leases.table)
    leases.put(parent, "SHARD_END")
    (child,) = lab.tell("RollShard", StreamArn=source.arn, ShardId=parent)["Children"]
    before = laggards(lab)
    source.put(2)
    (number,) = written(lab, source, child)

    behind = laggards(lab)
    leases.put(child, number, parentShardId={"SS": [parent]})

    assert before == []
    assert behind == [{"Name": "mailer", "ShardId": child, "Written": number}]
    assert laggards(lab) == []


def test_lease_that_was_removed_once_its_shard_was_read_is_not_missed(
    lab: Lab, source: Source, leases: Leases
) -> None:
    source.put(1)
    grandparent = busy_shard(lab, source)
    (parent,) = lab.tell("RollShard", StreamArn=source.arn, ShardId=grandparent)["Children"]
    (child,) = lab.tell("RollShard", StreamArn=source.arn, ShardId=parent)["Children"]
    register(lab, source, leases.table)
    assert [each["ShardId"] for each in laggards(lab)] == [grandparent]

    leases.put(child, "TRIM_HORIZON")

    assert laggards(lab) == []


def test_trimmed_records_need_not_be_read(lab: Lab, source: Source) -> None:
    source.put(1)
    register(lab, source, "never-made")
    assert laggards(lab)

    lab.tell("TrimStream", StreamArn=source.arn)

    assert laggards(lab) == []


def test_leases_of_several_streams_are_told_apart(lab: Lab, source: Source, leases: Leases) -> None:
    other = lab.source()
    for each in (source, other):
        each.put(1)
        register(lab, each, leases.table, each.table)
    shard = busy_shard(lab, source)
    _, _, _, region, account, place = source.arn.split(":", 5)
    label = place.rpartition("/")[2].replace(":", "_")
    name = f"{region}${account}${source.table}${label}"

    leases.put(
        f"{name}:{shard}",
        written(lab, source, shard)[-1],
        streamName={"S": name},
        shardId={"S": shard},
    )

    assert [each["Name"] for each in laggards(lab)] == [other.table]


def test_what_is_no_lease_at_all_is_passed_over(lab: Lab, source: Source, leases: Leases) -> None:
    source.put(1)
    shard = busy_shard(lab, source)
    register(lab, source, leases.table)

    leases.put(shard, "whatever")
    leases.put("other", "1", leaseCounter={"S": "x"}, streamArn={"S": source.arn})

    assert [each["ShardId"] for each in laggards(lab)] == [shard]


def test_consumer_of_a_stream_that_is_gone_is_not_waited_for(lab: Lab, source: Source) -> None:
    source.put(1)
    register(lab, source, "never-made")
    lab.dynamodb.delete_table(TableName=source.table)
    assert laggards(lab)

    lab.advance(25 * HOUR)

    assert laggards(lab) == []


def test_erased_region_has_no_consumers(lab: Lab, source: Source) -> None:
    source.put(1)
    register(lab, source, "never-made")

    lab.tell("EraseRegion")

    assert lab.tell("ListConsumers")["Consumers"] == []
    assert laggards(lab) == []


def test_drain_waits_for_the_consumer_library(
    lab: Lab, source: Source, unique_name: Callable[[str], str]
) -> None:
    """Through a split, with a worker that begins only once the drain waits."""
    application = unique_name("application")
    register(lab, source, application)
    for count in range(20):
        source.put(count, f"key-{count}")
    for shard in shards(lab.streams, source.arn):
        lab.tell("SplitShard", StreamArn=source.arn, ShardId=shard["ShardId"])
    for count in range(20, 40):
        source.put(count, f"key-{count}")
    assert laggards(lab)

    seen = asyncio.run(_consume_until_drained(lab, source, application))

    assert sorted(seen) == list(range(40))
    assert laggards(lab) == []
    source.put(40)
    assert laggards(lab)


async def _consume_until_drained(lab: Lab, source: Source, application: str) -> list[int]:
    seen: list[int] = []
    settings = ConsumerSettings(
        stream=source.arn, application=application, idle_seconds=0.05, deserializes=True
    )
    session = boto3.Session("any", "any", region_name=REGION)
    consumer = Consumer(connect(session, lab.server.endpoint), settings)

    async def note(batch: Batch) -> None:
        seen.extend(int(record.new_image["n"]) for record in batch if record.new_image)

    running = asyncio.create_task(consumer.run(note))
    try:
        answer = await asyncio.to_thread(lab.ask, "Drain", TimeoutSeconds=30)
        assert answer.status == 200, answer.content
        return list(seen)
    finally:
        consumer.stop()
        await running


def test_registrations_survive_a_restart(unique_name: Callable[[str], str], tmp_path: Path) -> None:
    with laboratory(unique_name, "--data", tmp_path) as lab:
        source = lab.source()
        source.put(1)
        register(lab, source, "never-made")
        lab.server.kill()
    with laboratory(unique_name, "--data", tmp_path) as lab:
        (listed,) = lab.tell("ListConsumers")["Consumers"]
        assert (listed["Name"], listed["StreamArn"]) == ("mailer", source.arn)
        assert [each["Name"] for each in laggards(lab)] == ["mailer"]
