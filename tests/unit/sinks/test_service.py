from __future__ import annotations

import asyncio

import orjson
import pytest

from headwater.errors import (
    ResourceInUseException,
    ResourceNotFoundException,
    ValidationException,
)
from headwater.sinks.change import Event, plain
from headwater.sinks.kind import BACKFILL, Rejected, SinkBroken, SinkUnavailable
from headwater.sinks.sink import Start, State
from headwater.storage import delivery_keys
from headwater.storage.engine import Span
from headwater.tables.resharding import Resharder
from tests.sink_store import REGION, SinkStore, in_sink_store, settle


async def expect_table(store: SinkStore) -> None:
    """What the sink holds is what is in the table."""
    content = await store.content()
    assert store.list.documents() == {key: plain(item) for key, item in content.items()}


def test_items_come_first_then_every_change_since() -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a", v="1")
        await store.put("b", v="1")
        await store.add()
        await store.put("a", v="2")
        await store.delete("b")
        await store.put("c", v="1")
        await store.drained()

        assert [change.event for change in store.list.changes[:2]] == [Event.SNAPSHOT] * 2
        assert store.list.batches[0].origin == BACKFILL
        assert len({change.id for change in store.list.changes}) == 5
        assert (await store.sink()).told_state == "RUNNING"
        await expect_table(store)

    in_sink_store(body)


def test_changes_during_the_back_fill_are_neither_lost_nor_overtaken() -> None:
    async def body(store: SinkStore) -> None:
        for number in range(40):
            await store.put(f"k{number}", v="old")
        gate = store.list.gate = asyncio.Event()
        await store.add(batch_size=3)
        for number in range(0, 40, 2):
            await store.put(f"k{number}", v="new")
            await store.put(f"k{number}", v="newer")
        for number in range(1, 40, 4):
            await store.delete(f"k{number}")
        store.list.gate = None
        gate.set()
        await store.drained()

        steps = [batch for batch in store.list.batches if batch.origin == BACKFILL]
        assert len(steps) > 5
        assert all(len(batch.changes) <= 3 for batch in steps)
        await expect_table(store)

    in_sink_store(body)


def test_version_of_an_item_is_above_the_changes_in_it_and_below_those_that_follow() -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a", v="1")
        await store.put("a", v="2")
        gate = store.list.gate = asyncio.Event()
        await store.add()
        await store.put("a", v="3")
        gate.set()
        await store.drained()

        snapshot, change = store.list.changes
        assert snapshot.version < change.version
        assert (snapshot.document, change.document) == (
            {"k": "a", "v": "2"},
            {"k": "a", "v": "3"},
        )

    in_sink_store(body)


def test_back_fill_goes_on_where_it_was_after_a_crash() -> None:
    async def body(store: SinkStore) -> None:
        for number in range(20):
            await store.put(f"k{number:02d}", v="1")
        gate = store.list.gate = asyncio.Event()
        await store.add(batch_size=2)
        store.list.gate = None
        gate.set()
        for _ in range(200):
            await settle(1)
            if len(store.list.batches) == 4:
                break
        await store.kill()
        written = len(store.list.batches)
        assert 0 < written < 10
        await store.put("k00", v="2")

        store.start()
        await store.drained()

        filled = [change for change in store.list.changes if change.event is Event.SNAPSHOT]
        assert 20 <= len(filled) <= 22
        await expect_table(store)

    in_sink_store(body)


def test_splits_during_the_back_fill_change_nothing() -> None:
    async def body(store: SinkStore) -> None:
        for number in range(30):
            await store.put(f"k{number}", v="old")
        gate = store.list.gate = asyncio.Event()
        await store.add(batch_size=4)
        resharder = Resharder(store.catalog, store.clock, store.chance)
        table = await store.catalog.describe(REGION, "music")
        for partition in table.partitions:
            assert partition.shard_id is not None
            await resharder.split(table, partition.shard_id)
        for number in range(0, 30, 3):
            await store.put(f"k{number}", v="new")
        store.list.gate = None
        gate.set()
        await store.drained()

        await expect_table(store)

    in_sink_store(body)


