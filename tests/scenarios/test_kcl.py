"""The Kinesis Client Library on streams.

On a table's stream it is 3 with the streams adapter 2, and 1 with the adapter 1; on a data stream
it is 3 without an adapter.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.java_program import BUILD_SECONDS_MAX, WORKER, built_or_skipped
from tests.scenarios.stream_scene import DataSource, Scene
from tests.scenarios.told import Talker

SCENARIO_SECONDS_MAX = 1200
APPLICATION = "mirror"
DATA_STREAM_WORKER = "headwater.DataStreamWorker"

pytestmark = pytest.mark.timeout(BUILD_SECONDS_MAX + SCENARIO_SECONDS_MAX)


@pytest.fixture(scope="module")
def program() -> list[str]:
    """The command that runs the library 3, without its worker and the worker's arguments."""
    return built_or_skipped("kcl")


@pytest.fixture(scope="module")
def former_program() -> list[str]:
    """The same of the library 1."""
    return built_or_skipped("kcl1")


def leader(scene: Scene) -> str:
    """The worker that assigns the leases; its heir would wait for two minutes."""
    table, key = f"{APPLICATION}-CoordinatorState", {"key": {"S": "Leader"}}
    owner: str = scene.tables.get_item(TableName=table, Key=key)["Item"]["ownerName"]["S"]
    return owner


def test_every_record_is_processed_in_order_through_a_split_and_a_death(scene, program, tmp_path):
    told = scene.told
    scene.write()

    def start(name: str) -> Talker:
        arguments = [scene.endpoint, scene.source.name, APPLICATION, name]
        return Talker(name, [*program, WORKER, *arguments], told, tmp_path / f"{name}.errors")

    with start("a") as first, start("b") as second:
        begun = [lambda name=name: told.words("begin", name) for name in "ab"]
        scene.until("a lease for each", lambda: all(has() for has in begun))
        scene.until_all_is_read("what was written first")
        victim = first if leader(scene) == "b" else second

        owners = scene.owners(APPLICATION)
        shard = next(shard for shard, owner in owners.items() if owner == victim.name)
        children = scene.source.split(shard)
        scene.write()
        scene.until("the parent's end", lambda: [shard] in told.words("end"))
        scene.until_all_is_read("what was written to the children")
        victim.kill()
        scene.write()
        scene.until_all_is_read("what was written after a worker's death")

    scene.check_order()
    assert all([child] in told.words("begin") for child in children)


def test_former_library_processes_every_record_in_order_through_a_split(
    scene: Scene, former_program: list[str], tmp_path: Path
) -> None:
    told = scene.told
    scene.write()
    command = [*former_program, WORKER, scene.endpoint, scene.source.name, APPLICATION, "a"]

    with Talker("a", command, told, tmp_path / "errors"):
        scene.until_all_is_read("what was written first")
        shard = next(iter(scene.owners(APPLICATION)))
        children = scene.source.split(shard)
        scene.write()
        scene.until("the parent's end", lambda: [shard] in told.words("end"))
        scene.until_all_is_read("what was written to the children")

    scene.check_order()
    assert all([child] in told.words("begin") for child in children)


def test_data_stream_is_processed_in_order_through_a_split_and_a_merge(
    data_scene: Scene, data_source: DataSource, program: list[str], tmp_path: Path
) -> None:
    told = data_scene.told
    data_scene.write()
    arguments = [data_scene.endpoint, data_source.name, APPLICATION, "a"]
    command = [*program, DATA_STREAM_WORKER, *arguments]

    with Talker("a", command, told, tmp_path / "errors"):
        data_scene.until_all_is_read("what was written first")
        first, second = sorted(data_scene.owners(APPLICATION))
        _, upper = data_source.split(first)
        data_scene.write()
        child = data_source.merge(upper, second)
        data_scene.write()
        ended = [[first], [second], [upper]]
        data_scene.until("the parents' ends", lambda: all(e in told.words("end") for e in ended))
        data_scene.until_all_is_read("what was written to the last child")

    data_scene.check_order()
    assert [child] in told.words("begin")
