"""A server killed, or stopped, under load: what it acknowledged is there, and its streams tell it.

The rounds are those of `make torture` (`tests/torture`), each with another of its works under way.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random, SystemRandom

import pytest

from headwater.testing import Lab, LabError
from headwater.testing.tables import create_table, stream_records
from tests.server_process import HEADWATER, ServerProcess
from tests.torture.cruelty import stop_gracefully, torture
from tests.torture.world import World

KILLS = 10


def world(folder: Path, workers: int = 1) -> World:
    seed = SystemRandom().randrange(10**9)
    # Shown when the test fails.
    sys.stdout.write(f'make torture KILLS={KILLS} SEED={seed} ARGS="--workers {workers}"\n')
    return World(Random(seed), folder / "data", folder / "notes", workers)


def test_kills_lose_nothing_and_the_streams_never_lie(tmp_path: Path) -> None:
    figures = torture(world(tmp_path), KILLS, sys.stdout.write)

    assert figures.acknowledged > 100
    assert figures.delivered >= figures.told > 0


def test_several_processes_that_die_lose_nothing_either(tmp_path: Path) -> None:
    figures = torture(world(tmp_path, workers=2), 2, sys.stdout.write)

    assert figures.delivered >= figures.told > 0


def test_stop_finishes_what_is_in_flight_and_delivers_nothing_again(tmp_path: Path) -> None:
    figures = stop_gracefully(world(tmp_path))

    assert figures.delivered == figures.told > 0


def test_iterators_outlive_a_kill_and_what_becomes_of_their_shards(tmp_path: Path) -> None:
    def put(number: int) -> None:
        item = {"pk": {"S": "any"}, "n": {"N": str(number)}}
        lab.wire.call("dynamodb", "PutItem", TableName="orders", Item=item)

    def hold(kind: str, **place: str) -> str:
        asked = {
            "StreamArn": table.stream_arn,
            "ShardId": shard,
            "ShardIteratorType": kind,
            **place,
        }
        answer = lab.wire.call("dynamodbstreams", "GetShardIterator", **asked)
        return str(answer["ShardIterator"])

    def read(iterator: str) -> tuple[list[str], bool]:
        """The numbers that an iterator gives, and whether another follows."""
        page = lab.wire.call("dynamodbstreams", "GetRecords", ShardIterator=iterator)
        numbers = [record["dynamodb"]["NewImage"]["n"]["N"] for record in page["Records"]]
        return numbers, "NextShardIterator" in page

    options = ("--data", tmp_path, "--lab", "--initial-partitions", "1")
    with ServerProcess.serve(*options) as server, closing(Lab(server.endpoint)) as lab:
        table = create_table(lab.wire, "orders")
        (shard,) = lab.open_shards("orders")
        for number in range(3):
            put(number)
        records = stream_records(lab.wire, str(table.stream_arn))
        first, second, _ = (record["dynamodb"]["SequenceNumber"] for record in records)
        oldest, newest = hold("TRIM_HORIZON"), hold("LATEST")
        behind = hold("AFTER_SEQUENCE_NUMBER", SequenceNumber=first)
        put(3)
        lab.split("orders")
        put(4)
        server.kill()
    with ServerProcess.serve(*options) as server, closing(Lab(server.endpoint)) as lab:
        assert read(oldest) == (["0", "1", "2", "3"], False)
        assert read(newest) == (["3"], False)
        lab.roll("orders")
        lab.trim("orders", shard, second)
        server.kill()
    with ServerProcess.serve(*options) as server, closing(Lab(server.endpoint)) as lab:
        assert read(newest) == (["3"], False)
        assert read(hold("TRIM_HORIZON")) == (["2", "3"], False)
        for iterator in (oldest, behind):
            with pytest.raises(LabError, match="TrimmedDataAccessException"):
                read(iterator)
        assert lab.check("orders").faults == []


def test_second_server_on_a_directory_is_refused(tmp_path: Path) -> None:
    with ServerProcess.serve("--data", tmp_path):
        second = subprocess.run(
            [HEADWATER, "serve", "--port", "0", "--data", tmp_path],
            capture_output=True,
            text=True,
            check=False,
        )

    assert second.returncode == 2
    assert second.stderr.startswith("headwater: the data directory")
    assert "in use by another server" in second.stderr
    assert "Traceback" not in second.stderr
