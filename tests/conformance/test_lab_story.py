"""Explain: the story of one record, as a mapping lived it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance.definition import keys
from tests.conformance.laboratory import HOUR, Lab, laboratory
from tests.conformance.mapping_making import Notebook, Source
from tests.conformance.stream_reading import shards
from tests.server_process import HEADWATER, ServerProcess

pytestmark = pytest.mark.local_only


@pytest.fixture(scope="module")
def lab(unique_name: Callable[[str], str]) -> Iterator[Lab]:
    with laboratory(unique_name, "--memory") as lab:
        yield lab


@pytest.fixture(autouse=True)
def unmapped(lab: Lab) -> Iterator[None]:
    """Leaves no mapping for the next test's drain to wait for."""
    yield
    lab.mappings.delete_all()


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Notebook:
    return lab.notebook()


@pytest.fixture(scope="module")
def note_taker(lab: Lab, notebook: Notebook) -> str:
    return lab.note_taker(notebook)


def number(lab: Lab, source: Source, index: int = 0) -> str:
    return str(lab.records(source.arn)[index]["dynamodb"]["SequenceNumber"])


def reader(lab: Lab, source: Source, index: int = 0) -> Any:
    story = lab.tell("Explain", StreamArn=source.arn, SequenceNumber=number(lab, source, index))
    (one,) = story["Readers"]
    return one


def test_record_that_nobody_reads_has_a_place_alone(lab: Lab) -> None:
    source = lab.source()
    source.put(1)
    own = number(lab, source)
    (record,) = lab.records(source.arn)

    story = lab.tell("Explain", StreamArn=source.arn, SequenceNumber=own)

    assert story["SequenceNumber"] == own
    assert (story["EventName"], story["Keys"], story["ByService"]) == (
        record["eventName"],
        record["dynamodb"]["Keys"],
        False,
    )
    assert story["Readable"] is True
    assert story["Parents"] == []
    assert story["Readers"] == []


def test_lineage_leads_to_the_first_shard(lab: Lab) -> None:
    source = lab.source()
    source.put(1)
    shard = lab.tell("Explain", StreamArn=source.arn, SequenceNumber=number(lab, source))["ShardId"]
    (child,) = lab.tell("RollShard", StreamArn=source.arn, ShardId=shard)["Children"]
    source.put(2)

    story = lab.tell("Explain", StreamArn=source.arn, SequenceNumber=number(lab, source, 1))

    assert story["ShardId"] == child
    assert story["Parents"] == [shard]


def test_delivered_record_tells_its_batch(lab: Lab, note_taker: str) -> None:
    source = lab.source()
    source.put(1)
    source.put(2)
    lab.mappings.make(source.arn, note_taker)
    lab.tell("Drain")

    told = reader(lab, source)

    (delivery,) = told["Deliveries"]
    assert told["Fate"] == "Delivered"
    assert delivery["Outcome"] == "Delivered"
    assert delivery["Records"] == 2
    assert delivery["EndedAt"] >= delivery["BeganAt"]
    assert told["Position"] == delivery["Last"]


def test_failing_record_says_when_it_comes_again(
    lab: Lab, note_taker: str, notebook: Notebook
) -> None:
    source = lab.source()
    lab.tell("FreezeClock")
    source.put(1, fails={"N": "99"})
    uuid = lab.mappings.make(source.arn, note_taker, MaximumRetryAttempts=1)["UUID"]
    notebook.wait_for_events(source.arn, 1)
    lab.advance(0)
    first = reader(lab, source)
    lab.advance(HOUR)
    last = reader(lab, source)
    lab.tell("ThawClock")

    (failed,) = first["Deliveries"]
    assert (first["UUID"], first["Fate"], failed["Outcome"]) == (uuid, "Retrying", "Failed")
    assert 0.1 <= failed["NextAttemptAt"] - failed["EndedAt"] <= 0.5
    assert last["Fate"] == "GivenUp"
    assert last["GivenUpReason"] == "RetryAttemptsExhausted"
    assert [each["Outcome"] for each in last["Deliveries"]] == ["Failed", "Failed"]
    assert last["Deliveries"][1]["BeganAt"] == failed["NextAttemptAt"]


