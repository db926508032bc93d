"""The lab's clock: what takes hours or days happens at once, in its order."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from headwater.testing.lab import Lab as HeadwaterLab
from headwater.testing.wire import ServerGone
from tests.conformance.expectation import refused
from tests.conformance.function_making import zipped
from tests.conformance.laboratory import HOUR, Lab, laboratory
from tests.conformance.mapping_making import numbers
from tests.conformance.stream_reading import Follower, oldest, shards
from tests.server_process import HEADWATER, DidNotStart, ServerProcess

pytestmark = pytest.mark.local_only


@pytest.fixture(scope="module")
def lab(unique_name: Callable[[str], str]) -> Iterator[Lab]:
    with laboratory(unique_name, "--memory") as lab:
        yield lab


@pytest.fixture(autouse=True)
def running(lab: Lab) -> Iterator[None]:
    yield
    lab.tell("ThawClock")


def test_iterator_expires_after_fifteen_minutes(lab: Lab) -> None:
    arn = lab.source().arn
    iterator = oldest(lab.streams, arn, shards(lab.streams, arn)[0]["ShardId"])
    lab.tell("FreezeClock")

    lab.advance(890)
    lab.streams.get_records(ShardIterator=iterator)
    lab.advance(11)

    with refused("ExpiredIteratorException"):
        lab.streams.get_records(ShardIterator=iterator)


def test_record_is_trimmed_after_a_day(lab: Lab) -> None:
    source = lab.source()
    source.put(1)
    lab.advance(12 * HOUR)
    source.put(2)

    lab.advance(13 * HOUR)

    assert numbers([{"Records": lab.records(source.arn)}]) == [[2]]


def test_shards_are_rolled_over_each_in_its_time(lab: Lab) -> None:
    arn = lab.source().arn

    lab.advance(12 * HOUR)

    listed = shards(lab.streams, arn)
    generations = {None: 0}
    for shard in listed:
        parent = generations[shard.get("ParentShardId")]
        generations[shard["ShardId"]] = parent + 1
    assert max(generations.values()) == 3  # the first, and those after 4 to 4.5 and 8 to 9 hours


def test_item_is_deleted_at_its_time(lab: Lab) -> None:
    source = lab.source()
    lab.dynamodb.update_time_to_live(
        TableName=source.table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    lab.tell("FreezeClock")
    lab.advance(1)
    due = int(lab.now()) + 7200
    for key, seconds in (("later", due + 60), ("first", due)):
        source.put(1, key, ttl={"N": str(seconds)})

    lab.advance(2 * HOUR + 120)

    gone = [record for record in lab.records(source.arn) if record["eventName"] == "REMOVE"]
    times = {each["dynamodb"]["Keys"]["pk"]["S"]: each["dynamodb"] for each in gone}
    assert set(times) == {"first", "later"}
    for key, seconds in (("first", due), ("later", due + 60)):
        created = times[key]["ApproximateCreationDateTime"].timestamp()
        assert seconds <= created <= seconds + 1


def test_tables_become_active_while_time_stands_still(lab: Lab) -> None:
    lab.tell("FreezeClock")

    table = lab.tables.make()

    assert table["TableStatus"] == "ACTIVE"
    assert lab.tell("DescribeClock")["Frozen"]


def test_frozen_time_stands_still_and_runs_on_from_there(lab: Lab) -> None:
    frozen = lab.tell("FreezeClock")["Now"]

    again = lab.tell("FreezeClock")["Now"]
    thawed = lab.tell("ThawClock")

    assert again == frozen
    assert thawed["Frozen"] is False
    assert frozen <= thawed["Now"] < frozen + 5


def test_expired_iterators_are_told_from_new_ones_in_the_same_millisecond(lab: Lab) -> None:
    source = lab.source()
    source.put(1)
    arn = source.arn
    lab.tell("FreezeClock")
    shard = shards(lab.streams, arn)[0]["ShardId"]
    for _ in range(2):
        held = oldest(lab.streams, arn, shard)
        assert lab.ask("ExpireIterators", StreamArn=arn).status == 200

        with refused("ExpiredIteratorException"):
            lab.streams.get_records(ShardIterator=held)
        page = lab.streams.get_records(ShardIterator=oldest(lab.streams, arn, shard))
        lab.streams.get_records(ShardIterator=page["NextShardIterator"])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Seconds must be a number, and cannot be negative"),
        ({"Seconds": -1}, "Seconds must be a number, and cannot be negative"),
        ({"Seconds": True}, "Seconds must be a number, and cannot be negative"),
        ({"Seconds": "24h"}, "Seconds must be a number, and cannot be negative"),
        ({"Seconds": 4e9}, "The clock cannot be advanced beyond the year 2099"),
        (
            {"Seconds": 1, "TimeoutSeconds": -1},
            "TimeoutSeconds must be a number between 0 and 3600",
        ),
        ({"Seconds": 1, "Until": 2}, "There is no parameter Until"),
    ],
)
def test_bad_advance_is_refused(lab: Lab, body: dict[str, Any], text: str) -> None:
    assert lab.ask("AdvanceClock", **body).error == (400, "ValidationException", text)


def test_batching_window_passes_at_once(lab: Lab) -> None:
    source, notebook = lab.source(), lab.notebook()
    lab.tell("FreezeClock")
    lab.mappings.make(
        source.arn,
        lab.note_taker(notebook),
        MaximumBatchingWindowInSeconds=300,
        BatchSize=100,
    )
    for number in (1, 2, 3):
        source.put(number)
    lab.advance(290)
    before = notebook.events(source.arn)

    lab.advance(11)

    assert before == []
    assert numbers(notebook.events(source.arn)) == [[1, 2, 3]]


def test_retries_come_after_their_back_off_each_at_its_time(lab: Lab) -> None:
    """Failures at once, after 0.2 seconds, and after 0.4, 0.8, 1.6, 3.2 and 6.4 more."""
    source, notebook = lab.source(), lab.notebook()
    lab.tell("FreezeClock")
    lab.mappings.make(source.arn, lab.note_taker(notebook), MaximumRetryAttempts=6)
    source.put(1, fails={"N": "99"})
    notebook.wait_for_events(source.arn, 1)
    counts = []

    for seconds in (0.1, 0.2, 0.3, 1.0, 1.0, 10.0, 60.0):
        lab.advance(seconds)
        counts.append(len(notebook.events(source.arn)))

    assert counts == [1, 2, 2, 4, 4, 6, 7]


def test_record_that_is_tried_in_vain_until_it_is_old_is_given_up(lab: Lab) -> None:
    source, notebook = lab.source(), lab.notebook()
    lab.tell("FreezeClock")
    lab.mappings.make(source.arn, lab.note_taker(notebook), MaximumRecordAgeInSeconds=60)
    source.put(1, fails={"N": "999"})
    notebook.wait_for_events(source.arn, 1)
    lab.advance(120)
    tries = len(notebook.events(source.arn))
    source.put(2)

    notebook.wait_for(source.arn, 2)

    assert tries == 9  # at once, and doubling from 0.2 to 25.6 seconds, for a minute
    assert len(notebook.events(source.arn)) == tries + 1


def test_recovery_reaches_back_over_time_that_has_jumped(lab: Lab) -> None:
    table = str(lab.tables.make()["TableName"])
    lab.dynamodb.update_continuous_backups(
        TableName=table,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
    lab.dynamodb.put_item(TableName=table, Item={"pk": {"S": "a"}})
    lab.advance(10)
    moment = lab.now()
    lab.advance(30 * HOUR)
    lab.dynamodb.delete_item(TableName=table, Key={"pk": {"S": "a"}})

    lab.dynamodb.restore_table_to_point_in_time(
        SourceTableName=table, TargetTableName=f"{table}-then", RestoreDateTime=moment
    )

    lab.tables.wait(f"{table}-then")
    assert lab.dynamodb.scan(TableName=f"{table}-then")["Count"] == 1


def test_exports_reach_back_35_days_of_time_that_has_jumped(
    unique_name: Callable[[str], str],
) -> None:
    """On a server of its own: five weeks of the other streams' rollovers take their time."""
    with laboratory(unique_name, "--memory") as lab:
        table = lab.tables.make()
        name, arn = str(table["TableName"]), str(table["TableArn"])
        lab.dynamodb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        lab.dynamodb.put_item(TableName=name, Item={"pk": {"S": "a"}})
        lab.advance(10)
        moment = lab.now()
        lab.advance(34 * 24 * HOUR)
        lab.dynamodb.delete_item(TableName=name, Key={"pk": {"S": "a"}})
        asked = {"TableArn": arn, "S3Bucket": "exports", "ExportTime": moment}

        made = lab.dynamodb.export_table_to_point_in_time(**asked)["ExportDescription"]
        while made["ExportStatus"] == "IN_PROGRESS":
            made = lab.dynamodb.describe_export(ExportArn=made["ExportArn"])["ExportDescription"]
        lab.advance(2 * 24 * HOUR)

        assert (made["ExportStatus"], made["ItemCount"]) == ("COMPLETED", 1)
        with refused("InvalidExportTimeException"):
            lab.dynamodb.export_table_to_point_in_time(**asked, ClientToken="later")