@pytest.mark.parametrize(
    ("start", "seen"), [(Start.TRIM_HORIZON, ["a", "b"]), (Start.LATEST, ["b"])]
)
def test_a_sink_without_back_fill_begins_in_the_stream(start: Start, seen: list[str]) -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a")
        await store.add(start=start)
        await store.put("b")
        await store.drained()

        assert sorted(change.keys["k"]["S"] for change in store.list.changes) == seen

    in_sink_store(body)


def test_what_the_destination_cannot_take_now_comes_again_and_is_told() -> None:
    async def body(store: SinkStore) -> None:
        sink = await store.add(start=Start.LATEST)
        store.list.answers = [SinkUnavailable("busy"), SinkUnavailable("busy", 5.0)]
        await store.put("a")
        await store.advance(2)
        activity = store.activities.of(sink.key, sink.labels)
        first = activity.counts["written"], activity.last_error
        await store.drained()

        assert first == (0, "busy")
        assert activity.counts["retries"] == 2
        assert [change.keys["k"]["S"] for change in store.list.changes] == ["a"]
        assert len({batch.token for batch in store.list.offered}) == 1

    in_sink_store(body)


def test_back_fill_waits_for_a_destination_that_is_busy() -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a")
        store.list.answers = [SinkUnavailable("busy")] * 3
        await store.add()
        await store.drained()

        assert [batch.number for batch in store.list.offered] == [0] * 4
        await expect_table(store)

    in_sink_store(body)


def test_a_destination_is_told_when_all_items_are_there_and_before_what_follows() -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a", v="1")
        store.list.answers = [(), SinkUnavailable("busy")]
        await store.add()
        await store.put("b", v="1")
        await store.drained()
        await store.service.replay(await store.sink(), Start.LATEST)
        await store.drained()

        origins = [batch.origin == BACKFILL for batch in store.list.batches]
        assert store.list.fillings == [(1, origins.count(True))]
        assert origins == sorted(origins, reverse=True)
        assert not all(origins)

    in_sink_store(body)


def test_refused_changes_go_to_the_failure_destination_and_the_rest_goes_on() -> None:
    async def body(store: SinkStore) -> None:
        destination = "arn:aws:s3:::refused"
        sink = await store.add(start=Start.LATEST, failure_destination=destination)
        store.list.answers = [[Rejected(0, "too odd")]]
        await store.put("a", v="1")
        await store.drained()
        await store.put("a", v="2")
        await store.drained()

        (message,) = store.outbox.messages
        told = orjson.loads(message.body)
        assert (message.destination, told["sink"], told["count"]) == (destination, "s", 1)
        assert told["changes"][0]["reason"] == "too odd"
        assert told["changes"][0]["change"]["new"] == {"k": "a", "v": "1"}
        counts = store.activities.of(sink.key, sink.labels).counts
        assert (counts["rejected"], counts["written"]) == (1, 1)

    in_sink_store(body)


@pytest.mark.parametrize("start", [Start.BACKFILL, Start.TRIM_HORIZON])
def test_a_broken_destination_stops_the_sink_until_it_is_resumed(start: Start) -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a")
        store.list.answers = [SinkBroken("no such bucket")]
        await store.add(start=start)
        await store.advance(10)
        stopped = await store.sink()
        offered = len(store.list.offered)
        await store.service.resume(stopped)
        await store.drained()

        assert (stopped.state, stopped.reason) == (State.STOPPED, "no such bucket")
        assert offered == 1
        assert (await store.sink()).reason == ""
        await expect_table(store)

    in_sink_store(body)


def test_a_paused_sink_takes_nothing_and_goes_on_where_it_was() -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a")
        sink = await store.add()
        await store.drained()
        paused = await store.service.pause(await store.sink())
        await store.put("b")
        await store.advance(10)
        held = set(store.list.documents())
        await store.service.resume(paused)
        await store.drained()

        assert held == {"a"}
        assert len(store.list.changes) == 2
        assert sink.sink_id == (await store.sink()).sink_id

    in_sink_store(body)