def give_up(lab: Lab, note_taker: str, destination: str) -> Source:
    """A stream with a record that a mapping has given up."""
    source = lab.source()
    source.put(1, fails={"N": "99"})
    lab.mappings.make(
        source.arn,
        note_taker,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": destination}},
    )
    lab.tell("Drain")
    lab.advance(0)
    return source


def test_message_that_has_reached_the_failure_destination(lab: Lab, note_taker: str) -> None:
    source = give_up(lab, note_taker, "arn:aws:s3:::given-up")

    told = reader(lab, source)

    assert (told["SentTo"], told["SendState"]) == ("arn:aws:s3:::given-up", "Delivered")
    assert told["SendAttempts"] == 0
    assert told["SendEndedAt"] >= told["GivenUpAt"]


def test_message_that_cannot_reach_its_destination_waits_and_is_lost(
    lab: Lab, note_taker: str
) -> None:
    lab.tell("FreezeClock")
    source = give_up(lab, note_taker, "arn:aws:sqs:us-east-1:000000000000:no-such-queue")
    waiting = reader(lab, source)

    lab.advance(20 * HOUR)

    lost = reader(lab, source)
    lab.tell("ThawClock")
    assert (waiting["SendState"], waiting["SendAttempts"]) == ("Waiting", 1)
    assert waiting["NextSendAt"] > waiting["GivenUpAt"]
    assert lost["SendState"] == "Lost"
    assert lost["SendAttempts"] > 1


def test_record_is_found_by_its_event_id_or_as_its_items_latest(lab: Lab) -> None:
    source = lab.source()
    source.put(1)
    source.put(1, "b")
    first = next(
        each for each in lab.records(source.arn) if each["dynamodb"]["Keys"]["pk"]["S"] == "a"
    )
    for shard in [each["ShardId"] for each in shards(lab.streams, source.arn)]:
        lab.tell("SplitShard", StreamArn=source.arn, ShardId=shard)
    source.put(2)
    last = next(each for each in lab.records(source.arn) if is_second(each))

    by_id = lab.tell("Explain", StreamArn=source.arn, EventId=first["eventID"])
    by_key = lab.tell("Explain", StreamArn=source.arn, Key={"pk": {"S": "a"}})

    assert by_id["SequenceNumber"] == first["dynamodb"]["SequenceNumber"]
    assert by_id["EventId"] == first["eventID"]
    assert by_key["SequenceNumber"] == last["dynamodb"]["SequenceNumber"]
    assert by_key["Parents"] == [by_id["ShardId"]]


def is_second(record: Any) -> bool:
    return bool(record["dynamodb"]["NewImage"]["n"]["N"] == "2")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            {"EventId": "0" * 31 + "1"},
            (
                "ResourceNotFoundException",
                f"Requested resource not found: EventId: {'0' * 31}1 not found",
            ),
        ),
        (
            {"Key": {"pk": {"S": "nobody"}}},
            (
                "ResourceNotFoundException",
                'Requested resource not found: Key: {"pk":{"S":"nobody"}} not found',
            ),
        ),
        (
            {"Key": {"other": {"S": "a"}}},
            ("ValidationException", "The provided key element does not match the schema"),
        ),
        (
            {"Key": {"pk": {"L": []}}},
            ("ValidationException", "The provided key element does not match the schema"),
        ),
        ({}, ("ValidationException", "One of SequenceNumber, EventId and Key must be given")),
        (
            {"EventId": "a", "Key": {}},
            ("ValidationException", "One of SequenceNumber, EventId and Key must be given"),
        ),
    ],
)
def test_record_that_is_not_there(lab: Lab, body: dict[str, Any], error: tuple[str, str]) -> None:
    answer = lab.ask("Explain", StreamArn=lab.source().arn, **body)

    assert answer.error == (400, *error)


