"""The consumer library against a server: a handler, `async for`, and what it finds after a restart.

The same holds on AWS, where only the waits are longer.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from headwater.consumer import (
    LATEST,
    CallFailed,
    Consumer,
    ConsumerSettings,
    HandlerFailed,
    NoStream,
    connect,
)
from tests.conformance.definition import keys

QUICK = {"idle_seconds": 0.05, "lease_seconds": 3.0, "back_off_seconds_first": 0.05}
KEYS = [f"key-{number}" for number in range(6)]


@pytest.fixture
def table(tables):
    made = tables.make(
        **keys(("pk", "S")),
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return made["TableName"]


@pytest.fixture
def application(dynamodb, unique_name, tables):
    name = unique_name("application")
    yield name
    try:
        dynamodb.delete_table(TableName=name)
    except dynamodb.exceptions.ResourceNotFoundException:
        return


@pytest.fixture
def put(dynamodb, table):
    """Writes every key once more, with a count."""

    def call(count):
        for key in KEYS:
            item = {"pk": {"S": key}, "n": {"N": str(count)}}
            dynamodb.put_item(TableName=table, Item=item)

    return call


@pytest.fixture
def consumer(dynamodb, endpoint, table, application):
    """Makes a consumer of the table's stream; `dynamodb` is there for the environment it sets."""

    def make(*observers, **more):
        settings = ConsumerSettings(
            **{"stream": table, "application": application, "deserializes": True} | QUICK | more
        )
        return Consumer(connect(endpoint=endpoint), settings, *observers)

    return make


class Watch:
    """Waits for what events bring about."""

    def __init__(self):
        self._noted = asyncio.Event()

    def note(self, event):
        self._noted.set()

    async def until(self, holds):
        while not holds():
            self._noted.clear()
            await self._noted.wait()


def changes(batch):
    return [(record.keys["pk"], int(record.new_image["n"])) for record in batch]


def all_of(*counts):
    return sorted((key, count) for key in KEYS for count in counts)


async def read(consumer, count):
    """So many changes by a handler that then stops the consumer."""
    found = []

    async def handle(batch):
        found.extend(changes(batch))
        if len(found) >= count:
            consumer.stop()

    await consumer.run(handle)
    return sorted(found)


def test_handler_gets_everything_and_goes_on_where_it_ended(consumer, put):
    put(1)
    first = asyncio.run(read(consumer(), len(KEYS)))

    put(2)
    second = asyncio.run(read(consumer(), len(KEYS)))

    assert first == all_of(1)
    assert second == all_of(2)


def test_iteration_gives_everything(consumer, put):
    put(1)
    put(2)

    async def main():
        found = []
        async with consumer(batch_records_max=2) as reading:
            async for batch in reading:
                found += changes(batch)
                if len(found) == 2 * len(KEYS):
                    reading.stop()
        return sorted(found)

    assert asyncio.run(main()) == all_of(1, 2)


def test_batch_that_an_error_left_comes_again(consumer, put):
    put(1)

    async def fail():
        async with consumer() as reading:
            async for batch in reading:
                raise LookupError(batch.shard_id)

    with pytest.raises(LookupError):
        asyncio.run(fail())

    assert asyncio.run(read(consumer(), len(KEYS))) == all_of(1)


def test_function_runs_in_a_thread_and_records_are_python_values(consumer, put):
    put(1)
    seen = []
    reading = consumer()

    def handle(batch):
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        seen.extend(batch)
        if len(seen) == len(KEYS):
            reading.stop()

    asyncio.run(reading.run(handle))

    assert {type(record.new_image["n"]) for record in seen} == {Decimal}
    assert all(record.old_image is None and record.event_name == "INSERT" for record in seen)
    assert reading.counters.records == len(KEYS)
    assert reading.counters.leases_held == 0


def test_handler_that_always_fails_ends_the_consumer_and_loses_nothing(consumer, put):
    put(1)

    def handle(batch):
        raise LookupError(batch.attempt)

    with pytest.raises(HandlerFailed) as caught:
        asyncio.run(consumer(attempts_max=3).run(handle))

    assert isinstance(caught.value.__cause__, LookupError)
    assert caught.value.__cause__.args == (3,)
    assert asyncio.run(read(consumer(), len(KEYS))) == all_of(1)


