"""Search sinks and a real search server: one node of OpenSearch, for all cases here."""

from __future__ import annotations

import inspect
import itertools
import json
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from headwater.sinks.kind import Rejected, SinkBroken
from tests.contract import test_sinks as contract
from tests.scenarios.commands import STREAM
from tests.scenarios.java_program import BUILD_SECONDS_MAX, NoProgram
from tests.scenarios.search_node import SearchNode, search_node
from tests.scenarios.sink_place import Place, create, items_of
from tests.sink_store import MemoryNotes
from tests.sink_writing import Subject, batch, change, run, write

SCENARIO_SECONDS_MAX = 600
NUMBERS = itertools.count()
MAPPINGS = {"dynamic": False}
PROMISES = {
    name: value
    for name, value in vars(contract).items()
    if name.startswith("test_") and list(inspect.signature(value).parameters) == ["subject"]
}
QUEUE = "arn:aws:sqs:us-east-1:000000000000:refused"
CONFIGURATION = """
[[sink]]
name = "search"
table = "music"
kind = "search"
batch_size = 20
failure_destination = "{queue}"
[sink.settings]
endpoint = "{endpoint}"
index = "songs"
mappings = '{{"properties": {{"n": {{"type": "long"}}}}}}'
"""

pytestmark = pytest.mark.timeout(BUILD_SECONDS_MAX + SCENARIO_SECONDS_MAX)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchNode]:
    with ExitStack() as stack:
        try:
            started = stack.enter_context(search_node(tmp_path_factory.mktemp("search")))
        except NoProgram as error:
            pytest.skip(str(error))
        yield started


@pytest.fixture
def subject(node: SearchNode, tmp_path: Path) -> Subject:
    index = f"index-{next(NUMBERS)}"

    async def held() -> dict[str, Any]:
        return node.documents(index)

    settings = {"endpoint": node.endpoint, "index": index, "mappings": json.dumps(MAPPINGS)}
    return Subject("search", settings, held, tmp_path, MemoryNotes())


@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
def test_index_keeps_what_every_writer_promises(
    promise: Callable[[Subject], None], subject: Subject
) -> None:
    promise(subject)


def test_deleted_document_does_not_come_back_with_an_older_image(
    node: SearchNode, subject: Subject
) -> None:
    async def body() -> None:
        await write(subject, batch(change("a", 1, "x")), batch(change("a", 5, None)))
        node.ask("POST", f"{subject.settings['index']}/_flush?force=true")

        await write(subject, batch(change("a", 1, "x")), batch(change("b", 2, None)))
        await write(subject, batch(change("b", 1, "x")))

        assert await subject.held() == {}

    run(body())


def test_what_the_mappings_do_not_take_is_refused_and_nothing_else(subject: Subject) -> None:
    async def body() -> None:
        subject.settings["mappings"] = json.dumps({"properties": {"v": {"type": "long"}}})
        writer = await subject.open()
        refused = await writer.write(
            batch(change("a", 1, "1"), change("a", 2, "no number"), change("b", 3, "3"))
        )
        await writer.close()

        assert [each.index for each in refused] == [1]
        assert "failed to parse field [v] of type [long]" in refused[0].reason
        assert await subject.held() == {"a": {"k": "a", "v": "1"}, "b": {"k": "b", "v": "3"}}

    run(body())


def test_request_that_is_too_large_is_made_smaller(subject: Subject) -> None:
    """This node takes 1 MB."""

    async def body() -> None:
        writer = await subject.open()
        sizes = [300_000, 300_000, 1_100_000, 300_000, 300_000]
        refused = await writer.write(
            batch(*(change(f"k{n}", n, "x" * size) for n, size in enumerate(sizes, 1)))
        )
        await writer.close()

        assert refused == [Rejected(2, "The document is too large.")]
        assert set(await subject.held()) == {"k1", "k2", "k4", "k5"}

    run(body())


def test_alias_of_one_index_is_written_to_and_of_two_is_not(
    node: SearchNode, subject: Subject
) -> None:
    async def body() -> None:
        name = subject.settings["index"]
        node.ask("PUT", f"{name}-one", {"aliases": {name: {}}})
        await write(subject, batch(change("a", 1, "x")))
        (warning,) = subject.warnings
        assert warning.startswith(f"index {name} forgets after 60s")

        node.ask("PUT", f"{name}-two", {"aliases": {name: {}}})
        with pytest.raises(SinkBroken, match="is not one index"):
            await subject.open()

    run(body())


def test_index_is_made_as_the_settings_say(node: SearchNode, subject: Subject) -> None:
    async def body() -> None:
        subject.settings["index_settings"] = '{"number_of_shards": 2}'
        await write(subject, batch(change("a", 1, "x")))

        name = subject.settings["index"]
        made = node.ask("GET", f"{name}?flat_settings=true")[name]
        assert made["mappings"] == {"dynamic": "false"}
        assert made["settings"]["index.number_of_shards"] == "2"
        assert made["settings"]["index.gc_deletes"] == "600s"

    run(body())


def test_index_with_mappings_that_cannot_be_stops_the_sink(subject: Subject) -> None:
    async def body() -> None:
        subject.settings["mappings"] = '{"properties": {"v": {"type": "color"}}}'
        with pytest.raises(SinkBroken, match="color"):
            await subject.open()

    run(body())


def test_index_holds_what_the_table_holds_whatever_was_killed(
    node: SearchNode, tmp_path: Path
) -> None:
    chance = random.Random(1)
    place = Place(tmp_path, CONFIGURATION.format(queue=QUEUE, endpoint=node.endpoint))
    try:
        dynamodb = place.dynamodb
        create(dynamodb, "music", StreamSpecification=STREAM)
        for turn in range(100):
            key = {"pk": {"S": f"s{chance.randrange(40)}|{chance.randrange(2)}"}}
            if chance.random() < 0.3:
                dynamodb.delete_item(TableName="music", Key=key)
            else:
                item = {**key, "n": {"N": str(turn)}, "t": {"SS": ["a", "b"]}}
                dynamodb.put_item(TableName="music", Item=item)
            if turn == 60:
                place.kill()
                place.start_again()
        place.caught_up()

        items = items_of(dynamodb, "music")
        assert node.documents("songs") == {
            key.replace("|", "%7C"): {"pk": key, "n": int(item["n"]), "t": ["a", "b"]}
            for key, item in items.items()
        }
        told = place.ask("CheckSink", Name="search")
        assert (told["Items"], told["FaultCount"]) == (len(items), 0)

        odd = {"pk": {"S": "odd"}, "n": {"S": "many"}}
        dynamodb.put_item(TableName="music", Item=odd)
        place.caught_up()
        assert place.ask("DescribeSink", Name="search")["Counts"]["Rejected"] == 1
        told = place.ask("CheckSink", Name="search")
        assert told["Faults"] == ['"odd" is not held']

        place.ask("ReplaySink", Name="search")
        place.caught_up()
        assert place.ask("CheckSink", Name="search")["FaultCount"] == 1
    finally:
        place.stop()
