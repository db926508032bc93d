from __future__ import annotations

from collections.abc import Sequence

from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams.log import Stored
from tests.destinations import ListDestination, change
from tests.logged_store import LoggedStore, advance, in_store, settle
from tests.unit.consumers.shard_reading import reading


def test_unwanted_records_are_in_no_batch_and_behind_the_position() -> None:
    class EverySecond:
        def wanted(self, shard_id: ShardId, records: Sequence[Stored]) -> Sequence[bool]:
            return [change(stored.entry)[1] % 2 == 0 for stored in records]

    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        destination = ListDestination()
        async with reading(store, table, destination, selection=EverySecond()) as at_work:
            numbers = await store.append_all(table, 5)
            await settle()

            assert destination.numbers() == [numbers[1], numbers[3]]
            assert (await at_work.checkpoint()).position == numbers[4]

    in_store(body)


class Only:
    """Selects the records of these numbers."""

    def __init__(self, numbers: Sequence[SequenceNumber]) -> None:
        self._numbers = set(numbers)

    def wanted(self, shard_id: ShardId, records: Sequence[Stored]) -> Sequence[bool]:
        return [stored.number in self._numbers for stored in records]


def test_unwanted_records_do_not_shorten_the_wait_for_a_full_batch() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        numbers = [await store.append_all(table, 10) for _ in range(5)]
        first_of_each = [ten[0] for ten in numbers]
        destination = ListDestination()
        wanted = Only(first_of_each)
        async with reading(
            store, table, destination, wanted, batch_records_max=4, window_seconds=20
        ):
            await settle()
            full = destination.sizes()
            await advance(store, 20)

        assert full == [4]
        assert destination.sizes() == [4, 1]
        assert destination.numbers() == first_of_each

    in_store(body)