def test_a_replay_begins_anew_in_a_round_of_its_own() -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a")
        await store.add()
        await store.drained()
        before = len(store.list.changes)
        after = await store.service.replay(await store.sink(), Start.TRIM_HORIZON)
        await store.drained()
        again = await store.service.replay(await store.sink(), Start.BACKFILL)
        await store.drained()

        assert (before, len(store.list.changes)) == (1, 3)
        assert (after.round, again.round) == (2, 3)
        assert [one.sink.round for one in store.list.openings] == [1, 2, 3]
        assert store.list.closed == 2

    in_sink_store(body)


@pytest.mark.parametrize(("ago", "count"), [(0.0, 1), (50.0, 2), (100.0, 3), (10_000.0, 4)])
def test_a_replay_at_a_moment_begins_with_what_is_not_older(ago: float, count: int) -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a")
        await store.advance(1)
        for key in "bcd":
            await store.put(key)
            if key != "d":
                await store.advance(50)
        written_at = store.clock.now()
        await store.add(start=Start.LATEST)
        await store.drained()
        await store.service.replay(await store.sink(), Start.AT_TIMESTAMP, written_at - ago)
        await store.drained()

        assert set(store.list.documents()) == set("abcd"[-count:])
        assert (await store.sink()).start_at == written_at - ago

    in_sink_store(body)


def test_a_replay_does_not_begin_in_the_future() -> None:
    async def body(store: SinkStore) -> None:
        await store.add()

        with pytest.raises(ValidationException, match="in the future"):
            await store.service.replay(
                await store.sink(), Start.AT_TIMESTAMP, store.clock.now() + 1
            )

    in_sink_store(body)


def test_a_deleted_sink_leaves_nothing_in_the_store() -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a")
        sink = await store.add()
        await store.drained()
        await store.list.openings[0].notes.put("schema", b"{}")
        await store.service.replay(await store.sink(), Start.TRIM_HORIZON)
        await store.drained()
        await store.service.delete(await store.sink())
        await store.advance(10)

        with pytest.raises(ResourceNotFoundException):
            await store.sink()
        left = await store.engine.scan(Span(b"S", b"T", 10))
        positions = await store.engine.scan(Span(b"k", b"l", 10))
        assert (list(left), list(positions)) == ([], [])
        assert store.list.closed == 2
        assert delivery_keys.sink(REGION, "s") == sink.key

    in_sink_store(body)


def test_a_changed_sink_is_opened_anew_and_goes_on() -> None:
    async def body(store: SinkStore) -> None:
        await store.add(start=Start.LATEST)
        await store.put("a", v="1")
        await store.drained()
        sink = await store.sink()
        manner = type(sink.manner)({}, 7, 2**20, 0.0, transform="new.{v: v}")
        await store.service.change(sink, manner, is_configured=False)
        await store.put("b", v="2")
        await store.drained()

        assert [change.document for change in store.list.changes] == [
            {"k": "a", "v": "1"},
            {"v": "2"},
        ]

    in_sink_store(body)


def test_patterns_choose_among_items_and_records_alike() -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a", v="yes")
        await store.put("b", v="no")
        pattern = '{"dynamodb": {"NewImage": {"v": {"S": ["yes"]}}}}'
        sink = await store.add(filters=[pattern])
        await store.put("c", v="yes")
        await store.put("d", v="no")
        await store.drained()

        assert set(store.list.documents()) == {"a", "c"}
        assert store.activities.of(sink.key, sink.labels).counts["filtered"] == 1

    in_sink_store(body)


def test_what_cannot_be_is_refused() -> None:
    async def body(store: SinkStore) -> None:
        await store.add()
        with pytest.raises(ResourceInUseException):
            await store.add()
        with pytest.raises(ValidationException, match="no ARN"):
            await store.add(failure_destination="nowhere")
        with pytest.raises(ValidationException, match="path below the folder"):
            await store.add("lake", settings={"location": "file:out/../x"})

    in_sink_store(body)


def test_a_table_without_a_stream_is_refused() -> None:
    async def main() -> None:
        from pathlib import Path

        async with SinkStore(Path("/nowhere")).running() as store:
            await store.create_table(StreamSpecification={"StreamEnabled": False})
            with pytest.raises(ResourceNotFoundException, match="has no stream"):
                await store.add()

    asyncio.run(main())