def test_from_latest_nothing_older_than_its_second_comes(consumer, put, dynamodb, table):
    async def main():
        watch = Watch()
        reading = consumer(watch.note, start=LATEST)
        found = []

        async def handle(batch):
            found.extend(changes(batch))
            if {("late", 1)} <= set(found):
                reading.stop()

        working = asyncio.create_task(reading.run(handle))
        await watch.until(lambda: reading.counters.leases_held)
        item = {"pk": {"S": "late"}, "n": {"N": "1"}}
        await asyncio.to_thread(dynamodb.put_item, TableName=table, Item=item)
        await working
        return found

    assert ("late", 1) in asyncio.run(main())


def test_manual_positions_move_only_when_confirmed(consumer, put):
    put(1)

    async def main():
        seen = []
        async with consumer(has_manual_checkpoints=True) as reading:
            async for batch in reading:
                seen += changes(batch)
                if len(seen) == len(KEYS):
                    reading.stop()

    asyncio.run(main())

    assert asyncio.run(read(consumer(), len(KEYS))) == all_of(1), "nothing was confirmed"


def test_stored_part_of_a_batch_does_not_come_again(consumer, put, dynamodb, table):
    for count in range(1, 5):
        dynamodb.put_item(TableName=table, Item={"pk": {"S": "a"}, "n": {"N": str(count)}})

    async def main():
        async with consumer(has_manual_checkpoints=True) as reading:
            async for batch in reading:
                await batch.checkpoint(next(each for each in batch if each.new_image["n"] == 2))
                return

    asyncio.run(main())

    assert asyncio.run(read(consumer(), 2)) == [("a", 3), ("a", 4)]


def test_disabled_stream_ends_the_consumer(consumer, put, dynamodb, tables, table):
    put(1)
    dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    tables.wait(table)
    found = []

    async def handle(batch):
        found.extend(changes(batch))

    asyncio.run(consumer().run(handle))

    assert sorted(found) == all_of(1)


def test_table_without_a_stream_says_so(consumer, simple):
    with pytest.raises(NoStream):
        asyncio.run(consumer(stream=simple).run(print))


def test_table_that_is_not_there_says_so(consumer, unique_name):
    with pytest.raises(CallFailed, match="ResourceNotFoundException"):
        asyncio.run(consumer(stream=unique_name("nothing")).run(print))


def test_two_consumers_share_the_shards(consumer, put):
    """The second, which comes later, asks the first for half."""

    async def main():
        watch = Watch()
        first, second = (consumer(watch.note, owner=owner) for owner in ("first", "second"))
        found = []

        async def handle(batch):
            found.extend(changes(batch))

        working = [asyncio.create_task(first.run(handle))]
        await watch.until(lambda: first.counters.leases_held == 4)
        working.append(asyncio.create_task(second.run(handle)))
        await watch.until(
            lambda: (first.counters.leases_held, second.counters.leases_held) == (2, 2)
        )
        await asyncio.to_thread(put, 1)
        await watch.until(lambda: len(found) == len(KEYS))
        first.stop()
        second.stop()
        await asyncio.gather(*working)
        return sorted(found), second.counters.leases_stolen, first.counters.leases_lost

    assert asyncio.run(main()) == (all_of(1), 2, 0)


def test_lease_of_an_earlier_life_is_taken_at_once_and_not_stolen(consumer, put):
    """One that was cut off and comes back under its name does not wait for its own lease."""
    put(1)

    async def main():
        watch = Watch()
        first = consumer(watch.note, owner="me")
        working = asyncio.create_task(first.run(lambda batch: None))
        await watch.until(lambda: first.counters.records == len(KEYS))
        working.cancel()
        await asyncio.wait([working])
        await asyncio.to_thread(put, 2)
        second = consumer(owner="me")
        found = set()

        async def handle(batch):
            found.update(changes(batch))
            if set(all_of(2)) <= found:
                second.stop()

        await second.run(handle)
        return second.counters.leases_stolen

    assert asyncio.run(main()) == 0