def test_backup_bears_the_time_that_stands_still(lab: Lab) -> None:
    table = str(lab.tables.make()["TableName"])
    lab.dynamodb.put_item(TableName=table, Item={"pk": {"S": "a"}})
    lab.advance(24 * HOUR)
    now = lab.tell("FreezeClock")["Now"]

    made = lab.dynamodb.create_backup(TableName=table, BackupName="still")["BackupDetails"]
    while made["BackupStatus"] == "CREATING":
        arn = made["BackupArn"]
        described = lab.dynamodb.describe_backup(BackupArn=arn)["BackupDescription"]
        made = described["BackupDetails"]

    assert made["BackupStatus"] == "AVAILABLE"
    assert made["BackupCreationDateTime"].timestamp() == pytest.approx(now, abs=0.01)


def test_function_runs_out_of_the_machines_time(lab: Lab) -> None:
    """Its time-out must neither come with a jump nor wait for time that stands still."""
    name = lab.functions.make(
        zipped(app="import time\ndef handler(event, _): time.sleep(event)"), Timeout=2
    )["FunctionName"]
    lab.tell("FreezeClock")

    quick = lab.functions.invoke(name, 0)
    slow = lab.functions.invoke(name, 30)

    assert quick.error is None
    assert slow.error == "Unhandled"


