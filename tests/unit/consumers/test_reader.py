from __future__ import annotations

import asyncio
from typing import Any

import structlog

from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.checkpoint import Checkpoint, Claim
from headwater.consumers.delivery import (
    Batch,
    Delivered,
    Failed,
    GivenUp,
    Outcome,
    Throttled,
)
from headwater.consumers.observer import (
    Began,
    CutOff,
    Ended,
    Left,
    Read,
)
from headwater.consumers.reader import End
from headwater.storage import keyspace
from headwater.storage.engine import Unavailable
from headwater.storage.keyspace import SequenceNumber
from tests.destinations import ListDestination
from tests.logged_store import LoggedStore, advance, in_store, open_shards, settle
from tests.unit.consumers.shard_reading import Notes, reading


def test_commit_wakes_the_reader_without_time_passing() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        async with reading(store, table, ListDestination()) as at_work:
            await settle()
            number = await store.append(table)
            await settle()

            assert at_work.destination.numbers() == [number]
            assert (await at_work.checkpoint()).position == number

    in_store(body)


def test_polling_finds_what_no_wake_up_told() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        async with reading(store, table, ListDestination()) as at_work:
            await settle()
            store.wakeups._events.clear()
            number = await store.append(table)
            await advance(store, 2)

            assert at_work.destination.numbers() == [number]

    in_store(body)


def test_batches_hold_no_more_than_they_may() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        written = await store.append_all(table, 25)
        destination = ListDestination()
        async with reading(store, table, destination, batch_records_max=10):
            await settle()

            assert destination.sizes() == [10, 10, 5]
            assert destination.numbers() == written

    in_store(body)


def test_batch_is_bounded_in_bytes_but_never_empty() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        written = await store.append_all(table, 4)
        destination = ListDestination()
        async with reading(store, table, destination, batch_bytes_max=10):
            await settle()

            assert destination.sizes() == [1, 1, 1, 1]
            assert destination.numbers() == written

    in_store(body)


def test_window_starts_with_the_first_record() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        destination = ListDestination()
        async with reading(store, table, destination, window_seconds=5.0):
            await advance(store, 60)
            await store.append(table)
            await advance(store, 3)
            await store.append(table)
            await advance(store, 1.75)
            before = destination.sizes()
            await advance(store, 0.5)

            assert before == []
            assert destination.sizes() == [2]

    in_store(body)


def test_outage_of_a_destination_is_logged_at_its_beginning_and_its_end() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        away: list[Outcome] = [Throttled("away")] * 5
        destination = ListDestination(answers=[*away, Failed("odd"), Delivered(), *away])
        with structlog.testing.capture_logs() as logs:
            async with reading(store, table, destination):
                await store.append(table)
                await advance(store, 600)
                await store.append(table)
                await advance(store, 600)

        events = [entry["event"] for entry in logs if entry["event"].startswith("delivery_")]
        assert len(destination.offered) == 13
        assert events == [
            "delivery_held_up",
            "delivery_failed",
            "delivery_goes_on",
            "delivery_held_up",
            "delivery_goes_on",
        ]

    in_store(body)


def test_position_stays_until_the_destination_confirms() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        destination = ListDestination(gate=asyncio.Event())
        async with reading(store, table, destination) as at_work:
            number = await store.append(table)
            await settle()
            before = (await at_work.checkpoint()).position
            assert destination.gate is not None
            destination.gate.set()
            await settle()

            assert before < number
            assert (await at_work.checkpoint()).position == number

    in_store(body)


def test_failed_batch_comes_again_unchanged_and_first() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        destination = ListDestination(answers=[Failed("x"), Throttled("y")])
        async with reading(store, table, destination):
            written = [await store.append(table)]
            await settle()
            written += await store.append_all(table, 2)
            await advance(store, 10)

            assert destination.sizes() == [1, 1, 1, 2]
            assert [batch.deliveries for batch in destination.offered] == [0, 1, 1, 0]
            assert destination.numbers() == written

    in_store(body)


def test_batch_that_keeps_failing_is_passed_after_its_retries() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        await store.append(table)
        destination = ListDestination(answers=[Failed("x")] * 3)
        async with reading(store, table, destination, retries_max=2) as at_work:
            await settle()
            await advance(store, 10)
            good = await store.append(table)
            await settle()

            assert destination.sizes() == [1, 1, 1, 1]
            assert destination.numbers() == [good]
            assert (await at_work.checkpoint()).position == good

    in_store(body)