def test_registered_consumer_is_part_of_the_story(lab: Lab) -> None:
    source = lab.source()
    source.put(1)
    own = number(lab, source)
    leases = lab.tables.make(**keys(("leaseKey", "S")))["TableName"]
    lab.tell("RegisterConsumer", Name="mailer", StreamArn=source.arn, LeaseTable=leases)
    before = lab.tell("Explain", StreamArn=source.arn, SequenceNumber=own)
    lab.dynamodb.put_item(
        TableName=leases,
        Item={
            "leaseKey": {"S": before["ShardId"]},
            "leaseOwner": {"S": "worker-1"},
            "leaseCounter": {"N": "1"},
            "checkpoint": {"S": own},
        },
    )

    (after,) = lab.tell("Explain", StreamArn=source.arn, SequenceNumber=own)["Consumers"]
    lab.tell("DeregisterConsumer", Name="mailer")

    known = {"Name": "mailer", "LeaseTable": leases}
    assert before["Consumers"] == [{**known, "Fate": "Waiting"}]
    assert after == {**known, "Fate": "Passed", "Position": own, "Owner": "worker-1"}


def test_filtered_record_is_told_from_one_that_waits(lab: Lab, note_taker: str) -> None:
    source = lab.source()
    pattern = '{"dynamodb": {"NewImage": {"n": {"N": ["2"]}}}}'
    lab.mappings.make(
        source.arn,
        note_taker,
        FilterCriteria={"Filters": [{"Pattern": pattern}]},
        MaximumBatchingWindowInSeconds=300,
    )
    source.put(1)
    source.put(2)
    lab.advance(10)

    assert [reader(lab, source, index)["Fate"] for index in (0, 1)] == ["Filtered", "Waiting"]


def test_trimmed_record_is_not_readable(lab: Lab) -> None:
    source = lab.source()
    source.put(1)
    own = number(lab, source)
    lab.tell("TrimStream", StreamArn=source.arn)

    assert lab.tell("Explain", StreamArn=source.arn, SequenceNumber=own)["Readable"] is False


@pytest.mark.parametrize("unknown", ["0", "1", "9" * 21, "9" * 40])
def test_number_that_no_shard_has_had_is_not_found(lab: Lab, unknown: str) -> None:
    source = lab.source()
    source.put(1)

    answer = lab.ask("Explain", StreamArn=source.arn, SequenceNumber=unknown)

    assert answer.error == (
        400,
        "ResourceNotFoundException",
        f"Requested resource not found: SequenceNumber: {unknown} not found",
    )


def test_command_tells_it_to_people(lab: Lab, note_taker: str) -> None:
    source = lab.source()
    source.put(1)
    uuid = lab.mappings.make(source.arn, note_taker)["UUID"]
    lab.tell("Drain")

    words = ["lab", "why", source.table, number(lab, source), "--endpoint", lab.server.endpoint]
    ran = subprocess.run(
        [HEADWATER, *words],
        capture_output=True,
        text=True,
        check=True,
    )

    lines = ran.stdout.splitlines()
    assert lines[0] == f"Record {number(lab, source)}"
    assert 'INSERT of {"pk":{"S":"a"}}' in lines[1]
    assert lines[5].startswith(f"Mapping {uuid} to arn:aws:lambda:")
    assert lines[6] == "  It was delivered."
    assert ", 1 record: Delivered after " in lines[8]


def test_operation_needs_the_lab() -> None:
    with ServerProcess.serve("--memory") as server:
        ran = subprocess.run(
            [HEADWATER, "lab", "why", "arn:aws:dynamodb:x", "1", "--endpoint", server.endpoint],
            capture_output=True,
            text=True,
            check=False,
        )

    assert "Explain needs a server started with --lab" in ran.stderr