def test_rolled_shards_stay_in_order_while_time_stands_still(lab: Lab) -> None:
    source = lab.source()
    lab.tell("FreezeClock")
    for number in range(1, 6):
        source.put(number)
        for shard in shards(lab.streams, source.arn):
            lab.ask("RollShard", StreamArn=source.arn, ShardId=shard["ShardId"])

    assert lab.tell("CheckStream", StreamArn=source.arn)["Faults"] == []
    records = Follower(lab.streams, source.arn).records("a", 5)
    assert numbers([{"Records": records}]) == [[1, 2, 3, 4, 5]]


def test_server_stops_while_time_stands_still(unique_name: Callable[[str], str]) -> None:
    with laboratory(unique_name, "--memory") as lab:
        source, notebook = lab.source(), lab.notebook()
        lab.mappings.make(source.arn, lab.note_taker(notebook))
        source.put(1)
        notebook.wait_for(source.arn, 1)
        lab.tell("FreezeClock")

        status = lab.server.stop()

    assert status == 0


def test_time_goes_on_after_a_restart(unique_name: Callable[[str], str], tmp_path: Path) -> None:
    with laboratory(unique_name, "--data", tmp_path) as lab:
        before = lab.advance(24 * HOUR)
        lab.server.kill()
    with laboratory(unique_name, "--data", tmp_path) as lab:
        after = lab.now()
        frozen = lab.tell("FreezeClock")["Now"]
        lab.advance(HOUR)
        lab.server.kill()
    with laboratory(unique_name, "--data", tmp_path) as lab:
        described = lab.tell("DescribeClock")

    assert before <= after < before + HOUR
    assert described["Frozen"]
    assert described["Now"] == frozen + HOUR
    with pytest.raises(DidNotStart, match=r"seconds ahead of this machine's.*start with --lab"):
        ServerProcess.serve("--data", tmp_path)


def test_killed_in_the_middle_of_an_advance_it_comes_up_at_the_end(
    unique_name: Callable[[str], str], tmp_path: Path
) -> None:
    """A function that takes its time holds the advance at the end of the batching window."""
    code = zipped(app="import time\ndef handler(event, _): time.sleep(60)")
    with laboratory(unique_name, "--data", tmp_path) as lab, ThreadPoolExecutor() as threads:
        source = lab.source()
        name = lab.functions.make(code, Timeout=60)["FunctionName"]
        lab.mappings.make(source.arn, name, MaximumBatchingWindowInSeconds=300, BatchSize=100)
        source.put(1)
        before = lab.tell("FreezeClock")["Now"]
        advance = threads.submit(HeadwaterLab(lab.server.endpoint).clock.advance, hours=24)
        while lab.now() < before + 200:
            assert not advance.done()
        held = lab.now()
        lab.server.kill()
        with pytest.raises(ServerGone):
            advance.result()

    with laboratory(unique_name, "--data", tmp_path) as lab:
        after = lab.tell("DescribeClock")["Now"]
        lab.mappings.delete_all()

    assert held <= before + 300
    assert after == before + 24 * HOUR


def test_operations_need_the_lab() -> None:
    with ServerProcess.serve("--memory") as server:
        ran = subprocess.run(
            [HEADWATER, "lab", "clock", "advance", "24h", "--endpoint", server.endpoint],
            capture_output=True,
            text=True,
            check=False,
        )

    assert ran.returncode == 1
    assert "AdvanceClock needs a server started with --lab" in ran.stderr


def test_commands_tell_the_time(lab: Lab) -> None:
    def run(*words: str) -> str:
        ran = subprocess.run(
            [HEADWATER, "lab", "clock", *words, "--endpoint", lab.server.endpoint],
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout

    assert ", frozen." in run("freeze")
    before = lab.now()
    assert ", frozen." in run("advance", "1d2h3m4.5s")
    assert lab.now() == before + 93_784.5
    assert "ahead of the machine's clock." in run("show")
    assert "frozen" not in run("thaw")