def test_end_of_a_delivery_says_when_the_batch_comes_again_if_it_does() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        await store.append_all(table, 2)
        notes = Notes()
        destination = ListDestination(answers=[Failed("x")] * 3)
        async with reading(
            store, table, destination, observer=notes, retries_max=1, is_bisecting=True
        ):
            await settle()
            await advance(store, 10)

        halved, first, again, *_ = (each for each in notes.happenings if isinstance(each, Ended))
        assert halved.next_at == halved.at
        assert first.next_at is not None
        assert first.at < first.next_at <= again.at
        assert again.next_at is None

    in_store(body)


def test_delivery_during_which_the_reader_ends_is_cut_off() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        await store.append(table)
        notes = Notes()
        async with reading(
            store, table, ListDestination(gate=asyncio.Event()), observer=notes
        ) as at_work:
            await settle()
            at_work.task.cancel()
            await asyncio.wait([at_work.task])

        assert [type(each) for each in notes.happenings] == [Read, Began, CutOff, Left]

    in_store(body)


def test_records_too_old_are_never_sent() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        await store.append_all(table, 3)
        store.clock.advance(100)
        young = await store.append_all(table, 2)
        destination = ListDestination()
        async with reading(store, table, destination, age_seconds_max=60):
            await settle()

            assert destination.numbers() == young

    in_store(body)


def test_fault_of_the_destination_is_tried_again_and_counts_for_nothing() -> None:
    class Broken(ListDestination):
        async def deliver(self, batch: Batch) -> Any:
            if len(self.offered) < 3:
                self.offered.append(batch)
                raise RuntimeError("a fault")
            return await super().deliver(batch)

    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        number = await store.append(table)
        destination = Broken()
        async with reading(store, table, destination, retries_max=0):
            await settle()
            await advance(store, 10)

            assert destination.numbers() == [number]

    in_store(body)


def test_records_stay_until_what_is_given_up_can_be_kept() -> None:
    class FullDisk(ListDestination):
        refused = 0

        async def give_up(self, given_up: GivenUp) -> None:
            if self.refused < 2:
                self.refused += 1
                raise Unavailable("the disk is full")
            await super().give_up(given_up)

    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        number = await store.append(table)
        destination = FullDisk(answer=lambda _: Failed("no"))
        async with reading(store, table, destination, retries_max=0) as at_work:
            await settle()
            refused, position = destination.refused, (await at_work.checkpoint()).position
            await advance(store, 5)

            assert (refused, position < number) == (1, True)
            assert [each.batch.entries[0].number for each in destination.given_up] == [number]
            assert (await at_work.checkpoint()).position == number

    in_store(body)


def test_reader_ends_at_the_end_of_a_closed_shard() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        destination = ListDestination()
        async with reading(store, table, destination) as at_work:
            written = await store.append_all(table, 3)
            await store.roll_over(table, at_work.shard_id)
            await settle()

            assert at_work.task.result() is End.FINISHED
            assert destination.numbers() == written
            assert (await at_work.checkpoint()).is_finished

    in_store(body)


def test_empty_closed_shard_is_finished_without_a_delivery() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        destination = ListDestination()
        async with reading(store, table, destination) as at_work:
            await store.roll_over(table, at_work.shard_id)
            await settle()

            assert at_work.task.result() is End.FINISHED
            assert destination.offered == []

    in_store(body)


def test_stopping_finishes_and_stores_the_delivery_under_way() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        destination = ListDestination(gate=asyncio.Event())
        async with reading(store, table, destination) as at_work:
            first = await store.append(table)
            await settle()
            await store.append(table)
            at_work.reader.stop()
            await settle()
            is_waiting = not at_work.task.done()
            assert destination.gate is not None
            destination.gate.set()
            await settle()

            assert is_waiting
            assert at_work.task.result() is End.STOPPED
            assert destination.numbers() == [first]
            assert (await at_work.checkpoint()).position == first

    in_store(body)


def test_stopping_does_not_wait_for_a_back_off() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        destination = ListDestination(answer=lambda _: Failed("x"))
        async with reading(store, table, destination) as at_work:
            await store.append(table)
            await advance(store, 30)
            at_work.reader.stop()
            await settle()

            assert at_work.task.result() is End.STOPPED

    in_store(body)


