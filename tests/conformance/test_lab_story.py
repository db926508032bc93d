"""Explain: the story of one record, as a mapping lived it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance.laboratory import HOUR, Lab, laboratory
from tests.conformance.mapping_making import Notebook, Source
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
    assert lines[4].startswith(f"Mapping {uuid} to arn:aws:lambda:")
    assert lines[5] == "  It was delivered."
    assert ", 1 record: Delivered after " in lines[7]


def test_operation_needs_the_lab() -> None:
    with ServerProcess.serve("--memory") as server:
        ran = subprocess.run(
            [HEADWATER, "lab", "why", "arn:aws:dynamodb:x", "1", "--endpoint", server.endpoint],
            capture_output=True,
            text=True,
            check=False,
        )

    assert "Explain needs a server started with --lab" in ran.stderr