def test_reader_that_lost_its_lease_ends_without_storing() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        destination = ListDestination(gate=asyncio.Event())
        async with reading(store, table, destination) as at_work:
            number = await store.append(table)
            await settle()
            now = store.clock.now() + 100
            claim = Claim("heir", now, now + 15, lambda _: False)
            work = checkpoints.take(at_work.reader.lease.key, SequenceNumber(0), claim)
            await store.committer.submit(work)
            assert destination.gate is not None
            destination.gate.set()
            await settle()

            assert at_work.task.result() is End.LOST
            assert (await at_work.checkpoint()).owner == "heir"
            assert (await at_work.checkpoint()).position < number

    in_store(body)


def test_records_trimmed_before_they_were_read_do_not_hold_the_reader_up() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        written = await store.append_all(table, 3)
        prefix = keyspace.log_prefix(table.table_id, open_shards(table)[0])
        gone = [prefix + number.to_bytes(8, "big") for number in written]
        await store.committer.submit(checkpoints.forget(gone))
        destination = ListDestination()
        async with reading(store, table, destination) as at_work:
            await settle()
            position = (await at_work.checkpoint()).position
            number = await store.append(table)
            await settle()

            assert position == written[-1]
            assert destination.numbers() == [number]

    in_store(body)


def test_blocked_lane_lets_others_go_on_and_holds_the_position() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        refused = await store.append(table, "bad")

        def answer(batch: Batch) -> Outcome:
            numbers = [stored.number for stored in batch.entries]
            return Failed("no") if refused in numbers else Delivered()

        destination = ListDestination(answer=answer)
        async with reading(store, table, destination, batch_records_max=1, lanes=10) as at_work:
            await settle()
            before = (await at_work.checkpoint()).position
            others = [await store.append(table, f"key-{number}") for number in range(20)]
            await settle()

            delivered = set(destination.numbers())
            assert delivered < set(others)
            assert len(delivered) > len(others) / 2  # but for those of the same lane
            assert (await at_work.checkpoint()).position == before < refused

    in_store(body)


def test_what_lanes_had_delivered_ahead_does_not_come_again_after_a_stop() -> None:
    """Stopped again and again, with other lanes each time, while one key is refused."""

    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        refused = {await store.append(table, "bad")}
        written: list[int] = list(refused)
        accepted: list[int] = []

        def answer(batch: Batch) -> Outcome:
            numbers = [stored.number for stored in batch.entries]
            if refused.intersection(numbers):
                return Failed("no")
            accepted.extend(numbers)
            return Delivered()

        async def go_on(lanes: int) -> Checkpoint:
            destination = ListDestination(answer=answer)
            async with reading(
                store, table, destination, batch_records_max=2, lanes=lanes
            ) as at_work:
                await settle()
                at_work.reader.stop()
                assert await at_work.task is End.STOPPED
                await store.committer.submit(checkpoints.release(at_work.reader.lease))
                return await at_work.checkpoint()

        for lanes in (10, 3, 7, 1, 10):
            written += [await store.append(table, f"key-{number}") for number in range(12)]
            before = len(accepted)
            stopped = await go_on(lanes)
            assert stopped.position < min(refused)
            assert len(accepted) > before or lanes == 1
            assert sorted(stopped.ahead) == sorted(accepted)
        refused.clear()
        last = await go_on(4)

        assert sorted(accepted) == sorted(written)
        assert (last.position, last.ahead) == (max(written), ())

    in_store(body)


def test_crash_after_a_stop_repeats_nothing_of_before_the_stop() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        refused = await store.append(table, "bad")
        others = [await store.append(table, f"key-{number}") for number in range(20)]

        def answer(batch: Batch) -> Outcome:
            numbers = [stored.number for stored in batch.entries]
            return Failed("no") if refused in numbers else Delivered()

        first = ListDestination(answer=answer)
        async with reading(store, table, first, batch_records_max=1, lanes=10) as at_work:
            await settle()
            at_work.reader.stop()
            await at_work.task
            await store.committer.submit(checkpoints.release(at_work.reader.lease))
        second = ListDestination()
        async with reading(store, table, second, batch_records_max=1, lanes=10) as at_work:
            await settle()
            moved = await at_work.checkpoint()
            at_work.task.cancel()

        assert sorted([*first.numbers(), *second.numbers()]) == sorted([refused, *others])
        assert moved.position == max(others)

    in_store(body)
